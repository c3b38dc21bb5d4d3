"""What every layout of position maps does: which texels are valid, the mesh that joins them, and reading maps.

:class:`lprnet_utils.uv.UVLayout` is the layout of the face, :class:`lprnet_utils.uv.ChartLayout` that of other parts of
the body.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..geometry.camera import Camera

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

OUTSIDE, SURFACE, MEMBRANE = 0, 1, 2  # kinds of texels; the membrane closes the openings of eyes and mouth
POSE_STEP = 7  # of the texels that suffice for the seven numbers of a camera
SMOOTHING_TEXELS = 1.0  # standard deviation of the Gaussian; held-out landmarks lose no accuracy by it


class MapLayout:
    """The base of layouts.

    Attributes
    ----------
    chart : str
        Its name: ``face``, ``head``, ``hand`` or ``body``.
    symmetric : bool
        Whether the mirror image of texel (row, column) is (row, N - 1 - column).
    size : int
        N, the side of the maps.
    kind : (N, N) uint8
        ``OUTSIDE``, ``SURFACE`` or ``MEMBRANE``, which closes openings.
    mask : (N, N) bool
        Valid texels: surface and membrane.
    texels : (M,) int
        Flat indices of the surface texels. Errors are measured on them.
    mean_map : (N, N, 3) array
        The mean shape in mm.
    matrix : sparse (N*N, V)
        ``matrix @ vertices`` is the flattened map of a mesh.
    landmark_matrix : sparse (L, N*N)
        Reads the landmarks from a flattened map.
    weights : (N, N) array
        How much each texel counts in a loss; 0 outside.
    """

    chart: str
    symmetric: bool
    size: int
    kind: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    texels: NDArray[np.intp]
    mean_map: Array
    matrix: csr_matrix
    landmark_matrix: csr_matrix
    weights: Array
    _nearest_valid: NDArray[np.intp]

    @cached_property
    def triangles(self) -> NDArray[np.int32]:
        """Triangles (T, 3) into ``texels``, counter-clockwise from outside, with holes at eyes and mouth."""
        return grid_triangles(self.texels, self.size)

    def mesh(self, membrane: bool = True) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """The surface as a mesh: flat indices (M,) of the texels that are vertices, and triangles (T, 3) into these.

        The membrane closes eyes and mouth. Without it they are holes, and the result is ``texels`` and ``triangles``.
        """
        return self._closed_mesh if membrane else (self.texels, self.triangles)

    @cached_property
    def _closed_mesh(self) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        valid = np.flatnonzero(self.mask)
        return valid, grid_triangles(valid, self.size)

    @cached_property
    def closed_triangles(self) -> NDArray[np.int32]:
        """The triangles (T, 3) of :meth:`mesh` with the membrane, as indices into the flattened map of N*N texels."""
        valid, triangles = self._closed_mesh
        return valid.astype(np.int32)[triangles]

    def smooth(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """Smooth a position map (N, N, 3) with a Gaussian of ``SMOOTHING_TEXELS``.

        A face is smooth at the scale of a texel, but transposed convolutions of stride 2 leave a checkerboard. Only
        valid texels are averaged. Texels outside the mesh get the nearest valid value.
        """
        import cv2

        kernel = cv2.getGaussianKernel(2 * round(3 * SMOOTHING_TEXELS) + 1, SMOOTHING_TEXELS, cv2.CV_32F)
        weight = self.mask.astype(np.float32)

        def blur(values: Array) -> Array:
            return cv2.sepFilter2D(values, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)

        values = self.flat(position_map).reshape(self.size, self.size, 3)
        smooth = blur(values * weight[..., None]) / np.maximum(blur(weight), 1e-6)[..., None]
        return smooth.reshape(-1, 3)[self._nearest_valid].astype(np.float32)

    def vertices_to_map(self, vertices: ArrayLike) -> NDArray[np.float32]:
        """The position map (N, N, 3) of vertices (V, 3) of the layout's mesh. ValueError for another shape."""
        vertices = np.asarray(vertices, np.float32)
        if vertices.shape != (self.matrix.shape[1], 3):
            raise ValueError(f"vertices have shape {vertices.shape}, this layout has ({self.matrix.shape[1]}, 3)")
        return (self.matrix @ vertices).reshape(self.size, self.size, 3)

    def landmarks(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """The landmarks (L, 3) of a position map (N, N, 3), in the map's unit."""
        return self.landmark_matrix @ self.flat(position_map)

    def points(self, position_map: ArrayLike, step: int = 1) -> NDArray[np.float32]:
        """The surface texels (M, 3) of a position map (N, N, 3): the vertices that ``triangles`` joins.

        With a ``step`` only every step-th of them, where a part is enough.
        """
        return self.flat(position_map)[self.texels[::step]]

    def flat(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """All texels (N*N, 3) of a position map (N, N, 3). ValueError if the map has another shape."""
        position_map, shape = np.asarray(position_map, np.float32), (self.size, self.size, 3)
        if position_map.shape != shape:
            raise ValueError(f"a position map of this layout has shape {shape}, got {position_map.shape}")
        return position_map.reshape(-1, 3)

    def camera(self, position_map: ArrayLike, step: int = POSE_STEP) -> Camera:
        """The camera that best projects the mean shape onto a map (N, N, 3), by every step-th surface texel."""
        return Camera.fit(self.points(self.mean_map, step), self.points(position_map, step))

    def centre_depth(self, position_maps: NDArray) -> NDArray:
        """Shift z of maps (..., N, N, 3) in place to mean 0 over the valid texels; returns the same maps."""
        for position_map in position_maps.reshape(-1, self.size, self.size, 3):
            position_map[..., 2] -= position_map[self.mask][:, 2].mean()
        return position_maps


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


def interpolation_matrix(columns: NDArray, weights: Array, count: int) -> csr_matrix:
    """Sparse (P, count) matrix: each row has the ``weights`` (P, k) in its ``columns`` (P, k)."""
    from scipy.sparse import csr_matrix

    rows = np.repeat(np.arange(len(columns)), columns.shape[1])
    return csr_matrix((weights.ravel(), (rows, columns.ravel())), shape=(len(columns), count))


def bilinear_matrix(uv: ArrayLike, size: int) -> csr_matrix:
    """Sparse (n, N*N) matrix that reads a flattened N x N map at UV positions (n, 2), bilinearly."""
    position = np.clip(np.asarray(uv, float) * size - 0.5, 0, size - 1)
    low = np.minimum(position.astype(int), size - 2)
    fraction = (position - low)[:, None]
    steps = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])  # to the four texels around a position
    texel = low[:, None] + steps
    weights = np.where(steps, fraction, 1 - fraction).prod(2)
    return interpolation_matrix(texel[..., 1] * size + texel[..., 0], weights, size * size)
