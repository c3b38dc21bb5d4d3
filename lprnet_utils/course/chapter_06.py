"""Tests of the answers to the exercises of chapter 6, evaluation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..evaluation.metrics import landmark_nme
from .checking import array_of, call, expect

TOLERANCE = 0.1  # of an interval's length: two bootstraps of 2,000 draws differ by a few hundredths


def exercise_1(answer: Callable[..., float], rng: np.random.Generator) -> str:
    """``mean_of_bins(errors, yaw)``: the mean of the means of three bins of absolute yaw."""
    for _ in range(3):
        counts = rng.integers(3, 20, 3)
        turned = np.concatenate(
            [rng.uniform(low, low + 29, n) + 0.5 for low, n in zip((0, 30, 60), counts, strict=True)]
        )
        yaw = turned * rng.choice([-1, 1], len(turned))
        errors = rng.uniform(1, 4, len(yaw)) + turned / 30
        order = rng.permutation(len(yaw))
        given = float(array_of(call(answer, errors[order], yaw[order]), ()))
        bins = [errors[(turned > low) & (turned < low + 30)] for low in (0, 30, 60)]
        wanted = np.mean([b.mean() for b in bins])
        told = (
            f"{counts.tolist()} photos in the three bins with mean errors {[round(float(b.mean()), 2) for b in bins]}"
        )
        expect(not np.isclose(given, errors.mean()), f"{told}: {given:.2f} is the mean over photos")
        signed = [errors[yaw <= 30], errors[(yaw > 30) & (yaw <= 60)], errors[yaw > 60]]
        if all(map(len, signed)):
            expect(not np.isclose(given, np.mean([b.mean() for b in signed])), "a yaw of -50 belongs to 30 to 60 too")
        expect(np.isclose(given, wanted), f"{told}: their mean is {wanted:.3f}, not {given:.3f}")
    edges, errors = np.array([10.0, 30.0, -30.0, 45.0, -60.0, 60.0, 61.0]), rng.uniform(1, 5, 7)
    wanted = np.mean([errors[:3].mean(), errors[3:6].mean(), errors[6]])
    given = float(array_of(call(answer, errors, edges), ()))
    expect(np.isclose(given, wanted), "30 degrees belong to the first bin and 60 to the second, on both sides")
    return "Three bins count alike, however many photos they have."


def exercise_2(answer: Callable[..., tuple[float, float]], rng: np.random.Generator) -> str:
    """``interval_of_difference(a, b, rng)``: the 95 % bootstrap interval of the mean of a - b on the same photos."""
    for count, noise in ((60, 0.3), (400, 1.5), (150, 0.05)):
        hard = rng.lognormal(0.7, 0.5, count)
        b = hard + rng.normal(0, 0.05, count)
        a = b + rng.normal(0.1, noise, count)
        mean = (a - b).mean()
        low, high = array_of(call(answer, a, b, np.random.default_rng(int(rng.integers(1e9)))), (2,))
        rows = np.random.default_rng(int(rng.integers(1e9))).integers(count, size=(2000, count))
        wanted = np.quantile((a - b)[rows].mean(1), [0.025, 0.975])
        length, given = wanted[1] - wanted[0], high - low
        told = f"{count} photos, differences of {mean:.2f} on average with a deviation of {(a - b).std():.2f}"
        expect(low < mean < high, f"{told}: the mean difference is not between {low:.3f} and {high:.3f}")
        expect(
            given < (1 + 2 * TOLERANCE) * length,
            f"{told}: your interval is {given / length:.1f} times too long. Did you draw the same photos for a and b, "
            "and does each draw give a mean?",
        )
        expect(
            given > (1 - 2 * TOLERANCE) * length, f"{told}: your interval has {given / length:.2f} of the right length"
        )
        expect(np.abs(wanted - [low, high]).max() < TOLERANCE * length, f"{told}: the interval's ends are not there")
    return "If 0 is not in the interval, the difference is probably more than luck."


def exercise_3(answer: Callable[..., float], rng: np.random.Generator) -> str:
    """``share_within(errors, limit)``: the share in % of photos with at most an error, where NaN means not found."""
    for _ in range(3):
        errors, limit = rng.lognormal(1, 0.5, int(rng.integers(20, 80))), float(rng.uniform(2, 4))
        errors[rng.permutation(len(errors))[: int(rng.integers(3, 9))]] = np.nan
        errors[rng.integers(len(errors))] = limit
        given = float(array_of(call(answer, errors, limit), ()))
        lost, within = int(np.isnan(errors).sum()), errors <= limit
        told = f"{within.sum()} of {len(errors)} photos have at most {limit:.2f} %, {lost} faces were not found"
        expect(not np.isclose(given, within.mean()) or given == 0, f"{told}: give the share in percent")
        expect(
            not np.isclose(given, 100 * within.sum() / (len(errors) - lost)),
            f"{told}: {given:.1f} % leaves out the faces that were not found",
        )
        expect(not np.isclose(given, 100 * (within.sum() + lost) / len(errors)), f"{told}: a lost face is no success")
        expect(not np.isclose(given, 100 * (errors < limit).mean()), f"{told}: an error of just {limit:.2f} counts too")
        expect(np.isclose(given, 100 * within.mean()), f"{told}: that is not {given:.1f} %")
    return "A detector cannot improve this number by refusing hard photos."


def exercise_4(answer: Callable[..., float], rng: np.random.Generator) -> str:
    """``nme_of_file(predicted, pt3d_68)``: 2D NME of (68, 3) against an array (3, 68) that counts pixels from 1."""
    for side in (60, 200):
        true = rng.uniform(0, side, (68, 3))
        stored = (true + [1, 1, rng.uniform(300, 900)]).T
        given = float(array_of(call(answer, true, stored), ()))
        expect(given < 1e-6, f"a perfect prediction has no error, not {given:.2f} %: from where does the file count?")
        predicted = true + rng.normal(0, side / 40, (68, 3))
        given, wanted = float(array_of(call(answer, predicted, stored), ())), float(landmark_nme(predicted, true))
        expect(np.isclose(given, wanted), f"a random prediction has {wanted:.3f} %, not {given:.3f} %")
    return "One pixel is not much, but it is more than the difference between two papers."
