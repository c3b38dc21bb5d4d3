"""Metrics against values worked out by hand."""

import numpy as np
import pytest

from lprnet_utils.evaluation import landmark_nme, summarise_by_yaw


def test_nme_by_hand():
    truth = np.zeros((68, 3))
    truth[0, :2], truth[1, :2] = [0, 0], [40, 90]  # box 40 x 90, square root of its area 60
    predicted = truth.copy()
    predicted[2:36, 0] += 3
    predicted[36:, 1] -= 4
    predicted[:, 2] += 1000  # depth does not count
    assert landmark_nme(predicted, truth) == pytest.approx(100 * (34 * 3 + 32 * 4) / 68 / 60)
    with pytest.raises(ValueError, match="differ"):
        landmark_nme(predicted[:60], truth)


def test_bins_by_hand():
    errors = [1, 2, 3, 4, 8]
    yaw = [0, -30, 30.5, -60, 75]
    report = summarise_by_yaw(errors, yaw)
    assert report["0-30"] == 1.5 and report["30-60"] == 3.5 and report["60-90"] == 8
    assert report["mean of bins"] == pytest.approx(13 / 3) and report["mean over photos"] == pytest.approx(18 / 5)
    assert np.isnan(summarise_by_yaw([1], [0])["60-90"])


def test_the_published_predictions_give_their_published_figures(aflw2000_dir):
    from lprnet_utils.datasets import AFLW2000, load_arrays

    data = AFLW2000(aflw2000_dir)
    names, points = load_arrays(aflw2000_dir / "3ddfa_v2_mb05.npz", "names", "lm68")
    by_name = dict(zip(names.tolist(), points, strict=True))
    errors = [landmark_nme(by_name[n], t) for n, t in zip(data.names, data.landmarks, strict=True)]
    report = summarise_by_yaw(errors, data.angles[:, 1])
    expected = {"0-30": 2.75, "30-60": 3.57, "60-90": 5.10, "mean of bins": 3.81, "mean over photos": 3.27}
    assert {k: round(v, 2) for k, v in report.items()} == expected
