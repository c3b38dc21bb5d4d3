"""The one image reader and the one crop, for training, inference and the web page alike."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Image

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
