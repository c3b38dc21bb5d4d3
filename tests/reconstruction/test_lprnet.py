"""``LPRNet`` with the bundled weights: accuracy, invariances, and bad input."""

import json
import re
import shutil
import subprocess
import sys
import timeit
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from lprnet_utils import LPRNet, UVLayout
from lprnet_utils.commands.main import parser
from lprnet_utils.common import AssetError, ImageError, data_path
from lprnet_utils.common.assets import data_root
from lprnet_utils.common.litert import weights_terms
from lprnet_utils.geometry import MIRRORED_LANDMARKS, crop_matrix, landmark_box, transform_points
from lprnet_utils.geometry.landmarks import box_size
from lprnet_utils.reconstruction import DEFAULT_WEIGHTS
from lprnet_utils.uv import decode_map

# points clicked by eye, and which of the 68 landmarks they are
POINTS = json.loads(data_path("samples/points.json").read_text(encoding="utf-8"))["photos"]


@pytest.mark.parametrize("name", POINTS)
def test_landmarks_agree_with_points_clicked_by_a_person(faces, name):
    (face,) = faces[name]
    points = POINTS[name].values()
    off = face.landmarks[[p["landmark"] for p in points], :2] - [[p["x"], p["y"]] for p in points]
    error = 100 * np.linalg.norm(off, axis=1) / box_size(landmark_box(face.landmarks))
    assert len(error) >= 6 and error.mean() < 4 and error.max() < 7.5, error


def test_the_face_has_the_shape_and_pose_of_a_face(faces):
    for (face,) in faces.values():
        assert face.position_map.shape == (128, 128, 3) and face.landmarks.shape == (68, 3)
        assert face.landmarks[30, 2] > face.landmarks[[0, 16], 2].max() + 0.2 * np.ptp(face.landmarks[:, 0])
        assert abs(face.position_map[face.layout.mask][:, 2].mean()) < 1e-2, "z is zero on average"
        assert 0.5 < face.confidence <= 1
        assert abs(face.pose.yaw) < 25 and abs(face.pose.roll) < 15


