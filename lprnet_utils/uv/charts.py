"""Layouts of position maps for other surfaces than the face: a whole head, a hand, a body.

The network, the encoding, the losses and the training ask a layout for a few things: which texels are valid, how a map
follows from vertices, where its landmarks are, and the mean shape. :class:`ChartLayout` answers for any mesh with a
chart, :class:`lprnet_utils.uv.UVLayout` for the face.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays
from .layout import UVLayout
from .maps import OUTSIDE, SURFACE, MapLayout, bilinear_matrix, grid_triangles, interpolation_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from ..morphable_model.model import MorphableModel

CHARTS = {"head": "head_chart.npz", "hand": "hand.npz", "body": "body.npz"}  # and the files that hold them
LONGEST_EDGE = 5.0  # times the median edge of the map's mesh; a longer one would join two fingers


class ChartLayout(MapLayout):
    """The layout of the surface of a bundled mesh by its chart.

    Parameters
    ----------
    chart : {"head", "hand", "body"}
        Which part of the body.
    size : int
        N, the side of the maps. 128 is precomputed; other sizes are rasterised on creation (needs numba).

    Raises
    ------
    ValueError
        If there is no such chart, or the size is below 2.

    Examples
    --------
    >>> layout = ChartLayout("hand")
    >>> layout.mean_map.shape, layout.landmarks(layout.mean_map).shape
    ((128, 128, 3), (21, 3))
    """

    def __init__(self, chart: str, size: int = 128):
        if chart not in CHARTS:
            raise ValueError(f"no chart {chart!r}; there are face, {', '.join(CHARTS)}")
        file = read_bundled_arrays(CHARTS[chart])
        self.chart, self.size, self.symmetric = chart, size, bool(file.get("symmetric", False))
        self._mean, self._landmarks = file["mean"], file["landmarks"]
        self._corner, self._uv = file["corner"].astype(np.int32), file["uv"]
        self._chart_triangles = file["chart_triangles"].astype(np.int32)
        if size == 128:
            texels = file["texel_vertices"], file["texel_weights"], file["texel_kind"]
        else:
            texels = rasterise_chart(self._uv, self._chart_triangles, self._corner, size)
        self._vertices, self._weights, self.kind = texels
        self.mask = self.kind != OUTSIDE
        self.texels = np.flatnonzero(self.kind == SURFACE)

    @cached_property
    def matrix(self) -> csr_matrix:
        """Sparse (N*N, V): ``matrix @ vertices`` is the flattened position map."""
        return interpolation_matrix(self._vertices.astype(np.int32), self._weights.astype(np.float32), len(self._mean))

    def position_basis(self, model: MorphableModel) -> tuple[Array, Array]:
        """Mean (N*N, 3) and basis (K + E, N*N, 3) of the position maps of a linear model of the chart's mesh.

        ValueError if the model has another number of vertices.
        """
        from ..morphable_model.model import transform_basis

        if len(model.mean) != len(self._mean):
            raise ValueError(f"the model has {len(model.mean)} vertices, the chart {self.chart} {len(self._mean)}")
        directions = np.concatenate([model.identity, model.expression]).astype(np.float32)
        return self.matrix @ model.mean.astype(np.float32), transform_basis(self.matrix, directions)

    @cached_property
    def mean_map(self) -> Array:
        """The mean shape in the rest pose, (N, N, 3) in mm of the model's frame."""
        return self.vertices_to_map(self._mean)

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """1 on the surface and 0 outside, (N, N): every texel counts alike."""
        return self.mask.astype(np.float32)

    @cached_property
    def landmark_matrix(self) -> csr_matrix:
        """Sparse (L, N*N): reads the landmarks from a map, each the mean of places on the surface."""
        from scipy.sparse import csr_matrix

        number, vertex, weight = self._landmarks.T
        number, count = number.astype(int), int(self._landmarks[:, 0].max()) + 1
        first = np.full(len(self._mean), -1)  # a corner of each vertex
        first[self._corner[::-1]] = np.arange(len(self._corner))[::-1]
        places = self._uv[first[vertex.astype(int)]]
        gather = csr_matrix((weight, (number, np.arange(len(number)))), shape=(count, len(number)))
        return self._within((gather @ bilinear_matrix(places, self.size)).tocoo())

    def _within(self, read: Any) -> csr_matrix:
        """The matrix (P, N*N) with each texel outside replaced by the nearest valid one: the network's are not."""
        from scipy.sparse import csr_matrix

        column = self._nearest_valid.ravel()[read.col]
        return csr_matrix((read.data, (read.row, column)), shape=read.shape).astype(np.float32)

    @cached_property
    def skin(self) -> tuple[csr_matrix, NDArray[np.int32]]:
        """The surface as the mesh that the chart was made of, which is closed at the chart's seams.

        A sparse matrix (W, N*N) reads its vertices from a flattened map, of a vertex on a seam the mean of its places
        in the chart; triangles (T, 3) join them.
        """
        from scipy.sparse import csr_matrix

        used, triangles = np.unique(self._corner[self._chart_triangles], return_inverse=True)
        row = np.searchsorted(used, self._corner)
        row[~np.isin(self._corner, used)] = 0
        present = np.isin(np.arange(len(row)), self._chart_triangles)
        share = present / np.maximum(np.bincount(row, present, len(used)), 1)[row]
        gather = csr_matrix((share, (row, np.arange(len(row)))), shape=(len(used), len(row)))
        read = self._within((gather @ bilinear_matrix(self._uv, self.size)).tocoo())
        return read, triangles.reshape(-1, 3).astype(np.int32)

    @cached_property
    def _nearest_valid(self) -> NDArray[np.intp]:
        """Flat index (N, N) of the valid texel nearest to each texel."""
        row, column = _nearest(self.kind)
        return row * self.size + column

    @cached_property
    def triangles(self) -> NDArray[np.int32]:
        """Triangles (T, 3) into ``texels``; none across a gap of the chart, such as that between two fingers."""
        found = grid_triangles(self.texels, self.size)
        corners = self.points(self.mean_map)[found]
        length = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=2).max(1)
        return found[length < LONGEST_EDGE * np.median(length)]

    @cached_property
    def _closed_mesh(self) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        return self.texels, self.triangles


