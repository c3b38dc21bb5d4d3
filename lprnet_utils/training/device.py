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
from numpy.typing import NDArray

from ..common.arrays import Array
from ..datasets.pictures import GREY_WEIGHTS, PictureChange, noise_bank
from ..datasets.sources import Source
from ..geometry.crop import crop_side, view_matrix, warp_image
from ..uv.encoding import SPAN
from ..uv.layout import UVLayout
from .plan import parts_of, plan_batch
from .recipes import TrainingConfig

Tensor = Any  # of the backend
MAX_STORED_SIZE = 256  # side of photos that are kept whole
STORED_MARGIN = 1.5  # side of the kept part of a larger photo, in sides of the network's crop
COVERS = 2  # things in front of a face, at most


class DeviceSource:
    """The photos of a source in the memory of the device, as uint8.

    Stored crops, and small photos of one size, are kept as they are. Of other photos the part around the face is kept.
    """

    def __init__(self, source: Source, size: int):
        self.source, self.size, self.layout = source, size, UVLayout(size)
        self.matrices: Array | None = None  # from photos to their stored parts, if these are not the whole photos
        images = self._whole_photos()
        if images is None:
            parts = [self._part(k) for k in range(len(source))]
            images, self.matrices = np.stack([p for p, _ in parts]), np.stack([m for _, m in parts])
        self.images = ops.convert_to_tensor(images)

    def _whole_photos(self) -> NDArray[np.uint8] | None:
        """All photos (n, h, w, 3); None if one is large, or of another size than the first."""
        images: list[NDArray[np.uint8]] = []
        for k in range(len(self.source)):
            image = self.source.image(k)
            if max(image.shape) > MAX_STORED_SIZE or (images and image.shape != images[0].shape):
                return None
            images.append(image)
        return np.stack(images)

    def _part(self, k: int) -> tuple[NDArray[np.uint8], Array]:
        """The part of a photo around the face, and the matrix from the photo to it."""
        box, side = self.source.box(k), round(STORED_MARGIN * self.size)
        matrix = view_matrix((box[:2] + box[2:]) / 2, STORED_MARGIN * crop_side(box), side)
        return warp_image(self.source.image(k), matrix, side), matrix


def pack_changes(changes: list[PictureChange | None], size: int) -> dict[str, NDArray]:
    """The numbers of a batch's changes as arrays of fixed shapes."""
    count = len(changes)
    identity = np.arange(256, dtype=np.float32)[:, None].repeat(3, 1)
    out = {
        "cover": np.zeros((count, COVERS, size, size), bool),
        "texture": np.zeros((count, COVERS, size, size, 3), np.uint8),
        "shift": np.zeros((count, COVERS, 2), np.int32),
        "shifted": np.zeros((count, COVERS), bool),
        "kernels": np.zeros((count, 3, 3, 3, 3), np.float32),
        "share": np.zeros(count, np.float32),
        "filters": np.tile(np.eye(size, dtype=np.float32), (count, 1, 1)),
        "levels": np.tile(identity, (count, 1, 1)),
        "grey": np.zeros(count, bool),
        "noise": np.zeros(count, np.float32),
        "noise_start": np.zeros(count, np.int32),
    }
    for k, change in enumerate(changes):
        if change is None:
            continue
        for j, cover in enumerate(change.covers):
            out["cover"][k, j], out["shift"][k, j] = cover.mask, cover.shift
            out["shifted"][k, j] = cover.texture is None
            if cover.texture is not None:
                out["texture"][k, j] = cover.texture
        if change.kernels is not None:
            out["kernels"][k], out["share"][k] = change.kernels, change.kernel_share
        if change.filters is not None:
            out["filters"][k] = change.filters
        out["levels"][k], out["grey"][k] = change.levels, change.grey
        out["noise"][k], out["noise_start"][k] = change.noise, change.noise_start
    return out


def warp(images: Tensor, inverse: Tensor, size: int) -> Tensor:
    """Cut crops (B, N, N, 3) out of images (B, h, w, 3), bilinearly; beyond the edge the edge's pixels are repeated.

    ``inverse`` (B, 2, 3) leads from pixels of the crop to those of the image. All is float, 0 to 255.
    """
    count, height, width = images.shape[0], images.shape[1], images.shape[2]
    y, x = np.mgrid[:size, :size].reshape(2, -1).astype(np.float32)
    grid = ops.convert_to_tensor(np.stack([x, y, np.ones_like(x)]))
    places = ops.matmul(inverse, grid)  # (B, 2, P)
    u, v = places[:, 0], places[:, 1]
    left, top = ops.floor(u), ops.floor(v)
    right_share, bottom_share = u - left, v - top
    flat = ops.reshape(images, (count * height * width, 3))
    start = ops.arange(count, dtype="int32")[:, None] * (height * width)

    def pixels(column: Tensor, row: Tensor) -> Tensor:
        column = ops.cast(ops.clip(column, 0, width - 1), "int32")
        row = ops.cast(ops.clip(row, 0, height - 1), "int32")
        return ops.cast(ops.take(flat, start + row * width + column, axis=0), "float32")

    upper = _mix(pixels(left, top), pixels(left + 1, top), right_share)
    lower = _mix(pixels(left, top + 1), pixels(left + 1, top + 1), right_share)
    return ops.reshape(_mix(upper, lower, bottom_share), (count, size, size, 3))


