"""The turning 3D face beside a video."""

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..geometry.camera import rotation_matrix
from ..geometry.mesh import vertex_normals
from ..geometry.shading import AMBIENT_SHARE, CLAY, lamp_light
from ..reconstruction.face import Face
from ..uv.texture import fill_texture, photo_to_texture, texel_normals
from .tracking import TrackedFace

SWAY_YAW_DEGREES, SWAY_PITCH_DEGREES = 35.0, 8.0
SWAY_PERIOD_SECONDS = 6.0  # of the yaw, first to the right of the picture; the pitch takes twice as long
MAX_FACE_PIXELS = 400  # a 3D face is drawn no larger, and enlarged if there is more room
MAX_ROWS = 3  # and columns: further faces are left out
SKIN_INTERVAL_SECONDS = 1 / 15  # between two frames whose colours are read: that takes longer than drawing the face
BLEND_SECONDS = 0.15  # over which the colours of equally trusted frames are averaged
MEMORY_SECONDS = 10.0  # over which the trust in an old view falls, so that a worse new one replaces it
TRACK_COLORS = ((60, 230, 90), (255, 170, 40), (80, 160, 255), (240, 90, 200), (240, 230, 60), (60, 220, 220))


class Panel:
    """A square picture with the 3D faces of a video, each in its own cell while it is followed."""

    def __init__(self, side: int, turn: str, photo_colors: bool):
        self.side, self._turn, self._photo_colors = side, turn, photo_colors
        self._cells: dict[int, int] = {}  # number of the cell by id
        self._colors: dict[tuple[int, int], FaceColors] = {}  # by id and look
        self._rows = 1

    def draw(self, faces: list[TrackedFace], seconds: float) -> Image:
        """The picture (side, side, 3) of the faces at a time of the video."""
        self._assign_cells({found.id for found in faces})
        shown = {(found.id, found.look) for found in faces}
        self._colors = {key: colors for key, colors in self._colors.items() if key in shown}
        out = np.full((self.side, self.side, 3), 255, np.uint8)
        edges = np.linspace(0, self.side, self._rows + 1).astype(int)
        for found in faces:
            row, column = divmod(self._cells[found.id], self._rows)
            if row < self._rows:
                cell = out[edges[row] : edges[row + 1], edges[column] : edges[column + 1]]
                cell[:] = self._draw_cell(found, cell.shape[1], cell.shape[0], seconds)
        return out

    def _assign_cells(self, ids: set[int]) -> None:
        """Free the cells of faces that are gone, and give each new face the first free one."""
        self._cells = {number: cell for number, cell in self._cells.items() if number in ids}
        for number in sorted(ids - set(self._cells)):
            self._cells[number] = min(set(range(len(ids))) - set(self._cells.values()))
        needed = math.ceil(math.sqrt(max(self._cells.values(), default=0) + 1))
        self._rows = max(self._rows, min(needed, MAX_ROWS))

    def _draw_cell(self, found: TrackedFace, width: int, height: int, seconds: float) -> Image:
        if self._turn == "pose":
            yaw, pitch = found.face.pose.yaw, found.face.pose.pitch
        else:
            phase = 2 * math.pi * seconds / SWAY_PERIOD_SECONDS
            yaw, pitch = -SWAY_YAW_DEGREES * math.sin(phase), SWAY_PITCH_DEGREES * math.sin(phase / 2)
        colors = None
        if self._photo_colors:
            seen = replace(found.face, position_map=found.raw_map)  # the smoothed map is late where the head turns
            colors = self._colors.setdefault((found.id, found.look), FaceColors()).update(seen, seconds)
        side = min(width, height)
        picture = render_rotated(found.face, min(2 * side, MAX_FACE_PIXELS), yaw, pitch, colors)
        interpolation = cv2.INTER_AREA if side < len(picture) else cv2.INTER_LINEAR
        cell = cv2.resize(picture, (width, height), interpolation=interpolation)
        cv2.circle(cell, (14, 14), 6, TRACK_COLORS[found.id % len(TRACK_COLORS)], -1, cv2.LINE_AA)
        return cell


def render_rotated(face: Face, size: int, yaw: float, pitch: float, colors: NDArray | None = None) -> Image:
    """Draw a face without its pose, rotated by angles in degrees, on white: (size, size, 3) uint8.

    Unlike :func:`lprnet_utils.reconstruction.draw.render` this keeps the face in place when the mouth opens. ``colors``
    (N * N, 3) of the map's texels are 0 to 255; by default the face is of grey clay.
    """
    from ..geometry.rasterizer import draw_values

    layout = face.layout
    mean = layout.points(layout.mean_map)
    matrix, triangles = layout.trimmed_mesh()
    vertices = face.pose.camera.unproject(matrix @ layout.flat(face.position_map)) - (mean.min(0) + mean.max(0)) / 2
    vertices = vertices @ rotation_matrix(pitch, yaw, 0).T
    scale = 0.88 * size / np.ptp(mean[:, 1])
    points = vertices * [scale, -scale, scale] + [size / 2 - 0.5, size / 2 - 0.5, 0]
    ambient = AMBIENT_SHARE["clay"] if colors is None else 0.85
    light = lamp_light(vertex_normals(vertices, triangles), ambient)
    shaded = (np.asarray(CLAY) if colors is None else matrix @ colors.astype(np.float32)) * light
    drawn, region = draw_values(points, triangles, shaded, size, size)
    out = np.full((size, size, 3), 255, np.uint8)
    out[region] = np.rint(np.clip(np.nan_to_num(drawn, nan=255.0), 0, 255)).astype(np.uint8)
    return out


class FaceColors:
    """The skin of a moving face: the colours of all frames, weighted by trust and blended over time."""

    def __init__(self) -> None:
        self._seconds = -math.inf  # time of the last frame
        self._colors: Array | None = None  # (N, N, 3), before filling
        self._cosine: Array | None = None  # (N, N) z of the normals at which the colours were seen
        self._trust: Array | None = None  # (N, N) in the colours
        self._filled: Array | None = None  # (N * N, 3), the last result

    def update(self, face: Face, seconds: float) -> NDArray[np.uint8]:
        """Colours (N * N, 3) of the texels after one more frame. What no frame has shown is filled as in a photo."""
        passed = seconds - self._seconds
        if self._filled is not None and 0 <= passed < SKIN_INTERVAL_SECONDS - 1e-6:
            return self._filled
        layout, trust = face.layout, face.trust
        colors = photo_to_texture(face.image, face.position_map, layout, layout.size)
        cosine = texel_normals(face.position_map, layout)[..., 2]
        if self._colors is None or passed < 0:
            self._colors, self._cosine, self._trust = colors, cosine, trust
        else:
            # the powers keep a good view from being painted over by bad ones
            new, old = trust**4, self._trust**4 / np.float32(math.expm1(passed / BLEND_SECONDS))
            share = new / np.maximum(new + old, np.float32(1e-9))
            self._colors = self._colors + share[..., None] * (colors - self._colors)
            self._cosine = self._cosine + share * (cosine - self._cosine)
            self._trust = np.maximum(trust, self._trust * np.float32(math.exp(-passed / MEMORY_SECONDS)))
        self._seconds = seconds
        self._filled = fill_texture(self._colors, self._trust, self._cosine, layout).reshape(-1, 3)
        return self._filled
