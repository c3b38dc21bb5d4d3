"""The image reader for training, inference and the web page."""

from __future__ import annotations

import io
import os
import re
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Image

# Pillow knows many more. Its readers of rare formats are little tested: a small file can fill the memory, or never end.
FILE_ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "MPO": (".mpo",),  # several JPEGs in one file, by cameras with two lenses
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpx", ".jpf"),
    "HEIF": (".heic", ".heif", ".hif"),
}
ALWAYS_READABLE = ("JPEG", "PNG", "TIFF", "BMP", "GIF", "MPO")
PILLOW_FEATURES = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}  # which a build of Pillow may lack
RAW_ENDINGS = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2")  # of cameras' own formats
MAX_PIXELS = 120_000_000  # larger photos are refused, since they would fill the memory
MAX_PIXELS_OF_FORMAT = {"JPEG2000": 60_000_000, "AVIF": 60_000_000, "WEBP": 60_000_000}  # decoders that need more
STRIP_PIXELS = 4_000_000  # a large picture is converted in strips of this size, to save memory
EXIF_ORIENTATION = 0x0112
TIFF_BITS_PER_SAMPLE = 258
PNG_BIT_DEPTH_OFFSET = 24  # bytes
FLOAT_TOLERANCE = 1e-3  # filters leave floats a little beyond 0 to 1


class ImageError(ValueError):
    """The source is not a readable image; the message names it."""


class _ReadingThread(threading.local):
    """The pattern of a filter of warnings. It matches any text in the threads that read a picture now."""

    depth = 0

    def match(self, text: str) -> bool:
        return self.depth > 0


_reading = _ReadingThread()
_PILLOW_FILTER: Any = ("ignore", _reading, Warning, re.compile(r"(PIL|pillow_heif)\b"), 0)


@contextmanager
def _without_pillow_warnings() -> Iterator[None]:
    """Let Pillow warn of nothing meanwhile: large pictures are refused here, and damaged ones raise an error.

    ``warnings.catch_warnings`` would change the filters of all threads for that time. This filter stays, and holds
    only for the threads that are in here.
    """
    filters: Any = warnings.filters
    if filters[:1] != [_PILLOW_FILTER]:
        with suppress(ValueError):
            filters.remove(_PILLOW_FILTER)
        filters.insert(0, _PILLOW_FILTER)
    _reading.depth += 1
    try:
        yield
    finally:
        _reading.depth -= 1


