"""The UV layout: where on the face each texel of a position map lies.

A position map is a float32 array (N, N, 3) with row = v and column = u: ``map[row, column] = (x, y, z)`` in the photo
frame, see :mod:`lprnet_utils.geometry.camera`. Texels outside the mesh hold the nearest valid value and weigh 0.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays, read_sparse
from ..geometry.landmarks import LEFT_BROW, LEFT_EYE, MOUTH, NOSE, RIGHT_BROW, RIGHT_EYE
from .maps import MEMBRANE, OUTSIDE, SURFACE, MapLayout, bilinear_matrix, interpolation_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from ..morphable_model.model import MorphableModel


# (u, v) of the pupils of somebody who looks straight ahead, the right one first: where the axes of the eyeballs
# (data/head.npz) cross the membrane of the mean face
PUPILS = (0.3262, 0.3535), (0.6738, 0.3535)

# weight mask of PRNet (Feng et al., ECCV 2018, section 3.3), later regions over earlier ones
FACE_WEIGHT, FEATURE_WEIGHT, LANDMARK_WEIGHT = 3.0, 4.0, 16.0
# the convex hull of each group of landmarks is a region of weight FEATURE_WEIGHT
FEATURE_LANDMARKS = np.r_[RIGHT_BROW, RIGHT_EYE], np.r_[LEFT_BROW, LEFT_EYE], np.r_[NOSE], np.r_[MOUTH]


class UVLayout(MapLayout):
    """The UV layout of the bundled face model at one size.

    ValueError if ``size`` is odd or below 2, or ``landmark_uv`` has another shape or values outside 0 to 1.

    Parameters
    ----------
    size : int
        N, the side of the maps, even. 128 is precomputed; other sizes are rasterised on creation (needs numba).
    landmark_uv : (68, 2) array, optional
        UV positions of the 68 landmarks, 0 to 1, for network weights that were trained with positions other than the
        bundled ones.

    Attributes
    ----------
    kind : (N, N) uint8
        ``OUTSIDE``, ``SURFACE`` or ``MEMBRANE``. The membrane closes the openings of eyes and mouth.
    mask : (N, N) bool
        Valid texels: surface and membrane.
    texels : (M,) int
        Flat indices of the surface texels, which are skin. Errors are measured on them.

    Examples
    --------
    >>> layout = UVLayout()
    >>> layout.mean_map.shape
    (128, 128, 3)
    >>> layout.landmarks(layout.mean_map).shape
    (68, 3)
    >>> vertices, triangles = layout.mesh()
    >>> len(vertices) == layout.mask.sum().item()
    True
    """

    chart, symmetric = "face", True

    def __init__(self, size: int = 128, landmark_uv: ArrayLike | None = None):
        file = read_bundled_arrays("face_model.npz")
        self.size = size
        self._uv = file["uv"]
        self._landmarks = file["landmarks"]  # rows of (landmark, u, v, weight)
        if landmark_uv is not None:
            positions = np.asarray(landmark_uv, float)
            if positions.shape != (68, 2) or not ((positions >= 0) & (positions <= 1)).all():
                raise ValueError(
                    f"landmark_uv has shape {positions.shape}, or values outside 0 to 1; it should be (68, 2)"
                )
            self._landmarks = np.c_[np.arange(68), positions, np.ones(68)]
        if size == 128:
            texels = file["texel_vertices"], file["texel_weights"], file["texel_kind"]
        else:
            texels = texel_matrix(self._uv, file["triangles"], file["membrane"], file["mirror"], size)
        self._vertices, self._weights, self.kind = texels
        self.mask = self.kind != OUTSIDE
        self.texels = np.flatnonzero(self.kind == SURFACE)

    @classmethod
    def of_labels(cls, size: int = 128) -> UVLayout:
        """The layout with the landmarks where the labels of 300W-LP, AFLW2000-3D and their like have them.

        These labels are vertices of another face model; ``scripts/calibration/calibrate_landmarks.py`` found where they
        are on this one. The default places are those that people mark.
        """
        return cls(size, read_bundled_arrays("face_model.npz")["landmarks_of_labels"][:, 1:3])

    @cached_property
    def matrix(self) -> csr_matrix:
        """Sparse (N*N, V): ``matrix @ vertices`` is the flattened position map."""
        return interpolation_matrix(self._vertices.astype(np.int32), self._weights.astype(np.float32), len(self._uv))

    @cached_property
    def mean_map(self) -> Array:
        """The mean face as a map (N, N, 3) in mm of the face frame."""
        file = read_bundled_arrays("face_model.npz")
        coarse = file["mean"]
        return self.vertices_to_map(read_sparse(file, "subdivision", len(coarse)) @ coarse)

    def position_basis(self, model: MorphableModel) -> tuple[Array, Array]:
        """Mean (N*N, 3) and basis (K + E, N*N, 3) of the position maps of a face model: identity, then expression.

        ``mean + tensordot(coefficients, basis, 1)`` is the flattened position map of a face in mm of the face frame.
        ValueError if the model is not in the bundled topology.
        """
        from ..morphable_model.model import transform_basis  # a reconstruction needs no model, and starts sooner

        if model.uv is None:
            raise ValueError("this model has no UV chart; uv.register_model brings it into the bundled topology")
        directions = np.concatenate([model.identity, model.expression]).astype(np.float32)
        return self.matrix @ model.mean.astype(np.float32), transform_basis(self.matrix, directions)

    @cached_property
    def texel_uv(self) -> NDArray[np.float32]:
        """UV position (u, v, 1) of the centre of each texel, (N, N, 3)."""
        centre = ((np.arange(self.size) + 0.5) / self.size).astype(np.float32)
        return np.stack([*np.meshgrid(centre, centre), np.ones((self.size, self.size), np.float32)], -1)

    @cached_property
    def inverse_matrix(self) -> csr_matrix:
        """Sparse (V, N*N): ``inverse_matrix @ map.reshape(-1, 3)`` reads the model's vertices from a map."""
        return bilinear_matrix(self._uv, self.size)

    @cached_property
    def landmark_matrix(self) -> csr_matrix:
        """Sparse (68, N*N): ``landmark_matrix @ map.reshape(-1, 3)`` reads the 68 iBUG landmarks.

        Each landmark is a weighted set of UV positions. A network's output is meaningless outside the mesh, so those
        texels are never read; the nearest valid texel replaces each of them.
        """
        from scipy.sparse import csr_matrix

        number, weight = self._landmarks[:, 0].astype(int), self._landmarks[:, 3]
        gather = csr_matrix((weight, (number, np.arange(len(number)))), shape=(68, len(number)))
        read = (gather @ bilinear_matrix(self._landmarks[:, 1:3], self.size)).tocoo()
        column = self._nearest_valid.ravel()[read.col]
        return csr_matrix((read.data, (read.row, column)), shape=read.shape).astype(np.float32)

    @property
    def landmarks_of_people(self) -> bool:
        """Whether the landmarks are where people mark them: the bundled places, not those of labels."""
        return bool(
            np.allclose(self.landmark_uv, _mean_uv(read_bundled_arrays("face_model.npz")["landmarks"]), atol=1e-6)
        )

    @property
    def landmark_uv(self) -> Array:
        """Mean UV position of the 68 landmarks, (68, 2)."""
        return _mean_uv(self._landmarks)

    @cached_property
    def _nearest_valid(self) -> NDArray[np.intp]:
        """Flat index (N, N) of the valid texel nearest to each texel; a valid texel is its own nearest."""
        row, column = nearest_valid_in_left_half(self.kind)
        left = row * self.size + column
        right = row[:, ::-1] * self.size + self.size - 1 - column[:, ::-1]
        return np.concatenate([left, right], 1)

    def trimmed_mesh(self, membrane: bool = True) -> tuple[csr_matrix, NDArray[np.int32]]:
        """:meth:`mesh` cut along a smooth line near its border, as files show it, see :mod:`lprnet_utils.uv.outline`.

        Returns a sparse matrix (V, N*N), which computes values at the vertices from values at all texels, and triangles
        (T, 3).
        """
        return self._trimmed_closed_mesh if membrane else self._trim(self.texels.astype(np.int32)[self.triangles])

    @cached_property
    def _trimmed_closed_mesh(self) -> tuple[csr_matrix, NDArray[np.int32]]:
        return self._trim(self.closed_triangles)

    def _trim(self, triangles: NDArray[np.int32]) -> tuple[csr_matrix, NDArray[np.int32]]:
        from .outline import cut_mesh, outline_level

        return cut_mesh(outline_level(self.mask).ravel(), triangles)

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """PRNet's weight mask (N, N): landmarks 16; eyes, nose and mouth 4; rest of the face 3; outside 0."""
        from scipy.spatial import Delaunay

        n = self.size
        centre = (np.arange(n) + 0.5) / n
        centres = np.stack(np.meshgrid(centre, centre), -1)
        out = np.where(self.mask, FACE_WEIGHT, 0.0)
        uv = self.landmark_uv
        for landmarks in FEATURE_LANDMARKS:
            inside = Delaunay(uv[landmarks]).find_simplex(centres) >= 0
            out[inside & self.mask] = FEATURE_WEIGHT
        position = np.clip(np.rint(uv * n - 0.5).astype(int), 0, n - 1)
        out[position[:, 1], position[:, 0]] = LANDMARK_WEIGHT
        return np.maximum(out, out[:, ::-1]).astype(np.float32)

    def map_to_vertices(self, position_map: ArrayLike) -> Array:
        """The vertices (V, 3) of the face model, read bilinearly from a position map (N, N, 3)."""
        return self.inverse_matrix @ self.flat(position_map)

    def pupils(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """Where the right and the left pupil (2, 3) of a position map (N, N, 3) are if the person looks straight ahead.

        The map has no irises, so these points do not follow the gaze.
        """
        return bilinear_matrix(np.array(PUPILS), self.size) @ self.flat(position_map)


def texel_matrix(
    uv: Array, triangles: NDArray, membrane: NDArray[np.bool_], mirror: NDArray, size: int
) -> tuple[NDArray, Array, NDArray[np.uint8]]:
    """Rasterise the chart: which vertices (N*N, 3) make each texel, their weights (N*N, 3), and its kind (N, N).

    The kind is ``OUTSIDE``, ``SURFACE`` or ``MEMBRANE``. A texel outside the mesh repeats the nearest valid texel.
    ``uv`` (V, 2) is the position of each vertex in the chart, 0 to 1 and mirror-symmetric; ``mirror`` (V,) is its
    mirror counterpart. ``membrane`` (T,) says which triangles close an opening. ValueError if the size N is odd or
    below 2.
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


def _mean_uv(landmarks: Array) -> Array:
    """Mean UV position (68, 2) of landmarks, given as rows of (landmark, u, v, weight)."""
    number, weight = landmarks[:, 0].astype(int), landmarks[:, 3]
    return np.stack([np.bincount(number, weight * landmarks[:, k], 68) for k in (1, 2)], 1)