def test_scaling_the_photo_scales_the_landmarks(net, photos, faces):
    for name, photo in photos.items():
        box = landmark_box(faces[name][0].landmarks)
        matrix = np.array([[1.5, 0, 0.25], [0, 1.5, 0.25]])  # x -> (x + 1/2) 1.5 - 1/2
        large = cv2.resize(photo, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
        corners = transform_points(matrix, box.reshape(2, 2))
        one, other = net.reconstruct_in_box(photo, box), net.reconstruct_in_box(large, corners.ravel())
        distance = np.linalg.norm((transform_points(matrix, one.landmarks) - other.landmarks)[:, :2], axis=1)
        crop_pixels = distance * np.hypot(*crop_matrix(corners.ravel())[0, :2])
        assert np.median(crop_pixels) < 0.3, f"{name}: resampling makes the two crops differ a little"


@pytest.mark.parametrize("shift", [(10, 0), (0, -10)])
def test_moving_the_picture_moves_the_landmarks(net, photos, faces, shift):
    for name, photo in photos.items():
        box = landmark_box(faces[name][0].landmarks)
        pixel = 1 / np.hypot(*crop_matrix(box)[0, :2])
        matrix = np.c_[np.eye(2), np.array(shift) * pixel]  # by 10 pixels of the crop, which stays where it is
        moved = cv2.warpAffine(photo, matrix, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
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
    first, second = net.reconstruct(group)
    assert np.ptp(first.landmarks[:, 1]) > np.ptp(second.landmarks[:, 1])
    (largest,) = net.reconstruct(group, max_faces=1)
    assert (largest.landmarks == first.landmarks).all()
    for max_faces in (0, -1):
        with pytest.raises(ValueError, match="max_faces must be at least 1"):
            net.reconstruct(group, max_faces=max_faces)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_turned_photos(net, photos, faces, quarter):
    photo = photos["astronaut.jpg"]
    (face,) = net.reconstruct(np.rot90(photo, quarter).copy())
    height, width = photo.shape[:2]
    x, y = faces["astronaut.jpg"][0].landmarks[:, :2].T
    expected = {1: (y, width - 1 - x), 2: (width - 1 - x, height - 1 - y), 3: (height - 1 - y, x)}[quarter]
    distance = np.linalg.norm(face.landmarks[:, :2] - np.stack(expected, 1), axis=1).mean()
    assert 100 * distance / np.ptp(y) < 5


@pytest.mark.parametrize("name", ["astronaut.jpg", "grace_hopper.jpg"])
def test_a_hair_s_breadth_moves_landmarks_by_little(net, photos, name):
    """So the web package, whose detector rounds in other ways, finds the same points in large photos."""
    photo = photos[name]
    large = cv2.resize(photo, (2000, 2000 * photo.shape[0] // photo.shape[1]), interpolation=cv2.INTER_CUBIC)
    points = net.reconstruct(large)[0].landmarks[:, :2]
    box = np.r_[points.min(0), points.max(0)]
    before, rng = net.reconstruct_in_box(large, box).landmarks, np.random.default_rng(6)
    for _ in range(10):
        moved = net.reconstruct_in_box(large, box + rng.uniform(-0.01, 0.01, 4)).landmarks
        assert np.abs(moved - before).max() < 0.1


def test_original_names(net, photos):
    crop = net.detect_face(photos["astronaut.jpg"])
    assert crop.shape == (128, 128, 3) and crop.dtype == np.uint8
    code = net.predict_uv(crop)
    on_face = code[UVLayout().mask]
    assert code.shape == (128, 128, 3) and 0 <= on_face.min() and on_face.max() <= 1
    frame, points = net.visualize_pcl(code)
    assert frame.shape[2] == 3 and frame.dtype == np.uint8 and points.shape == (128 * 128, 3)
    assert np.allclose(points, decode_map(code).reshape(-1, 3))
    assert 0.1 < (frame < 255).any(2).mean() < 0.9, "a face on white"
    with pytest.raises(ValueError, match=r"\(128, 128, 3\)"):
        net.predict_uv(photos["astronaut.jpg"])


def test_boxes_of_many_photos(net, photos, faces):
    names = sorted(POINTS)
    boxes = [landmark_box(faces[n][0].landmarks) for n in names]
    many = net.reconstruct_in_boxes([photos[n] for n in names], boxes)
    for name, box, face in zip(names, boxes, many, strict=True):
        assert np.allclose(face.landmarks, net.reconstruct_in_box(photos[name], box).landmarks)
    with pytest.raises(ValueError, match="1 images and 2 boxes"):
        net.reconstruct_in_boxes([photos[names[0]]], boxes)


def test_a_second_pass_turns_the_face_upright(net, photos):
    photo, two_passes = photos["astronaut.jpg"], LPRNet(passes=2)
    (face,) = two_passes.reconstruct(photo)
    matrix = cv2.getRotationMatrix2D(face.landmarks[:, :2].mean(0).tolist(), -50, 1.0)
    turned = cv2.warpAffine(photo, matrix, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    truth = transform_points(matrix, face.landmarks[:, :2])
    box = landmark_box(truth)
    centre, half = (box[:2] + box[2:]) / 2, 0.6 * (box[2:] - box[:2])  # a fifth too large
    one, two = (n.reconstruct_in_box(turned, np.r_[centre - half, centre + half]) for n in (net, two_passes))
    error = [np.linalg.norm(f.landmarks[:, :2] - truth, axis=1).mean() / box_size(box) for f in (one, two)]
    assert error[1] < 0.02 and error[1] < error[0], error
    assert two.pose.roll == pytest.approx(face.pose.roll + 50, abs=3)
    with pytest.raises(ValueError, match="at least one pass"):
        LPRNet(passes=0)


# ---- bad input


def test_no_face_is_an_empty_list(net):
    noise = np.random.default_rng(0).integers(0, 256, (2, 240, 320, 3), np.uint8)
    gradient = np.broadcast_to(np.linspace(0, 255, 400).astype(np.uint8)[None, :, None], (300, 400, 3))
    for image in (*noise, np.zeros((1, 1, 3), np.uint8), np.full((300, 300, 3), 200, np.uint8), gradient):
        assert net.reconstruct(image) == [] and net.detect_face(image) is None


def test_grey_and_transparent_photos_work(net, photos, faces):
    photo, truth = photos["astronaut.jpg"], faces["astronaut.jpg"][0].landmarks
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    for other in (grey, grey.astype(np.uint16) * 257, np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])):
        assert len(net.detector.detect(other)) == 1
        (face,) = net.reconstruct(other)
        assert np.linalg.norm(face.landmarks - truth, axis=1).mean() / np.ptp(truth[:, 1]) < 0.05


def test_a_large_photo(net, photos, faces):
    photo, truth = photos["astronaut.jpg"], faces["astronaut.jpg"][0].landmarks[:, :2]
    factor = 8000 / max(photo.shape[:2])
    (face,) = net.reconstruct(cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR))
    assert np.linalg.norm(face.landmarks[:, :2] / factor - truth, axis=1).mean() / np.ptp(truth[:, 1]) < 0.02


def test_bad_images_are_refused(net, tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture")
    for image, message in (
        (np.full((64, 64, 3), np.nan), "NaN"),
        (tmp_path / "nowhere.jpg", "nowhere"),
        (tmp_path / "text.jpg", "text.jpg"),
    ):
        for use in (net.reconstruct, net.detector.detect):
            with pytest.raises(ImageError, match=message):
                use(image)


@pytest.mark.parametrize(
    "box, message",
    [
        ([0, 0, np.nan, 5], "finite"),
        ([50, 50, 50, 90], "x0 < x1"),
        ([0, 0, 10], "four"),
        ([-300, -300, -200, -200], r"the box \[-300.0, -300.0, -200.0, -200.0\] lies outside the photo"),
        ([-1e30, -1e30, 1e30, 1e30], "does not fit a face"),
        ([90, 90, 90.1, 90.1], "does not fit a face"),
    ],
)
def test_bad_boxes_are_refused(net, photos, box, message):
    with pytest.raises(ValueError, match=message):
        net.reconstruct_in_box(photos["astronaut.jpg"], box)


def test_a_box_partly_outside_the_photo_is_accepted(net, photos):
    face = net.reconstruct_in_box(photos["astronaut.jpg"], [-60, -60, 60, 60])
    assert np.isfinite(face.position_map).all()


def test_eight_threads_share_a_network(net, photos):
    views = [photos["astronaut.jpg"][:256, 100:356].copy(), photos["grace_hopper.jpg"]]
    truth = [net.reconstruct(view)[0].position_map for view in views]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda k: net.reconstruct(views[k % 2])[0].position_map, range(8 * 6)))
    assert all(np.array_equal(one, truth[k % 2]) for k, one in enumerate(found))


def test_a_face_keeps_its_own_photo(net, photos, faces):
    photo = photos["astronaut.jpg"].copy()
    by_detector, in_box = net.reconstruct(photo)[0], net.reconstruct_in_box(photo, faces["astronaut.jpg"][0].box)
    photo[:] = 0
    assert by_detector.image.any() and in_box.image.any()


def test_the_default_is_free(capsys):
    assert DEFAULT_WEIGHTS == "open" and weights_terms(DEFAULT_WEIGHTS) == "free for any use"
    assert LPRNet().metadata == LPRNet("open").metadata
    assert not re.search("research|licence", "".join(capsys.readouterr())), "no warning"
    commands = {"photo": "a.jpg -o out", "video": "a.mp4 b.mp4", "evaluate": "--synthetic", "app": ""}
    for name, words in commands.items():
        assert parser().parse_args([name, *words.split()]).weights == DEFAULT_WEIGHTS
        with pytest.raises(SystemExit):
            parser().parse_args([name, "--help"])
        assert "wild: for research only; published: for research only" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "options", [{"passes": 0}, {"passes": 2.5}, {"threads": 0}, {"threads": 10**5}, {"threads": 1.5}]
)
def test_bad_numbers_are_refused(options):
    with pytest.raises(ValueError, match="whole number"):
        LPRNet(**options)


