"""What a synthetic head looks like: skin, brows, beard, hair, scarf."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, error_model="numpy")
def blend(colors, opacity, color):  # pragma: no cover - compiled
    """Paint of one color (3,) over colors (n, 3), in place, with an opacity (n,) each.

    Numpy is ten times slower where the last axis has three numbers.
    """
    for i in range(colors.shape[0]):
        for k in range(3):
            colors[i, k] += opacity[i] * (color[k] - colors[i, k])


@numba.njit(cache=True, error_model="numpy")
def stain(colors, factor, gain, low, high):  # pragma: no cover - compiled
    """Colors (n, 3) times a factor (n,) and a gain (3,), in place, kept from ``low`` to ``high``."""
    for i in range(colors.shape[0]):
        for k in range(3):
            colors[i, k] = min(max(colors[i, k] * factor[i] * gain[k], low), high)


HAIR_COLORS = np.array(  # linear RGB
    [[0.01, 0.008, 0.006], [0.03, 0.018, 0.01], [0.09, 0.045, 0.02], [0.2, 0.11, 0.05], [0.45, 0.3, 0.14],
     [0.25, 0.07, 0.02], [0.35, 0.34, 0.33], [0.75, 0.74, 0.72]]
)  # fmt: skip

# bob01 and Braid01 have a fringe before one eye
HAIR_SHARE = np.array([1.2, 0.25, 0.8, 0.5, 1.0, 1.0, 1.6, 1.6, 1.6, 1.6]) / 11.15
HAIR_LEVEL = 150.0  # mean brightness of every hair's texture
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear RGB, ITU-R BT.709
IRIS_COLORS = np.array(
    [[0.05, 0.025, 0.01], [0.12, 0.06, 0.02], [0.2, 0.15, 0.05], [0.1, 0.2, 0.35], [0.15, 0.25, 0.15]]
)
