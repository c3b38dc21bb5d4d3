"""Pictures of faces: landmarks, mesh and pose on the photo, shaded renderings, and a 3D figure that can be turned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .face import Face
from .geometry import rotation_matrix, vertex_normals
from .images import Image, sample_colors
from .texture import texel_normals

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
    """A picture of the frontalised face turned by some angles, lit from the upper left; needs numba.

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
    from .rasterizer import interpolate, rasterize

    vertices = face.frontal()
    vertices = (vertices - (vertices.min(0) + vertices.max(0)) / 2) @ rotation_matrix(pitch, yaw, 0).T
    scale = 0.9 * size / 190.0  # a face is about 180 mm high
    points = vertices * [scale, -scale, scale] + [size / 2, size / 2, 0]
    index, bary, _ = rasterize(points, face.triangles, size, size)
    normals = vertex_normals(vertices, face.triangles)
    light = np.array([-0.35, 0.45, 0.82])
    shade = 0.35 + 0.65 * np.clip(normals @ light, 0, 1)
    base = np.full((len(vertices), 3), 205.0) if colors is None else np.asarray(colors, float)
    picture = interpolate(base * shade[:, None], face.triangles, index, bary)
    picture[index < 0] = 255
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def face_figure(face: Face, colors: bool = True, landmarks: bool = True) -> go.Figure:
    """The face in plotly, to turn with the mouse: mm of the face frame, frontal, the photo's colour at each vertex.

    Every second texel in each direction is enough for a figure, which stays under half a megabyte. To look like a face
    it has the photo's eyes and mouth on the membrane that closes the openings; :meth:`Face.mesh` leaves them open.
    """
    import plotly.graph_objects as go

    vertices, triangles, seen = decimated(face)
    # plotly's camera looks along y: x stays, depth goes to -y, up to z
    x, y, z = vertices[:, 0], -vertices[:, 2], vertices[:, 1]
    i, j, k = triangles.T
    look = {"vertexcolor": seen} if colors else {"color": "rgb(205,205,205)"}
    light = {"ambient": 0.75, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9}
    figure = go.Figure(go.Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, lighting=light, name="face", hoverinfo="skip", **look))
    if landmarks:
        points = face.pose.camera.unproject(face.landmarks)
        # a little in front of the skin, or it would swallow them
        spots = {"size": 2.5, "color": "rgb(20,160,60)"}
        figure.add_scatter3d(
            x=points[:, 0],
            y=-points[:, 2] - 1,
            z=points[:, 1],
            mode="markers",
            marker=spots,
            name="68 landmarks",
            text=[f"point {n}" for n in range(68)],
            hoverinfo="text",
        )
    hidden = {"visible": False}
    figure.update_layout(
        scene={"aspectmode": "data", "xaxis": hidden, "yaxis": hidden, "zaxis": hidden},
        scene_camera={"eye": {"x": 0.5, "y": -1.6, "z": 0.25}},
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        height=480,
        showlegend=False,
    )
    return figure


def decimated(face: Face, step: int = 2) -> tuple[NDArray[np.float32], NDArray[np.int32], Image]:
    """The frontalised mesh at every ``step``-th texel, membrane included: vertices in mm, triangles, their colours."""
    layout = face.layout
    n = layout.size
    number = np.where(layout.mask, np.arange(n * n).reshape(n, n), -1)
    columns = np.r_[0 : n // 2 : step, n - 1 - np.r_[0 : n // 2 : step][::-1]]  # symmetric about the middle
    grid = number[::step][:, columns]
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    triangles = triangles[(triangles >= 0).all(1)]
    chosen, triangles = np.unique(triangles, return_inverse=True)
    points = face.position_map.reshape(-1, 3)[chosen]
    vertices = face.pose.camera.unproject(points).round(1).astype(np.float32)
    return vertices, triangles.reshape(-1, 3).astype(np.int32), sample_colors(face.image, points)
