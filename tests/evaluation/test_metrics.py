"""Metrics against values computed by hand."""

import numpy as np
import pytest

from lprnet_utils.common.assets import load_arrays
from lprnet_utils.datasets import AFLW2000
from lprnet_utils.evaluation import (
    confidence_interval,
    cumulative_error,
    jitter,
    lag,
    landmark_nme,
    normaliser,
    point_errors,
    pose_errors,
    summarise_by_yaw,
    surface_error,
)
from lprnet_utils.geometry import rotation_matrix


def test_bins_by_hand():
    errors = [1, 2, 3, 4, 8]
    yaw = [0, -30, 30.5, -60, 75]
    report = summarise_by_yaw(errors, yaw)
    assert report["0-30"] == 1.5 and report["30-60"] == 3.5 and report["60-90"] == 8
    assert report["mean of bins"] == pytest.approx(13 / 3) and report["mean over photos"] == pytest.approx(18 / 5)
    assert np.isnan(summarise_by_yaw([1], [0])["60-90"])


def test_normalisers_and_nme_by_hand():
    face = np.zeros((68, 3))
    face[0, :2], face[1, :2] = [0, 0], [40, 90]
    face[36], face[45] = [10, 20, 0], [40, 20, 40]
    face[37:42], face[42:45], face[46:48] = [16, 20, 0], [34, 20, 0], [34, 20, 0]
    assert normaliser(face) == pytest.approx(60) and normaliser(face, "diagonal") == pytest.approx(np.hypot(40, 90))
    assert normaliser(face, "interocular") == pytest.approx(50), "3D: 30 across, 40 deep"
    assert normaliser(face[:, :2], "interocular") == pytest.approx(30)
    assert normaliser(face[:, :2], "interpupil") == pytest.approx((40 + 5 * 34) / 6 - (10 + 5 * 16) / 6)
    assert normaliser(np.stack([face, 2 * face])) == pytest.approx([60, 120]), "many at once"
    predicted = face + np.repeat([[3, 0, 1000], [0, -4, 1000]], 34, axis=0)
    assert landmark_nme(predicted, face) == pytest.approx(100 * (34 * 3 + 34 * 4) / 68 / 60), "depth does not count"


def test_errors_in_space_by_hand():
    truth = np.array([[0, 0, 0], [0, 0, 10], [0, 0, 20.0]])
    predicted = truth + [3, 4, 100]  # the zero of z does not count
    assert point_errors(predicted, truth) == pytest.approx([5, 5, 5])
    assert point_errors(predicted, truth, "mean") == pytest.approx([5, 5, 5])
    predicted[0, 2] -= 12  # without the offset: z is -12, 10, 20
    minimum = point_errors(predicted, truth, "minimum") ** 2 - 25  # against 0, 10, 20 are now 0, 22, 32
    assert minimum == pytest.approx([0, 144, 144])
    mean = point_errors(predicted, truth, "mean") ** 2 - 25  # means 6 and 10: -18, 4, 14 against -10, 0, 10
    assert mean == pytest.approx([64, 16, 16])


def test_cumulative_error_by_hand():
    ced = cumulative_error([2, 4, np.inf, 12], limit=10)
    # the staircase is 1/4 from 2 to 4 and 1/2 from 4 to 10
    assert ced["area"] == pytest.approx((0.25 * 2 + 0.5 * 6) / 10) and ced["failures"] == 0.5
    assert ced["error"] == pytest.approx([0, 2, 4, 10]) and ced["share"] == pytest.approx([0, 0.25, 0.5, 0.5])
    steps = np.diff(ced["error"]) @ ced["share"][:-1]
    assert steps / 10 == pytest.approx(ced["area"])
    assert cumulative_error([0, 0])["area"] == 1 and cumulative_error([11])["area"] == 0


def test_pose_errors_by_hand():
    true = np.array([rotation_matrix(10, 20, 170), rotation_matrix(0, 0, 0), rotation_matrix(30, 89.9, 0)])
    predicted = np.array([rotation_matrix(7, 24, -179), rotation_matrix(0, 5, 0), rotation_matrix(0, 89.9, -30)])
    off = pose_errors(predicted, true)
    assert off["pitch"][:2] == pytest.approx([3, 0]) and off["yaw"][:2] == pytest.approx([4, 5])
    assert off["roll"][:2] == pytest.approx([11, 0]), "the smaller of the two differences"
    assert off["geodesic"][1] == pytest.approx(5)
    # near a yaw of 90 degrees pitch and roll have nearly the same axis: the angles differ, the poses hardly do
    assert off["pitch"][2] == pytest.approx(30) and off["geodesic"][2] < 0.2


def test_surface_error_after_rigid_alignment():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.linspace(-60, 60, 40), np.linspace(-80, 80, 50)), -1).reshape(-1, 2)
    bump = 40 * np.exp(-(grid**2).sum(1) / 800) - (grid[:, 0] / 12) ** 2 + 3 * np.sin(grid[:, 1] / 15)
    truth = np.c_[grid, bump]
    moved = truth[rng.permutation(len(truth))] @ rotation_matrix(3, -4, 5).T + [4, -3, 6]
    assert surface_error(moved, truth).max() < 0.01, "neither a rigid movement nor the order of the points matters"
    lifted = truth + [0, 0, 1] * (2 * (grid[:, :1] > 0) - 1) * 2.0  # one half 2 mm up, the other 2 mm down
    assert 0.3 < surface_error(lifted, truth).mean() < 2
    larger = surface_error(1.1 * truth, truth).mean(), surface_error(1.1 * truth, truth, scale=True).mean()
    assert larger[1] < 0.1 < 1 < larger[0]


