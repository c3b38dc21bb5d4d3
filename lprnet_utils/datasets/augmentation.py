"""Augmentation of a photo and its position map together.

Geometry first: a random similarity near :func:`lprnet_utils.geometry.crop_matrix` takes the photo to the crop, perhaps
mirrored; :func:`lprnet_utils.geometry.transform_points` takes the map along. Then the picture alone: colour, blur,
noise, something in front of the face.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array, Image
from ..geometry.crop import crop_matrix, transform_points


@dataclass(frozen=True)
class Augmentation:
    """How far to vary a crop. Probabilities are 0 to 1, angles degrees, lengths shares of the crop's side."""

    flip: float
    rotation: float  # standard deviation of a normal clipped at rotation_limit; 0: uniform up to the limit
    rotation_limit: float
    any_rotation: float  # share of samples rotated by any angle
    scale: tuple[float, float]
    shift: float
    channel_gain: tuple[float, float]
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    low_resolution: float = 0.0
    noise: float = 0.0
    occlusion: float = 0.0
    quarter_turns: float = 0.0  # share of stored crops rotated by 90, 180 or 270 degrees, which needs no margin


# "prnet": the PRNet paper's (Feng et al., ECCV 2018, section 3.4). "wide": stronger, for most trainings.
AUGMENTATIONS = {
    "none": Augmentation(0, 1e-9, 0, 0, (1, 1), 0, (1, 1)),
    "prnet": Augmentation(0, 0, 45, 0, (0.9, 1.2), 0.1, (0.6, 1.4), occlusion=0.5),
    "wide": Augmentation(
        flip=0.5, rotation=20, rotation_limit=60, any_rotation=0.1, scale=(0.85, 1.2), shift=0.08,
        channel_gain=(0.8, 1.2), brightness=0.2, contrast=0.3, gamma=0.3, grey=0.1,
        blur=0.15, low_resolution=0.15, noise=0.25, occlusion=0.35,
    ),
}  # fmt: skip
# "turned": more heads on their side or upside down
AUGMENTATIONS["turned"] = replace(AUGMENTATIONS["wide"], any_rotation=0.25, quarter_turns=0.25)
# "light": for the last part of a training on real photos. The network hardly overfits by then, the head-angle network
# has turned the heads upright, and real photos have light and noise of their own.
AUGMENTATIONS["light"] = replace(
    AUGMENTATIONS["wide"], rotation=12, rotation_limit=40, any_rotation=0.02, scale=(0.9, 1.12), shift=0.05,
    brightness=0.1, contrast=0.2, gamma=0.2, blur=0.05, low_resolution=0.05, noise=0.1, occlusion=0.12,
)  # fmt: skip


def rotate_quarter_turns(crop: Image, position_map: Array, turns: int) -> tuple[Image, Array]:
    """A square crop (N, N, 3) and its map, rotated counter-clockwise by ``turns`` times 90 degrees."""
    last = len(crop) - 1
    for _ in range(turns % 4):
        crop = np.rot90(crop)
        position_map = transform_points(np.array([[0.0, 1, 0], [-1, 0, last]]), position_map)
    return crop, position_map


def sample_matrix(
    rng: np.random.Generator, box: ArrayLike, setting: Augmentation, size: int = 128
) -> tuple[Array, bool]:
    """A random similarity (2, 3) from photo to crop, and whether the crop is to be mirrored.

    The box (4,) is that of the 68 landmarks in the photo, the size is the side of the crop.

    Examples
    --------
    >>> import numpy as np
    >>> from lprnet_utils.datasets import AUGMENTATIONS, sample_matrix
    >>> matrix, flip = sample_matrix(np.random.default_rng(0), [60, 50, 150, 160], AUGMENTATIONS["wide"])
    >>> matrix.shape, flip
    ((2, 3), False)
    """
    if rng.random() < setting.any_rotation:
        angle = rng.uniform(-180, 180)
    elif setting.rotation == 0:
        angle = rng.uniform(-setting.rotation_limit, setting.rotation_limit)
    else:
        angle = np.clip(rng.normal(0, setting.rotation), -setting.rotation_limit, setting.rotation_limit)
    scale = np.exp(rng.uniform(*np.log(setting.scale)))
    shift = rng.uniform(-setting.shift, setting.shift, 2) * size
    matrix, centre = scale * crop_matrix(box, size, angle), (size - 1) / 2
    matrix[:, 2] += centre - scale * centre + shift
    return matrix, bool(rng.random() < setting.flip)


def mirror_crop(crop: Image) -> Image:
    """The crop mirrored left to right; its map follows by :func:`lprnet_utils.uv.mirror_map`."""
    return np.ascontiguousarray(crop[:, ::-1])


def augment_picture(rng: np.random.Generator, crop: Image, setting: Augmentation) -> Image:
    """A copy of a crop (N, N, 3) uint8 with random occlusion, resolution, blur, colour and noise."""
    if rng.random() < setting.occlusion:
        crop = occlude(rng, crop)
    size = crop.shape[0]
    if rng.random() < setting.low_resolution:
        small = max(int(size * rng.uniform(0.25, 0.8)), 8)
        crop = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < setting.blur:
        crop = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.5, 1.8))
    gain = rng.uniform(*setting.channel_gain, 3) * (1 + rng.uniform(-1, 1) * setting.contrast)
    exponent = np.exp(rng.uniform(-1, 1) * setting.gamma)
    lift = rng.uniform(-1, 1) * setting.brightness
    levels = np.linspace(0, 1, 256)[:, None] ** exponent
    levels = (levels - 0.5) * gain + 0.5 + lift
    table = np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)
    crop = cv2.LUT(crop, table[None])
    if rng.random() < setting.grey:
        crop = np.repeat(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if rng.random() < setting.noise:
        noise = rng.standard_normal(crop.shape, np.float32) * rng.uniform(2, 14)
        crop = np.clip(crop + noise, 0, 255).astype(np.uint8)
    return crop


def occlude(rng: np.random.Generator, crop: Image) -> Image:
    """A copy of a crop with one or two rectangles or ellipses in front: plain, patterned or cut from the crop."""
    crop = crop.copy()
    size = crop.shape[0]
    for _ in range(rng.integers(1, 3)):
        half = rng.uniform(0.06, 0.22, 2) * size
        centre = rng.uniform(0.05, 0.95, 2) * size
        mask = np.zeros(crop.shape[:2], np.uint8)
        angle = float(rng.uniform(0, 180))
        if rng.random() < 0.5:
            corners = cv2.boxPoints((centre.tolist(), (2 * half).tolist(), angle))
            cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 1)
        else:
            cv2.ellipse(mask, (centre.tolist(), (2 * half).tolist(), angle), 1, -1)
        kind = rng.random()
        if kind < 0.4:
            texture = np.broadcast_to(rng.integers(0, 256, 3, np.uint8), crop.shape)
        elif kind < 0.7:
            count = int(rng.integers(2, size // 2))
            cells = rng.integers(0, 256, (count, count, 3), np.uint8)
            texture = cv2.resize(cells, (size, size), interpolation=cv2.INTER_LINEAR)
        else:
            texture = np.roll(crop, rng.integers(size // 4, 3 * size // 4, 2), (0, 1))
        crop = np.where(mask[..., None] > 0, texture, crop)
    return crop
