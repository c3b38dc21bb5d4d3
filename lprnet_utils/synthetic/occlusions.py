"""What comes between the camera and the face: fingers, obstacles, shadows."""

from __future__ import annotations

import cv2
import numpy as np

from ..common.arrays import Array
from .backgrounds import background


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