def _mix(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    return a + share[..., None] * (b - a)


def change_pictures(crops: Tensor, numbers: dict[str, Tensor], bank: Tensor) -> Tensor:
    """Crops (B, N, N, 3), 0 to 255, after the changes of :func:`pack_changes`, in the order of the reference."""
    size = crops.shape[1]
    for j in range(COVERS):
        rolled = _roll(crops, numbers["shift"][:, j])
        texture = ops.cast(numbers["texture"][:, j], "float32")
        front = ops.where(numbers["shifted"][:, j][:, None, None, None], rolled, texture)
        crops = ops.where(numbers["cover"][:, j][..., None], front, crops)
    crops = _levels(_convolve(crops, numbers["kernels"], numbers["share"]))
    rows = ops.matmul(numbers["filters"], ops.reshape(crops, (-1, size, size * 3)))
    columns = ops.transpose(ops.reshape(rows, (-1, size, size, 3)), (0, 2, 1, 3))
    filtered = ops.matmul(numbers["filters"], ops.reshape(columns, (-1, size, size * 3)))
    crops = _levels(ops.transpose(ops.reshape(filtered, (-1, size, size, 3)), (0, 2, 1, 3)))
    crops = _look_up(crops, numbers["levels"])
    weights = ops.convert_to_tensor(GREY_WEIGHTS)
    grey = _levels(ops.sum(crops * weights, axis=-1, keepdims=True))
    crops = ops.where(numbers["grey"][:, None, None, None], grey, crops)
    index = numbers["noise_start"][:, None] + ops.arange(3 * size * size, dtype="int32")
    noise = ops.reshape(ops.take(bank, index, axis=0), (-1, size, size, 3))
    return _levels(crops + numbers["noise"][:, None, None, None] * noise)


def _levels(crops: Tensor) -> Tensor:
    return ops.clip(ops.round(crops), 0, 255)


def _roll(crops: Tensor, shift: Tensor) -> Tensor:
    """Crops rolled by (rows, columns) (B, 2) each."""
    count, size = crops.shape[0], crops.shape[1]
    base = ops.arange(size, dtype="int32")
    row = (base[None] - shift[:, :1]) % size
    column = (base[None] - shift[:, 1:]) % size
    index = (ops.arange(count, dtype="int32")[:, None, None] * size + row[:, :, None]) * size + column[:, None]
    return ops.take(ops.reshape(crops, (count * size * size, 3)), index, axis=0)


def _convolve(crops: Tensor, kernels: Tensor, share: Tensor) -> Tensor:
    """Crops mixed with their convolutions, see :func:`lprnet_utils.datasets.pictures.convolve`."""
    size = crops.shape[1]
    padded = ops.pad(crops, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
    mixed = 0.0
    for i in range(3):
        for j in range(3):
            part = ops.reshape(padded[:, i : i + size, j : j + size], (-1, size * size, 3))
            mixed = mixed + ops.matmul(part, ops.transpose(kernels[:, :, :, i, j], (0, 2, 1)))
    mixed = ops.reshape(mixed, (-1, size, size, 3))
    mean, deviation = ops.mean(crops, axis=(1, 2), keepdims=True), ops.std(crops, axis=(1, 2), keepdims=True)
    centred = mixed - ops.mean(mixed, axis=(1, 2), keepdims=True)
    mixed = centred / (ops.std(mixed, axis=(1, 2), keepdims=True) + 0.25) * deviation + mean
    return crops + share[:, None, None, None] * (mixed - crops)


def _look_up(crops: Tensor, levels: Tensor) -> Tensor:
    """Each level of each channel replaced by the tables (B, 256, 3)."""
    count = crops.shape[0]
    start = ops.arange(count, dtype="int32")[:, None, None, None] * 768 + ops.arange(3, dtype="int32")
    return ops.take(ops.reshape(levels, (-1,)), start + 3 * ops.cast(crops, "int32"), axis=0)


def transform_maps(matrices: Tensor, maps: Tensor) -> Tensor:
    """Maps (B, P, 3) after similarities (B, 2, 3) of the picture plane; z grows by their scale."""
    plane = ops.matmul(maps[..., :2], ops.transpose(matrices[:, :, :2], (0, 2, 1))) + matrices[:, None, :, 2]
    scale = ops.sqrt(matrices[:, 0, 0] ** 2 + matrices[:, 1, 0] ** 2)
    return ops.concatenate([plane, maps[..., 2:] * scale[:, None, None]], axis=-1)


def mirror(crops: Tensor, maps: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Crops and maps (B, N, N, 3), mirrored where ``chosen`` (B,)."""
    size, pick = crops.shape[2], chosen[:, None, None, None]
    sign = ops.convert_to_tensor(np.array([-1, 1, 1], np.float32))
    shift = ops.convert_to_tensor(np.array([size - 1, 0, 0], np.float32))
    maps = ops.where(pick, ops.flip(maps, axis=2) * sign + shift, maps)
    return ops.where(pick, ops.flip(crops, axis=2), crops), maps


def encode(maps: Tensor) -> Tensor:
    """As :func:`lprnet_utils.uv.encode_map`, on the device."""
    size = maps.shape[2]
    centre = ops.convert_to_tensor(np.array([(size - 1) / 2, (size - 1) / 2, 0], np.float32))
    return (maps - centre) * (1 / (SPAN * size)) + 0.5


class DeviceBatches:
    """Makes the batches of a run on the device, from one source; or the ``count`` samples of one ``part`` of each."""

    def __init__(self, source: Source, config: TrainingConfig, size: int, count: int | None = None, part: int = 0):
        self.stored, self.config, self.size = DeviceSource(source, size), config, size
        self._count, self._part = count, part
        fits, self._mean, self._basis = source.fits, source.mean, source.basis
        arrays = fits.coefficients, fits.rotation, fits.scale, fits.translation
        self._fits = [ops.convert_to_tensor(np.asarray(a, np.float32)) for a in arrays]
        self._mean_row = ops.convert_to_tensor(self._mean.reshape(1, -1).astype(np.float32))
        self._basis_rows = ops.convert_to_tensor(self._basis.reshape(len(self._basis), -1).astype(np.float32))
        self._valid = ops.convert_to_tensor(self.stored.layout.mask.ravel().astype(np.float32))
        self._bank = ops.convert_to_tensor(noise_bank())
        self._make = self._batch
        if keras.backend.backend() == "jax":
            import jax

            self._make = jax.jit(self._batch)

    def maps(self, rows: Tensor) -> Tensor:
        """Maps (B, P, 3) of photos, in their pixels, with mean z 0."""
        coefficients, rotation, scale, translation = (ops.take(a, rows, axis=0) for a in self._fits)
        shape = ops.reshape(self._mean_row + ops.matmul(coefficients, self._basis_rows), (-1, self.size**2, 3))
        flip = ops.convert_to_tensor(np.array([1, -1, 1], np.float32))
        posed = scale[:, None, None] * ops.matmul(shape, ops.transpose(rotation, (0, 2, 1))) * flip
        points = posed + translation[:, None]
        depth = ops.matmul(points[..., 2], self._valid[:, None])[:, :, None] / ops.sum(self._valid)
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
        numbers = pack_changes(plan.changes, self.size)
        arrays = plan.rows.astype(np.int32), inverse, plan.matrices.astype(np.float32), plan.mirrored
        return self._make(
            *map(ops.convert_to_tensor, arrays), {k: ops.convert_to_tensor(v) for k, v in numbers.items()}
        )

    def _batch(self, rows: Tensor, inverse: Tensor, matrices: Tensor, mirrored: Tensor, numbers: dict) -> tuple:
        images = ops.take(self.stored.images, rows, axis=0)
        crops = _levels(warp(images, inverse, self.size))
        maps = ops.reshape(transform_maps(matrices, self.maps(rows)), (-1, self.size, self.size, 3))
        crops, maps = mirror(crops, maps, mirrored)
        return change_pictures(crops, numbers, self._bank) / 255.0, encode(maps)


class DeviceMixture:
    """The same of a source that may be a mixture: each of its sources makes its part of every batch."""

    def __init__(self, source: Source, config: TrainingConfig, size: int):
        parts = parts_of(source, config.batch_size)
        self._parts = [DeviceBatches(s, config, size, count, k) for k, (s, count) in enumerate(parts)]

    def __call__(self, number: int) -> tuple[Tensor, Tensor]:
        """Batch ``number``: crops, 0 to 1, and encoded maps, both (B, N, N, 3)."""
        made = [part(number) for part in self._parts]
        crops, codes = (ops.concatenate(arrays) for arrays in zip(*made, strict=True))
        return crops, codes


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
