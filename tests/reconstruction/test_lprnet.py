"""``LPRNet`` with the bundled weights: accuracy, invariances, and bad input."""

import json
import re
import shutil
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from lprnet_utils import LPRNet, UVLayout
from lprnet_utils.commands.main import parser
from lprnet_utils.common import AssetError, ImageError, data_path
from lprnet_utils.common.assets import data_root
from lprnet_utils.common.litert import weights_terms
from lprnet_utils.geometry import MIRRORED_LANDMARKS, crop_matrix, landmark_box, transform_points
from lprnet_utils.reconstruction import DEFAULT_WEIGHTS
from lprnet_utils.uv import decode_map

# points clicked by eye, and which of the 68 landmarks they are
POINTS = json.loads(data_path("samples/points.json").read_text(encoding="utf-8"))["photos"]


@pytest.mark.parametrize("name", POINTS)
def test_landmarks_agree_with_points_clicked_by_a_person(faces, name):
    (face,) = faces[name]
    box = landmark_box(face.landmarks)
    side = np.sqrt((box[2] - box[0]) * (box[3] - box[1]))
    error = {
        point: 100 * np.linalg.norm(face.landmarks[p["landmark"], :2] - [p["x"], p["y"]]) / side
        for point, p in POINTS[name].items()
    }
    assert len(error) >= 6
    assert np.mean(list(error.values())) < 4 and max(error.values()) < 7.5, error


def test_the_face_has_the_shape_and_pose_of_a_face(faces):
    for (face,) in faces.values():
        assert face.position_map.shape == (128, 128, 3) and face.landmarks.shape == (68, 3)
        assert face.landmarks[30, 2] > face.landmarks[[0, 16], 2].max() + 0.2 * np.ptp(face.landmarks[:, 0])
        assert abs(face.position_map[face.layout.mask][:, 2].mean()) < 1e-2, "z is zero on average"
        assert 0.5 < face.confidence <= 1
        assert abs(face.pose.yaw) < 25 and abs(face.pose.roll) < 15


