"""What surrounds a synthetic face: it is where it should be, and leaves something of the face to see."""

import numpy as np
import pytest

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.synthetic import background, developed, glasses
from lprnet_utils.synthetic.props import backgrounds, fingers, hat, joined, obstacle, shadow, strip  # fmt: skip


@pytest.fixture(scope="module")
def marks():
    layout = UVLayout()
    return layout.landmarks(layout.mean_map)


def test_a_strip_is_closed_and_covers_its_grid():
    triangles = strip(3, 8)
    assert triangles.shape == (2 * 2 * 8, 3) and set(triangles.ravel()) == set(range(24))
    edges = np.sort(np.stack([triangles, np.roll(triangles, -1, 1)], -1).reshape(-1, 2), 1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 1).sum() == 16, "two open rims of eight edges"


@pytest.mark.parametrize("seed", range(5))
def test_glasses_sit_before_the_eyes(marks, seed):
    frame, *lenses = glasses(np.random.default_rng(seed), marks)
    assert len(frame.vertices) == len(frame.colors) and frame.triangles.max() < len(frame.vertices)
    for loop, lens in zip((slice(36, 42), slice(42, 48)), lenses, strict=True):
        assert lens.vertices[:, 2].max() > marks[loop, 2].max(), "in front of it"
        assert abs((lens.vertices - marks[loop].mean(0))[:, :2].mean(0)).max() < 8
        assert lens.cut < 0 < lens.texture[0, 0, 1] < 255, "a lens is blended"
    assert frame.vertices[:, 2].min() < marks[[0, 16], 2].mean(), "the temples reach the ears"


@pytest.mark.parametrize("seed", range(5))
def test_a_hat_leaves_the_eyes_free(marks, seed):
    skull = MorphableModel.load().mean + [0, 30, -60]
    worn = hat(np.random.default_rng(seed), skull, marks)
    assert worn.vertices[:, 1].min() > marks[36:48, 1].max(), "above the eyes"
    assert worn.vertices[:, 1].max() > skull[:, 1].max()


def test_fingers_have_the_colour_of_the_skin():
    rng = np.random.default_rng(1)
    before = np.zeros((128, 128, 3))
    after = fingers(rng, before, np.tile([0.5, 0.3, 0.2], (50, 1)))
    touched = after.sum(2) > 0.05
    assert 0.02 < touched.mean() < 0.6
    colour = after[touched].mean(0)
    assert colour[0] > colour[1] > colour[2]
    assert np.isfinite(fingers(rng, before, np.empty((0, 3)))).all(), "where no skin is seen"


def test_an_obstacle_hides_a_part_of_the_picture():
    before = np.full((128, 128, 3), -1.0, np.float32)  # no place has it
    hidden = [(obstacle(np.random.default_rng(k), before) > -0.5).all(2).mean() for k in range(60)]
    assert 0.005 < min(hidden) and max(hidden) < 0.3 and np.std(hidden) > 0.02


def test_a_shadow_darkens_one_side():
    white = np.ones((128, 128, 3), np.float32)
    shares = []
    for k in range(40):
        out = shadow(np.random.default_rng(k), white)
        assert out.shape == white.shape and out.min() > 0 and out.max() <= 1.01
        shares.append((out.mean(2) < 0.8).mean())
    assert 0.2 < np.mean(shares) < 0.8, "neither always all nor nothing of the picture"


def test_backgrounds_are_pictures():
    assert len(backgrounds()) >= 5 and all(b.ndim == 3 and b.dtype == np.uint8 for b in backgrounds())
    made = [background(np.random.default_rng(k), 64) for k in range(40)]
    assert all(m.shape == (64, 64, 3) and 0 <= m.min() and m.max() <= 1 for m in made)
    assert np.std([m.mean() for m in made]) > 0.05


def test_a_developed_picture_is_uint8_whatever_the_light():
    for level in (0.0, 0.2, 50.0):
        for seed in range(20):
            out = developed(np.random.default_rng(seed), np.full((32, 32, 3), level, np.float32))
            assert out.shape == (32, 32, 3) and out.dtype == np.uint8
    piece = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    part = joined([(piece, np.array([[0, 1, 2]])), (piece + 5, np.array([[0, 1, 2]]))], [1, 0, 0])
    assert part.triangles.tolist() == [[0, 1, 2], [3, 4, 5]] and part.colors.shape == (6, 3)
