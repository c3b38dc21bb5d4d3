"""Light on a matt surface, and pictures of meshes."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from .camera import rotation_matrix
from .mesh import vertex_normals

# Ramamoorthi and Hanrahan, SIGGRAPH 2001: constants of the spherical harmonics, and the factors of the cosine kernel
# divided by pi
SH_CONSTANTS = (0.282095, 0.488603, 1.092548, 0.315392, 0.546274)
COSINE_KERNEL = (1.0, 2 / 3, 2 / 3, 2 / 3, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4)

GAMMA = 2.2  # grey levels, 0 to 1, to this power are light: nearly sRGB's curve, and simpler

PICTURE_WIDTH_MM = 210.0  # width that a rendered picture spans; a face is about 180 mm high
LAMP = np.array([-0.35, 0.45, 0.82])  # direction toward the lamp of a rendered picture, in the face frame
CLAY = (205, 205, 205)  # RGB of a mesh without colours of its own
AMBIENT_SHARE = {"clay": 0.35, "photo": 0.6}  # share of ambient light; the colours of a photo are already lit


def sh_basis(normals: ArrayLike) -> Array:
    """Spherical harmonics (n, 9) up to order 2 of unit vectors (n, 3)."""
    x, y, z = np.asarray(normals, np.float32).T
    one = np.ones_like(x)
    a, b, c, d, e = (np.float32(v) for v in SH_CONSTANTS)
    return np.stack(
        [a * one, b * y, b * z, b * x, c * x * y, c * y * z, d * (3 * z * z - 1), c * x * z, e * (x * x - y * y)], 1
    )


@dataclass(frozen=True)
class Light:
    """Ambient light as spherical harmonics, and one lamp.

    Attributes
    ----------
    harmonics : (9, 3) array
        Spherical harmonics of the ambient radiance in R, G, B.
    lamp : (3,) array
        Unit vector toward the lamp, in the axes of the face frame.
    color : (3,) array
        RGB of the lamp; 1 is full white on a surface that faces it.
    gloss : float
        Strength of the highlight on skin.
    """

    harmonics: Array
    lamp: Array
    color: Array
    gloss: float = 0.1

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Draw a random light: a sky, one to three soft lamps and a hard lamp, sometimes dim or behind the head."""
        tint = 1 + rng.normal(0, 0.07, 3)
        sky = np.zeros((9, 3))
        sky[0] = rng.uniform(0.5, 1.2) / SH_CONSTANTS[0] * tint
        sky[1] = rng.uniform(0, 0.35) / SH_CONSTANTS[1] * tint
        for _ in range(rng.integers(1, 4)):
            direction = rng.normal(size=3) + [0, 0.4, 0.5]
            direction /= np.linalg.norm(direction)
            color = rng.uniform(0.1, 0.8) * (1 + rng.normal(0, 0.1, 3))
            sky += 3.5 * sh_basis(direction[None])[0][:, None] * color
        lamp = rng.normal(size=3) + [0, 0.5, 0.7 if rng.random() < 0.85 else -1.5]
        color = max(rng.normal(0.35, 0.35), 0) * (1 + rng.normal(0, 0.1, 3))
        return cls(sky, lamp / np.linalg.norm(lamp), color, gloss=abs(rng.normal(0.08, 0.08)))

    def shade(self, normals: Array, ambient_occlusion: Array, shine: Array) -> tuple[Array, Array]:
        """Irradiance and highlight, (n, 3) each, at vertices with unit normals (n, 3); needs numba. All is float32.

        ``ambient_occlusion`` (n,), 0 to 1, is the share of the ambient light that reaches each vertex, and ``shine``
        (n,) the factor of its highlight.
        """
        from .rasterizer import shade_vertices

        sky = np.array(COSINE_KERNEL, np.float32)[:, None] * self.harmonics.astype(np.float32)
        halfway = self.lamp + [0, 0, 1]  # between the directions to the lamp and to the camera
        halfway = (halfway / max(np.linalg.norm(halfway), 1e-6)).astype(np.float32)
        lamp, color = self.lamp.astype(np.float32), self.color.astype(np.float32)
        return shade_vertices(normals, sky, SH_CONSTANTS, lamp, color, halfway, self.gloss, ambient_occlusion, shine)


def lamp_light(normals: ArrayLike, ambient: float) -> Array:
    """Light (n, 1), 0 to 1, of ambient light and ``LAMP`` on a matt surface with unit normals (n, 3)."""
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
    """Render a face mesh on white, turned by given angles and lit from the upper left; needs numba.

    Parameters
    ----------
    vertices : (n, 3) array
        In the face frame.
    triangles : (m, 3) int array
    size : int
        Side of the picture in pixels; it spans 210 mm.
    yaw, pitch : float
        Degrees, as in :func:`lprnet_utils.geometry.rotation_matrix`.
    colors : (n, 3) array, or with ``uv`` (S, S, 3), optional
        Colours 0 to 255 at the vertices, or a texture; grey clay by default.
    uv : (n, 2) array, optional
        Positions of the vertices in the texture, u right, v down, 0 to 1.
    """
    from .rasterizer import interpolate, rasterize

    vertices = np.asarray(vertices, float)
    vertices = (vertices - (vertices.min(0) + vertices.max(0)) / 2) @ rotation_matrix(pitch, yaw, 0).T
    fine = 2 * size  # two samples per pixel in each direction, averaged below
    scale = fine / PICTURE_WIDTH_MM
    points = vertices * [scale, -scale, scale] + [fine / 2 - 0.5, fine / 2 - 0.5, 0]
    index, bary, _ = rasterize(points, triangles, fine, fine)
    light = lamp_light(vertex_normals(vertices, triangles), AMBIENT_SHARE["clay" if colors is None else "photo"])
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
