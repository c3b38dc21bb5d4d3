"""The image reader."""

import io
import os
import struct
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, features

from lprnet_utils.common import ImageError, images, read_image

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def test_path_bytes_pil_and_array_give_the_same_image(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(Image.fromarray(PHOTO)))
    data = path.read_bytes()
    for source in (path, str(path), data, bytearray(data), memoryview(data), Image.open(path), PHOTO):
        image = read_image(source)
        assert image.dtype == np.uint8 and (image == PHOTO).all()


def test_an_rgb_array_is_not_copied():
    for image in (PHOTO, np.zeros((8000, 8000, 3), np.uint8)):
        assert np.shares_memory(read_image(image), image)


def test_the_result_is_contiguous_and_correct_for_a_reversed_view():
    image = read_image(PHOTO[:, :, ::-1])
    assert image.flags.c_contiguous and (image == PHOTO[:, :, ::-1]).all()


def test_grey_becomes_rgb():
    grey = PHOTO[..., 0]
    expected = np.repeat(grey[..., None], 3, 2)
    for source in (grey, grey[..., None], Image.fromarray(grey), encoded(Image.fromarray(grey))):
        assert (read_image(source) == expected).all()


def test_bool_is_black_and_white():
    mask = PHOTO[..., 0] > 128
    for source in (mask, Image.fromarray(mask)):
        assert (read_image(source)[..., 1] == np.where(mask, 255, 0)).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_sixteen_bits_of_which_fewer_are_used(bits):
    deep = PHOTO.astype(np.uint16) << bits - 8
    deep[0, 0] = (1 << bits) - 1
    expected = PHOTO.copy()
    expected[0, 0] = 255
    _, png = cv2.imencode(".png", deep[..., ::-1])
    _, tiff = cv2.imencode(".tiff", deep[..., ::-1])
    for source in (deep, png.tobytes(), tiff.tobytes()):
        assert (read_image(source) == expected).all()
    grey = deep[..., 0]
    for source in (grey, Image.fromarray(grey), encoded(Image.fromarray(grey)), encoded(Image.fromarray(grey), "TIFF")):
        assert (read_image(source)[..., 0] == expected[..., 0]).all()


def test_sixteen_bits_keep_their_range():
    grey = np.array([[0, 256, 0x8000, 0xFFFF]], np.uint16)
    for source in (grey, Image.fromarray(grey), encoded(Image.fromarray(grey)), Image.fromarray(grey.astype(np.int32))):
        assert read_image(source)[0, :, 0].tolist() == [0, 1, 128, 255]
    assert (read_image(PHOTO.astype(np.uint16) * 257) == PHOTO).all()


def test_float_ranges_from_zero_to_one():
    for kind in (np.float16, np.float32, np.float64):
        assert np.abs(read_image((PHOTO / 255).astype(kind)).astype(int) - PHOTO).max() <= 1
    assert (read_image(PHOTO / 255) == PHOTO).all()
    assert read_image(Image.fromarray(np.full((2, 3), 0.5, np.float32)))[0, 0].tolist() == [128] * 3


def test_a_float_a_little_beyond_its_range_is_accepted():
    assert read_image(np.full((2, 2, 3), 1.000001))[0, 0, 0] == 255
    assert read_image(np.full((2, 2, 3), -1e-6))[0, 0, 0] == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_float_that_is_not_finite_is_refused(value):
    image = PHOTO / 255
    image[2, 3, 1] = value
    with pytest.raises(ImageError, match="1 of the array's .* values are NaN or infinite"):
        read_image(image)


def test_alpha_is_blended_with_white():
    rgba = np.dstack([PHOTO, np.full((6, 8), 51, np.uint8)])
    expected = PHOTO * 0.2 + 255 * 0.8
    for source in (rgba, Image.fromarray(rgba), encoded(Image.fromarray(rgba)), rgba / 255):
        assert np.abs(read_image(source) - expected).max() <= 1
    clear = Image.fromarray(np.full((2, 2, 2), [9, 0], np.uint8))  # grey with alpha
    assert clear.mode == "LA" and (read_image(clear) == 255).all()
    for mode in ("La", "RGBa"):  # alpha multiplied in
        assert (read_image(clear.convert("LA" if mode == "La" else "RGBA").convert(mode)) == 255).all()


