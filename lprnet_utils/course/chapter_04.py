"""Tests of the answers to the exercises of chapter 4, the networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .checking import array_of, call, expect


def exercise_1(answer: Callable[[int, int], int], rng: np.random.Generator) -> str:
    """``unevenness(kernel, stride)``: most stamps on an output less the fewest, away from the ends."""
    cases = [(int(kernel), int(rng.integers(2, 5))) for kernel in rng.permutation(np.arange(2, 10))]
    for kernel, stride in [*cases, (4, 2), (6, 3), (3, 2), (3, 3), (5, 3)]:
        covered = np.zeros(stride * 60 + kernel, int)
        for k in range(60):
            covered[stride * k : stride * k + kernel] += 1
        inner = covered[kernel : stride * 59]
        wanted = int(np.ptp(inner))
        given = float(array_of(call(answer, kernel, stride), (), "the unevenness"))
        told = (
            f"kernel {kernel}, stride {stride}: away from the ends the stamps are {' '.join(map(str, inner[:6]))} ..."
        )
        expect(given == wanted, f"{told}, and you return {given:g}")
    return "It is 0 where the stride divides the kernel."


def exercise_2(answer: Callable[[Any, int], Any], rng: np.random.Generator) -> str:
    """``enlarge(x, width)``: a Keras tensor (B, 2 H, 2 W, width) from (B, H, W, C), cheap, without checkerboard."""
    import keras

    from ..networks.layers import count_multiply_adds

    side, inputs, width = 16, int(rng.integers(64, 100)), int(rng.integers(33, 64))
    start = keras.Input((side, side, inputs))
    step = keras.Model(start, call_once(answer, start, width))
    told = f"an input of {side} x {side} x {inputs} and width {width}"
    expect(
        step.output_shape == (None, 2 * side, 2 * side, width),
        f"{told}: the output should have the shape {(None, 2 * side, 2 * side, width)}, not {step.output_shape}",
    )
    work, most = count_multiply_adds(step), side**2 * 9 * inputs * width / 5
    expect(work < most, f"{told}: {work:,} multiply-adds; a fifth of the transposed convolution is {most:,.0f}")
    ones = np.ones((1, side, side, inputs), np.float32)
    flat = step.predict_on_batch(ones)[0]
    inner = flat[side // 2 : -side // 2, side // 2 : -side // 2]
    expect(np.ptp(inner, axis=(0, 1)).max() < 1e-4, "a constant input should stay constant: this is a checkerboard")
    mixed = rng.normal(size=(4, side, side, inputs)).astype(np.float32)
    changed = mixed.copy()
    changed[..., int(rng.integers(inputs))] += rng.normal(0, 3, (4, side, side))
    moved = np.zeros(width)
    for _ in range(4):  # with new random weights each time: behind a ReLU a channel may be 0 for all inputs
        step = keras.Model(start, call_once(answer, start, width))
        moved = np.maximum(moved, np.abs(step.predict_on_batch(changed) - step.predict_on_batch(mixed)).max((0, 1, 2)))
    expect((moved > 1e-7).all(), f"{(moved <= 1e-7).sum()} of {width} channels do not see all channels of the input")
    return f"{work / (side**2 * 9 * inputs * width):.0%} of the transposed convolution."


def call_once(answer: Callable[[Any, int], Any], tensor: Any, width: int) -> Any:
    """Call the learner's function with a Keras tensor, which cannot be copied."""

    def enlarge(width: int) -> Any:
        return answer(tensor, width)

    return call(enlarge, width)


def exercise_3(answer: Callable[..., int], rng: np.random.Generator) -> str:
    """``count_inverted_residual(side, inputs, width, expansion)``: multiply-adds of the block."""
    for expansion in map(int, rng.permutation([2, 3, 5, 6])):
        side, inputs, width = (int(rng.integers(*limits)) for limits in ((5, 40), (8, 90), (8, 90)))
        given = float(array_of(call(answer, side, inputs, width, expansion), (), "the count"))
        wide, cells = expansion * inputs, side**2
        parts = {
            "widen": cells * inputs * wide, "filter each channel": cells * 9 * wide, "narrow": cells * wide * width,
        }  # fmt: skip
        told = f"side {side}, {inputs} inputs, width {width}, expansion {expansion}: {given:,.0f}"
        for name, cost in parts.items():
            expect(given != sum(parts.values()) - cost, f"{told}. The step that is missing: {name}")
        full = cells * (inputs * wide + 9 * wide * wide + wide * width)
        expect(given != full, f"{told}. The middle step filters each channel by itself: it does not mix them")
        expect(given == sum(parts.values()), f"{told}. Three steps: {', '.join(parts)}; yours is not their sum")
    return "Most of the work is in the two pointwise steps."
