"""A plotly figure to explore a face with, beside its photo: skin, clay, wires, points, in any light, from any side."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Image
from ..common.images import sample_colors
from ..reconstruction.draw import BOX_BACK, BOX_FRONT, close_up
from ..reconstruction.expressions import ShapeFitter
from ..reconstruction.face import Face
from .figures import LAMP_POSITION, LIFT, LIGHTING, PLAIN, fixed_scene, landmark_trace, mesh_figure, plotly_axes

if TYPE_CHECKING:
    import plotly.graph_objects as go

WIRE_STEP, POINT_STEP = 4, 3  # every so many texels a wire, and a point
ZOOM = 1.75  # plotly's scale of the view

# from where: right, up, toward the viewer, in the head's frame; None: as the photo's camera
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
FLAT = {"ambient": 1.0, "diffuse": 0.0, "specular": 0.0}
HARD = {"ambient": 0.12, "diffuse": 0.88, "specular": 0.05, "roughness": 0.9}
LIGHTS = {  # how it shines, and from where: see LAMP_POSITION
    "soft light": (LIGHTING, LAMP_POSITION),
    "flat light": (FLAT, LAMP_POSITION),
    "lamp left": (HARD, {"x": -90000, "y": 10000, "z": -180}),
    "lamp right": (HARD, {"x": 90000, "y": 10000, "z": -180}),
    "lamp above": (HARD, {"x": 0, "y": 90000, "z": -120}),
    "lamp below": (HARD, {"x": 0, "y": -90000, "z": -120}),
}


def explorer_figure(face: Face, height: int = 520) -> go.Figure:
    """The photo, and beside it the face in its pose to turn, with buttons: skin, clay, wires, points, light, view.

    Under half a megabyte: the surface is the bundled model's mesh laid onto the map, wires and points are fewer.

    Parameters
    ----------
    face : Face
    height : int
        Pixels.
    """
    layout, model = face.layout, ShapeFitter.load(face.layout.size).model
    camera = face.pose.camera

    def turned(points: ArrayLike) -> NDArray[np.float32]:
        """Pixels of the photo to mm as the camera sees them, around the face frame's origin."""
        return (camera.unproject(points) @ camera.rotation.T).astype(np.float32)

    surface = layout.map_to_vertices(face.position_map)
    skin = sample_colors(face.image, surface)
    figure = mesh_figure(turned(surface), model.triangles, skin)
    x, y, z = plotly_axes(turned(_wires(face)) + LIFT / 2)
    hidden = {"visible": False, "hoverinfo": "skip"}
    figure.add_scatter3d(x=x, y=y, z=z, mode="lines", line={"color": "rgb(40,80,140)", "width": 1.5}, **hidden)
    n = layout.size
    some = np.flatnonzero(layout.mask & (np.add.outer(np.arange(n) % POINT_STEP, np.arange(n) % POINT_STEP) == 0))
    points = face.position_map.reshape(-1, 3)[some]
    x, y, z = plotly_axes(turned(points))
    dots = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in sample_colors(face.image, points).tolist()]
    figure.add_scatter3d(x=x, y=y, z=z, mode="markers", marker={"color": dots, "size": 2.5}, **hidden)
    figure.add_trace(landmark_trace(turned(face.landmarks) + LIFT))
    x, y, z = plotly_axes(_pose_box() @ camera.rotation.T)
    figure.add_scatter3d(x=x, y=y, z=z, mode="lines", line={"color": "rgb(70,150,255)", "width": 4}, **hidden)
    figure.add_image(source=_source(close_up(face, 300)), hoverinfo="skip", name="photo")
    axis = {"visible": False, "fixedrange": True}
    # fixed, or the face would shrink when the box appears
    scene = fixed_scene(_eye(face, None), ZOOM) | {"domain": {"x": [0.42, 1], "y": [0.1, 1]}}
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
    """Buttons under the figure; the traces are 0 surface, 1 wires, 2 points, 3 landmarks, 4 box."""

    def button(label: str, method: str, *args: Any, **more: Any) -> dict[str, Any]:
        return {"label": label, "method": method, "args": list(args), **more}

    def looks(label: str, trace: int, **more: Any) -> dict[str, Any]:
        return button(label, "restyle", {"visible": [k == trace for k in range(3)], **more}, [0, 1, 2])

    def toggled(label: str, trace: int, shown: bool) -> dict[str, Any]:
        on, off = ([{"visible": value}, [trace]] for value in (True, False))
        return button(label, "restyle", *(off if shown else on), args2=on if shown else off)

    packed = {"dtype": "u1", "bdata": base64.b64encode(skin.tobytes()).decode(), "shape": f"{len(skin)}, 3"}
    groups = [
        [
            looks("skin", 0, vertexcolor=[packed, None, None]),
            looks("clay", 0, vertexcolor=[None, None, None], color=[PLAIN, None, None]),
            looks("wires", 1),
            looks("points", 2),
        ],
        [toggled("landmarks", 3, True), toggled("pose box", 4, False)],
        [
            button(label, "restyle", {"lighting": [light], "lightposition": [place]}, [0])
            for label, (light, place) in LIGHTS.items()
        ],
        [button(label, "relayout", {"scene.camera.eye": _eye(face, side)}) for label, side in VIEWS.items()],
    ]
    places = ((0.0, "buttons"), (0.34, "buttons"), (0.6, "dropdown"), (0.8, "dropdown"))
    below = {"y": 0.005, "yanchor": "bottom", "xanchor": "left", "direction": "right", "pad": {"t": 6}}
    return [
        below | {"type": kind, "x": x, "buttons": buttons, "showactive": k != 1}
        | ({"direction": "up"} if kind == "dropdown" else {})
        for k, ((x, kind), buttons) in enumerate(zip(places, groups, strict=True))
    ]  # fmt: skip


def _eye(face: Face, side: tuple[float, float, float] | None) -> dict[str, float]:
    """Where plotly's camera is for a direction of the head's frame; None: the photo's camera."""
    direction = np.array([0.0, 0.0, 1.0]) if side is None else face.pose.camera.rotation @ np.asarray(side, float)
    x, y, z = direction / np.linalg.norm(direction) * 2
    return {"x": float(x), "y": float(-z), "z": float(y)}


def _wires(face: Face) -> NDArray[np.float32]:
    """Rows and columns of the map as lines (n, 3) in pixels of the photo, with NaN between them."""
    mask, n, lines = face.layout.mask, face.layout.size, []
    for k in range(0, n // 2, WIRE_STEP):
        for rows, columns in ((slice(None), k), (slice(None), n - 1 - k)):
            lines.append((face.position_map[rows, columns], mask[rows, columns]))
    for k in range(0, n, WIRE_STEP):
        lines.append((face.position_map[k], mask[k]))
    gap = np.full((1, 3), np.nan, np.float32)
    thin = ((points[inside][:: WIRE_STEP - 1], gap) for points, inside in lines if inside.any())
    return np.concatenate([part for pair in thin for part in pair])


def _pose_box() -> NDArray[np.float64]:
    """The box of :func:`lprnet_utils.reconstruction.draw_pose_box` as one line (n, 3) in mm of the head's frame."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]], float)
    back, front = (np.c_[square * half, np.full(5, z)] for half, z in (BOX_BACK, BOX_FRONT))
    gap = np.full((1, 3), np.nan)
    sides = [part for a, b in zip(back[:4], front[:4], strict=True) for part in (gap, a[None], b[None])]
    return np.concatenate([back, gap, front, *sides])


def _source(picture: Image) -> str:
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()
