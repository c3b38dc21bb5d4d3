"""A plotly figure of a face beside its photo, with buttons for surface, light and view."""

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
    landmark_trace,
    mesh_figure,
    orthographic_scene,
    to_plotly_axes,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

WIRE_STEP, POINT_STEP = 4, 3  # texels between wires and between points
VIEW_ZOOM = 1.75  # plotly's scale of the view

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
    thinned out.

    Parameters
    ----------
    face : Face
    height : int
        Of the figure in pixels.
    """
    layout, model = face.layout, ShapeFitter.load(face.layout.size).model
    camera = face.pose.camera

    def posed(points: ArrayLike) -> NDArray[np.float32]:
        """Points of the photo frame in mm, turned as in the photo, around the origin of the face frame."""
        return (camera.unproject(points) @ camera.rotation.T).astype(np.float32)

    surface = layout.map_to_vertices(face.position_map)
    skin = sample_colors(face.image, surface)
    figure = mesh_figure(posed(surface), model.triangles, skin)
    x, y, z = to_plotly_axes(posed(_wires(face)) + LANDMARK_OFFSET / 2)
    hidden = {"visible": False, "hoverinfo": "skip"}
    figure.add_scatter3d(x=x, y=y, z=z, mode="lines", line={"color": "rgb(40,80,140)", "width": 1.5}, **hidden)
    n = layout.size
    texels = np.flatnonzero(layout.mask & (np.add.outer(np.arange(n) % POINT_STEP, np.arange(n) % POINT_STEP) == 0))
    points = face.position_map.reshape(-1, 3)[texels]
    x, y, z = to_plotly_axes(posed(points))
    dots = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in sample_colors(face.image, points).tolist()]
    figure.add_scatter3d(x=x, y=y, z=z, mode="markers", marker={"color": dots, "size": 2.5}, **hidden)
    figure.add_trace(landmark_trace(posed(face.landmarks) + LANDMARK_OFFSET))
    x, y, z = to_plotly_axes(_pose_box() @ camera.rotation.T)
    figure.add_scatter3d(x=x, y=y, z=z, mode="lines", line={"color": "rgb(70,150,255)", "width": 4}, **hidden)
    figure.add_image(source=_data_url(crop_around_face(face, 300)), hoverinfo="skip", name="photo")
    axis = {"visible": False, "fixedrange": True}
    # a fixed extent; otherwise the face would shrink when the pose box appears
    scene = orthographic_scene(_eye(face, None), VIEW_ZOOM) | {"domain": {"x": [0.42, 1], "y": [0.1, 1]}}
    figure.update_layout(
        height=height,
        scene=scene,
        xaxis=axis | {"domain": [0, 0.4]},
        yaxis=axis | {"domain": [0.1, 1], "scaleanchor": "x", "autorange": "reversed"},
        updatemenus=_menus(face, skin),
        plot_bgcolor="white",
    )
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

    packed = {"dtype": "u1", "bdata": base64.b64encode(skin.tobytes()).decode(), "shape": f"{len(skin)}, 3"}
    groups = [
        [
            surface("skin", 0, vertexcolor=[packed, None, None]),
            surface("clay", 0, vertexcolor=[None, None, None], color=[CLAY_COLOR, None, None]),
            surface("wires", 1),
            surface("points", 2),
        ],
        [toggle("landmarks", 3, True), toggle("pose box", 4, False)],
        [
            button(label, "restyle", {"lighting": [light], "lightposition": [place]}, [0])
            for label, (light, place) in LIGHTS.items()
        ],
        [button(label, "relayout", {"scene.camera.eye": _eye(face, direction)}) for label, direction in VIEWS.items()],
    ]
    places = ((0.0, "buttons"), (0.34, "buttons"), (0.6, "dropdown"), (0.8, "dropdown"))
    below = {"y": 0.005, "yanchor": "bottom", "xanchor": "left", "direction": "right", "pad": {"t": 6}}
    return [
        below | {"type": kind, "x": x, "buttons": buttons, "showactive": k != 1}
        | ({"direction": "up"} if kind == "dropdown" else {})
        for k, ((x, kind), buttons) in enumerate(zip(places, groups, strict=True))
    ]  # fmt: skip


def _eye(face: Face, direction: tuple[float, float, float] | None) -> dict[str, float]:
    """Position of plotly's camera in a direction of the face frame; None: the direction of the photo's camera."""
    posed = face.pose.camera.rotation @ np.asarray(direction, float) if direction else np.array([0.0, 0.0, 1.0])
    x, y, z = posed / np.linalg.norm(posed) * 2
    return {"x": float(x), "y": float(-z), "z": float(y)}


def _wires(face: Face) -> NDArray[np.float32]:
    """Rows and columns of the map as lines (n, 3) in the photo frame, separated by NaN."""
    mask, n, lines = face.layout.mask, face.layout.size, []
    for k in range(0, n // 2, WIRE_STEP):
        for rows, columns in ((slice(None), k), (slice(None), n - 1 - k)):
            lines.append((face.position_map[rows, columns], mask[rows, columns]))
    for k in range(0, n, WIRE_STEP):
        lines.append((face.position_map[k], mask[k]))
    gap = np.full((1, 3), np.nan, np.float32)
    thinned = ((points[inside][:: WIRE_STEP - 1], gap) for points, inside in lines if inside.any())
    return np.concatenate([part for pair in thinned for part in pair])


def _pose_box() -> NDArray[np.float64]:
    """The box of :func:`.draw_pose_box` as lines (n, 3) in the face frame, separated by NaN."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]], float)
    back, front = (np.c_[square * half, np.full(5, z)] for half, z in (BOX_BACK, BOX_FRONT))
    gap = np.full((1, 3), np.nan)
    sides = [part for a, b in zip(back[:4], front[:4], strict=True) for part in (gap, a[None], b[None])]
    return np.concatenate([back, gap, front, *sides])


def _data_url(picture: Image) -> str:
    """A picture as a JPEG in a data URL."""
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()
