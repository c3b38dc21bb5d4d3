"""Brows of close-ups: painted at many heights and slants, and the map whose brows are where they are painted."""

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array

# all in shares of the map's side
COLUMNS = 0.235, 0.3, 0.365, 0.43  # of the right brow, from its outer to its inner end
MEAN_RAISE = 9 / 256  # brings the middle of a mean brow to the landmarks
HIGHER = 8 / 256  # than mean brows, or lower, at most: 6 mm
LIMIT = 12 / 256  # of a shift, so that no part of the skin between brow and lid is used twice
BAND = (-8 / 256, 9 / 256)  # around the middle of a brow: all of this moves with it
REACH = (-36 / 256, 26 / 256)  # what is further away stays: the upper lid begins 29 / 256 below
OUTER_END = (0.06, 0.15)  # columns, from the border of the map, over which it fades out


class Brows:
    """Where brows of sheets (n, N, N) of opacities, in the UV layout, are on a face.

    A map of skin has its brow texels on the same skin for everybody, but brows sit higher or lower on it. A face whose
    map is :meth:`moved` has these texels where its brow is seen, so that a closer look can learn to see them.
    """

    def __init__(self, sheets: NDArray[np.uint8]):
        side = sheets.shape[1]
        rows = (np.arange(side)[:, None] + 0.5) / side
        self.lines = np.empty((len(sheets), len(COLUMNS)))  # rows of the middle of each right brow
        for line, sheet in zip(self.lines, sheets[:, :, : side // 2].astype(float), strict=True):
            total = sheet.sum(0)
            columns = np.flatnonzero(total > 255)
            middle = (sheet * rows).sum(0)[columns] / total[columns]
            fit = np.polyfit((columns + 0.5) / side, middle, 2, w=np.sqrt(total[columns]))
            line[:] = np.polyval(fit, COLUMNS)

    def draw(self, rng: np.random.Generator) -> tuple[int, int, Array]:
        """A sheet's number, by how many 1/256 to raise it, and how much higher than mean brows these are then.

        The last is at each of the columns. Sheets differ in height, slant and arch; after raising, no longer in height.
        """
        number, higher = int(rng.integers(len(self.lines))), rng.uniform(-HIGHER, HIGHER)
        apart = self.lines[number] - self.lines.mean(0)
        raised = round(256 * (MEAN_RAISE + apart.mean() + higher))
        return number, raised, np.clip(raised / 256 - MEAN_RAISE - apart, -LIMIT, LIMIT)

    def moved(self, position_map: Array, shift: Array) -> NDArray:
        """The map (N, N, 3) of a face whose brows are higher by ``shift``, see :meth:`draw`, than mean ones."""
        n = len(position_map)
        place = (np.arange(n) + 0.5) / n
        side = np.minimum(place, 1 - place)
        mean = np.interp(side, COLUMNS, self.lines.mean(0) - MEAN_RAISE)
        below = place[:, None] - mean
        share = np.interp(below, (REACH[0], *BAND, REACH[1]), (0, 1, 1, 0)) * np.interp(side, OUTER_END, (0, 1))
        row = np.clip(np.arange(n)[:, None] - n * np.interp(side, COLUMNS, shift) * share, 0, n - 1)
        low = np.minimum(row.astype(int), n - 2)
        part, column = (row - low)[..., None].astype(position_map.dtype), np.arange(n)
        return position_map[low, column] * (1 - part) + position_map[low + 1, column] * part
