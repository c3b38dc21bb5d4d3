"""The face detector, on the bundled photos and on pictures without a face."""

import json
import subprocess
import sys
import time
import timeit
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
import scipy.io

from lprnet_utils.common import data_path
from lprnet_utils.geometry import crop_matrix, landmark_box, transform_points, warp_image
from lprnet_utils.geometry.crop import view_matrix
from lprnet_utils.geometry.landmarks import overlap
from lprnet_utils.reconstruction import FaceDetector
from lprnet_utils.reconstruction.blazeface import MIRRORED_KEYPOINTS, BlazeFace, anchors, roll_from_keypoints, suppress
from lprnet_utils.reconstruction.detection import box_regression_features, crop_to_photo, refine_candidate, wrap_degrees
from lprnet_utils.synthetic import rendered_clip, rest

POINTS = json.loads(data_path("samples/points.json").read_text())["photos"]
# points (8, 2) that a person clicked
CLICKED = {name: np.array([[p["x"], p["y"]] for p in points.values()]) for name, points in POINTS.items()}
every_photo = pytest.mark.parametrize("name", CLICKED)


@pytest.fixture(scope="module", params=["back", "short"])
def detector(request):
    return FaceDetector(request.param)


@pytest.fixture(scope="module")
def back():
    return FaceDetector()


def expected_box(points):
    """A rough box of the 68 landmarks, from eye corners, mouth corners and chin of a frontal face."""
    outer = np.linalg.norm(points[3] - points[0])
    eyes, chin = points[:4].mean(0), points[7]
    return np.array([eyes[0] - 0.75 * outer, eyes[1] - 0.25 * outer, eyes[0] + 0.75 * outer, chin[1]])


def turned(image, points, angle):
    """A photo turned clockwise by an angle, in a square that holds it whole, and its points."""
    size = int(np.hypot(*image.shape[:2]))
    centre = (np.array(image.shape[1::-1]) - 1) / 2
    matrix = view_matrix(centre, size, size, -angle)
    return warp_image(image, matrix, size), transform_points(matrix, points)


def check(face, points, tolerance=0.06):
    """Check that the crop of a face shows it upright and in the middle."""
    seen = transform_points(crop_matrix(face.box, 128, face.angle), points)
    eyes, mouth = seen[:4].mean(0), seen[5:7].mean(0)
    assert abs(wrap_degrees(np.degrees(np.arctan2(eyes[0] - mouth[0], mouth[1] - eyes[1])))) < 12
    assert (seen[0, 0] < seen[3, 0]) and (seen[5, 0] < seen[6, 0])
    if face.angle == 0:
        assert overlap(face.box, expected_box(points))[0] > 0.75
    # the chin and the outer eye corners lie where they should in the landmarks' box
    low, high = (128 - 128 / 1.5) / 2, (128 + 128 / 1.5) / 2
    assert abs(seen[7, 1] - high) < 128 * tolerance * 2
    assert low < seen[0, 0] and seen[3, 0] < high
    assert np.abs(seen[[0, 3], 0].mean() - 63.5) < 128 * tolerance


# ---- decoding the network's outputs


def test_anchors_are_those_of_mediapipe():
    for size, strides in BlazeFace.MODELS.values():
        grid = anchors(size, strides)
        assert grid.shape == (896, 2)
        fine, coarse, *_ = strides
        assert grid[:3].tolist() == [[fine / 2, fine / 2]] * 2 + [[1.5 * fine, fine / 2]]  # x runs first
        assert grid[512:519].tolist() == [[coarse / 2, coarse / 2]] * 6 + [[1.5 * coarse, coarse / 2]]
        assert grid[-1].tolist() == [size - coarse / 2] * 2


def test_the_outputs_of_the_network_are_decoded():
    net = BlazeFace("short")
    boxes, logits = np.zeros((896, 16), np.float32), np.full(896, -1000, np.float32)
    boxes[3] = [1, 2, 30, 20, *range(12)]  # centre, width, height, keypoints: offsets from the anchor at (12, 4)
    logits[3], logits[600] = 1.0, 1000.0  # the second one has no size: dropped
    net._network = Mock(return_value=[boxes, logits[:, None]])
    image = np.array([[[0, 127, 255]]], np.uint8)
    ((score, points),) = net.detect(image, view_matrix((0, 0), 1, 128))
    assert score == pytest.approx(1 / (1 + np.exp(-1)))
    assert np.allclose(points[0], [12 + 1 - 15 - 0.5, 4 + 2 - 10 - 0.5])
    assert np.allclose(points[1], [12 + 1 + 15 - 0.5, 4 + 2 + 10 - 0.5])
    assert np.allclose(points[2:], np.arange(12).reshape(6, 2) + [11.5, 3.5])
    (seen,) = net._network.call_args.args
    assert seen.shape == (128, 128, 3) and np.allclose(seen, [-1, 127 / 127.5 - 1, 1])
    assert net.detect(image, view_matrix((0, 0), 1, 128), min_score=0.8) == []


