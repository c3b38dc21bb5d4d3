"""Machine labels corrected by human points and by a second machine."""

import numpy as np
import pytest
from made_faces import sample_fits

from lprnet_utils.common.assets import load_arrays, read_mat
from lprnet_utils.datasets import AFLW2000, HumanPoints, fuse_points, graft_parts
from lprnet_utils.datasets.aflw import AFLW_EARS, AFLW_POINTS
from lprnet_utils.evaluation import landmark_nme, summarise_by_yaw
from lprnet_utils.geometry import rotation_matrix
from lprnet_utils.morphable_model import Fits, fit_landmarks

KEEP = [k for k in range(len(AFLW_POINTS)) if k not in AFLW_EARS]
GROUPS = [AFLW_POINTS[k] for k in KEEP]


def test_human_points_correct_machine_labels(landmark_model):
    """Labels that are shifted, scaled, rotated and of another face; noisy points with slightly other definitions."""
    mean, basis = landmark_model
    rng = np.random.default_rng(4)
    faces, truth = sample_fits(mean, basis, 150, rng)
    wrong = Fits(
        faces.coefficients + np.c_[rng.normal(0, 0.5, (150, 80)), rng.normal(0, 0.1, (150, 51))],
        np.array([rotation_matrix(*rng.normal(0, 2, 3)) @ r for r in faces.rotation]),
        faces.scale * np.exp(rng.normal(0, 0.02, 150)),
        faces.translation,
    )
    labels = wrong.evaluate(mean, basis)
    labels += rng.normal(0, 0.02, (150, 1, 3)) * faces.scale[:, None, None] * 120 * [1, 1, 0]
    side = np.sqrt(np.prod(np.ptp(truth[..., :2], axis=1), axis=1))[:, None, None]
    points = np.stack([truth[:, list(g), :2].mean(1) for g in GROUPS], 1)
    points += side * (rng.normal(0, 0.01, (1, len(GROUPS), 2)) + rng.normal(0, 0.006, points.shape))
    points[rng.random(points.shape[:2]) < 0.2] = np.nan
    yaw = rng.uniform(-80, 80, 150)
    fused, moved = fuse_points(mean, basis, wrong, labels, HumanPoints(points, GROUPS), yaw)
    before, after = (np.linalg.norm((found - truth)[..., :2], axis=2) / side[..., 0] for found in (labels, fused))
    assert after.mean() < 0.6 * before.mean(), "nearly half of the error is gone"
    jaw_side = np.sqrt(np.prod(np.ptp(truth[:, :17, :2], axis=1), axis=1))[:, None]
    before, after = (np.linalg.norm((some - truth)[:, :17, :2], axis=2) / jaw_side for some in (labels, fused))
    assert after.mean() < 0.8 * before.mean(), "on the jaw, where no point is, a fifth"
    assert (fused[..., 2] == labels[..., 2]).all() and 0.005 < moved.mean() < 0.05
    none = np.full_like(points, np.nan)
    same, moved = fuse_points(mean, basis, wrong, labels, HumanPoints(none, GROUPS), yaw)
    assert (same == labels).all() and (moved == 0).all(), "without points nothing changes"
    with pytest.raises(ValueError, match="do not fit"):
        fuse_points(mean, basis, wrong, labels, HumanPoints(points[:, :5], GROUPS), yaw)


def test_people_who_differ_much_move_a_label_by_little(landmark_model):
    """One marked point, and people who are off to both sides of the label by the same share of the box."""
    mean, basis = landmark_model
    n = 40
    faces = Fits(np.zeros((n, len(basis))), np.tile(np.eye(3), (n, 1, 1)), np.ones(n), np.zeros((n, 3)))
    labels, yaw = faces.evaluate(mean, basis), np.zeros(n)
    side, sign = np.sqrt(np.prod(np.ptp(labels[0, :, :2], axis=0))), np.where(np.arange(n) % 2, 1, -1)
    follow, prior = [], []
    for off in (0.004, 0.06):
        points = labels[:, [30], :2] + (off * side * sign)[:, None, None] * [1, 0]
        fused, _ = fuse_points(mean, basis, faces, labels, HumanPoints(points, [(30,)]), yaw)
        share = (fused - labels)[:, 30, 0] / (off * side * sign)
        assert np.ptp(share) < 1e-9
        follow.append(share[0])
        prior.append((1.4826 * off) ** 2 / (1 / share[0] - 1))  # share = prior / (prior + noise), as variances
    assert follow[0] > 0.9 and follow[1] < 0.2
    assert prior[0] == pytest.approx(prior[1], rel=1e-6), "the machine's mistakes are as large whoever marks the point"


