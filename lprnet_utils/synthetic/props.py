"""What surrounds a synthetic face: hats, glasses, a hand, a place behind, and the camera's own faults."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.assets import data_path
from ..common.images import read_image
from ..geometry.landmarks import BROWS, LEFT_EYE, NOSE_BRIDGE, RIGHT_EYE
from .head import Part

UNIT = np.arange(256, dtype=np.float32) / 255
NOISE = np.random.default_rng(0).standard_normal(1 << 19, np.float32)  # drawing it anew would take a tenth of the time


def hat(rng: np.random.Generator, around: Array, marks: Array) -> Part:
    """A cap or a brimmed hat: a dome over the skull and a brim."""
    base = marks[BROWS, 1].mean() + rng.uniform(8, 35)
    skull = around[np.abs(around[:, 1] - base) < 12]
    centre = np.r_[0.0, base, (skull[:, 2].min() + skull[:, 2].max()) / 2]
    radius = np.array(
        [np.ptp(skull[:, 0]) / 2 + 6, around[:, 1].max() - base + rng.uniform(6, 30), np.ptp(skull[:, 2]) / 2 + 8]
    )
    n = 24
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    levels = [(np.cos(t), np.sin(t)) for t in np.linspace(0, np.pi / 2 * 0.98, 7)]
    brim = rng.choice([0.0, 20.0, 45.0])
    front = rng.random() < 0.5
    reach = 1 + brim / radius[2] * (np.clip(np.sin(angle), 0, 1) if front else 1)
    rings = [np.stack([radius[0] * reach * np.cos(angle), 0 * angle - 3, radius[2] * reach * np.sin(angle)], 1)]
    rings += [np.stack([radius[0] * c * np.cos(angle), radius[1] * s + 0 * angle, radius[2] * c * np.sin(angle)], 1)
              for c, s in levels]  # fmt: skip
    points = np.concatenate(rings) + centre
    colors = np.tile(rng.uniform(0.01, 0.7, 3) ** 1.3, (len(points), 1))
    return Part(points.astype(np.float32), strip(len(rings), n), colors)


def glasses(rng: np.random.Generator, marks: Array) -> list[Part]:
    """Frame, temples and lenses, clear or dark."""
    n = 20
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    power, width, height = rng.uniform(0.5, 1), rng.uniform(22, 29), rng.uniform(15, 24)
    cosine, sine = np.cos(angle), np.sin(angle)
    outline = np.stack([width * np.sign(cosine) * np.abs(cosine) ** power,
                        height * np.sign(sine) * np.abs(sine) ** power, 0 * angle], 1)  # fmt: skip
    thick = rng.uniform(1.0, 4.0)
    color = rng.uniform(0, 0.5, 3) if rng.random() < 0.4 else np.full(3, rng.uniform(0.005, 0.05))
    depth = marks[NOSE_BRIDGE.start, 2] + rng.uniform(0, 6)
    frames, lenses = [], []
    for loop, sign in ((RIGHT_EYE, -1), (LEFT_EYE, 1)):
        eye = marks[loop].mean(0)
        centre = np.array([eye[0] + sign * 2, eye[1] - 2, depth - 4])
        bend = np.abs(outline[:, :1] * sign + 25) * [0, 0, -0.12]
        inner, outer = centre + outline + bend, centre + outline * (1 + thick / width) + bend
        frames.append((np.concatenate([inner, outer, outer - [0, 0, 2]]), strip(3, n)))
        lenses.append((np.concatenate([inner, inner * 0 + centre]), strip(2, n)))
        hinge = centre + [sign * width, 0.4 * height, -3]
        ear = np.array([sign * (abs(marks[0 if sign < 0 else 16, 0]) + 4), hinge[1] + 2, marks[[0, 16], 2].mean() - 12])
        bar = np.array([hinge, hinge - [0, thick, 0], ear, ear - [0, thick, 0]])
        frames.append((bar, np.array([[0, 1, 2], [1, 3, 2]])))
    left, right = (marks[s].mean(0) for s in (RIGHT_EYE, LEFT_EYE))
    y = (left[1] + right[1]) / 2 + 0.2 * height
    bridge = np.array([[x, y + dy, depth] for x in (left[0] + width - 4, right[0] - width + 4) for dy in (0, -thick)])
    frames.append((bridge, np.array([[0, 1, 2], [1, 3, 2]])))
    opacity = 235 if rng.random() < 0.35 else int(rng.integers(10, 60))
    tint = rng.uniform(0, 0.06, 3) if opacity > 200 else rng.uniform(0.2, 1.2, 3)
    lens = np.full((1, 1, 2), 255, np.uint8)
    lens[..., 1] = opacity
    # each lens by itself: seen from the side, one lies before the other
    return [joined(frames, color), *(joined([one], tint, lens, -1.0) for one in lenses)]


def background(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """A place (n, n, 3), in linear light: a photo of free licence out of focus, or made up."""
    kind = rng.random()
    if kind < 0.55:
        photo = backgrounds()[int(rng.integers(len(backgrounds())))]
        side = int(rng.integers(32, min(photo.shape[:2]) + 1))
        y, x = (int(rng.integers(0, s - side + 1)) for s in photo.shape[:2])
        out = cv2.resize(photo[y : y + side, x : x + side], (n, n), interpolation=cv2.INTER_AREA)
        out = UNIT[np.rot90(out, int(rng.integers(4)))[..., rng.permutation(3)]]
    elif kind < 0.75:
        cells = int(rng.integers(2, 24))
        out = cv2.resize(rng.random((cells, cells, 3), np.float32), (n, n), interpolation=cv2.INTER_CUBIC)
    else:
        out = np.empty((n, n, 3), np.float32)
        out[:] = rng.random(3)
        for _ in range(int(rng.integers(0, 7))):
            corner = rng.uniform(-0.3 * n, 1.3 * n, (4, 2)).astype(np.int32)
            cv2.fillConvexPoly(out, cv2.convexHull(corner), rng.random(3).tolist())
    ramp = np.linspace(rng.uniform(0.4, 1), rng.uniform(0.4, 1), n, dtype=np.float32)
    out = np.clip(out * (ramp[:, None, None] if rng.random() < 0.5 else ramp[None, :, None]), 0, 1)
    if rng.random() < 0.6:  # out of focus; two boxes cost the same at any width, a Gaussian does not
        width = (int(rng.integers(2, 13)),) * 2
        out = cv2.blur(cv2.blur(out, width), width)
    return cv2.pow(out, 2.2)


def fingers(rng: np.random.Generator, picture: Array, skin: Array) -> Array:
    """A hand before the picture: two to four fingers from one side, of the skin's colour."""
    n = picture.shape[0]
    color = (np.median(skin, 0) if len(skin) else np.full(3, 0.4)) * rng.uniform(0.7, 1.2)
    mask = np.zeros((n, n), np.float32)
    direction = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(direction), np.sin(direction)]), np.array([-np.sin(direction), np.cos(direction)])
    width = rng.uniform(0.06, 0.1) * n
    tip = np.full(2, n / 2) + rng.uniform(-0.3, 0.3, 2) * n
    for k in range(int(rng.integers(2, 5))):
        end = tip + across * k * width * 1.05 - along * abs(rng.normal(0, 0.05)) * n
        ends = [tuple(int(x) for x in np.rint(e * 16)) for e in (end, end - along * n * 1.5)]
        cv2.line(mask, ends[0], ends[1], 1.0, max(int(width), 1), cv2.LINE_AA, 4)
    round_ = cv2.GaussianBlur(mask, (0, 0), width / 3)
    return picture + mask[..., None] * (color * (0.4 + 0.6 * round_[..., None]) - picture)


