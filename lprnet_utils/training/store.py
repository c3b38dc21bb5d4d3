"""Photos and fits in the memory of an accelerator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ..common.arrays import Array
from ..datasets.shard_stream import ShardStream
from ..datasets.shards import SHARD_SIZE
from ..datasets.sources import Source
from ..geometry.crop import crop_side, view_matrix, warp_image
from ..morphable_model.fitting import Fits
from .compiled import free_device_memory

Tensor = Any  # of the backend
MAX_STORED_SIZE = 256  # side of photos that are kept whole
STORED_MARGIN = 1.5  # side of the kept part of a larger photo, in sides of the network's crop
DECODERS = 8  # threads
FIT_BYTES = 1000  # of a face, about
MAX_SHARDS = 500  # that are kept if nobody says how many: 25 GB on a device, 3 GB as JPEGs in a computer's memory


def shards_that_fit(size: int) -> int:
    """How many shards of crops of a size a stream can keep in half of the device's memory, or in that of a computer."""
    free = free_device_memory()
    return (
        MAX_SHARDS if free is None else max(min(free // 2 // (SHARD_SIZE * (3 * size**2 + FIT_BYTES)), MAX_SHARDS), 1)
    )


class DeviceStore:
    """The photos of a source, as uint8, and their fits, on the device.

    Stored crops, and small photos of one size, are kept as they are. Of other photos the part around the face is kept.
    Of a :class:`lprnet_utils.datasets.ShardStream`, the shards that it keeps at the time.

    Attributes
    ----------
    arrays : tuple of tensors
        Photos (n, h, w, 3), coefficients (n, C), rotations (n, 3, 3), scales (n,) and translations (n, 3).
    matrices : (n, 2, 3) array, optional
        From photos to their stored parts, if these are not the whole photos.
    """

    def __init__(self, source: Source, size: int):
        self.source, self.size = source, size
        self.matrices: Array | None = None
        self._stored = 0  # shards of a stream
        if isinstance(source, ShardStream):
            count, fits = source.keep * SHARD_SIZE, source.held_out.fits
            shapes = [source.held_out.image(0).shape, *(a.shape[1:] for a in _arrays(fits))]
            kinds = ["uint8"] + 4 * ["float32"]
            self.arrays = tuple(ops.zeros((count, *s), k) for s, k in zip(shapes, kinds, strict=True))
            return
        images = self._whole_photos()
        if images is None:
            parts = [self._part(k) for k in range(len(source))]
            images, self.matrices = np.stack([p for p, _ in parts]), np.stack([m for _, m in parts])
        self.arrays = tuple(map(ops.convert_to_tensor, (images, *_arrays(source.fits))))

    def _whole_photos(self) -> NDArray[np.uint8] | None:
        """All photos (n, h, w, 3); None if one is large, or of another size than the first."""
        images: list[NDArray[np.uint8]] = []
        for image in _pictures(self.source, range(len(self.source))):
            if max(image.shape) > MAX_STORED_SIZE or (images and image.shape != images[0].shape):
                return None
            images.append(image)
        return np.stack(images)

    def _part(self, k: int) -> tuple[NDArray[np.uint8], Array]:
        """The part of a photo around the face, and the matrix from the photo to it."""
        box, side = self.source.box(k), round(STORED_MARGIN * self.size)
        matrix = view_matrix((box[:2] + box[2:]) / 2, STORED_MARGIN * crop_side(box), side)
        return warp_image(self.source.image(k), matrix, side), matrix

    def slots(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Where the photos of these rows of the source are. New ones are stored, perhaps in the place of the oldest."""
        if not isinstance(self.source, ShardStream):
            return rows
        for index in range(max(self._stored, self.source.start), self.source.stop):
            shard = self.source.shard(index)
            images = np.stack(list(_pictures(shard, range(SHARD_SIZE))))
            start = index % self.source.keep * SHARD_SIZE
            new = map(ops.convert_to_tensor, (images, *_arrays(shard.fits)))
            self.arrays = tuple(_replaced(a, start, n) for a, n in zip(self.arrays, new, strict=True))
            self._stored = index + 1
        return rows % (self.source.keep * SHARD_SIZE)


def _arrays(fits: Fits) -> tuple[NDArray[np.float32], ...]:
    return tuple(np.asarray(a, np.float32) for a in (fits.coefficients, fits.rotation, fits.scale, fits.translation))


def _pictures(source: Source, rows: range) -> Iterable[NDArray[np.uint8]]:
    """The photos of a source, decoded in several threads."""
    with ThreadPoolExecutor(DECODERS) as pool:
        for start in range(0, len(rows), SHARD_SIZE):  # not all at once: a large one ends it
            yield from pool.map(source.image, rows[start : start + SHARD_SIZE])


def _replaced(array: Tensor, start: int, new: Tensor) -> Tensor:
    """An array with new rows from ``start`` on, in the same memory."""
    if keras.backend.backend() == "torch":
        array[start : start + len(new)] = new
        return array
    if keras.backend.backend() == "jax":
        return _replace_on_jax()(array, new, start)
    return ops.slice_update(array, (start, *[0] * (len(array.shape) - 1)), new)


@lru_cache(maxsize=1)
def _replace_on_jax() -> Callable[[Tensor, Tensor, int], Tensor]:
    import jax

    return jax.jit(partial(jax.lax.dynamic_update_slice_in_dim, axis=0), donate_argnums=0)
