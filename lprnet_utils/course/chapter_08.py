"""Tests of the answers to the exercises of chapter 8, videos."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..common.arrays import Array
from .checking import array_of, call, expect


def exercise_1(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``next_box(before, last)``: the box (4,) that follows two boxes, if the motion goes on."""
    box = np.sort(rng.uniform(50, 300, (2, 2)), axis=0).ravel()
    expect(
        np.allclose(array_of(call(answer, box, box), (4,)), box),
        "a face that stands still should be expected in its box",
    )
    step = np.tile(rng.uniform(5, 20, 2), 2)
    given = array_of(call(answer, box, box + step), (4,))
    moved = (given - box)[:2]
    expect(
        np.allclose(given, box + 2 * step),
        f"from one frame to the next the box moved by {step[:2].round(1)} pixels, so in the next frame it should be "
        f"{2 * step[:2].round(1)} from the first box; yours is {moved.round(1)} from it",
    )
    other = box + rng.normal(0, 10, 4)
    given = array_of(call(answer, box, other), (4,))
    expect(np.allclose(given, box + 2 * (other - box)), "a face that comes nearer has a box whose sides move apart")
    return "It follows a steady motion, and a face that comes nearer."


def exercise_2(answer: Callable[..., float], rng: np.random.Generator) -> str:
    """``share_at(share, fps, new_fps)``: the share of the new value that a filter needs at another frame rate."""

    def given(share: float, fps: float, new_fps: float) -> float:
        return float(array_of(call(answer, share, fps, new_fps), ()))

    for share in rng.uniform(0.1, 0.6, 3):
        same = given(share, 30.0, 30.0)
        expect(np.isclose(same, share), f"at the same frame rate a share of {share:.3f} should not become {same:.3f}")
        half = given(share, 30.0, 15.0)
        left = (1 - share) ** 2
        expect(
            np.isclose(1 - half, left),
            f"after two frames with a share of {share:.3f}, {left:.3f} of the old value is left; one frame of half the "
            f"rate should leave as much, and with your {half:.3f} it leaves {1 - half:.3f}",
        )
        fps, new_fps = rng.uniform(10, 120, 2)
        there = given(share, fps, new_fps)
        expect(
            np.isclose((1 - there) ** new_fps, (1 - share) ** fps, rtol=1e-4, atol=0),
            f"from {fps:.1f} to {new_fps:.1f} frames a second: after one second the two filters do not leave the same",
        )
        expect(np.isclose(given(there, new_fps, fps), share), "there and back should give the first share again")
    return "20 % a frame at 30 frames a second are 36 % at 15, not 40 %."


def exercise_3(answer: Callable[..., int], rng: np.random.Generator) -> str:
    """``frames_late(measured, true, most)``: by how many whole frames a signal is late."""
    late = [0, 8, *rng.integers(1, 8, 4)]
    for delay in rng.permutation(late):
        signal = _wandering(rng, 90)
        gain, offset = rng.uniform(0.4, 2), rng.uniform(-50, 50)
        measured, true = gain * signal[20 - delay : 80 - delay] + offset, signal[20:80]
        given = float(array_of(call(answer, measured, true), ()))
        expect(
            given == delay,
            f"a random signal, {gain:.2f} times as large as the truth, moved by {offset:.1f} and {delay} frames late, "
            f"gives {given:g}",
        )
    signal, delay = _wandering(rng, 90), int(rng.integers(9, 13))
    given = float(array_of(call(answer, signal[20 - delay : 80 - delay], signal[20:80], 12), ()))
    expect(given == delay, f"with most=12, a signal that is {delay} frames late gives {given:g}")
    return "A smaller or shifted signal is as late as before."


def exercise_4(answer: Callable[..., int], rng: np.random.Generator) -> str:
    """``count_blinks(weights, low, high)``: blinks in a curve, with two thresholds."""

    def counted(weights: Array, *thresholds: float) -> float:
        return float(array_of(call(answer, weights, *thresholds), ()))

    given = counted(np.full(20, 0.1))
    expect(given == 0, f"eyes that stay open have no blink, and you count {given:g}")
    frames = int(rng.integers(3, 7))
    given = counted(np.r_[np.zeros(4), rng.uniform(0.5, 1, frames), np.zeros(4)])
    expect(given == 1, f"one blink of {frames} frames is counted as {given:g}")
    tremble = np.array([0, 0.35, 0.2, 0.4, 0.25, 0.5, 0])
    given = counted(tremble)
    expect(given == 1, f"in {tremble.tolist()} the eye opens only at the end, and you count {given:g}")
    low_bumps = np.array([0, 0.2, 0, 0.25, 0.1, 0.28, 0])
    given = counted(low_bumps)
    expect(given == 0, f"{low_bumps.tolist()} never rises over 0.3, and you count {given:g}")
    wanted = int(rng.integers(2, 7))
    blinks = [np.r_[rng.uniform(0, 0.1, 3), 0.32, 0.2, rng.uniform(0.31, 1, 3), 0.2, 0.33] for _ in range(wanted)]
    given = counted(np.concatenate([*blinks, [0.0]]))
    expect(given == wanted, f"{wanted} blinks that tremble are counted as {given:g}")
    given = counted(np.concatenate(blinks))
    expect(given == wanted, f"a blink that has begun counts, though the video ends before the eye opens: {given:g}")
    given = counted(np.array([0.9, 0.8, 0.0, 0.0]))
    expect(given == 1, f"an eye that is shut in the first frame is a blink, and you count {given:g}")
    scaled = counted(0.3 * np.concatenate(blinks), 0.045, 0.09)
    expect(scaled == wanted, f"with low=0.045, high=0.09 a curve of {wanted} weaker blinks gives {scaled:g}")
    return "The gap between the two thresholds keeps a tremble from counting twice."


def _wandering(rng: np.random.Generator, length: int) -> Array:
    """A smooth random curve (length,) without a period."""
    steps = np.convolve(rng.normal(size=length + 8), np.hanning(9), mode="valid")
    return np.cumsum(steps - steps.mean())