def test_overlapping_boxes_are_averaged_by_score():
    corners = np.array([[[50, 50], [60, 60]], [[0, 0], [10, 10]], [[1, 0], [11, 10]]], float)
    keypoints = corners.mean(1, keepdims=True).repeat(6, 1)
    found = suppress(np.concatenate([corners, keypoints], 1), np.array([0.7, 0.6, 0.9]))
    assert [round(score, 3) for score, _ in found] == [0.9, 0.7]
    assert np.allclose(found[0][1][:2], [[0.6, 0], [10.6, 10]])
    assert np.allclose(found[0][1][2:], [5.6, 5])
    assert np.allclose(found[1][1][:2], [[50, 50], [60, 60]])
    assert suppress(np.zeros((0, 8, 2)), np.zeros(0)) == []


def test_roll_of_a_turned_face():
    keypoints = np.array([[-1.0, 0], [1, 0], [0, 1.2], [0, 2], [-2, 0.5], [2, 0.5]])
    for angle in (-170, -90, -10, 0, 25, 100):
        a = np.radians(angle)
        clockwise = keypoints @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        assert roll_from_keypoints(clockwise) == pytest.approx(angle)
    # a profile that faces right: the mouth lies ahead of the eyes, but the head is upright
    assert abs(roll_from_keypoints(np.array([[0, 0], [0, 0], [1.1, 1.2], [0.6, 2], [0, 0], [0, 0]]))) < 3


def test_the_box_map_is_mirror_symmetric(back):
    rng = np.random.default_rng(0)
    points = rng.normal(0, 20, (8, 2)) + 60
    points[:2] = [[30, 40], [90, 100]]
    flipped = points * [-1, 1]
    flipped[:2] = [[-90, 40], [-30, 100]]
    flipped[2:] = flipped[2:][MIRRORED_KEYPOINTS]
    one, two = (box_regression_features(p)[0] @ back._box_map for p in (points, flipped))
    assert np.allclose(two, one[[2, 1, 0, 3]] * [-1, 1, -1, 1], atol=1e-3)


# ---- photos


@every_photo
def test_the_face_of_a_photo(detector, name):
    (face,), points = detector.detect(data_path(f"samples/{name}")), CLICKED[name]
    check(face, points)
    assert face.angle == 0 and 0.7 < face.score <= 1
    truth = np.array([points[:2].mean(0), points[2:4].mean(0), points[4]])  # eyes and nose tip
    assert np.linalg.norm(face.keypoints[:3] - truth, axis=1).max() < 0.06 * (face.box[2] - face.box[0])


@every_photo
@pytest.mark.parametrize("angle", [90, 180, -90, 45, -60, 135])
def test_a_turned_face(back, photos, name, angle):
    image, points = turned(photos[name], CLICKED[name], angle)
    (face,) = back.detect(image)
    assert abs(wrap_degrees(face.angle - angle)) < 10
    check(face, points)


@every_photo
def test_a_face_that_is_tilted_a_little_stays_as_it_is(back, photos, name):
    image, _ = turned(photos[name], CLICKED[name], 5)
    assert [f.angle for f in back.detect(image)] == [0]


@every_photo
def test_the_mirrored_photo_has_the_mirrored_face(back, photos, name):
    image = photos[name]
    (face,), (mirrored,) = back.detect(image), back.detect(image[:, ::-1])
    width, side = image.shape[1], face.box[2] - face.box[0]
    back_again = mirrored.keypoints[MIRRORED_KEYPOINTS] * [-1, 1] + [width - 1, 0]
    assert np.abs(width - 1 - mirrored.box[[2, 0]] - face.box[[0, 2]]).max() < 0.06 * side
    assert np.linalg.norm(back_again - face.keypoints, axis=1)[:4].max() < 0.06 * side


