"""Figures for notebooks: faces in 3D with plotly, to turn with the mouse, and pictures of matplotlib figures."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Image
from ..common.images import sample_colors
from ..geometry.shading import CLAY
from ..reconstruction.draw import BOX_BACK, BOX_FRONT, crop_around_face
from ..reconstruction.expressions import ShapeFitter
from ..reconstruction.face import Face
from ..uv.layout import UVLayout

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure

CLAY_COLOR = f"rgb{CLAY}"
LANDMARK_OFFSET = np.array([0.0, 0.0, 1.0])  # mm: landmarks are drawn in front of the skin, which would hide them
SCENE_HALF_WIDTH = 125.0  # mm from the middle to each side of the orthographic scene
LIGHTING = {"ambient": 0.55, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9}  # of plotly's mesh

# plotly's lamp moves with its camera: x right, y up, z away from the viewer; z has several hundred times the weight
LAMP_POSITION = {"x": -35000, "y": 45000, "z": -200}

WIRE_STEP, POINT_STEP = 4, 3  # texels between wires and between points

# direction toward plotly's camera in the face frame; None: the direction of the photo's camera
VIEWS = {
    "as the photo": None,
    "from the front": (0, 0, 1),
    "half left": (-0.9, 0.1, 0.7),
    "half right": (0.9, 0.1, 0.7),
    "profile": (1, 0, 0.02),
    "from above": (0, 0.8, 0.6),
    "from below": (0, -0.8, 0.6),
    "from inside": (0.15, 0.1, -1),
}
FLAT_LIGHTING = {"ambient": 1.0, "diffuse": 0.0, "specular": 0.0}
HARD_LIGHTING = {"ambient": 0.12, "diffuse": 0.88, "specular": 0.05, "roughness": 0.9}
LIGHTS = {  # plotly's lighting, and the position of the lamp, see LAMP_POSITION
    "soft light": (LIGHTING, LAMP_POSITION),
    "flat light": (FLAT_LIGHTING, LAMP_POSITION),
    "lamp left": (HARD_LIGHTING, {"x": -90000, "y": 10000, "z": -180}),
    "lamp right": (HARD_LIGHTING, {"x": 90000, "y": 10000, "z": -180}),
    "lamp above": (HARD_LIGHTING, {"x": 0, "y": 90000, "z": -120}),
    "lamp below": (HARD_LIGHTING, {"x": 0, "y": -90000, "z": -120}),
}


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
        _add_landmarks(figure, landmarks)
    hidden, camera = {"visible": False}, {"eye": {"x": 0.5, "y": -1.6, "z": 0.25}}
    scene = {"aspectmode": "data", "xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "camera": camera}
    figure.update_layout(scene=scene, margin={"l": 0, "r": 0, "t": 0, "b": 0}, height=480, showlegend=False)
    return figure


def _add_points(figure: go.Figure, points: ArrayLike, mode: str, **style: Any) -> None:
    """Add points (n, 3) of the face frame as ``markers`` or ``lines``."""
    x, y, z = to_plotly_axes(points)
    figure.add_scatter3d(x=x, y=y, z=z, mode=mode, **style)


def _add_landmarks(figure: go.Figure, landmarks: ArrayLike) -> None:
    """Add the landmarks (68, 3) in the face frame as dots with their numbers."""
    marker, text = {"size": 2.5, "color": "rgb(20,160,60)"}, [f"point {n}" for n in range(68)]
    _add_points(figure, landmarks, "markers", marker=marker, name="68 landmarks", text=text, hoverinfo="text")


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


def explorer_figure(face: Face, height: int = 520) -> go.Figure:
    """The photo and the face in its pose as a 3D figure, with buttons for skin, clay, wires, points, light and view.

    The figure stays under half a megabyte: the surface has the bundled model's vertices, and wires and points are
    thinned out. ``height`` is in pixels.
    """
    layout, camera = face.layout, face.pose.camera

    def posed(points: ArrayLike) -> NDArray[np.float32]:
        """Points of the photo frame in mm, turned as in the photo, around the origin of the face frame."""
        return (camera.unproject(points) @ camera.rotation.T).astype(np.float32)

    surface = layout.map_to_vertices(face.position_map)
    skin = sample_colors(face.image, surface)
    figure = mesh_figure(posed(surface), ShapeFitter.load(layout.size).model.triangles, skin)
    hidden = {"visible": False, "hoverinfo": "skip"}
    wires = posed(_wires(face)) + LANDMARK_OFFSET / 2
    _add_points(figure, wires, "lines", line={"color": "rgb(40,80,140)", "width": 1.5}, **hidden)
    thinned = np.s_[::POINT_STEP, ::POINT_STEP]
    points = face.position_map[thinned][layout.mask[thinned]]
    dots = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in sample_colors(face.image, points).tolist()]
    _add_points(figure, posed(points), "markers", marker={"color": dots, "size": 2.5}, **hidden)
    _add_landmarks(figure, posed(face.landmarks) + LANDMARK_OFFSET)
    box = _pose_box() @ camera.rotation.T
    _add_points(figure, box, "lines", line={"color": "rgb(70,150,255)", "width": 4}, **hidden)
    photo = cv2.imencode(".jpg", crop_around_face(face, 300)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
    url = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
    figure.add_image(source=url, hoverinfo="skip", name="photo")
    axis = {"visible": False, "fixedrange": True}
    # a fixed extent; otherwise the face would shrink when the pose box appears
    scene = orthographic_scene(_eye(face, None), 1.75) | {"domain": {"x": [0.42, 1], "y": [0.1, 1]}}
    x, y = axis | {"domain": [0, 0.4]}, axis | {"domain": [0.1, 1], "scaleanchor": "x", "autorange": "reversed"}
    menus = _menus(face, skin)
    figure.update_layout(height=height, scene=scene, xaxis=x, yaxis=y, updatemenus=menus, plot_bgcolor="white")
    return figure


def _menus(face: Face, skin: Image) -> list[dict[str, Any]]:
    """Buttons under the figure; its traces are 0 surface, 1 wires, 2 points, 3 landmarks, 4 pose box."""

    def button(label: str, method: str, *args: Any, **more: Any) -> dict[str, Any]:
        return {"label": label, "method": method, "args": list(args), **more}

    def surface(label: str, trace: int, **more: Any) -> dict[str, Any]:
        return button(label, "restyle", {"visible": [k == trace for k in range(3)], **more}, [0, 1, 2])

    def toggle(label: str, trace: int, shown: bool) -> dict[str, Any]:
        on, off = ([{"visible": value}, [trace]] for value in (True, False))
        return button(label, "restyle", *(off if shown else on), args2=on if shown else off)

    def menu(x: float, buttons: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        place = {"x": x, "y": 0.005, "yanchor": "bottom", "xanchor": "left", "pad": {"t": 6}}
        return place | {"type": "buttons", "direction": "right", "showactive": True, "buttons": buttons, **more}

    packed = {"dtype": "u1", "bdata": base64.b64encode(skin.tobytes()).decode(), "shape": f"{len(skin)}, 3"}
    surfaces = [
        surface("skin", 0, vertexcolor=[packed, None, None]),
        surface("clay", 0, vertexcolor=[None, None, None], color=[CLAY_COLOR, None, None]),
        surface("wires", 1),
        surface("points", 2),
    ]
    lights = [
        button(label, "restyle", {"lighting": [light], "lightposition": [place]}, [0])
        for label, (light, place) in LIGHTS.items()
    ]
    views = [button(label, "relayout", {"scene.camera.eye": _eye(face, way)}) for label, way in VIEWS.items()]
    dropdown = {"type": "dropdown", "direction": "up"}
    toggles = [toggle("landmarks", 3, True), toggle("pose box", 4, False)]
    return [
        menu(0.0, surfaces),
        menu(0.34, toggles, showactive=False),
        menu(0.6, lights, **dropdown),
        menu(0.8, views, **dropdown),
    ]


def _eye(face: Face, direction: tuple[float, float, float] | None) -> dict[str, float]:
    """Position of plotly's camera in a direction of the face frame; None: the direction of the photo's camera."""
    posed = face.pose.camera.rotation @ np.asarray(direction, float) if direction else np.array([0.0, 0.0, 1.0])
    x, y, z = posed / np.linalg.norm(posed) * 2
    return {"x": float(x), "y": float(-z), "z": float(y)}


def _wires(face: Face) -> NDArray[np.float32]:
    """Columns and rows of the map as lines (n, 3) in the photo frame, separated by NaN."""
    n, every, gap = face.layout.size, slice(None), np.full((1, 3), np.nan, np.float32)
    places, lines = [], []
    for k in range(0, n // 2, WIRE_STEP):
        places += [(every, k), (every, n - 1 - k)]
    places += [(k, every) for k in range(0, n, WIRE_STEP)]
    for place in places:
        line = face.position_map[place][face.layout.mask[place]][:: WIRE_STEP - 1]
        if len(line):
            lines += [line, gap]
    return np.concatenate(lines)


def _pose_box() -> NDArray[np.float64]:
    """The box of :func:`.draw_pose_box` as lines (n, 3) in the face frame, separated by NaN."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]], float)
    back, front = (np.c_[square * half, np.full(5, z)] for half, z in (BOX_BACK, BOX_FRONT))
    gap = np.full((1, 3), np.nan)
    sides = [part for a, b in zip(back[:4], front[:4], strict=True) for part in (gap, a[None], b[None])]
    return np.concatenate([back, gap, front, *sides])


def show(fig: Figure, alt: str, photo: bool = False) -> None:
    """Display a matplotlib figure as a small picture with a description ``alt`` for screen readers, and close it.

    It is stored as JPEG for a ``photo``, otherwise as PNG with 256 colours, for drawings.
    """
    import matplotlib.pyplot as plt
    import PIL.Image
    from IPython.display import display

    drawn, file = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, dpi=100)
    plt.close(fig)
    picture = PIL.Image.open(drawn).convert("RGB")
    if photo:
        picture.save(file, "jpeg", quality=88)
    else:
        picture.quantize(256, dither=0).save(file, "png", optimize=True)
    kind = "image/jpeg" if photo else "image/png"
    # IPython.display.Image has no ``alt`` before IPython 8.1, and Colab has 7.34
    data = {kind: file.getvalue(), "text/plain": alt}
    display(data, metadata={kind: {"alt": alt}}, raw=True)
