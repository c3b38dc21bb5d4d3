"""Backgrounds, things before the face and the simulated camera make pictures; part of the face stays visible."""

import numpy as np

from lprnet_utils.synthetic import background, simulate_camera
from lprnet_utils.synthetic.effects import background_photos, fingers, obstacle, shadow


def test_backgrounds_are_pictures():
    assert len(background_photos()) >= 5 and all(b.ndim == 3 and b.dtype == np.uint8 for b in background_photos())
    made = [background(np.random.default_rng(k), 64) for k in range(40)]
    assert all(m.shape == (64, 64, 3) and 0 <= m.min() and m.max() <= 1 for m in made)
    assert np.std([m.mean() for m in made]) > 0.05


def test_fingers_have_the_colour_of_the_skin():
    rng = np.random.default_rng(1)
    before = np.zeros((128, 128, 3))
    after = fingers(rng, before, np.tile([0.5, 0.3, 0.2], (50, 1)))
    touched = after.sum(2) > 0.05
    red, green, blue = after[touched].mean(0)
    assert 0.02 < touched.mean() < 0.6 and red > green > blue
    assert np.isfinite(fingers(rng, before, np.empty((0, 3)))).all(), "without visible skin"


def test_an_obstacle_hides_a_part_of_the_picture():
    before = np.full((128, 128, 3), -1.0, np.float32)  # no background is negative
    hidden = [(obstacle(np.random.default_rng(k), before) > -0.5).all(2).mean() for k in range(60)]
    assert 0.005 < min(hidden) and max(hidden) < 0.3 and np.std(hidden) > 0.02


def test_a_shadow_darkens_one_side():
    white = np.ones((128, 128, 3), np.float32)
    shares = []
    for k in range(40):
        out = shadow(np.random.default_rng(k), white)
        assert out.shape == white.shape and out.min() > 0 and out.max() <= 1.01
        shares.append((out.mean(2) < 0.8).mean())
    assert 0.2 < np.mean(shares) < 0.8, "neither the whole picture nor nothing of it"


def test_a_photo_is_uint8_for_any_light():
    for level in (0.0, 0.2, 50.0):
        for seed in range(20):
            out = simulate_camera(np.random.default_rng(seed), np.full((32, 32, 3), level, np.float32))
            assert out.shape == (32, 32, 3) and out.dtype == np.uint8
