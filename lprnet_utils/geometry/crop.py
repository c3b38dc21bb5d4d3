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

    It is that of :func:`warp_levels`, rounded to whole grey levels; ValueError likewise.
    """
    return cv2.convertScaleAbs(warp_levels(image, matrix, size))


def warp_levels(image: Image, matrix: ArrayLike, size: int = 128) -> NDArray[np.float32]:
    """Grey levels (size, size, 3), 0 to 255 and not rounded, of a square that a similarity (2, 3) cuts out of an image.

    To shrink, it first averages over blocks of 2^k x 2^k pixels, since a plain bilinear warp of a large photo aliases:
    2^k is the largest power of two that the shrinking exceeds. Squares read from these and from twice as large blocks
    are mixed so that they are as blurred as one of blocks of the exact size would be. The rest is bilinear. Outside the
    image, edge pixels are repeated.

    So the result changes continuously with the matrix, and what a network answers does, too. Rounded levels would not:
    in a photo of 2000 pixels a face whose box moves by 0.02 pixels had landmarks that moved by up to 0.3 pixels.

    Raises
    ------
    ValueError
        If the matrix has values that are not finite, or shrinks everything to a point.
    """
    matrix = np.asarray(matrix, float)
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if not np.isfinite(matrix).all() or scale == 0:
        raise ValueError(f"no similarity of the picture plane: {matrix.tolist()}")
    block = 2 ** max(math.floor(math.log2(1 / scale)), 0)
    first, last = _visible_region(image.shape[1::-1], matrix, size, 2 * block)
    fine = _block_means(image[first[1] : last[1], first[0] : last[0]], block).astype(np.float32)
    square = _read_square(fine, matrix, first, block, size)
    # The variance of what a pixel gathers grows with the square of the block: 1, 1 / (block scale)^2 and 4 are mixed.
    share = ((block * scale) ** -2 - 1) / 3
    if share <= 0:
        return square
    coarse = _read_square(_block_means(fine, 2), matrix, first, 2 * block, size)
    return cv2.addWeighted(square, 1 - share, coarse, share, 0)


def _visible_region(limits: tuple[int, ...], matrix: Array, size: int, step: int) -> tuple[Array, Array]:
    """First (x, y) and last (exclusive) of the part that a square shows, with a margin for the filters.

    It begins and ends at multiples of `step` pixels of the image, or at the image's far edges: so blocks stay where
    they are while the square moves. If the square lies outside the image, it is the nearest pixels: the border
    repeats them.
    """
    corners = np.array([[0, 0], [size - 1, 0], [0, size - 1], [size - 1, size - 1]], float)
    region = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    margin = 2 + 2 * step
    first = np.clip(np.floor(region.min(0)) - margin, 0, np.array(limits) - 1) // step * step
    last = np.clip(-(-(np.ceil(region.max(0)) + margin + 1) // step) * step, first + 1, limits)
    return first.astype(int), last.astype(int)


def _block_means(image: Array, block: int) -> Array:
    """Means over blocks of pixels; those at the far edges may have fewer."""
    if block == 1:
        return image
    height, width = image.shape[:2]
    out = np.empty((-(-height // block), -(-width // block), 3), image.dtype)
    whole = height // block, width // block
    rows = (slice(whole[0] * block), slice(whole[0])), (slice(whole[0] * block, None), slice(whole[0], None))
    columns = (slice(whole[1] * block), slice(whole[1])), (slice(whole[1] * block, None), slice(whole[1], None))
    for given_rows, to_rows in rows:
        for given_columns, to_columns in columns:
            target = out[to_rows, to_columns]
            if target.size:
                part = image[given_rows, given_columns]
                out[to_rows, to_columns] = cv2.resize(part, target.shape[1::-1], interpolation=cv2.INTER_AREA)
    return out


def _read_square(picture: Array, matrix: Array, first: Array, block: int, size: int) -> Array:
    """Read a square bilinearly from block means, whose first block begins at a pixel of the image."""
    # block q has its centre at pixel block (q + 1/2) - 1/2 of the region
    shift = first + block / 2 - 0.5
    moved = np.c_[matrix[:, :2] * block, matrix[:, :2] @ shift + matrix[:, 2]]
    return cv2.warpAffine(picture, moved, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def resize_square(picture: Array, size: int) -> Array:
    """A square picture (N, N, 3) in another size, (size, size, 3): by means over areas, or enlarged bilinearly."""
    if len(picture) == size:
        return picture
    kind = cv2.INTER_AREA if len(picture) > size else cv2.INTER_LINEAR
    return cv2.resize(picture, (size, size), interpolation=kind)


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
