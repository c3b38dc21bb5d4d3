"""Fits to landmarks of known faces."""

import numpy as np
import pytest
from made_faces import sample_fits

from lprnet_utils.geometry import MIRRORED_LANDMARKS, rotation_distance
from lprnet_utils.morphable_model import fit_landmarks


def test_known_faces_are_recovered(landmark_model):
    mean, basis = landmark_model
    rng = np.random.default_rng(0)
    truth, labels = sample_fits(mean, basis, 12, rng)
    fits = fit_landmarks(mean, basis, 80, labels)
    error = np.linalg.norm((fits.evaluate(mean, basis) - labels)[..., :2], axis=-1) / truth.scale[:, None]
    assert error.mean() < 0.6, "mm on the face, in the picture plane"
    turned = [rotation_distance(a, b) for a, b in zip(fits.rotation, truth.rotation, strict=True)]
    assert np.median(turned) < 2.5 and max(turned) < 8
    assert np.abs(np.log(fits.scale / truth.scale)).max() < 0.08


def test_mirrored_labels_give_mirrored_fits(landmark_model):
    mean, basis = landmark_model
    _, labels = sample_fits(mean, basis, 4, np.random.default_rng(1))
    mirrored = labels[:, MIRRORED_LANDMARKS] * [-1, 1, 1] + [149, 0, 0]
    one = fit_landmarks(mean, basis, 80, labels).evaluate(mean, basis)
    other = fit_landmarks(mean, basis, 80, mirrored).evaluate(mean, basis)
    assert np.abs(other[:, MIRRORED_LANDMARKS] * [-1, 1, 1] + [149, 0, 0] - one).max() < 0.02


def test_a_label_of_weight_zero_is_ignored(landmark_model):
    mean, basis = landmark_model
    _, labels = sample_fits(mean, basis, 2, np.random.default_rng(2))
    wrong = labels.copy()
    wrong[:, 30] += 60
    weights = np.ones((2, 68))
    weights[:, 30] = 0
    clean, ignored = (fit_landmarks(mean, basis, 80, p, weights).evaluate(mean, basis) for p in (labels, wrong))
    assert np.allclose(clean, ignored, atol=1e-3)
    assert np.abs(fit_landmarks(mean, basis, 80, wrong).evaluate(mean, basis) - labels).max() > 5


def test_bad_labels_are_refused(landmark_model):
    mean, basis = landmark_model
    with pytest.raises(ValueError, match="do not fit together"):
        fit_landmarks(mean, basis, 80, np.zeros((2, 67, 3)))
    labels = np.ones((2, 68, 3))
    labels[1, 5] = np.nan
    with pytest.raises(ValueError, match="the labels of 1 of 2 faces are not finite"):
        fit_landmarks(mean, basis, 80, labels)