def test_scaling_the_photo_scales_the_landmarks(net, photos, faces):
    """Resampling makes the two crops differ a little, so the landmarks agree to 0.3 pixels of the crop."""
    for name, photo in photos.items():
        box = landmark_box(faces[name][0].landmarks)
        matrix = np.array([[1.5, 0, 0.25], [0, 1.5, 0.25]])  # x -> (x + 1/2) 1.5 - 1/2
        large = cv2.resize(photo, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
        corners = transform_points(matrix, box.reshape(2, 2))
        one, other = net.reconstruct_in_box(photo, box), net.reconstruct_in_box(large, corners.ravel())
        distance = np.linalg.norm((transform_points(matrix, one.landmarks) - other.landmarks)[:, :2], axis=1)
        crop_pixels = distance * np.hypot(*crop_matrix(corners.ravel())[0, :2])
        assert np.median(crop_pixels) < 0.3, f"{name}: {np.median(crop_pixels):.2f}"


@pytest.mark.parametrize("shift", [(10, 0), (0, -10)])
def test_moving_the_picture_moves_the_landmarks(net, photos, faces, shift):
    """The box is fixed; the picture moves by 10 pixels of the crop."""
    for name, photo in photos.items():
        box = landmark_box(faces[name][0].landmarks)
        pixel = 1 / np.hypot(*crop_matrix(box)[0, :2])
        by = np.array(shift) * pixel
        moved = cv2.warpAffine(
            photo, np.array([[1, 0, by[0]], [0, 1, by[1]]]), photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
        )
        step = (net.reconstruct_in_box(moved, box).landmarks - net.reconstruct_in_box(photo, box).landmarks)[:, :2]
        assert np.abs(np.median(step, 0) / pixel - shift).max() < 1.5, name


def test_a_photo_and_its_mirror_image_nearly_agree(net, photos, faces):
    for name, photo in photos.items():
        box = landmark_box(faces[name][0].landmarks)
        last = photo.shape[1] - 1
        mirrored = net.reconstruct_in_box(photo[:, ::-1].copy(), [last - box[2], box[1], last - box[0], box[3]])
        back = mirrored.landmarks[MIRRORED_LANDMARKS] * [-1, 1, 1] + [last, 0, 0]
        distance = np.linalg.norm((back - faces[name][0].landmarks)[:, :2], axis=1).mean()
        assert 100 * distance / (box[2] - box[0]) < 4


def test_group_photo_largest_first(net, photos):
    one, two = (photos[name] for name in sorted(POINTS)[:2])
    group = np.full((700, 1300, 3), 128, np.uint8)
    group[50 : 50 + one.shape[0], 20 : 20 + one.shape[1]] = one
    small = cv2.resize(two, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    group[300 : 300 + small.shape[0], 800 : 800 + small.shape[1]] = small
    found = net.reconstruct(group)
    assert len(found) == 2
    sizes = [np.ptp(f.landmarks[:, 1]) for f in found]
    assert sizes[0] > sizes[1]
    (largest,) = net.reconstruct(group, max_faces=1)
    assert (largest.landmarks == found[0].landmarks).all()


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_turned_photos(net, photos, faces, quarter):
    name = "astronaut.jpg"
    photo = photos[name]
    turned = np.rot90(photo, quarter).copy()
    (face,) = net.reconstruct(turned)
    height, width = photo.shape[:2]
    x, y = faces[name][0].landmarks[:, :2].T
    expected = {1: (y, width - 1 - x), 2: (width - 1 - x, height - 1 - y), 3: (height - 1 - y, x)}[quarter]
    distance = np.linalg.norm(face.landmarks[:, :2] - np.stack(expected, 1), axis=1).mean()
    assert 100 * distance / np.ptp(y) < 5


def test_original_names(net, photos):
    photo = photos["astronaut.jpg"]
    crop = net.detect_face(photo)
    assert crop.shape == (128, 128, 3) and crop.dtype == np.uint8
    code = net.predict_uv(crop)
    on_face = code[UVLayout().mask]
    assert code.shape == (128, 128, 3) and 0 <= on_face.min() and on_face.max() <= 1
    frame, points = net.visualize_pcl(code)
    assert frame.shape[2] == 3 and frame.dtype == np.uint8 and points.shape == (128 * 128, 3)
    assert np.allclose(points, decode_map(code).reshape(-1, 3))
    assert 0.1 < (frame < 255).any(2).mean() < 0.9, "a face on white"
    assert net.detect_face(np.full((300, 300, 3), 200, np.uint8)) is None


def test_boxes_of_many_photos(net, photos, faces):
    names = sorted(POINTS)
    boxes = [landmark_box(faces[n][0].landmarks) for n in names]
    many = net.reconstruct_in_boxes([photos[n] for n in names], boxes)
    for name, box, face in zip(names, boxes, many, strict=True):
        assert np.allclose(face.landmarks, net.reconstruct_in_box(photos[name], box).landmarks)
    with pytest.raises(ValueError, match="1 images and 2 boxes"):
        net.reconstruct_in_boxes([photos[names[0]]], boxes)


def test_a_second_pass_turns_the_face_upright(net, photos):
    """For a head turned by 50 degrees in a box a fifth too large, two passes agree with the upright face."""
    name = "astronaut.jpg"
    photo = photos[name]
    two_passes = LPRNet(passes=2)
    (face,) = two_passes.reconstruct(photo)
    centre = face.landmarks[:, :2].mean(0)
    matrix = cv2.getRotationMatrix2D(centre.tolist(), -50, 1.0)
    turned = cv2.warpAffine(photo, matrix, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    truth = face.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    box = landmark_box(truth)
    side = np.sqrt((box[2] - box[0]) * (box[3] - box[1]))
    centre, half = (box[:2] + box[2:]) / 2, 0.6 * (box[2:] - box[:2])
    box = np.r_[centre - half, centre + half]
    one, two = (n.reconstruct_in_box(turned, box) for n in (net, two_passes))
    error = [100 * np.linalg.norm(f.landmarks[:, :2] - truth, axis=1).mean() / side for f in (one, two)]
    assert error[1] < 2 and error[1] < error[0], error
    assert two.pose.roll == pytest.approx(face.pose.roll + 50, abs=3)
    with pytest.raises(ValueError, match="at least one pass"):
        LPRNet(passes=0)


# ---- bad input


def test_no_face_is_an_empty_list(net):
    rng = np.random.default_rng(0)
    assert net.reconstruct(rng.integers(0, 256, (240, 320, 3), np.uint8)) == []
    assert net.reconstruct(np.zeros((1, 1, 3), np.uint8)) == []
    assert net.detect_face(rng.integers(0, 256, (240, 320, 3), np.uint8)) is None
    gradient = np.broadcast_to(np.linspace(0, 255, 400).astype(np.uint8)[None, :, None], (300, 400, 3))
    assert net.reconstruct(gradient) == []


@pytest.mark.parametrize("max_faces", [0, -1])
def test_max_faces_below_one_is_refused(net, max_faces):
    with pytest.raises(ValueError, match="max_faces must be at least 1"):
        net.reconstruct(np.zeros((9, 9, 3), np.uint8), max_faces=max_faces)


def test_grey_and_transparent_photos_work(net, photos, faces):
    photo = photos["astronaut.jpg"]
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    box = landmark_box(faces["astronaut.jpg"][0].landmarks)
    side = box[3] - box[1]
    for other in (grey, grey.astype(np.uint16) * 257, np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])):
        (face,) = net.reconstruct(other)
        distance = np.linalg.norm(face.landmarks - faces["astronaut.jpg"][0].landmarks, axis=1).mean()
        assert distance / side < 0.05


def test_a_large_photo(net, photos, faces):
    photo = photos["astronaut.jpg"]
    factor = 8000 / max(photo.shape[:2])
    large = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    (face,) = net.reconstruct(large)
    distance = np.linalg.norm((face.landmarks / factor - faces["astronaut.jpg"][0].landmarks)[:, :2], axis=1).mean()
    assert 100 * distance / np.ptp(faces["astronaut.jpg"][0].landmarks[:, 1]) < 2


def test_bad_images_are_refused(net, tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture")
    for image, message in (
        (np.full((64, 64, 3), np.nan), "NaN"),
        (tmp_path / "nowhere.jpg", "nowhere"),
        (tmp_path / "text.jpg", "text.jpg"),
    ):
        with pytest.raises(ImageError, match=message):
            net.reconstruct(image)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0, 0, np.nan, 5], "finite"),
        ([50, 50, 50, 90], "x0 < x1"),
        ([0, 0, 10], "four"),
        ([-300, -300, -200, -200], "outside the photo"),
    ],
)
def test_bad_boxes_are_refused(net, photos, box, message):
    with pytest.raises(ValueError, match=message):
        net.reconstruct_in_box(photos["astronaut.jpg"], box)


