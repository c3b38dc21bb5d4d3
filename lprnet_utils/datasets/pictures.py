"""Changes of a crop's picture alone: something in front, other textures, resolution, blur, colour and noise.

What a change does is drawn first (:class:`PictureChange`), and then made: here on one picture with OpenCV, and on whole
batches on an accelerator by :mod:`lprnet_utils.training.device`, with the same numbers and the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image

if TYPE_CHECKING:
    from .augmentation import Augmentation

NOISE_COUNT = 1 << 20  # numbers in the bank that noise is taken from: drawing new ones would be slow
MAX_SIGMA = 1.8  # of a blur, in pixels
GREY_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class Cover:
    """Something in front of the face: a mask (N, N), and coloured cells (n, n, 3), or a shift of the crop itself."""

    mask: NDArray[np.bool_]
    cells: Image | None  # enlarged to the crop; one cell is a plain colour
    shift: tuple[int, int] = (0, 0)  # rows, columns; if there are no cells

    def texture(self, size: int) -> Image:
        """The cells as a picture (N, N, 3)."""
        cells = self.cells.astype(np.float32)
        return _levels(cv2.resize(cells, (size, size), interpolation=cv2.INTER_LINEAR))


@dataclass(frozen=True)
class PictureChange:
    """All numbers of one change. The steps are made in the order of the fields."""

    covers: tuple[Cover, ...]
    kernels: NDArray[np.float32] | None  # (3, 3, 3, 3): output channel, input channel, rows, columns
    kernel_share: float  # weight of the convolved picture
    small: int  # side to which the picture is shrunk and enlarged again; 0: not
    sigma: float  # standard deviation of a blur in pixels, after that; 0: none
    levels: NDArray[np.uint8]  # (256, 3), what each level of each channel becomes
    grey: bool
    noise: float  # standard deviation in grey levels
    noise_start: int  # place in the bank

    @classmethod
    def draw(cls, rng: np.random.Generator, setting: Augmentation, size: int) -> PictureChange:
        """Draw a change by the probabilities and ranges of a setting, for crops of this size."""
        covers = draw_covers(rng, size) if rng.random() < setting.occlusion else ()
        kernels, share = None, 0.0
        if rng.random() < setting.random_convolution:
            kernels, share = rng.standard_normal((3, 3, 3, 3), np.float32), float(rng.uniform(0, 0.9))
        small, sigma = 0, 0.0
        if rng.random() < setting.low_resolution:
            small = max(int(size * rng.uniform(0.25, 0.8)), 8)
        if rng.random() < setting.blur:
            sigma = float(rng.uniform(0.5, MAX_SIGMA))
        gain = rng.uniform(*setting.channel_gain, 3) * (1 + rng.uniform(-1, 1) * setting.contrast)
        exponent = np.exp(rng.uniform(-1, 1) * setting.gamma)
        lift = rng.uniform(-1, 1) * setting.brightness
        levels = (np.linspace(0, 1, 256)[:, None] ** exponent - 0.5) * gain + 0.5 + lift
        grey = bool(rng.random() < setting.grey)
        noise = float(rng.uniform(2, 14)) if rng.random() < setting.noise else 0.0
        start = int(rng.integers(NOISE_COUNT - 3 * size * size))
        table = np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)
        return cls(covers, kernels, share, small, sigma, table, grey, noise, start)

    def filters(self, size: int) -> NDArray[np.float32]:
        """The matrix (N, N) from rows to rows, and from columns to columns, of resolution and blur."""
        filters = resolution_filter(size, self.small) if self.small else np.eye(size, dtype=np.float32)
        return blur_filter(size, self.sigma) @ filters if self.sigma else filters

    def apply(self, crop: Image) -> Image:
        """A changed copy of a crop (N, N, 3)."""
        for cover in self.covers:
            front = np.roll(crop, cover.shift, (0, 1)) if cover.cells is None else cover.texture(len(crop))
            crop = np.where(cover.mask[..., None], front, crop)
        if self.kernels is not None:
            crop = convolve(crop, self.kernels, self.kernel_share)
        if self.small or self.sigma:
            filters = self.filters(len(crop))
            rows = np.tensordot(filters, crop.astype(np.float32), (1, 0))
            crop = _levels(np.tensordot(rows, filters, (1, 1)).transpose(0, 2, 1))
        crop = cv2.LUT(crop, self.levels[None])
        if self.grey:
            crop = np.repeat(_levels(crop @ GREY_WEIGHTS)[..., None], 3, 2)
        if self.noise:
            noise = noise_bank()[self.noise_start : self.noise_start + crop.size].reshape(crop.shape)
            crop = _levels(crop + np.float32(self.noise) * noise)
        return crop


def _levels(picture: Array) -> Image:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def noise_bank() -> NDArray[np.float32]:
    """Standard normal numbers (NOISE_COUNT,)."""
    return np.random.default_rng(0).standard_normal(NOISE_COUNT, np.float32)


def convolve(crop: Image, kernels: NDArray[np.float32], share: float) -> Image:
    """A crop mixed with its convolution by kernels (3, 3, 3, 3): shapes stay, textures change.

    The convolved picture gets the mean and deviation of each channel back.

    References
    ----------
    Z. Xu et al., Robust and generalizable visual representation learning via random convolutions, ICLR 2021.
    """
    picture = crop.astype(np.float32)
    mixed = np.stack([
        sum(cv2.filter2D(picture[..., c], -1, kernels[out, c], borderType=cv2.BORDER_REPLICATE) for c in range(3))
        for out in range(3)
    ], -1)  # fmt: skip
    mean, deviation = picture.mean((0, 1)), picture.std((0, 1))
    mixed = (mixed - mixed.mean((0, 1))) / (mixed.std((0, 1)) + np.float32(0.25)) * deviation + mean
    return _levels(picture + np.float32(share) * (mixed - picture))


@lru_cache(maxsize=256)
def resolution_filter(size: int, small: int) -> NDArray[np.float32]:
    """The matrix (N, N) that shrinks a row of pixels to fewer by averaging, and enlarges it again linearly."""
    rows = np.eye(size, dtype=np.float32)
    shrunk = cv2.resize(rows, (size, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR)


@lru_cache(maxsize=4)
def mirrored_shifts(size: int) -> NDArray[np.float32]:
    """Matrices (O, N, N) that shift a row of pixels, mirrored at its ends, by -(O // 2) to O // 2."""
    reach = int(np.ceil(3 * MAX_SIGMA))
    index = np.abs(np.arange(size)[:, None] + np.arange(-reach, reach + 1))
    index = np.where(index >= size, 2 * (size - 1) - index, index)
    return np.eye(size, dtype=np.float32)[index].transpose(1, 0, 2).copy()


def blur_weights(sigma: float) -> NDArray[np.float32]:
    """Weights (O,) of the shifts of :func:`mirrored_shifts` that make a Gaussian blur; without one, of the middle."""
    reach = int(np.ceil(3 * MAX_SIGMA))
    offsets = np.arange(-reach, reach + 1)
    if not sigma:
        return (offsets == 0).astype(np.float32)
    weights = np.where(np.abs(offsets) <= np.ceil(3 * sigma), np.exp(-(offsets**2) / (2 * sigma**2)), 0)
    return (weights / weights.sum()).astype(np.float32)


def blur_filter(size: int, sigma: float) -> NDArray[np.float32]:
    """The matrix (N, N) of a Gaussian blur of a row of pixels, which is mirrored at its ends."""
    return np.tensordot(blur_weights(sigma), mirrored_shifts(size), 1)


def draw_covers(rng: np.random.Generator, size: int) -> tuple[Cover, ...]:
    """One or two rectangles or ellipses in front of a crop: plain, patterned or cut from the crop."""
    covers = []
    for _ in range(rng.integers(1, 3)):
        half = rng.uniform(0.06, 0.22, 2) * size
        centre = rng.uniform(0.05, 0.95, 2) * size
        mask = np.zeros((size, size), np.uint8)
        angle = float(rng.uniform(0, 180))
        if rng.random() < 0.5:
            corners = cv2.boxPoints((centre.tolist(), (2 * half).tolist(), angle))
            cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 1)
        else:
            cv2.ellipse(mask, (centre.tolist(), (2 * half).tolist(), angle), 1, -1)
        kind = rng.random()
        if kind < 0.4:
            cells = rng.integers(0, 256, (1, 1, 3), np.uint8)
        elif kind < 0.7:
            count = int(rng.integers(2, size // 2))
            cells = rng.integers(0, 256, (count, count, 3), np.uint8)
        else:
            rows, columns = (int(k) for k in rng.integers(size // 4, 3 * size // 4, 2))
            covers.append(Cover(mask > 0, None, (rows, columns)))
            continue
        covers.append(Cover(mask > 0, cells))
    return tuple(covers)
