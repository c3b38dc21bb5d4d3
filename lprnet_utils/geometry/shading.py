"""Light on a matt surface: surroundings as spherical harmonics, and one hard lamp."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from .camera import rotation_matrix
from .mesh import vertex_normals

# Ramamoorthi and Hanrahan, SIGGRAPH 2001: constants of the spherical harmonics times the cosine's kernel, over pi
SH = (0.282095, 0.488603, 1.092548, 0.315392, 0.546274)
KERNEL = (1.0, 2 / 3, 2 / 3, 2 / 3, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4)


def sh_basis(normals: ArrayLike) -> Array:
    """Spherical harmonics up to order 2 at unit vectors (n, 3): (n, 9)."""
    x, y, z = np.asarray(normals, np.float32).T
    one = np.ones_like(x)
    a, b, c, d, e = (np.float32(v) for v in SH)
    return np.stack(
        [a * one, b * y, b * z, b * x, c * x * y, c * y * z, d * (3 * z * z - 1), c * x * z, e * (x * x - y * y)], 1
    )


@dataclass(frozen=True)
class Light:
    """Light from everywhere, as spherical harmonics, and one hard lamp.

    Attributes
    ----------
    harmonics : (9, 3) array
        Radiance of the surroundings in R, G, B.
    lamp : (3,) array
        Unit vector toward the lamp, in the camera's frame (x right, y up, z toward the camera).
    color : (3,) array
        Of the lamp; 1 is full white on a surface that faces it.
    gloss : float
        Strength of the skin's highlight.
    """

    harmonics: Array
    lamp: Array
    color: Array
    gloss: float = 0.1

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Light:
        """A random light: a sky, a few soft lamps, a hard one; sometimes dim, sometimes from behind."""
        tint = 1 + rng.normal(0, 0.07, 3)
        sky = np.zeros((9, 3))
        sky[0] = rng.uniform(0.5, 1.2) / SH[0] * tint
        sky[1] = rng.uniform(0, 0.35) / SH[1] * tint
        for _ in range(rng.integers(1, 4)):
            direction = rng.normal(size=3) + [0, 0.4, 0.5]
            direction /= np.linalg.norm(direction)
            color = rng.uniform(0.1, 0.8) * (1 + rng.normal(0, 0.1, 3))
            sky += 3.5 * sh_basis(direction[None])[0][:, None] * color
        lamp = rng.normal(size=3) + [0, 0.5, 0.7 if rng.random() < 0.85 else -1.5]
        color = max(rng.normal(0.35, 0.35), 0) * (1 + rng.normal(0, 0.1, 3))
        return cls(sky, lamp / np.linalg.norm(lamp), color, gloss=abs(rng.normal(0.08, 0.08)))

    def shade(self, normals: Array, openness: Array, shine: Array) -> tuple[Array, Array]:
        """Irradiance (n, 3) and highlight of vertices with unit normals (n, 3)."""
        from .rasterizer import shade_vertices

        kernel = np.array(KERNEL, np.float32)[:, None] * self.harmonics.astype(np.float32)
        half = self.lamp + [0, 0, 1]
        half = (half / max(np.linalg.norm(half), 1e-6)).astype(np.float32)
        out, gloss = np.empty((2, len(normals), 3), np.float32)
        lamp, color = self.lamp.astype(np.float32), self.color.astype(np.float32)
        shade_vertices(normals, kernel, SH, lamp, color, half, self.gloss, openness, shine, out, gloss)
        return out, gloss


RENDERED = 210.0  # mm across a rendered picture: a face is about 180 mm high
LAMP = np.array([-0.35, 0.45, 0.82])  # toward the light of a rendering
CLAY = (205, 205, 205)  # RGB of a mesh without colours of its own
AMBIENT = {"clay": 0.35, "photo": 0.6}  # share of the light from everywhere; a photo has light of its own


def lamp_light(normals: ArrayLike, ambient: float) -> Array:
    """Light (n, 1), 0 to 1, on a matt surface with unit normals (n, 3): from everywhere, and from the lamp."""
    return ambient + (1 - ambient) * np.clip(np.asarray(normals) @ LAMP, 0, 1)[:, None]


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
    light = lamp_light(vertex_normals(vertices, triangles), AMBIENT["clay" if colors is None else "photo"])
    if uv is None:
        base = np.asarray(CLAY if colors is None else colors, float)
        picture = interpolate(base * light, triangles, index, bary)
    else:
        texture = np.asarray(colors, np.float32)
        drawn = interpolate(np.c_[np.asarray(uv) * len(texture) - 0.5, light], triangles, index, bary)
        x, y = (drawn[..., k].astype(np.float32) for k in (0, 1))
        picture = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) * drawn[..., 2:]
    picture[index < 0] = 255
    small = cv2.resize(picture.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)
