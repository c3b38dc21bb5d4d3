"""The one image reader and the one crop, for training, inference and the web page alike."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Image = NDArray[np.uint8]

CROP = 1.5  # side of the crop in mean sides of the box of the 68 landmarks
MAX_PIXELS = 200_000_000  # a photo beyond this is refused rather than filling the memory


class ImageError(ValueError):
    """What was given is not a readable image; the message says what it was."""


def read_image(source: Any) -> Image:
    """Read an image, whatever it comes as.

    Parameters
    ----------
    source : str, Path, bytes, PIL image or array
        A file (any format that Pillow reads; the first frame of an animation), its bytes, or an array (H, W),
        (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16, bool, or float in 0 to 1.

    Returns
    -------
    (H, W, 3) uint8 RGB
        EXIF rotation is applied, transparency laid over white, grey and 16-bit converted.

    Raises
    ------
    ImageError
        For anything else, by name: a missing or unreadable file, wrong shape or type, NaN, no pixels.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not path.is_file():
            raise ImageError(f"no image file at {path}")
        return _decode(path.read_bytes(), str(path))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode(bytes(source), "the bytes given")
    if hasattr(source, "getexif") and hasattr(source, "convert"):
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
        with pil.open(io.BytesIO(data)) as picture:
            return _from_pil(picture, name)
    except ImageError:
        raise
    except Exception as error:  # Pillow raises whatever the decoder of the format raises
        raise ImageError(f"{name} is not a readable image ({error})") from error


def _from_pil(picture: Any, name: str) -> Image:
    from PIL import Image as pil
    from PIL import ImageOps

    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(f"{name} has {picture.width} x {picture.height} pixels, more than {MAX_PIXELS:,}")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):  # 16 bits (I;16), or 32 bits that hold 16
        values = np.asarray(picture)
        if picture.mode == "F":
            return _from_array(values.astype(np.float32))
        return _from_array(np.clip(values, 0, 65535).astype(np.uint16))
    if "A" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        picture = pil.alpha_composite(pil.new("RGBA", rgba.size, "white"), rgba)
    return np.array(picture.convert("RGB"))


def _from_array(array: NDArray) -> Image:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise ImageError(f"an array of shape {array.shape} is no image; expected (H, W), (H, W, 3) or (H, W, 4)")
    if array.dtype == np.uint8:
        pass
    elif array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ImageError(f"the array has {int((~np.isfinite(array)).sum())} values that are NaN or infinite")
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
        (x0, y0, x1, y1): extremes of the 68 landmarks. The crop is a square of 1.5 times its mean side around its
        centre.
    size : int
        Side of the crop in pixels.
    angle : float
        Degrees by which the face is turned clockwise in the photo; the crop turns it back. The box is then that of
        the face turned upright about the box's centre.

    Raises
    ------
    ValueError
        If the box is not four finite numbers with x0 < x1 and y0 < y1.
    """
    box = np.asarray(box, float)
    if box.shape != (4,) or not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
        raise ValueError(f"a box must be four finite numbers x0 < x1, y0 < y1, got {box.tolist()}")
    x0, y0, x1, y1 = box
    scale = size / (CROP * ((x1 - x0) + (y1 - y0)) / 2)
    a, b = scale * math.cos(math.radians(angle)), -scale * math.sin(math.radians(angle))
    linear = np.array([[a, -b], [b, a]])
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return np.c_[linear, (size - 1) / 2 - linear @ centre]


def warp_image(image: Image, matrix: ArrayLike, size: int = 128) -> Image:
    """Cut a square out of an image by a similarity of the picture plane.

    Shrinking averages by area first (a plain bilinear warp of a large photo aliases), the rest is bilinear; outside
    the image its edge pixels are repeated.

    Parameters
    ----------
    image : (H, W, 3) uint8
    matrix : (2, 3) array
        From pixels of the image to pixels of the result; the centre of the first pixel is (0, 0) in both.
    size : int

    Returns
    -------
    (size, size, 3) uint8
    """
    matrix = np.asarray(matrix, float)
    inverse = np.linalg.inv(matrix[:, :2])
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if scale < 1:
        # Only the region that the crop shows is shrunk, with a margin; where it lies outside the photo, its nearest
        # pixels are what the border repeats.
        corners = np.array([[0, 0], [size - 1, 0], [0, size - 1], [size - 1, size - 1]], float)
        there = (corners - matrix[:, 2]) @ inverse.T
        margin = 2 + math.ceil(2 / scale)
        height, width = image.shape[:2]
        x0, y0 = (np.floor(there.min(0)) - margin).astype(int)
        x1, y1 = (np.ceil(there.max(0)) + margin + 1).astype(int)
        x0, x1 = (int(np.clip(v, 0, width)) for v in (min(x0, width - 1), max(x1, 1)))
        y0, y1 = (int(np.clip(v, 0, height)) for v in (min(y0, height - 1), max(y1, 1)))
        region = image[y0:y1, x0:x1]
        small = (max(round(region.shape[1] * scale), 1), max(round(region.shape[0] * scale), 1))
        sx, sy = small[0] / region.shape[1], small[1] / region.shape[0]
        image = cv2.resize(np.ascontiguousarray(region), small, interpolation=cv2.INTER_AREA)
        # small pixel q belongs to photo pixel p = (q + 1/2) / s - 1/2 + (x0, y0)
        back = np.diag([1 / sx, 1 / sy])
        shift = np.array([0.5 / sx - 0.5 + x0, 0.5 / sy - 0.5 + y0])
        matrix = np.c_[matrix[:, :2] @ back, matrix[:, :2] @ shift + matrix[:, 2]]
    return cv2.warpAffine(
        np.ascontiguousarray(image), matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
