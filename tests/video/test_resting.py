"""A face at rest is learned over a video."""

import pytest

from lprnet_utils.video.resting import MAX_RESTING, RestingFace


def watch(resting, weights, seconds, fps=30):
    """What is left of the same weights in the last of the frames."""
    for _ in range(round(seconds * fps)):
        found = resting.update(weights, 1 / fps)
    return found


def test_a_small_weight_that_stays_becomes_rest():
    resting = RestingFace()
    assert resting.update({"mouthSmileLeft": 0.2}, 1 / 30)["mouthSmileLeft"] == pytest.approx(0.2, abs=0.01)
    assert watch(resting, {"mouthSmileLeft": 0.2}, 120)["mouthSmileLeft"] < 0.01
    smile = resting.update({"mouthSmileLeft": 1.0}, 1 / 30)["mouthSmileLeft"]
    assert smile == pytest.approx(1, abs=0.01), "a whole smile stays a whole one"


def test_a_smile_at_the_start_is_no_rest_and_one_that_ends_is_forgotten():
    resting = RestingFace()
    assert watch(resting, {"mouthSmileLeft": 0.8}, 3)["mouthSmileLeft"] > 0.75
    watch(resting, {"mouthSmileLeft": 0.8}, 600)
    assert resting.weights["mouthSmileLeft"] == MAX_RESTING, "nobody's rest is a broad smile"
    watch(resting, {"mouthSmileLeft": 0.0}, 3)
    assert resting.weights["mouthSmileLeft"] < 0.01


def test_a_blink_does_not_raise_the_lids_at_rest():
    resting = RestingFace()
    for _ in range(20):  # a minute with a blink of 0.2 s every 3 s
        watch(resting, {"eyeBlinkLeft": 0.05}, 2.8)
        assert watch(resting, {"eyeBlinkLeft": 1.0}, 0.2)["eyeBlinkLeft"] > 0.99
    assert resting.weights["eyeBlinkLeft"] < 0.08


def test_where_somebody_looks_has_no_rest():
    resting = RestingFace()
    assert watch(resting, {"eyeLookUpLeft": 0.2}, 120) == {"eyeLookUpLeft": pytest.approx(0.2)}
