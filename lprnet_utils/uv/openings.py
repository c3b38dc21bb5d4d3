"""The openings of a face, which the membrane closes: both eyes and the mouth. How far they are open."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import label

from ..common.arrays import Array
from .layout import MEMBRANE, UVLayout

MIDDLE = 0.5  # share of an opening's width, around its middle, in which its height is measured


@dataclass(frozen=True)
class Opening:
    """The rims of one opening in a flattened map, from its right to its left end."""

    upper: NDArray[np.intp]
    lower: NDArray[np.intp]
    ends: tuple[int, int]

    def openness(self, flat: Array) -> float:
        """Height over width of a flattened map (N*N, 3) in the face frame; 0 is closed. Lids may cross: that is 0."""
        height = (flat[self.upper] - flat[self.lower])[:, 1].mean()
        width = np.linalg.norm(flat[self.ends[0]] - flat[self.ends[1]])
        return float(max(height, 0.0) / max(width, 1e-6))


@lru_cache(maxsize=4)
def openings(size: int) -> tuple[Opening, Opening, Opening]:
    """The right eye, the left eye and the mouth of a map with this side."""
    layout = UVLayout(size)
    parts, count = label(layout.kind == MEMBRANE)
    if count != 3:
        raise ValueError(f"a map of {size} x {size} texels is too coarse for openings: its membrane has {count} parts")
    places = [np.nonzero(parts == k + 1) for k in range(count)]
    *eyes, mouth = sorted(places, key=lambda place: place[0].mean())  # the mouth is lowest
    return tuple(_opening(*place, size) for place in (*sorted(eyes, key=lambda place: place[1].mean()), mouth))


def _opening(row: NDArray[np.intp], column: NDArray[np.intp], size: int) -> Opening:
    left, right = column.min(), column.max()
    rest = (1 - MIDDLE) / 2 * (right - left)
    columns = [c for c in range(left, right + 1) if left + rest <= c <= right - rest]
    upper, lower = ([int(pick(row[column == c])) * size + c for c in columns] for pick in (np.min, np.max))
    ends = tuple(int(np.median(row[column == c])) * size + int(c) for c in (left, right))
    return Opening(np.array(upper), np.array(lower), ends)


def openness(position_map: ArrayLike) -> Array:
    """How far the right eye, the left eye and the mouth of a map (N, N, 3) in the face frame are open (3,)."""
    flat = np.asarray(position_map).reshape(-1, 3)
    return np.array([opening.openness(flat) for opening in openings(len(position_map))])
