"""Brows of close-ups: where they are painted, the map has them."""

import numpy as np
import pytest

from lprnet_utils import UVLayout
from lprnet_utils.geometry.landmarks import BROWS, EYES, NOSE_BRIDGE
from lprnet_utils.synthetic.brows import COLUMNS, LIMIT, Brows
from lprnet_utils.synthetic.head import skin_sheets


@pytest.fixture(scope="module")
def brows():
    return Brows(skin_sheets()[1])


@pytest.fixture(scope="module")
def layout():
    return UVLayout()


def plane(layout):
    """A map whose points tell their own place: x and y are the column and row of the texel."""
    rows, columns = np.indices((layout.size, layout.size))
    return np.stack([columns, rows, 0 * rows], -1).astype(np.float32)


def test_a_mean_brow_lies_on_the_landmarks(brows, layout):
    mean, rng = [], np.random.default_rng(0)
    for _ in range(400):
        number, raised, higher = brows.draw(rng)
        assert np.abs(higher).max() <= LIMIT
        mean.append(brows.lines[number] - raised / 256)
    uv = layout.landmark_uv[[18, 19, 20]]
    inside = np.interp(uv[:, 0], COLUMNS, np.mean(mean, 0))
    assert np.abs(inside - uv[:, 1]).max() < 0.02, "2.5 texels of 128"


def test_the_map_has_brow_texels_where_the_brow_is_painted(brows, layout):
    rng, size = np.random.default_rng(1), layout.size
    for _ in range(50):
        number, raised, higher = brows.draw(rng)
        moved = brows.moved(plane(layout), higher)
        painted = brows.lines[number] - raised / 256
        usual = painted + higher  # the row of a mean brow, but for the rounding and the limit of the shift
        for column, row, wanted in zip(COLUMNS, usual, painted, strict=True):
            place = moved[round(row * size - 0.5), [round(column * size - 0.5), round((1 - column) * size - 0.5)], 1]
            assert np.abs(place - (wanted * size - 0.5)).max() < 1.2


def test_eyes_and_nose_stay_and_no_skin_is_used_twice(brows, layout):
    rng = np.random.default_rng(2)
    before = plane(layout)
    for _ in range(50):
        *_, higher = brows.draw(rng)
        moved = brows.moved(before, higher)
        landmarks = layout.landmarks(moved) - layout.landmarks(before)
        assert np.abs(landmarks[EYES]).max() < 0.1 and np.abs(landmarks[NOSE_BRIDGE][1:]).max() == 0
        assert np.abs(landmarks[BROWS]).max() <= LIMIT * layout.size + 1e-3
        assert (np.diff(moved[..., 1], axis=0) > 0).all()
    assert np.array_equal(brows.moved(before, np.zeros(len(COLUMNS))), before)
