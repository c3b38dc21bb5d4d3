"""Reports of an evaluation, printed, written and drawn: cumulative error curves, and errors on a face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..common.extras import install_name
from ..common.files import atomic_write, make_folder, write_json
from ..geometry.mesh import vertex_normals
from ..geometry.shading import LAMP
from ..uv.layout import UVLayout
from .protocols import ERROR_NAMES, MAX_POSE_DEGREES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_ced(ax: Axes, curves: dict[str, dict[str, Any]]) -> None:
    """Draw results of :func:`lprnet_utils.evaluation.cumulative_error`, by name, as curves into matplotlib axes."""
    for name, curve in curves.items():
        label = f"{name}: area {curve['area']:.3f}, failures {100 * curve['failures']:.1f} %"
        ax.step(curve["error"], 100 * np.asarray(curve["share"]), where="post", label=label)
    ax.set(xlabel="NME in %", ylabel="photos with at most this error, %", ylim=(0, 101))
    ax.set_xlim(0, max(curve["error"][-1] for curve in curves.values()))
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right")


def draw_on_face(ax: Axes, values: ArrayLike, label: str, limit: float | None = None) -> None:
    """Draw a value of each landmark (68,) or texel (N, N) on the frontal mean face, into matplotlib axes.

    The label gives name and unit of the values; the limit is the value of the strongest colour.
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


def write_report(report: dict[str, Any], folder: Path) -> str:
    """Write a report as JSON, and its figures if matplotlib is installed. Returns a note on the figures to print."""
    make_folder(folder)
    write_json(report, folder / "report.json")
    if "ced" not in report:
        return ""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return f" (no figures: they need matplotlib, pip install {install_name('matplotlib')})"
    figure = Figure((11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_ced(left, {"2D NME": report["ced"] | {k: report[k] for k in ("area", "failures")}})
    draw_on_face(right, report["landmarks"], "mean error of each landmark, % of the box")
    with atomic_write(folder / "report.png") as part:
        figure.savefig(part, dpi=100)
    return ", report.png"


def print_synthetic(title: str, report: dict[str, Any]) -> None:
    """Print a report of :func:`lprnet_utils.evaluation.protocols.evaluate_synthetic`."""
    print(title)
    columns = list(report["mm"])
    print(f"{'':18s}" + "".join(f"{c:>18s}" for c in columns))
    for name in ERROR_NAMES:
        print(f"  {name:16s}" + "".join(f"{report[name][c]:18.2f}" for c in columns))
    print("the mean face in the true pose, for comparison")
    for name in ERROR_NAMES:
        print(f"  mean {name:11s}" + "".join(f"{report['mean face'][name][c]:18.2f}" for c in columns))
    rough = report["roughness"]
    print(f"roughness {rough['prediction']:.2f} degrees, of the truth {rough['truth']:.2f}")
    print(f"normals are off by {report['normals']:.1f} degrees")
    if known := report.get("identity"):
        print(f"who it is, {known['photos']} photos: {known['map']:.2f} mm after alignment, nobody's face "
              f"{known['nobody']:.2f} mm; correlation of the identity {known['correlation']:.2f}")  # fmt: skip
    print(f"{'':18s}{'photos':>18s}{'mm':>18s}{'nme':>18s}")
    for kind, row in report["people"].items():
        print(f"  {kind:16s}{row['photos']:18d}{row['mm']:18.2f}{row['nme']:18.2f}")


def print_evaluation(report: dict[str, Any]) -> None:
    """Print a report of :func:`lprnet_utils.evaluation.evaluate_aflw2000`."""
    print("2D NME, 68 landmarks, % of sqrt(width x height) of the true landmarks' box")
    for name, value in report["nme"].items():
        print(f"  {name:18s}{value:8.3f}")
    low, high = report["interval"]
    print(f"mean of bins on other photos of this kind: {low:.2f} to {high:.2f} (95 %, bootstrap)")
    if report["missed"]:
        print(f"with {report['missed']} missed at 100 %: mean of bins {report['nme over all']['mean of bins']:.3f}")
    print(f"CED to 10 %: area {report['area']:.4f}, failures {100 * report['failures']:.2f} %")
    for name in (n for n in ("nme 3D, mean z", "nme 3D, minimum z") if n in report):
        bins, photos = report[name]["mean of bins"], report[name]["mean over photos"]
        print(f"{name}: mean of bins {bins:.3f}, over photos {photos:.3f}")
    if "pose" in report and not report["pose"]["photos"]:
        print(f"pose: not measured, since every head is turned by more than {MAX_POSE_DEGREES:.0f} degrees")
    elif "pose" in report:
        angles = ", ".join(f"{name} {value:.2f}" for name, value in report["pose"].items() if name != "photos")
        print(f"pose, degrees (photos: {report['pose']['photos']}): {angles}")
    if "nme by readout" in report:
        print(
            "the same, of points that a readout learned from the labels of training photos: it knows where the labels"
        )
        print("have their points; do not compare with figures of methods that are not read so")
        for name, value in report["nme by readout"].items():
            print(f"  {name:18s}{value:8.3f}")
        low, high = report["interval by readout"]
        print(f"mean of bins on other photos of this kind: {low:.2f} to {high:.2f} (95 %, bootstrap)")
    if "flip" in report:
        print(f"photo against its mirror image: {report['flip']:.3f} %")
