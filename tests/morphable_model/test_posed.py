"""The posed hand, and the whole head that follows the face."""

import numpy as np
import pytest

from lprnet_utils.morphable_model.posed import PosedModel
from lprnet_utils.morphable_model.whole_head import load_whole_head


@pytest.fixture(scope="module")
def hand():
    return PosedModel.load("hand")


def bent(hand, shape=0, **angles):
    coefficients = np.zeros((1, hand.count), np.float32)
    coefficients[0, 0] = shape
    for name, values in angles.items():
        place = len(hand.shape) + 3 * hand.bones.index(name.replace("_", "-"))
        coefficients[0, place : place + len(values)] = values
    return hand.vertices(coefficients)[0]


def test_without_angles_a_hand_rests(hand):
    assert np.allclose(bent(hand), hand.mean, atol=1e-3)
    larger = bent(hand, shape=2.0)
    assert np.abs(larger - hand.mean - 2 * hand.shape[0]).max() < 1e-3
    with pytest.raises(ValueError, match=f"takes \\(B, {hand.count}\\)"):
        hand.vertices(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="no posed model 'foot'"):
        PosedModel.load("foot")


def test_a_finger_bends_toward_the_palm_and_moves_alone(hand):
    index = hand.weights[:, [hand.bones.index(f"finger2-{k}") for k in (1, 2, 3)]].sum(1)
    posed = bent(hand, finger2_1=[60], finger2_2=[20])
    assert np.allclose(posed[index == 0], hand.mean[index == 0], atol=1e-3)
    tip = hand.weights[:, hand.bones.index("finger2-3")] > 0.99
    assert (posed[tip] - hand.mean[tip])[:, 2].mean() < -20, "mm: the palm is at negative z"
    straight = bent(hand, finger2_1=[0, 15])
    assert (straight[tip] - hand.mean[tip])[:, 0].mean() < -10, "spread toward the thumb"


def test_a_bone_moves_rigidly_and_carries_those_after_it(hand):
    tip = np.flatnonzero(hand.weights[:, hand.bones.index("finger3-3")] > 0.999)
    base = np.flatnonzero(hand.weights[:, hand.bones.index("finger3-1")] > 0.999)
    posed = bent(hand, finger3_1=[60, 10, 5], finger3_3=[40])
    for rows in (tip, base):
        before, after = (np.linalg.norm(v[rows][:, None] - v[rows], axis=2) for v in (hand.mean, posed))
        assert np.abs(before - after).max() < 1e-2, "mm"
    assert np.linalg.norm(posed[tip] - hand.mean[tip], axis=1).min() > 40, "mm"


def test_many_hands_at_once_are_those_one_by_one(hand):
    rng = np.random.default_rng(0)
    coefficients = rng.normal(0, 1, (3, hand.count)) * np.r_[np.ones(len(hand.shape)), np.full(51, 20)]
    together = hand.vertices(coefficients)
    for k in range(3):
        assert np.allclose(together[k], hand.vertices(coefficients[k : k + 1])[0], atol=1e-3)


def test_a_whole_head_begins_with_the_face_and_follows_it(model):
    head = load_whole_head()
    count = len(model.mean)
    assert np.array_equal(head.mean[:count], model.mean) and len(head.mean) > count
    for name in ("identity", "expression"):
        assert np.array_equal(getattr(head, name)[:, :count], getattr(model, name))
    identity = np.random.default_rng(1).normal(0, 1, len(head.identity))
    wide = head.vertices(identity) - head.mean
    around = np.linalg.norm(wide[count:], axis=1)
    assert around.mean() > 1, "mm: skull and neck change with the identity"
    opened = np.linalg.norm(head.vertices(expression={"jawOpen": 1.0}) - head.mean, axis=1)
    back = head.mean[:, 2] < -120
    assert opened.max() > 20 and opened[back].max() < 1, "the back of the head stays where it is"
