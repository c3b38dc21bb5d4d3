"""Light on a matt surface: surroundings as spherical harmonics, and one hard lamp."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]

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
        kernel = np.array(KERNEL, np.float32)[:, None] * self.harmonics.astype(np.float32)
        half = self.lamp + [0, 0, 1]
        half = (half / max(np.linalg.norm(half), 1e-6)).astype(np.float32)
        out, gloss = np.empty((2, len(normals), 3), np.float32)
        lamp, color = self.lamp.astype(np.float32), self.color.astype(np.float32)
        _shade(normals, kernel, SH, lamp, color, half, self.gloss, openness, shine, out, gloss)
        return out, gloss


@numba.njit(cache=True, error_model="numpy")
def _shade(
    normals, kernel, sh, lamp, color, half, strength, openness, shine, out, gloss
):  # pragma: no cover - compiled
    for i in range(normals.shape[0]):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        direct = max(x * lamp[0] + y * lamp[1] + z * lamp[2], 0.0)
        glint = strength * shine[i] * max(x * half[0] + y * half[1] + z * half[2], 0.0) ** 24
        for k in range(3):
            sky = (
                sh[0] * kernel[0, k]
                + sh[1] * (y * kernel[1, k] + z * kernel[2, k] + x * kernel[3, k])
                + sh[2] * (x * y * kernel[4, k] + y * z * kernel[5, k] + x * z * kernel[7, k])
                + sh[3] * (3 * z * z - 1) * kernel[6, k]
                + sh[4] * (x * x - y * y) * kernel[8, k]
            )
            out[i, k] = max(sky, 0.02) * openness[i] + direct * color[k]
            gloss[i, k] = glint * color[k]


@numba.njit(cache=True, error_model="numpy")
def blend(colors, opacity, color):  # pragma: no cover - compiled
    """Paint of one color (3,) over colors (n, 3), in place, with an opacity (n,) each.

    Numpy is ten times slower where the last axis has three numbers.
    """
    for i in range(colors.shape[0]):
        for k in range(3):
            colors[i, k] += opacity[i] * (color[k] - colors[i, k])


@numba.njit(cache=True, error_model="numpy")
def stain(colors, factor, gain, low, high):  # pragma: no cover - compiled
    """Colors (n, 3) times a factor (n,) and a gain (3,), in place, kept from ``low`` to ``high``."""
    for i in range(colors.shape[0]):
        for k in range(3):
            colors[i, k] = min(max(colors[i, k] * factor[i] * gain[k], low), high)
