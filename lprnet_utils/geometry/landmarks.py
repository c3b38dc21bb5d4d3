"""The 68 iBUG landmarks: their mirror twins, lines and boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array

# The points of each part, in iBUG's order: right and left are the person's own
JAW, RIGHT_BROW, LEFT_BROW, BROWS = slice(0, 17), slice(17, 22), slice(22, 27), slice(17, 27)
NOSE_BRIDGE, NOSTRILS = slice(27, 31), slice(31, 36)
RIGHT_EYE, LEFT_EYE, EYES = slice(36, 42), slice(42, 48), slice(36, 48)
OUTER_LIPS, INNER_LIPS = slice(48, 60), slice(60, 68)
CHIN, NOSE_TIP, UNDER_NOSE = 8, 30, 33
OUTER_EYE_CORNERS, MOUTH_CORNERS = [36, 45], [48, 54]

# what a drawing joins: (first, last, closed)
LINES = {
    name: (part.start, part.stop - 1, "eye" in name or "lips" in name)
    for name, part in {
        "jaw": JAW,
        "right brow": RIGHT_BROW,
        "left brow": LEFT_BROW,
        "nose bridge": NOSE_BRIDGE,
        "nose": NOSTRILS,
        "right eye": RIGHT_EYE,
        "left eye": LEFT_EYE,
        "outer lips": OUTER_LIPS,
        "inner lips": INNER_LIPS,
    }.items()
}
# upper lids and upper lip, and the points of lower lids and lower lip that they meet
OPENINGS = np.array([[37, 38, 43, 44, 61, 62, 63], [41, 40, 47, 46, 67, 66, 65]])

# the mirror counterpart of each
_PAIRS = [(i, 16 - i) for i in range(8)] + [(i, 43 - i) for i in range(17, 22)] + [(31, 35), (32, 34)]
_PAIRS += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54), (49, 53), (50, 52), (55, 59)]
_PAIRS += [(56, 58), (60, 64), (61, 63), (65, 67)]
MIRROR_68 = np.arange(68)
for _a, _b in _PAIRS:
    MIRROR_68[[_a, _b]] = _b, _a


def numbers(part: slice) -> tuple[int, ...]:
    """The numbers of a part's points."""
    return tuple(range(part.start, part.stop))


def landmark_box(landmarks: ArrayLike) -> Array:
    """Box (..., 4) = (x0, y0, x1, y1) of the extremes of landmarks (..., 68, 2 or 3)."""
    xy = np.asarray(landmarks, float)[..., :2]
    return np.concatenate([xy.min(-2), xy.max(-2)], -1)


def openness(landmarks: ArrayLike) -> tuple[Array, Array]:
    """How far the eyes (mean of both) and the mouth are open: height by width of lids and inner lips.

    Parameters
    ----------
    landmarks : (..., 68, 2 or 3)

    Returns
    -------
    eyes, mouth : (...)
        An open eye has about 0.3, a shut mouth 0.05. Two coordinates do for a face seen from the front; of a turned
        one the widths are foreshortened. The eye aspect ratio is of Soukupova and Cech, CVWW 2016.
    """
    points = np.asarray(landmarks, float)

    def length(a: int, b: int) -> Array:
        return np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1)

    eyes = [(length(k + 1, k + 5) + length(k + 2, k + 4)) / (2 * length(k, k + 3)) for k in (36, 42)]
    return (eyes[0] + eyes[1]) / 2, length(62, 66) / length(60, 64)


def expressive(landmarks: ArrayLike) -> NDArray[np.bool_]:
    """Faces (...) whose mouth is wide open or whose eyes are shut, which few photos show."""
    eyes, mouth = openness(landmarks)
    return (eyes < 0.15) | (mouth > 0.4)


def box_size(box: Array) -> float:
    """The size of a face, of its landmarks' box (4,): the square root of the area."""
    return max(float(np.sqrt(np.prod(box[2:] - box[:2]))), 1e-3)


def overlap(boxes: Array, box: Array) -> Array:
    """Intersection over union (n,) of boxes (n, 4) with one box (4,)."""
    boxes, box = np.asarray(boxes, float).reshape(-1, 4), np.asarray(box, float)
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = np.clip(high - low, 0, None).prod(1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return shared / np.maximum(area - shared, 1e-12)
