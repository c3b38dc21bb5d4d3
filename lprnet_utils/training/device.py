"""Batches made on an accelerator: photos and fits lie in its memory, and maps, warps and changes are computed there.

The numbers of a batch are drawn on the processor, by the plan of the reference
(:func:`lprnet_utils.training.batches.make_batch`), so both make the same batch, to rounding. All is in ``keras.ops``,
for torch and JAX alike; on JAX the whole is compiled once, because all shapes stay the same.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ..datasets.sources import Source
from ..uv.charts import load_layout
from ..uv.encoding import SPAN
from .compiled import beside_the_training, compiled
from .device_pictures import change_pictures, change_tables, clip, pack_changes
from .plan import parts_of, plan_batch
from .recipes import TrainingConfig
from .store import DeviceStore

Tensor = Any  # of the backend


def warp(images: Tensor, inverse: Tensor, size: int) -> Tensor:
    """Cut crops (B, N, N, 3) out of images (B, h, w, 3), bilinearly; beyond the edge the edge's pixels are repeated.

    ``inverse`` (B, 2, 3) leads from pixels of the crop to those of the image. All is float, 0 to 255.
    """
    count, height, width = images.shape[0], images.shape[1], images.shape[2]
    x = ops.cast(ops.arange(size), "float32")
    y, places = x[:, None], inverse[..., None, None]
    u, v = (places[:, k, 0] * x + places[:, k, 1] * y + places[:, k, 2] for k in range(2))  # (B, N, N)
    left, top = ops.floor(u), ops.floor(v)
    right_share, bottom_share = u - left, v - top
    flat = ops.reshape(images, (count * height * width, 3))
    start = ops.arange(count, dtype="int32")[:, None, None] * (height * width)

    def pixels(column: Tensor, row: Tensor) -> Tensor:
        row, column = (ops.cast(clip(v, n - 1), "int32") for v, n in ((row, height), (column, width)))
        rows = start + row * width + column
        return ops.cast(ops.take(flat, rows, axis=0), "float32")

    upper = _mix(pixels(left, top), pixels(left + 1, top), right_share)
    lower = _mix(pixels(left, top + 1), pixels(left + 1, top + 1), right_share)
    return _mix(upper, lower, bottom_share)


def _mix(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    return a + share[..., None] * (b - a)


def transform_maps(matrices: Tensor, maps: Tensor) -> Tensor:
    """Maps (B, P, 3) after similarities (B, 2, 3) of the picture plane; z grows by their scale."""
    plane = ops.matmul(maps[..., :2], ops.transpose(matrices[:, :, :2], (0, 2, 1))) + matrices[:, None, :, 2]
    scale = ops.sqrt(matrices[:, 0, 0] ** 2 + matrices[:, 1, 0] ** 2)
    return ops.concatenate([plane, maps[..., 2:] * scale[:, None, None]], axis=-1)


def mirror(crops: Tensor, maps: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Crops and maps (B, N, N, 3), mirrored where ``chosen`` (B,)."""
    size, pick = crops.shape[2], chosen[:, None, None, None]
    flipped = ops.flip(maps, axis=2)
    flipped = ops.concatenate([size - 1 - flipped[..., :1], flipped[..., 1:]], axis=-1)
    return ops.where(pick, ops.flip(crops, axis=2), crops), ops.where(pick, flipped, maps)


def encode(maps: Tensor) -> Tensor:
    """As :func:`lprnet_utils.uv.encode_map`, on the device."""
    size = maps.shape[2]
    centred = ops.concatenate([maps[..., :2] - (size - 1) / 2, maps[..., 2:]], axis=-1)
    return centred * (1 / (SPAN * size)) + 0.5


