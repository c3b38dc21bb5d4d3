"""The turning 3D face beside a video."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Image
from ..common.images import sample_colors
from ..geometry.camera import rotation_matrix
from ..geometry.mesh import vertex_normals
from ..geometry.shading import AMBIENT, CLAY, lamp_light
from ..reconstruction.face import Face
from .tracking import TrackedFace

SWAY = (35.0, 8.0, 6.0)  # degrees of yaw and of pitch, seconds of one turn to and fro
DRAWN = 400  # pixels: a 3D face is drawn no larger, and enlarged where there is more room
FACING, FADING = 0.35, 0.97  # cosine to the camera from which a texel's colour counts; what a frame leaves of it
COLORS = ((60, 230, 90), (255, 170, 40), (80, 160, 255), (240, 90, 200), (240, 230, 60), (60, 220, 220))


# ---- what is drawn


class Panel:
    """The 3D faces beside the picture: each keeps its place as long as it is there, seen from a slowly moving side."""

    def __init__(self, side: int, turn: str, photo: bool):
        self.side, self._turn, self._photo = side, turn, photo
        self._places: dict[int, int] = {}  # of each id
        self._skins: dict[int, Skin] = {}
        self._rows = 1

    def draw(self, faces: list[TrackedFace], seconds: float) -> Image:
        """A square picture (side, side, 3) of the faces at a time in seconds."""
        ids = {found.id for found in faces}
        self._places = {number: place for number, place in self._places.items() if number in ids}
        self._skins = {number: skin for number, skin in self._skins.items() if number in ids}
        for number in sorted(ids - set(self._places)):
            self._places[number] = min(set(range(len(ids))) - set(self._places.values()))
        self._rows = max(self._rows, min(math.ceil(math.sqrt(max(self._places.values(), default=0) + 1)), 3))
        out = np.full((self.side, self.side, 3), 255, np.uint8)
        edges = np.linspace(0, self.side, self._rows + 1).astype(int)
        phase = 2 * math.pi * seconds / SWAY[2]
        for found in faces:
            row, column = divmod(self._places[found.id], self._rows)
            if row >= self._rows:
                continue  # a crowd
            pose = found.face.pose
            sway = {"yaw": SWAY[0] * math.sin(phase), "pitch": SWAY[1] * math.sin(phase / 2)}
            angles = {"yaw": pose.yaw, "pitch": pose.pitch} if self._turn == "pose" else sway
            width, height = edges[column + 1] - edges[column], edges[row + 1] - edges[row]
            small = min(width, height)
            colors = self._skins.setdefault(found.id, Skin()).see(found.face) if self._photo else None
            picture = draw_turned(found.face, min(2 * small, DRAWN), **angles, colors=colors)
            shrunk = cv2.INTER_AREA if small < len(picture) else cv2.INTER_LINEAR
            cell = cv2.resize(picture, (int(width), int(height)), interpolation=shrunk)
            cv2.circle(cell, (14, 14), 6, COLORS[found.id % len(COLORS)], -1, cv2.LINE_AA)
            out[edges[row] : edges[row + 1], edges[column] : edges[column + 1]] = cell
        return out


def draw_turned(face: Face, size: int, yaw: float, pitch: float, colors: NDArray | None = None) -> Image:
    """The face without its pose, turned by some degrees: (size, size, 3), white where it is not.

    Unlike in :func:`lprnet_utils.reconstruction.draw.render` it stays in its place when the mouth opens. ``colors``
    (N * N, 3) are those of the map's texels, 0 to 255; plain clay without.
    """
    from ..geometry.rasterizer import draw_values

    layout = face.layout
    mean = layout.points(layout.mean_map)
    vertices = face.pose.camera.unproject(face.position_map.reshape(-1, 3)) - (mean.min(0) + mean.max(0)) / 2
    vertices = vertices @ rotation_matrix(pitch, yaw, 0).T
    scale = 0.88 * size / np.ptp(mean[:, 1])
    points = vertices * [scale, -scale, scale] + [size / 2, size / 2, 0]
    light = lamp_light(vertex_normals(vertices, layout.closed_triangles), AMBIENT["clay"] if colors is None else 0.85)
    shaded = np.asarray(CLAY if colors is None else colors) * light
    drawn, region = draw_values(points, layout.closed_triangles, shaded, size, size)
    out = np.full((size, size, 3), 255, np.uint8)
    out[region] = np.rint(np.clip(np.nan_to_num(drawn, nan=255.0), 0, 255)).astype(np.uint8)
    return out


class Skin:
    """The colours of a face as it turns: each texel keeps those of the frame that showed it best."""

    def __init__(self) -> None:
        self._colors: NDArray | None = None
        self._shown = np.float32(-1)  # the cosine to the camera at which each texel was seen, fading

    def see(self, face: Face) -> NDArray:
        """Colours (N * N, 3) of the texels after this frame; what was never seen has those of its mirror texel."""
        points = face.position_map.reshape(-1, 3)
        cosine = vertex_normals(points * [1, -1, 1], face.layout.closed_triangles)[:, 2].astype(np.float32)
        colors = sample_colors(face.image, points)
        if self._colors is None:
            mirror = np.arange(len(points)).reshape(face.layout.mask.shape)[:, ::-1].ravel()
            other = (cosine < FACING) & (cosine[mirror] > cosine)
            self._colors = np.where(other[:, None], colors[mirror], colors)
            self._shown = np.where(other, FACING, cosine)
        better = (cosine > self._shown) & (cosine >= FACING)
        self._colors[better] = colors[better]
        self._shown = np.where(better, cosine, self._shown) * np.float32(FADING)
        return self._colors
