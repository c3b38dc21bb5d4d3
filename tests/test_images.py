"""The image reader and the crop."""

import io
import json
import math
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from lprnet_utils.common import ImageError, data_path, read_image
from lprnet_utils.geometry import crop_matrix, warp_image
from lprnet_utils.geometry.crop import CROP, view_matrix

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


# ---- reading


def test_path_bytes_pil_and_array_give_the_same_image(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(Image.fromarray(PHOTO)))
    data = path.read_bytes()
    for source in (path, str(path), data, bytearray(data), memoryview(data), Image.open(path), PHOTO):
        image = read_image(source)
        assert image.dtype == np.uint8 and (image == PHOTO).all()


def test_an_image_that_is_one_already_is_not_copied():
    assert np.shares_memory(read_image(PHOTO), PHOTO)


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
    assert (read_image(mask)[..., 1] == np.where(mask, 255, 0)).all()
    assert (read_image(Image.fromarray(mask))[..., 1] == np.where(mask, 255, 0)).all()


def test_sixteen_bits_keep_their_range():
    grey = np.array([[0, 256, 0x8000, 0xFFFF]], np.uint16)
    for source in (grey, Image.fromarray(grey), encoded(Image.fromarray(grey)), Image.fromarray(grey.astype(np.int32))):
        assert read_image(source)[0, :, 0].tolist() == [0, 1, 128, 255]
    assert (read_image(PHOTO.astype(np.uint16) * 257) == PHOTO).all()


def test_float_is_zero_to_one():
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


@pytest.mark.parametrize("scale", [1.0, -1 / 255])
def test_a_float_outside_its_range_is_refused(scale):
    with pytest.raises(ImageError, match="must lie in 0 to 1"):
        read_image(PHOTO * scale)


def test_alpha_is_laid_over_white():
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
    # what a camera stores so that the tag turns it back into PHOTO; EXIF 2.32, table of orientations
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


def test_a_large_photo():
    big = np.zeros((8000, 8000, 3), np.uint8)
    start = time.perf_counter()
    assert read_image(big) is big or np.shares_memory(read_image(big), big)
    assert time.perf_counter() - start < 0.1


def test_more_pixels_than_memory_should_hold_are_refused():
    with pytest.raises(ImageError, match="20000 x 20000 pixels, more than"):
        read_image(Image.new("1", (20000, 20000)))
    with pytest.raises(ImageError, match="bytes given"):
        read_image(encoded(Image.new("1", (13400, 13400))))


