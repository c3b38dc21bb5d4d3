"""A picture of a synthetic head, with its depth.

The face is that of a :class:`lprnet_utils.MorphableModel`; skull, ears, neck, eyeballs, teeth and hair are MakeHuman's
and follow the face. Everything is shaded at its vertices, which lie about as densely as the pixels of a 128 x 128 crop.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..geometry.camera import Camera
from ..geometry.mesh import vertex_normals
from ..geometry.rasterizer import draw_over, interpolate, rasterize
from ..geometry.shading import Light
from .head import Head, Part

SUPERSAMPLING = 2  # s: a picture is drawn s times larger and then scaled down
HIDDEN_STEP = 3  # pixels between those that the hidden share of the face is measured at


@dataclass(frozen=True)
class Surface:
    """Colours (n, 3), linear, 0 to 1, and gloss (n,) of a head's vertices."""

    albedo: Array
    gloss: Array


@dataclass(frozen=True)
class Rendering:
    """A picture of a head without background, and what its z-buffer tells, which is s times finer."""

    picture: NDArray[np.float32]  # (N, N, 3) linear light, may exceed 1, premultiplied by the coverage
    coverage: NDArray[np.float32]  # (N, N)
    index: NDArray[np.int32]  # (s N, s N) triangle of the head seen at each finer pixel, -1 for none; without parts
    barycentric: Array  # (s N, s N, 3) weights of the triangle's corners
    depth: Array  # (s N, s N) z in pixels of the picture, toward the camera, -inf for none; with solid parts
    vertex_normals: Array  # (n, 3) of the head as the camera sees it: x right, y up, z toward the camera
    hidden: float  # share of the face's pixels that parts hide

    def over(self, background: Array) -> Array:
        """The picture in front of a background (N, N, 3)."""
        return self.picture + (1 - self.coverage[..., None]) * background

    def normals(self, triangles: NDArray[np.int32]) -> NDArray[np.float32]:
        """Unit normals (N, N, 3) of the head's surface, 0 where there is none."""
        fine = interpolate(self.vertex_normals, triangles, self.index, self.barycentric)
        out = cv2.resize(fine, self.coverage.shape, interpolation=cv2.INTER_AREA)
        return out / np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-6)

    def sees(self, points: ArrayLike, tolerance: float = 1.0) -> NDArray[np.bool_]:
        """Whether points (..., 3), in pixels, lie in the picture and at most ``tolerance`` behind its surface."""
        points = np.asarray(points, float)
        cell = np.rint((points[..., :2] + 0.5) * SUPERSAMPLING - 0.5).astype(int)
        inside = ((cell >= 0) & (cell < len(self.depth))).all(-1)
        column, row = np.moveaxis(np.where(inside[..., None], cell, 0), -1, 0)
        return inside & (points[..., 2] >= self.depth[row, column] - tolerance)


def _part_normals(part: Part, centre: Array, rotation: Array) -> NDArray[np.float32]:
    """Unit normals (n, 3) of a part, seen by the camera; hair is lit like a ball around the centre of the head."""
    if part.texture is None:
        out = vertex_normals(np.asarray(part.vertices, np.float32), part.triangles) @ rotation
        return out * np.where(out[:, 2:] < 0, np.float32(-1), np.float32(1))
    out = np.asarray(part.vertices - centre, np.float32) @ rotation
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)


def draw_head(
    head: Head, vertices: Array, surface: Surface, light: Light, camera: Camera, size: int, parts: Sequence[Part] = ()
) -> Rendering:
    """Draw a head with vertices (n, 3) in the face frame, and hair, hat and glasses, in a picture of this side."""
    s = SUPERSAMPLING
    # the finer picture's camera, one product for rotation, scale and shift
    matrix = np.asarray(camera.rotation, float) * (camera.scale * np.array([[s], [-s], [1]]))
    shift = np.asarray(camera.translation, float) * [s, s, 1] + np.array([0.5 * s - 0.5, 0.5 * s - 0.5, 0])
    rotation = camera.rotation.T.astype(np.float32)
    normals = vertex_normals(vertices, head.triangles) @ rotation
    irradiance, highlight = light.shade(normals, head.ambient_occlusion, surface.gloss)
    colors = np.asarray(surface.albedo * irradiance + highlight, np.float32)
    index, bary, depth = rasterize(vertices @ matrix.T + shift, head.triangles, s * size, s * size, head.skin_triangles)
    image = interpolate(colors, head.triangles, index, bary)
    coarse = (slice(None, None, HIDDEN_STEP),) * 2
    bare_depth, face = depth[coarse].copy(), (index[coarse] >= 0) & (index[coarse] < head.face_triangles)
    centre = vertices[head.kind["head"]].mean(0)
    for part in parts:
        no_occlusion = no_gloss = np.ones(len(part.vertices), np.float32)
        colors = part.colors * light.shade(_part_normals(part, centre, rotation), no_occlusion, no_gloss)[0]
        points = part.vertices @ matrix.T + shift
        draw_over(image, depth, points, part.triangles, colors, part.uv, part.texture, part.cut)
    covered = np.isfinite(depth).astype(np.float32)
    picture = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    coverage = cv2.resize(covered, (size, size), interpolation=cv2.INTER_AREA)
    hidden = float((depth[coarse] > bare_depth)[face].mean()) if face.any() else 1.0
    return Rendering(picture, coverage, index, bary, depth, normals, hidden)