class DeviceBatches:
    """Makes the batches of a run on the device, from one source; or the ``count`` samples of one ``part`` of each."""

    def __init__(self, source: Source, config: TrainingConfig, size: int, count: int | None = None, part: int = 0):
        self.stored, self.config, self.size = DeviceStore(source, size), config, size
        self._count, self._part = count, part
        mean, basis = source.linear
        constants = (
            mean.reshape(1, -1),
            basis.reshape(len(basis), -1),
            load_layout(config.chart, size).mask.ravel(),
            [1, -1, 1],
        )
        self._constants = tuple(ops.convert_to_tensor(np.asarray(a, np.float32)) for a in constants)
        setting = config.setting(cropped=bool(np.all(source.cropped)))
        filtered = 1 - (1 - setting.low_resolution) * (1 - setting.blur)
        self._shares = setting.occlusion, filtered
        self._make = compiled(self._batch)

    def _maps(self, rows: Tensor, fits: tuple[Tensor, ...], constants: tuple[Tensor, ...]) -> Tensor:
        """Maps (B, P, 3) of photos, in their pixels, with mean z 0."""
        mean, basis, valid, flip = constants
        coefficients, rotation, scale, translation = (ops.take(a, rows, axis=0) for a in fits)
        shape = ops.reshape(mean + ops.matmul(coefficients, basis), (-1, self.size**2, 3))
        posed = scale[:, None, None] * ops.matmul(shape, ops.transpose(rotation, (0, 2, 1))) * flip
        points = posed + translation[:, None]
        depth = ops.matmul(points[..., 2], valid[:, None])[:, :, None] / ops.sum(valid)
        return ops.concatenate([points[..., :2], points[..., 2:] - depth], axis=-1)

    def __call__(self, number: int) -> tuple[Tensor, Tensor]:
        """Batch ``number``: crops, 0 to 1, and encoded maps, both (B, N, N, 3)."""
        plan = plan_batch(self.stored.source, self.config, number, self.size, self._count, self._part)
        to_crop = np.concatenate([plan.matrices, np.tile([[[0.0, 0, 1]]], (len(plan.rows), 1, 1))], 1)
        from_stored = to_crop
        if self.stored.matrices is not None:
            stored = np.concatenate(
                [self.stored.matrices[plan.rows], np.tile([[[0.0, 0, 1]]], (len(plan.rows), 1, 1))], 1
            )
            from_stored = to_crop @ np.linalg.inv(stored)
        inverse = np.linalg.inv(from_stored)[:, :2].astype(np.float32)
        numbers = pack_changes(plan.changes, self.size, self._shares)
        slots = self.stored.slots(plan.rows).astype(np.int32)
        arrays = slots, inverse, plan.matrices.astype(np.float32), plan.mirrored
        tensors = map(ops.convert_to_tensor, arrays)
        numbers = {name: ops.convert_to_tensor(value) for name, value in numbers.items()}
        kept = self.stored.arrays, self._constants, change_tables(self.size)
        return self._make((*tensors, numbers), kept)

    def _batch(self, drawn: tuple[Any, ...], kept: tuple[tuple[Tensor, ...], ...]) -> tuple[Tensor, Tensor]:
        rows, inverse, matrices, mirrored, numbers = drawn
        stored, constants, tables = kept
        images = ops.take(stored[0], rows, axis=0)
        crops = ops.round(warp(images, inverse, self.size))
        maps = transform_maps(matrices, self._maps(rows, stored[1:], constants))
        crops, maps = mirror(crops, ops.reshape(maps, (-1, self.size, self.size, 3)), mirrored)
        return change_pictures(crops, numbers, tables) / 255.0, encode(maps)


class DeviceMixture:
    """The same of a source that may be a mixture: each of its sources makes its part of every batch."""

    def __init__(self, source: Source, config: TrainingConfig, size: int):
        parts = parts_of(source, config.batch_size)
        self._parts = [DeviceBatches(s, config, size, count, k) for k, (s, count) in enumerate(parts)]

    def __call__(self, number: int) -> tuple[Tensor, Tensor]:
        """Batch ``number``: crops, 0 to 1, and encoded maps, both (B, N, N, 3)."""
        with beside_the_training() as use:
            made = [part(number) for part in self._parts]
            crops, codes = (ops.concatenate(arrays) for arrays in zip(*made, strict=True))
            return use(crops, codes)


def accelerator() -> str | None:
    """The name of the device that Keras' backend trains on besides the processor; None if there is none.

    TensorFlow counts as none: there the reference makes the batches, on the processor.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return None if device.platform == "cpu" else device.device_kind
    return None
