"""What is behind the head: photos and made-up places."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Image
from ..common.assets import data_path
from ..common.images import read_image


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
    return cv2.pow(out, 2.2)


@lru_cache(maxsize=1)
def background_photos() -> list[Image]:
    """Free photos without faces that come with scikit-image; without scikit-image, a part of a bundled photo."""
    try:
        from skimage import data
    except ImportError:
        return [read_image(data_path("samples/astronaut.jpg"))[:120, :200]]
    names = "coffee", "chelsea", "rocket", "hubble_deep_field", "brick", "grass", "gravel", "coins", "page", "moon"
    out = []
    for name in names:
        picture = getattr(data, name)()
        picture = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
        scale = 256 / min(picture.shape[:2])  # twice the size of a crop: resizing a part of it is fast
        out.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return out
