"""The UV layout: where on the face each texel of a position map lies, and how maps are encoded.

A position map is a float32 array (N, N, 3), row = v, column = u, ``map[row, column] = (x, y, z)`` in pixels of the
image that it belongs to. Texels outside the mesh hold the nearest valid value and weigh 0 everywhere.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import read_arrays, read_sparse
from ..geometry.landmarks import (
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    NOSE_BRIDGE,
    NOSTRILS,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
)
from .texels import OUTSIDE, SURFACE, _nearest_in_left_half, bilinear_matrix, texel_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

RIPPLE = 1.0  # texels; on held-out photos it costs the landmarks nothing

# PRNet's weights (Feng et al., ECCV 2018, section 3.3): 68 points : eyes, nose, mouth : face : the rest
WEIGHTS = {"landmarks": 16.0, "features": 4.0, "face": 3.0}
FEATURES = {  # landmarks whose hull is a region of the weight mask
    "right brow and eye": np.r_[RIGHT_BROW, RIGHT_EYE],
    "left brow and eye": np.r_[LEFT_BROW, LEFT_EYE],
    "nose": np.r_[NOSE_BRIDGE, NOSTRILS],
    "mouth": np.r_[OUTER_LIPS, INNER_LIPS],
}


def up_direction(position_map: ArrayLike, layout: UVLayout) -> Array:
    """Where the head's own up axis points in the picture: (sine, cosine) of its angle, clockwise from upright.

    The axis is that of the linear map which takes the mean face to the map best; no perspective, no search.
    """
    mean, points = layout.points(layout.mean_map).astype(float), layout.points(position_map).astype(float)
    mean = mean - mean.mean(0)
    axis = np.linalg.solve(mean.T @ mean, mean.T @ points[:, :2])[1]  # of y in the mean face: to picture x, y
    axis = axis / np.linalg.norm(axis)
    return np.array([axis[0], -axis[1]])


class UVLayout:
    """The UV layout of the bundled face model at one size.

    Parameters
    ----------
    size : int
        N, the side of the maps; 128 is precomputed, others are rasterised on creation (needs numba).
    landmark_uv : (68, 2) array, optional
        Where the 68 landmarks lie in the chart, 0 to 1, for weights that were trained with other places than the
        model's.

    Attributes
    ----------
    size : int
    kind : (N, N) uint8
        ``OUTSIDE``, ``SURFACE`` or ``MEMBRANE``.
    mask : (N, N) bool
        Valid texels: surface and membrane.
    texels : (M,) int
        Flat indices of the surface texels: what is skin, and what errors are measured on.
    triangles : (T, 3) int32
        Triangles into ``texels``, counter-clockwise from outside (y up); eyes and mouth are holes. :meth:`mesh` is the
        whole face.
    """

    def __init__(self, size: int = 128, landmark_uv: ArrayLike | None = None):
        file = read_arrays("face_model.npz")
        self.size = size
        self._uv = file["uv"]
        self._landmarks = file["landmarks"]
        if landmark_uv is not None:
            places = np.asarray(landmark_uv, float)
            if places.shape != (68, 2) or not ((places >= 0) & (places <= 1)).all():
                raise ValueError(
                    f"landmark_uv has shape {places.shape}, or values outside 0 to 1; it should be (68, 2)"
                )
            self._landmarks = np.c_[np.arange(68), places, np.ones(68)]
        if size == 128:
            self._vertices, self._weights = file["texel_vertices"], file["texel_weights"]
            self.kind = file["texel_kind"]
        else:
            self._vertices, self._weights, self.kind = texel_matrix(
                self._uv, file["triangles"], file["membrane"], file["mirror"], size
            )
        self.mask = self.kind != OUTSIDE
        self.texels = np.flatnonzero(self.kind == SURFACE)

    @cached_property
    def matrix(self) -> csr_matrix:
        """Sparse (N*N, V): ``matrix @ vertices`` is the flattened position map."""
        from scipy.sparse import csr_matrix

        n = self.size**2
        entries = (
            self._weights.ravel().astype(np.float32),
            (np.repeat(np.arange(n), 3), self._vertices.ravel().astype(np.int32)),
        )
        return csr_matrix(entries, shape=(n, len(self._uv)))

    @cached_property
    def mean_map(self) -> Array:
        """The mean face as a map (N, N, 3) in mm of the face frame."""
        file = read_arrays("face_model.npz")
        coarse = file["mean"]
        return self.vertices_to_map(read_sparse(file, "subdivision", len(coarse)) @ coarse)

    @cached_property
    def texel_uv(self) -> NDArray[np.float32]:
        """Place (u, v, 1) of each texel's centre, (N, N, 3): what :meth:`lprnet_utils.Face.uv_coordinates` draws."""
        centre = ((np.arange(self.size) + 0.5) / self.size).astype(np.float32)
        return np.stack([*np.meshgrid(centre, centre), np.ones((self.size, self.size), np.float32)], -1)

    @cached_property
    def inverse_matrix(self) -> csr_matrix:
        """Sparse (V, N*N): ``inverse_matrix @ map.reshape(-1, 3)`` reads the model's vertices from a map."""
        return bilinear_matrix(self._uv, self.size)

    @cached_property
    def landmark_matrix(self) -> csr_matrix:
        """Sparse (68, N*N): reads the iBUG landmarks, each a weighted set of UV positions.

        Texels off the face, where a network's output means nothing, are never read: the nearest on it stands for them.
        """
        from scipy.sparse import csr_matrix

        number, weight = self._landmarks[:, 0].astype(int), self._landmarks[:, 3]
        gather = csr_matrix((weight, (number, np.arange(len(number)))), shape=(68, len(number)))
        read = (gather @ bilinear_matrix(self._landmarks[:, 1:3], self.size)).tocoo()
        column = self._nearest.ravel()[read.col]
        return csr_matrix((read.data, (read.row, column)), shape=read.shape).astype(np.float32)

    @property
    def landmark_uv(self) -> Array:
        """Mean UV position of the 68 landmarks, (68, 2)."""
        number, weight = self._landmarks[:, 0].astype(int), self._landmarks[:, 3]
        return np.stack([np.bincount(number, weight * self._landmarks[:, k], 68) for k in (1, 2)], 1)

    @cached_property
    def _nearest(self) -> NDArray[np.intp]:
        """Flat index (N, N) of the valid texel nearest to each texel: itself, if it is valid."""
        row, column = _nearest_in_left_half(self.kind)
        left = row * self.size + column
        right = row[:, ::-1] * self.size + self.size - 1 - column[:, ::-1]
        return np.concatenate([left, right], 1)

    @cached_property
    def triangles(self) -> NDArray[np.int32]:
        """Triangles of the texel grid between surface texels, diagonals mirrored left to right."""
        return self._grid(self.texels)

    def mesh(self, membrane: bool = True) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """The mesh that a map is: flat indices (M,) of its vertices' texels, and triangles (T, 3) into these.

        The membrane closes eyes and mouth; without it they are holes, and the two are ``texels`` and ``triangles``.
        """
        return self._closed if membrane else (self.texels, self.triangles)

    @cached_property
    def _closed(self) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        valid = np.flatnonzero(self.mask)
        return valid, self._grid(valid)

    @cached_property
    def closed_triangles(self) -> NDArray[np.int32]:
        """The triangles of :meth:`mesh`, but into the flattened map of (N * N) texels."""
        valid, triangles = self._closed
        return valid.astype(np.int32)[triangles]

    def _grid(self, texels: NDArray[np.intp]) -> NDArray[np.int32]:
        """Triangles (T, 3) into these flat texels that join neighbours."""
        n = self.size
        number = np.full(n * n, -1, np.int32)
        number[texels] = np.arange(len(texels), dtype=np.int32)
        number = number.reshape(n, n)
        a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
        left = np.broadcast_to(np.arange(n - 1) < n // 2, a.shape)
        found = []
        for first, second, third, fourth, here in ((a, b, c, d, left), (d, a, b, c, ~left)):
            both = here & (first >= 0) & (third >= 0)
            found.append(np.stack([first, second, third], -1)[both & (second >= 0)])
            found.append(np.stack([first, third, fourth], -1)[both & (fourth >= 0)])
            # a cell at the border that lacks an end of its diagonal still has the triangle of the other three
            ends = here & (second >= 0) & (fourth >= 0)
            found.append(np.stack([second, third, fourth], -1)[ends & (first < 0) & (third >= 0)])
            found.append(np.stack([fourth, first, second], -1)[ends & (third < 0) & (first >= 0)])
        return np.concatenate(found)

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """PRNet's weight mask (N, N): 68 points 16, eyes, nose and mouth 4, the face 3, outside 0."""
        from scipy.spatial import Delaunay

        n = self.size
        column, row = np.meshgrid((np.arange(n) + 0.5) / n, (np.arange(n) + 0.5) / n)
        centres = np.stack([column, row], -1)
        out = np.where(self.mask, WEIGHTS["face"], 0.0)
        uv = self.landmark_uv
        for points in FEATURES.values():
            inside = Delaunay(uv[points]).find_simplex(centres) >= 0
            out[inside & self.mask] = WEIGHTS["features"]
        position = np.clip(np.rint(uv * n - 0.5).astype(int), 0, n - 1)
        out[position[:, 1], position[:, 0]] = WEIGHTS["landmarks"]
        return np.maximum(out, out[:, ::-1]).astype(np.float32)

    def smooth(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """A position map (N, N, 3) without the ripple of a network's decoder: a Gaussian of ``RIPPLE`` texels.

        A face is smooth at the scale of a texel, but transposed convolutions of stride 2 leave a checkerboard. Only
        valid texels are averaged; outside, where a network's output means nothing, goes the nearest valid value.
        """
        import cv2

        kernel = cv2.getGaussianKernel(2 * round(3 * RIPPLE) + 1, RIPPLE, cv2.CV_32F)
        weight = self.mask.astype(np.float32)

        def blur(values: Array) -> Array:
            return cv2.sepFilter2D(values, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)

        values = self.flat(position_map).reshape(self.size, self.size, 3)
        smooth = blur(values * weight[..., None]) / np.maximum(blur(weight), 1e-6)[..., None]
        return smooth.reshape(-1, 3)[self._nearest].astype(np.float32)

    def vertices_to_map(self, vertices: ArrayLike) -> NDArray[np.float32]:
        """Vertices (V, 3) of a face in this layout's topology to a position map (N, N, 3)."""
        vertices = np.asarray(vertices, np.float32)
        if vertices.shape != (len(self._uv), 3):
            raise ValueError(f"vertices have shape {vertices.shape}, this layout has ({len(self._uv)}, 3)")
        return (self.matrix @ vertices).reshape(self.size, self.size, 3)

    def map_to_vertices(self, position_map: ArrayLike) -> Array:
        """A position map (N, N, 3) to the model's vertices (V, 3), read bilinearly."""
        return self.inverse_matrix @ self.flat(position_map)

    def landmarks(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """The 68 iBUG landmarks (68, 3) of a position map (N, N, 3), in its unit."""
        return self.landmark_matrix @ self.flat(position_map)

    def points(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """The surface texels (M, 3) of a map, to be joined by ``triangles``: the face without the membrane."""
        return self.flat(position_map)[self.texels]

    def flat(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """All texels (N * N, 3) of a map.

        Raises
        ------
        ValueError
            If it is no map of this layout.
        """
        position_map = np.asarray(position_map, np.float32)
        if position_map.shape != (self.size, self.size, 3):
            raise ValueError(
                f"a position map of this layout has shape ({self.size}, {self.size}, 3), got {position_map.shape}"
            )
        return position_map.reshape(-1, 3)

    def centre_depth(self, position_maps: NDArray) -> NDArray:
        """Shift the depth of maps (..., N, N, 3) in place, so that z has mean 0 over the valid texels.

        Returns
        -------
        The maps.
        """
        for one in position_maps.reshape(-1, self.size, self.size, 3):
            one[..., 2] -= one[self.mask][:, 2].mean()
        return position_maps
