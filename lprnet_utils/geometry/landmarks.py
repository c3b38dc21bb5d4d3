"""The 68 iBUG landmarks: their parts, mirror images, lines and boxes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array

# The points of each part, in iBUG's order. Right and left are the person's.
JAW, RIGHT_BROW, LEFT_BROW, BROWS = slice(0, 17), slice(17, 22), slice(22, 27), slice(17, 27)
NOSE_BRIDGE, NOSTRILS, NOSE = slice(27, 31), slice(31, 36), slice(27, 36)
RIGHT_EYE, LEFT_EYE, EYES = slice(36, 42), slice(42, 48), slice(36, 48)
OUTER_LIPS, INNER_LIPS, MOUTH = slice(48, 60), slice(60, 68), slice(48, 68)
CHIN, NOSE_TIP, UNDER_NOSE = 8, 30, 33
OUTER_EYE_CORNERS, MOUTH_CORNERS = [36, 45], [48, 54]

# The lines of a drawing: (first point, last point, closed)
LANDMARK_LINES = {
    "jaw": (0, 16, False),
    "right brow": (17, 21, False),
    "left brow": (22, 26, False),
    "nose bridge": (27, 30, False),
    "nose": (31, 35, False),
    "right eye": (36, 41, True),
    "left eye": (42, 47, True),
    "outer lips": (48, 59, True),
    "inner lips": (60, 67, True),
}
# Points of the upper lids and upper lip, and the opposite points of the lower lids and lower lip
LID_AND_LIP_PAIRS = np.array([[37, 38, 43, 44, 61, 62, 63], [41, 40, 47, 46, 67, 66, 65]])

# The landmark that each landmark becomes in a mirrored picture
_PAIRS = [(i, 16 - i) for i in range(8)] + [(i, 43 - i) for i in range(17, 22)] + [(31, 35), (32, 34)]
_PAIRS += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54), (49, 53), (50, 52), (55, 59)]
_PAIRS += [(56, 58), (60, 64), (61, 63), (65, 67)]
MIRRORED_LANDMARKS = np.arange(68)
for _a, _b in _PAIRS:
    MIRRORED_LANDMARKS[[_a, _b]] = _b, _a


def numbers(part: slice) -> tuple[int, ...]:
    """The point numbers of a part."""
    return tuple(range(part.start, part.stop))


def landmark_box(landmarks: ArrayLike) -> Array:
    """Bounding box (..., 4) of landmarks (..., 68, 2 or 3) in the picture plane: x0, y0, x1, y1."""
    xy = np.asarray(landmarks, float)[..., :2]
    return np.concatenate([xy.min(-2), xy.max(-2)], -1)


def eye_and_mouth_opening(landmarks: ArrayLike) -> tuple[Array, Array]:
    """Opening of the eyes (mean of both) and of the mouth, each (...), for landmarks (..., 68, 2 or 3).

    It is the height of the opening divided by its width (Soukupova and Cech, CVWW 2016). An open eye has about 0.3, a
    closed mouth 0.05. Two dimensions are enough for a frontal face; on a turned face the widths are foreshortened.
    """
    points = np.asarray(landmarks, float)

    def length(a: int, b: int) -> Array:
        return np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1)

    eyes = [(length(k + 1, k + 5) + length(k + 2, k + 4)) / (2 * length(k, k + 3)) for k in (36, 42)]
    return (eyes[0] + eyes[1]) / 2, length(62, 66) / length(60, 64)


def is_expressive(landmarks: ArrayLike) -> NDArray[np.bool_]:
    """Faces (...) with a wide open mouth or closed eyes, which are rare in photos; landmarks (..., 68, 2 or 3)."""
    eyes, mouth = eye_and_mouth_opening(landmarks)
    return (eyes < 0.15) | (mouth > 0.4)


def box_size(box: Array) -> float:
    """Size of a face: the square root of the area of its landmark box (4,)."""
    return max(float(np.sqrt(np.prod(box[2:] - box[:2]))), 1e-3)


def overlap(boxes: Array, box: Array) -> Array:
    """Intersection over union (n,) of boxes (n, 4) with one box (4,)."""
    boxes, box = np.asarray(boxes, float).reshape(-1, 4), np.asarray(box, float)
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = np.clip(high - low, 0, None).prod(1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return shared / np.maximum(area - shared, 1e-12)
