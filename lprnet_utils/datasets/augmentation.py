"""Augmentation of a photo and its position map together.

Geometry first: a random similarity near :func:`lprnet_utils.geometry.crop_matrix` takes the photo to the crop, perhaps
mirrored; :func:`lprnet_utils.geometry.transform_points` takes the map along. Then the picture alone: colour, blur,
noise, something in front of the face.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array, Image
from ..geometry.crop import crop_matrix, view_matrix
from .pictures import PictureChange


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
    random_convolution: float = 0.0
    moved: float = 0.0  # share of stored crops that are rotated, scaled and shifted a little, by the numbers above

    def scaled(self, strength: float) -> Self:
        """The setting with ``strength`` times as much change of the picture; places, poses and mirroring stay.

        Examples
        --------
        >>> weak = AUGMENTATIONS["wide"].scaled(0.5)
        >>> weak.noise, weak.channel_gain, weak.rotation
        (0.125, (0.9, 1.1), 20)
        """
        gain = tuple(1 + strength * (g - 1) for g in self.channel_gain)
        ranges = {name: strength * getattr(self, name) for name in RANGES}
        shares = {name: min(strength * getattr(self, name), 1.0) for name in SHARES}
        return replace(self, channel_gain=(max(gain[0], 0.0), gain[1]), **ranges, **shares)


RANGES = "brightness", "contrast", "gamma"
SHARES = "grey", "blur", "low_resolution", "noise", "occlusion", "random_convolution"

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
# "synthetic": for synthetic crops. They move a little and change colours and textures, so that the network learns less
# of what only rendered pictures have
AUGMENTATIONS["synthetic"] = Augmentation(
    flip=0.5, rotation=8, rotation_limit=24, any_rotation=0, scale=(0.914, 1.094), shift=0.04, moved=0.6,
    channel_gain=(0.8, 1.2), brightness=0.15, contrast=0.3, gamma=0.3, grey=0.1,
    blur=0.1, low_resolution=0.1, noise=0.2, occlusion=0.25, random_convolution=0.35,
)  # fmt: skip


def quarter_turn_matrix(turns: int, size: int) -> Array:
    """The matrix (2, 3) that rotates a stored crop (N, N) counter-clockwise by ``turns`` times 90 degrees."""
    turn, matrix = np.array([[0.0, 1, 0], [-1, 0, size - 1], [0, 0, 1]]), np.eye(3)
    for _ in range(turns % 4):
        matrix = turn @ matrix
    return matrix[:2]


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
    """A copy of a crop (N, N, 3) uint8 with random occlusion, texture, resolution, blur, colour and noise."""
    return PictureChange.draw(rng, setting, crop.shape[0]).apply(crop)


def move_matrix(rng: np.random.Generator, setting: Augmentation, size: int) -> Array:
    """A random similarity (2, 3) that rotates a stored crop about its middle, scales and shifts it a little."""
    angle = np.clip(rng.normal(0, setting.rotation), -setting.rotation_limit, setting.rotation_limit)
    scale = np.exp(rng.uniform(*np.log(setting.scale)))
    middle = (size - 1) / 2
    matrix = view_matrix([middle, middle], size / scale, size, angle)
    matrix[:, 2] += rng.uniform(-setting.shift, setting.shift, 2) * size
    return matrix


# "close": for close-ups, which the first map places; seldom covered, because they are small
AUGMENTATIONS["close"] = replace(
    AUGMENTATIONS["synthetic"], moved=0, blur=0.25, low_resolution=0.25, noise=0.25, occlusion=0.12,
    random_convolution=0.3,
)  # fmt: skip
