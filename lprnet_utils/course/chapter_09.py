"""Tests of the answers to the exercises of chapter 9, the web and the phone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..common.arrays import Array
from ..geometry.crop import crop_matrix, invert_similarity, transform_points
from .checking import array_of, call, expect


def exercise_1(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``stored(kernel, bits)``: a kernel (inputs, outputs) after rounding, with a step for each output channel."""
    for bits in rng.permutation([4, 6, 8]).tolist():
        kernel = rng.normal(size=(40, 12)) * np.logspace(-3, 2, 12)
        rounded = array_of(call(answer, kernel, bits), kernel.shape)
        largest = 2 ** (bits - 1) - 1
        step = np.abs(kernel).max(0) / largest
        expect(not np.allclose(rounded, kernel, rtol=1e-6), f"with {bits} bits nothing was rounded")
        off = np.abs(rounded - kernel) > step / 2 * (1 + 1e-6)
        channels = np.flatnonzero(off.any(0))
        expect(
            not len(channels),
            f"with {bits} bits and a step of its own for each channel no weight moves by more than half a step; "
            f"in {len(channels)} of 12 channels some do",
        )
        levels = max(len(np.unique(np.rint(column / s))) for column, s in zip(rounded.T, step, strict=True))
        expect(
            levels <= 2 * largest + 1, f"a channel has {levels} different values, {bits} bits allow {2 * largest + 1}"
        )
        expect(
            np.allclose(rounded / step, np.rint(rounded / step)), "each weight is a whole number of its channel's steps"
        )
    kernel = rng.normal(size=(9, 3))
    kernel[:, rng.integers(3)] = 0
    with np.errstate(all="ignore"):
        rounded = call(answer, kernel, 8)
    expect(np.isfinite(rounded).all(), "a channel of zeros has a step of zero: do not divide by it")
    expect((np.asarray(rounded)[kernel == 0] == 0).all(), "a channel of zeros stays zero")
    return "A network in 4 bits is an eighth as large as in float32."


def exercise_2(answer: Callable[..., float], rng: np.random.Generator) -> str:
    """``bytes_of_dense(inputs, outputs)``: of a dense layer with an 8-bit kernel, float32 steps and biases."""
    for inputs, outputs in rng.integers(2, 3000, (5, 2)).tolist():
        given = float(array_of(call(answer, inputs, outputs), ()))
        of = f"from {inputs:,} to {outputs:,} numbers"
        expect(given != inputs * outputs, f"{of}: {inputs * outputs:,} bytes are the kernel alone")
        expect(given != 4 * inputs * outputs + 8 * outputs, f"{of}: a weight of the kernel takes one byte, not four")
        missing = {(inputs + 4) * outputs: "biases or steps", inputs * outputs + 8: "a step and a bias for each output"}
        expect(given not in missing, f"{of}: {given:,.0f} bytes leave out {missing.get(int(given))}")
        expect(given == (inputs + 8) * outputs, f"{of}: it is not {given:,.0f} bytes")
    return "Steps and biases hardly count, unless a layer has few inputs."


def exercise_3(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``to_photo(points, box)``: points (n, 2) in pixels of a 128-pixel crop, in pixels of the photo."""
    for _ in range(3):
        low, size = rng.uniform(0, 900, 2), rng.uniform(60, 700, 2)
        box, points = np.r_[low, low + size], rng.uniform(0, 127, (6, 2))
        given = array_of(call(answer, points, box), points.shape)
        wanted = transform_points(invert_similarity(crop_matrix(box)), points)
        middle, side = low + size / 2, 0.75 * size.sum()
        there = (points - 63.5) * 128 / side + middle
        expect(not np.allclose(given, there), "the crop was shrunk, so the way back enlarges: divide by the scale")
        half = 0.5 * side / 128
        off = np.abs(given - wanted).max()
        expect(
            not np.allclose(np.abs(given - wanted), half, atol=1e-6),
            f"all points are off by {half:.2f} pixels, which is half a pixel of the crop: its middle is at 63.5",
        )
        expect(off < 1e-6, f"for the box {np.round(box, 1).tolist()} a point is off by {off:.1f} pixels of the photo")
    return "A point of the crop's middle comes back to the middle of the box."


def exercise_4(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``draw_behind(picture, depth, glasses, glasses_depth)``: glasses where they are nearer than the face."""
    picture, glasses = rng.integers(0, 128, (2, 30, 40, 3))
    glasses = glasses + 128
    depth, height = rng.normal(size=(2, 30, 40))
    depth[:, :9], height[:8] = np.nan, np.nan
    drawn = array_of(call(answer, picture, depth, glasses, height), picture.shape)
    seen = drawn[..., 0] >= 128
    expect(not seen[:8].any(), "where there are no glasses the picture stays")
    expect(seen[8:, :9].all(), "beside the face nothing hides the glasses: a comparison with NaN is never true")
    expect((~seen[8:, 9:] | (height > depth)[8:, 9:]).all(), "glasses are drawn where the face is nearer")
    expect((seen[8:, 9:] == (height > depth)[8:, 9:]).all(), "glasses are missing where they are nearer than the face")
    expect(np.array_equal(drawn, np.where(seen[..., None], glasses, picture)), "keep the colours of the two pictures")
    return "So the nose hides the far lens."
