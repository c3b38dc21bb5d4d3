"""The image reader."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from lprnet_utils.common import ImageError, read_image

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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_float_that_is_not_finite_is_refused(value):
    image = PHOTO / 255
    image[2, 3, 1] = value
    with pytest.raises(ImageError, match="1 values that are NaN or infinite"):
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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    # what a camera stores so that the tag restores PHOTO; EXIF 2.32, table of orientations
    stored = {
        1: PHOTO,
        2: PHOTO[:, ::-1],
        3: PHOTO[::-1, ::-1],
        4: PHOTO[::-1],
        5: PHOTO.transpose(1, 0, 2),
        6: np.rot90(PHOTO, 1),
        7: PHOTO[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(PHOTO, -1),
    }[orientation]
    picture = Image.fromarray(np.ascontiguousarray(stored))
    exif = picture.getexif()
    exif[0x0112] = orientation
    assert (read_image(encoded(picture, exif=exif)) == PHOTO).all()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_block_does_not_hide_the_picture():
    for block in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x01"):
        data = encoded(Image.fromarray(np.repeat(PHOTO, 8, 1)), "JPEG", exif=block)
        assert read_image(data).shape == (6, 64, 3)


def test_the_first_frame_of_an_animation():
    frames = [Image.new("RGB", (4, 3), c) for c in ((200, 0, 0), (0, 200, 0))]
    for kind in ("GIF", "PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        red, green, _ = read_image(data)[0, 0].astype(int)
        assert red > 150 and green < 50, kind


def test_one_pixel():
    assert read_image(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1, 3)
    assert read_image(encoded(Image.new("L", (1, 1), 7))).tolist() == [[[7, 7, 7]]]


def test_too_many_pixels_are_refused():
    with pytest.raises(ImageError, match="20000 x 20000 pixels, more than"):
        read_image(Image.new("1", (20000, 20000)))
    with pytest.raises(ImageError, match="bytes given"):
        read_image(encoded(Image.new("1", (13400, 13400))))


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


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_file_is_refused(kind, tmp_path):
    data = encoded(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind)
    path = tmp_path / "half.img"
    path.write_bytes(data[: len(data) // 2])
    for source in (path, path.read_bytes(), Image.open(path)):
        with pytest.raises(ImageError, match="damaged|not an image"):
            read_image(source)