def load_layout(chart: str = "face", size: int = 128) -> MapLayout:
    """The layout of a chart, ``face``, ``head``, ``hand`` or ``body``, for maps of a side. ValueError for another."""
    return UVLayout(size) if chart == "face" else ChartLayout(chart, size)


def rasterise_chart(
    uv: Array, triangles: NDArray, corner: NDArray, size: int
) -> tuple[NDArray[np.intp], Array, NDArray[np.uint8]]:
    """Which vertices (N*N, 3) make each texel of a chart, their weights (N*N, 3), and its kind (N, N).

    ``uv`` (P, 2), 0 to 1, are the places of the chart's corners, ``corner`` (P,) their vertices and ``triangles``
    (T, 3) join corners. A vertex on a seam has several corners. A texel outside repeats the nearest valid texel.
    ValueError if the size N is below 2. Needs numba.
    """
    if size < 2:
        raise ValueError(f"the size of a position map must be at least 2, not {size}")
    from ..geometry.rasterizer import rasterize

    points = np.c_[np.asarray(uv, float) * size - 0.5, np.zeros(len(uv))]
    index, weights, _ = rasterize(points, np.asarray(triangles, np.int32), size, size)
    kind = np.where(index < 0, OUTSIDE, SURFACE).astype(np.uint8)
    row, column = _nearest(kind)
    vertices = np.asarray(corner)[np.asarray(triangles)[index]][row, column]
    return vertices.reshape(-1, 3), weights[row, column].reshape(-1, 3), kind


def _nearest(kind: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Row and column (2, N, N) of the valid texel nearest to each texel."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(kind == OUTSIDE, return_distances=False, return_indices=True)
