"""Directions of gaze, their angles and their weights."""

import numpy as np
import pytest

from lprnet_utils import MorphableModel
from lprnet_utils.morphable_model.gaze import gaze_angles, look_weights, seen_look_weights

AHEAD = [0.0, 0.0, 1.0]


@pytest.mark.parametrize(("pitch", "yaw"), [(0, 0), (20, 0), (-25, 10), (5, -35)])
def test_angles_of_a_direction(pitch, yaw):
    up, aside = np.radians([pitch, yaw])
    # the person's own right is -x
    direction = [-np.sin(aside), np.cos(aside) * np.sin(up), np.cos(aside) * np.cos(up)]
    np.testing.assert_allclose(gaze_angles(direction), [pitch, yaw], atol=1e-9)
    np.testing.assert_allclose(gaze_angles([direction, AHEAD]), [[pitch, yaw], [0, 0]], atol=1e-9)


def test_a_look_to_the_persons_right_is_out_for_the_right_eye_and_in_for_the_left_one():
    weights = look_weights([[0, 20], [0, 20]])
    assert {name for name, weight in weights.items() if weight > 0} == {"eyeLookOutRight", "eyeLookInLeft"}
    assert weights["eyeLookOutRight"] == weights["eyeLookInLeft"] == 0.5
    assert set(weights) <= set(MorphableModel.load().expression_names) and len(weights) == 8


def test_an_eye_that_is_not_seen_has_no_weights():
    weights = seen_look_weights([[np.nan] * 3, [0, -0.5, np.sqrt(0.75)]])
    assert weights == pytest.approx(
        {"eyeLookUpLeft": 0, "eyeLookDownLeft": 1, "eyeLookInLeft": 0, "eyeLookOutLeft": 0}, abs=1e-9
    )
    assert seen_look_weights(np.full((2, 3), np.nan)) == {}
