"""Pictures of faces: landmarks, mesh and pose on the photo, shaded renderings, and a 3D figure that can be turned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .face import Face
from .geometry import rotation_matrix, vertex_normals
from .images import Image, sample_colors
from .texture import texel_normals
from .uv import UVLayout

if TYPE_CHECKING:
    import plotly.graph_objects as go

# iBUG points that a drawing joins: (first, last, closed)
LINES = {
    "jaw": (0, 16, False),
    "right brow": (17, 21, False),
    "left brow": (22, 26, False),
    "nose bridge": (27, 30, False),
    "nose": (31, 35, False),
    "right eye": (36, 41, True),
    "left eye": (42, 47, True),
    "outer lips": (48, 59, True),
    "inner lips": (60, 67, True),
}

RENDERED = 210.0  # mm across a rendered picture: a face is about 180 mm high
LAMP = np.array([-0.35, 0.45, 0.82])  # toward the light of a rendering
CLAY = "rgb(205,205,205)"
LIFT = np.array([0.0, 0.0, 1.0])  # mm that landmarks are drawn before the skin, or it would swallow them
REACH = 125.0  # mm to each side that a scene of fixed extent holds
LIGHTING = {"ambient": 0.55, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9}  # of plotly's mesh
# plotly's lamps go along with its camera: right, up, away from the viewer; z counts several hundred times as much
LAMP_POSITION = {"x": -35000, "y": 45000, "z": -200}
BOX_BACK, BOX_FRONT = (85.0, -90.0), (105.0, 75.0)  # half a side of the pose box's squares, and their z, in mm


def draw_landmarks(image: Image, faces: Face | Iterable[Face], enlarge: int = 1, color=(60, 230, 90)) -> Image:
    """The photo with the 68 landmarks of its faces, joined by lines.

    Parameters
    ----------
    image : (H, W, 3) uint8
    faces : Face or several
    enlarge : int
        How many times larger to make the picture first: small faces need room for their lines.
    color : (3,) of 0 to 255

    Returns
    -------
    (enlarge * H, enlarge * W, 3) uint8
    """
    faces = [faces] if isinstance(faces, Face) else list(faces)
    out = np.ascontiguousarray(image).copy()
    if enlarge != 1:
        out = cv2.resize(out, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
    for face in faces:
        points = (face.landmarks[:, :2] + 0.5) * enlarge - 0.5
        size = float(np.ptp(points[:, 1]))
        width = max(round(size / 200), 1)
        fixed = np.rint(points * 16).astype(np.int32)  # OpenCV's fixed point: 4 fractional bits
        for first, last, closed in LINES.values():
            cv2.polylines(out, [fixed[first : last + 1]], closed, color, width, cv2.LINE_AA, 4)
        radius = int(max(size / 130, 1.0) * 16)
        for x, y in fixed.tolist():
            cv2.circle(out, (x, y), radius, (255, 255, 255), -1, cv2.LINE_AA, 4)
    return out


def close_up(face: Face, height: int = 400, landmarks: bool = True, margin: float = 0.5) -> Image:
    """The part of the photo around a face, at least about ``height`` pixels high, with its landmarks.

    ``margin`` is what is shown to each side, in sides of the landmarks' box; less where the photo ends.
    """
    low, high = face.landmarks[:, :2].min(0), face.landmarks[:, :2].max(0)
    reach, size = margin * (high - low).max(), np.array(face.image.shape[1::-1])
    left, top = np.clip(np.floor(low - reach), 0, size - 1).astype(int)
    right, bottom = np.clip(np.ceil(high + reach), [left + 1, top + 1], size).astype(int)
    part = face.image[top:bottom, left:right]
    moved = replace(face, image=part, position_map=face.position_map - np.float32([left, top, 0]))
    return draw_landmarks(part, moved if landmarks else [], max(round(1.5 * height / len(part)), 1))


def draw_mesh(
    image: Image, faces: Face | Iterable[Face], alpha: float = 0.75, color: ArrayLike = (165, 200, 235)
) -> Image:
    """The photo with the shaded mesh of its faces over it; needs numba.

    Parts that another part hides are not drawn; larger faces, which are nearer, cover smaller ones.

    Parameters
    ----------
    image : (H, W, 3) uint8
    faces : Face or several
    alpha : float
        0 to 1: from nothing to only the mesh.
    color : (3,) of 0 to 255

    Returns
    -------
    (H, W, 3) uint8
    """
    faces = [faces] if isinstance(faces, Face) else list(faces)
    out = np.array(image)
    for face in sorted(faces, key=lambda f: f.pose.camera.scale):
        facing = np.clip(texel_normals(face.position_map, face.layout)[..., 2], 0, 1)
        shade, region = face.draw(0.35 + 0.65 * facing)
        inside = np.isfinite(shade)
        picture = np.nan_to_num(shade) * np.asarray(color, np.float32)
        opacity = alpha * cv2.blur(inside[..., 0].astype(np.float32), (3, 3))[..., None] * inside
        under = out[region].astype(np.float32)
        out[region] = np.rint(under + opacity * (picture - under)).astype(np.uint8)
    return out


def draw_pose_box(image: Image, faces: Face | Iterable[Face], color: ArrayLike = (70, 150, 255)) -> Image:
    """The photo with a box around the head of each face, that tells its pose: the larger square is before the face.

    Parameters
    ----------
    image : (H, W, 3) uint8
    faces : Face or several
    color : (3,) of 0 to 255
        Of the box; the square before the face is lighter and thicker.

    Returns
    -------
    (H, W, 3) uint8
    """
    out = np.ascontiguousarray(image).copy()
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    lighter = [int(c + (255 - c) * 0.45) for c in color]
    for face in [faces] if isinstance(faces, Face) else faces:
        corners = [np.c_[square * half, np.full(4, z)] for half, z in (BOX_BACK, BOX_FRONT)]
        back, front = (np.rint(16 * face.pose.camera.project(c)[:, :2]).astype(np.int32) for c in corners)
        width = max(round(face.pose.camera.scale), 1)  # a line of about a millimetre
        cv2.polylines(out, [back, *np.stack([back, front], 1)], True, list(color), width, cv2.LINE_AA, 4)
        cv2.polylines(out, [front], True, lighter, 2 * width, cv2.LINE_AA, 4)
    return out


def render(face: Face, size: int = 400, yaw: float = 0.0, pitch: float = 0.0, colors: ArrayLike | None = None) -> Image:
    """A picture of the frontalised face turned by some angles: :func:`render_mesh` of what the camera saw.

    Parameters
    ----------
    face : Face
    size : int
        Side of the picture in pixels.
    yaw, pitch : float
        Degrees, as in :func:`lprnet_utils.geometry.rotation_matrix`.
    colors : (M, 3) array, optional
        0 to 255 at each vertex; a plain clay without.

    Returns
    -------
    (size, size, 3) uint8, white where there is no face
    """
    return render_mesh(face.frontal(), face.triangles, size, yaw, pitch, colors)


def render_mesh(
    vertices: ArrayLike,
    triangles: NDArray[np.int32],
    size: int = 400,
    yaw: float = 0.0,
    pitch: float = 0.0,
    colors: ArrayLike | None = None,
    uv: ArrayLike | None = None,
) -> Image:
    """A picture of a face mesh turned by some angles, lit from the upper left; needs numba.

    Parameters
    ----------
    vertices : (n, 3) array
        mm, y up, z toward the viewer.
    triangles : (m, 3) int array
    size : int
        Side of the picture in pixels; it spans 210 mm.
    yaw, pitch : float
        Degrees, as in :func:`lprnet_utils.geometry.rotation_matrix`.
    colors : (n, 3) array, or with ``uv`` (S, S, 3), optional
        0 to 255 at each vertex, or a texture; a plain clay without.
    uv : (n, 2) array, optional
        Place of the vertices in the texture, u right, v down, 0 to 1.

    Returns
    -------
    (size, size, 3) uint8, white where there is no face
    """
    from .rasterizer import interpolate, rasterize

    vertices = np.asarray(vertices, float)
    vertices = (vertices - (vertices.min(0) + vertices.max(0)) / 2) @ rotation_matrix(pitch, yaw, 0).T
    fine = 2 * size  # two samples a pixel in each direction, then their mean
    scale = fine / RENDERED
    points = vertices * [scale, -scale, scale] + [fine / 2 - 0.5, fine / 2 - 0.5, 0]
    index, bary, _ = rasterize(points, triangles, fine, fine)
    ambient = 0.35 if colors is None else 0.6  # a photo has light of its own
    shade = ambient + (1 - ambient) * np.clip(vertex_normals(vertices, triangles) @ LAMP, 0, 1)
    if uv is None:
        base = np.full((len(vertices), 3), 205.0) if colors is None else np.asarray(colors, float)
        picture = interpolate(base * shade[:, None], triangles, index, bary)
    else:
        texture = np.asarray(colors, np.float32)
        drawn = interpolate(np.c_[np.asarray(uv) * len(texture) - 0.5, shade], triangles, index, bary)
        x, y = (drawn[..., k].astype(np.float32) for k in (0, 1))
        picture = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) * drawn[..., 2:]
    picture[index < 0] = 255
    small = cv2.resize(picture.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


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
    look = {"color": CLAY} if colors is None else {"vertexcolor": colors}
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
