"""Figures for notebooks: faces in 3D with plotly, to turn with the mouse, and pictures of matplotlib figures."""

from __future__ import annotations

import io
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
    from matplotlib.figure import Figure

CLAY_COLOR = f"rgb{CLAY}"
LANDMARK_OFFSET = np.array([0.0, 0.0, 1.0])  # mm: landmarks are drawn in front of the skin, which would hide them
RAY_LENGTH, RAY_COLOR = 70.0, "rgb(230,80,20)"  # mm, of the rays of gaze
SCENE_HALF_WIDTH = 125.0  # mm from the middle to each side of the orthographic scene
PAGE_DPI = 100  # pixels of the page for each inch of a figure
LIGHTING = {"ambient": 0.55, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9}  # of plotly's mesh

# plotly's lamp moves with its camera: x right, y up, z away from the viewer; z has several hundred times the weight
LAMP_POSITION = {"x": -35000, "y": 45000, "z": -200}


def face_figure(face: Face, colors: bool = True, landmarks: bool = True) -> go.Figure:
    """The frontal face as a plotly figure in the face frame, with the colours of the photo or of clay.

    It reads every second texel in each direction, so it stays under half a megabyte.

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
        add_landmarks(figure, landmarks)
    hidden, camera = {"visible": False}, {"eye": {"x": 0.5, "y": -1.6, "z": 0.25}}
    scene = {"aspectmode": "data", "xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "camera": camera}
    figure.update_layout(scene=scene, margin={"l": 0, "r": 0, "t": 0, "b": 0}, height=480, showlegend=False)
    return figure


def add_points(figure: go.Figure, points: ArrayLike, mode: str, **style: Any) -> None:
    """Add points (n, 3) of the face frame as ``markers`` or ``lines``."""
    x, y, z = to_plotly_axes(points)
    figure.add_scatter3d(x=x, y=y, z=z, mode=mode, **style)


def add_landmarks(figure: go.Figure, landmarks: ArrayLike) -> None:
    """Add the landmarks (68, 3) in the face frame as dots with their numbers."""
    marker, text = {"size": 2.5, "color": "rgb(20,160,60)"}, [f"point {n}" for n in range(68)]
    add_points(figure, landmarks, "markers", marker=marker, name="68 landmarks", text=text, hoverinfo="text")


def add_gaze(figure: go.Figure, face: Face) -> None:
    """Add rays from the irises of a frontal face to where its eyes look; none for an eye that is not seen."""
    start = face.layout.pupils(face.position_map).astype(float)  # their depth; the irises are seen in the picture
    start[:, :2] = face.irises[:, :2]
    start = face.pose.camera.unproject(start)
    for name, eye, direction in zip(("right eye", "left eye"), start, face.gaze, strict=True):
        if np.isfinite(direction).all():
            ray = np.stack([eye, eye + RAY_LENGTH * direction])
            add_points(
                figure, ray, "lines", line={"color": RAY_COLOR, "width": 6}, name=f"gaze, {name}", hoverinfo="name"
            )


def to_plotly_axes(points: ArrayLike) -> NDArray[np.float32]:
    """Points (n, 3) of the face frame in plotly's axes (3, n), z up, y away from the viewer; rounded to 0.1 mm."""
    x, y, z = np.asarray(points, np.float32).round(1).T
    return np.stack([x, -z, y])


def orthographic_scene(eye: dict[str, float], zoom: float) -> dict[str, Any]:
    """An orthographic plotly scene whose extent stays fixed while the face moves. ``zoom`` is plotly's scale."""
    axis = {"visible": False, "range": [-SCENE_HALF_WIDTH, SCENE_HALF_WIDTH], "autorange": False}
    camera, size = {"eye": eye, "projection": {"type": "orthographic"}}, {"x": zoom, "y": zoom, "z": zoom}
    axes = {"xaxis": axis, "yaxis": axis, "zaxis": axis}
    return axes | {"camera": camera, "aspectmode": "manual", "aspectratio": size}


def decimated(face: Face, step: int = 2) -> tuple[NDArray[np.float32], NDArray[np.int32], Image]:
    """The frontal mesh of every ``step``-th texel in each direction, with the membrane that closes eyes and mouth.

    Returns vertices (n, 3) in the face frame, rounded to 0.1 mm, triangles (m, 3) and colours (n, 3) uint8.
    """
    texels, triangles = texel_grid(face.layout, step)
    points = face.position_map.reshape(-1, 3)[texels]
    vertices = face.pose.camera.unproject(points).round(1).astype(np.float32)
    return vertices, triangles, sample_colors(face.image, points)


def texel_grid(layout: UVLayout, step: int = 2) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Every ``step``-th texel of the face in each direction, and the triangles that join them.

    Returns indices (n,) into the N*N texels of the map, and triangles (m, 3) of indices into these.
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


def show(fig: Figure, alt: str, photo: bool = False) -> None:
    """Display a matplotlib figure as a small picture with a description ``alt`` for screen readers, and close it.

    It is stored as JPEG for a ``photo``, otherwise as PNG with 256 colours, for drawings. It has two pixels for each
    that it is wide on the page, so that it stays sharp on dense screens and when a reader enlarges it.
    """
    import matplotlib.pyplot as plt
    import PIL.Image
    from IPython.display import display

    drawn, file = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, dpi=2 * PAGE_DPI)
    plt.close(fig)
    picture = PIL.Image.open(drawn).convert("RGB")
    if photo:
        picture.save(file, "jpeg", quality=80, optimize=True)
    else:
        # the method that keeps the few brightest pixels of a map too
        colors = picture.quantize(256, PIL.Image.Quantize.MAXCOVERAGE, dither=PIL.Image.Dither.NONE)
        colors.save(file, "png", optimize=True)
    kind = "image/jpeg" if photo else "image/png"
    # IPython.display.Image has no ``alt`` before IPython 8.1, and Colab has 7.34
    data = {kind: file.getvalue(), "text/plain": alt}
    size = {"width": picture.width // 2, "height": picture.height // 2}
    display(data, metadata={kind: {"alt": alt, **size}}, raw=True)