@pytest.mark.parametrize("number", [0, 2.0, "2"])
def test_a_bad_number_of_faces_is_refused(net, photos, number):
    with pytest.raises(ValueError, match="max_faces must be at least 1"):
        net.reconstruct(photos["astronaut.jpg"], number)


def test_faces_can_be_compared_and_counted(net, photos):
    one, other = net.reconstruct(photos["astronaut.jpg"])[0], net.reconstruct(photos["astronaut.jpg"])[0]
    assert one == one and one != other and [one, other].index(other) == 1 and len({one, other, one}) == 2


def test_weights_missing_truncated_or_altered(tmp_path, monkeypatch):
    offered = r"there are open \(free for any use\), published \(research only\), wild \(research only\)"
    with pytest.raises(AssetError, match=f"no bundled weights 'nonsense'; {offered}"):
        LPRNet("nonsense")
    for gone in (tmp_path / "gone.tflite", "gone.tflite", "./gone", str(tmp_path / "gone")):
        with pytest.raises(AssetError, match="no weights at"):
            LPRNet(gone)
    (tmp_path / "open.onnx").write_bytes(b"")
    with pytest.raises(AssetError, match="is for other programs"):
        LPRNet(str(tmp_path / "open.onnx"))
    (tmp_path / "weights.bin").write_bytes((data_root() / "weights/open.tflite").read_bytes())
    assert LPRNet(str(tmp_path / "weights.bin")).size == 128, "a path needs no ending"
    whole = (data_root() / "weights/published.tflite").read_bytes()
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(whole)
    assert LPRNet(copy).metadata["network"] == "lprnet" and "esearch" in LPRNet(str(copy)).metadata["licence"]
    for broken in (whole[: len(whole) // 2], whole[:-10], b"", b"a text of some length"):
        copy.write_bytes(broken)
        with pytest.raises(AssetError, match="copy.tflite"):
            LPRNet(copy)
    # a bundled file is compared with its checksum, which reveals one altered byte
    folder = tmp_path / "data"
    shutil.copytree(data_root(), folder)
    path = folder / "weights/published.tflite"
    path.write_bytes(whole[:5_000_000] + bytes([whole[5_000_000] ^ 1]) + whole[5_000_001:])
    monkeypatch.setattr("lprnet_utils.common.assets.data_root", lambda: folder)
    with pytest.raises(AssetError, match="truncated or altered"):
        LPRNet("published")


# ---- imports and speed


def run_fresh_process(path):
    """Reconstruct and export a face in a new process; returns "seconds until the network was ready, heavy modules"."""
    code = (
        "import sys, time; start = time.perf_counter()\n"
        "from lprnet_utils import LPRNet\n"
        "assert 'scipy.sparse' not in sys.modules, 'it takes longer to import than all the rest'\n"
        "net = LPRNet(); ready = time.perf_counter() - start\n"
        "from lprnet_utils.common.assets import data_path\n"
        "face = net.reconstruct(data_path('samples/astronaut.jpg'))[0]\n"
        "face.landmarks; face.pose; face.frontal(); face.coefficients; face.mesh().export(sys.argv[1])\n"
        "import lprnet_utils.reconstruction.draw, lprnet_utils.video.smoothing\n"
        "from lprnet_utils.viewer import avatar, effects, figures\n"
        "heavy = [m for m in ('tensorflow', 'keras', 'numba', 'matplotlib', 'plotly') if m in sys.modules]\n"
        "print(ready, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    return done.stdout.strip().split(maxsplit=1)


def test_a_fresh_process_needs_neither_tensorflow_nor_numba(tmp_path):
    assert run_fresh_process(tmp_path / "face.glb")[1] == "[]"
    assert (tmp_path / "face.glb").stat().st_size > 100_000


@pytest.mark.slow
def test_a_fresh_process_is_soon_ready(tmp_path):
    assert float(run_fresh_process(tmp_path / "face.glb")[0]) < 5, "about a second on an idle machine"


@pytest.mark.slow
def test_a_photo_takes_a_fraction_of_a_second(net, photos):
    times = timeit.repeat(lambda: net.reconstruct(photos["astronaut.jpg"]), repeat=5, number=1)
    print(f"512 x 512 photo: {1000 * np.median(times):.0f} ms")
    assert min(times) < 0.2
