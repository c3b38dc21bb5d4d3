"""The One-Euro filter."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array


class OneEuro:
    """The One-Euro filter on arrays: slow movement is smoothed a lot, fast movement little, so that it is hardly late.

    It is a low-pass filter with a cutoff frequency that grows with speed: ``min_cutoff + beta * speed``. Each track
    needs a filter of its own. Frames may be unevenly spaced. Each point of an array (..., 3) or (..., 2) has one speed,
    the length of its velocity, so that a turning face keeps its shape. Each number of an array (n,), such as expression
    weights, has its own speed.

    The defaults were chosen on the landmarks of two still faces with sensor noise of 8 grey levels, which trembled by
    0.3 to 0.7 % of the face's size, and 4 to 6 times less after the filter. A nod of 20 degrees at 1 Hz is 1.1 frames
    late, a mouth that opens in a fifth of a second 1 frame. :class:`lprnet_utils.video.FaceTracker`, which smooths
    whole position maps, uses other values.

    Parameters
    ----------
    min_cutoff : float
        Hz. A lower value makes a still face steadier, and the filter slower to settle.
    beta : float
        Hz for a speed of one ``unit`` a second. A lower value makes movement steadier and later.
    d_cutoff : float
        Hz, for the speed, which is smoothed first.

    Raises
    ------
    ValueError
        If one of them is not positive (beta may be 0).

    References
    ----------
    G. Casiez, N. Roussel and D. Vogel, 1 Euro filter: a simple speed-based low-pass filter for noisy input in
    interactive systems, CHI 2012. As there, speed is measured from the last smoothed values. There it starts at 0, so
    that a movement at the start of a track is followed late; here it starts as the mean of the first speeds.
    """

    def __init__(self, min_cutoff: float = 0.3, beta: float = 5.0, d_cutoff: float = 1.0):
        if not (min_cutoff > 0 and d_cutoff > 0 and beta >= 0):
            raise ValueError(f"cutoffs are positive and beta at least 0, got {min_cutoff=}, {beta=}, {d_cutoff=}")
        self.min_cutoff, self.beta, self.d_cutoff = min_cutoff, beta, d_cutoff
        self._values: Array | None = None
        self._velocity: Array | float = 0.0
        self._age = 0.0  # seconds since the first values

    def reset(self) -> None:
        """Forget the track: the next values begin another one."""
        self._values = None

    def __call__(self, values: ArrayLike, dt: float, unit: float = 1.0) -> Array:
        """The smoothed values, ``dt`` seconds after the last ones; the first ones are returned unchanged.

        ``unit`` is the unit of length for speeds. For landmarks in pixels take the face's size, the square root of the
        area of their box, so that near and far faces are smoothed alike. ValueError if the values are not finite or
        have another shape than before, or ``dt`` or ``unit`` is not positive.
        """
        values = np.asarray(values, float)
        if not (np.isfinite(values).all() and dt > 0 and unit > 0):
            raise ValueError(f"values must be finite, dt and unit positive; got {dt=}, {unit=}; reset() after a gap")
        if self._values is None:
            self._values, self._velocity, self._age = values, np.zeros_like(values), 0.0
            return values.copy()
        if values.shape != self._values.shape:
            raise ValueError(f"values have shape {values.shape}, before {self._values.shape}; reset() for a new track")
        velocity = (values - self._values) / (dt * float(unit))  # a float32 unit would round it
        self._age += dt
        self._velocity += max(_new_value_weight(self.d_cutoff, dt), dt / self._age) * (velocity - self._velocity)
        speed = np.abs(self._velocity) if values.ndim < 2 else np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        weight = _new_value_weight(self.min_cutoff + self.beta * speed, dt)
        self._values = self._values + weight * (values - self._values)
        return self._values.copy()


def _new_value_weight(cutoff: Array | float, dt: float) -> Array | float:
    """Weight of the new value in a low-pass filter with this cutoff in Hz."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * dt))
