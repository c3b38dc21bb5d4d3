"""The outline of an exported face: a smooth line in the chart, along which the mesh of a position map is cut.

The mesh of all valid texels ends in the steps of the grid, and at the outline of the face a map is least accurate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MARGIN_TEXELS = 3.0  # of 128: the line runs this far inside the outermost valid texels
SMOOTHNESS_TEXELS = 3.0  # of 128: standard deviation of the Gaussian that rounds the line


def outline_level(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A smooth function (N, N) on the chart that is positive inside the line and negative outside."""
    import cv2
    from scipy.ndimage import distance_transform_edt

    texel = len(mask) / 128
    padded = np.pad(mask, 1)  # the chart ends where the picture ends
    distance = (distance_transform_edt(padded) - distance_transform_edt(~padded))[1:-1, 1:-1]
    smooth = cv2.GaussianBlur(distance.astype(np.float32), (0, 0), SMOOTHNESS_TEXELS * texel)
    smooth = np.minimum(smooth - MARGIN_TEXELS * texel, distance.astype(np.float32))  # never beyond the valid texels
    return (smooth + smooth[:, ::-1]) / 2


def cut_mesh(level: Array, triangles: NDArray[np.int32]) -> tuple[csr_matrix, NDArray[np.int32]]:
    """Cut a mesh where a function of its vertices (n,) changes its sign, and keep the positive part.

    Returns a sparse matrix (m, n) that computes values at the new vertices from values at the old ones, and triangles
    (T, 3) of the new vertices. Vertices on the line lie where the function, linear along each edge, is 0.
    """
    from scipy.sparse import csr_matrix

    inside = level > 0
    count = inside[triangles].sum(1)
    whole = triangles[count == 3]
    # rotate each triangle so that the vertex on its own side of the line comes first; the orientation stays
    one, two = (_rotated(triangles[count == k], inside == (k == 1)) for k in (1, 2))
    edges = np.concatenate([one[:, [0, 1]], one[:, [0, 2]], two[:, [1, 0]], two[:, [2, 0]]])  # from inside to outside
    edges, number = np.unique(edges, axis=0, return_inverse=True)
    kept = np.unique(np.concatenate([whole.ravel(), edges[:, 0]]))
    new = np.full(len(level), -1)
    new[kept] = np.arange(len(kept))
    on_line = len(kept) + np.asarray(number).ravel()
    first, second, third, fourth = np.split(on_line, np.cumsum([len(one), len(one), len(two)]))
    corner, a, b = new[one[:, 0]], new[two[:, 1]], new[two[:, 2]]
    parts = np.stack([corner, first, second], 1), np.stack([a, b, fourth], 1), np.stack([a, fourth, third], 1)
    share = level[edges[:, 0]] / (level[edges[:, 0]] - level[edges[:, 1]])  # of the way from inside to outside
    rows = np.r_[np.arange(len(kept)), np.repeat(len(kept) + np.arange(len(edges)), 2)]
    columns = np.r_[kept, edges.ravel()]
    weights = np.r_[np.ones(len(kept)), np.stack([1 - share, share], 1).ravel()].astype(np.float32)
    matrix = csr_matrix((weights, (rows, columns)), shape=(len(kept) + len(edges), len(level)))
    return matrix, np.concatenate([new[whole], *parts]).astype(np.int32)


def _rotated(triangles: NDArray[np.int32], first: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Triangles (T, 3) with the one vertex for which ``first`` holds in front."""
    place = first[triangles].argmax(1)[:, None]
    return np.take_along_axis(triangles, (place + np.arange(3)) % 3, 1)
