"""PRNet's own 256 x 256 UV layout beside ours: position maps from one to the other.

PRNet's layout comes with its code, as ``Data/uv-data`` of https://github.com/yfeng95/PRNet (Feng et al., ECCV 2018). It
derives from the Basel Face Model, so it does not ship here: the conversion is built from the reader's copy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError
from ..geometry.camera import similarity_alignment
from ..morphable_model.model import MorphableModel
from ..morphable_model.surface import Surface
from .layout import UVLayout
from .registration import register
from .texels import SURFACE, bilinear_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SIZE = 256
NEAR = 3.0  # mm: farther from the other's surface, a point has no counterpart there


class PRNetLayout:
    """PRNet's layout, registered to ours (20 seconds).

    Parameters
    ----------
    folder : path
        The reader's copy of ``uv-data``: ``face_ind.txt``, ``uv_kpt_ind.txt``, ``canonical_vertices.npy``.

    Attributes
    ----------
    texels : (M,) int
        Flat indices of PRNet's face texels: the vertices of its mesh.
    triangles : (T, 3) int
        Half squares of its grid, into ``texels``, counter-clockwise from outside.

    Raises
    ------
    DatasetError
        Naming the file that is missing or not what it should be.
    """

    def __init__(self, folder: str | Path):
        folder = Path(folder)
        self.texels = _numbers(folder / "face_ind.txt").astype(int).ravel()
        points = _numbers(folder / "uv_kpt_ind.txt")
        try:
            vertices = np.load(folder / "canonical_vertices.npy", allow_pickle=False)
        except FileNotFoundError:
            raise DatasetError(f"{folder / 'canonical_vertices.npy'} is missing") from None
        except (ValueError, OSError, EOFError) as error:
            raise DatasetError(f"{folder / 'canonical_vertices.npy'} cannot be read ({error})") from error
        if points.shape != (2, 68) or self.texels.max() >= SIZE**2 or vertices.shape != (len(self.texels), 3):
            raise DatasetError(
                f"{folder}: uv_kpt_ind.txt {points.shape}, face_ind.txt up to {self.texels.max()}, "
                f"canonical_vertices.npy {vertices.shape} should be (2, 68), under {SIZE**2}, ({len(self.texels)}, 3)"
            )
        column, row = points.astype(int)
        self.landmark_texels = row * SIZE + column
        self.triangles = self._grid()
        self.layout = UVLayout()

        # into millimetres, upright: y points down there
        number = np.full(SIZE**2, -1)
        number[self.texels] = np.arange(len(self.texels))
        upright = vertices * [1.0, -1.0, 1.0]
        marks = upright[number[self.landmark_texels]]
        scale, rotation, shift = similarity_alignment(marks, self.layout.landmarks(self.layout.mean_map))
        upright, marks = (scale * p @ rotation.T + shift for p in (upright, marks))
        theirs = Surface(upright, self.triangles)
        found = register(upright, self.triangles, marks)

        # ours from theirs: each texel reads the PRNet vertices under it
        self._read = (self.layout.matrix @ found.matrix).tocsr()
        texels = self.layout.matrix @ found.vertices
        triangle, weights, distance = theirs.closest(texels)
        edge = (theirs.on_border[theirs.triangles[triangle]] & (weights > 0.999)).any(1)
        self._known = self.layout.mask.ravel() & (distance < NEAR) & ~edge
        # theirs from ours: the closest point of our registered face, as a place in our chart
        model = MorphableModel.load()
        ours = Surface(found.vertices, model.triangles)
        triangle, weights, distance = ours.closest(upright, theirs.smooth_normals)
        edge = (ours.on_border[ours.triangles[triangle]] & (weights > 1e-3)).any(1)
        self._write: csr_matrix = bilinear_matrix(ours.at(model.uv, triangle, weights), self.layout.size)
        self._written = (distance < NEAR) & ~edge

    def _grid(self) -> NDArray[np.int64]:
        number = np.full(SIZE**2, -1)
        number[self.texels] = np.arange(len(self.texels))
        grid = number.reshape(SIZE, SIZE)
        a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
        triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
        return triangles[(triangles >= 0).all(1)]

    def landmarks(self, position_map: ArrayLike) -> Array:
        """The 68 landmarks (68, 3) of one of PRNet's maps (256, 256, 3), at PRNet's own texels."""
        return self._flat(position_map)[self.landmark_texels]

    def from_prnet(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """Our position map (128, 128, 3) of one of PRNet's (256, 256, 3), in the same pixels.

        z has mean 0 over the texels that have a counterpart; the others are NaN. The membrane of eyes and mouth, which
        PRNet closes too, is linear in its rim as always.
        """
        out = self._read @ self._flat(position_map)[self.texels]
        out[~self._known] = np.nan
        out[:, 2] -= np.nanmean(out[:, 2])
        return out.reshape(self.layout.size, self.layout.size, 3).astype(np.float32)

    def to_prnet(self, position_map: ArrayLike) -> NDArray[np.float32]:
        """PRNet's position map (256, 256, 3) of one of ours (128, 128, 3): z from 0 up, NaN where ours has no skin."""
        flat = np.nan_to_num(np.asarray(position_map, float).reshape(-1, 3))
        values = self._write @ flat
        values[~self._written] = np.nan
        values[:, 2] -= np.nanmin(values[:, 2])
        out = np.full((SIZE**2, 3), np.nan, np.float32)
        out[self.texels] = values
        return out.reshape(SIZE, SIZE, 3)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which of our texels (128, 128) have a counterpart in PRNet's layout."""
        return self._known.reshape(self.layout.size, self.layout.size)

    @property
    def surface(self) -> NDArray[np.bool_]:
        """Those of them that are skin, not membrane."""
        return self.known & (self.layout.kind == SURFACE)

    def _flat(self, position_map: ArrayLike) -> Array:
        position_map = np.asarray(position_map, float)
        if position_map.shape != (SIZE, SIZE, 3):
            raise ValueError(f"a position map of PRNet has shape ({SIZE}, {SIZE}, 3), not {position_map.shape}")
        return position_map.reshape(-1, 3)


def _numbers(path: Path) -> Array:
    """A text file of numbers."""
    if not path.is_file():
        raise DatasetError(f"{path} is missing; it is part of PRNet's Data/uv-data")
    try:
        return np.loadtxt(path, ndmin=1)
    except ValueError as error:
        raise DatasetError(f"{path} cannot be read as numbers ({error})") from error
