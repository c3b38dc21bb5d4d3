"""What turns a picture of a head into a photo: a background, things before the face, and a camera."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..common.assets import data_path
from ..common.images import read_image
from ..geometry.shading import GAMMA


def background(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """A random background (n, n, 3) in linear light: a part of a free photo, a colour gradient or coloured shapes."""
    kind = rng.random()
    if kind < 0.55:
        photos = background_photos()
        photo = photos[int(rng.integers(len(photos)))]
        side = int(rng.integers(32, min(photo.shape[:2]) + 1))
        y, x = (int(rng.integers(0, s - side + 1)) for s in photo.shape[:2])
        out = cv2.resize(photo[y : y + side, x : x + side], (n, n), interpolation=cv2.INTER_AREA)
        out = np.rot90(out, int(rng.integers(4)))[..., rng.permutation(3)].astype(np.float32) / 255
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
    if rng.random() < 0.6:  # out of focus; two box filters cost the same at any width, unlike a Gaussian
        width = (int(rng.integers(2, 13)),) * 2
        out = cv2.blur(cv2.blur(out, width), width)
    return cv2.pow(out, GAMMA)


@lru_cache(maxsize=1)
def background_photos() -> list[Image]:
    """Free photos without faces that come with scikit-image; without scikit-image, a part of a bundled photo."""
    try:
        from skimage import data
    except ImportError:
        return [read_image(data_path("samples/astronaut.jpg"))[:120, :200]]
    out = []
    for name in "coffee", "chelsea", "rocket", "hubble_deep_field", "brick", "grass", "gravel", "coins", "page", "moon":
        picture = getattr(data, name)()
        picture = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
        scale = 256 / min(picture.shape[:2])  # twice the size of a crop: resizing a part of it is fast
        out.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return out


def fingers(rng: np.random.Generator, picture: Array, skin: Array) -> Array:
    """Draw two to four fingers over a picture (n, n, 3), in the median colour of ``skin`` (m, 3)."""
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
    """Cover up to a fifth of a picture (n, n, 3) with one or two patches of a random background."""
    n = picture.shape[0]
    mask = np.zeros((n, n), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        corners = rng.uniform(0.05, 0.95, 2) + rng.uniform(-1, 1, (6, 2)) * rng.uniform(0.08, 0.3, 2)
        cv2.fillConvexPoly(mask, cv2.convexHull((corners * n * 16).astype(np.int32)), 1.0, cv2.LINE_AA, 4)
    return picture + mask[..., None] * (background(rng, n) - picture)


def shadow(rng: np.random.Generator, picture: Array) -> Array:
    """Let a shadow fall on one side of a picture (n, n, 3). Its edge is straight or curved, sharp or soft."""
    n = picture.shape[0]
    x, y = np.meshgrid(np.linspace(-1, 1, n, dtype=np.float32), np.linspace(-1, 1, n, dtype=np.float32))
    angle, offset, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.3), rng.normal(0, 0.6)
    across, along = np.cos(angle) * x + np.sin(angle) * y - offset, np.cos(angle) * y - np.sin(angle) * x
    lit = 1 / (1 + np.exp(-np.clip((across + bend * along**2) / np.exp(rng.uniform(-4, -0.7)), -30, 30)))
    dark = rng.uniform(0.1, 0.6) * (1 + rng.normal(0, 0.08, 3))
    return picture * (dark + (1 - dark) * lit[..., None]).astype(np.float32)


def simulate_camera(rng: np.random.Generator, linear: Array) -> Image:
    """The photo (n, n, 3) uint8 that a random camera makes of a picture (n, n, 3) in linear light."""
    n = linear.shape[0]
    cast = rng.normal(0, 0.06 if rng.random() < 0.7 else 0.35, 3)
    out = np.maximum(linear, 0).astype(np.float32) * np.exp(cast - cast.mean()).astype(np.float32)
    if rng.random() < 0.2:
        out = _add_borders(rng, out)
    if rng.random() < 0.35:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 1.6))
    elif rng.random() < 0.2:
        small = int(n * rng.uniform(0.22, 0.7))
        out = cv2.resize(cv2.resize(out, (small, small), interpolation=cv2.INTER_AREA), (n, n))
    if rng.random() < 0.5:
        out = _add_noise(rng, out)
    out = cv2.pow(np.clip(out, 0, 1), 1 / rng.uniform(1.9, 2.5))
    out = _filter_colors(rng, out)
    if rng.random() < 0.5:  # contrast and brightness
        out = (out - 0.5) * np.float32(np.exp(rng.normal(0, 0.3))) + np.float32(0.5 + rng.normal(0, 0.08))
    image = (255 * np.clip(out, 0, 1)).astype(np.uint8)
    return _jpeg(image, int(rng.integers(35, 96))) if rng.random() < 0.5 else image


def good_camera(rng: np.random.Generator, linear: Array) -> Image:
    """The photo (n, n, 3) uint8 of a picture (n, n, 3) in linear light: sharp, perhaps sharpened as phones do."""
    out = np.clip(linear * np.exp(rng.normal(0, 0.04, 3)), 0, 1).astype(np.float32)
    out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 0.7))
    out = _add_noise(rng, out, (0.0, 0.012))
    out = cv2.pow(np.clip(out, 0, 1), 1 / rng.uniform(2.0, 2.4))
    if rng.random() < 0.4:
        out += np.float32(rng.uniform(0.2, 1.2)) * (out - cv2.GaussianBlur(out, (0, 0), rng.uniform(0.8, 1.6)))
    return _jpeg((255 * np.clip(out, 0, 1)).astype(np.uint8), int(rng.integers(70, 99)))


def _jpeg(image: Image, quality: int) -> Image:
    """An image (n, n, 3) after JPEG compression; the order of its channels does not matter."""
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)


def _add_borders(rng: np.random.Generator, picture: Array) -> Array:
    """Let the photo end inside the picture on one or two sides: the edge is repeated, or the border is plain."""
    n = picture.shape[0]
    plain = rng.uniform(0, 1, 3) ** 2 if rng.random() < 0.4 else None
    for _ in range(int(rng.integers(1, 3))):
        width, turns = int(rng.integers(1, n // 4)), int(rng.integers(4))
        picture = np.rot90(picture, turns)
        edge = picture[width : width + 1] if plain is None else np.full_like(picture[:1], plain)
        picture = np.rot90(np.concatenate([np.repeat(edge, width, 0), picture[width:]]), -turns)
    return np.ascontiguousarray(picture, np.float32)


@lru_cache(maxsize=1)
def _normal_numbers() -> NDArray[np.float32]:
    """Standard normal numbers to take noise from: drawing new ones would take a tenth of the time of a sample."""
    return np.random.default_rng(0).standard_normal(1 << 19, np.float32)


def _add_noise(rng: np.random.Generator, picture: Array, levels: tuple[float, float] = (0.002, 0.03)) -> Array:
    """Add shot noise and read noise."""
    level, numbers = rng.uniform(*levels), _normal_numbers()
    start = int(rng.integers(numbers.size - picture.size)) if picture.size < numbers.size else 0
    noise = numbers[start : start + picture.size]
    noise = noise.reshape(picture.shape) if len(noise) == picture.size else np.resize(noise, picture.shape)
    return picture + noise * cv2.sqrt(np.maximum(picture, 0) + np.float32(0.02)) * np.float32(level)


def _filter_colors(rng: np.random.Generator, picture: Array) -> Array:
    """Grey, tinted like an old print or under stage lights, more or less saturated, or unchanged."""
    grey = (picture @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    kind = rng.random()
    if kind < 0.12:
        return np.repeat(grey, 3, 2)
    if kind < 0.16:
        tint = rng.uniform(0.15, 1, 3).astype(np.float32)
        return grey * tint / tint.max()
    if kind < 0.5:
        return grey + (picture - grey) * np.float32(rng.uniform(0.3, 1.6))
    return picture
