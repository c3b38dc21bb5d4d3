"""The regions of a face that the closer look sees again, at the photo's own resolution: both eyes, mouth and nose.

A region is a set of texels, with a window that falls smoothly to zero at its border, and a crop of the photo around it.
The left eye is mirrored, so that one network serves both eyes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from ..common.arrays import Array
from ..geometry.camera import Camera
from ..geometry.landmarks import NOSTRILS, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from .layout import UVLayout

MIRROR = np.float32([-1, 1, 1])  # factors of a point's coordinates in a crop that is mirrored


@dataclass(frozen=True)
class Outline:
    """Of a region on the mean face, in mm: its crop, and the ellipses around the mean of some landmarks."""

    landmarks: list[int]
    size: int  # of the crop, in pixels
    side: float  # of the crop
    inner: tuple[float, float]  # half axes, to the side and up, of the ellipse where the window is 1
    outer: tuple[float, float]  # of the ellipse where it ends
    core_landmarks: list[int]
    core: tuple[float, float]  # half axes of the ellipse around their mean that has to be seen


_EYE, _BROW = [*range(68)[RIGHT_EYE]], [*range(68)[RIGHT_BROW]]
_NOSE_AND_LIPS = [*range(68)[NOSTRILS], *range(68)[OUTER_LIPS]]
# about 1.1 mm a pixel; the first network sees 1.7. Hair may hide a brow, and the eye is still seen
EYE = Outline([*_EYE, *_BROW], 64, 66.0, (20.0, 17.0), (32.0, 27.0), _EYE, (19.0, 12.0))
MOUTH = Outline(_NOSE_AND_LIPS, 96, 104.0, (32.0, 24.0), (45.0, 38.0), _NOSE_AND_LIPS, (32.0, 24.0))


@dataclass(frozen=True)
class Frame:
    """Where a region's crop lies in a photo: points of the photo become coordinates of about -1/2 to 1/2."""

    centre: Array  # (3,) in pixels of the photo
    side: float  # pixels of the photo
    axes: Array  # (2, 2) the crop's right and down in the photo; a reflection if it is mirrored

    def into(self, points: ArrayLike) -> Array:
        """Coordinates (..., 3) of points (..., 3) of the photo."""
        away = (np.asarray(points, float) - self.centre) / self.side
        return np.concatenate([away[..., :2] @ self.axes.T, away[..., 2:]], -1)

    def turn(self, moves: Array) -> NDArray[np.float32]:
        """Moves (n, 3) in pixels of the photo from moves of coordinates."""
        to_photo = np.eye(3)
        to_photo[:2, :2] = self.axes
        return moves @ np.float32(to_photo * self.side)

    def out(self, coordinates: ArrayLike) -> Array:
        """Points (..., 3) of the photo, the inverse of :meth:`into`."""
        c = np.asarray(coordinates, float) * self.side
        return np.concatenate([c[..., :2] @ self.axes, c[..., 2:]], -1) + self.centre

    def matrix(self, size: int, margin: float = 1.0) -> Array:
        """The matrix (2, 3) from the photo to a crop of ``size`` pixels, ``margin`` times as wide as the region's."""
        turn = self.axes * (size / (margin * self.side))
        return np.c_[turn, (size - 1) / 2 - turn @ self.centre[:2]]


@dataclass(frozen=True)
class Region:
    """One region in a layout."""

    name: str
    texels: NDArray[np.intp]  # (n,) flat indices; those of the left eye are the mirror images of the right one's
    window: Array  # (n,) 0 to 1
    core: NDArray[np.bool_]  # (n,) has to be seen; the rest of the face follows it
    grid: NDArray[np.intp]  # (P,) flat indices of every second texel in each direction, which a network sees and moves
    spread: csr_matrix  # (n, P) interpolates values at the grid
    middle: Array  # (N*N,) weights of the texels whose mean is the crop's centre
    side: float  # of the crop, mm
    size: int  # of the crop, pixels
    mirrored: bool
    mirror: NDArray[np.intp] | None  # (P,) where each point of the grid is in the mirrored face; None for eyes

    def frame(self, flat: Array, camera: Camera) -> Frame:
        """The crop of a flattened map (N*N, 3). Its size and its up direction are those of the map's camera."""
        up = camera.rotation[:2, 1]
        down = up * [-1, 1] / max(float(np.hypot(*up)), 1e-6)  # in the photo, y points down
        right = down[::-1] * ([-1, 1] if self.mirrored else [1, -1])
        return Frame(np.asarray(self.middle @ flat, float), float(camera.scale * self.side), np.array([right, down]))


