"""The mesh of a head around the face model: skull, eyes, teeth and clothes."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.assets import read_asset, read_bundled_arrays
from ..geometry.camera import rotation_matrix
from ..geometry.mesh import border_loops, vertex_normals
from ..morphable_model.model import MorphableModel

# angles of the eyeball's rings from the axis of gaze: pupil, iris, limbus, white
EYE_RINGS = np.deg2rad([0, 9, 11, 26, 30, 33, 55, 90, 130])
EYE_SEGMENTS = 20
MOUTH_DEPTH = 28.0  # mm, of the dark pocket behind the lips
CLOTHES_TOP = -55.0  # mm above the underside of the chin: skin below it is clothed
# ambient occlusion of what lies behind the lids and lips, instead of the computed one
ENCLOSED_OCCLUSION = {"right eye": 0.7, "left eye": 0.7, "mouth": 0.15}
TEETH_OCCLUSION = 0.55


class Head:
    """Mesh of a head around a face model, the bundled one by default: V vertices of the face, n in all."""

    eye_rings, eye_segments = EYE_RINGS, EYE_SEGMENTS

    def __init__(self, model: MorphableModel | None = None):
        self.model = model or MorphableModel.load()
        self.file = file = read_bundled_arrays("head.npz")
        model, v = self.model, len(self.model.mean)
        ring = len(self.eye_rings) * self.eye_segments
        faces = model.triangles[~model.membrane]
        self.rim = np.array(min(border_loops(faces)[1:], key=lambda loop: model.mean[loop, 1].mean()))
        edges = np.cumsum([0, v, len(file["mean"]), ring, ring, len(self.rim) + 1])
        names = "face", "head", "right eye", "left eye", "mouth"  # the mouth is the dark pocket behind the lips
        self.kind = {n: slice(a, b) for n, a, b in zip(names, edges[:-1], edges[1:], strict=True)}
        self.face_count, self.count = v, int(edges[-1])
        ball = ring_triangles(len(self.eye_rings), self.eye_segments)
        back = edges[4] + np.arange(len(self.rim))
        next_rim, next_back = np.roll(self.rim, -1), np.roll(back, -1)
        pocket = [np.stack(t, 1) for t in ((self.rim, back, next_rim), (next_rim, back, next_back))]
        pocket.append(np.stack([back, np.full(len(back), edges[5] - 1), next_back], 1))
        parts = [faces, file["triangles"].astype(int) + v, file["teeth_triangles"].astype(int) + v]
        parts += [ball + edges[2], ball + edges[3], *pocket]
        self.triangles = np.ascontiguousarray(np.concatenate(parts), np.int32)
        self.face_triangles, self.skin_triangles = len(parts[0]), len(parts[0]) + len(parts[1])
        self._face = np.concatenate([model.identity, model.expression]).reshape(len(file["basis"]), -1)
        self._around = file["basis"].astype(np.float32).reshape(len(self._face), -1)
        self._eyes = file["eye_basis"].reshape(len(self._face), -1)
        angle = np.arange(self.eye_segments) * 2 * np.pi / self.eye_segments
        polar = self.eye_rings[:, None]
        ball = [np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar) + 0 * angle]
        self._ball = np.stack(ball, -1).reshape(-1, 3) * float(file["eye_radius"])
        self.teeth = v + np.unique(file["teeth_triangles"])
        self.mean = Head.vertices(self, np.zeros((1, len(self._face))), np.zeros((1, 2)))[0]
        self.ambient_occlusion = ambient_occlusion(self.mean, self.triangles)
        for name, value in ENCLOSED_OCCLUSION.items():
            self.ambient_occlusion[self.kind[name]] = value
        self.ambient_occlusion[self.teeth] = TEETH_OCCLUSION
        self.clothed = v + np.flatnonzero(file["height"] < CLOTHES_TOP)  # skin under clothes

    def vertices(self, coefficients: Array, gaze: ArrayLike) -> NDArray[np.float32]:
        """Vertices (B, n, 3), in mm of the face frame, of heads with the model's coefficients (B, K + E).

        ``gaze`` (B, 2) is pitch and yaw of the eyes in degrees, or (B, 2, 2) of the right and of the left eye.
        """
        c = np.asarray(coefficients, self._face.dtype)
        out = np.empty((len(c), self.count, 3), np.float32)
        out[:, self.kind["face"]] = self.model.mean + (c @ self._face).reshape(len(c), -1, 3)
        out[:, self.kind["head"]] = self.file["mean"] + (c @ self._around).reshape(len(c), -1, 3)
        centre = self.file["eye_centre"] + (c @ self._eyes).reshape(len(c), 2, 3)
        angles = np.broadcast_to(np.reshape(gaze, (len(c), -1, 2)), (len(c), 2, 2))
        for k in range(len(c)):
            for eye, name in enumerate(("right eye", "left eye")):
                out[k, self.kind[name]] = self._ball @ rotation_matrix(*angles[k, eye], 0.0).T + centre[k, eye]
        self.place_mouth_pocket(out)
        return out

    def place_mouth_pocket(self, vertices: NDArray[np.float32]) -> None:
        """Move the vertices of the dark pocket behind the lips of heads (B, n, 3), in place."""
        rim = vertices[:, self.rim]
        middle = rim.mean(1, keepdims=True)
        back = [0, 0, MOUTH_DEPTH]
        vertices[:, self.kind["mouth"]][:, :-1] = middle + (rim - middle) * np.float32([1.0, 1.6, 0.6]) - back
        vertices[:, -1] = middle[:, 0] - back


@dataclass
class Part:
    """A mesh that a head wears."""

    vertices: Array  # (n, 3), mm of the face frame
    triangles: NDArray[np.int32]
    colors: Array  # (n, 3), 0 to 1
    uv: Array | None = None  # (n, 2), places in the texture
    texture: Image | None = None  # (h, w, 2), brightness and opacity
    cut: float = 0.5  # solid where the opacity is above it; if negative, blended with what is behind


def ring_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """Triangles between rings of vertices: ``rows`` closed rings of ``columns`` vertices."""
    grid = np.arange(rows * columns).reshape(rows, columns)
    a, b = grid[:-1].ravel(), grid[1:].ravel()
    c, d = np.roll(grid[1:], -1, 1).ravel(), np.roll(grid[:-1], -1, 1).ravel()
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)


def ambient_occlusion(vertices: Array, triangles: NDArray, directions: int = 60) -> NDArray[np.float32]:
    """Share (n,) of the sky that each vertex sees, weighted by the cosine. Deep folds see little of it."""
    from ..geometry.rasterizer import vertex_visibility  # compiled, which takes a while to import

    normals = vertex_normals(np.asarray(vertices, np.float32), triangles)
    k = np.arange(directions) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / directions), np.pi * (1 + 5**0.5) * k  # a Fibonacci sphere
    seen, total = np.zeros(len(vertices)), np.full(len(vertices), 1e-6)
    for p, a in zip(polar, azimuth, strict=True):
        direction = np.array([np.cos(a) * np.sin(p), np.sin(a) * np.sin(p), np.cos(p)])
        x = np.cross([0.0, 1.0, 0.0], direction)
        x /= np.linalg.norm(x)
        visible = vertex_visibility(vertices @ np.c_[x, np.cross(direction, x), direction], triangles, 1.0, 0.7)
        cosine = np.maximum(normals @ direction, 0)
        seen, total = seen + cosine * visible, total + cosine
    return (seen / total).astype(np.float32)


@lru_cache(maxsize=1)
def skin_sheets() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Skins (20, 256, 256, 3) RGB and eyebrows (12, 256, 256) opacity, in the UV layout."""

    def tiles(name: str, columns: int) -> NDArray[np.uint8]:
        sheet = cv2.imdecode(np.frombuffer(read_asset(name), np.uint8), cv2.IMREAD_UNCHANGED)
        side = sheet.shape[1] // columns
        rows = [np.stack(np.split(row, columns, 1)) for row in np.split(sheet, sheet.shape[0] // side)]
        return np.concatenate(rows)

    return tiles("skins/skins.webp", 5)[..., ::-1], tiles("skins/brows.png", 4)
