"""The explorer: a photo and its 3D face side by side, with buttons for surface, light and view."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Image
from ..common.images import sample_colors
from ..reconstruction.draw import BOX_BACK, BOX_FRONT, crop_around_face
from ..reconstruction.expressions import ShapeFitter
from ..reconstruction.face import Face
from .figures import (
    CLAY_COLOR,
    LAMP_POSITION,
    LANDMARK_OFFSET,
    LIGHTING,
    add_landmarks,
    add_points,
    mesh_figure,
    orthographic_scene,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

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
    add_points(figure, wires, "lines", line={"color": "rgb(40,80,140)", "width": 1.5}, **hidden)
    thinned = np.s_[::POINT_STEP, ::POINT_STEP]
    points = face.position_map[thinned][layout.mask[thinned]]
    dots = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in sample_colors(face.image, points).tolist()]
    add_points(figure, posed(points), "markers", marker={"color": dots, "size": 2.5}, **hidden)
    add_landmarks(figure, posed(face.landmarks) + LANDMARK_OFFSET)
    box = _pose_box() @ camera.rotation.T
    add_points(figure, box, "lines", line={"color": "rgb(70,150,255)", "width": 4}, **hidden)
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
    """The box of :func:`lprnet_utils.reconstruction.draw_pose_box` as lines (n, 3) in the face frame, NaN between."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]], float)
    back, front = (np.c_[square * half, np.full(5, z)] for half, z in (BOX_BACK, BOX_FRONT))
    gap = np.full((1, 3), np.nan)
    sides = [part for a, b in zip(back[:4], front[:4], strict=True) for part in (gap, a[None], b[None])]
    return np.concatenate([back, gap, front, *sides])
