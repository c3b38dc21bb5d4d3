"""Jitter and lag of the One-Euro filter on the landmarks of a still head and of a nodding one."""

import numpy as np
import pytest

from lprnet_utils import UVLayout
from lprnet_utils.evaluation import jitter, lag
from lprnet_utils.geometry import Camera, rotation_matrix
from lprnet_utils.video import OneEuro

FPS = 30


def track(pitch, height):
    """Landmarks (T, 68, 3) of the mean face at these pitches in degrees, and its size; ``height`` is in pixels."""
    layout = UVLayout()
    mean = layout.landmarks(layout.mean_map)
    scale = height / np.ptp(mean[:, 1])
    frames = [Camera(rotation_matrix(p, 0, 0), scale, np.array([300.0, 300, 0])).project(mean) for p in pitch]
    width, height = np.ptp(frames[0][:, :2], axis=0)
    return np.array(frames), float(np.sqrt(width * height))


def smoothed(points, size, dt=None, **options):
    smooth = OneEuro(**options)
    return np.array([smooth(p, 1 / FPS if dt is None else dt[k], size) for k, p in enumerate(points)])


@pytest.mark.parametrize("height", [60, 900])
def test_less_jitter_of_a_still_face_and_little_lag_of_a_nod(height):
    rng = np.random.default_rng(0)
    still, size = track(np.zeros(200), height)
    noise = rng.normal(0, 0.004 * size, still.shape)  # as of a network's output under sensor noise
    out = smoothed(still + noise, size)
    assert jitter((still + noise)[50:]) / jitter(out[50:]) > 3
    nod, size = track(20 * np.sin(2 * np.pi * np.arange(150) / FPS), height)
    out, plain = smoothed(nod + noise[:150], size), smoothed(nod, size, beta=0.0)
    for point in (8, 30, 51):  # chin, nose, upper lip
        assert 0 < lag(out[20:, point, 1], nod[20:, point, 1]) < 2
        assert lag(plain[20:, point, 1], nod[20:, point, 1]) > 2, "a plain low-pass filter is late"
    far = np.abs(out - nod)[30:, :, :2].max() / size
    assert far < 0.06, "no landmark is ever far off"


def test_an_opening_mouth_is_followed_while_the_head_is_still():
    points, size = track(np.zeros(60), 200)
    points[20:26, 60:68, 1] += np.linspace(0, 0.1 * size, 6)[:, None]
    points[26:, 60:68, 1] += 0.1 * size
    moved = smoothed(points, size)[:, 64, 1] - points[0, 64, 1]
    assert moved[28] > 0.09 * size


def test_uneven_frames_give_nearly_the_same_result():
    time = np.cumsum(np.random.default_rng(1).uniform(0.5, 1.5, 120)) / FPS
    values = np.sin(2 * np.pi * time)[:, None, None] * np.ones((1, 4, 3))
    uneven = smoothed(values, 1.0, np.diff(time, prepend=0))
    even_time = np.arange(1, 121) / FPS
    even = smoothed(np.sin(2 * np.pi * even_time)[:, None, None] * np.ones((1, 4, 3)), 1.0)
    again = np.interp(time, even_time, even[:, 0, 0])
    both = (time > 1) & (time < even_time[-1])
    # where the movement reverses, the smoothed speed passes zero and one frame may stick, as in the paper's filter
    assert both.sum() > 80 and np.percentile(np.abs(uneven[:, 0, 0] - again)[both], 95) < 0.04


def test_first_values_are_unchanged_also_after_a_reset():
    smooth = OneEuro()
    first = np.arange(6.0).reshape(2, 3)
    out = smooth(first, 1 / FPS)
    assert np.array_equal(out, first)
    out[:] = -1  # must not change the filter's state
    assert np.allclose(smooth(first, 1 / FPS), first)
    smooth(first + 10, 1 / FPS)
    smooth.reset()
    assert np.array_equal(smooth(first, 1 / FPS), first)
    smooth.reset()
    assert np.array_equal(smooth(np.zeros(51), 1 / FPS), np.zeros(51)), "a plain array, such as expression weights"
    one = smooth(np.eye(51)[0], 1 / FPS)
    assert 0 < one[0] < 1 and (one[1:] == 0).all()


@pytest.mark.parametrize(("values", "dt", "unit", "reason"), [
    (np.zeros((5, 3)), 1 / FPS, 1, "shape"),
    (np.full((68, 3), np.nan), 0.1, 1, "finite"),
    (np.zeros((68, 3)), 0, 1, "finite"),
    (np.zeros((68, 3)), 0.1, 0, "finite"),
])  # fmt: skip
def test_bad_values_and_cutoffs_are_refused(values, dt, unit, reason):
    smooth = OneEuro()
    smooth(np.zeros((68, 3)), 1 / FPS)
    with pytest.raises(ValueError, match=reason):
        smooth(values, dt, unit)
    with pytest.raises(ValueError, match="positive"):
        OneEuro(min_cutoff=0)
