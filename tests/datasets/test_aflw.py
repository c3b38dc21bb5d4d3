"""Readers of real data: on files that the tests write, and on the real ones where they are."""

import numpy as np
import pytest
from data_files import write_aflw2000
from scipy.io import savemat

from lprnet_utils.common import DatasetError
from lprnet_utils.common.assets import load_arrays
from lprnet_utils.datasets import AFLW2000, AFLWTrain, fit_photos
from lprnet_utils.geometry import landmark_box
from lprnet_utils.geometry.landmarks import expressive, openness


def test_aflw2000_counts_pixels_from_one(tmp_path):
    points = np.random.default_rng(0).uniform(1, 450, (3, 68))
    write_aflw2000(tmp_path, "image00001", points, [0.1, -0.5, 0.2, 0, 0, 0, 1e-3])
    data = AFLW2000(tmp_path)
    assert np.allclose(data.landmarks[0, :, :2], points[:2].T - 1) and np.allclose(data.landmarks[0, :, 2], points[2])
    assert data.angles[0] == pytest.approx(np.rad2deg([0.1, -0.5, 0.2]))
    assert data.image(0).shape == (450, 450, 3)


def test_broken_aflw2000_files_are_named(tmp_path):
    with pytest.raises(DatasetError, match="no photo with its .mat file"):
        AFLW2000(tmp_path)
    points = np.ones((3, 68))
    write_aflw2000(tmp_path, "image00001", points, [0.0] * 7)
    savemat(tmp_path / "image00002.mat", {"pt3d_68": points})
    with pytest.raises(DatasetError, match="image00002.jpg is missing"):
        AFLW2000(tmp_path)
    assert AFLW2000(tmp_path, strict=False).names == ["image00001"]
    (tmp_path / "image00002.jpg").write_bytes(b"")
    with pytest.raises(DatasetError, match="image00002.mat has no field Pose_Para"):
        AFLW2000(tmp_path)
    write_aflw2000(tmp_path, "image00002", points[:, :60], [0.0] * 7)
    with pytest.raises(DatasetError, match=r"image00002.mat: pt3d_68 \(3, 60\)"):
        AFLW2000(tmp_path)
    whole = (tmp_path / "image00001.mat").read_bytes()
    (tmp_path / "image00002.mat").write_bytes(whole[:200])
    with pytest.raises(DatasetError, match="image00002.mat cannot be read"):
        AFLW2000(tmp_path)
    (tmp_path / "image00002.mat").unlink()
    with pytest.raises(DatasetError, match="image00002.mat is missing"):
        AFLW2000(tmp_path)
    (tmp_path / "image00002.jpg").unlink()
    (tmp_path / "image00001.jpg").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="image00001.jpg"):
        AFLW2000(tmp_path).image(0)
    write_aflw2000(tmp_path, "image00001", points * np.nan, [0.0] * 7)
    with pytest.raises(DatasetError, match="image00001.mat: field pt3d_68"):
        AFLW2000(tmp_path)


def test_real_training_photos(aflw_train_dir):
    photos = AFLWTrain(aflw_train_dir)
    assert len(photos) == 18606
    assert 0.03 < photos.held_out.mean() < 0.07
    group = load_arrays(aflw_train_dir / "labels.npz", "dup_group")[0]
    assert not set(group[photos.held_out]) & set(group[~photos.held_out]), "a group on both sides"
    assert photos.image(17).shape == (120, 120, 3)
    rows = np.flatnonzero(photos.trust == 1)[:200]
    fits = fit_photos(photos, rows)
    labels = photos.landmarks[rows]
    from lprnet_utils import MorphableModel, UVLayout

    layout = UVLayout()
    mean, basis = MorphableModel.load().position_basis(layout)
    points = fits.evaluate(layout.landmark_matrix @ mean, np.stack([layout.landmark_matrix @ b for b in basis]))
    box = landmark_box(labels)
    side = np.sqrt((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))
    error = np.linalg.norm((points - labels)[..., :2], axis=-1).mean(1) / side
    assert 100 * error.mean() < 0.7, "the model explains its labels"
    without = AFLWTrain(aflw_train_dir, lids_and_lips=False)
    other = [k for k in range(68) if k < 36]
    assert (photos.landmarks[:, other] == without.landmarks[:, other]).all()
    front = np.abs(photos.yaw) < 30
    lids = [openness(p.landmarks[front, :, :2])[0] for p in (photos, without)]
    lowest, middle = (np.quantile(lids, q, axis=1) for q in (0.02, 0.5))
    assert lowest[0] < 0.12 < 0.2 < lowest[1], "eyes are shut now, as they are in some photos"
    assert middle[0] == pytest.approx(middle[1], abs=0.03)
    assert 0.02 < expressive(photos.landmarks).mean() < 0.12


def test_real_evaluation_photos(aflw2000_dir):
    data = AFLW2000(aflw2000_dir)
    assert len(data) == 400
    box = landmark_box(data.landmarks)
    assert (box[:, :2] > -60).all() and (box[:, 2:] < 510).all()
