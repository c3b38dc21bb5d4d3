"""Interactive 3D figures of faces with plotly."""

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

CLAY_COLOR = f"rgb{CLAY}"
LANDMARK_OFFSET = np.array([0.0, 0.0, 1.0])  # mm: landmarks are drawn in front of the skin, which would hide them
SCENE_HALF_WIDTH = 125.0  # mm from the middle to each side of the orthographic scene
LIGHTING = {"ambient": 0.55, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9}  # of plotly's mesh

# plotly's lamp moves with its camera: x right, y up, z away from the viewer; z has several hundred times the weight
LAMP_POSITION = {"x": -35000, "y": 45000, "z": -200}


def face_figure(face: Face, colors: bool = True, landmarks: bool = True) -> go.Figure:
    """The frontal face as a plotly figure in the face frame, to turn with the mouse.

    It reads every second texel in each direction, so it stays under half a megabyte.

    Parameters
    ----------
    face : Face
    colors : bool
        Show the photo's colour at each vertex, otherwise clay.
    landmarks : bool
        Show the 68 landmarks.

    Examples
    --------
    >>> from lprnet_utils import LPRNet
    >>> from lprnet_utils.common import data_path
    >>> (face,) = LPRNet().reconstruct(data_path("samples/astronaut.jpg"))
    >>> [trace.name for trace in face_figure(face).data]
    ['face', '68 landmarks']
    """
    vertices, triangles, vertex_colors = decimated(face)
    points = face.pose.camera.unproject(face.landmarks) + LANDMARK_OFFSET if landmarks else None
    return mesh_figure(vertices, triangles, vertex_colors if colors else None, points)


def mesh_figure(
    vertices: ArrayLike, triangles: NDArray[np.int32], colors: Image | None = None, landmarks: ArrayLike | None = None
) -> go.Figure:
    """A mesh (n, 3), (m, 3) in the face frame as a plotly figure, with colours (n, 3) and landmarks (68, 3)."""
    import plotly.graph_objects as go

    x, y, z = to_plotly_axes(vertices)
    i, j, k = np.asarray(triangles).T.astype(np.min_scalar_type(len(x)))  # small files
    surface = {"color": CLAY_COLOR} if colors is None else {"vertexcolor": colors}
    light = {"lighting": LIGHTING, "lightposition": LAMP_POSITION}
    figure = go.Figure(go.Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, name="face", hoverinfo="skip", **light, **surface))
    if landmarks is not None:
        figure.add_trace(landmark_trace(landmarks))
    figure.update_layout(
        scene=scene_layout(), margin={"l": 0, "r": 0, "t": 0, "b": 0}, height=480, showlegend=False
    )  # fmt: skip
    return figure


def landmark_trace(landmarks: ArrayLike) -> go.Scatter3d:
    """The landmarks (68, 3) in the face frame as dots with their numbers."""
    import plotly.graph_objects as go

    x, y, z = to_plotly_axes(landmarks)
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


def to_plotly_axes(points: ArrayLike) -> NDArray[np.float32]:
    """Points (n, 3) of the face frame in plotly's axes (3, n), z up, y away from the viewer; rounded to 0.1 mm."""
    x, y, z = np.asarray(points, np.float32).round(1).T
    return np.stack([x, -z, y])


def scene_layout(eye: tuple[float, float, float] = (0.5, -1.6, 0.25)) -> dict[str, Any]:
    """A plotly scene without axes, seen from ``eye``."""
    hidden = {"visible": False}
    camera = {"eye": dict(zip("xyz", eye, strict=True))}
    return {"aspectmode": "data", "xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "camera": camera}


def orthographic_scene(eye: dict[str, float], zoom: float) -> dict[str, Any]:
    """An orthographic plotly scene whose extent stays fixed while the face moves. ``zoom`` is plotly's scale."""
    axis = {"visible": False, "range": [-SCENE_HALF_WIDTH, SCENE_HALF_WIDTH], "autorange": False}
    return {
        **dict.fromkeys(("xaxis", "yaxis", "zaxis"), axis),
        "camera": {"eye": eye, "projection": {"type": "orthographic"}},
        "aspectmode": "manual",
        "aspectratio": dict.fromkeys("xyz", zoom),
    }


def decimated(face: Face, step: int = 2) -> tuple[NDArray[np.float32], NDArray[np.int32], Image]:
    """The frontal mesh of every ``step``-th texel in each direction, with the membrane that closes eyes and mouth.

    Returns
    -------
    vertices : (n, 3) float32
        In the face frame, rounded to 0.1 mm.
    triangles : (m, 3) int32
    colors : (n, 3) uint8
    """
    texels, triangles = texel_grid(face.layout, step)
    points = face.position_map.reshape(-1, 3)[texels]
    vertices = face.pose.camera.unproject(points).round(1).astype(np.float32)
    return vertices, triangles, sample_colors(face.image, points)


def texel_grid(layout: UVLayout, step: int = 2) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Every ``step``-th texel of the face in each direction, and the triangles that join them.

    Returns
    -------
    texels : (n,) int
        Indices into the N*N texels of the map.
    triangles : (m, 3) int32
    """
    n = layout.size
    number = np.where(layout.mask, np.arange(n * n).reshape(n, n), -1)
    columns = np.r_[0 : n // 2 : step, n - 1 - np.r_[0 : n // 2 : step][::-1]]  # symmetric about the middle
    grid = number[::step][:, columns]
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    triangles = triangles[(triangles >= 0).all(1)]
    chosen, triangles = np.unique(triangles, return_inverse=True)
    return chosen, triangles.reshape(-1, 3).astype(np.int32)
