"""Synthetic photos of heads: geometry around the face, skins, light, and the picture with its depth.

The face is a :class:`lprnet_utils.MorphableModel`'s; skull, ears, neck, eyeballs, teeth and hair are
MakeHuman's and follow it. Everything is shaded at its vertices, which lie as densely as the pixels of a 128 x 128 crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..geometry.mesh import vertex_normals
from ..geometry.rasterizer import draw_over, interpolate, rasterize
from ..geometry.shading import Light
from .head import Head, Part

SUPERSAMPLING = 2


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
        fine = interpolate(self.vertex_normals, triangles, self.index, self.barycentric)
        out = cv2.resize(fine, self.coverage.shape, interpolation=cv2.INTER_AREA)
        return out / np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-6)

    def sees(self, points: ArrayLike, tolerance: float = 1.0) -> NDArray[np.bool_]:
        """Which points (..., 3), in pixels, lie in the picture and at most ``tolerance`` behind its surface."""
        points = np.asarray(points, float)
        cell = np.rint((points[..., :2] + 0.5) * SUPERSAMPLING - 0.5).astype(int)
        inside = ((cell >= 0) & (cell < len(self.depth))).all(-1)
        column, row = np.moveaxis(np.where(inside[..., None], cell, 0), -1, 0)
        return inside & (points[..., 2] >= self.depth[row, column] - tolerance)


def _part_normals(part: Part, middle: Array, turn: Array) -> NDArray[np.float32]:
    """Unit normals (n, 3) of something worn, in the camera's frame; hair is lit like a ball around the head."""
    if part.texture is None:
        out = vertex_normals(np.asarray(part.vertices, np.float32), part.triangles) @ turn
        return out * np.where(out[:, 2:] < 0, np.float32(-1), np.float32(1))
    out = np.asarray(part.vertices - middle, np.float32) @ turn
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)


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
    turn = rotation.T.astype(np.float32)
    normals = vertex_normals(vertices, head.triangles) @ turn
    irradiance, gloss = light.shade(normals, head.openness, shine)
    colors = np.asarray(albedo * irradiance + gloss, np.float32)
    index, bary, depth = rasterize(vertices @ matrix.T + shift, head.triangles, s * size, s * size, head.skin_triangles)
    image = interpolate(colors, head.triangles, index, bary)
    some = (slice(None, None, 3),) * 2  # a ninth of the pixels tells what share of the face is hidden
    bare, face = depth[some].copy(), (index[some] >= 0) & (index[some] < head.face_triangles)
    middle = vertices[head.kind["head"]].mean(0)
    for part in parts:
        open_sky = no_gloss = np.ones(len(part.vertices), np.float32)
        colors = part.colors * light.shade(_part_normals(part, middle, turn), open_sky, no_gloss)[0]
        points = part.vertices @ matrix.T + shift
        draw_over(image, depth, points, part.triangles, colors, part.uv, part.texture, part.cut)
    covered = np.isfinite(depth).astype(np.float32)
    picture = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    coverage = cv2.resize(covered, (size, size), interpolation=cv2.INTER_AREA)
    hidden = float((depth[some] > bare)[face].mean()) if face.any() else 1.0
    return Rendering(picture, coverage, index, bary, depth, normals, hidden)
