"""Evaluation of networks with known errors, and of the real one."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from data_files import write_aflw2000
from PIL import Image
from scipy.io import loadmat

from lprnet_utils import UVLayout
from lprnet_utils.commands.main import main
from lprnet_utils.common import DatasetError
from lprnet_utils.common.assets import load_arrays
from lprnet_utils.datasets import AFLW2000
from lprnet_utils.evaluation import evaluate_aflw2000, evaluate_synthetic
from lprnet_utils.evaluation.identity import summarise_identity
from lprnet_utils.evaluation.protocols import ERROR_NAMES, match_predictions
from lprnet_utils.geometry import rotation_matrix
from lprnet_utils.synthetic import SyntheticFaces
from lprnet_utils.synthetic.population import Population
from lprnet_utils.uv import encode_map


def evaluate_with_error(samples, error):
    """Evaluate a network that outputs the true maps of samples plus an error, which is a function of the sample."""
    by_image = {id(s.image): s for s in samples}

    def predict_uv(image):
        sample = by_image[id(image)]
        return encode_map(sample.position_map + error(sample))

    return evaluate_synthetic(SimpleNamespace(size=128, metadata={}, predict_uv=predict_uv), samples)


@pytest.fixture(scope="module")
def samples():
    faces = SyntheticFaces(seed=9)
    return [faces.sample(k) for k in range(12)]


def box_sides(points):
    """Square roots of the areas of landmark boxes."""
    return np.sqrt(np.prod(np.ptp(points[..., :2], axis=-2), axis=-1))


def test_dense_errors_of_a_perfect_network_a_shift_and_the_mean_face(layout, samples):
    perfect = evaluate_with_error(samples, lambda s: 0)
    assert perfect["photos"] == 12 and perfect["mm"]["mean over photos"] < 0.01 and perfect["normals"] < 0.5
    assert perfect["roughness"]["prediction"] == pytest.approx(perfect["roughness"]["truth"], rel=1e-2)
    shifted = evaluate_with_error(samples, lambda s: [3, -4, 7])  # z of mean 0 on both sides
    expected = np.mean([5 / s.camera.scale for s in samples])
    assert shifted["mm"]["mean over photos"] == pytest.approx(expected, rel=1e-3)
    assert shifted["95 % mm"]["mean over photos"] == pytest.approx(expected, rel=1e-3)
    assert shifted["aligned mm"]["mean over photos"] < 0.01, "a similarity transform removes a shift"
    sides = box_sides(np.array([layout.landmarks(s.position_map) for s in samples]))
    assert shifted["nme"]["mean over photos"] == pytest.approx(np.mean(500 / sides), rel=1e-3)
    # the mean face is projected by the true camera, whatever the network's output
    mean_face, expected = shifted["mean face"], []
    for sample in samples:
        seen = layout.points(sample.position_map)
        back = sample.camera.unproject(seen) - layout.points(layout.mean_map)  # mm of the head
        back -= sample.camera.rotation[2] * (back @ sample.camera.rotation[2]).mean()  # the mean depth does not count
        expected.append(np.linalg.norm(back, axis=1).mean())
    assert mean_face["mm"]["mean over photos"] == pytest.approx(np.mean(expected), rel=1e-3)
    assert 2 < mean_face["aligned mm"]["mean over photos"] < mean_face["mm"]["mean over photos"] < 10
    assert set(mean_face) == set(ERROR_NAMES)


def test_a_checkerboard_error_is_rough(samples):
    board = 0.5 * (-1.0) ** np.add.outer(np.arange(128), np.arange(128))[..., None]
    rough = evaluate_with_error(samples[:4], lambda s: board)
    assert rough["roughness"]["prediction"] > 3 * rough["roughness"]["truth"]
    assert rough["mm"]["mean over photos"] < 5


def test_groups_of_people_are_compared_at_equal_yaw(samples):
    ages = [{"male": 1.0, "old": k % 2, "child": 1 - k % 2, "yaw": 40.0 * (k // 4)} for k in range(12)]
    some = [replace(s, labels=a) for s, a in zip(samples, ages, strict=True)]
    # 6 mm on children and 3 mm on old people at any yaw
    people = evaluate_with_error(some, lambda s: [(3 if s.labels["old"] else 6) * s.camera.scale, 0, 0])["people"]
    assert set(people["child"]) == {"photos", "mm", "nme"} and people["child"]["photos"] == 6
    assert [people[group]["mm"] for group in ("child", "old", "male")] == pytest.approx([6, 3, 4.5], rel=1e-3)
    assert "female" not in people and "dark" not in people
    with pytest.raises(ValueError, match="no sample"):
        evaluate_with_error([], lambda s: 0)


@pytest.fixture(scope="module")
def album(tmp_path_factory, samples):
    """Rendered faces on a larger background, in files like those of AFLW2000-3D."""
    folder = tmp_path_factory.mktemp("album")
    for k, sample in enumerate(samples):
        points = UVLayout().landmarks(sample.position_map) + [40 + 1, 30 + 1, 500]
        write_aflw2000(folder, f"image{k:05d}", points.T, [*np.deg2rad(sample.camera.angles), 0, 0, 0, 1])
        picture = np.full((200, 220, 3), 90, np.uint8)
        picture[30:158, 40:168] = sample.image
        Image.fromarray(picture).save(folder / f"image{k:05d}.jpg", quality=98)
    return folder


def by_hand(names, landmarks, folder):
    """The 2D protocol in plain numpy, from the files of the data set."""
    bins = {"0-30": [], "30-60": [], "60-90": []}
    for name, points in zip(names, landmarks, strict=True):
        file = loadmat(folder / f"{name}.mat")
        x, y = file["pt3d_68"][:2].astype(float) - 1
        yaw = abs(np.rad2deg(file["Pose_Para"].ravel()[1]))
        side = ((x.max() - x.min()) * (y.max() - y.min())) ** 0.5
        error = 100 * np.mean(np.sqrt((points[:, 0] - x) ** 2 + (points[:, 1] - y) ** 2)) / side
        bins["0-30" if yaw <= 30 else "30-60" if yaw <= 60 else "60-90"].append(error)
    means = {name: np.mean(b) for name, b in bins.items() if b}
    every = sum(bins.values(), [])
    return means | {"mean of bins": np.mean(list(means.values())), "mean over photos": np.mean(every)}


@pytest.mark.parametrize("real", [False, True], ids=["rendered", "AFLW2000-3D"])
def test_the_command_agrees_with_a_computation_by_hand(real, album, request, tmp_path, capsys):
    folder = request.getfixturevalue("aflw2000_dir") if real else album
    command = ["evaluate", "--aflw2000", str(folder), "--output"]
    assert main([*command, str(tmp_path), "--weights", "open"]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    names, landmarks = load_arrays(tmp_path / "predictions.npz", "names", "landmarks")
    expected = by_hand(names, landmarks, folder)
    assert len(names) == report["photos"] == (400 if real else 12)
    assert {name: report["nme"][name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert f"mean of bins      {expected['mean of bins']:8.3f}" in capsys.readouterr().out
    low, high = report["interval"]
    assert low < expected["mean of bins"] < high
    assert np.mean(report["landmarks"]) == pytest.approx(expected["mean over photos"], abs=1e-6)
    assert report["ced"]["share"][-1] == pytest.approx(1 - report["failures"])
    assert Image.open(tmp_path / "report.png").size == (1100, 500)
    points = load_arrays(tmp_path / "predictions.npz", "benchmark_landmarks")[0]
    expected = by_hand(names, points, folder)
    assert {name: report["nme by readout"][name] for name in expected} == pytest.approx(expected, abs=1e-6)
    if real:  # on photos that neither the network nor the readout has seen
        assert report["nme"]["mean of bins"] < 4.15 and report["nme by readout"]["mean of bins"] < 3.75
    # the written predictions have the same errors
    assert main([*command, str(tmp_path / "again"), "--predictions", str(tmp_path / "predictions.npz")]) == 0
    assert json.loads((tmp_path / "again" / "report.json").read_text())["nme"] == report["nme"]


def test_a_true_map_is_somebody_and_the_mean_face_is_nobody(layout, samples):
    people = Population.load("makehuman")
    known, rows = [], []
    for sample in samples:
        mean = people.fitter.model.vertices(people.mean, sample.coefficients[80:])
        nobody = layout.vertices_to_map(sample.camera.project(mean).astype(np.float32))
        known.append(people.measure(sample.position_map, sample))
        rows.append(people.measure(nobody, sample))
    found, empty = summarise_identity(known), summarise_identity(rows)
    assert found["map"] < 0.01 and found["correlation"] > 0.999 and found["photos"] == len(samples)
    # the map of the mean face with the true expression is what its own expression's fit makes of nobody
    assert empty["map"] > 1.5 and abs(empty["map"] - empty["nobody"]) < 0.3 * empty["map"]
    report = evaluate_synthetic(
        SimpleNamespace(size=128, metadata={}, predict_uv=lambda image: encode_map(samples[0].position_map)),
        samples[:1],
        people,
    )
    assert report["identity"]["map"] < 0.01


def fixed_network(answers):
    """A network that finds given landmarks, chosen by the first pixel of the photo."""
    pose = SimpleNamespace(camera=SimpleNamespace(rotation=np.eye(3)))

    def reconstruct(image):
        return [SimpleNamespace(landmarks=points, pose=pose) for points in answers[int(image[0, 0, 0])]]

    return SimpleNamespace(reconstruct=reconstruct, reconstruct_in_box=lambda image, box: reconstruct(image)[0])


@pytest.fixture
def two_photos(tmp_path):
    """Data set of two photos, and their landmarks; the first pixel of each photo is its number."""
    truth = np.random.default_rng(0).uniform(60, 140, (2, 68, 3))
    for k, points in enumerate(truth):
        write_aflw2000(tmp_path, f"image{k:05d}", (points + [1, 1, 0]).T, [0.1, 0.2 + 0.6 * k, 0, 0, 0, 0, 1])
        Image.new("RGB", (200, 200), (k, k, k)).save(tmp_path / f"image{k:05d}.jpg", quality=100)
    return AFLW2000(tmp_path), truth


def test_end_to_end_counts_missed_faces(two_photos):
    data, truth = two_photos
    error = 200 / box_sides(truth[0])
    stranger = truth[0] + [150, 0, 0]
    net = fixed_network([[stranger, truth[0] + [2, 0, 0]], [stranger]])
    report, predictions = evaluate_aflw2000(net, data, detector=True)
    assert report["photos"] == 2 and report["missed"] == 1 and np.isnan(predictions["landmarks"][1]).all()
    assert report["nme"]["mean of bins"] == pytest.approx(error), "of the right face; missed faces do not count"
    assert report["nme over all"]["mean of bins"] == pytest.approx((error + 100) / 2)
    assert report["failures"] == 0.5 and report["area"] == pytest.approx((10 - error) / 20)
    assert "flip" not in report and report["pose"]["photos"] == 1
    with pytest.raises(ValueError, match="no face was found"):
        evaluate_aflw2000(fixed_network([[], []]), data, detector=True)


def test_depth_and_pose_errors_of_known_mistakes(two_photos):
    data, truth = two_photos
    wrong = truth.copy()
    wrong[:, :34, 2] += 6  # half of the points are too near: errors of 3 without the mean
    report, _ = evaluate_aflw2000(fixed_network(wrong[:, None]), data)
    assert report["nme"]["mean over photos"] == pytest.approx(0, abs=1e-9)
    assert report["nme 3D, mean z"]["mean over photos"] == pytest.approx((300 / box_sides(truth)).mean())
    cosines = [(np.trace(rotation_matrix(*angles)) - 1) / 2 for angles in data.angles]
    assert report["pose"]["geodesic"] == pytest.approx(np.degrees(np.arccos(cosines)).mean())
    # the mirror image has the same first pixel, so the same landmarks, which are wrong after mirroring
    assert report["flip"] > 10


def test_broken_photos_are_named_and_the_rest_is_evaluated(two_photos, capsys):
    folder = two_photos[0].folder
    for k, points in ((3, np.ones((3, 68))), (4, np.ones((3, 60)))):
        write_aflw2000(folder, f"image{k:05d}", points, np.zeros(7))
    (folder / "image00001.jpg").write_bytes(b"no picture")
    (folder / "image00002.jpg").write_bytes(b"")
    (folder / "image00003.jpg").unlink()
    command = ["evaluate", "--weights", "open", "--aflw2000", str(folder), "--output", str(folder / "out")]
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert "on 1 photo of" in out and "4 photos left out" in err
    reasons = ("image00001.jpg", "image00002.mat is missing", "image00003.jpg is missing", "pt3d_68 (3, 60)")
    for number, reason in enumerate(reasons, 1):
        assert any(f"image0000{number} left out" in line and reason in line for line in err.splitlines()), number
    report = json.loads((folder / "out/report.json").read_text())
    assert sorted(report["problems"]) == [f"image0000{k}" for k in (1, 2, 3, 4)] and report["photos"] == 1
    assert main([*command, "--keep-going"]) == 0
    (folder / "image00000.jpg").write_bytes(b"no picture")
    assert main(command) == 2
    assert "no photo of" in capsys.readouterr().err
    with pytest.raises(DatasetError, match="can be used"):
        evaluate_aflw2000(None, AFLW2000(folder, strict=False))


@pytest.mark.parametrize("detector", [False, True])
@pytest.mark.parametrize(("factor", "shift", "reason"), [
    (1, 900, "all of its landmarks lie outside"),
    (12, -1100, "its landmarks are far larger than"),
])  # fmt: skip
def test_labels_of_another_photo_are_named(two_photos, detector, factor, shift, reason):
    data, truth = two_photos
    data.landmarks[1] = factor * data.landmarks[1] + [shift, shift if factor > 1 else 0, 0]
    report, predictions = evaluate_aflw2000(fixed_network(truth[:, None]), data, detector=detector)
    assert report["photos"] == 1 and predictions["names"].tolist() == ["image00000"]
    assert report["problems"] == {"image00001": f"{reason} the photo of 200 x 200 pixels"}


def test_a_photo_that_the_network_refuses_is_named(two_photos):
    data, truth = two_photos
    net = fixed_network(truth[:, None])

    def refuse_the_second(image, box):
        if image[0, 0, 0] == 1:
            raise ValueError("the box does not fit")
        return net.reconstruct(image)[0]

    report, _ = evaluate_aflw2000(SimpleNamespace(reconstruct_in_box=refuse_the_second), data)
    assert report["photos"] == 1 and report["problems"] == {"image00001": "the box does not fit"}


@pytest.mark.parametrize("pose", [[0.1, 0.2, 2.0], [0.1, -2.5, 0.0], [0.1, 1.6, 0.0]])
def test_a_folder_of_heads_that_are_all_turned_far(pose, tmp_path, capsys):
    """Photos with an angle over 99 degrees have no pose error, but landmarks."""
    points = np.random.default_rng(0).uniform(100, 300, (3, 68))
    for k in range(2):
        write_aflw2000(tmp_path, f"image{k:05d}", points, [*pose, 0, 0, 0, 1])
    assert main(["evaluate", "--aflw2000", str(tmp_path), "--output", str(tmp_path / "out")]) == 0
    out, report = capsys.readouterr().out, json.loads((tmp_path / "out/report.json").read_text())
    far = max(map(abs, pose)) > np.radians(99)
    assert ("pose: not measured, since every head is turned by more than 99 degrees" in out) == far
    assert report["photos"] == 2 and report["pose"]["photos"] == (0 if far else 2)
    assert ("geodesic" in report["pose"]) != far


def test_an_output_folder_that_cannot_be_is_refused_before_the_work(two_photos, monkeypatch, capsys):
    folder = two_photos[0].folder
    (folder / "file").touch()
    monkeypatch.setattr("lprnet_utils.evaluation.protocols.evaluate_aflw2000", None)  # calling it would raise
    assert main(["evaluate", "--aflw2000", str(folder), "--output", str(folder / "file")]) == 2
    assert "file" in capsys.readouterr().err


def test_predictions_of_another_method(two_photos):
    data, truth = two_photos
    report, _ = match_predictions(["image00001", "image09999"], np.stack([truth[1] + [0, 3, 0], truth[0]]), data)
    assert report["photos"] == 1 and report["problems"] == {"image00000": "no prediction"}
    assert report["nme"]["mean over photos"] == pytest.approx(300 / box_sides(truth[1]))
    flat = match_predictions(data.names, truth[..., :2], data)[0]
    assert flat["nme"]["mean of bins"] == pytest.approx(0) and "nme 3D, mean z" not in flat and "pose" not in flat


@pytest.mark.parametrize(("names", "landmarks", "reason"), [
    (["image00000"] * 2, 68, "1 different of 2 names"),
    (["image00000"], 68, "2 predictions"),
    (["x", "y"], 68, "no prediction is of a photo"),
    (["image00000", "image00001"], 60, r"shape \(2, 60, 3\) instead of \(2, 68, 2 or 3\)"),
])  # fmt: skip
def test_predictions_that_do_not_fit_the_photos_are_refused(two_photos, names, landmarks, reason):
    data, truth = two_photos
    with pytest.raises(ValueError, match=reason):
        match_predictions(names, truth[:, :landmarks], data)
