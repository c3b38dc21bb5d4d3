"""The network's crop, views and warps are exact, also at the edges."""

import math
import timeit
import tracemalloc

import cv2
import numpy as np
import pytest

from lprnet_utils.geometry import crop_matrix, transform_points, warp_image
from lprnet_utils.geometry.crop import invert_similarity, view_matrix


def test_crop_matrix_follows_its_formula():
    box, q = np.array([10.0, 20.0, 50.0, 80.0]), np.array([33.0, 71.0])
    side, centre = 1.5 * (40 + 60) / 2, np.array([30.0, 50.0])
    matrix = crop_matrix(box, 128)
    assert np.allclose(matrix[:, :2] @ q + matrix[:, 2], 63.5 + (q - centre) * 128 / side)
    assert np.allclose(crop_matrix(box, 100, 25), view_matrix(centre, side, 100, 25))


@pytest.mark.parametrize("angle", [-170, -90, -30, 15, 90, 180])
def test_the_angle_turns_a_clockwise_face_upright(angle):
    # a point above the centre of a face that is turned clockwise by 90 degrees lies to its right
    up = np.array([math.sin(math.radians(angle)), -math.cos(math.radians(angle))])
    matrix = crop_matrix((0, 0, 40, 60), 100, angle)
    centre = np.array([20.0, 30.0])
    assert np.allclose(matrix[:, :2] @ centre + matrix[:, 2], 49.5)
    assert np.allclose(matrix[:, :2] @ (centre + 10 * up) + matrix[:, 2], [49.5, 49.5 - 10 * 100 / 75])


BAD_BOXES = (0, 0, 0, 5), (5, 0, 1, 5), (0, 5, 5, 1), (0, 0, np.nan, 5), (0, 0, np.inf, 5), (0, 0, 5), ((0, 0), (5, 5))


@pytest.mark.parametrize("box", BAD_BOXES)
def test_an_invalid_box_or_angle_is_refused(box):
    with pytest.raises(ValueError, match="a box must be four finite numbers"):
        crop_matrix(box)
    with pytest.raises(ValueError, match="angle must be a finite number"):
        crop_matrix((0, 0, 5, 5), 128, math.nan)


def centroid(image):
    weight = image[..., 0].astype(float)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("angle", [0, 33, -120])
@pytest.mark.parametrize("scale", [0.013, 0.1, 0.37, 0.5, 0.93, 1.0, 1.4, 3.3, 6.0])
def test_a_dot_lands_where_the_matrix_says(scale, angle):
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
    # each pixel averages 49: noise of 74 grey levels falls to 10, but a bilinear warp alone leaves over 40
    assert crop.std() < 15


def test_a_ramp_stays_a_ramp_up_to_the_edge_of_the_crop():
    photo = np.tile((np.arange(600) * 0.4).astype(np.uint8)[None, :, None], (600, 1, 3))
    for side in (360, 300, 150, 40):  # blocks of pixels averaged, and shrinking and enlarging
        for angle in (0, 40):
            matrix = view_matrix((300, 300), side, 40, angle)
            pixels = np.stack(np.meshgrid(np.arange(40), np.arange(40)), -1)
            x = transform_points(invert_similarity(matrix), pixels.astype(float))[..., 0]
            error = warp_image(photo, matrix, 40)[..., 0] - (x * 0.4 - 0.5)  # -0.5: grey was rounded down
            assert np.abs(error).max() < 1.2


@pytest.mark.parametrize("factor", [1, 1.7, 3, 4.2, 9, 20])
def test_a_hair_s_breadth_changes_a_crop_by_little(factor):
    rng = np.random.default_rng(4)
    cells = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    photo = cv2.resize(cells, None, fx=3 * factor, fy=3 * factor, interpolation=cv2.INTER_CUBIC)
    side, changes = 64 * factor, []
    for _ in range(60):
        centre, moved = rng.uniform(56, 64, 2) * factor, rng.uniform(-0.01, 0.01, 2) * factor
        angle, stretch = rng.choice([0, rng.uniform(-40, 40)]), rng.uniform(1, 1.0002)
        first = warp_image(photo, view_matrix(centre, side, 64, angle), 64).astype(int)
        second = warp_image(photo, view_matrix(centre + moved, side * stretch, 64, angle), 64).astype(int)
        changes.append(np.abs(first - second).mean())
    assert 0.01 < np.median(changes) and max(changes) < 0.5


