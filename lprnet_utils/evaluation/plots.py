"""Figures of an evaluation: cumulative error curves, and errors on a face. They need matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..geometry.mesh import vertex_normals
from ..geometry.shading import LAMP
from ..uv.layout import UVLayout

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_ced(ax: Axes, curves: dict[str, dict[str, Any]]) -> None:
    """Draw cumulative error curves.

    Parameters
    ----------
    ax : matplotlib axes
    curves : dict
        Results of :func:`lprnet_utils.evaluation.cumulative_error` by name.
    """
    for name, curve in curves.items():
        label = f"{name}: area {curve['area']:.3f}, failures {100 * curve['failures']:.1f} %"
        ax.step(curve["error"], 100 * np.asarray(curve["share"]), where="post", label=label)
    ax.set(xlabel="NME in %", ylabel="photos with at most this error, %", ylim=(0, 101))
    ax.set_xlim(0, max(curve["error"][-1] for curve in curves.values()))
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right")


def draw_on_face(ax: Axes, values: ArrayLike, label: str, limit: float | None = None) -> None:
    """Draw a value of each landmark or texel on the frontal mean face.

    Parameters
    ----------
    ax : matplotlib axes
    values : (68,) or (N, N) array
    label : str
        Name and unit of the values.
    limit : float, optional
        The value of the strongest colour.
    """
    values = np.asarray(values, float)
    layout = UVLayout(values.shape[0] if values.ndim == 2 else 128)
    texels, triangles = layout.mesh()
    points = layout.mean_map.reshape(-1, 3)[texels]
    x, y, _ = points.T
    colors = {"cmap": "magma_r", "vmin": 0.0, "vmax": limit}
    if values.ndim == 2:
        drawn = ax.tripcolor(x, y, triangles, values.ravel()[texels], shading="gouraud", **colors)
    else:
        facing = vertex_normals(points, triangles) @ LAMP
        ax.tripcolor(x, y, triangles, facing, shading="gouraud", cmap="gray", vmin=-1.5, vmax=1.0)
        marks = layout.landmarks(layout.mean_map)
        drawn = ax.scatter(*marks[:, :2].T, c=values, s=60, edgecolors="0.3", linewidths=0.5, zorder=2, **colors)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.figure.colorbar(drawn, ax=ax, label=label, shrink=0.8)
