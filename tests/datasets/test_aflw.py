"""Readers of real data: on files that the tests write, and on the real ones if they are available."""

import numpy as np
import pytest
from data_files import write_aflw2000
from scipy.io import savemat

from lprnet_utils.common import DatasetError
from lprnet_utils.common.assets import load_arrays
from lprnet_utils.datasets import AFLW2000, AFLWTrain, fit_photos
from lprnet_utils.evaluation import landmark_nme
from lprnet_utils.geometry import landmark_box
from lprnet_utils.geometry.landmarks import eye_and_mouth_opening, is_expressive


def test_aflw2000_counts_pixels_from_one(tmp_path):
    points = np.random.default_rng(0).uniform(1, 450, (3, 68))
    write_aflw2000(tmp_path, "image00001", points, [0.1, -0.5, 0.2, 0, 0, 0, 1e-3])
    data = AFLW2000(tmp_path)
    assert np.allclose(data.landmarks[0, :, :2], points[:2].T - 1) and np.allclose(data.landmarks[0, :, 2], points[2])
    assert data.angles[0] == pytest.approx(np.rad2deg([0.1, -0.5, 0.2]))
    assert data.image(0).shape == (450, 450, 3)


def test_missing_and_broken_aflw2000_files_are_named(tmp_path):
    points, pose = np.random.default_rng(0).uniform(100, 300, (3, 68)), [0.0] * 7
    labels, photo = tmp_path / "image00002.mat", tmp_path / "image00002.jpg"

    def expect(message):
        with pytest.raises(DatasetError, match=message):
            AFLW2000(tmp_path)

    expect("no photo with its .mat file")
    write_aflw2000(tmp_path, "image00001", points, pose)
    savemat(labels, {"pt3d_68": points})
    expect("image00002.jpg is missing")
    data = AFLW2000(tmp_path, strict=False)
    assert data.names == ["image00001"] and "image00002.jpg is missing" in data.problems["image00002"]
    photo.touch()
    expect("image00002.mat has no field Pose_Para")
    write_aflw2000(tmp_path, "image00002", points[:, :60], pose)
    expect(r"image00002.mat: pt3d_68 \(3, 60\)")
    labels.write_bytes(labels.read_bytes()[:200])
    expect("image00002.mat cannot be read")
    labels.unlink()
    expect("image00002.mat is missing")
    for wrong, wrong_pose, message in (
        (points * np.nan, pose, "field pt3d_68"),
        (points * [[np.inf], [1], [1]], pose, "field pt3d_68"),
        (points * 0 + 7, pose, "in one place"),
        (np.linspace([1, 1, 0], [300, 200, 9], 68).T, pose, "on one line"),
        (points * 1e300, pose, "e[+]302 pixels"),
        (points, [0.0, 1e300, *[0.0] * 5], "no angles in radians"),
        (points, [0.0, np.nan, *[0.0] * 5], "field Pose_Para"),
        (points, [0.0] * 3, "Pose_Para"),
    ):
        write_aflw2000(tmp_path, "image00001", wrong, wrong_pose)
        expect(f"image00001.mat.*{message}")
    savemat(tmp_path / "image00001.mat", {"pt3d_68": "abc", "Pose_Para": [pose]})
    expect("image00001.mat cannot be read")
    (tmp_path / "image00001.jpg").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="image00001.jpg"):
        data.image(0)


def test_real_training_photos(aflw_train_dir, landmark_model):
    photos = AFLWTrain(aflw_train_dir)
    assert len(photos) == 18606
    assert 0.03 < photos.held_out.mean() < 0.07
    group = load_arrays(aflw_train_dir / "labels.npz", "dup_group")[0]
    assert not set(group[photos.held_out]) & set(group[~photos.held_out]), "a group on both sides"
    assert photos.image(17).shape == (120, 120, 3)
    rows = np.flatnonzero(photos.trust == 1)[:200]
    labels = photos.landmarks[rows]
    error = landmark_nme(fit_photos(labels).evaluate(*landmark_model), labels)
    assert error.mean() < 0.7, "the model explains its labels"
    without = AFLWTrain(aflw_train_dir, lids_and_lips=False)
    assert (photos.landmarks[:, :36] == without.landmarks[:, :36]).all()
    front = np.abs(photos.yaw) < 30
    lids = [eye_and_mouth_opening(p.landmarks[front, :, :2])[0] for p in (photos, without)]
    lowest, middle = (np.quantile(lids, q, axis=1) for q in (0.02, 0.5))
    assert lowest[0] < 0.12 < 0.2 < lowest[1], "some eyes are shut, as in the photos"
    assert middle[0] == pytest.approx(middle[1], abs=0.03)
    assert 0.02 < is_expressive(photos.landmarks).mean() < 0.12


def test_real_evaluation_photos(aflw2000_dir):
    data = AFLW2000(aflw2000_dir)
    assert len(data) == 400
    box = landmark_box(data.landmarks)
    assert (box[:, :2] > -60).all() and (box[:, 2:] < 510).all()
