"""Metrics against values worked out by hand."""

import numpy as np
import pytest

from lprnet_utils.evaluation import evaluate_synthetic, landmark_nme, summarise_by_yaw
from lprnet_utils.synthetic import SyntheticFaces
from lprnet_utils.uv import UVLayout, encode_map


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


class Known:
    """A network that knows the answer, and errs as it is told."""

    def __init__(self, samples, error):
        self.size, self.metadata = 128, {}
        self._answers, self._error = {id(s.image): s.position_map for s in samples}, error

    def predict_uv(self, image):
        return encode_map(self._error(self._answers[id(image)].copy()))


@pytest.fixture(scope="module")
def samples():
    faces = SyntheticFaces(seed=9)
    return [faces.sample(k) for k in range(12)]


def test_dense_errors_of_known_mistakes(samples):
    perfect = evaluate_synthetic(Known(samples, lambda m: m), samples)
    assert perfect["photos"] == 12 and perfect["mm"]["mean over photos"] < 0.01 and perfect["normals"] < 0.5
    assert perfect["roughness"]["prediction"] == pytest.approx(perfect["roughness"]["truth"], rel=1e-2)
    shifted = evaluate_synthetic(Known(samples, lambda m: m + [3, -4, 7]), samples)  # z of mean 0 on both sides
    expected = np.mean([5 / s.camera.scale for s in samples])
    assert shifted["mm"]["mean over photos"] == pytest.approx(expected, rel=1e-3)
    assert shifted["95 % mm"]["mean over photos"] == pytest.approx(expected, rel=1e-3)
    assert shifted["aligned mm"]["mean over photos"] < 0.01, "a similarity takes a shift off"
    box = [np.sqrt(np.prod(np.ptp(UVLayout().landmarks(s.position_map)[:, :2], axis=0))) for s in samples]
    assert shifted["nme"]["mean over photos"] == pytest.approx(np.mean(500 / np.array(box)), rel=1e-3)


def test_a_checkerboard_is_rough(samples):
    board = 0.5 * (-1.0) ** np.add.outer(np.arange(128), np.arange(128))[..., None]
    rough = evaluate_synthetic(Known(samples[:4], lambda m: m + board), samples[:4])
    assert rough["roughness"]["prediction"] > 3 * rough["roughness"]["truth"]
    assert rough["mm"]["mean over photos"] < 5


def test_people_are_told_apart_at_equal_yaw(samples):
    """An error of 6 mm on the young and 3 on the old, however they are turned."""
    sizes = {}

    def wrong(position_map):
        return position_map + [sizes[position_map.tobytes()], 0, 0]

    from dataclasses import replace

    ages = [{"male": 1.0, "old": k % 2, "child": 1 - k % 2, "yaw": 40.0 * (k // 4)} for k in range(12)]
    some = [replace(s, labels=a) for s, a in zip(samples, ages, strict=True)]
    sizes |= {s.position_map.tobytes(): (3 if s.labels["old"] else 6) * s.camera.scale for s in some}
    people = evaluate_synthetic(Known(some, wrong), some)["people"]
    assert people["child"] == {
        "photos": 6,
        "mm": pytest.approx(6, rel=1e-3),
        "nme": pytest.approx(people["child"]["nme"]),
    }
    assert people["old"]["mm"] == pytest.approx(3, rel=1e-3) and people["male"]["mm"] == pytest.approx(4.5, rel=1e-3)
    assert "female" not in people and "dark" not in people
    with pytest.raises(ValueError, match="no sample"):
        evaluate_synthetic(Known([], wrong), [])
