"""Pictures of a face over its photo: depth map, PNCC code, UV coordinates. The z-buffer hides what the camera hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array

if TYPE_CHECKING:
    from .face import Face


def draw_texels(face: Face, values: ArrayLike) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
    """See :meth:`lprnet_utils.Face.draw`."""
    from ..geometry.rasterizer import draw_values

    values = np.asarray(values, np.float32).reshape(face.layout.size**2, -1)
    points = face.position_map.reshape(-1, 3)
    return draw_values(points, face.layout.closed_triangles, values, *face.image.shape[:2])


def depth_map(face: Face) -> NDArray[np.float32]:
    """See :meth:`lprnet_utils.Face.depth_map`."""
    return _draw_in_photo(face, face.position_map[..., 2:], np.nan)[..., 0]


def pncc(face: Face) -> NDArray[np.float32]:
    """See :meth:`lprnet_utils.Face.pncc`."""
    layout = face.layout
    mean = layout.points(layout.mean_map)
    low, high = mean.min(0), mean.max(0)
    return _draw_in_photo(face, np.clip((layout.mean_map - low) / (high - low), 0, 1), 0.0)


def uv_coordinates(face: Face) -> NDArray[np.float32]:
    """See :meth:`lprnet_utils.Face.uv_coordinates`."""
    return _draw_in_photo(face, face.layout.texel_uv, 0.0)


def _draw_in_photo(face: Face, values: Array, background: float) -> NDArray[np.float32]:
    """Values of the texels (N, N, C) as a picture (H, W, C) of the photo's size."""
    drawn, region = draw_texels(face, values)
    out = np.full((*face.image.shape[:2], drawn.shape[-1]), background, np.float32)
    out[region] = np.where(np.isnan(drawn), np.float32(background), drawn)
    return out
