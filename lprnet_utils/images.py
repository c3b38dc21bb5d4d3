"""The one image reader and the one crop, for training, inference and the web page alike."""

from __future__ import annotations

import io
import math
import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Image = NDArray[np.uint8]

CROP = 1.5  # side of the crop in mean sides of the box of the 68 landmarks
MAX_PIXELS = 178_000_000  # a photo beyond this is refused rather than filling the memory (Pillow's own limit)


class ImageError(ValueError):
    """What was given is not a readable image; the message says what it was."""


def read_image(source: Any) -> Image:
    """Read an image, whatever it comes as.

    Parameters
    ----------
    source : str, Path, bytes, PIL image or array
        A file (any format that Pillow reads; the first frame of an animation), its bytes, or an array (H, W),
        (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16, bool, or float in 0 to 1. Colours are in the order
        red, green, blue: an array that OpenCV read is given as ``image[..., ::-1]``.

    Returns
    -------
    (H, W, 3) uint8 RGB
        EXIF rotation is applied, transparency laid over white, grey and 16-bit converted. An array that is of
        this kind already is not copied.

    Raises
    ------
    ImageError
        For anything else, by name: a missing or unreadable file, wrong shape or type, NaN, no pixels.
    """
    if isinstance(source, (str, os.PathLike)):
        try:
            return _decode(Path(source).read_bytes(), str(source))
        except (OSError, ValueError) as error:  # ValueError: a null character in the name
            if isinstance(error, ImageError):
                raise
            raise ImageError(f"cannot read an image file at {str(source)[:200]!r} ({error})") from error
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode(bytes(source), "the bytes given")
    if hasattr(source, "getbands") and hasattr(source, "convert"):
        return _from_pil(source, "the PIL image")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    raise ImageError(
        f"cannot read an image from {type(source).__name__}: give a path, bytes, a PIL image or a numpy array"
    )


def _decode(data: bytes, name: str) -> Image:
    from PIL import Image as pil

    if not data:
        raise ImageError(f"{name} is empty, not an image")
    try:
        picture = pil.open(io.BytesIO(data))
    except Exception as error:  # Pillow raises whatever the decoder of the format raises
        reason = re.sub(r" <_io\.BytesIO[^>]*>", "", str(error))
        raise ImageError(f"{name} is not an image that Pillow can read ({reason})") from error
    with picture:
        return _from_pil(picture, name)


def _from_pil(picture: Any, name: str) -> Image:
    from PIL import Image as pil

    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(
            f"{name} has {picture.width} x {picture.height} pixels, more than {MAX_PIXELS:,}; shrink it first"
        )
    if 0 in picture.size:
        raise ImageError(f"{name} has {picture.width} x {picture.height} pixels")
    try:
        picture = _upright(picture)
        if picture.mode.startswith("I"):  # 16 bits (I;16), or 32 bits that hold 16
            return _from_array(np.clip(np.asarray(picture), 0, 65535).astype(np.uint16))
        if picture.mode == "F":
            return _from_array(np.asarray(picture, np.float32))
        if "transparency" in picture.info or picture.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
            if picture.mode in ("La", "PA"):  # these two know no direct way to RGBA
                picture = picture.convert("LA" if picture.mode == "La" else "RGBA")
            rgba = picture.convert("RGBA")
            picture = pil.alpha_composite(pil.new("RGBA", rgba.size, "white"), rgba)
        return np.array(picture.convert("RGB"))
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"{name} is damaged, or of a kind that cannot be read ({error})") from error


def _upright(picture: Any) -> Any:
    """Apply the EXIF orientation; a damaged EXIF block does not make the picture unreadable."""
    from PIL import Image as pil

    turns = pil.Transpose
    try:
        orientation = picture.getexif().get(0x0112, 1)
    except Exception:
        orientation = 1
    turn = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(orientation)
    if turn is None:
        return picture
    information = picture.info
    picture = picture.transpose(turn)
    picture.info.update({k: v for k, v in information.items() if k == "transparency"})
    return picture


