"""Tests of the answers to the exercises of chapter 7, a 3D face in use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..common.arrays import Array, Image
from ..geometry.camera import Camera, rotation_matrix
from ..morphable_model.model import MorphableModel
from .checking import array_of, call, expect


def exercise_1(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``without_pose(points, camera)``: points (n, 3) of a photo in the face frame, mm."""
    for _ in range(3):
        points = rng.normal(0, 60, (30, 3))
        angles = rng.uniform(15, 50, 3) * rng.choice([-1, 1], 3)
        camera = Camera(rotation_matrix(*angles), float(rng.uniform(0.5, 3)), rng.normal(200, 80, 3))
        given, turned = array_of(call(answer, camera.project(points), camera), points.shape), camera.rotation
        told = "(pitch, yaw, roll) = ({:.0f}, {:.0f}, {:.0f})".format(*angles)
        upright = (camera.project(points) - camera.translation) / camera.scale * [1, -1, 1]
        expect(
            not np.allclose(given, upright, atol=1e-3), f"y points up now, but the rotation by {told} is still there"
        )
        expect(
            not np.allclose(given, upright * [1, -1, 1] @ turned, atol=1e-3),
            "the rotation is undone, but y still points down as in a photo",
        )
        expect(
            not np.allclose(given, upright @ turned.T, atol=1e-3),
            "R times v was seen, for rows that is v @ R.T: which product with R gives v again?",
        )
        spread = np.linalg.norm(given - given.mean(0)) / np.linalg.norm(points - points.mean(0))
        expect(np.isclose(spread, 1, atol=1e-3), f"the result is {spread:.2f} times as large as it should be")
        off = np.abs(given - points).max()
        expect(off < 1e-3, f"with {told} a point is up to {off:.0f} mm from where it should be")
    return "The inverse of a rotation is its transpose: v = R.T w undoes w = R v, and for points in rows that is w @ R."


def exercise_2(answer: Callable[..., Image], rng: np.random.Generator) -> str:
    """``mirror_filled(texture, mask)``: a texture (S, S, 3), filled from the other side where the mask is false."""
    for size in (16, 21):
        texture, mask = rng.integers(1, 256, (size, size, 3), np.uint8), rng.random((size, size)) < 0.6
        filled = array_of(call(answer, texture, mask), texture.shape)
        other = mask[:, ::-1] & ~mask
        expect(np.array_equal(filled[mask], texture[mask]), "what the photo shows, where the mask is true, should stay")
        upside_down = np.where(mask[::-1, :, None], texture[::-1], 0)
        by_rows = any(np.array_equal(filled[~mask], image[~mask]) for image in (texture[::-1], upside_down))
        expect(not by_rows, "the mirror texel is in the same row: reverse the columns, not the rows")
        wanted = texture[:, ::-1][other]
        expect(np.array_equal(filled[other], wanted), "hidden texels should have the colours of their mirror texels")
        neither = ~mask & ~mask[:, ::-1]
        expect(not filled[neither].any(), "what neither side shows should be black")
    return "On a real face you would also match the light of the two sides, as face.texture does."


def exercise_3(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``brightness(normals, toward, ambient)``: light (n,) on unit normals (n, 3) from ambient light and one lamp."""
    for _ in range(3):
        normals = rng.normal(size=(40, 3))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        toward, ambient = rng.normal(size=3) * rng.uniform(2, 5), float(rng.uniform(0.1, 0.5))
        given = array_of(call(answer, normals, toward, ambient), (40,))
        cosine = normals @ toward / np.linalg.norm(toward)
        wanted = ambient + (1 - ambient) * np.clip(cosine, 0, None)
        away = cosine < 0
        expect(
            np.allclose(given[away], ambient),
            f"skin that faces away from the lamp gets the ambient light, {ambient:.2f}, not {given[away].min():.2f} "
            f"to {given[away].max():.2f}",
        )
        long = np.linalg.norm(toward)
        expect(
            given.max() <= 1 + 1e-6,
            f"skin that faces the lamp is as bright as 1, not {given.max():.2f}: toward is {long:.1f} long here",
        )
        expect(
            not np.allclose(given, ambient + (1 - ambient) * np.clip(normals @ toward, 0, 1)),
            f"toward is {long:.1f} long here: divide by its length, or the product is no cosine",
        )
        expect(
            np.allclose(given, wanted), "between dark and full light the brightness goes with the cosine of the angle"
        )
    return "Dividing by the old light and multiplying by the new one gives the ratio image."


def exercise_4(answer: Callable[..., dict], rng: np.random.Generator) -> str:
    """``mouth_of(source, target)``: weights of mouth and jaw from one dict, all others from another."""
    names = MorphableModel.load("makehuman").expression_names
    source, target = (dict(zip(names, map(float, rng.random(len(names))), strict=True)) for _ in range(2))
    mixed = call(answer, source, target)
    expect(isinstance(mixed, dict) and set(mixed) == set(names), f"the answer is a dict of all {len(names)} names")
    for start in ("mouth", "jaw"):
        kept = [name for name in names if name.startswith(start) and mixed[name] != source[name]]
        count = sum(name.startswith(start) for name in names)
        expect(
            not kept,
            f"of {count} weights that begin with {start}, {len(kept)} are not from source, such as {''.join(kept[:1])}",
        )
    lost = [name for name in names if not name.startswith(("mouth", "jaw")) and mixed[name] != target[name]]
    expect(not lost, f"{', '.join(lost[:3])} should stay the target's")
    return "So one actor can speak with the mouth of another."