def obstacle(rng: np.random.Generator, picture: Array) -> Array:
    """Something between camera and face: one or two patches of any place, up to a fifth of the picture together."""
    n = picture.shape[0]
    mask = np.zeros((n, n), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        corners = rng.uniform(0.05, 0.95, 2) + rng.uniform(-1, 1, (6, 2)) * rng.uniform(0.08, 0.3, 2)
        cv2.fillConvexPoly(mask, cv2.convexHull((corners * n * 16).astype(np.int32)), 1.0, cv2.LINE_AA, 4)
    return picture + mask[..., None] * (background(rng, n) - picture)


def shadow(rng: np.random.Generator, picture: Array) -> Array:
    """The edge of a shadow across the picture, straight or round, sharp or soft."""
    n = picture.shape[0]
    x, y = np.meshgrid(np.linspace(-1, 1, n, dtype=np.float32), np.linspace(-1, 1, n, dtype=np.float32))
    angle, offset, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.3), rng.normal(0, 0.6)
    across, along = np.cos(angle) * x + np.sin(angle) * y - offset, np.cos(angle) * y - np.sin(angle) * x
    lit = 1 / (1 + np.exp(-np.clip((across + bend * along**2) / np.exp(rng.uniform(-4, -0.7)), -30, 30)))
    dark = rng.uniform(0.1, 0.6) * (1 + rng.normal(0, 0.08, 3))
    return picture * (dark + (1 - dark) * lit[..., None]).astype(np.float32)