def test_palette_with_and_without_transparency():
    picture = Image.fromarray(PHOTO).quantize(256)
    assert picture.mode == "P" and np.abs(read_image(picture).astype(int) - np.array(picture.convert("RGB"))).max() == 0
    two = Image.new("P", (2, 1))
    two.putpalette([10, 20, 30, 40, 50, 60])
    two.putpixel((1, 0), 1)
    image = read_image(encoded(two, transparency=1))
    assert image[0].tolist() == [[10, 20, 30], [255, 255, 255]]


def test_cmyk_and_other_modes():
    smooth = cv2.resize(PHOTO, (64, 48), interpolation=cv2.INTER_CUBIC)
    for mode in ("CMYK", "YCbCr", "HSV"):
        assert np.abs(read_image(Image.fromarray(smooth).convert(mode)).astype(int) - smooth).mean() < 4
    data = encoded(Image.fromarray(smooth).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(read_image(data).astype(int) - smooth).mean() < 6


# what a camera stores so that the tag restores the picture; EXIF 2.32, table of orientations
STORED = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, 1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image, -1),
}
LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}
CONTAINERS = ("PNG", "TIFF", "WEBP", "JPEG", "MPO", *(("AVIF",) if features.check("avif") else ()))


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("orientation", STORED)
def test_orientation_is_applied_once_in_all_containers(kind, orientation):
    large = np.kron(PHOTO, np.ones((16, 16, 1), np.uint8))
    picture = Image.fromarray(np.ascontiguousarray(STORED[orientation](large)))
    exif = Image.Exif()
    exif[images.EXIF_ORIENTATION] = orientation
    data = encoded(picture, kind, exif=exif, **LOSSLESS.get(kind, {"quality": 95}))
    for source in (data, Image.open(io.BytesIO(data))):
        image = read_image(source).astype(int)
        assert image.shape == large.shape
        centres = image[8::16, 8::16]  # of the blocks: the chroma of the others is blurred
        assert np.abs(centres - PHOTO).mean() < (0.01 if kind in LOSSLESS else 12)


def test_orientation_by_xmp_alone():
    # as some editors write it, without EXIF
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    assert read_image(encoded(Image.fromarray(PHOTO), "TIFF", tiffinfo={700: xmp})).shape == (8, 6, 3)


def test_a_damaged_exif_block_does_not_hide_the_picture():
    for block in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x01"):
        data = encoded(Image.fromarray(np.repeat(PHOTO, 8, 1)), "JPEG", exif=block)
        assert read_image(data).shape == (6, 64, 3)


@pytest.fixture
def seen():
    """Warnings that reach the user."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield found


def test_pillow_does_not_warn_of_large_and_damaged_pictures(seen, monkeypatch, tmp_path):
    data = encoded(Image.fromarray(PHOTO), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", PHOTO[..., 0].size - 1)
    Image.open(io.BytesIO(data))
    assert [warning.category for warning in seen] == [Image.DecompressionBombWarning], "as in other programs"
    seen.clear()
    assert (read_image(data) == PHOTO).all() and (read_image(Image.fromarray(PHOTO)) == PHOTO).all()
    raw = tmp_path / "a.dng"
    for length in range(8, len(tiff := encoded(Image.fromarray(PHOTO), "TIFF")), 7):
        raw.write_bytes(tiff[:length])
        with suppress(ImageError):
            read_image(raw)
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\0"
    assert read_image(encoded(Image.fromarray(PHOTO), "JPEG", exif=exif)).shape == PHOTO.shape
    assert seen == []
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(data))


def test_other_threads_get_their_warnings_while_one_reads(seen, monkeypatch):
    data = encoded(Image.fromarray(PHOTO), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", PHOTO[..., 0].size - 1)
    inside, go_on = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def read(self, *count):
            inside.set()
            go_on.wait(10)
            return super().read(*count)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(images._decode, Slow(data), "slow.png")
        assert inside.wait(10)
        Image.open(io.BytesIO(data))
        assert len(seen) == 1
        go_on.set()
        assert (reading.result() == PHOTO).all() and len(seen) == 1


def linear_profile():
    """sRGB's primaries with a linear tone curve, the header and tags written by hand (ICC.1:2010)."""

    def fixed(*values):
        return b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 7) + b"linear\0" + bytes(11 + 67),
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249),
        b"rXYZ": b"XYZ " + bytes(4) + fixed(0.4361, 0.2225, 0.0139),
        b"gXYZ": b"XYZ " + bytes(4) + fixed(0.3851, 0.7169, 0.0971),
        b"bXYZ": b"XYZ " + bytes(4) + fixed(0.1431, 0.0606, 0.7139),
    }
    tags |= {name: b"curv" + bytes(4) + struct.pack(">I", 0) for name in (b"rTRC", b"gTRC", b"bTRC")}
    table, body, place = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data
    size = place + len(body)
    header = struct.pack(">I", size) + bytes(4) + b"\x02\x10\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    header += fixed(0.9642, 1.0, 0.8249)
    header += bytes(128 - len(header))
    return header + struct.pack(">I", len(tags)) + table + body


