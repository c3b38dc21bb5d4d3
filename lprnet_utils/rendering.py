"""Synthetic photos of heads: geometry around the face, skins, light, and the picture with its depth.

The face is a :class:`lprnet_utils.face_model.MorphableModel`'s; skull, ears, neck, eyeballs, teeth and hair are
MakeHuman's and follow it. Everything is shaded at its vertices, which lie as densely as the pixels of a 128 x 128 crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .assets import read_arrays, read_asset
from .face_model import MorphableModel
from .geometry import border_loops, rotation_matrix
from .images import Image
from .light import Light
from .rasterizer import rasterize

Array = NDArray[np.floating]

SUPERSAMPLING = 2
EYE_RINGS = np.deg2rad([0, 9, 11, 26, 30, 33, 55, 90, 130])  # from the axis of gaze: pupil, iris, limbus, white
EYE_SEGMENTS = 20
MOUTH_DEPTH = 28.0  # mm, of the dark pocket behind the lips
CLOTHES = -55.0  # mm: height over the chin's underside below which skin is clothed


class Head:
    """Mesh of a head around the bundled face.

    Attributes
    ----------
    triangles : (T, 3) int32
        Into the vertices of :meth:`vertices`: the face's V, then those of the head, the eyeballs, the mouth's pocket.
    face_count : int
        V.
    kind : dict
        Slices of the vertices by name: ``face``, ``head``, ``right eye``, ``left eye``, ``mouth``.
    """

    def __init__(self, model: MorphableModel | None = None):
        self.model = model or MorphableModel.load()
        self.file = read_arrays("head.npz")
        model, v = self.model, len(self.model.mean)
        h, ring = len(self.file["mean"]), len(EYE_RINGS) * EYE_SEGMENTS
        faces = model.triangles[~model.membrane]
        self.rim = np.array(min(border_loops(faces)[1:], key=lambda loop: model.mean[loop, 1].mean()))
        edges = np.cumsum([0, v, h, ring, ring, len(self.rim) + 1])
        names = "face", "head", "right eye", "left eye", "mouth"
        self.kind = {n: slice(a, b) for n, a, b in zip(names, edges[:-1], edges[1:], strict=True)}
        self.face_count, self.count = v, int(edges[-1])
        grid = np.arange(ring).reshape(len(EYE_RINGS), EYE_SEGMENTS)
        a, b = grid[:-1].ravel(), grid[1:].ravel()
        c, d = np.roll(grid[1:], -1, 1).ravel(), np.roll(grid[:-1], -1, 1).ravel()
        ball = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        back = edges[4] + np.arange(len(self.rim))
        here, there = np.roll(self.rim, -1), np.roll(back, -1)
        pocket = [np.stack(t, 1) for t in ((self.rim, back, here), (here, back, there))]
        pocket.append(np.stack([back, np.full(len(back), edges[5] - 1), there], 1))
        parts = [faces, self.file["triangles"].astype(int) + v, self.file["teeth_triangles"].astype(int) + v]
        parts += [ball + edges[2], ball + edges[3], *pocket]
        self.triangles = np.ascontiguousarray(np.concatenate(parts), np.int32)
        self.face_triangles, self.skin_triangles = len(parts[0]), len(parts[0]) + len(parts[1])
        self._face = np.concatenate([model.identity, model.expression]).reshape(len(self.file["basis"]), -1)
        self._around = self.file["basis"].astype(np.float32).reshape(len(self._face), -1)
        self._eyes = self.file["eye_basis"].reshape(len(self._face), -1)
        angle = np.arange(EYE_SEGMENTS) * 2 * np.pi / EYE_SEGMENTS
        polar = EYE_RINGS[:, None]
        ball = [np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar) + 0 * angle]
        self._ball = np.stack(ball, -1).reshape(-1, 3) * float(self.file["eye_radius"])
        teeth = np.unique(self.file["teeth_triangles"])
        self.teeth = v + teeth
        mean = self.vertices(np.zeros((1, len(self._face))), np.zeros((1, 2)))[0]
        self.openness = openness(mean, self.triangles)
        for name, value in (("right eye", 0.7), ("left eye", 0.7), ("mouth", 0.15)):
            self.openness[self.kind[name]] = value
        self.openness[self.teeth] = 0.55
        self.clothed = np.flatnonzero(self.file["height"] < CLOTHES) + v

    def vertices(self, coefficients: Array, gaze: ArrayLike) -> NDArray[np.float32]:
        """Vertices (B, n, 3) in mm of the face frame of several heads.

        Parameters
        ----------
        coefficients : (B, K + E) array
            Identity, then expression.
        gaze : (B, 2) array
            Pitch and yaw of the eyes in degrees.
        """
        c = np.asarray(coefficients, np.float32)
        out = np.empty((len(c), self.count, 3), np.float32)
        out[:, self.kind["face"]] = self.model.mean + (c @ self._face).reshape(len(c), -1, 3)
        out[:, self.kind["head"]] = self.file["mean"] + (c @ self._around).reshape(len(c), -1, 3)
        centre = self.file["eye_centre"] + (c @ self._eyes).reshape(len(c), 2, 3)
        for k, angles in enumerate(gaze):
            ball = self._ball @ rotation_matrix(*angles, 0.0).T
            out[k, self.kind["right eye"]], out[k, self.kind["left eye"]] = ball + centre[k, 0], ball + centre[k, 1]
        self.line_mouth(out)
        return out

    def line_mouth(self, vertices: NDArray[np.float32]) -> None:
        """Put the dark pocket behind the lips of heads (B, n, 3), in place."""
        rim = vertices[:, self.rim]
        middle = rim.mean(1, keepdims=True)
        back = [0, 0, MOUTH_DEPTH]
        vertices[:, self.kind["mouth"]][:, :-1] = middle + (rim - middle) * np.float32([1.0, 1.6, 0.6]) - back
        vertices[:, -1] = middle[:, 0] - back


@numba.njit(cache=True, error_model="numpy")
def _normals(vertices, triangles):  # pragma: no cover - compiled
    out = np.zeros_like(vertices)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-9
        out[v] /= length
    return out


@numba.njit(cache=True, error_model="numpy")
def _project(points, matrix, shift):  # pragma: no cover - compiled
    out = np.empty(points.shape, np.float64)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for k in range(3):
            out[i, k] = matrix[k, 0] * x + matrix[k, 1] * y + matrix[k, 2] * z + shift[k]
    return out


@numba.njit(cache=True, error_model="numpy")
def _paint(colors, triangles, index, bary, image):  # pragma: no cover - compiled
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t >= 0:
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                for k in range(3):
                    image[y, x, k] = (
                        bary[y, x, 0] * colors[a, k] + bary[y, x, 1] * colors[b, k] + bary[y, x, 2] * colors[c, k]
                    )


@numba.njit(cache=True, error_model="numpy")
def _fill_blended(points, triangles, uv, texture, colors, cut, image, depth):  # pragma: no cover - compiled
    """Triangles with a texture of brightness and opacity: over ``cut`` opaque, below it nothing (cut < 0: blended)."""
    height, width = depth.shape
    th, tw = texture.shape[0], texture.shape[1]
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not abs(area) > 1e-9:
            continue
        inverse = 1.0 / area
        du, dv = (by - cy) * inverse, (cy - ay) * inverse
        for y in range(max(int(np.ceil(min(ay, by, cy))), 0), min(int(np.floor(max(ay, by, cy))), height - 1) + 1):
            u0 = (bx * (cy - y) - (by - y) * cx) * inverse
            v0 = (cx * (ay - y) - (cy - y) * ax) * inverse
            for x in range(max(int(np.ceil(min(ax, bx, cx))), 0), min(int(np.floor(max(ax, bx, cx))), width - 1) + 1):
                u, v = u0 + x * du, v0 + x * dv
                w = 1.0 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                z = u * points[a, 2] + v * points[b, 2] + w * points[c, 2]
                if z <= depth[y, x]:
                    continue
                col = min(max(int((u * uv[a, 0] + v * uv[b, 0] + w * uv[c, 0]) * tw), 0), tw - 1)
                row = min(max(int((u * uv[a, 1] + v * uv[b, 1] + w * uv[c, 1]) * th), 0), th - 1)
                opacity = texture[row, col, 1] / 255.0
                if cut >= 0:
                    if opacity < cut:
                        continue
                    opacity = 1.0
                    depth[y, x] = z
                light = texture[row, col, 0] / 255.0
                for k in range(3):
                    value = light * (u * colors[a, k] + v * colors[b, k] + w * colors[c, k])
                    image[y, x, k] += opacity * (value - image[y, x, k])


@dataclass
class Part:
    """Something worn: vertices (n, 3) in mm of the face frame, triangles, colours (n, 3) in 0 to 1, and its texture.

    ``texture`` (h, w, 2) holds brightness and opacity, uint8, read at ``uv``; ``cut`` is the opacity above which it is
    solid, or negative where it lets light through.
    """

    vertices: Array
    triangles: NDArray[np.int32]
    colors: Array
    uv: Array | None = None
    texture: Image | None = None
    cut: float = 0.5


@dataclass(frozen=True)
class Rendering:
    """A picture of a head without surroundings, and what the same z-buffer knows of it.

    Attributes
    ----------
    picture : (N, N, 3) float32
        0 to 1 and over, premultiplied by the coverage.
    coverage : (N, N) float32
    index : (s N, s N) int32
        Triangle of the head seen at each of the s x s finer pixels, -1 for none; parts are not in it.
    barycentric : (s N, s N, 3) float64
        Weights of its corners.
    depth : (s N, s N) float64
        z in pixels of the picture, toward the camera, -inf for none; solid parts are in it.
    vertex_normals : (n, 3) float32
        Of the head in the camera's frame: x right, y up, z toward the camera.
    hidden : float
        Share of the face's own pixels that parts lie before.
    """

    picture: NDArray[np.float32]
    coverage: NDArray[np.float32]
    index: NDArray[np.int32]
    barycentric: Array
    depth: Array
    vertex_normals: Array
    hidden: float

    def normals(self, triangles: NDArray[np.int32]) -> NDArray[np.float32]:
        """Unit normals (N, N, 3) of the head's surface, 0 where there is none."""
        fine = np.zeros((*self.index.shape, 3), np.float32)
        _paint(self.vertex_normals, triangles, self.index, self.barycentric, fine)
        out = cv2.resize(fine, self.coverage.shape, interpolation=cv2.INTER_AREA)
        return out / np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-6)

    def sees(self, points: ArrayLike, tolerance: float = 1.0) -> NDArray[np.bool_]:
        """Which points (..., 3), in pixels, lie in the picture and at most ``tolerance`` behind its surface."""
        points = np.asarray(points, float)
        cell = np.rint((points[..., :2] + 0.5) * SUPERSAMPLING - 0.5).astype(int)
        inside = ((cell >= 0) & (cell < len(self.depth))).all(-1)
        column, row = np.moveaxis(np.where(inside[..., None], cell, 0), -1, 0)
        return inside & (points[..., 2] >= self.depth[row, column] - tolerance)


