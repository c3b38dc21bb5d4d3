"""Tests of the answers to the exercises of chapter 3, training data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..common.arrays import Array
from ..geometry.shading import Light, sh_basis
from .checking import array_of, call, expect

ORDERS = np.array([0, 1, 1, 1, 2, 2, 2, 2, 2])  # l of the nine spherical harmonics
FACTORS = np.array([1, 2 / 3, 1 / 4])[ORDERS]  # A_l


def exercise_1(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``irradiance(light, normals)``: the light (n, 3) that arrives at surfaces with these normals (n, 3)."""
    normals = rng.normal(size=(int(rng.integers(20, 50)), 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    harmonics = rng.normal(size=(9, 3))
    basis = sh_basis(normals)

    def given(part: Array) -> Array:
        light = Light(part, np.array([0.0, 0.0, 1.0]), np.zeros(3))
        return array_of(call(answer, light, normals), (len(normals), 3), "the irradiance")

    for order, share in enumerate(("all", "two thirds", "a quarter")):
        part = harmonics * (ORDERS == order)[:, None]
        yours, wanted = given(part), basis @ (FACTORS[:, None] * part)
        told = f"light of order l = {order} alone: a matt surface lets {share} of it through"
        if not np.allclose(yours, wanted, atol=1e-6):
            ratio = float((yours * wanted).sum() / (wanted**2).sum() * FACTORS[ORDERS == order][0])
            expect(False, f"{told}, your answer has {ratio:.2f} of it")
    expect(np.allclose(given(harmonics), basis @ (FACTORS[:, None] * harmonics), atol=1e-6), "the nine should be added")
    return "Nine numbers a colour, and every direction has its light."


def exercise_2(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``my_mirror_map(position_map, width)``: the map (N, N, 3) of the mirrored photo."""
    for _ in range(2):
        size, width = int(rng.integers(10, 30)), int(rng.integers(150, 900))
        position_map = rng.uniform(0, width, (size, size, 3))
        mine = array_of(call(answer, position_map, width), position_map.shape, "the map")
        expect(not np.allclose(mine, position_map), "nothing has changed yet")
        i, j = (int(k) for k in rng.integers(0, size, 2))
        x = position_map[i, j, 0]
        told = f"a photo {width} pixels wide: x = {x:.1f} should become {width - 1 - x:.1f}"
        expect(np.allclose(np.sort(mine[..., 0].ravel()), np.sort(width - 1 - position_map[..., 0].ravel())), told)
        expect(
            not np.allclose(mine[..., 1:], position_map[..., 1:]),
            "x is right, but each texel still describes its old side of the face",
        )
        expect(
            np.allclose(mine[..., 1:], position_map[:, ::-1, 1:]),
            f"the texel in column {j} should describe what column {size - 1 - j} did, with y and z as they were",
        )
        expect(
            np.allclose(mine[:, ::-1, 0], width - 1 - position_map[..., 0]),
            "y and z have changed places, but x has not: all three belong together",
        )
    return "Mirrored twice, it is the first map again."


def exercise_3(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``balanced(tones, edges)``: weights (n,) with sum 1, the same total in each range between edges (k + 1,)."""
    for ranges in (5, int(rng.integers(3, 9))):
        edges = np.linspace(rng.uniform(0, 0.2), rng.uniform(0.7, 1), ranges + 1)
        middles = (edges[1:] + edges[:-1]) / 2
        counts = rng.permutation(np.arange(1, ranges + 1)) ** 2 * 3
        half = (edges[1] - edges[0]) / 2.2
        tones = np.concatenate([m + rng.uniform(-half, half, c) for m, c in zip(middles, counts, strict=True)])
        tones = rng.permutation(tones)
        weights = array_of(call(answer, tones, edges), tones.shape, "the weights")
        group = np.digitize(tones, edges[1:-1])
        expect((weights >= 0).all(), "a weight cannot be negative")
        expect(np.isclose(weights.sum(), 1), f"the weights should sum to 1, not {weights.sum():.3f}")
        totals = np.bincount(group, weights, ranges)
        expect(
            np.allclose(totals, 1 / ranges),
            f"{ranges} ranges with {', '.join(map(str, np.bincount(group)))} tones should get {1 / ranges:.3f} each; "
            f"yours get {', '.join(f'{total:.3f}' for total in totals)}",
        )
        spread = max(np.ptp(weights[group == k]) for k in range(ranges))
        expect(spread < 1e-9, "tones of the same range should have the same weight")
    return "A rare tone now comes up as often as a common one, with the same few faces again and again."