def test_a_colour_profile_is_converted_to_srgb():
    data = linear_profile()
    smooth = cv2.resize(PHOTO, (64, 48), interpolation=cv2.INTER_AREA)
    linear = smooth / 255.0
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    for kind, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        image = read_image(encoded(Image.fromarray(smooth), kind, icc_profile=data, **options))
        assert np.abs(image - srgb).max() < 3, kind
    grey = Image.fromarray(smooth).convert("RGBA")
    assert np.abs(read_image(encoded(grey, icc_profile=data)) - srgb).max() < 3
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for unchanged in (plain, b"no profile at all", data[:150]):
        assert (read_image(encoded(Image.fromarray(smooth), icc_profile=unchanged)) == smooth).all()


def test_the_first_frame_of_an_animation():
    frames = [Image.new("RGB", (4, 3), c) for c in ((200, 0, 0), (0, 200, 0))]
    for kind in ("GIF", "PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        red, green, _ = read_image(data)[0, 0].astype(int)
        assert red > 150 and green < 50, kind


def test_one_pixel():
    assert read_image(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1, 3)
    assert read_image(encoded(Image.new("L", (1, 1), 7))).tolist() == [[[7, 7, 7]]]


def test_a_large_picture_is_converted_in_strips(monkeypatch):
    large = cv2.resize(PHOTO, (120, 90), interpolation=cv2.INTER_CUBIC)
    pictures = [Image.fromarray(large).convert(mode) for mode in ("RGB", "RGBA", "P", "CMYK", "L", "I", "F")]
    pictures.append(Image.fromarray(large[..., 0].astype(np.uint16) << 4))
    pictures[6] = pictures[6].point(lambda value: value * (1 / 255) + 0)
    whole = [read_image(picture) for picture in pictures]
    monkeypatch.setattr(images, "STRIP_PIXELS", 1000)
    for picture, image in zip(pictures, whole, strict=True):
        assert (read_image(picture) == image).all(), picture.mode


def test_too_many_pixels_are_refused():
    with pytest.raises(ImageError, match="20000 x 20000 pixels, more than"):
        read_image(Image.new("1", (20000, 20000)))
    for side in (11000, 13400, 14200):  # beyond our limit, and beyond Pillow's
        with pytest.raises(ImageError, match="the bytes given has .*(pixels, more than|over) 120,000,000"):
            read_image(encoded(Image.new("1", (side, side))))


@pytest.mark.parametrize("source, message", [
    (None, "NoneType"),
    (3, "int"),
    ([[1, 2], [3, 4]], "list"),
    (b"", "empty"),
    (b"no image at all", "not an image that Pillow can read"),
    ("no/such/file.jpg", "no/such/file.jpg"),
    ("https://example.org/photo.jpg", "cannot read an image file"),
    ("x" * 5000, "cannot read an image file"),
    ("a\0b", "cannot read an image file"),
    (np.zeros(5, np.uint8), r"shape \(5,\)"),
    (np.zeros((4, 5, 2), np.uint8), r"shape \(4, 5, 2\)"),
    (np.zeros((3, 4, 5), np.uint8), r"shape \(3, 4, 5\)"),
    (np.zeros((1, 4, 5, 3), np.uint8), r"shape \(1, 4, 5, 3\)"),
    (np.zeros((0, 5, 3), np.uint8), r"shape \(0, 5, 3\)"),
    (PHOTO * 1.0, "must lie in 0 to 1"),
    (PHOTO / -255, "must lie in 0 to 1"),
    (np.zeros((4, 5, 3), np.int64), "int64"),
    (np.zeros((4, 5, 3), np.int8), "int8"),
    (np.zeros((4, 5, 3), complex), "complex"),
    (np.array([["a"]]), "<U1"),
    (np.array([[None]]), "object"),
    (Image.new("RGB", (0, 3)), "0 x 3 pixels"),
], ids=lambda value: value[:24] if isinstance(value, str) else type(value).__name__)  # fmt: skip
def test_other_sources_are_refused_by_name(source, message):
    with pytest.raises(ImageError, match=message) as refused:
        read_image(source)
    assert isinstance(refused.value, ValueError)


def test_a_folder_and_a_text_file_are_refused(tmp_path):
    (tmp_path / "notes.jpg").write_text("not a photo")
    for path in (tmp_path, tmp_path / "notes.jpg", tmp_path / "missing.png"):
        with pytest.raises(ImageError, match=path.name):
            read_image(path)


def test_only_known_formats_are_opened(tmp_path):
    # whatever the name: a FITS file of 4 MB took 8 GB, an EPS starts Ghostscript
    path = tmp_path / "photo.jpg"
    for kind in ("PPM", "TGA", "ICO", "PCX", "EPS", "DDS", "IM", "SGI", "PDF"):
        Image.fromarray(np.repeat(PHOTO, 8, 1)).save(path, kind)
        with pytest.raises(ImageError, match="photo.jpg is not an image that Pillow can read"):
            read_image(path)


@pytest.mark.skipif(os.name != "posix", reason="there are no such files")
def test_pipes_and_devices_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "missing.jpg")
    for name in ("pipe", "zero", "loop", "nowhere"):
        with pytest.raises(ImageError, match=f"cannot read an image file at .*{name}.jpg"):
            read_image(tmp_path / f"{name}.jpg")


