"""Where eyes look, as angles and as ARKit's eight ``eyeLook`` weights."""

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array

# Angles in degrees at which a weight is 1. The lids and the skin around the eyes follow the gaze
LOOK_DOWN, LOOK_UP, LOOK_ASIDE = 30.0, 30.0, 40.0


def gaze_angles(direction: ArrayLike) -> Array:
    """Pitch and yaw (..., 2) in degrees of directions (..., 3) in the head's frame: up, and to the person's own right.

    Examples
    --------
    >>> gaze_angles([-0.5, 0.0, 0.8660254]).round(3).tolist()
    [0.0, 30.0]
    """
    x, y, z = np.moveaxis(np.asarray(direction, float), -1, 0)
    return np.degrees(np.stack([np.arctan2(y, z), -np.arctan2(x, np.hypot(y, z))], -1))


def look_weights(angles: ArrayLike) -> dict[str, float]:
    """The weights of the right and the left eye's pitch and yaw (2, 2) in degrees. None is negative; some may exceed 1.

    An eye looks in (toward the nose) or out, so both weights of a side are never above 0.

    Examples
    --------
    >>> {name: weight for name, weight in look_weights([[15.0, 0.0], [0.0, 20.0]]).items() if weight}
    {'eyeLookInLeft': 0.5, 'eyeLookUpRight': 0.5}
    """
    right, left = np.broadcast_to(np.asarray(angles, float), (2, 2)).tolist()
    weights = {}
    for side, pitch, inward in (("Left", left[0], left[1]), ("Right", right[0], -right[1])):
        for name, value in (("Up", pitch / LOOK_UP), ("Down", -pitch / LOOK_DOWN), ("In", inward / LOOK_ASIDE),
                            ("Out", -inward / LOOK_ASIDE)):  # fmt: skip
            weights[f"eyeLook{name}{side}"] = max(value, 0.0)
    return weights


def seen_look_weights(gaze: ArrayLike) -> dict[str, float]:
    """The weights of gazes (2, 3), unit vectors in the head's frame; without those of an eye that is NaN."""
    weights = look_weights(gaze_angles(gaze))
    hidden = [side for side, eye in zip(("Right", "Left"), np.asarray(gaze, float), strict=True) if np.isnan(eye).any()]
    return {name: weight for name, weight in weights.items() if not name.endswith(tuple(hidden))}