def read_image(source: Any) -> Image:
    """Read an image from a file, bytes, a PIL image or an array: (H, W, 3) uint8, RGB.

    EXIF rotation is applied, a colour profile is converted to sRGB, transparency is blended with white, grey and 16-bit
    images are converted. An array that has this form already is not copied.

    Parameters
    ----------
    source : str, Path, bytes, binary file, PIL image or array
        A JPEG, PNG, WebP, TIFF, BMP, GIF, MPO, AVIF or JPEG 2000 file (the first frame of an animation), or a HEIC file
        if ``pillow-heif`` is installed. Its bytes, or a file that is open for reading. An array (H, W), (H, W, 1),
        (H, W, 3) or (H, W, 4) of uint8, uint16, bool, or float in 0 to 1. Channels are in the order red, green, blue:
        pass ``image[..., ::-1]`` for an image from OpenCV. If the values of a 16-bit image need only 8, 10, 12 or 14
        bits, as from many cameras, these bits count as the full range.

    Raises
    ------
    ImageError
        For anything else: a missing or unreadable file, a wrong shape or type, NaN, no pixels, over 120 million pixels
        (60 million in WebP, AVIF and JPEG 2000).

    Examples
    --------
    >>> from lprnet_utils.common import data_path
    >>> image = read_image(data_path("samples/astronaut.jpg"))
    >>> image.shape, image.dtype
    ((512, 512, 3), dtype('uint8'))
    """
    if isinstance(source, (str, os.PathLike)):
        return _read_file(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode(io.BytesIO(source), "the bytes given")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if hasattr(source, "getbands") and hasattr(source, "convert"):
        return _from_pil(source, "the PIL image")
    if hasattr(source, "read"):
        if isinstance(source, io.TextIOBase) or not isinstance(data := source.read(), bytes):
            raise ImageError("the file given is open as text: open it with mode 'rb'")
        name = str(getattr(source, "name", "the file given"))
        if not data and hasattr(source, "seekable") and source.seekable() and source.tell():
            raise ImageError(f"{name} has been read to its end: go back with seek(0)")
        return _decode(io.BytesIO(data), name)
    known = "give a path, bytes, an open file, a PIL image or a numpy array"
    raise ImageError(f"cannot read an image from {type(source).__name__}: {known}")


@lru_cache(maxsize=1)
def readable_endings() -> tuple[str, ...]:
    """Endings of the image files that the installed Pillow reads, in lower case, with the dot."""
    from PIL import features

    known = [*ALWAYS_READABLE, *(kind for kind, feature in PILLOW_FEATURES.items() if features.check(feature))]
    known += ["HEIF"] if _register_heif() else []
    return tuple(ending for kind in known for ending in FILE_ENDINGS[kind])


def unreadable_endings() -> tuple[str, ...]:
    """Endings of photos that cannot be read here: raw files of cameras, and what the installed Pillow lacks."""
    known = [ending for endings in FILE_ENDINGS.values() for ending in endings]
    return tuple(ending for ending in (*known, *RAW_ENDINGS) if ending not in readable_endings())


def _register_heif() -> bool:
    """Let Pillow read HEIC files by the package pillow-heif, if it is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


# ---- files


def _read_file(path: str | os.PathLike) -> Image:
    name = str(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # reading from a pipe or a device might never end
            raise ImageError(f"cannot read an image file at {name[:200]!r} (it is not a regular file)")
        with open(path, "rb") as file:
            return _decode(file, name)
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise ImageError(f"cannot read an image file at {name[:200]!r} ({error})") from error


@_without_pillow_warnings()
def _decode(file: IO[bytes], name: str) -> Image:
    from PIL import Image as pil

    if not file.read(1):
        raise ImageError(f"{name} is empty, not an image")
    try:
        picture = _open(file)
    except pil.DecompressionBombError as error:
        raise ImageError(f"{name} has over {MAX_PIXELS:,} pixels; shrink it first") from error
    except Exception as error:  # each decoder has exceptions of its own
        reason = re.sub(r" <_io\.[^>]*>", "", str(error))
        hint = ""
        if Path(name).suffix.lower() in unreadable_endings():
            heic = Path(name).suffix.lower() in FILE_ENDINGS["HEIF"]
            hint = "; pip install pillow-heif lets it read HEIC" if heic else "; convert it to JPEG"
        raise ImageError(f"{name} is not an image that Pillow can read ({reason}){hint}") from error
    with picture:
        image = _from_pil(picture, name)
        if picture.format in ("PNG", "TIFF") and picture.mode == "RGB" and image.max() < 64:
            return _from_16_bits(file, picture, image)
        return image


def _open(file: IO[bytes]) -> Any:
    """Open a picture without decoding it. The most frequent formats need the fewest of Pillow's modules."""
    from PIL import Image as pil

    file.seek(0)
    try:
        return pil.open(file, formats=("JPEG", "PNG", "GIF", "BMP"))
    except pil.UnidentifiedImageError:
        pil.init()  # all readers; that of JPEG reads MPO too
        _register_heif()
        file.seek(0)
        return pil.open(file, formats=[kind for kind in FILE_ENDINGS if kind in pil.OPEN])


def _from_16_bits(file: IO[bytes], picture: Any, image: Image) -> Image:
    """A dark picture, read again if it has 16 bits a channel: Pillow keeps the upper eight, which may be empty."""
    file.seek(PNG_BIT_DEPTH_OFFSET)
    bits = file.read(1)[0] if picture.format == "PNG" else 8
    if picture.format == "TIFF":
        bits = int(np.max(picture.tag_v2.get(TIFF_BITS_PER_SAMPLE, 8)))
    if bits != 16:
        return image
    import cv2

    file.seek(0)
    try:
        deep = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return image
    if deep is None or deep.dtype != np.uint16 or deep.ndim != 3:
        return image
    return _turned(_from_array(deep[..., 2::-1]), _orientation(picture))


# ---- pictures and arrays


@_without_pillow_warnings()
def _from_pil(picture: Any, name: str) -> Image:
    size = f"{picture.width} x {picture.height}"
    limit = min(MAX_PIXELS_OF_FORMAT.get(picture.format, MAX_PIXELS), MAX_PIXELS)
    if picture.width * picture.height > limit:
        raise ImageError(f"{name} has {size} pixels, more than {limit:,}; shrink it first")
    if 0 in picture.size:
        raise ImageError(f"{name} has {size} pixels")
    try:
        picture.load()
        turn = _orientation(picture)  # Pillow itself turns a TIFF while it decodes it
        convert = _converter(picture)
        rows = max(STRIP_PIXELS // picture.width, 1)
        if picture.height <= rows:
            return _turned(convert(picture), turn)
        out = np.empty((picture.height, picture.width, 3), np.uint8)
        for top in range(0, picture.height, rows):
            bottom = min(top + rows, picture.height)
            out[top:bottom] = convert(picture.crop((0, top, picture.width, bottom)))
        return _turned(out, turn)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"{name} is damaged, or of a kind that cannot be read ({error})") from error


def _converter(picture: Any) -> Callable[[Any], Image]:
    """The function that converts a picture, or a strip of it, to RGB."""
    from PIL import Image as pil

    if picture.mode.startswith("I"):  # 16 bits (I;16), or 32 bits that hold 16
        shift = _unused_bits(min(int(np.asarray(picture).max()), 65535))
        return lambda strip: _from_array(np.clip(np.asarray(strip), 0, 65535).astype(np.uint16), shift)
    if picture.mode == "F":
        return lambda strip: _from_array(np.asarray(strip, np.float32))
    to_srgb = _profile_transform(picture)
    if "transparency" in picture.info or picture.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        to_srgb = to_srgb or (lambda strip: strip)

        def over_white(strip: Any) -> Image:
            if strip.mode in ("La", "PA"):  # Pillow cannot convert these two to RGBA directly
                strip = strip.convert("LA" if strip.mode == "La" else "RGBA")
            rgba = strip.convert("RGBA")
            opaque = pil.alpha_composite(pil.new("RGBA", rgba.size, "white"), rgba)
            return np.array(to_srgb(opaque.convert("RGB")))

        return over_white
    if to_srgb:
        return lambda strip: np.array(to_srgb(strip))
    return lambda strip: np.array(strip.convert("RGB"))


def _profile_transform(picture: Any) -> Callable[[Any], Any] | None:
    """The conversion from a picture's colour profile to sRGB; None without one, for sRGB, and for a damaged one."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return None
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return None
        space = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}[source.profile.xcolor_space]
        if (space == "CMYK") != (picture.mode == "CMYK"):
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), space, "RGB")
    except (ImageCms.PyCMSError, KeyError, TypeError, ValueError, OSError):
        return None
    return lambda strip: ImageCms.applyTransform(strip if strip.mode == space else strip.convert(space), transform)


def _orientation(picture: Any) -> int:
    """The EXIF orientation, 1 if there is none. A damaged EXIF block is ignored, so the picture stays readable."""
    try:
        return picture.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:
        return 1


def _turned(image: Image, orientation: int) -> Image:
    """An image turned upright from its EXIF orientation (EXIF 2.32, table of orientations)."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _unused_bits(largest: int) -> int:
    """How far 16-bit values are shifted to become 8 bits: by 8, or less if the upper bits are not used."""
    return next(bits for bits in (8, 10, 12, 14, 16) if largest < 1 << bits) - 8


def _from_array(array: NDArray, shift: int | None = None) -> Image:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        known = "(H, W), (H, W, 3) or (H, W, 4), not empty"
        raise ImageError(f"an array of shape {array.shape} is no image; expected {known}")
    if array.dtype == np.uint16:
        array = (array >> (_unused_bits(int(array.max())) if shift is None else shift)).astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            bad = (~np.isfinite(array)).sum()
            raise ImageError(f"{bad:,} of the array's {array.size:,} values are NaN or infinite")
        if array.min() < -FLOAT_TOLERANCE or array.max() > 1 + FLOAT_TOLERANCE:
            found = f"{array.min():.3g} to {array.max():.3g}"
            raise ImageError(f"a float image must lie in 0 to 1, got {found}; convert an image of 0 to 255 to uint8")
        array = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
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
