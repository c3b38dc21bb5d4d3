"""The UV chart rasterised: which vertices make a texel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

OUTSIDE, SURFACE, MEMBRANE = 0, 1, 2  # kinds of texels; the membrane closes the openings of eyes and mouth


def texel_matrix(
    uv: Array, triangles: NDArray, membrane: NDArray[np.bool_], mirror: NDArray, size: int
) -> tuple[NDArray, Array, NDArray[np.uint8]]:
    """Which vertices make each texel: rasterise the chart.

    Parameters
    ----------
    uv : (V, 2) array
        Chart position of each vertex, 0 to 1, mirror-symmetric.
    triangles : (T, 3) int array
    membrane : (T,) bool
        Triangles that close an opening.
    mirror : (V,) int array
        The counterpart of each vertex.
    size : int
        N, even.

    Returns
    -------
    vertices : (N*N, 3) int
    weights : (N*N, 3) float64
        Each texel is the weighted sum of three vertices; outside the mesh, that of the nearest valid texel.
    kind : (N, N) uint8
        ``OUTSIDE``, ``SURFACE`` or ``MEMBRANE``.
    """
    if size < 2 or size % 2:
        raise ValueError(f"the size of a position map must be even and at least 2, not {size}")
    from ..geometry.rasterizer import rasterize

    points = np.c_[np.asarray(uv, float) * size - 0.5, np.zeros(len(uv))]
    index, weights, _ = rasterize(points, triangles, size, size)
    vertices = np.asarray(triangles)[index]
    kind = np.where(index < 0, OUTSIDE, np.where(membrane[index], MEMBRANE, SURFACE)).astype(np.uint8)
    half = size // 2  # the right half is the left one's mirror image, so the layout is exactly symmetric
    kind[:, half:] = kind[:, :half][:, ::-1]
    row, column = _nearest_in_left_half(kind)
    vertices, weights = vertices[row, column], weights[row, column]
    vertices = np.concatenate([vertices, mirror[vertices[:, ::-1]]], 1)
    weights = np.concatenate([weights, weights[:, ::-1]], 1)
    return vertices.reshape(-1, 3), weights.reshape(-1, 3), kind


def _nearest_in_left_half(kind: NDArray[np.uint8]) -> tuple[NDArray, NDArray]:
    """Row and column (N, N/2) of the valid texel nearest to each texel of the left half, in that half."""
    from scipy.ndimage import distance_transform_edt

    half = kind.shape[1] // 2
    _, (row, column) = distance_transform_edt(kind == OUTSIDE, return_indices=True)
    return row[:, :half], np.minimum(column[:, :half], half - 1)


def bilinear_matrix(uv: ArrayLike, size: int) -> csr_matrix:
    """Sparse (n, N*N) matrix that reads a flattened N x N map at UV positions (n, 2), bilinearly."""
    from scipy.sparse import csr_matrix

    uv = np.asarray(uv, float)
    position = np.clip(uv * size - 0.5, 0, size - 1)
    low = np.minimum(position.astype(int), size - 2)
    fraction = position - low
    rows, columns, values = [], [], []
    for dv in (0, 1):
        for du in (0, 1):
            rows.append(np.arange(len(uv)))
            columns.append((low[:, 1] + dv) * size + low[:, 0] + du)
            values.append(np.prod(np.where([du, dv], fraction, 1 - fraction), axis=1))
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix(entries, shape=(len(uv), size * size))
