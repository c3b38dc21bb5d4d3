"""The mean pose as a yardstick, and errors in mm."""

import numpy as np
import pytest

from lprnet_utils.body import mean_pose_placed, mean_pose_turned, measure, summarise
from lprnet_utils.body.baseline import view_of
from lprnet_utils.geometry import rotation_matrix
from lprnet_utils.synthetic import SyntheticHands
from lprnet_utils.uv import load_layout


@pytest.fixture(scope="module")
def layout():
    return load_layout("hand")


@pytest.fixture(scope="module")
def samples():
    hands = SyntheticHands(seed=6)
    return [hands.sample(k) for k in range(6)]


def test_the_mean_pose_turned_is_exact_for_itself(layout):
    mean = layout.points(layout.mean_map)
    seen = 0.7 * (mean * [1, -1, 1]) @ rotation_matrix(20, 130, -40).T + [30, 50, -10]
    assert np.abs(mean_pose_turned(layout, seen) - seen).max() < 1e-3
    mirrored = np.linalg.norm(mean_pose_turned(layout, seen * [-1, 1, 1]) - seen * [-1, 1, 1], axis=1)
    assert mirrored.mean() > 3, "a left hand is no turned right one"


def test_the_placed_mean_pose_stands_upright_in_the_crop(layout):
    back, palm = mean_pose_placed(layout, 2)
    for seen in (back, palm):
        points, landmarks = layout.points(seen), layout.landmarks(seen)
        middle = (landmarks[:, :2].min(0) + landmarks[:, :2].max(0)) / 2
        assert np.abs(middle - 63.5).max() < 0.5 and abs(points[:, 2].mean()) < 1e-3
        assert landmarks[12, 1] < landmarks[0, 1], "the middle finger is above the wrist"
    thumb = [layout.landmarks(m)[4, 0] for m in (back, palm)]
    assert thumb[0] < 50 and thumb[1] > 77, "of a right hand: left from its back, right from its palm"


def test_the_truth_has_no_error_and_a_shift_has_its_own(layout, samples):
    truth = iter(samples)

    def perfect(crop):
        """The true map moved by 3 pixels: measure cuts the crop round the box of the landmarks."""
        from lprnet_utils.geometry import crop_matrix, transform_points

        true_map = next(truth).position_map
        landmarks = layout.landmarks(true_map)[:, :2]
        matrix = crop_matrix(np.r_[landmarks.min(0), landmarks.max(0)], layout.size)
        return transform_points(matrix, true_map).astype(np.float32) + np.float32([3, 0, 9])

    rows = measure(perfect, layout, samples)
    for row, sample in zip(rows, samples, strict=True):
        assert row["aligned"] < 0.1 and row["pose"] == sample.labels["pose"]
        landmarks = layout.landmarks(sample.position_map)[:, :2]
        side = 1.5 * np.ptp(landmarks, 0).mean() / sample.camera.scale  # mm
        assert row["placed"] == pytest.approx(3 * side / 128, rel=0.02), "the depth's shift does not count"
        assert row["mean placed"] > row["mean turned"] > 1
        assert 0 <= row["turn"] <= 180


def test_means_are_taken_by_group():
    rows = [{"placed": p, "aligned": a, "mean placed": 10.0, "mean turned": 4.0, "turn": t}
            for p, a, t in ((2, 1, 10), (4, 2, 80), (6, 3, 170), (8, 2, 160))]  # fmt: skip
    found = summarise(rows, view_of)
    assert list(found) == ["behind", "front", "side", "all"]
    assert found["behind"] == {"placed": 7, "aligned": 2.5, "mean placed": 10, "mean turned": 4,
                               "ratio placed": 0.7, "ratio turned": 0.625, "photos": 2}  # fmt: skip
    assert found["all"]["ratio placed"] == 0.5 and found["all"]["photos"] == 4
