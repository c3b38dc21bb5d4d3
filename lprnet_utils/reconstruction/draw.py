"""Drawings of faces on the photo (landmarks, mesh, pose) and pictures of a face and of points.

A photo is anything that :func:`lprnet_utils.common.read_image` reads.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Image
from ..common.images import read_image
from ..geometry.landmarks import LANDMARK_LINES
from ..geometry.shading import render_mesh
from ..uv.texture import texel_normals
from .face import Face

ARROW_LENGTH = 60.0  # mm, of an arrow of gaze across the line of sight
BOX_BACK, BOX_FRONT = (85.0, -90.0), (105.0, 75.0)  # the pose box's squares: half a side and z in mm


def draw_landmarks(image: Any, faces: Face | Iterable[Face], enlarge: int = 1, color=(60, 230, 90)) -> Image:
    """A copy of a photo (H, W, 3) with the 68 landmarks of faces, joined by lines.

    The photo is enlarged by a factor ``enlarge`` first, so that small faces have room for their lines. ``color`` (3,)
    is 0 to 255.
    """
    faces = [faces] if isinstance(faces, Face) else list(faces)
    out = read_image(image).copy()
    if enlarge != 1:
        out = cv2.resize(out, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
    for face in faces:
        points = (face.landmarks[:, :2] + 0.5) * enlarge - 0.5
        size = float(np.ptp(points[:, 1]))
        width = max(round(size / 200), 1)
        fixed = np.rint(points * 16).astype(np.int32)  # OpenCV's fixed point: 4 fractional bits
        for first, last, closed in LANDMARK_LINES.values():
            cv2.polylines(out, [fixed[first : last + 1]], closed, color, width, cv2.LINE_AA, 4)
        radius = int(max(size / 130, 1.0) * 16)
        for x, y in fixed.tolist():
            cv2.circle(out, (x, y), radius, (255, 255, 255), -1, cv2.LINE_AA, 4)
    return out


def crop_around_face(face: Face, height: int = 400, landmarks: bool = True, margin: float = 0.5) -> Image:
    """The part (h, w, 3) of the photo around a face, enlarged to about ``height`` pixels or more, with its landmarks.

    ``margin`` is the width of the surroundings on each side, in sides of the landmarks' box; less at the photo's edge.
    """
    low, high = face.landmarks[:, :2].min(0), face.landmarks[:, :2].max(0)
    border, size = margin * (high - low).max(), np.array(face.image.shape[1::-1])
    left, top = np.clip(np.floor(low - border), 0, size - 1).astype(int)
    right, bottom = np.clip(np.ceil(high + border), [left + 1, top + 1], size).astype(int)
    part = face.image[top:bottom, left:right]
    moved = replace(face, image=part, position_map=face.position_map - np.float32([left, top, 0]))
    return draw_landmarks(part, moved if landmarks else [], max(round(1.5 * height / len(part)), 1))


def draw_mesh(
    image: Any, faces: Face | Iterable[Face], alpha: float = 0.75, color: ArrayLike = (165, 200, 235)
) -> Image:
    """A copy of a photo (H, W, 3) with the shaded mesh of faces; needs numba.

    Hidden parts are not drawn. Larger faces are nearer and cover smaller ones. ``alpha`` is the opacity of the mesh, 0
    to 1, and ``color`` (3,) is 0 to 255.
    """
    faces = [faces] if isinstance(faces, Face) else list(faces)
    out = read_image(image).copy()
    for face in sorted(faces, key=lambda f: f.pose.camera.scale):
        facing = np.clip(texel_normals(face.position_map, face.layout)[..., 2], 0, 1)
        shade, region = face.draw(0.35 + 0.65 * facing)
        inside = np.isfinite(shade)
        picture = np.nan_to_num(shade) * np.asarray(color, np.float32)
        opacity = alpha * cv2.blur(inside[..., 0].astype(np.float32), (3, 3))[..., None] * inside
        under = out[region].astype(np.float32)
        out[region] = np.rint(under + opacity * (picture - under)).astype(np.uint8)
    return out


def draw_pose_box(image: Any, faces: Face | Iterable[Face], color: ArrayLike = (70, 150, 255)) -> Image:
    """A copy of a photo (H, W, 3) with a box around the head of each face that shows its pose.

    The larger square of the box is in front of the face, lighter and thicker. ``color`` (3,) is 0 to 255.
    """
    out = read_image(image).copy()
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    lighter = [int(c + (255 - c) * 0.45) for c in color]
    for face in [faces] if isinstance(faces, Face) else faces:
        corners = [np.c_[square * half, np.full(4, z)] for half, z in (BOX_BACK, BOX_FRONT)]
        back, front = (np.rint(16 * face.pose.camera.project(c)[:, :2]).astype(np.int32) for c in corners)
        width = max(round(face.pose.camera.scale), 1)  # a line of about a millimetre
        cv2.polylines(out, [back, *np.stack([back, front], 1)], True, list(color), width, cv2.LINE_AA, 4)
        cv2.polylines(out, [front], True, lighter, 2 * width, cv2.LINE_AA, 4)
    return out


def draw_gaze(image: Any, faces: Face | Iterable[Face], color: ArrayLike = (240, 90, 30)) -> Image:
    """A copy of a photo (H, W, 3) with a circle around each iris and an arrow to where the eye looks.

    An eye that looks into the camera has a short arrow. Eyes that are not seen have none. ``color`` (3,) is 0 to 255.
    """
    out, color = read_image(image).copy(), list(color)
    for face in [faces] if isinstance(faces, Face) else faces:
        scale = face.pose.camera.scale
        width = max(round(scale / 2), 1)
        for (x, y, radius), direction in zip(face.irises, face.gaze_in_photo, strict=True):
            if not np.isfinite(direction).all():
                continue
            start = np.array([x, y])
            end = start + ARROW_LENGTH * scale * direction[:2] * [1, -1]
            first, last = (tuple(np.rint(16 * point).astype(int).tolist()) for point in (start, end))
            cv2.circle(out, first, round(16 * radius), color, width, cv2.LINE_AA, 4)
            cv2.arrowedLine(out, first, last, color, width, cv2.LINE_AA, 4, tipLength=0.2)
    return out


def render(face: Face, size: int = 400, yaw: float = 0.0, pitch: float = 0.0, colors: ArrayLike | None = None) -> Image:
    """:func:`render_mesh` of the face without its pose, with colours (M, 3) of its vertices.

    :func:`lprnet_utils.video.render_rotated` takes colours of the texels, and does not move if the mouth opens.
    """
    return render_mesh(face.frontal(), face.triangles, size, yaw, pitch, colors)


def draw_points(points: ArrayLike, size: int = 512) -> Image:
    """A picture (size, size, 3) of points (n, 3); nearer points are lighter and in front.

    x and y are in pixels from the picture's upper left corner, z points toward the viewer.
    """
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points) or not np.isfinite(points).all() or size < 1:
        raise ValueError(f"points are (n, 3) finite numbers and size at least 1, got {points.shape} and {size}")
    points = points[np.argsort(points[:, 2])]
    shade = np.interp(points[:, 2], (points[0, 2], points[-1, 2]), (0, 1))[:, None]
    colors = ((1 - shade) * [40, 50, 110] + shade * [255, 235, 190]).astype(np.uint8)
    picture = np.full((size, size, 3), 255, np.uint8)
    dot = max(round(size / 256), 1)
    for dy in range(-dot, dot + 1):
        for dx in range(-dot, dot + 1):
            column, row = (np.rint(points[:, k] - 0.5 + d).astype(int) for k, d in ((0, dx), (1, dy)))
            inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
            picture[row[inside], column[inside]] = colors[inside]
    return picture
