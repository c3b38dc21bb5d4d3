"""Rasterising the UV chart: which vertices make a texel, and which texels make a triangle."""

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
    """Rasterise the chart: which vertices make each texel.

    Parameters
    ----------
    uv : (V, 2) array
        Chart position of each vertex, 0 to 1, mirror-symmetric.
    triangles : (T, 3) int array
    membrane : (T,) bool
        Which triangles close an opening.
    mirror : (V,) int array
        The mirror counterpart of each vertex.
    size : int
        N, even.

    Returns
    -------
    vertices : (N*N, 3) int
    weights : (N*N, 3) float64
        Each texel is the weighted sum of three vertices. A texel outside the mesh repeats the nearest valid texel.
    kind : (N, N) uint8
        ``OUTSIDE``, ``SURFACE`` or ``MEMBRANE``.

    Raises
    ------
    ValueError
        If the size is odd or below 2.
    """
    if size < 2 or size % 2:
        raise ValueError(f"the size of a position map must be even and at least 2, not {size}")
    from ..geometry.rasterizer import rasterize

    points = np.c_[np.asarray(uv, float) * size - 0.5, np.zeros(len(uv))]
    index, weights, _ = rasterize(points, triangles, size, size)
    vertices = np.asarray(triangles)[index]
    kind = np.where(index < 0, OUTSIDE, np.where(membrane[index], MEMBRANE, SURFACE)).astype(np.uint8)
    half = size // 2  # the right half mirrors the left half, so that the layout is exactly symmetric
    kind[:, half:] = kind[:, :half][:, ::-1]
    row, column = nearest_valid_in_left_half(kind)
    vertices, weights = vertices[row, column], weights[row, column]
    vertices = np.concatenate([vertices, mirror[vertices[:, ::-1]]], 1)
    weights = np.concatenate([weights, weights[:, ::-1]], 1)
    return vertices.reshape(-1, 3), weights.reshape(-1, 3), kind


def nearest_valid_in_left_half(kind: NDArray[np.uint8]) -> tuple[NDArray, NDArray]:
    """For each texel of the left half: row and column (N, N/2) of the nearest valid texel in that half."""
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


def grid_triangles(texels: NDArray[np.intp], size: int) -> NDArray[np.int32]:
    """Triangles (T, 3) that join neighbours among some texels (M,) of an N x N map, as indices into ``texels``.

    Each cell between four texels is cut along a diagonal. The diagonals of the right half mirror those of the left.
    """
    number = np.full(size * size, -1, np.int32)
    number[texels] = np.arange(len(texels), dtype=np.int32)
    number = number.reshape(size, size)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    left_half = np.broadcast_to(np.arange(size - 1) < size // 2, a.shape)
    found = []
    for first, second, third, fourth, half in ((a, b, c, d, left_half), (d, a, b, c, ~left_half)):
        diagonal = half & (first >= 0) & (third >= 0)
        found.append(np.stack([first, second, third], -1)[diagonal & (second >= 0)])
        found.append(np.stack([first, third, fourth], -1)[diagonal & (fourth >= 0)])
        # a cell at the border that lacks one end of its diagonal still has the triangle of the other three texels
        other_diagonal = half & (second >= 0) & (fourth >= 0)
        found.append(np.stack([second, third, fourth], -1)[other_diagonal & (first < 0) & (third >= 0)])
        found.append(np.stack([fourth, first, second], -1)[other_diagonal & (third < 0) & (first >= 0)])
    return np.concatenate(found)
