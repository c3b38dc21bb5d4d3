"""Pictures of faces: landmarks, mesh and pose on the photo, shaded renderings, and a 3D figure that can be turned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Image
from ..common.images import sample_colors
from ..geometry.shading import CLAY
from ..reconstruction.face import Face
from ..uv.layout import UVLayout

if TYPE_CHECKING:
    import plotly.graph_objects as go

PLAIN = f"rgb{CLAY}"
LIFT = np.array([0.0, 0.0, 1.0])  # mm that landmarks are drawn before the skin, or it would swallow them
REACH = 125.0  # mm to each side that a scene of fixed extent holds
LIGHTING = {"ambient": 0.55, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9}  # of plotly's mesh

# plotly's lamps go along with its camera: right, up, away from the viewer; z counts several hundred times as much
LAMP_POSITION = {"x": -35000, "y": 45000, "z": -200}


def face_figure(face: Face, colors: bool = True, landmarks: bool = True) -> go.Figure:
    """The face in plotly, to turn with the mouse: mm of the face frame, frontal, the photo's colour at each vertex.

    Every second texel in each direction is enough for a figure, which stays under half a megabyte.
    """
    vertices, triangles, seen = decimated(face)
    points = face.pose.camera.unproject(face.landmarks) + LIFT if landmarks else None
    return mesh_figure(vertices, triangles, seen if colors else None, points)


def mesh_figure(
    vertices: ArrayLike, triangles: NDArray[np.int32], colors: Image | None = None, landmarks: ArrayLike | None = None
) -> go.Figure:
    """A mesh (n, 3), (m, 3) in mm of the face frame as a plotly figure, with colours (n, 3) and landmarks (68, 3)."""
    import plotly.graph_objects as go

    x, y, z = plotly_axes(vertices)
    i, j, k = np.asarray(triangles).T.astype(np.min_scalar_type(len(x)))  # half the size
    look = {"color": PLAIN} if colors is None else {"vertexcolor": colors}
    light = {"lighting": LIGHTING, "lightposition": LAMP_POSITION}
    figure = go.Figure(go.Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, name="face", hoverinfo="skip", **light, **look))
    if landmarks is not None:
        figure.add_trace(landmark_trace(landmarks))
    figure.update_layout(
        scene=scene_layout(), margin={"l": 0, "r": 0, "t": 0, "b": 0}, height=480, showlegend=False
    )  # fmt: skip
    return figure


def landmark_trace(landmarks: ArrayLike) -> go.Scatter3d:
    """The landmarks (68, 3), mm of the face frame, as dots with their numbers."""
    import plotly.graph_objects as go

    x, y, z = plotly_axes(landmarks)
    return go.Scatter3d(
        x=x,
        y=y,
        z=z,
        mode="markers",
        marker={"size": 2.5, "color": "rgb(20,160,60)"},
        name="68 landmarks",
        text=[f"point {n}" for n in range(68)],
        hoverinfo="text",
    )


def plotly_axes(points: ArrayLike) -> NDArray[np.float32]:
    """Points (n, 3) of the face frame as plotly's (3, n), tenths of mm: it has z up and looks along y."""
    x, y, z = np.asarray(points, np.float32).round(1).T
    return np.stack([x, -z, y])


def scene_layout(eye: tuple[float, float, float] = (0.5, -1.6, 0.25)) -> dict[str, Any]:
    """A scene without axes around a face, seen from ``eye``."""
    hidden = {"visible": False}
    camera = {"eye": dict(zip("xyz", eye, strict=True))}
    return {"aspectmode": "data", "xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "camera": camera}


def fixed_scene(eye: dict[str, float], zoom: float) -> dict[str, Any]:
    """A scene that stays as it is while the face in it moves; orthographic, as faces are made. ``zoom`` is plotly's."""
    axis = {"visible": False, "range": [-REACH, REACH], "autorange": False}
    return {
        **dict.fromkeys(("xaxis", "yaxis", "zaxis"), axis),
        "camera": {"eye": eye, "projection": {"type": "orthographic"}},
        "aspectmode": "manual",
        "aspectratio": dict.fromkeys("xyz", zoom),
    }


def decimated(face: Face, step: int = 2) -> tuple[NDArray[np.float32], NDArray[np.int32], Image]:
    """The frontalised mesh at every ``step``-th texel, membrane included: vertices in mm, triangles, their colours."""
    texels, triangles = texel_grid(face.layout, step)
    points = face.position_map.reshape(-1, 3)[texels]
    vertices = face.pose.camera.unproject(points).round(1).astype(np.float32)
    return vertices, triangles, sample_colors(face.image, points)


def texel_grid(layout: UVLayout, step: int = 2) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Every ``step``-th texel of the face in each direction, (n,) of N*N, and the triangles (m, 3) that join them."""
    n = layout.size
    number = np.where(layout.mask, np.arange(n * n).reshape(n, n), -1)
    columns = np.r_[0 : n // 2 : step, n - 1 - np.r_[0 : n // 2 : step][::-1]]  # symmetric about the middle
    grid = number[::step][:, columns]
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    triangles = triangles[(triangles >= 0).all(1)]
    chosen, triangles = np.unique(triangles, return_inverse=True)
    return chosen, triangles.reshape(-1, 3).astype(np.int32)
