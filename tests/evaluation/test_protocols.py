"""Evaluation of networks with known errors, and of the real one."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from lprnet_utils import LPRNet, UVLayout
from lprnet_utils.commands.main import main
from lprnet_utils.common import DatasetError
from lprnet_utils.datasets import AFLW2000
from lprnet_utils.evaluation import evaluate_aflw2000, evaluate_synthetic, landmark_report
from lprnet_utils.evaluation.protocols import ERROR_NAMES, match_predictions
from lprnet_utils.geometry import rotation_matrix
from lprnet_utils.synthetic import SyntheticFaces
from lprnet_utils.uv import encode_map


class FakeNetwork:
    """A network that outputs the true maps of samples, changed by a function."""

    def __init__(self, samples, error):
        self.size, self.metadata = 128, {}
        self._answers, self._error = {id(s.image): s.position_map for s in samples}, error

    def predict_uv(self, image):
        return encode_map(self._error(self._answers[id(image)].copy()))


@pytest.fixture(scope="module")
def samples():
    faces = SyntheticFaces(seed=9)
    return [faces.sample(k) for k in range(12)]


def test_dense_errors_of_a_shift(samples):
    perfect = evaluate_synthetic(FakeNetwork(samples, lambda m: m), samples)
    assert perfect["photos"] == 12 and perfect["mm"]["mean over photos"] < 0.01 and perfect["normals"] < 0.5
    assert perfect["roughness"]["prediction"] == pytest.approx(perfect["roughness"]["truth"], rel=1e-2)
    shifted = evaluate_synthetic(FakeNetwork(samples, lambda m: m + [3, -4, 7]), samples)  # z of mean 0 on both sides
    expected = np.mean([5 / s.camera.scale for s in samples])
    assert shifted["mm"]["mean over photos"] == pytest.approx(expected, rel=1e-3)
    assert shifted["95 % mm"]["mean over photos"] == pytest.approx(expected, rel=1e-3)
    assert shifted["aligned mm"]["mean over photos"] < 0.01, "a similarity transform removes a shift"
    box = [np.sqrt(np.prod(np.ptp(UVLayout().landmarks(s.position_map)[:, :2], axis=0))) for s in samples]
    assert shifted["nme"]["mean over photos"] == pytest.approx(np.mean(500 / np.array(box)), rel=1e-3)


def test_mean_face_for_comparison(samples):
    """The mean shape as projected by the true camera, whatever the network's output."""
    layout = UVLayout()
    report = evaluate_synthetic(FakeNetwork(samples, lambda m: m + [3, -4, 7]), samples)["mean face"]
    expected = []
    for sample in samples:
        seen = layout.points(sample.position_map)
        back = sample.camera.unproject(seen) - layout.points(layout.mean_map)  # mm of the head
        back -= sample.camera.rotation[2] * (back @ sample.camera.rotation[2]).mean()  # the mean depth does not count
        expected.append(np.linalg.norm(back, axis=1).mean())
    assert report["mm"]["mean over photos"] == pytest.approx(np.mean(expected), rel=1e-3)
    assert 2 < report["aligned mm"]["mean over photos"] < report["mm"]["mean over photos"] < 10
    assert set(report) == set(ERROR_NAMES)


def test_a_checkerboard_error_is_rough(samples):
    board = 0.5 * (-1.0) ** np.add.outer(np.arange(128), np.arange(128))[..., None]
    rough = evaluate_synthetic(FakeNetwork(samples[:4], lambda m: m + board), samples[:4])
    assert rough["roughness"]["prediction"] > 3 * rough["roughness"]["truth"]
    assert rough["mm"]["mean over photos"] < 5


