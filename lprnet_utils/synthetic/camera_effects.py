"""What a camera and a photo album do to a picture: colour cast, borders, blur, noise, tone curve, filters, JPEG."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image


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
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    return image


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


def _add_noise(rng: np.random.Generator, picture: Array) -> Array:
    """Add shot noise and read noise."""
    level, numbers = rng.uniform(0.002, 0.03), _normal_numbers()
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