def test_open_files(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(Image.fromarray(PHOTO)))
    with open(path, "rb") as file:
        assert (read_image(file) == PHOTO).all()
    assert (read_image(io.BytesIO(path.read_bytes())) == PHOTO).all()
    for encoding in ("latin-1", "utf-8"):  # a photo is no text in the second one
        with open(path, encoding=encoding) as file, pytest.raises(ImageError, match="open it with mode 'rb'"):
            read_image(file)
    with open(path, "rb") as file:
        file.read()
        with pytest.raises(ImageError, match=r"photo.png has been read to its end: go back with seek\(0\)"):
            read_image(file)
    with pytest.raises(ImageError, match="empty"):
        read_image(io.BytesIO())


def test_endings_that_are_read_and_those_that_are_not(tmp_path):
    assert {".jpg", ".jfif", ".mpo", ".tif", ".png"} <= set(images.readable_endings())
    assert ".dng" in images.unreadable_endings()
    assert not set(images.readable_endings()) & set(images.unreadable_endings())
    heic = ".heic" in images.readable_endings()
    assert heic != (".heic" in images.unreadable_endings())
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(ImageError, match="" if heic else "pip install pillow-heif"):
        read_image(tmp_path / "photo.heic")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_file_is_refused(kind, tmp_path):
    data = encoded(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind)
    path = tmp_path / "half.img"
    path.write_bytes(data[: len(data) // 2])
    for source in (path, path.read_bytes(), Image.open(path)):
        with pytest.raises(ImageError, match="damaged|not an image"):
            read_image(source)
