"""Similarity transforms of the picture plane: the network's crop, views of a photo, warps."""

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image

CROP_SCALE = 1.5  # side of the crop divided by the mean side of the box of the 68 landmarks


def crop_side(box: ArrayLike) -> float:
    """Side of the network's crop for a box (x0, y0, x1, y1) of the 68 landmarks, in the unit of the box."""
    x0, y0, x1, y1 = np.asarray(box, float)
    return CROP_SCALE * ((x1 - x0) + (y1 - y0)) / 2


def crop_matrix(box: ArrayLike, size: int = 128, angle: float = 0.0) -> NDArray[np.float64]:
    """The similarity (2, 3) from pixels of a photo to pixels of the network's crop, a square around the face.

    ``crop = matrix[:, :2] @ photo + matrix[:, 2]``. Without an angle a point q lands at
    (size - 1) / 2 + (q - centre) size / side.

    Parameters
    ----------
    box : (4,) array
        (x0, y0, x1, y1): extremes of the 68 landmarks. The crop has the same centre, and 1.5 times the mean side.
    size : int
        Side of the crop in pixels.
    angle : float
        Degrees by which the face is turned clockwise in the photo; the crop turns it back. The box then belongs to
        the face after turning it upright about the centre of the box.

    Raises
    ------
    ValueError
        If the box is not four finite numbers with x0 < x1 and y0 < y1, or the angle is not finite.
    """
    box = np.asarray(box, float)
    if box.shape != (4,) or not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
        raise ValueError(
            f"a box must be four finite numbers x0, y0, x1, y1 with x0 < x1 and y0 < y1, got {box.tolist()}"
        )
    if not math.isfinite(angle):
        raise ValueError(f"the angle must be a finite number of degrees, got {angle}")
    return view_matrix((box[:2] + box[2:]) / 2, crop_side(box), size, angle)


def view_matrix(centre: ArrayLike, side: float, size: int, angle: float = 0.0) -> NDArray[np.float64]:
    """Like :func:`crop_matrix`, for a square that its centre and side in pixels of the photo define."""
    turn = math.radians(angle)
    cosine, sine = size / side * math.cos(turn), size / side * math.sin(turn)
    linear = np.array([[cosine, sine], [-sine, cosine]])
    return np.c_[linear, (size - 1) / 2 - linear @ np.asarray(centre, float)]


def warp_image(image: Image, matrix: ArrayLike, size: int = 128) -> Image:
    """Cut a square (size, size, 3) out of an image, by a similarity (2, 3) from its pixels to pixels of the square.

    To shrink, it first averages over areas, since a plain bilinear warp of a large photo aliases. The rest is
    bilinear. Outside the image, edge pixels are repeated. ValueError if the matrix has values that are not finite, or
    shrinks everything to a point.
    """
    matrix = np.asarray(matrix, float)
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if not np.isfinite(matrix).all() or scale == 0:
        raise ValueError(f"no similarity of the picture plane: {matrix.tolist()}")
    # Process only the region that the result shows, with a margin for the filters. If it lies outside the photo, keep
    # the nearest pixels of the photo: the border repeats them.
    corners = np.array([[0, 0], [size - 1, 0], [0, size - 1], [size - 1, size - 1]], float)
    region = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    margin = 2 + math.ceil(2 / scale)
    limits = np.array(image.shape[1::-1])
    first = np.clip(np.floor(region.min(0)) - margin, 0, limits - 1).astype(int)
    last = np.clip(np.ceil(region.max(0)) + margin + 1, first + 1, limits).astype(int)
    block = int(1 / scale)
    if block >= 8:  # averaging whole blocks of pixels is three times as fast, and loses less than a pixel of the result
        last = np.where(last - first > block, last - (last - first) % block, last)
    image = image[first[1] : last[1], first[0] : last[0]]
    shrink, shift = np.ones(2), first.astype(float)
    if scale < 1:
        full = last - first
        scale = 1 / block if block >= 8 else scale
        small = np.maximum(np.rint(full * scale), 1).astype(int)
        shrink = small / full
        # pixel q of the small picture corresponds to pixel (q + 1/2) / shrink - 1/2 of the region
        shift += 0.5 / shrink - 0.5
        image = cv2.resize(image, small.tolist(), interpolation=cv2.INTER_AREA)
    matrix = np.c_[matrix[:, :2] / shrink, matrix[:, :2] @ shift + matrix[:, 2]]
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def transform_points(matrix: ArrayLike, points: ArrayLike) -> Array:
    """Apply a similarity ``[[a, -b, tx], [b, a, ty]]``, which does not reflect, to points (..., 2 or 3) of an image.

    It multiplies z by the scale of the similarity, so that the face keeps its proportions.
    """
    matrix, points = np.asarray(matrix), np.asarray(points)
    out = np.empty(points.shape, np.result_type(points, np.float32))
    out[..., :2] = points[..., :2] @ matrix[:, :2].T + matrix[:, 2]
    if points.shape[-1] == 3:
        out[..., 2] = points[..., 2] * np.hypot(matrix[0, 0], matrix[1, 0])
    return out


def invert_similarity(matrix: ArrayLike) -> Array:
    """The (2, 3) matrix of the inverse of a similarity of the picture plane."""
    matrix = np.asarray(matrix, float)
    inverse = np.linalg.inv(matrix[:, :2])
    return np.c_[inverse, -inverse @ matrix[:, 2]]


def view_parameters(matrix: Array, size: int) -> tuple[Array, float, float]:
    """The centre, side and angle of a matrix made by :func:`view_matrix`."""
    inverse = invert_similarity(matrix)
    centre = inverse[:, :2] @ np.full(2, (size - 1) / 2) + inverse[:, 2]
    return centre, size / math.hypot(*matrix[0, :2]), math.degrees(math.atan2(matrix[0, 1], matrix[0, 0]))
