"""Pictures of all formats, and damage to them, for tests."""

import io

import numpy as np
from PIL import Image, features


def originals():
    """The bytes of small pictures in all formats that the package reads, in many of their varieties."""
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((160, 120), Image.Resampling.BICUBIC)
    rgba, deep = photo.convert("RGBA"), Image.fromarray(rng.integers(0, 65536, (60, 80), np.uint16))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    varieties = [
        (photo, "JPEG", {"exif": exif}), (photo, "JPEG", {"progressive": True}), (photo.convert("L"), "JPEG", {}),
        (photo.convert("CMYK"), "JPEG", {}), (photo, "PNG", {"exif": exif}), (rgba, "PNG", {}), (deep, "PNG", {}),
        (photo.quantize(16), "PNG", {"transparency": 3}), (photo.convert("1"), "PNG", {}), (photo, "BMP", {}),
        (photo.quantize(16), "BMP", {}), (photo.quantize(64), "GIF", {"save_all": True, "append_images": [photo]}),
        (deep, "TIFF", {}), (rgba, "TIFF", {"compression": "tiff_lzw"}), (photo, "TIFF", {"exif": exif}),
        (photo, "TIFF", {"compression": "tiff_deflate"}), (photo, "TIFF", {"compression": "jpeg"}),
        (photo.convert("1"), "TIFF", {"compression": "group4"}), (photo.convert("F"), "TIFF", {}),
        (photo, "MPO", {"save_all": True, "append_images": [photo]}),
    ]  # fmt: skip
    if features.check("webp"):
        varieties += [(photo, "WEBP", {}), (rgba, "WEBP", {"lossless": True})]
        varieties += [(photo, "WEBP", {"save_all": True, "append_images": [photo.rotate(9)]})]
    if features.check("avif"):
        varieties += [(photo, "AVIF", {}), (rgba, "AVIF", {"exif": exif})]
    if features.check("jpg_2000"):
        varieties += [(photo, "JPEG2000", {}), (rgba, "JPEG2000", {"tile_size": (64, 64)})]
    out = []
    for picture, kind, options in varieties:
        file = io.BytesIO()
        picture.save(file, kind, **options)
        out.append(file.getvalue())
    return out


def damaged(data, seed):
    """A picture with one of six kinds of damage."""
    rng = np.random.default_rng(seed)
    out, kind = bytearray(data), seed // 7 % 6
    if kind == 0:  # a few bytes anywhere
        for place in rng.integers(len(out), size=rng.integers(1, 20)):
            out[place] = rng.integers(256)
    elif kind == 1:  # a few bytes near the start, where sizes and types are
        for place in rng.integers(min(len(out), 400), size=rng.integers(1, 6)):
            out[place] = rng.integers(256)
    elif kind == 2:  # a number near the start becomes huge, negative or zero
        place, size = int(rng.integers(2, min(len(out), 300) - 8)), int(rng.choice([2, 4]))
        value = int(rng.choice([0, 1, 0x7FFF, 0xFFFF, 20_000, 100_000, 0x7FFFFFFF, 0xFFFFFFFF])) % (1 << 8 * size)
        out[place : place + size] = value.to_bytes(size, str(rng.choice(["big", "little"])))
    elif kind == 3:
        out = out[: rng.integers(len(out))]
    elif kind == 4:  # a piece comes twice, or is missing
        start, size = int(rng.integers(len(out))), int(rng.integers(1, 200))
        piece = out[start : start + size]
        out[start : start + size] = piece * int(rng.choice([0, 2, 50]))
    else:  # bits in runs
        start = int(rng.integers(len(out)))
        for place in range(start, min(start + int(rng.integers(4, 64)), len(out))):
            out[place] ^= 1 << int(rng.integers(8))
    return bytes(out)