def test_a_group_photo(back, photos):
    tiles = [cv2.resize(photos[n][:460], (300, 270)) for n in CLICKED]
    image = np.vstack([np.hstack([tiles[(r + c) % 2] for c in range(4)]) for r in range(3)])
    faces = back.detect(image)
    centres = np.array([(f.box[:2] + f.box[2:]) / 2 for f in faces])
    assert len(faces) == 12 == len({(int(y // 270), int(x // 300)) for x, y in centres})  # one per tile
    areas = [(f.box[2:] - f.box[:2]).prod() for f in faces]
    assert areas == sorted(areas, reverse=True)
    assert all((c[0] // 300 + c[1] // 270) % 2 == 1 for c in centres[:6])  # her face is larger in its photo


def test_an_upright_and_a_turned_face_in_one_photo(back, photos):
    image = np.full((640, 1200, 3), 128, np.uint8)
    image[:512, :512] = photos["astronaut.jpg"]
    image[:512, 560:1160] = np.rot90(photos["grace_hopper.jpg"], -1)
    assert sorted(round(f.angle / 30) * 30 for f in back.detect(image)) == [0, 90]


@every_photo
def test_a_face_that_fills_the_photo(detector, photos, name):
    x0, y0, x1, y1 = expected_box(CLICKED[name]).round().astype(int)
    (face,) = detector.detect(photos[name][y0 - 5 : y1 + 5, x0 - 5 : x1 + 5])
    check(face, CLICKED[name] - [x0 - 5, y0 - 5], tolerance=0.1)


@pytest.mark.parametrize("name, half", [("astronaut.jpg", 38), ("grace_hopper.jpg", 83)])
def test_a_face_that_is_larger_than_the_photo(back, photos, name, half):
    (whole,) = back.detect(photos[name])
    x, y = ((whole.box[:2] + whole.box[2:]) / 2).astype(int)
    (face,) = back.detect(photos[name][y - half : y + half, x - half : x + half])
    assert overlap(face.box + [x - half, y - half] * 2, whole.box)[0] > 0.75


def test_a_small_face(back, photos):
    image = np.full((1000, 1000, 3), 120, np.uint8)
    image[300:556, 500:756] = cv2.resize(photos["astronaut.jpg"], (256, 256), interpolation=cv2.INTER_AREA)
    (face,) = back.detect(image)  # 46 pixels of 1,000
    check(face, (CLICKED["astronaut.jpg"] + 0.5) / 2 - 0.5 + [500, 300])


@every_photo
def test_a_huge_photo(back, photos, name):
    image = cv2.resize(photos[name], None, fx=12, fy=12, interpolation=cv2.INTER_LINEAR)
    (face,), (same,) = back.detect(image), back.detect(photos[name])
    assert overlap((face.box + 0.5) / 12 - 0.5, same.box)[0] > 0.93


@pytest.mark.parametrize("angle", [0, 70, 180])
def test_redetection_near_the_previous_box(back, photos, angle):
    image, points = turned(photos["astronaut.jpg"], CLICKED["astronaut.jpg"], angle)
    (first,) = back.detect(image)
    size = first.box[2] - first.box[0]
    again = back.redetect(image, first.box + 0.15 * size)  # as a tracker does it, from a box that is a little off
    check(again, points)
    assert again.score > 0.7 and np.abs(again.box - first.box).max() < 0.1 * size
    assert back.redetect(image, first.box + 2 * size) is None


# ---- rendered groups with known boxes


def group(size, share, seed, people=6, yaw=0):
    """A photo of people and their landmarks' boxes (P, 4); the boxes are ``share`` of its height."""
    clip = rendered_clip(1, size, seed=seed, people=people, height=share, pose=lambda t: (0, yaw, 0), expression=rest)
    return clip[0].image, landmark_box(clip.landmarks(0))


SIZES = (1280, 720), (800, 600), (600, 800)


def is_found(faces, boxes):
    """Which of the boxes (P, 4) were found."""
    return np.array([(overlap([f.box for f in faces], box) > 0.4).any() for box in boxes])


def missed(back, size, share, seeds):
    """How many faces of a share of the height are missed in photos of these seeds; nothing else is found."""
    count = 0
    for seed in seeds:
        image, boxes = group(size, share, seed, 6 if size[0] > size[1] else 4, (0, 20, -25)[seed % 3 - 1])
        faces = back.detect(image)
        found = is_found(faces, boxes)
        assert len(faces) == found.sum(), (seed, len(faces))
        count += (~found).sum()
    return count


@pytest.mark.parametrize("size", SIZES)
def test_small_faces_are_found(back, size):
    assert missed(back, size, 0.08, range(10, 13)) == 0


@pytest.mark.slow
def test_faces_of_a_twentieth_of_the_height_are_found(back):
    """At this limit it may miss one of 96."""
    assert sum(missed(back, size, 0.05, range(10, 16)) for size in SIZES) <= 1


def test_smaller_faces_are_found_by_tiles(back):
    for seed in (10, 12):
        image, boxes = group((1600, 1200), 0.025, seed, 8)  # 30 pixels
        missed = ~is_found(back.detect(image), boxes)
        assert missed.sum() >= 2, "too small to be found in the whole photo"
        faces = back.detect(image, small=True)
        assert is_found(faces, boxes).all() and len(faces) == len(boxes)


def test_tiles_add_nothing_to_a_face_that_is_large(back, photos):
    for photo in photos.values():
        (plain,), (tiled,) = back.detect(photo), back.detect(photo, small=True)
        assert np.array_equal(plain.box, tiled.box)
    assert back.detect(landscape(1400, 900), small=True) == []


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_rendered_people_on_their_side_and_upside_down(back, quarters):
    for share, people in ((0.4, 1), (0.12, 4)):
        image, boxes = group((640, 480), share, 3, people)
        faces = back.detect(np.ascontiguousarray(np.rot90(image, -quarters)))
        assert len(faces) == people, share
        height, width = image.shape[:2]
        x, y = boxes.reshape(-1, 2, 2).mean(1).T
        moved = {1: (height - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, width - 1 - x)}
        for face in faces:
            assert abs(wrap_degrees(face.angle - 90 * quarters)) < 12, share
            off = np.linalg.norm(np.transpose(moved[quarters]) - (face.box[:2] + face.box[2:]) / 2, axis=1).min()
            assert off < 0.12 * (face.box[2] - face.box[0]), share


def test_upright_and_upside_down_in_one_rendered_photo(back):
    one, (box,) = group((320, 320), 0.3, 3, 1)
    other, _ = group((320, 320), 0.3, 4, 1)
    faces = back.detect(np.hstack([one, other[::-1, ::-1], np.rot90(one)]))
    assert sorted(round(abs(f.angle) / 90) * 90 for f in faces) == [0, 90, 180]
    assert max(overlap([f.box for f in faces], box)) > 0.6


# ---- pictures without a face


def landscape(width, height):
    """Sky over a meadow."""
    y, x = np.mgrid[:height, :width]
    sky = np.stack([150 + 60 * y / height, 190 + 40 * y / height, np.full(y.shape, 245.0)], -1)
    hill = y > height * (0.6 + 0.08 * np.sin(x / width * 7))
    sky[hill] = np.stack([60 + 40 * y / height, 120 - 30 * y / height, 50 + 0 * y], -1)[hill]
    return sky.astype(np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((2, 3, 3), 200, np.uint8),
        np.full((300, 400, 3), 128, np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8),
        np.full((3, 4000, 3), 50, np.uint8),
        landscape(640, 480),
        landscape(200, 900),
    ],
    ids=["one pixel", "six pixels", "flat", "noise", "a line", "landscape", "tall landscape"],
)
def test_no_face(detector, image):
    assert detector.detect(image) == []


@every_photo
def test_the_rest_of_a_photo_has_no_face(back, photos, name):
    assert back.detect(photos[name][350:]) == []


@pytest.mark.parametrize("maker", [FaceDetector, BlazeFace])
def test_an_unknown_detector_is_refused(maker):
    with pytest.raises(ValueError, match="no face detector 'front'; there are back, short"):
        maker("front")


def test_the_fine_stage_ignores_a_landscape_and_faces_beside_the_candidate(photos):
    net, photo = BlazeFace("short"), photos["astronaut.jpg"]
    assert refine_candidate(net, landscape(300, 300), np.array([150.0, 150.0]), 80) is None
    found = refine_candidate(net, np.hstack([photo[50:250, 140:310]] * 3), np.array([255.0, 80.0]), 90)
    assert 170 < crop_to_photo(found.matrix, found.points[:2].mean(0))[0] < 340
    # her face is in the crop, but not in its middle
    assert refine_candidate(net, photo, np.array([224.0 + 85, 130.0]), 90) is None


# ---- cost


def test_the_detector_imports_little():
    code = (
        "import sys; from lprnet_utils.reconstruction.detection import FaceDetector\n"
        "heavy = ('tensorflow', 'numba', 'keras', 'scipy', 'ai_edge_litert')\n"
        "def loaded(): return sorted({m.split('.')[0] for m in sys.modules}.intersection(heavy))\n"
        "print(loaded())\n"
        f"assert len(FaceDetector().detect({str(data_path('samples/astronaut.jpg'))!r})) == 1\n"
        "print(loaded())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n['ai_edge_litert']\n"


@pytest.mark.slow
def test_a_photo_of_512_pixels_is_quick(back, photos):
    times = timeit.repeat(lambda: back.detect(photos["astronaut.jpg"]), timer=time.process_time, repeat=11, number=1)
    assert min(times) < 0.04  # 0.012 s on a quiet core


# ---- real photos


def test_nine_in_ten_of_aflw2000_are_found(aflw2000_dir, back):
    found = []
    for path in sorted(aflw2000_dir.glob("*.jpg"))[::8]:
        points = scipy.io.loadmat(path.with_suffix(".mat"))["pt3d_68"][:2].T - 1.0
        best = 0.0
        for face in back.detect(path):
            centre = (face.box[:2] + face.box[2:]) / 2
            upright = (points - centre) @ view_matrix((0, 0), 1, 1, face.angle)[:, :2].T + centre
            best = max(best, overlap(face.box, np.r_[upright.min(0), upright.max(0)])[0])
        found.append(best)
    assert np.mean(np.array(found) > 0.5) > 0.9
    assert np.median(found) > 0.8
