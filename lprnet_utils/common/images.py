"""The image reader for training, inference and the web page."""

import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Image

MAX_PIXELS = 178_000_000  # larger photos are refused, since they would fill the memory (Pillow's own limit)


class ImageError(ValueError):
    """The source is not a readable image; the message names it."""


def read_image(source: Any) -> Image:
    """Read an image from a file, bytes, a PIL image or an array: (H, W, 3) uint8, RGB.

    EXIF rotation is applied, transparency is blended with white, grey and 16-bit images are converted. An array that
    has this form already is not copied.

    Parameters
    ----------
    source : str, Path, bytes, PIL image or array
        A file in any format that Pillow reads (the first frame of an animation), its bytes, or an array (H, W),
        (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16, bool, or float in 0 to 1. Channels are in the order red,
        green, blue: pass ``image[..., ::-1]`` for an image from OpenCV.

    Raises
    ------
    ImageError
        For anything else: a missing or unreadable file, a wrong shape or type, NaN, no pixels.

    Examples
    --------
    >>> from lprnet_utils.common import data_path
    >>> image = read_image(data_path("samples/astronaut.jpg"))
    >>> image.shape, image.dtype
    ((512, 512, 3), dtype('uint8'))
    """
    name = "the bytes given"
    if isinstance(source, (str, os.PathLike)):
        name = str(source)
        try:
            source = Path(source).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a null character in the name
            raise ImageError(f"cannot read an image file at {name[:200]!r} ({error})") from error
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode(bytes(source), name)
    if hasattr(source, "getbands") and hasattr(source, "convert"):
        return _from_pil(source, "the PIL image")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    known = "give a path, bytes, a PIL image or a numpy array"
    raise ImageError(f"cannot read an image from {type(source).__name__}: {known}")


def _decode(data: bytes, name: str) -> Image:
    from PIL import Image as pil

    if not data:
        raise ImageError(f"{name} is empty, not an image")
    try:
        picture = pil.open(io.BytesIO(data))
    except Exception as error:  # each decoder has exceptions of its own
        reason = re.sub(r" <_io\.BytesIO[^>]*>", "", str(error))
        raise ImageError(f"{name} is not an image that Pillow can read ({reason})") from error
    with picture:
        return _from_pil(picture, name)


def _from_pil(picture: Any, name: str) -> Image:
    from PIL import Image as pil

    size = f"{picture.width} x {picture.height} pixels"
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(f"{name} has {size}, more than {MAX_PIXELS:,}; shrink it first")
    if 0 in picture.size:
        raise ImageError(f"{name} has {size}")
    try:
        picture = _apply_orientation(picture)
        if picture.mode.startswith("I"):  # 16 bits (I;16), or 32 bits that hold 16
            return _from_array(np.clip(np.asarray(picture), 0, 65535).astype(np.uint16))
        if picture.mode == "F":
            return _from_array(np.asarray(picture, np.float32))
        if "transparency" in picture.info or picture.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
            if picture.mode in ("La", "PA"):  # Pillow cannot convert these two to RGBA directly
                picture = picture.convert("LA" if picture.mode == "La" else "RGBA")
            rgba = picture.convert("RGBA")
            picture = pil.alpha_composite(pil.new("RGBA", rgba.size, "white"), rgba)
        return np.array(picture.convert("RGB"))
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"{name} is damaged, or of a kind that cannot be read ({error})") from error


def _apply_orientation(picture: Any) -> Any:
    """Apply the EXIF orientation. A damaged EXIF block is ignored, so that the picture stays readable."""
    from PIL.Image import Transpose as t

    try:
        orientation = picture.getexif().get(0x0112, 1)
    except Exception:
        return picture
    turns = t.FLIP_LEFT_RIGHT, t.ROTATE_180, t.FLIP_TOP_BOTTOM, t.TRANSPOSE, t.ROTATE_270, t.TRANSVERSE, t.ROTATE_90
    turn = dict(enumerate(turns, 2)).get(orientation)  # orientation 1 is upright
    return picture if turn is None else picture.transpose(turn)


def _from_array(array: NDArray) -> Image:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        known = "(H, W), (H, W, 3) or (H, W, 4), not empty"
        raise ImageError(f"an array of shape {array.shape} is no image; expected {known}")
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ImageError(f"the array has {(~np.isfinite(array)).sum()} values that are NaN or infinite")
        if array.min() < 0 or array.max() > 1:
            found = f"{array.min():.3g} to {array.max():.3g}"
            raise ImageError(f"a float image must lie in 0 to 1, got {found}; convert an image of 0 to 255 to uint8")
        array = np.rint(array * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise ImageError(f"an array of {array.dtype} is no image; expected uint8, uint16, bool, or float in 0 to 1")
    if array.shape[2] == 4:
        alpha = array[..., 3:].astype(np.float32) / 255
        array = np.rint(array[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


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