@pytest.mark.parametrize(
    "source, message",
    [
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
        (np.zeros((4, 5, 3), np.int64), "int64"),
        (np.zeros((4, 5, 3), np.int8), "int8"),
        (np.zeros((4, 5, 3), complex), "complex"),
        (np.array([["a"]]), "<U1"),
        (np.array([[None]]), "object"),
        (Image.new("RGB", (0, 3)), "0 x 3 pixels"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_image_is_refused_by_name(source, message):
    with pytest.raises(ImageError, match=message):
        read_image(source)


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


def test_image_error_is_a_value_error():
    assert issubclass(ImageError, ValueError)


# ---- the crop


def test_crop_matrix_is_the_design_s_formula():
    box, q = np.array([10.0, 20.0, 50.0, 80.0]), np.array([33.0, 71.0])
    side, centre = 1.5 * (40 + 60) / 2, np.array([30.0, 50.0])
    matrix = crop_matrix(box, 128)
    assert np.allclose(matrix[:, :2] @ q + matrix[:, 2], 63.5 + (q - centre) * 128 / side)
    assert CROP == 1.5


@pytest.mark.parametrize("angle", [-170, -90, -30, 15, 90, 180])
def test_the_angle_turns_a_clockwise_face_upright(angle):
    # a point above the centre of a face that is turned clockwise by 90 degrees lies to its right
    up = np.array([math.sin(math.radians(angle)), -math.cos(math.radians(angle))])
    matrix = crop_matrix((0, 0, 40, 60), 100, angle)
    centre = np.array([20.0, 30.0])
    assert np.allclose(matrix[:, :2] @ centre + matrix[:, 2], 49.5)
    assert np.allclose(matrix[:, :2] @ (centre + 10 * up) + matrix[:, 2], [49.5, 49.5 - 10 * 100 / 75])


def test_a_crop_is_a_view_of_its_square():
    assert np.allclose(crop_matrix((0, 0, 40, 60), 100, 25), view_matrix((20, 30), 75, 100, 25))


@pytest.mark.parametrize(
    "box",
    [(0, 0, 0, 5), (5, 0, 1, 5), (0, 5, 5, 1), (0, 0, np.nan, 5), (0, 0, np.inf, 5), (0, 0, 5), ((0, 0), (5, 5))],
)
def test_a_box_that_is_none_is_refused(box):
    with pytest.raises(ValueError, match="a box must be four finite numbers"):
        crop_matrix(box)


def test_an_angle_that_is_none_is_refused():
    with pytest.raises(ValueError, match="angle must be a finite number"):
        crop_matrix((0, 0, 5, 5), 128, math.nan)


def centroid(image):
    weight = image[..., 0].astype(float)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("angle", [0, 33, -120])
@pytest.mark.parametrize("scale", [0.013, 0.1, 0.37, 0.5, 0.93, 1.0, 1.4, 3.3, 6.0])
def test_a_dot_is_found_again_in_the_crop(scale, angle):
    rng = np.random.default_rng(1)
    for _ in range(3 if scale < 0.05 else 12):
        side = 128 / scale
        n = math.ceil(side * 1.5) + 8
        centre = n / 2 + rng.uniform(-1, 1, 2)
        matrix = crop_matrix((*(centre - side / 3), *(centre + side / 3)), 128, angle)
        place = centre + rng.uniform(-0.25, 0.25, 2) * side
        spread = max(1.2 / scale, 0.8)  # a Gaussian dot that is some pixels wide in the photo and in the crop
        reach = math.ceil(5 * spread)
        photo = np.zeros((n, n, 3), np.uint8)
        corner = np.maximum(np.floor(place).astype(int) - reach, 0)
        y, x = np.mgrid[corner[1] : min(corner[1] + 2 * reach, n), corner[0] : min(corner[0] + 2 * reach, n)]
        dot = np.rint(250 * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 2 / spread**2))
        photo[y, x] = dot[..., None]
        error = centroid(warp_image(photo, matrix)) - (matrix[:, :2] @ place + matrix[:, 2])
        assert np.abs(error).max() < 0.05


def test_shrinking_averages():
    noise = np.random.default_rng(2).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    crop = warp_image(noise, crop_matrix((200, 200, 800, 800)))
    # 49 pixels went into each: independent noise of 74 grey levels falls to 10; a bilinear warp alone leaves over 40
    assert crop.std() < 15


def test_a_ramp_stays_a_ramp_up_to_the_edge_of_the_crop():
    photo = np.tile((np.arange(600) * 0.4).astype(np.uint8)[None, :, None], (600, 1, 3))
    for side in (360, 300, 150, 40):  # blocks of pixels averaged, and shrinking and enlarging
        for angle in (0, 40):
            matrix = view_matrix((300, 300), side, 40, angle)
            x, _ = to_photo(matrix, np.stack(np.meshgrid(np.arange(40), np.arange(40)), -1).reshape(-1, 2)).T
            error = warp_image(photo, matrix, 40)[..., 0].ravel() - (x * 0.4 - 0.5)  # -0.5: grey was rounded down
            assert np.abs(error).max() < 1.2


def to_photo(matrix, points):
    return (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T


def test_the_orientation_of_a_crop():
    photo = np.zeros((100, 100, 3), np.uint8)
    photo[:50, :50], photo[:50, 50:], photo[50:, :50] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    box = (30, 30, 70, 70)
    crop = warp_image(photo, crop_matrix(box, 64), 64)
    assert crop[5, 5].tolist() == [255, 0, 0] and crop[5, 58].tolist() == [0, 255, 0]
    assert crop[58, 5].tolist() == [0, 0, 255] and crop[58, 58].tolist() == [0, 0, 0]
    turned = warp_image(photo, crop_matrix(box, 64, 90), 64)  # what lay on the right is on top now
    assert turned[5, 5].tolist() == [0, 255, 0] and turned[5, 58].tolist() == [0, 0, 0]


def test_outside_the_photo_its_edge_is_repeated():
    photo = np.tile(np.arange(0, 250, 5, dtype=np.uint8)[None, :, None], (50, 1, 3))  # grey = 5 x
    for size in (32, 200):  # shrinking and enlarging
        crop = warp_image(photo, crop_matrix((-30, -30, 30, 30), size), size)
        matrix = crop_matrix((-30, -30, 30, 30), size)
        column = (np.arange(size) - matrix[0, 2]) / matrix[0, 0]
        expected = 5 * np.clip(column, 0, 49)
        assert np.abs(crop[size // 2, :, 0] - expected).max() < (9 if size == 32 else 2)
        assert (crop[:, :, 0] == crop[:1, :, 0]).all()
        assert (crop[:, column < -3] == crop[0, 0]).all()


@pytest.mark.parametrize(
    "box", [(-500, 10, -400, 110), (900, 10, 1000, 110), (10, -9000, 30, -8000), (1e7, 1e7, 1.1e7, 1.1e7)]
)
def test_a_box_wholly_outside_shows_the_nearest_pixels(box):
    photo = np.full((60, 80, 3), 90, np.uint8)
    assert (warp_image(photo, crop_matrix(box)) == 90).all()


def test_a_photo_of_one_pixel():
    photo = np.full((1, 1, 3), (1, 2, 3), np.uint8)
    for box in ((-0.4, -0.4, 0.4, 0.4), (-100, -100, 100, 100), (50, 50, 60, 60)):
        for angle in (0, 45):
            assert (warp_image(photo, crop_matrix(box, 16, angle), 16) == (1, 2, 3)).all()


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (3, 40000)])
def test_a_very_thin_photo(shape):
    photo = np.full((*shape, 3), 77, np.uint8)
    for box in ((0, 0, 100, 100), (-3000, -3000, 3000, 3000), (0, 0, 2, 2)):
        assert (warp_image(photo, crop_matrix(box)) == 77).all()


def test_a_photo_wider_than_opencv_s_limit_is_enlarged():
    photo = np.zeros((10, 40000, 3), np.uint8)
    photo[:, 39000:] = 255
    crop = warp_image(photo, crop_matrix((38990, 0, 39010, 20)))
    assert crop[0, 0, 0] == 0 and crop[0, -1, 0] == 255


def test_a_view_of_an_array_is_cropped_like_its_copy():
    photo = np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    for view in (photo[:, ::-1], photo[::-1], photo[..., ::-1], photo[::2, ::3], photo.transpose(1, 0, 2)):
        for box in ((5, 5, 25, 30), (0, 0, 600, 600)):
            matrix = crop_matrix(box)
            assert (warp_image(view, matrix) == warp_image(np.ascontiguousarray(view), matrix)).all()


@pytest.mark.parametrize("matrix", [np.zeros((2, 3)), np.full((2, 3), np.nan)])
def test_a_matrix_that_is_no_similarity_is_refused(matrix):
    with pytest.raises(ValueError, match="no similarity"):
        warp_image(PHOTO, matrix)


def test_a_large_photo_is_cropped_quickly_and_not_copied():
    import tracemalloc

    photo = np.zeros((8000, 8000, 3), np.uint8)
    for box in ((3000, 3000, 5000, 5200), (-100, -100, 8100, 8100), (4000, 4000, 4060, 4070)):
        matrix = crop_matrix(box, angle=10)
        times = []
        tracemalloc.start()
        for _ in range(3):
            start = time.perf_counter()
            warp_image(photo, matrix)
            times.append(time.perf_counter() - start)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert min(times) < 0.4, box  # 0.1 s on a quiet core
        assert peak < 20e6, box  # the photo has 192 MB


def test_the_samples_are_what_the_script_builds(tmp_path, monkeypatch):
    pytest.importorskip("skimage")
    pytest.importorskip("matplotlib")
    import build_samples

    monkeypatch.setattr(build_samples, "FOLDER", tmp_path / "samples")
    build_samples.main()
    built = sorted((tmp_path / "samples").glob("*.jpg"))
    assert [p.name for p in built] == ["astronaut.jpg", "grace_hopper.jpg"]
    for path in built:
        bundled = read_image(data_path(f"samples/{path.name}"))
        assert bundled.shape in ((512, 512, 3), (600, 512, 3)) and bundled.std() > 40
        assert np.abs(read_image(path).astype(int) - bundled).mean() < 1  # JPEG libraries differ a little


def test_the_clicked_points_are_on_the_faces():
    table = json.loads(data_path("samples/points.json").read_text())["photos"]
    for name, points in table.items():
        height, width = read_image(data_path(f"samples/{name}")).shape[:2]
        assert len(points) >= 8
        for point in points.values():
            assert 0 < point["x"] < width and 0 < point["y"] < height
            assert 0 < point["uncertainty"] <= 4 and 0 <= point["landmark"] < 68
        x = [
            points[f"{p} corner"]["x"]
            for p in ("left eye outer", "left eye inner", "right eye inner", "right eye outer")
        ]
        assert x == sorted(x)
        assert points["left mouth corner"]["x"] < points["nose tip"]["x"] < points["right mouth corner"]["x"]
        y = [points[p]["y"] for p in ("left eye outer corner", "nose tip", "left mouth corner", "chin")]
        assert y == sorted(y)