def _from_array(array: NDArray) -> Image:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise ImageError(
            f"an array of shape {array.shape} is no image; expected (H, W), (H, W, 3) or (H, W, 4), not empty"
        )
    if array.dtype == np.uint8:
        pass
    elif array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ImageError(f"the array has {(~np.isfinite(array)).sum()} values that are NaN or infinite")
        if array.min() < 0 or array.max() > 1:
            raise ImageError(
                f"a float image must lie in 0 to 1, got {array.min():.3g} to {array.max():.3g}; "
                "convert an image of 0 to 255 to uint8"
            )
        array = np.rint(array * 255).astype(np.uint8)
    else:
        raise ImageError(f"an array of {array.dtype} is no image; expected uint8, uint16, bool, or float in 0 to 1")
    if array.shape[2] == 4:
        alpha = array[..., 3:].astype(np.float32) / 255
        array = np.rint(array[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def crop_matrix(box: ArrayLike, size: int = 128, angle: float = 0.0) -> NDArray[np.float64]:
    """The similarity (2, 3) from photo pixels to the pixels of the network's crop.

    Parameters
    ----------
    box : (4,) array
        (x0, y0, x1, y1): extremes of the 68 landmarks. The crop is a square of 1.5 times its mean side around
        its centre.
    size : int
        Side of the crop in pixels.
    angle : float
        Degrees by which the face is turned clockwise in the photo; the crop turns it back. The box is then
        that of the face turned upright about the centre of the box.

    Returns
    -------
    (2, 3) float64
        ``crop = matrix[:, :2] @ photo + matrix[:, 2]``. Without an angle a point q lands at
        (size - 1) / 2 + (q - centre) size / side.

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
    side = CROP * ((box[2] - box[0]) + (box[3] - box[1])) / 2
    return view_matrix((box[:2] + box[2:]) / 2, side, size, angle)


def view_matrix(centre: ArrayLike, side: float, size: int, angle: float = 0.0) -> NDArray[np.float64]:
    """The similarity (2, 3) that shows a square of a photo, of this centre and side, in ``size`` pixels.

    ``angle`` is as for :func:`crop_matrix`: what is turned clockwise by so many degrees is shown upright.
    """
    turn = math.radians(angle)
    cosine, sine = size / side * math.cos(turn), size / side * math.sin(turn)
    linear = np.array([[cosine, sine], [-sine, cosine]])
    return np.c_[linear, (size - 1) / 2 - linear @ np.asarray(centre, float)]


def warp_image(image: Image, matrix: ArrayLike, size: int = 128) -> Image:
    """Cut a square out of an image by a similarity of the picture plane.

    Shrinking averages by area first (a plain bilinear warp of a large photo aliases), the rest is bilinear;
    outside the image its edge pixels are repeated.

    Parameters
    ----------
    image : (H, W, 3) uint8
    matrix : (2, 3) array
        From pixels of the image to pixels of the result; the centre of the first pixel is (0, 0) in both.
    size : int
        Side of the result in pixels.

    Returns
    -------
    (size, size, 3) uint8

    Raises
    ------
    ValueError
        If the matrix has values that are not finite or shrinks everything to a point.
    """
    matrix = np.asarray(matrix, float)
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if not np.isfinite(matrix).all() or scale == 0:
        raise ValueError(f"no similarity of the picture plane: {matrix.tolist()}")
    # Only the region that the result shows is touched, with a margin for the filters. Where it lies outside
    # the photo, the photo's nearest pixels are kept: they are what the border repeats.
    corners = np.array([[0, 0], [size - 1, 0], [0, size - 1], [size - 1, size - 1]], float)
    there = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    margin = 2 + math.ceil(2 / scale)
    limits = np.array(image.shape[1::-1])
    first = np.clip(np.floor(there.min(0)) - margin, 0, limits - 1).astype(int)
    last = np.clip(np.ceil(there.max(0)) + margin + 1, first + 1, limits).astype(int)
    whole = int(1 / scale)
    if whole >= 8:  # averaging whole blocks of pixels is three times as fast; it costs under a pixel of the result
        last = np.where(last - first > whole, last - (last - first) % whole, last)
    image = image[first[1] : last[1], first[0] : last[0]]
    shrink, shift = np.ones(2), first.astype(float)
    if scale < 1:
        full = last - first
        scale = 1 / whole if whole >= 8 else scale
        small = np.maximum(np.rint(full * scale), 1).astype(int)
        shrink = small / full
        # Pixel q of the small picture belongs to pixel (q + 1/2) / shrink - 1/2 of the region.
        shift += 0.5 / shrink - 0.5
        image = cv2.resize(image, small.tolist(), interpolation=cv2.INTER_AREA)
    matrix = np.c_[matrix[:, :2] / shrink, matrix[:, :2] @ shift + matrix[:, 2]]
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def sample_colors(image: Image, points: ArrayLike) -> Image:
    """Colours (n, 3) uint8 of an image at points (n, 2 or more) in pixels, bilinear, edge pixels repeated."""
    limit = np.array(image.shape[1::-1]) - 1
    position = np.clip(np.asarray(points, float)[:, :2], 0, limit)
    low = np.minimum(position.astype(int), np.maximum(limit - 1, 0))
    high = np.minimum(low + 1, limit)
    (fx, fy), (x0, y0), (x1, y1) = (position - low).T[..., None], low.T, high.T
    top = image[y0, x0] * (1 - fx) + image[y0, x1] * fx
    bottom = image[y1, x0] * (1 - fx) + image[y1, x1] * fx
    return np.rint(top * (1 - fy) + bottom * fy).astype(np.uint8)
