"""Folds are where skin lies deep, whatever the shape, and nowhere else."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.synthetic.folds import Folds


@pytest.fixture(scope="module")
def model():
    return MorphableModel.load()


@pytest.fixture(scope="module")
def folds(model):
    return Folds(model)


def around(model, landmark, count=12):
    """The vertices nearest to a landmark of the mean face."""
    layout = UVLayout()
    place = layout.landmarks(layout.mean_map)[landmark]
    return cKDTree(model.mean).query(place, count)[1]


def test_nostrils_and_corners_of_the_eyes_are_deep_and_the_tip_of_the_nose_is_not(model, folds):
    depth = folds.depth(model.mean)
    for landmark in (31, 35, 39, 42):
        assert depth[around(model, landmark)].max() > 0.2
    for landmark in (8, 30):
        assert depth[around(model, landmark)].max() < 0.02
    assert (depth >= 0).all()


def test_a_smile_deepens_the_corners_of_the_mouth(model, folds):
    smile = model.vertices(expression={"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0})
    deeper = folds.depth(smile) - folds.depth(model.mean)
    for corner in (48, 54):
        assert deeper[around(model, corner, 300)].max() > 0.25
    assert np.abs(deeper[around(model, 27, 40)]).max() < 0.05


def test_deep_skin_is_darker_and_the_strength_counts(model, folds):
    depth, light = folds.depth(model.mean), folds.light(model.mean, 1.0)
    assert (light[depth == 0] == 1).all() and (light[depth > 0] < 1).all()
    np.testing.assert_allclose(folds.light(model.mean, 2.0), light**2, rtol=1e-4)
    assert (folds.light(model.mean, 0.0) == 1).all()
