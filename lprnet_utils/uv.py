"""The UV layout: where on the face each texel of a position map lies, and how maps are encoded.

A position map is a float32 array (N, N, 3), row = v, column = u, ``map[row, column] = (x, y, z)`` in pixels of the
image that it belongs to. Texels outside the mesh hold the nearest valid value and weigh 0 everywhere.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .assets import read_arrays, read_sparse

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = NDArray[np.floating]

OUTSIDE, SURFACE, MEMBRANE = 0, 1, 2  # kinds of texels; the membrane closes the openings of eyes and mouth
SPAN = 2.2  # the network's unit interval covers this many sides of the crop
RIPPLE = 1.0  # texels; on held-out photos it costs the landmarks nothing
# PRNet's weights (Feng et al., ECCV 2018, section 3.3): 68 points : eyes, nose, mouth : face : the rest
WEIGHTS = {"landmarks": 16.0, "features": 4.0, "face": 3.0}
FEATURES = {  # 0-based iBUG points whose hull is a region of the weight mask
    "left brow and eye": [*range(17, 22), *range(36, 42)],
    "right brow and eye": [*range(22, 27), *range(42, 48)],
    "nose": range(27, 36),
    "mouth": range(48, 68),
}


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


def mirror_map(position_map: ArrayLike, width: int) -> Array:
    """The position map of the mirrored photo of the given width: x -> width - 1 - x, columns reversed."""
    flipped = np.array(position_map)[..., ::-1, :]
    flipped[..., 0] = width - 1 - flipped[..., 0]
    return flipped


def up_direction(position_map: ArrayLike, layout: UVLayout) -> Array:
    """Where the head's own up axis points in the picture: (sine, cosine) of its angle, clockwise from upright.

    The axis is that of the linear map which takes the mean face to the map best; no perspective, no search.
    """
    mean, points = layout.points(layout.mean_map).astype(float), layout.points(position_map).astype(float)
    mean = mean - mean.mean(0)
    axis = np.linalg.solve(mean.T @ mean, mean.T @ points[:, :2])[1]  # of y in the mean face: to picture x, y
    axis = axis / np.linalg.norm(axis)
    return np.array([axis[0], -axis[1]])


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
    from .rasterizer import rasterize

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
            inside = Delaunay(uv[list(points)]).find_simplex(centres) >= 0
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

        values = self._flat(position_map).reshape(self.size, self.size, 3)
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
        return self.inverse_matrix @ self._flat(position_map)

    def landmarks(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """The 68 iBUG landmarks (68, 3) of a position map (N, N, 3), in its unit."""
        return self.landmark_matrix @ self._flat(position_map)

    def points(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """The surface texels (M, 3) of a map, to be joined by ``triangles``: the face without the membrane."""
        return self._flat(position_map)[self.texels]

    def _flat(self, position_map: ArrayLike) -> NDArray[np.float32]:
        position_map = np.asarray(position_map, np.float32)
        if position_map.shape != (self.size, self.size, 3):
            raise ValueError(
                f"a position map of this layout has shape ({self.size}, {self.size}, 3), got {position_map.shape}"
            )
        return position_map.reshape(-1, 3)
