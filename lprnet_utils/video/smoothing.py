"""Landmarks that do not tremble in a video, and still follow: the One-Euro filter."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array

# Chosen on tracks of two still faces with sensor noise of 8 grey levels, which trembled by 0.3 to 0.7 % of the face's
# size (4 to 6 times less after it), and on a nod of 20 degrees at 1 Hz (1.1 frames late); a mouth that opens in a fifth
# of a second is 1 frame late.
MIN_CUTOFF = 0.3  # Hz: what a still landmark is smoothed by
BETA = 5.0  # Hz of cutoff that a speed of one face size a second adds
D_CUTOFF = 1.0  # Hz, of the speed


class OneEuro:
    """The One-Euro filter on arrays: slow movement is smoothed much, fast movement little, so that it hardly lags.

    A low-pass filter whose cutoff frequency grows with speed: ``min_cutoff + beta * speed``. One object a track; frames
    may be unevenly spaced. Points (..., 3), or (..., 2), have one speed each, the length of the vector, so that what
    turns with the head keeps its shape; the numbers of a plain (n,) array, such as expression weights, one each.

    Parameters
    ----------
    min_cutoff : float
        Hz. Lower: steadier when still, and slower to settle.
    beta : float
        Hz for a speed of one ``unit`` a second. Lower: steadier in motion, and later.
    d_cutoff : float
        Hz, of the speed, which is smoothed first.

    Raises
    ------
    ValueError
        If one of them is not positive (beta may be 0).

    References
    ----------
    G. Casiez, N. Roussel and D. Vogel, 1 Euro filter: a simple speed-based low-pass filter for noisy input in
    interactive systems, CHI 2012. As there, speed is measured from the last smoothed values.
    """

    def __init__(self, min_cutoff: float = MIN_CUTOFF, beta: float = BETA, d_cutoff: float = D_CUTOFF):
        if not (min_cutoff > 0 and d_cutoff > 0 and beta >= 0):
            raise ValueError(f"cutoffs are positive and beta at least 0, got {min_cutoff=}, {beta=}, {d_cutoff=}")
        self.min_cutoff, self.beta, self.d_cutoff = min_cutoff, beta, d_cutoff
        self._values: Array | None = None
        self._speed: Array | float = 0.0

    def reset(self) -> None:
        """Forget the track: the next values are the first of another one."""
        self._values = None

    def __call__(self, values: ArrayLike, dt: float, unit: float = 1.0) -> Array:
        """The smoothed values.

        Parameters
        ----------
        values : array
            Of this frame; always of one shape. The first ones pass unchanged.
        dt : float
            Seconds since the last frame.
        unit : float
            What speeds are measured in. For landmarks in pixels: the face's size, the square root of the area of their
            box, so that a face is smoothed alike near and far.

        Raises
        ------
        ValueError
            If the values are not finite or of another shape than before, or dt or unit is not positive.
        """
        values = np.asarray(values, float)
        if not (np.isfinite(values).all() and dt > 0 and unit > 0):
            raise ValueError(f"values must be finite, dt and unit positive; got {dt=}, {unit=}; reset() after a gap")
        if self._values is None:
            self._values, self._speed = values, np.zeros_like(values)
            return values.copy()
        if values.shape != self._values.shape:
            raise ValueError(f"values have shape {values.shape}, before {self._values.shape}; reset() for a new track")
        speed = (values - self._values) / (dt * unit)
        self._speed += _share(self.d_cutoff, dt) * (speed - self._speed)
        pace = np.abs(self._speed) if values.ndim < 2 else np.linalg.norm(self._speed, axis=-1, keepdims=True)
        self._values = self._values + _share(self.min_cutoff + self.beta * pace, dt) * (values - self._values)
        return self._values.copy()


def _share(cutoff: Array | float, dt: float) -> Array | float:
    """Weight of a new value in a low-pass filter of this cutoff in Hz."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * dt))
