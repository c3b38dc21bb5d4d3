"""Eyes as a close look sees them: irises, lids that cast a shadow, lashes, make-up and glints."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..geometry.mesh import border_loops
from ..morphable_model.model import MorphableModel
from .appearance import IRIS_COLORS
from .head import Part, ring_triangles

# Angles from the axis of gaze, in degrees, on MakeHuman's eyeball with its radius of 14 mm: an iris of 9.8 to 11.4 mm.
# Real ones have 11.7 mm where pupils are 62 mm apart (here: 56)
IRIS_ANGLE, PUPIL_ANGLE = (20.5, 24.0), (6.0, 12.0)
LIMBUS = 2.0  # degrees of the dark border of the iris
IRIS_STREAKS = 40
VEIN_COLOR = np.array([0.55, 0.22, 0.18])
LASH_SHEETS, LASH_SHEET_SIZE = 16, (48, 320)  # height and width of a sheet in texels
LASH_LENGTH = {"upper": (4.0, 11.0), "lower": (2.0, 5.5)}  # mm
LASH_COUNT = {"upper": (60, 170), "lower": (25, 80)}
GLINT_RADIUS = (0.35, 1.3)  # mm


@dataclass(frozen=True)
class Lids:
    """Vertices along the rims of both lids of an eye, or of both lips, from its right to its left end."""

    upper: NDArray[np.intp]
    lower: NDArray[np.intp]

    @classmethod
    def of(cls, model: MorphableModel) -> list[Self]:
        """Those of the right eye, of the left eye and of the lips of the bundled topology."""
        loops = border_loops(model.triangles[~model.membrane])[1:]
        mouth = min(loops, key=lambda loop: model.mean[loop, 1].mean())
        eyes = sorted((loop for loop in loops if loop is not mouth), key=lambda loop: model.mean[loop, 0].mean())
        found = []
        for loop in (*eyes, mouth):
            x = model.mean[loop, 0]
            ring = np.roll(loop, -int(x.argmin()))
            end = int(model.mean[ring, 0].argmax())
            halves = ring[: end + 1], np.r_[ring[end:], ring[0]][::-1]
            upper, lower = sorted(halves, key=lambda half: -model.mean[half, 1].mean())
            found.append(cls(upper, lower))
        return found

    def gap(self, points: Array) -> Array:
        """The height (...) of the opening between the rims in vertices (..., n, 3): mean of the rims' middle halves."""
        middle = (rim[len(rim) // 4 : len(rim) - len(rim) // 4] for rim in (self.upper, self.lower))
        upper, lower = (points[..., rows, 1].mean(-1) for rows in middle)
        return upper - lower


@dataclass(frozen=True)
class Irises:
    """What a person's irises look like, both alike."""

    radius: float  # angle from the axis of gaze, radians
    pupil: float
    color: Array
    streaks: Array  # (n,) brightness around the axis
    white: Array
    veins: float

    @classmethod
    def sample(cls, rng: np.random.Generator, tone: float, dark: bool) -> Self:
        """Random ones for a skin of this tone."""
        base = IRIS_COLORS[0 if dark else rng.integers(len(IRIS_COLORS))] * rng.uniform(0.5, 1.6)
        streaks = cv2.blur(rng.normal(0, 1, (1, IRIS_STREAKS)), (3, 1), borderType=cv2.BORDER_REFLECT)[0]
        white = np.array([0.5, 0.48, 0.46]) * rng.uniform(0.65, 1.15) * (0.35 + tone) * (1 + rng.normal(0, 0.04, 3))
        return cls(np.deg2rad(rng.uniform(*IRIS_ANGLE)), np.deg2rad(rng.uniform(*PUPIL_ANGLE)), base,
                   np.exp(rng.uniform(0.1, 0.5) * streaks), white, rng.uniform(0, 0.5) ** 2)  # fmt: skip

    def colors(self, rng: np.random.Generator, polar: Array, angle: Array) -> NDArray[np.float32]:
        """Colours (n, 3) of points on the eyeball at angles from the axis of gaze and around it, in radians."""
        around = self.streaks[(angle / (2 * np.pi) * len(self.streaks)).astype(int) % len(self.streaks)]
        inner = np.clip((polar - self.pupil) / (self.radius - self.pupil), 0, 1)
        iris = self.color * (around * (1.25 - 0.5 * inner))[:, None]
        limbus = np.clip((self.radius - polar) / np.deg2rad(LIMBUS), 0.25, 1)
        corner = np.clip(polar / np.deg2rad(70), 0, 1)[:, None] * self.veins
        white = self.white * np.exp(rng.normal(0, 0.04, (len(polar), 1)))
        out = np.where(polar[:, None] < self.radius, iris * limbus[:, None], white + corner * (VEIN_COLOR - white))
        return np.where(polar[:, None] < self.pupil, 0.006, out).astype(np.float32)


def lid_shadow(rng: np.random.Generator, ball: Array, upper: Array, lower: Array) -> NDArray[np.float32]:
    """Factors (n,) of the light on points (n, 3) of an eyeball: the lids (m, 3) and their lashes keep light away."""
    out = np.ones(len(ball))
    for lid, strength, reach in ((upper, rng.uniform(0.3, 0.9), rng.uniform(1.2, 4)),
                                 (lower, rng.uniform(0, 0.5), rng.uniform(0.5, 1.5))):  # fmt: skip
        distance = np.linalg.norm(ball[:, None] - lid[None, ::2], axis=-1).min(1)
        out *= 1 - strength * np.exp(-((distance / reach) ** 2))
    return out.astype(np.float32)


@lru_cache(maxsize=2)
def _lash_sheets(lid: str) -> list[NDArray[np.uint8]]:
    """Textures (h, w, 2) of lashes, of brightness and opacity: their roots are in the first row."""
    rng, (height, width) = np.random.default_rng(len(lid) + ord(lid[0])), LASH_SHEET_SIZE
    sheets = []
    for _ in range(LASH_SHEETS):
        opacity = np.zeros((height, width), np.uint8)
        for x in rng.uniform(0, width, rng.integers(*LASH_COUNT[lid])):
            length, bend = height * rng.uniform(0.4, 1), rng.normal(0, 9)
            t = np.linspace(0, 1, 6)
            stroke = np.stack([x + bend * t**2 + rng.normal(0, 3) * t, length * t], 1)
            for k, part in enumerate(zip(stroke[:-1], stroke[1:], strict=True)):
                ends = [tuple(int(v * 16) for v in point) for point in part]
                strength = int(255 * (1 - 0.15 * k))
                cv2.line(opacity, *ends, strength, 3 if k < 2 else 2 if k < 4 else 1, cv2.LINE_AA, 4)
        opacity[:4] = np.maximum(opacity[:4], int(rng.uniform(60, 230)))  # the roots stand close
        sheets.append(np.stack([np.full_like(opacity, 255), opacity], -1))
    return sheets


def lashes(
    rng: np.random.Generator, lid: str, rim: Array, centre: Array, color: Array, strength: float, length: float
) -> Part:
    """A fringe of lashes on a lid, ``upper`` or ``lower``, along its rim (m, 3), away from the eyeball's centre.

    ``strength``, 0 to 1, is their opacity, and ``length`` that of the longest in mm.
    """
    up = 1 if lid == "upper" else -1
    out = rim - centre
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    place = np.linspace(-1, 1, len(rim))[:, None]
    direction = out + np.array([0, up * rng.uniform(0.3, 1.1), 0.2]) + place * [rng.uniform(0.1, 0.5), 0, 0]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    reach = length * (1 - 0.5 * place**4)
    middle = rim + reach * (0.55 * direction + [0, -0.06 * up, 0.12])  # curled
    rows = np.stack([rim + 0.1 * out, middle, rim + reach * (direction + [0, 0.1 * up, 0])])
    sheet = _lash_sheets(lid)[rng.integers(LASH_SHEETS)]
    sheet = sheet[:, ::-1] if rng.random() < 0.5 else sheet
    sheet = np.ascontiguousarray((sheet * [1, strength]).astype(np.uint8))
    u = np.linspace(0.01, 0.99, len(rim))
    uv = np.stack([np.stack([u, np.full_like(u, v)], 1) for v in (0.0, 0.55, 0.999)])
    triangles = ring_triangles(3, len(rim))
    whole = np.ptp(triangles % len(rim), axis=1) <= 1  # a fringe is no ring: without the closing strip
    colors = np.tile(color, (3 * len(rim), 1))
    return Part(rows.reshape(-1, 3).astype(np.float32), triangles[whole], colors, uv.reshape(-1, 2), sheet, -1.0)


def conjunctiva(rng: np.random.Generator, rim: Array, centre: Array) -> Part:
    """The flesh between the rim (m, 3) of the lids and the eyeball around ``centre``."""
    inner = rim + (centre - rim) * 0.35
    color = np.array([0.45, 0.2, 0.18]) * rng.uniform(0.3, 1.1)
    colors = np.repeat([color, color * 0.5], len(rim), 0)
    return Part(np.r_[rim + (centre - rim) * 0.03, inner].astype(np.float32), ring_triangles(2, len(rim)), colors)


@lru_cache(maxsize=1)
def _glint_texture() -> NDArray[np.uint8]:
    x = np.linspace(-1, 1, 17)
    fall = np.clip(1.35 - np.hypot(*np.meshgrid(x, x)) * 1.35, 0, 1) ** 0.7
    return np.stack([np.full((17, 17), 255), 255 * fall], -1).astype(np.uint8)


def glint(size: float, centre: Array, radius: float, toward: Array, view: Array, light: Array) -> Part:
    """The reflection of a lamp on an eyeball, ``size`` mm, for unit vectors (3,) toward the lamp and the camera."""
    normal = toward + view
    normal = normal / max(np.linalg.norm(normal), 1e-6)
    right = np.cross([0.0, 1.0, 0.0], normal)
    right /= max(np.linalg.norm(right), 1e-6)
    up = np.cross(normal, right)
    corners = np.array([[-1, 1], [1, 1], [-1, -1], [1, -1]])
    points = centre + normal * radius * 1.03 + (corners * size) @ np.stack([right, up])
    uv = np.float32([[0, 0], [1, 0], [0, 1], [1, 1]])
    return Part(points.astype(np.float32), np.array([[0, 2, 1], [1, 2, 3]], np.int32), np.tile(light, (4, 1)), uv,
                _glint_texture(), -1.0)  # fmt: skip