def draw_head(
    head: Head,
    vertices: Array,
    albedo: Array,
    shine: Array,
    light: Light,
    camera: tuple[Array, float, Array],
    size: int,
    parts: list[Part] = (),
) -> Rendering:
    """Draw a head.

    Parameters
    ----------
    head, vertices, albedo, shine : the head, its vertices (n, 3) in mm, their colours (n, 3) in 0 to 1 and gloss (n,)
    light : Light
    camera : rotation (3, 3), scale, translation (3,)
        Scaled orthographic, see :class:`lprnet_utils.geometry.Camera`, for a picture of ``size``.
    size : int
        Side in pixels; drawn ``SUPERSAMPLING`` times larger.
    parts : list of Part
    """
    rotation, scale, translation = camera
    s = SUPERSAMPLING
    # the finer picture's camera, one product for rotation, scale and shift
    matrix = np.asarray(rotation, float) * (scale * np.array([[s], [-s], [1]]))
    shift = np.asarray(translation, float) * [s, s, 1] + np.array([0.5 * s - 0.5, 0.5 * s - 0.5, 0])
    triangles, normals = head.triangles, _normals(vertices, head.triangles) @ rotation.T.astype(np.float32)
    irradiance, gloss = light.shade(normals, head.openness, shine)
    colors = albedo * irradiance + gloss
    index, bary, depth = rasterize(
        _project(vertices, matrix, shift), triangles, s * size, s * size, head.skin_triangles
    )
    image = np.zeros((s * size, s * size, 3), np.float32)
    _paint(np.asarray(colors, np.float32), triangles, index, bary, image)
    some = (slice(None, None, 3),) * 2  # a ninth of the pixels tells what share of the face is hidden
    bare, face = depth[some].copy(), (index[some] >= 0) & (index[some] < head.face_triangles)
    middle = vertices[head.kind["head"]].mean(0)
    for part in parts:
        points = _project(part.vertices, matrix, shift)
        if part.texture is None:
            n = _normals(np.asarray(part.vertices, np.float32), part.triangles) @ rotation.T.astype(np.float32)
            n *= np.where(n[:, 2:] < 0, np.float32(-1), np.float32(1))
        else:  # hair: as a ball around the head's middle
            n = np.asarray(part.vertices - middle, np.float32) @ rotation.T.astype(np.float32)
            n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-6)
        one = np.ones(len(n), np.float32)
        shaded, _ = light.shade(n, one, one)
        uv = np.zeros((len(n), 2), np.float32) if part.uv is None else part.uv.astype(np.float32)
        texture = np.full((1, 1, 2), 255, np.uint8) if part.texture is None else part.texture
        _fill_blended(
            points, part.triangles, uv, texture, (part.colors * shaded).astype(np.float32), part.cut, image, depth
        )
    covered = np.isfinite(depth).astype(np.float32)
    picture = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    coverage = cv2.resize(covered, (size, size), interpolation=cv2.INTER_AREA)
    hidden = float((depth[some] > bare)[face].mean()) if face.any() else 1.0
    return Rendering(picture, coverage, index, bary, depth, normals, hidden)


