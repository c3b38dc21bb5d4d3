"""Tests of the answers to the exercises of chapter 5, training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..common.arrays import Array
from .checking import array_of, call, expect


def exercise_1(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``wing(x, w, epsilon)``: the Wing loss of differences (n,)."""
    for w, epsilon in ((10.0, 2.0), tuple(rng.uniform(3, 20, 2) * [1, 0.2])):

        def given(x: Array, w: float = w, epsilon: float = epsilon) -> Array:
            return array_of(call(answer, x, w, epsilon), x.shape)

        told = f"with w = {w:.2f} and epsilon = {epsilon:.2f}"
        expect(np.isclose(given(np.zeros(1))[0], 0), "no difference, no loss")
        near = rng.uniform(0.1, 0.9, 5) * w
        expect(np.allclose(given(near), given(-near)), "the sign of a difference should not matter")
        wanted = w * np.log(1 + near / epsilon)
        expect(
            np.allclose(given(near), wanted),
            f"{told} a difference of {near[0]:.3f} is below w and costs {wanted[0]:.3f}, not {given(near)[0]:.3f}",
        )
        far = w + rng.uniform(1, 30, 2)
        slope = np.ptp(given(far)) / np.ptp(far)
        expect(np.isclose(slope, 1), f"beyond w one pixel more should cost one more, and it costs {slope:.3f}")
        below, above = given(np.array([w * (1 - 1e-7), w * (1 + 1e-7)]))
        expect(
            abs(below - above) < 1e-3,
            f"{told} the two pieces should meet at w, and there the loss jumps from {below:.3f} to {above:.3f}",
        )
    return "Small differences are pulled harder than by L1."


def exercise_2(answer: Callable[..., float], rng: np.random.Generator) -> str:
    """``halving(sample, every, first)``: a learning rate that is halved after every ``every`` samples."""
    for every in rng.integers(1_000, 500_000, 3):
        first = float(rng.uniform(1e-5, 1e-2))
        for sample in (0, int(rng.integers(1, every)), every - 1, every, 2 * every - 1, 2 * every, int(5.5 * every)):
            wanted = first / 2 ** (sample // every)
            given = float(array_of(call(answer, int(sample), int(every), first), ()))
            expect(
                np.isclose(given, wanted, rtol=1e-6, atol=0),
                f"from {first:.3g}, halved every {every:,} samples, it should be {wanted:.3g} at sample {sample:,}, "
                f"not {given:.3g}",
            )
    return "It stays constant between two halvings."


def exercise_3(answer: Callable[..., float], rng: np.random.Generator) -> str:
    """``updated(a, w, step, m)``: one step of a running average whose momentum grows."""

    def given(a: float, w: float, step: int, *m: float) -> float:
        return float(array_of(call(answer, a, w, step, *m), ()))

    start, later = rng.uniform(3, 9), rng.uniform(-3, 1)
    a = start
    for step in range(1, 31):
        a = given(a, later, step)
    left = 100 * (a - later) / (start - later)
    expect(
        left < 1, f"the weights were random once and the same in all 30 steps after; {left:.0f} % of the start is left"
    )
    for step in (1, 2, *rng.integers(3, 2000, 5).tolist()):
        a, w = rng.normal(0, 5, 2)
        momentum = min(0.998, (1 + step) / (10 + step))
        told, wanted = given(a, w, step), momentum * a + (1 - momentum) * w
        expect(
            np.isclose(told, wanted),
            f"step {step} has momentum {momentum:.4f}: from {a:.3f} and {w:.3f} come {wanted:.4f}, not {told:.4f}",
        )
    expect(np.isclose(given(0.0, 1.0, 10**6), 0.002), "late in the run the momentum is m, 0.998, and not more")
    expect(np.isclose(given(0.0, 1.0, 10**6, 0.9), 0.1), "with m=0.9 the momentum should never be more than 0.9")
    return "The random start is forgotten within thirty steps."


def exercise_4(answer: Callable[..., float], rng: np.random.Generator) -> str:
    """``corrected(machine, human, machine_sd, human_sd)``: the best guess from two measurements of one number."""

    def given(*inputs: float) -> float:
        return float(array_of(call(answer, *inputs), ()))

    machine = rng.uniform(50, 150)
    human = machine + rng.uniform(4, 9) * rng.choice([-1, 1])
    sure, unsure = rng.uniform(0.5, 1.5), rng.uniform(3, 6)
    middle = given(machine, human, 2.0, 2.0)
    expect(
        np.isclose(middle, (machine + human) / 2),
        f"two equally exact measurements, {machine:.2f} and {human:.2f}, meet in the middle, not at {middle:.2f}",
    )
    for told, deviations, other in (
        ("person", (unsure, sure), human),
        ("machine", (sure, unsure), machine),
    ):
        found = given(machine, human, *deviations)
        expect(
            abs(found - other) < abs(found - (machine + human - other)),
            f"the {told} is the more exact one, so the result should be nearer to {other:.2f}, not {found:.2f}",
        )
    variance = unsure**2 + sure**2
    wanted = machine + unsure**2 / variance * (human - machine)
    found = given(machine, human, unsure, sure)
    expect(
        np.isclose(found, wanted),
        f"machine {machine:.2f} +- {unsure:.2f}, person {human:.2f} +- {sure:.2f} gives {wanted:.3f}, not {found:.3f}: "
        "K and S are variances",
    )
    found = given(machine, np.nan, unsure, sure)
    expect(np.isclose(found, machine), "where the person gave nothing (NaN), the machine's number stays")
    return "The more exact one of the two counts more."