def developed(rng: np.random.Generator, linear: Array) -> Image:
    """From linear light to the picture in an album: colour cast, frame, blur, noise, tone curve, filters, JPEG."""
    n = linear.shape[0]
    cast = rng.normal(0, 0.06 if rng.random() < 0.7 else 0.35, 3)
    out = np.maximum(linear, 0).astype(np.float32) * np.exp(cast - cast.mean()).astype(np.float32)
    if rng.random() < 0.2:  # the photo ends here: its edge is repeated, as in every crop, or the border is plain
        plain = rng.uniform(0, 1, 3) ** 2 if rng.random() < 0.4 else None
        for _ in range(int(rng.integers(1, 3))):
            k, turns = int(rng.integers(1, n // 4)), int(rng.integers(4))
            out = np.rot90(out, turns)
            edge = out[k : k + 1] if plain is None else np.full_like(out[:1], plain)
            out = np.rot90(np.concatenate([np.repeat(edge, k, 0), out[k:]]), -turns)
        out = np.ascontiguousarray(out, np.float32)
    if rng.random() < 0.35:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 1.6))
    elif rng.random() < 0.2:
        small = int(n * rng.uniform(0.22, 0.7))
        out = cv2.resize(cv2.resize(out, (small, small), interpolation=cv2.INTER_AREA), (n, n))
    if rng.random() < 0.5:  # shot noise and read noise
        level = rng.uniform(0.002, 0.03)
        start = int(rng.integers(NOISE.size - out.size)) if out.size < NOISE.size else 0
        noise = NOISE[start : start + out.size]
        noise = noise.reshape(out.shape) if len(noise) == out.size else np.resize(noise, out.shape)
        out = out + noise * cv2.sqrt(np.maximum(out, 0) + np.float32(0.02)) * np.float32(level)
    out = cv2.pow(np.clip(out, 0, 1), 1 / rng.uniform(1.9, 2.5))
    grey = (out @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    kind = rng.random()
    if kind < 0.12:
        out = np.repeat(grey, 3, 2)
    elif kind < 0.16:  # tinted, as old prints and stage lights are
        tint = rng.uniform(0.15, 1, 3).astype(np.float32)
        out = grey * tint / tint.max()
    elif kind < 0.5:
        out = grey + (out - grey) * np.float32(rng.uniform(0.3, 1.6))
    if rng.random() < 0.5:  # contrast and brightness
        out = (out - 0.5) * np.float32(np.exp(rng.normal(0, 0.3))) + np.float32(0.5 + rng.normal(0, 0.08))
    image = (255 * np.clip(out, 0, 1)).astype(np.uint8)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    return image


def strip(rows: int, columns: int) -> NDArray[np.int32]:
    """Triangles of a grid of rings of vertices, closed around."""
    grid = np.arange(rows * columns).reshape(rows, columns)
    a, b = grid[:-1].ravel(), grid[1:].ravel()
    c, d = np.roll(grid[1:], -1, 1).ravel(), np.roll(grid[:-1], -1, 1).ravel()
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)


def joined(pieces: list, color: ArrayLike, texture: Image | None = None, cut: float = 0.5) -> Part:
    """Several meshes of one colour as one part."""
    start = np.cumsum([0, *(len(p) for p, _ in pieces)])
    triangles = np.concatenate([t + s for (_, t), s in zip(pieces, start[:-1], strict=True)]).astype(np.int32)
    points = np.concatenate([p for p, _ in pieces]).astype(np.float32)
    return Part(points, triangles, np.tile(np.asarray(color, np.float32), (len(points), 1)), texture=texture, cut=cut)


@lru_cache(maxsize=1)
def backgrounds() -> list[Image]:
    """Photos of free licence that come with scikit-image, without faces; those bundled where it is not installed."""
    try:
        from skimage import data
    except ImportError:
        return [read_image(data_path("samples/astronaut.jpg"))[:120, :200]]
    names = "coffee", "chelsea", "rocket", "hubble_deep_field", "brick", "grass", "gravel", "coins", "page", "moon"
    out = []
    for name in names:
        picture = getattr(data, name)()
        picture = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
        scale = 256 / min(picture.shape[:2])  # twice a crop: any part of it is quickly made small
        out.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return out
