"""Tests of the answers to the exercises of chapter 0, the quickstart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..common.arrays import Array
from ..geometry.crop import crop_matrix
from .checking import array_of, call, expect


def exercise_1(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``box_of(landmarks)``: the box (x0, y0, x1, y1) around landmarks (68, 3)."""
    for _ in range(3):
        points = rng.uniform(20, 500, (68, 3)) * [1, 0.5, -0.3]
        x0, y0, x1, y1 = array_of(call(answer, points), (4,), "the box")
        (left, top, _), (right, bottom, _) = points.min(0), points.max(0)
        told = f"you have x0, y0, x1, y1 = {x0:.0f}, {y0:.0f}, {x1:.0f}, {y1:.0f}"
        expect(x0 < x1, f"x0 is the smaller x, the left edge; {told}")
        expect(y0 < y1, f"y0 is the smaller y, the upper edge: y grows downward; {told}")
        expect(not np.isclose(x0, top), "rows and columns are swapped: x is the first of the three numbers")
        inside = (points[:, 0] >= x0 - 1e-6) & (points[:, 0] <= x1 + 1e-6)
        inside &= (points[:, 1] >= y0 - 1e-6) & (points[:, 1] <= y1 + 1e-6)
        expect(inside.all(), f"{(~inside).sum()} of 68 random landmarks lie outside your box")
        expect(np.allclose([x0, y0, x1, y1], [left, top, right, bottom]), "your box is larger than it must be")
    return "The network's crop is made from such a box: the same centre, and 1.5 times the size."


def exercise_2(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``nearest_point(position_map)``: where in the photo (x, y) the point lies that is nearest to the camera."""
    for _ in range(3):
        height, width = rng.integers(20, 60, 2)
        position_map = rng.uniform(100, 400, (height, width, 3))
        position_map[..., 2] = rng.uniform(-40, 30, (height, width))
        row, column = rng.integers(3, height - 3), rng.integers(3, width - 3)
        position_map[row, column, 2] = 55
        x, y = array_of(call(answer, position_map), (2,), "the point")
        here = f"in a random map the texel in row {row}, column {column} has the largest z"
        expect(
            not np.allclose([x, y], [column, row]), f"{here}. That is its place in the map; where is it in the photo?"
        )
        expect(
            not np.allclose([x, y], [row, column]), f"{here}. That is its place in the map; where is it in the photo?"
        )
        expect(not np.allclose([y, x], position_map[row, column, :2]), f"{here}; x comes first, then y")
        expect(
            np.allclose([x, y], position_map[row, column, :2]),
            f"{here}; you do not return the place that the map gives there",
        )
    return "On most faces this is the tip of the nose."


def exercise_3(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``to_photo(points, matrix)``: points (n, 2) of a crop in pixels of the photo."""
    for upright in (True, False):
        x0, y0 = rng.uniform(50, 300, 2)
        box = np.array([x0, y0, *(np.array([x0, y0]) + rng.uniform(60, 400, 2))])
        matrix = crop_matrix(box, 128, 0.0 if upright else float(rng.uniform(20, 160)))
        photo = rng.uniform(0, 600, (9, 2))
        crop = photo @ matrix[:, :2].T + matrix[:, 2]
        given = array_of(call(answer, crop, matrix), (9, 2), "the points")
        kind = "an upright crop" if upright else "a crop that is turned"
        again = given @ matrix[:, :2].T + matrix[:, 2]
        miss = np.linalg.norm(given - photo, axis=1).mean()
        expect(
            np.allclose(again, crop, atol=1e-6),
            f"{kind}: your points are {miss:.0f} pixels away from those that the matrix took into the crop",
        )
    return "What the network says about its crop is now said about the photo."
