"""Hats and glasses fit the head and leave the eyes free."""

import numpy as np
import pytest

from lprnet_utils import MorphableModel
from lprnet_utils.synthetic import glasses
from lprnet_utils.synthetic.accessories import hat, join_meshes
from lprnet_utils.synthetic.head import ring_triangles


def test_rings_are_closed_and_use_all_vertices():
    triangles = ring_triangles(3, 8)
    assert triangles.shape == (2 * 2 * 8, 3) and set(triangles.ravel()) == set(range(24))
    edges = np.sort(np.stack([triangles, np.roll(triangles, -1, 1)], -1).reshape(-1, 2), 1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 1).sum() == 16, "two open rims of eight edges"


@pytest.mark.parametrize("seed", range(5))
def test_glasses_are_in_front_of_the_eyes(landmark_model, seed):
    landmarks = landmark_model[0]
    frame, *lenses = glasses(np.random.default_rng(seed), landmarks)
    assert len(frame.vertices) == len(frame.colors) and frame.triangles.max() < len(frame.vertices)
    for loop, lens in zip((slice(36, 42), slice(42, 48)), lenses, strict=True):
        assert lens.vertices[:, 2].max() > landmarks[loop, 2].max(), "in front of it"
        assert abs((lens.vertices - landmarks[loop].mean(0))[:, :2].mean(0)).max() < 8
        assert lens.cut < 0 < lens.texture[0, 0, 1] < 255, "a lens is blended"
    assert frame.vertices[:, 2].min() < landmarks[[0, 16], 2].mean(), "the temples reach the ears"


@pytest.mark.parametrize("seed", range(5))
def test_a_hat_leaves_the_eyes_free(landmark_model, seed):
    landmarks, skull = landmark_model[0], MorphableModel.load().mean + [0, 30, -60]
    part = hat(np.random.default_rng(seed), skull, landmarks)
    assert part.vertices[:, 1].min() > landmarks[36:48, 1].max(), "above the eyes"
    assert part.vertices[:, 1].max() > skull[:, 1].max()


def test_meshes_are_joined_into_one_part():
    piece = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    part = join_meshes([(piece, np.array([[0, 1, 2]])), (piece + 5, np.array([[0, 1, 2]]))], [1, 0, 0])
    assert part.triangles.tolist() == [[0, 1, 2], [3, 4, 5]] and part.colors.shape == (6, 3)
