"""Tests of the answers to the exercises of chapter 10, beyond the face."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..common.arrays import Array
from ..geometry.camera import rotation_matrix
from .checking import array_of, call, expect


def exercise_1(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``cell_areas(position_map)``: the area in mm² of each cell between four texels of a map (N, N, 3) in mm."""
    n = int(rng.integers(4, 9))
    u, v = np.meshgrid(np.arange(n), np.arange(n))
    a, b = rng.uniform(0.5, 4, 2)
    flat = np.stack([a * u, b * v, 0 * u], -1)
    given = array_of(call(answer, flat), (n - 1, n - 1))
    expect(np.allclose(given, a * b), f"a flat sheet whose texels are {a:.2f} mm and {b:.2f} mm apart has wrong areas")
    turned = flat @ rotation_matrix(*rng.uniform(20, 70, 3)).T + rng.normal(0, 50, 3)
    given = array_of(call(answer, turned), (n - 1, n - 1))
    expect(
        np.allclose(given, a * b), "the same sheet, turned in space, has the same areas: count all three coordinates"
    )
    sheared = np.stack([a * u + 3 * v, b * v, 0 * u], -1)
    given = array_of(call(answer, sheared), (n - 1, n - 1))
    expect(np.allclose(given, a * b), "in a slanted sheet a cell is no rectangle: length times width is too much")
    folded = np.stack([a * u, b * v, np.where(u % 2 == 1, 2.0, 0.0)], -1).astype(float)
    given = array_of(call(answer, folded), (n - 1, n - 1))
    expect(np.allclose(given, b * np.hypot(a, 2.0)), "a pleated sheet has more area than its shadow")
    bent = folded.copy()
    bent[0, 0, 2] += 3.0  # one corner alone
    before, after = given, array_of(call(answer, bent), (n - 1, n - 1))
    same = np.isclose(before, after)
    expect(
        same.sum() == same.size - 1 and not same[0, 0], "a corner that is lifted changes the cell that has it, alone"
    )
    p = rng.normal(0, 3, (n, n, 3))
    across, down, last = p[:-1, 1:] - p[:-1, :-1], p[1:, :-1] - p[:-1, :-1], p[1:, 1:] - p[:-1, 1:]
    first, second = np.cross(across, down), np.cross(p[1:, :-1] - p[:-1, 1:], last)
    wanted = (np.linalg.norm(first, axis=2) + np.linalg.norm(second, axis=2)) / 2
    given = array_of(call(answer, p), (n - 1, n - 1))
    expect(
        np.allclose(given, wanted), "a crumpled sheet: the second triangle of a cell is seldom as large as the first"
    )
    return "Two triangles make a cell, whatever its shape."


def exercise_2(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``bend(points, weights, pivot, rotation)``: points (n, 3) that follow a bone as far as their weights (n,) say."""
    points, pivot = rng.normal(0, 40, (12, 3)), rng.normal(0, 20, 3)
    rotation = rotation_matrix(*rng.uniform(-80, 80, 3))
    moved = (points - pivot) @ rotation.T + pivot

    def given(weights: Array, p: Array = points) -> Array:
        return array_of(call(answer, p, weights, pivot, rotation), p.shape)

    expect(np.allclose(given(np.zeros(12)), points), "with weight 0 a point stays where it is")
    here = given(np.ones(12))
    backward = (points - pivot) @ rotation + pivot
    expect(not np.allclose(here, backward), "it turns the wrong way: a row vector is multiplied by the transpose")
    about_origin = points @ rotation.T
    expect(not np.allclose(here, about_origin), "it turns about the origin, not about the joint")
    expect(np.allclose(here, moved), "with weight 1 a point turns rigidly about the joint")
    at_joint = np.repeat(pivot[None], 12, 0)
    w = rng.uniform(0, 1, 12)
    expect(np.allclose(given(w, at_joint), at_joint), "a point at the joint stays there, whatever its weight")
    wanted = points + w[:, None] * (moved - points)
    expect(np.allclose(given(w), wanted), "a point with weight w goes the share w of the way, on a straight line")
    return "That is linear blend skinning with one bone."


def exercise_3(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``predict_left(predict, crop)``: the map of a left hand in a crop, by a network that knows right hands only."""
    n = 2 * int(rng.integers(3, 6))
    weights = rng.normal(size=(n, n, 3))
    seen = []

    def predict(crop: Array) -> Array:
        """A network: the middle of what is bright, and a map around it."""
        seen.append(np.array(crop))
        light = np.asarray(crop, float).sum(2)
        x, y = np.meshgrid(np.arange(n), np.arange(n))
        middle = np.array([(light * x).sum(), (light * y).sum()]) / light.sum()
        return weights + np.r_[middle, 0.0]

    crop = rng.integers(0, 256, (n, n, 3)).astype(np.uint8)
    given = array_of(call(answer, predict, crop), (n, n, 3))
    expect(seen, "the network was not asked")
    expect(
        not np.array_equal(seen[-1], crop), "the network gets the crop as it is, and takes the left hand for a right"
    )
    expect(not np.array_equal(seen[-1], crop[::-1]), "the crop is upside down: a mirror exchanges left and right")
    expect(np.array_equal(seen[-1], crop[:, ::-1]), "the network should get the mirror image of the crop")
    seen_map = predict(crop[:, ::-1].copy())
    expect(not np.allclose(given, seen_map), "this is the map in the mirrored crop: x still has to go back")
    reversed_ = seen_map[:, ::-1] * [-1, 1, 1] + [n - 1, 0, 0]
    expect(
        not np.allclose(given, reversed_),
        "the columns of the map are reversed: of a face that is right, but the chart of a hand is not symmetric",
    )
    off = given[..., 0] - (n - 1 - seen_map[..., 0])
    expect(not np.allclose(off, 1), f"x is off by one: of {n} columns the last is number {n - 1}")
    expect(np.allclose(given, seen_map * [-1, 1, 1] + [n - 1, 0, 0]), "only x changes: column x becomes N - 1 - x")
    return "A left hand is a right hand in a mirror."


def exercise_4(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``touches(points, uv, near, far)``: which points (n,) have another close in space (mm), but far in the chart."""
    count = 30
    uv = rng.uniform(0, 1, (count, 2))
    points = np.c_[uv * 200, np.zeros(count)] + rng.normal(0, 1e-3, (count, 3))
    near, far = float(rng.uniform(3, 6)), float(rng.uniform(0.25, 0.4))

    def given(p: Array) -> Array:
        result = call(answer, p, uv, near, far)
        return array_of(result, (count,)) > 0.5

    expect(not given(points).any(), "a flat sheet touches itself nowhere: near in space, there, is near in the chart")
    distance = np.linalg.norm(uv[:, None] - uv, axis=2)
    a, b = np.unravel_index(distance.argmax(), distance.shape)
    folded = points.copy()
    folded[a] = folded[b] + [near / 2, 0, 0]
    found = given(folded)
    expect(found[a] and found[b], "two points of opposite corners are brought together: both should be True")
    apart = folded.copy()
    apart[a] = folded[b] + [0, 0, 1.5 * near]
    expect(not given(apart)[a], f"a point that is {1.5 * near:.1f} mm away does not touch, if near is {near:.1f} mm")
    for _ in range(3):
        crumpled = rng.uniform(0, 4 * near, (count, 3))
        close = np.linalg.norm(crumpled[:, None] - crumpled, axis=2) < near
        wanted = (close & (distance > far)).any(1)
        expect(np.array_equal(given(crumpled), wanted), "in a crumpled sheet the wrong points are found")
    return "The chart alone cannot know this: it takes the distances in space."