def test_groups_of_people_are_compared_at_equal_yaw(samples):
    """An error of 6 mm on children and of 3 mm on old people at any yaw."""
    sizes = {}

    def wrong(position_map):
        return position_map + [sizes[position_map.tobytes()], 0, 0]

    from dataclasses import replace

    ages = [{"male": 1.0, "old": k % 2, "child": 1 - k % 2, "yaw": 40.0 * (k // 4)} for k in range(12)]
    some = [replace(s, labels=a) for s, a in zip(samples, ages, strict=True)]
    sizes |= {s.position_map.tobytes(): (3 if s.labels["old"] else 6) * s.camera.scale for s in some}
    people = evaluate_synthetic(FakeNetwork(some, wrong), some)["people"]
    assert people["child"] == {
        "photos": 6,
        "mm": pytest.approx(6, rel=1e-3),
        "nme": pytest.approx(people["child"]["nme"]),
    }
    assert people["old"]["mm"] == pytest.approx(3, rel=1e-3) and people["male"]["mm"] == pytest.approx(4.5, rel=1e-3)
    assert "female" not in people and "dark" not in people
    with pytest.raises(ValueError, match="no sample"):
        evaluate_synthetic(FakeNetwork([], wrong), [])


@pytest.fixture(scope="module")
def album(tmp_path_factory, samples):
    """Rendered faces on a larger background, in files like those of AFLW2000-3D."""
    folder = tmp_path_factory.mktemp("album")
    for k, sample in enumerate(samples):
        picture = np.full((200, 220, 3), 90, np.uint8)
        picture[30:158, 40:168] = sample.image
        Image.fromarray(picture).save(folder / f"image{k:05d}.jpg", quality=98)
        points = UVLayout().landmarks(sample.position_map) + [40 + 1, 30 + 1, 500]
        pose = np.deg2rad(sample.camera.angles)
        savemat(folder / f"image{k:05d}.mat", {"pt3d_68": points.T, "Pose_Para": np.r_[pose, 0, 0, 0, 1][None]})
    return folder


def by_hand(landmarks, folder):
    """The 2D protocol in plain numpy, from the files of the data set."""
    from scipy.io import loadmat

    bins = {"0-30": [], "30-60": [], "60-90": []}
    for name, points in landmarks.items():
        file = loadmat(folder / f"{name}.mat")
        truth = file["pt3d_68"][:2].T.astype(float) - 1
        yaw = abs(np.rad2deg(file["Pose_Para"].ravel()[1]))
        x, y = truth.T
        side = ((x.max() - x.min()) * (y.max() - y.min())) ** 0.5
        error = 100 * np.mean(np.sqrt((points[:, 0] - x) ** 2 + (points[:, 1] - y) ** 2)) / side
        bins["0-30" if yaw <= 30 else "30-60" if yaw <= 60 else "60-90"].append(error)
    means = {name: np.mean(b) for name, b in bins.items() if b}
    every = [e for b in bins.values() for e in b]
    return means | {"mean of bins": np.mean(list(means.values())), "mean over photos": np.mean(every)}


@pytest.mark.parametrize("real", [False, True], ids=["rendered", "AFLW2000-3D"])
def test_the_command_agrees_with_a_computation_by_hand(real, album, request, tmp_path, capsys):
    folder = request.getfixturevalue("aflw2000_dir") if real else album
    assert main(["evaluate", "--weights", "open", "--aflw2000", str(folder), "--output", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    with np.load(tmp_path / "predictions.npz") as file:
        landmarks = dict(zip(file["names"].tolist(), file["landmarks"], strict=True))
    expected = by_hand(landmarks, folder)
    assert len(landmarks) == report["photos"] == (400 if real else 12)
    for name, value in expected.items():
        assert report["nme"][name] == pytest.approx(value, abs=1e-6), name
    printed = capsys.readouterr().out
    assert f"mean of bins      {expected['mean of bins']:8.3f}" in printed
    low, high = report["interval"]
    assert low < expected["mean of bins"] < high
    assert np.mean(report["landmarks"]) == pytest.approx(expected["mean over photos"], abs=1e-6)
    assert report["ced"]["share"][-1] == pytest.approx(1 - report["failures"])
    assert Image.open(tmp_path / "report.png").size == (1100, 500)
    # the written predictions have the same errors
    assert main(["evaluate", "--predictions", str(tmp_path / "predictions.npz"), "--aflw2000", str(folder),
                 "--output", str(tmp_path / "again")]) == 0  # fmt: skip
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    assert again["nme"] == report["nme"]


class FixedNetwork:
    """A network that outputs given landmarks, chosen by the first pixel of the photo."""

    def __init__(self, answers):
        self.answers = answers

    def _face(self, points):
        return SimpleNamespace(
            landmarks=points, pose=SimpleNamespace(camera=SimpleNamespace(rotation=rotation_matrix(0, 0, 0)))
        )

    def reconstruct_in_box(self, image, box):
        return self._face(self.answers[int(image[0, 0, 0])])

    def reconstruct(self, image):
        return [self._face(p) for p in self.answers[int(image[0, 0, 0])]]


@pytest.fixture
def two_photos(tmp_path):
    rng = np.random.default_rng(0)
    truth = rng.uniform(60, 140, (2, 68, 3))
    for k, points in enumerate(truth):
        Image.new("RGB", (200, 200), (k, k, k)).save(tmp_path / f"image{k:05d}.png")
        (tmp_path / f"image{k:05d}.png").rename(tmp_path / f"image{k:05d}.jpg")
        pose = np.array([[0.1, 0.2 + 0.6 * k, 0, 0, 0, 0, 1]])
        savemat(tmp_path / f"image{k:05d}.mat", {"pt3d_68": (points + [1, 1, 0]).T, "Pose_Para": pose})
    return tmp_path, truth


def test_end_to_end_counts_missed_faces(two_photos):
    folder, truth = two_photos
    side = np.sqrt(np.prod(np.ptp(truth[..., :2], axis=1), axis=1))
    stranger = truth[0] + [150, 0, 0]
    net = FixedNetwork({0: [stranger, truth[0] + [2, 0, 0]], 1: [stranger]})
    report, predictions = evaluate_aflw2000(net, AFLW2000(folder), detector=True)
    assert report["photos"] == 2 and report["missed"] == 1 and np.isnan(predictions["landmarks"][1]).all()
    assert report["nme"]["mean of bins"] == pytest.approx(200 / side[0]), "of the right face; missed faces do not count"
    assert report["nme over all"]["mean of bins"] == pytest.approx((200 / side[0] + 100) / 2)
    assert report["failures"] == 0.5 and report["area"] == pytest.approx((10 - 200 / side[0]) / 20)
    assert "flip" not in report and report["pose"]["photos"] == 1
    with pytest.raises(ValueError, match="no face was found"):
        evaluate_aflw2000(FixedNetwork({0: [], 1: []}), AFLW2000(folder), detector=True)


def test_depth_and_pose_errors_of_known_mistakes(two_photos):
    folder, truth = two_photos
    wrong = truth.copy()
    wrong[:, :34, 2] += 6  # half of the points are too near: errors of 3 without the mean
    report, _ = evaluate_aflw2000(FixedNetwork(dict(enumerate(wrong))), AFLW2000(folder))
    side = np.sqrt(np.prod(np.ptp(truth[..., :2], axis=1), axis=1))
    assert report["nme"]["mean over photos"] == pytest.approx(0, abs=1e-9)
    assert report["nme 3D, mean z"]["mean over photos"] == pytest.approx((300 / side).mean())
    assert report["pose"]["geodesic"] == pytest.approx(
        np.mean([np.degrees(np.arccos((np.trace(rotation_matrix(*a)) - 1) / 2)) for a in AFLW2000(folder).angles])
    )
    # the mirror image has the same first pixel, so the same landmarks, which are wrong after mirroring
    assert report["flip"] > 10


def test_broken_photos_are_named_and_the_rest_is_evaluated(two_photos, capsys):
    folder, truth = two_photos
    (folder / "image00001.jpg").write_bytes(b"no picture")
    (folder / "image00002.jpg").write_bytes(b"")
    savemat(folder / "image00003.mat", {"pt3d_68": np.ones((3, 68)), "Pose_Para": np.zeros((1, 7))})
    savemat(folder / "image00004.mat", {"pt3d_68": np.ones((3, 60)), "Pose_Para": np.zeros((1, 7))})
    (folder / "image00004.jpg").write_bytes(b"")
    command = ["evaluate", "--weights", "open", "--aflw2000", str(folder), "--output", str(folder / "out")]
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert "on 1 photos" in out and "4 photos could not be read" in err
    for name, what in ((1, "image00001.jpg"), (2, "image00002.mat is missing"), (3, "image00003.jpg is missing"),
                       (4, r"pt3d_68 (3, 60)")):  # fmt: skip
        assert any(f"image0000{name} left out" in line and what in line for line in err.splitlines()), name
    report = json.loads((folder / "out/report.json").read_text())
    assert sorted(report["problems"]) == [f"image0000{k}" for k in (1, 2, 3, 4)] and report["photos"] == 1
    assert main([*command, "--keep-going"]) == 0
    (folder / "image00000.jpg").write_bytes(b"no picture")
    assert main(command) == 2
    assert "none of the 2 photos" in capsys.readouterr().err
    with pytest.raises(DatasetError, match="can be read"):
        evaluate_aflw2000(LPRNet("open"), AFLW2000(folder, strict=False))


def test_predictions_of_another_method(two_photos):
    folder, truth = two_photos
    data = AFLW2000(folder)
    side = np.sqrt(np.prod(np.ptp(truth[..., :2], axis=1), axis=1))
    report, _ = match_predictions(["image00001", "image09999"], np.stack([truth[1] + [0, 3, 0], truth[0]]), data)
    assert report["photos"] == 1 and report["problems"] == {"image00000": "no prediction"}
    assert report["nme"]["mean over photos"] == pytest.approx(300 / side[1])
    flat = match_predictions(data.names, truth[..., :2], data)[0]
    assert flat["nme"]["mean of bins"] == pytest.approx(0) and "nme 3D, mean z" not in flat and "pose" not in flat


@pytest.mark.parametrize(("names", "reason"), [
    (["image00000"] * 2, "1 different of 2 names"),
    (["image00000"], "2 predictions"),
    (["x", "y"], "no prediction is of one"),
])  # fmt: skip
def test_predictions_that_do_not_fit_the_photos_are_refused(two_photos, names, reason):
    folder, truth = two_photos
    with pytest.raises(ValueError, match=reason):
        match_predictions(names, truth, AFLW2000(folder))


def test_predictions_with_too_few_landmarks_are_refused(two_photos):
    folder, truth = two_photos
    with pytest.raises(ValueError, match="for 2 photos"):
        landmark_report(truth[:, :60], AFLW2000(folder))
