"""Position maps to the network's output range and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import AssetError

SPAN = 2.2  # the network's unit interval covers this many sides of the crop


def encode_map(position_map: ArrayLike) -> NDArray[np.float32]:
    """Position map in pixels of an N x N crop, (..., N, N, 3), to the network's unit interval.

    x and y become ``0.5 + (p - c) / (2.2 N)`` with c = (N - 1) / 2, z becomes ``0.5 + z / (2.2 N)``. What leaves
    [0, 1] is kept as it is: see :func:`fraction_outside`.
    """
    position_map = np.asarray(position_map, np.float32)
    size = position_map.shape[-2]
    centre = np.array([(size - 1) / 2, (size - 1) / 2, 0.0], np.float32)
    return (position_map - centre) * np.float32(1 / (SPAN * size)) + np.float32(0.5)


def decode_map(code: ArrayLike) -> NDArray[np.float32]:
    """The network's output (..., N, N, 3) to a position map in pixels of the N x N crop."""
    code = np.asarray(code, np.float32)
    size = code.shape[-2]
    centre = np.array([(size - 1) / 2, (size - 1) / 2, 0.0], np.float32)
    return (code - np.float32(0.5)) * np.float32(SPAN * size) + centre


def fraction_outside(codes: ArrayLike) -> float:
    """Share of maps (B, N, N, 3) with a value that the encoding cannot hold, 0 to 1; keep it under 0.001."""
    codes = np.asarray(codes)
    return float(((codes < 0) | (codes > 1)).any(axis=(1, 2, 3)).mean())


def check_span(metadata: dict[str, Any], name: str) -> None:
    """Refuse weights whose metadata say that they encode maps in another way.

    Raises
    ------
    AssetError
        Naming the weights.
    """
    if metadata["span"] != SPAN:
        raise AssetError(f"{name} encodes maps with span {metadata['span']}, this version reads {SPAN}")


def mirror_map(position_map: ArrayLike, width: int) -> Array:
    """The position map of the mirrored photo of the given width: x -> width - 1 - x, columns reversed."""
    flipped = np.array(position_map)[..., ::-1, :]
    flipped[..., 0] = width - 1 - flipped[..., 0]
    return flipped
