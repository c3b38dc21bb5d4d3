"""Training batches from a source of photos. The same number always gives the same batch."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..datasets.augmentation import mirror_crop
from ..datasets.sources import Source
from ..geometry.crop import transform_points, warp_image
from ..uv.encoding import encode_map, mirror_map
from .plan import parts_of, plan_batch
from .recipes import TrainingConfig

MIN_PLAIN_SCALE = 0.7  # of a crop to its photo; below it, a plain bilinear warp would alias
BATCHES_AHEAD = 4  # of the training step, made or in the making
Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def make_batch(source: Source, config: TrainingConfig, number: int, wanted: slice = slice(None)) -> Batch:
    """Batch ``number`` of a run: crops, 0 to 1, and encoded maps, both (B, N, N, 3), or only the ``wanted`` ones."""
    start, stop, _ = wanted.indices(config.batch_size)
    made, before = [], 0
    for k, (part, count) in enumerate(parts_of(source, config.batch_size)):
        rows = range(max(start - before, 0), min(stop - before, count))
        if rows:
            made.append(_make_part(part, config, number, count, k, rows))
        before += count
    crops, maps = (np.concatenate(arrays) for arrays in zip(*made, strict=True))
    return crops.astype(np.float32) / np.float32(255), encode_map(maps)


def _make_part(
    source: Source, config: TrainingConfig, number: int, count: int, part: int, wanted: range
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Crops and maps, both (n, N, N, 3), of the wanted ones of one source's ``count`` in a batch, in pixels."""
    size = source.size
    plan = plan_batch(source, config, number, size, count, part)
    maps = source.maps(plan.rows[wanted.start : wanted.stop])
    crops = np.empty((len(maps), size, size, 3), np.uint8)
    for place, k in enumerate(wanted):
        crop = source.image(int(plan.rows[k]))
        if plan.cut[k]:
            crop = cut_out(crop, plan.matrices[k], size)
            maps[place] = transform_points(plan.matrices[k].astype(np.float32), maps[place])
        if plan.mirrored[k]:
            crop, maps[place] = mirror_crop(crop), mirror_map(maps[place], size)
        change = plan.changes[k]
        crops[place] = change.apply(crop) if change else crop
    return crops, maps


def cut_out(image: Image, matrix: Array, size: int) -> Image:
    """A crop (N, N, 3) by a matrix (2, 3); averaged over areas only where many pixels become one."""
    if math.hypot(matrix[0, 0], matrix[1, 0]) < MIN_PLAIN_SCALE:
        return warp_image(image, matrix, size)
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


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
    Each makes an equal part of every batch; ValueError if there are no equal parts, or no such process. ``options`` are
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
        return make_batch(self.source, self.config, number, self.part)


def tf_batches(source: Source, config: TrainingConfig):
    """The batches of :class:`Batches` in the same order, as a ``tf.data.Dataset``. Needs TensorFlow."""
    import tensorflow as tf

    batches = Batches(source, config)
    shape = tf.TensorSpec((None, *batches[0][1].shape[1:]), tf.float32)
    return tf.data.Dataset.from_generator(
        lambda: (batches[k] for k in range(len(batches))), output_signature=(shape, shape)
    ).prefetch(2)