class Regions:
    """Both eyes with their brows, and the mouth with the nose's wings, in a layout."""

    def __init__(self, layout: UVLayout):
        self.layout = layout
        n = layout.size
        index = np.arange(n * n).reshape(n, n)
        mirrored = index[:, ::-1].ravel()
        right = self._region("right eye", EYE)
        left = replace(
            right, name="left eye", texels=mirrored[right.texels], grid=mirrored[right.grid],
            middle=right.middle[mirrored], mirrored=True,
        )  # fmt: skip
        mouth = self._region("mouth", MOUTH)
        self.all = right, left, replace(mouth, mirror=np.searchsorted(mouth.grid, mirrored[mouth.grid]))

    def _region(self, name: str, outline: Outline) -> Region:
        layout = self.layout
        flat = layout.flat(layout.mean_map)
        middle, heart = (
            np.asarray(layout.landmark_matrix[rows].mean(0)).ravel()
            for rows in (outline.landmarks, outline.core_landmarks)
        )
        away = (flat - middle @ flat)[:, :2]
        near, far = (np.hypot(*(away / axes).T) for axes in (outline.inner, outline.outer))
        core = np.hypot(*((flat - heart @ flat)[:, :2] / outline.core).T) <= 1
        # 1 inside the inner ellipse, 0 outside the outer one, smooth between them
        t = np.clip((1 - far) / np.maximum((1 - far) + (near - 1), 1e-9), 0, 1)
        window = np.where(near <= 1, 1.0, t * t * (3 - 2 * t)) * layout.mask.ravel()
        texels = np.flatnonzero(window > 1e-3)
        grid, spread = self._grid(texels)
        return Region(
            name, texels, window[texels].astype(np.float32), core[texels], grid, spread, middle, outline.side,
            outline.size, False, None,
        )  # fmt: skip

    def _grid(self, texels: NDArray[np.intp]) -> tuple[NDArray[np.intp], csr_matrix]:
        """Every second texel around these in each direction, and the interpolation from them; only valid texels."""
        n, mask = self.layout.size, self.layout.mask
        rows = np.arange(0, n, 2)
        columns = np.r_[
            0 : n // 2 : 2, (n - 1 - np.r_[0 : n // 2 : 2])[::-1]
        ]  # symmetric, so that mouths can be mirrored
        weights: list[tuple[int, int, float]] = []
        for k, texel in enumerate(texels.tolist()):
            near = [
                (i * n + j, a * b)
                for i, a in _neighbours(texel // n, rows)
                for j, b in _neighbours(texel % n, columns)
                if mask[i, j]
            ]
            total = sum(weight for _, weight in near)
            weights += [(k, place, weight / total) for place, weight in near if weight]
        place, source, weight = zip(*weights, strict=True)
        grid, number = np.unique(source, return_inverse=True)
        return grid, csr_matrix((np.float32(weight), (place, number)), shape=(len(texels), len(grid)))


def _neighbours(position: int, places: NDArray[np.intp]) -> list[tuple[int, float]]:
    """The places (m,), in rising order, before and after a position, with the weights of linear interpolation."""
    after = min(int(np.searchsorted(places, position)), len(places) - 1)
    high = int(places[after])
    low = int(places[max(after - 1, 0)])
    if high <= position or high == low:
        return [(high, 1.0)]
    share = (position - low) / (high - low)
    return [(low, 1 - share), (high, share)]
