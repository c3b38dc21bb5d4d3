"""Conversion of position maps between PRNet's 256 x 256 UV layout and ours.

PRNet's layout comes with its code, in ``Data/uv-data`` of https://github.com/yfeng95/PRNet (Feng et al., ECCV 2018). It
derives from the Basel Face Model and is not distributed here, so the conversion is built from the user's copy.
"""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError
from ..geometry.camera import similarity_alignment
from ..morphable_model.model import MorphableModel
from ..morphable_model.surface import Surface
from .layout import SURFACE, UVLayout, bilinear_matrix
from .registration import register

PRNET_SIZE = 256  # side of PRNet's maps
MAX_DISTANCE_MM = 3.0  # a point farther from the other layout's surface has no counterpart there


class PRNetLayout:
    """PRNet's layout, registered to ours, ``layout`` (20 seconds).

    The folder is the user's copy of ``uv-data``: ``face_ind.txt``, ``uv_kpt_ind.txt``, ``canonical_vertices.npy``. A
    DatasetError names a file that is missing or invalid.

    Attributes
    ----------
    texels : (M,) int
        Flat indices of PRNet's face texels, which are the vertices of its mesh.
    landmark_texels : (68,) int
        Flat indices of its landmarks.
    triangles : (T, 3) int
        Half squares of its grid, as indices into ``texels``, counter-clockwise from outside.
    known : (128, 128) bool
        Which of our texels have a counterpart in PRNet's layout.
    """

    def __init__(self, folder: str | Path):
        self.texels, self.landmark_texels, vertices = _read_uv_data(Path(folder))
        number = np.full(PRNET_SIZE**2, -1)  # of the vertex at each texel
        number[self.texels] = np.arange(len(self.texels))
        self.triangles = _grid_triangles(number.reshape(PRNET_SIZE, PRNET_SIZE))
        self.layout = UVLayout()

        # PRNet's mean face in the face frame; its file has y down
        vertices = vertices * [1.0, -1.0, 1.0]
        landmarks = vertices[number[self.landmark_texels]]
        scale, rotation, shift = similarity_alignment(landmarks, self.layout.landmarks(self.layout.mean_map))
        vertices, landmarks = (scale * p @ rotation.T + shift for p in (vertices, landmarks))
        prnet_surface = Surface(vertices, self.triangles)
        registration = register(vertices, self.triangles, landmarks)

        # from PRNet: each of our texels reads the PRNet vertices at its position
        self._from_prnet_matrix = (self.layout.matrix @ registration.matrix).tocsr()
        triangle, weights, distance = prnet_surface.closest(self.layout.matrix @ registration.vertices)
        at_border = (prnet_surface.on_border[prnet_surface.triangles[triangle]] & (weights > 0.999)).any(1)
        self.known = self.layout.mask & ((distance < MAX_DISTANCE_MM) & ~at_border).reshape(self.layout.mask.shape)
        # to PRNet: each PRNet vertex reads our map at the closest point of our registered face
        model = MorphableModel.load()
        our_surface = Surface(registration.vertices, model.triangles)
        triangle, weights, distance = our_surface.closest(vertices, prnet_surface.smooth_normals)
        at_border = (our_surface.on_border[our_surface.triangles[triangle]] & (weights > 1e-3)).any(1)
        self._to_prnet_matrix = bilinear_matrix(our_surface.at(model.uv, triangle, weights), self.layout.size)
        self._known_in_prnet = (distance < MAX_DISTANCE_MM) & ~at_border

    def landmarks(self, position_map: ArrayLike) -> Array:
        """The 68 landmarks (68, 3) of a PRNet map (256, 256, 3), read at PRNet's landmark texels."""
        return self._flat(position_map)[self.landmark_texels]

    def from_prnet(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """Convert a PRNet map (256, 256, 3) to our position map (128, 128, 3), in the same pixels.

        z gets mean 0 over the texels that have a counterpart; the other texels are NaN. The membrane is linear in the
        rims of eyes and mouth, as in every map of ours.
        """
        out = self._from_prnet_matrix @ self._flat(position_map)[self.texels]
        out[~self.known.ravel()] = np.nan
        out[:, 2] -= np.nanmean(out[:, 2])
        return out.reshape(*self.known.shape, 3).astype(np.float32)

    def to_prnet(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """Convert our position map (128, 128, 3) to a PRNet map (256, 256, 3).

        z gets the minimum 0. Texels without a counterpart on our face are NaN.
        """
        flat = np.nan_to_num(np.asarray(position_map, float).reshape(-1, 3))
        values = self._to_prnet_matrix @ flat
        values[~self._known_in_prnet] = np.nan
        values[:, 2] -= np.nanmin(values[:, 2])
        out = np.full((PRNET_SIZE**2, 3), np.nan, np.float32)
        out[self.texels] = values
        return out.reshape(PRNET_SIZE, PRNET_SIZE, 3)

    @property
    def surface(self) -> NDArray[np.bool_]:
        """Which of our skin texels (128, 128) have a counterpart; the membrane is left out."""
        return self.known & (self.layout.kind == SURFACE)

    def _flat(self, position_map: ArrayLike) -> Array:
        position_map = np.asarray(position_map, float)
        shape = (PRNET_SIZE, PRNET_SIZE, 3)
        if position_map.shape != shape:
            raise ValueError(f"a position map of PRNet has shape {shape}, not {position_map.shape}")
        return position_map.reshape(-1, 3)


def _read_uv_data(folder: Path) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Flat face texels (M,), flat landmark texels (68,) and mean vertices (M, 3) of PRNet's ``uv-data``."""
    texels = _read_numbers(folder / "face_ind.txt").astype(int).ravel()
    landmarks = _read_numbers(folder / "uv_kpt_ind.txt")
    path = folder / "canonical_vertices.npy"
    try:
        vertices = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing") from None
    except (ValueError, OSError, EOFError) as error:
        raise DatasetError(f"{path} cannot be read ({error})") from error
    if landmarks.shape != (2, 68) or texels.max() >= PRNET_SIZE**2 or vertices.shape != (len(texels), 3):
        raise DatasetError(
            f"{folder}: uv_kpt_ind.txt {landmarks.shape}, face_ind.txt up to {texels.max()}, "
            f"canonical_vertices.npy {vertices.shape} should be (2, 68), under {PRNET_SIZE**2}, ({len(texels)}, 3)"
        )
    column, row = landmarks.astype(int)
    return texels, row * PRNET_SIZE + column, vertices


def _read_numbers(path: Path) -> Array:
    if not path.is_file():
        raise DatasetError(f"{path} is missing; it is part of PRNet's Data/uv-data")
    try:
        return np.loadtxt(path, ndmin=1)
    except ValueError as error:
        raise DatasetError(f"{path} cannot be read as numbers ({error})") from error


def _grid_triangles(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Triangles (T, 3) between neighbours in a grid of vertex numbers, which is -1 where there is no vertex."""
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    return triangles[(triangles >= 0).all(1)]