def test_no_size_is_a_step():
    """Just below and just above the sizes at which blocks become larger."""
    photo = cv2.GaussianBlur(np.random.default_rng(5).normal(128, 300, (900, 900, 3)), None, 3)
    photo = photo.clip(0, 255).astype(np.uint8)
    for factor in (1, 2, 4, 8):
        pair = [warp_image(photo, view_matrix((450, 450), 64 * factor * f, 64), 64) for f in (0.9999, 1.0001)]
        assert np.abs(pair[0].astype(int) - pair[1]).max() <= 2


def test_the_orientation_of_a_crop():
    photo = np.zeros((100, 100, 3), np.uint8)
    photo[:50, :50], photo[:50, 50:], photo[50:, :50] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    box = (30, 30, 70, 70)
    crop = warp_image(photo, crop_matrix(box, 64), 64)
    assert crop[5, 5].tolist() == [255, 0, 0] and crop[5, 58].tolist() == [0, 255, 0]
    assert crop[58, 5].tolist() == [0, 0, 255] and crop[58, 58].tolist() == [0, 0, 0]
    turned = warp_image(photo, crop_matrix(box, 64, 90), 64)  # the right side is now at the top
    assert turned[5, 5].tolist() == [0, 255, 0] and turned[5, 58].tolist() == [0, 0, 0]


def test_outside_the_photo_its_edge_is_repeated():
    photo = np.tile(np.arange(0, 250, 5, dtype=np.uint8)[None, :, None], (50, 1, 3))  # grey = 5 x
    for size in (32, 200):  # shrinking and enlarging
        matrix = crop_matrix((-30, -30, 30, 30), size)
        crop = warp_image(photo, matrix, size)
        column = (np.arange(size) - matrix[0, 2]) / matrix[0, 0]
        expected = 5 * np.clip(column, 0, 49)
        assert np.abs(crop[size // 2, :, 0] - expected).max() < (9 if size == 32 else 2)
        assert (crop[:, :, 0] == crop[:1, :, 0]).all()
        assert (crop[:, column < -3] == crop[0, 0]).all()


@pytest.mark.parametrize("shape", [(60, 80), (1, 1), (1, 5000), (5000, 1), (3, 40000)])
def test_photos_of_one_pixel_or_line_and_boxes_wholly_outside(shape):
    photo = np.full((*shape, 3), (1, 2, 3), np.uint8)
    inside = (-0.4, -0.4, 0.4, 0.4), (0, 0, 2, 2), (0, 0, 100, 100), (-100, -100, 100, 100), (-3000, -3000, 3000, 3000)
    outside = (-500, 10, -400, 110), (50_000, 10, 50_100, 110), (10, -9000, 30, -8000), (1e7, 1e7, 1.1e7, 1.1e7)
    for box in (*inside, *outside, (50, 50, 60, 60), (900, 10, 1000, 110)):
        for size, angle in ((128, 0), (16, 0), (16, 45)):
            assert (warp_image(photo, crop_matrix(box, size, angle), size) == (1, 2, 3)).all()


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
        warp_image(np.zeros((6, 8, 3), np.uint8), matrix)


LARGE_BOXES = [(3000, 3000, 5000, 5200), (-100, -100, 8100, 8100), (4000, 4000, 4060, 4070)]


@pytest.mark.parametrize("box", LARGE_BOXES)
def test_a_large_photo_is_not_copied(box):
    photo, matrix = np.zeros((8000, 8000, 3), np.uint8), crop_matrix(box, angle=10)
    tracemalloc.start()
    warp_image(photo, matrix)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6, "the photo has 192 MB"


@pytest.mark.slow
@pytest.mark.parametrize("box", LARGE_BOXES)
def test_a_large_photo_is_cropped_quickly(box):
    photo, matrix = np.zeros((8000, 8000, 3), np.uint8), crop_matrix(box, angle=10)
    times = timeit.repeat(lambda: warp_image(photo, matrix), number=1, repeat=3)
    assert min(times) < 0.4, "0.1 s on an idle core"


def test_transform_points_scales_depth_and_inverts():
    matrix = np.array([[0.0, -2.0, 5.0], [2.0, 0.0, 7.0]])
    moved = transform_points(matrix, [[1.0, 2.0, 3.0]])
    assert moved == pytest.approx(np.array([[1.0, 9.0, 6.0]]))
    assert transform_points(invert_similarity(matrix), moved) == pytest.approx(np.array([[1.0, 2.0, 3.0]]))