def openness(vertices: Array, triangles: NDArray, directions: int = 60) -> NDArray[np.float32]:
    """Share (n,) of the sky that vertices see, weighted by the cosine: what is deep in a fold is darker."""
    from .rasterizer import vertex_visibility

    normals = _normals(np.ascontiguousarray(vertices, np.float32), triangles)
    k = np.arange(directions) + 0.5
    polar, turn = np.arccos(1 - 2 * k / directions), np.pi * (1 + 5**0.5) * k  # a Fibonacci sphere
    seen, all_ = np.zeros(len(vertices)), np.full(len(vertices), 1e-6)
    for p, t in zip(polar, turn, strict=True):
        d = np.array([np.cos(t) * np.sin(p), np.sin(t) * np.sin(p), np.cos(p)])
        x = np.cross([0.0, 1.0, 0.0], d)
        x /= np.linalg.norm(x)
        visible = vertex_visibility(vertices @ np.c_[x, np.cross(d, x), d], triangles, 1.0, 0.7)
        cosine = np.maximum(normals @ d, 0)
        seen, all_ = seen + cosine * visible, all_ + cosine
    return (seen / all_).astype(np.float32)


@lru_cache(maxsize=1)
def skin_sheets() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Skins (20, 256, 256, 3) RGB and eyebrows (12, 256, 256) opacity, in the UV layout."""

    def tiles(name: str, columns: int) -> NDArray[np.uint8]:
        sheet = cv2.imdecode(np.frombuffer(read_asset(name), np.uint8), cv2.IMREAD_UNCHANGED)
        side = sheet.shape[1] // columns
        rows = [np.stack(np.split(row, columns, 1)) for row in np.split(sheet, sheet.shape[0] // side)]
        return np.concatenate(rows)

    return tiles("skins/skins.webp", 5)[..., ::-1], tiles("skins/brows.png", 4)