def test_a_box_partly_outside_the_photo_is_accepted(net, photos):
    face = net.reconstruct_in_box(photos["astronaut.jpg"], [-60, -60, 60, 60])
    assert np.isfinite(face.position_map).all()


def test_a_crop_of_another_size_is_refused(net, photos):
    with pytest.raises(ValueError, match=r"\(128, 128, 3\)"):
        net.predict_uv(photos["astronaut.jpg"])


def test_the_default_is_free(capsys):
    assert DEFAULT_WEIGHTS == "open" and weights_terms(DEFAULT_WEIGHTS) == "free for any use"
    assert LPRNet().metadata == LPRNet("open").metadata
    assert not re.search("research|licence", "".join(capsys.readouterr())), "no warning"
    commands = {name: parser().parse_args([name, *words.split()]).weights for name, words in (
        ("photo", "a.jpg -o out"), ("video", "a.mp4 b.mp4"), ("evaluate", "--synthetic"), ("app", "")
    )}  # fmt: skip
    assert set(commands.values()) == {DEFAULT_WEIGHTS}
    for name in commands:
        with pytest.raises(SystemExit):
            parser().parse_args([name, "--help"])
        assert "wild, published: for research only" in " ".join(capsys.readouterr().out.split())


def test_weights_missing_truncated_or_altered(tmp_path, monkeypatch):
    offered = r"there are open \(free for any use\), published \(research only\), wild \(research only\)"
    with pytest.raises(AssetError, match=f"no bundled weights 'nonsense'; {offered}"):
        LPRNet("nonsense")
    with pytest.raises(AssetError, match="no weights at"):
        LPRNet(tmp_path / "gone.tflite")
    whole = (data_root() / "weights/published.tflite").read_bytes()
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(whole)
    assert LPRNet(copy).metadata["network"] == "lprnet" and "esearch" in LPRNet(str(copy)).metadata["licence"]
    for broken in (whole[: len(whole) // 2], whole[:-10], b"", b"a text of some length"):
        copy.write_bytes(broken)
        with pytest.raises(AssetError, match="copy.tflite"):
            LPRNet(copy)
    # a bundled file is compared with its checksum, which reveals one altered byte
    from lprnet_utils.common import assets

    folder = tmp_path / "data"
    shutil.copytree(data_root(), folder)
    path = folder / "weights/published.tflite"
    path.write_bytes(whole[:5_000_000] + bytes([whole[5_000_000] ^ 1]) + whole[5_000_001:])
    monkeypatch.setattr(assets, "data_root", lambda: folder)
    with pytest.raises(AssetError, match="truncated or altered"):
        LPRNet("published")


# ---- imports and speed


def run_fresh_process(path):
    """Reconstruct and export a face in a new process: seconds until the network was ready, heavy modules loaded."""
    code = (
        "import sys, time; start = time.perf_counter()\n"
        "from lprnet_utils import LPRNet\n"
        "net = LPRNet(); ready = time.perf_counter() - start\n"
        "from lprnet_utils.common.assets import data_path\n"
        "face = net.reconstruct(data_path('samples/astronaut.jpg'))[0]\n"
        "face.landmarks; face.pose; face.frontal(); face.mesh().export(sys.argv[1])\n"
        "heavy = [m for m in ('tensorflow', 'keras', 'numba', 'matplotlib', 'plotly') if m in sys.modules]\n"
        "print(ready, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    ready, heavy = done.stdout.split(maxsplit=1)
    return float(ready), heavy.strip()


def test_a_fresh_process_needs_neither_tensorflow_nor_numba(tmp_path):
    _, heavy = run_fresh_process(tmp_path / "face.glb")
    assert heavy == "[]" and (tmp_path / "face.glb").stat().st_size > 100_000


@pytest.mark.slow
def test_a_fresh_process_is_soon_ready(tmp_path):
    ready, _ = run_fresh_process(tmp_path / "face.glb")
    assert ready < 5, "about a second on an idle machine"


@pytest.mark.slow
def test_a_photo_takes_a_fraction_of_a_second(net, photos):
    photo = cv2.resize(photos["astronaut.jpg"], (512, 512))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        net.reconstruct(photo)
        times.append(time.perf_counter() - start)
    print(f"512 x 512 photo: {1000 * np.median(times):.0f} ms")
    assert min(times) < 0.2
