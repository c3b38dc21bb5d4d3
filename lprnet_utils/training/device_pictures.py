"""Changes of whole batches of pictures on an accelerator, in ``keras.ops``: those of the reference, to rounding."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ..datasets.pictures import (
    GREY_WEIGHTS,
    PictureChange,
    blur_weights,
    mirrored_shifts,
    noise_bank,
    resolution_filter,
)

Tensor = Any  # of the backend
COVERS = 2  # things in front of a face, at most


def pack_changes(changes: list[PictureChange | None], size: int, shares: tuple[float, float]) -> dict[str, NDArray]:
    """The numbers of a batch's changes as arrays of fixed shapes, as small as can be.

    Only some pictures are covered or filtered. Room is made for the ``shares`` of the batch that are expected to be,
    and six standard deviations; more if there are more still. ``covered`` (B,) and ``filtered`` (B,) lead from a
    picture to its row in the arrays of covers and filters, plus B; from one without them to itself.
    """
    count = len(changes)
    given = [(k, change) for k, change in enumerate(changes) if change is not None]
    covered = [k for k, change in given if change.covers]
    filtered = [k for k, change in given if change.small or change.sigma]
    covers, filters = (_padded(r, count, s) for r, s in zip((covered, filtered), shares, strict=True))
    out = {
        "covers": covers,
        "cover": np.zeros((len(covers), COVERS, size * size // 8), np.uint8),  # eight pixels in a byte
        "cells": np.zeros((len(covers), COVERS, size // 2, size // 2, 3), np.uint8),
        "cell_count": np.ones((len(covers), COVERS), np.int32),
        "shift": np.zeros((len(covers), COVERS, 2), np.int32),
        "shifted": np.zeros((len(covers), COVERS), bool),
        "covered": np.arange(count, dtype=np.int32),
        "kernels": np.zeros((count, 3, 3, 3, 3), np.float32),
        "share": np.zeros(count, np.float32),
        "filters": filters,
        "small": np.full(len(filters), size, np.int32),
        "blur": np.tile(blur_weights(0.0), (len(filters), 1)),
        "filtered": np.arange(count, dtype=np.int32),
        "levels": np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], count, 0).repeat(3, 2),
        "grey": np.zeros(count, bool),
        "noise": np.zeros(count, np.float32),
        "noise_start": np.zeros(count, np.int32),
    }
    for row, k in enumerate(covered):
        out["covered"][k] = count + row
        for j, cover in enumerate(changes[k].covers):
            out["cover"][row, j], out["shift"][row, j] = np.packbits(cover.mask), cover.shift
            out["shifted"][row, j] = cover.cells is None
            if cover.cells is not None:
                side = out["cell_count"][row, j] = len(cover.cells)
                out["cells"][row, j, :side, :side] = cover.cells
    for row, k in enumerate(filtered):
        out["filtered"][k], out["small"][row] = count + row, changes[k].small or size
        out["blur"][row] = blur_weights(changes[k].sigma)
    for k, change in given:
        for name in ("levels", "grey", "noise", "noise_start"):
            out[name][k] = getattr(change, name)
        if change.kernels is not None:
            out["kernels"][k], out["share"][k] = change.kernels, change.kernel_share
    return out


def _padded(rows: list[int], count: int, share: float) -> NDArray[np.int32]:
    """Rows, filled up with the first picture to the usual length, or to a multiple of it."""
    usual = min(int(np.ceil(share * count + 6 * (share * (1 - share) * count) ** 0.5)), count)
    length = -(-len(rows) // usual) * usual if usual else len(rows)
    return np.array(rows + [0] * (max(length, usual) - len(rows)), np.int32)


@lru_cache(maxsize=2)  # the sources of a mixture share them
def change_tables(size: int) -> tuple[Tensor, ...]:
    """What changes of crops of a size are looked up in: noise, matrices of resolution, shifts and cells, weights."""
    enlarged = [cv2.resize(np.eye(n, dtype=np.float32), (n, size)) for n in range(1, size // 2 + 1)]
    cells = np.zeros((size // 2 + 1, size, size // 2), np.float32)
    for n, matrix in enumerate(enlarged, 1):
        cells[n, :, :n] = matrix
    resolution = [resolution_filter(size, n) if n else np.eye(size, dtype=np.float32) for n in range(size + 1)]
    bits = 2 ** np.arange(7, -1, -1)
    arrays = noise_bank(), np.stack(resolution), mirrored_shifts(size), cells, GREY_WEIGHTS, bits
    return tuple(map(ops.convert_to_tensor, arrays))


def change_pictures(crops: Tensor, numbers: dict[str, Tensor], tables: tuple[Tensor, ...]) -> Tensor:
    """Crops (B, N, N, 3), 0 to 255, after the changes of :func:`pack_changes`, in the order of the reference."""
    size = crops.shape[1]
    bank, resolution, shifts, cells, grey_weights, bits = tables
    if numbers["covers"].shape[0]:
        behind = ops.take(crops, numbers["covers"], axis=0)
        for j in range(COVERS):
            rolled = _roll(behind, numbers["shift"][:, j])
            enlarge = ops.take(cells, numbers["cell_count"][:, j], axis=0)
            texture = _levels(_filter(ops.cast(numbers["cells"][:, j], "float32"), enlarge))
            front = ops.where(numbers["shifted"][:, j][:, None, None, None], rolled, texture)
            mask = ops.cast(numbers["cover"][:, j], "int32")[..., None] // ops.cast(bits, "int32") % 2
            behind = ops.where(ops.reshape(mask, (-1, size, size, 1)) > 0, front, behind)
        crops = ops.take(ops.concatenate([crops, behind]), numbers["covered"], axis=0)
    crops = _levels(_convolve(crops, numbers["kernels"], numbers["share"]))
    if numbers["filters"].shape[0]:
        blur = ops.reshape(ops.matmul(numbers["blur"], ops.reshape(shifts, (-1, size**2))), (-1, size, size))
        filters = ops.matmul(blur, ops.take(resolution, numbers["small"], axis=0))
        filtered = _levels(_filter(ops.take(crops, numbers["filters"], axis=0), filters))
        crops = ops.take(ops.concatenate([crops, filtered]), numbers["filtered"], axis=0)
    crops = _look_up(crops, numbers["levels"])
    grey = _levels(ops.sum(crops * grey_weights, axis=-1, keepdims=True))
    crops = ops.where(numbers["grey"][:, None, None, None], grey, crops)
    index = numbers["noise_start"][:, None] + ops.arange(3 * size * size, dtype="int32")
    noise = ops.reshape(ops.take(bank, index, axis=0), (-1, size, size, 3))
    return _levels(crops + numbers["noise"][:, None, None, None] * noise)


def _filter(pictures: Tensor, matrices: Tensor) -> Tensor:
    """Pictures (n, M, M, 3) whose rows and columns are mixed by matrices (n, N, M)."""
    small, size = pictures.shape[1], matrices.shape[1]
    rows = ops.matmul(matrices, ops.reshape(pictures, (-1, small, small * 3)))
    columns = ops.transpose(ops.reshape(rows, (-1, size, small, 3)), (0, 2, 1, 3))
    mixed = ops.matmul(matrices, ops.reshape(columns, (-1, small, size * 3)))
    return ops.transpose(ops.reshape(mixed, (-1, size, size, 3)), (0, 2, 1, 3))


def clip(values: Tensor, high: float) -> Tensor:
    """Values from 0 to ``high``; ``ops.clip`` would copy these two to the device."""
    return high - ops.relu(high - ops.relu(values))


def _levels(crops: Tensor) -> Tensor:
    return clip(ops.round(crops), 255)


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
    return ops.cast(ops.take(ops.reshape(levels, (-1,)), start + 3 * ops.cast(crops, "int32"), axis=0), "float32")