def test_lag_by_hand():
    t = np.arange(60)
    nod = np.sin(t / 5)
    for late in (0, 1.5, -2.25):
        assert lag(np.sin((t - late) / 5), nod) == pytest.approx(late, abs=0.026)
    assert lag(3 * nod + 7, nod) == 0, "neither scale nor offset matters"


def test_jitter_by_hand():
    still = np.zeros((4, 2, 2))
    still[:, 0, 0], still[:, 1, 1] = [1, -1, 1, -1], [2, -2, 2, -2]
    assert jitter(still) == pytest.approx((1 + 2) / 2)
    noise = np.random.default_rng(0).normal(0, 0.5, (4000, 5, 2))
    nod = 30 * np.sin(np.arange(4000) / 30)[:, None, None] + noise
    assert jitter(noise, moving=True) == pytest.approx(0.5 * np.sqrt(2), rel=0.03)
    assert jitter(noise) == pytest.approx(jitter(noise, moving=True), rel=0.03)
    assert jitter(nod, moving=True) == pytest.approx(0.5 * np.sqrt(2), rel=0.03) and jitter(nod) > 20


def test_confidence_interval_of_a_known_spread():
    rng = np.random.default_rng(1)
    errors = rng.normal(4, 2, 400)
    low, high = confidence_interval(errors)
    assert (low + high) / 2 == pytest.approx(errors.mean(), abs=0.03)
    assert (high - low) / 2 == pytest.approx(1.96 * errors.std() / 20, rel=0.1), "1.96 standard errors"
    yaw = np.r_[np.zeros(380), np.full(10, 45), np.full(10, 80)]
    wide = confidence_interval(errors, yaw)
    assert wide[1] - wide[0] > 2 * (high - low), "two thirds of the mean of bins depend on a few photos"
    assert confidence_interval(errors, yaw) == wide, "seeded"
    assert confidence_interval([1, 1, 1]) == (1, 1)


@pytest.mark.parametrize(("measure", "arguments", "reason"), [
    (landmark_nme, (np.zeros((60, 3)), np.zeros((68, 3))), "differ"),
    (normaliser, (np.zeros((68, 3)), "iod"), "one of box, diagonal"),
    (normaliser, (np.zeros((5, 3)),), "68"),
    (point_errors, (np.zeros((3, 2)), np.zeros((3, 2)), "mean"), "three coordinates"),
    (point_errors, (np.zeros((3, 3)), np.zeros((3, 3)), "median"), "not 'median'"),
    (cumulative_error, ([],), "CED"),
    (cumulative_error, ([1, np.nan],), "CED"),
    (pose_errors, (np.eye(3), np.eye(3)), "n, 3, 3"),
    (surface_error, (np.zeros((9, 2)), np.zeros((9, 3))), "points, 3"),
    (lag, (np.arange(60), np.arange(59)), "two signals of one length"),
    (lag, (np.arange(19), np.arange(19)), "at least 20 frames"),
    (jitter, (np.zeros((1, 2, 2)),), "track"),
    (confidence_interval, ([],), "no error"),
])  # fmt: skip
def test_bad_input_is_refused(measure, arguments, reason):
    with pytest.raises(ValueError, match=reason):
        measure(*arguments)


def test_outputs_of_prnet_have_the_published_errors(w300_dir, aflw2000_dir):
    data, folder = AFLW2000(aflw2000_dir), w300_dir / "prnet-outputs"
    names = sorted(p.name.removesuffix("_kpt.txt") for p in folder.glob("*_kpt.txt"))
    truth = data.landmarks[[data.names.index(name) for name in names]]
    points = np.array([np.loadtxt(folder / f"{name}_kpt.txt") for name in names])
    assert len(names) == 5 and landmark_nme(points, truth).mean() == pytest.approx(2.5216, abs=5e-5)
    assert landmark_nme(points, truth) == pytest.approx([2.3038, 4.3486, 1.6145, 2.3372, 2.0037], abs=5e-5)
    assert landmark_nme(points, truth, depth="mean").mean() == pytest.approx(3.5986, abs=5e-5)
    assert landmark_nme(points, truth, depth="minimum").mean() == pytest.approx(4.0490, abs=5e-5)
    as_stored = truth + [1, 1, 0]
    assert landmark_nme(points, as_stored).mean() == pytest.approx(2.5397, abs=5e-5)


def test_predictions_of_3ddfa_v2_have_the_published_errors(aflw2000_dir):
    data = AFLW2000(aflw2000_dir)
    names, points = load_arrays(aflw2000_dir / "3ddfa_v2_mb05.npz", "names", "lm68")
    by_name = dict(zip(names.tolist(), points, strict=True))
    errors = [landmark_nme(by_name[n], t) for n, t in zip(data.names, data.landmarks, strict=True)]
    report = summarise_by_yaw(errors, data.angles[:, 1])
    expected = {"0-30": 2.75, "30-60": 3.57, "60-90": 5.10, "mean of bins": 3.81, "mean over photos": 3.27}
    assert {k: round(v, 2) for k, v in report.items()} == expected
