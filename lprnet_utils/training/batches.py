"""Training batches from a source of photos. The same number always gives the same batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from numpy.typing import NDArray

from ..datasets.augmentation import AUGMENTATIONS, augment_picture, mirror_crop, rotate_quarter_turns, sample_matrix
from ..datasets.sources import Source
from ..geometry.crop import transform_points, warp_image
from ..uv.encoding import encode_map, mirror_map
from .recipes import TrainingConfig

BATCHES_AHEAD = 4  # of the training step, made or in the making
Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def make_batch(source: Source, config: TrainingConfig, number: int) -> Batch:
    """Batch ``number`` of a run: crops, 0 to 1, and encoded maps, both (B, N, N, 3)."""
    rng = np.random.default_rng([config.seed, number])
    setting = AUGMENTATIONS[config.augmentation]
    share = source.weights / source.weights.sum()
    indices = rng.choice(len(source), config.batch_size, p=share)
    maps = source.maps(indices)
    size, cropped = maps.shape[1], np.broadcast_to(source.cropped, len(source))
    crops = np.empty((len(indices), size, size, 3), np.uint8)
    for k, i in enumerate(indices):
        if cropped[i]:
            crop, flip = source.image(i), rng.random() < setting.flip
            if setting.quarter_turns and rng.random() < setting.quarter_turns:
                crop, maps[k] = rotate_quarter_turns(crop, maps[k], int(rng.integers(1, 4)))
        else:
            matrix, flip = sample_matrix(rng, source.box(i), setting, size)
            crop = warp_image(source.image(i), matrix, size)
            maps[k] = transform_points(matrix.astype(np.float32), maps[k])
        if flip:
            crop, maps[k] = mirror_crop(crop), mirror_map(maps[k], size)
        crops[k] = crop if cropped[i] else augment_picture(rng, crop, setting)
    return crops.astype(np.float32) / np.float32(255), encode_map(maps)


def prefetch(make: Callable[[int], Batch], numbers: range, workers: int) -> Iterator[Batch]:
    """Yield ``make(number)`` for each number in order, while ``workers`` threads make the next ones."""
    with ThreadPoolExecutor(workers) as pool:
        ahead = deque(pool.submit(make, number) for number in numbers[:BATCHES_AHEAD])
        for number in numbers:
            batch = ahead.popleft().result()
            if number + BATCHES_AHEAD in numbers:
                ahead.append(pool.submit(make, number + BATCHES_AHEAD))
            yield batch


class Batches(keras.utils.PyDataset):
    """The batches of a run as a Keras data set, for ``model.fit`` on any backend.

    In distributed training, ``process`` is the number of this process, from 0, and ``processes`` how many there are.
    Each gets an equal part of every batch; ValueError if there are no equal parts, or no such process. ``options`` are
    those of ``keras.utils.PyDataset``: ``workers``, ``use_multiprocessing``, ``max_queue_size``.
    """

    def __init__(self, source: Source, config: TrainingConfig, process: int = 0, processes: int = 1, **options):
        super().__init__(**options)
        if config.batch_size % processes or not 0 <= process < processes:
            raise ValueError(f"a batch of {config.batch_size} has no part {process} of {processes} equal ones")
        self.source, self.config = source, config
        part = config.batch_size // processes
        self.part = slice(process * part, (process + 1) * part)

    def __len__(self) -> int:
        return -(-self.config.samples // self.config.batch_size)

    def __getitem__(self, number: int) -> Batch:
        crops, codes = make_batch(self.source, self.config, number)
        return crops[self.part], codes[self.part]


def tf_batches(source: Source, config: TrainingConfig):
    """The batches of :class:`Batches` in the same order, as a ``tf.data.Dataset``. Needs TensorFlow."""
    import tensorflow as tf

    batches = Batches(source, config)
    shape = tf.TensorSpec((None, *batches[0][1].shape[1:]), tf.float32)
    return tf.data.Dataset.from_generator(
        lambda: (batches[k] for k in range(len(batches))), output_signature=(shape, shape)
    ).prefetch(2)