def test_human_points_correct_the_labels_of_real_photos(landmark_model, aflw2000_dir):
    """3DDFA_V2's landmarks of 400 photos: an error of 3.81 %; corrected by AFLW's points 3.3 or less."""
    mean, basis = landmark_model
    data = AFLW2000(aflw2000_dir)
    names, found = load_arrays(aflw2000_dir / "3ddfa_v2_mb05.npz", "names", "lm68")
    place = {name: k for k, name in enumerate(names.tolist())}
    labels = np.array([found[place[name]] for name in data.names], float)
    points = np.array([read_mat(aflw2000_dir / f"{name}.mat", "pt2d")[0].T for name in data.names], float)
    points[(points[..., 0] < 0) | (points[..., 1] > 450)] = np.nan
    fits, human = fit_landmarks(mean, basis, 80, labels), HumanPoints(points[:, KEEP] - 1, GROUPS)
    fused, _ = fuse_points(mean, basis, fits, labels, human, data.angles[:, 1])
    before, after = (
        summarise_by_yaw(landmark_nme(found, data.landmarks), data.angles[:, 1]) for found in (labels, fused)
    )
    print({k: round(v, 2) for k, v in after.items()})
    assert before["mean of bins"] == pytest.approx(3.81, abs=0.005) and after["mean of bins"] < 3.3


def test_the_shape_of_a_part_is_taken_from_a_second_machine():
    """The first machine places mouths well but draws all of them shut; the second sees how far they are open."""
    rng = np.random.default_rng(5)
    n, part = 200, (0, 1, 2, 3)  # corners of a mouth, upper and lower lip; two points elsewhere
    shut = np.array([[-20.0, 0], [20, 0], [0, -1], [0, 1], [-50, -60], [50, 60]])
    opened = rng.uniform(0, 15, n)
    truth = np.repeat(shut[None], n, 0)
    truth[:, 2, 1] -= opened
    truth[:, 3, 1] += opened
    labels = np.repeat(shut[None], n, 0)
    second = 1.1 * truth + rng.normal(0, 5, (n, 1, 2)) + rng.normal(0, 0.2, truth.shape)
    second[:, 4:] = np.nan
    second[:, 0, 0] -= 3  # another definition of the corner
    bad = np.arange(n) < 20
    second[bad] = np.nan
    yaw = rng.uniform(-40, 40, n)
    anchors = ((0,), (1,), (2, 3))
    grafted = graft_parts(labels, second, [(part, anchors)], yaw, ~bad)
    assert (grafted[bad] == labels[bad]).all() and (grafted[:, 4:] == labels[:, 4:]).all()
    assert np.abs(grafted[:, :2] - labels[:, :2]).max() < 2, "the corners stay"
    gap = (grafted[:, 3] - grafted[:, 2])[~bad, 1]
    assert np.corrcoef(gap, opened[~bad])[0, 1] > 0.97
    # the median is that of the first machine, the variation that of the second
    assert np.median(gap) == pytest.approx(2, abs=0.7)
    assert np.polyfit(opened[~bad], gap, 1)[0] == pytest.approx(1.1 * 2, rel=0.1)
    with pytest.raises(ValueError, match="not finite"):
        graft_parts(labels, second, [(part, anchors)], yaw, np.ones(n, bool))
    with pytest.raises(ValueError, match="do not fit"):
        graft_parts(labels, second[:5], [(part, anchors)], yaw, ~bad)
