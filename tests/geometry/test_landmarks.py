"""The 68 landmarks: mirror pairs, boxes, and the opening of eyes and mouth."""

import numpy as np
import pytest

from lprnet_utils.geometry import MIRRORED_LANDMARKS
from lprnet_utils.geometry.landmarks import eye_and_mouth_opening, is_expressive, overlap


def test_mirror_pairs():
    assert (MIRRORED_LANDMARKS[MIRRORED_LANDMARKS] == np.arange(68)).all()
    assert MIRRORED_LANDMARKS[[0, 8, 17, 21, 27, 31, 33, 36, 39, 48, 51, 57, 60, 62, 66]].tolist() == [
        16, 8, 26, 22, 27, 35, 33, 45, 42, 54, 51, 57, 64, 62, 66,
    ]  # fmt: skip


def test_opening_of_eyes_and_mouth_by_hand():
    face = np.zeros((68, 3))
    for k in (36, 42):
        face[k : k + 6, 0] = 10 * k + np.array([0, 2, 4, 6, 4, 2])
        face[[k + 1, k + 2], 1], face[[k + 4, k + 5], 1] = -1, 1
    face[60], face[64], face[62], face[66] = [0, 0, 0], [8, 0, 0], [4, -2, 0], [4, 2, 0]
    eyes, mouth = eye_and_mouth_opening(face)
    assert (eyes, mouth) == (pytest.approx(2 / 6), pytest.approx(4 / 8)) and is_expressive(face)
    face[66] = face[62]
    assert not is_expressive(face)
    face[36:48, 1] *= 0.1
    assert is_expressive(face) and is_expressive(np.stack([face, face]))[:, None].shape == (2, 1)


def test_overlap_is_intersection_over_union():
    assert overlap([0, 0, 2, 2], [1, 0, 3, 2]).tolist() == [pytest.approx(1 / 3)]
    assert overlap([[0, 0, 2, 2], [5, 5, 6, 6]], [0, 0, 2, 2]).tolist() == [1, 0]
    assert overlap([], [0, 0, 1, 1]).shape == (0,)
