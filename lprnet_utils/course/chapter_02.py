"""Tests of the answers to the exercises of chapter 2, UV position maps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..common.arrays import Array, Image
from ..geometry.camera import rotation_matrix
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout
from .checking import array_of, call, expect


def exercise_1(answer: Callable[..., float], rng: np.random.Generator) -> str:
    """``skin_area(position_map)``: square centimetres of skin of a map (128, 128, 3) in mm."""
    model, layout = MorphableModel.load(), UVLayout()
    position_map = layout.vertices_to_map(model.vertices(rng.normal(size=80))).astype(float)
    here = float(array_of(call(answer, position_map), (), "the area"))
    factor = float(rng.uniform(1.2, 2))
    larger = float(array_of(call(answer, factor * position_map), (), "the area"))
    expect(here > 0, f"a face has more than {here:.0f} square cm of skin")
    expect(
        np.isclose(larger, factor**2 * here, rtol=1e-3),
        f"a face {factor:.2f} times as large should have {factor**2:.2f} times the skin, not {larger / here:.2f} times",
    )
    turned = position_map @ rotation_matrix(*rng.uniform(20, 50, 3)).T
    area = float(array_of(call(answer, turned), (), "the area"))
    expect(
        np.isclose(area, here, rtol=1e-3),
        f"turned, the same face has {area:.0f} square cm and not {here:.0f}: use x, y and z",
    )
    a, b, c = (layout.points(position_map)[layout.triangles[:, k]] for k in range(3))
    wanted = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2 / 100
    expect(not np.isclose(here, 100 * wanted, rtol=0.01), "this is in square millimetres: how many make a square cm?")
    expect(not np.isclose(here, 2 * wanted, rtol=0.01), "twice too much: two edges span a parallelogram")
    expect(np.isclose(here, wanted, rtol=0.002), "the triangles of layout.triangles on layout.points have another area")
    return f"A random person has {wanted:.0f} square cm, in front of the ears."


def exercise_2(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``read_between(position_map, u, v)``: the value (3,) of a map (N, N, 3) at a place of the chart."""
    size = int(rng.integers(20, 60))
    position_map = rng.normal(0, 50, (size, size, 3))
    row, column = (int(k) for k in rng.choice(np.arange(3, size - 4), 2, replace=False))

    def given(column: float, row: float) -> Array:
        return array_of(call(answer, position_map, (column + 0.5) / size, (row + 0.5) / size), (3,), "the value")

    at_texel = given(column, row)
    here = f"N = {size}: at the centre of the texel in row {row}, column {column}"
    expect(not np.allclose(at_texel, position_map[column, row]), f"{here} you read row {column}, column {row}")
    expect(np.allclose(at_texel, position_map[row, column]), f"{here} it should be that texel's value")
    middle = position_map[row, column : column + 2].mean(0)
    expect(
        np.allclose(given(column + 0.5, row), middle),
        f"halfway between columns {column} and {column + 1} of row {row} it should be the mean of the two",
    )
    expect(
        np.allclose(given(column, row + 0.25), 0.75 * position_map[row, column] + 0.25 * position_map[row + 1, column]),
        f"a quarter of the way from row {row} to row {row + 1}, the nearer texel should count three quarters",
    )
    for _ in range(5):
        b, a = rng.uniform(0.1, 0.9, 2)
        four = position_map[row : row + 2, column : column + 2]
        wanted = np.einsum("i,j,ijk", [1 - b, b], [1 - a, a], four)
        expect(np.allclose(given(column + a, row + b), wanted), "between four texels, each counts by its two weights")
    return "That is how landmarks are read."


def exercise_3(answer: Callable[..., Image], rng: np.random.Generator) -> str:
    """``texture(image, position_map)``: the colour (N, N, 3) of the photo at each texel's x and y."""
    height, width, size = 90, 120, 40
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    position_map = rng.uniform(0, 1, (size, size, 3)) * [width - 1, height - 1, 50]
    position_map = np.where(np.abs(position_map % 1 - 0.5) < 0.01, position_map + 0.02, position_map)

    def given(places: Array) -> Array:
        return array_of(call(answer, image, places), (size, size, 3), "the texture")

    def wanted(places: Array, x: int = 0, y: int = 1) -> Array:
        column, row = np.rint(places[..., x]).astype(int), np.rint(places[..., y]).astype(int)
        return image[row.clip(0, height - 1), column.clip(0, width - 1)].astype(float)

    mine, right = given(position_map), wanted(position_map)
    i, j = (int(k) for k in rng.integers(0, size, 2))
    x, y = position_map[i, j, :2]
    swapped = wanted(position_map, 1, 0)
    agree = (mine == right).all(-1).mean()
    expect(not np.allclose(mine, swapped), "x and y are swapped: y is the row of the photo, x its column")
    floor = image[position_map[..., 1].astype(int), position_map[..., 0].astype(int)]
    expect(not np.allclose(mine, floor), f"the pixel nearest to x = {x:.2f} is column {round(x)}, not {int(x)}")
    told = f"texel ({i}, {j}) says x = {x:.1f}, y = {y:.1f}: the pixel in row {round(y)}, column {round(x)}"
    expect(agree == 1, f"{100 * agree:.0f} % of the texels have the right colour; {told}")
    beyond = position_map + [width, 0, 0]
    expect((given(beyond) == wanted(beyond)).all(), "beyond the right edge, take the last column")
    before = position_map - [0, 2 * height, 0]
    expect((given(before) == wanted(before)).all(), "above the upper edge, take row 0")
    return "The skin is rolled flat."
