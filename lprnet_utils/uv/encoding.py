"""Encoding of position maps: from pixels to the output range of the network and back."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import AssetError

SPAN = 2.2  # sides of the crop that the unit interval of the network covers


def encode_map(position_map: ArrayLike) -> NDArray[np.float32]:
    """Encode position maps (..., N, N, 3) in pixels of the N x N crop as float32 for the network.

    x and y become ``0.5 + (p - c) / (2.2 N)`` with c = (N - 1) / 2, and z becomes ``0.5 + z / (2.2 N)``. Values outside
    [0, 1] are kept; :func:`fraction_outside` counts them.

    Examples
    --------
    >>> centre = np.full((128, 128, 3), [63.5, 63.5, 0])
    >>> encode_map(centre)[0, 0].tolist()
    [0.5, 0.5, 0.5]
    """
    position_map = np.asarray(position_map, np.float32)
    size = position_map.shape[-2]
    centre = np.array([(size - 1) / 2, (size - 1) / 2, 0.0], np.float32)
    return (position_map - centre) * np.float32(1 / (SPAN * size)) + np.float32(0.5)


def decode_map(code: ArrayLike) -> NDArray[np.float32]:
    """Decode the network's output (..., N, N, 3) to float32 position maps in pixels of the N x N crop."""
    code = np.asarray(code, np.float32)
    size = code.shape[-2]
    centre = np.array([(size - 1) / 2, (size - 1) / 2, 0.0], np.float32)
    return (code - np.float32(0.5)) * np.float32(SPAN * size) + centre


def fraction_outside(codes: ArrayLike) -> float:
    """Share of encoded maps (B, N, N, 3) with any value outside [0, 1]. In training it should stay below 0.001."""
    codes = np.asarray(codes)
    return float(((codes < 0) | (codes > 1)).any(axis=(1, 2, 3)).mean())


def check_span(metadata: dict[str, Any], name: str) -> None:
    """Raise AssetError if the metadata of the weights ``name`` state another encoding than this version reads."""
    if metadata["span"] != SPAN:
        raise AssetError(f"{name} encodes maps with span {metadata['span']}, this version reads {SPAN}")


def mirror_map(position_map: ArrayLike, width: int) -> Array:
    """The position map of the mirrored photo: x becomes ``width - 1 - x``, and the columns are reversed."""
    flipped = np.array(position_map)[..., ::-1, :]
    flipped[..., 0] = width - 1 - flipped[..., 0]
    return flipped
