"""What a batch is made of, drawn before it is made. The same number always gives the same plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..datasets.augmentation import Augmentation, move_matrix, quarter_turn_matrix, sample_matrix
from ..datasets.pictures import PictureChange
from ..datasets.sources import Mixture, Source
from .recipes import TrainingConfig


@dataclass(frozen=True)
class BatchPlan:
    """A batch: which photos, how each is cut out of its picture, and how the picture changes after that."""

    rows: NDArray[np.intp]  # (B,) of the source
    matrices: Array  # (B, 2, 3), from the photo to the crop
    cut: NDArray[np.bool_]  # (B,), whether the matrix is another one than of a stored crop as it is
    mirrored: NDArray[np.bool_]  # (B,), after that
    changes: list[PictureChange | None]


def sources_of(source: Source | Mixture) -> list[Source]:
    """The sources of a mixture, or the one source."""
    return source.sources if isinstance(source, Mixture) else [source]


def parts_of(source: Source, batch_size: int) -> list[tuple[Source, int]]:
    """The sources that a batch is taken from, and how many samples of each: those of a mixture by their shares."""
    if isinstance(source, Mixture):
        return [(s, n) for s, n in zip(source.sources, source.counts(batch_size), strict=True) if n]
    return [(source, batch_size)]


def plan_batch(
    source: Source, config: TrainingConfig, number: int, size: int, count: int | None = None, part: int = 0
) -> BatchPlan:
    """Draw batch ``number`` of a run, of crops of a size; or its ``count`` samples of one ``part`` of the batch."""
    rng = np.random.default_rng([config.seed, number, part] if part else [config.seed, number])
    photo_setting, crop_setting = config.setting(cropped=False), config.setting(cropped=True)
    varies = config.crop_augmentation != "none"
    rows = source.draw(rng, config.batch_size if count is None else count, number, config.batch_size)
    cropped = np.broadcast_to(source.cropped, len(source))[rows]
    matrices, mirrored, changes = np.empty((len(rows), 2, 3)), np.zeros(len(rows), bool), []
    cut = np.ones(len(rows), bool)
    for k, row in enumerate(rows):
        if cropped[k]:
            matrices[k], mirrored[k] = _stored_crop(rng, crop_setting if varies else photo_setting, photo_setting, size)
            cut[k] = not np.array_equal(matrices[k], np.eye(2, 3))
        else:
            matrices[k], mirrored[k] = sample_matrix(rng, source.box(int(row)), photo_setting, size)
        mirrored[k] &= source.symmetric
        setting = crop_setting if cropped[k] else photo_setting
        changes.append(PictureChange.draw(rng, setting, size) if varies or not cropped[k] else None)
    return BatchPlan(rows, matrices, cut, mirrored, changes)


def _stored_crop(
    rng: np.random.Generator, setting: Augmentation, photos: Augmentation, size: int
) -> tuple[Array, bool]:
    """The matrix (2, 3) that moves a stored crop, and whether it is mirrored."""
    mirrored, matrix = bool(rng.random() < setting.flip), np.eye(2, 3)
    if photos.quarter_turns and rng.random() < photos.quarter_turns:
        matrix = quarter_turn_matrix(int(rng.integers(1, 4)), size)
    if setting.moved and rng.random() < setting.moved:
        move = np.vstack([move_matrix(rng, setting, size), [0, 0, 1]])
        matrix = (move @ np.vstack([matrix, [0, 0, 1]]))[:2]
    return matrix, mirrored
