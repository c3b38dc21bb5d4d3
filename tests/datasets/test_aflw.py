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


POINTS = np.ones((3, 68))


def without_photo(folder):
    savemat(folder / "image00002.mat", {"pt3d_68": POINTS})


def without_pose(folder):
    without_photo(folder)
    (folder / "image00002.jpg").touch()


def with_60_points(folder):
    write_aflw2000(folder, "image00002", POINTS[:, :60], [0.0] * 7)


def with_truncated_labels(folder):
    (folder / "image00002.mat").write_bytes((folder / "image00001.mat").read_bytes()[:200])
    (folder / "image00002.jpg").touch()


def without_labels(folder):
    (folder / "image00002.jpg").touch()


def with_points_that_are_not_finite(folder):
    write_aflw2000(folder, "image00001", POINTS * np.nan, [0.0] * 7)


@pytest.mark.parametrize(("damage", "message"), [
    (without_photo, "image00002.jpg is missing"),
    (without_pose, "image00002.mat has no field Pose_Para"),
    (with_60_points, r"image00002.mat: pt3d_68 \(3, 60\)"),
    (with_truncated_labels, "image00002.mat cannot be read"),
    (without_labels, "image00002.mat is missing"),
    (with_points_that_are_not_finite, "image00001.mat: field pt3d_68"),
])  # fmt: skip
def test_broken_aflw2000_files_are_named(tmp_path, damage, message):
    write_aflw2000(tmp_path, "image00001", POINTS, [0.0] * 7)
    damage(tmp_path)
    with pytest.raises(DatasetError, match=message):
        AFLW2000(tmp_path)


def test_broken_aflw2000_photos_are_left_out_unless_strict(tmp_path):
    with pytest.raises(DatasetError, match="no photo with its .mat file"):
        AFLW2000(tmp_path)
    write_aflw2000(tmp_path, "image00001", POINTS, [0.0] * 7)
    without_photo(tmp_path)
    data = AFLW2000(tmp_path, strict=False)
    assert data.names == ["image00001"]
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
