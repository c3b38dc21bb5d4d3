"""Evaluation: the normalised mean error (NME) of landmarks, by yaw."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def landmark_nme(predicted: ArrayLike, truth: ArrayLike) -> float:
    """2D normalised mean error in % of the AFLW2000-3D protocol.

    The mean over the landmarks of the distance in the picture, divided by the square root of width times height of
    the box of the true landmarks (Zhu et al., CVPR 2016; ``benchmark_aflw2000.py`` of cleardusk/3DDFA).

    Parameters
    ----------
    predicted, truth : (68, 2) or (68, 3) arrays
        In the same pixels; z is not used.
    """
    predicted, truth = np.asarray(predicted, float)[:, :2], np.asarray(truth, float)[:, :2]
    if predicted.shape != truth.shape:
        raise ValueError(f"predicted landmarks {predicted.shape} and true ones {truth.shape} differ in number")
    width, height = np.ptp(truth, axis=0)
    return float(100 * np.linalg.norm(predicted - truth, axis=1).mean() / np.sqrt(width * height))
