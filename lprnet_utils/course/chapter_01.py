"""Tests of the answers to the exercises of chapter 1, the morphable face model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..common.arrays import Array
from ..geometry.camera import rotation_matrix
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout
from .checking import array_of, call, expect


def exercise_1(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``coefficients_of(face, mean, modes)``: the numbers (K,) whose modes (K, V, 3) make a face (V, 3)."""
    count = int(rng.integers(3, 7))
    mean, modes = rng.normal(0, 50, (40, 3)), rng.normal(size=(count, 40, 3)) * rng.uniform(0.5, 4, (count, 1, 1))
    given = array_of(call(answer, mean, mean, modes), (count,))
    expect(np.abs(given).max() < 1e-6, "for the mean face itself all numbers should be 0")
    alone = rng.uniform(1, 2)
    for k in range(count):
        given = array_of(call(answer, mean + alone * modes[k], mean, modes), (count,))
        expect(
            np.isclose(given[k], alone, atol=1e-5),
            f"for mean + {alone:.3f} * modes[{k}] number {k} should be {alone:.3f}, not {given[k]:.3f}"
            + ("" if given[k] == 0 else ": the modes have different lengths"),
        )
        others = np.abs(np.delete(given, k)).max()
        expect(
            others < 1e-5,
            f"for mean + {alone:.3f} * modes[{k}] the other numbers should be 0, not up to {others:.3f}: "
            "the modes do not stand at right angles, so find all numbers together",
        )
    p = rng.normal(size=count)
    given = array_of(call(answer, mean + np.tensordot(p, modes, 1), mean, modes), (count,))
    expect(np.allclose(given, p, atol=1e-5), f"{count} random numbers make a face, and yours are others")
    return "Least squares finds the numbers that made the face."


def exercise_2(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``mirrored(vertices)``: the mirror image of a face of MakeHuman's model, (V, 3) mm."""
    model = MorphableModel.load("makehuman")
    assert model.mirror is not None
    for _ in range(2):
        face = model.vertices(rng.normal(size=80), {"eyeBlinkLeft": 1, "mouthLeft": float(rng.uniform(0.5, 1))})
        given = array_of(call(answer, face), face.shape)
        expect(
            not np.allclose(given, face, atol=0.1),
            "nothing has changed: our test face closes its left eye, its mirror image must close the right one",
        )
        wanted = face[model.mirror] * np.array([-1.0, 1.0, 1.0])
        if np.allclose(given, face * np.array([-1.0, 1.0, 1.0]), atol=0.1):
            told = (
                "the points lie right, but each still has its old number: vertex 5 should be where its counterpart was"
            )
            expect(False, told)
        expect(
            np.allclose(np.sort(given[:, 0]), np.sort(-face[:, 0]), atol=0.1),
            "x should change its sign at all vertices",
        )
        vertex = int(np.linalg.norm(given - wanted, axis=1).argmax())
        expect(
            np.allclose(given, wanted, atol=0.1),
            f"vertex {vertex} should stand where vertex {model.mirror[vertex]} stood, with x reversed",
        )
    return "Mirrored twice, a face is itself again."


def exercise_3(answer: Callable[..., float], rng: np.random.Generator) -> str:
    """``eye_distance(vertices)``: millimetres in space between landmarks 36 and 45 of a face (V, 3)."""
    model, layout = MorphableModel.load("makehuman"), UVLayout()
    face = model.vertices(rng.normal(size=80)).astype(float)
    here = float(array_of(call(answer, face), ()))
    larger, factor = float(array_of(call(answer, face * 1.5), ())), 1.5
    expect(here > 1, f"the outer corners of a random face are more than {here:.1f} mm apart")
    expect(np.isclose(larger, factor * here, rtol=1e-3), "a face that is 1.5 times as large has 1.5 times the distance")
    pitch, yaw, roll = rng.uniform(20, 40, 3)
    turned = float(array_of(call(answer, face @ rotation_matrix(pitch, yaw, roll).T), ()))
    expect(
        np.isclose(turned, here, atol=0.1),
        f"a random face has {here:.1f} mm, the same one turned {turned:.1f} mm: use x, y and z",
    )
    marks = layout.landmarks(layout.vertices_to_map(face))
    inner = np.linalg.norm(marks[39] - marks[42])
    expect(not np.isclose(here, inner, atol=0.1), "this is the distance between the inner corners, 39 and 42")
    wanted = np.linalg.norm(marks[36] - marks[45])
    expect(np.isclose(here, wanted, atol=0.1), "this is not the distance between landmarks 36 and 45")
    return f"A random face has {wanted:.0f} mm."


def exercise_4(answer: Callable[..., Array], rng: np.random.Generator) -> str:
    """``weighted_solve(A, b, w, ridge, D)``: the numbers (k,) of least weighted squares with a ridge."""
    rows, columns = 30, 6
    A, b = rng.normal(size=(rows, columns)), rng.normal(size=rows)
    D, ridge = np.diag(rng.uniform(0.5, 12, columns)), float(rng.uniform(0.5, 5))

    def given(w: Array, lam: float = ridge) -> Array:
        return array_of(call(answer, A, b, w, lam, D), (columns,))

    def solved(A: Array, b: Array, factor: float = 1.0) -> Array:
        return np.linalg.solve(factor * A.T @ A + ridge * D, factor * A.T @ b)

    expect(np.allclose(given(np.ones(rows)), solved(A, b)), "with all weights 1 nothing should change")
    kept = rng.permutation(np.arange(rows) < 20)
    expect(
        np.allclose(given(kept.astype(float)), solved(A[kept], b[kept])),
        "weight 0 should do the same as leaving the row out",
    )
    expect(
        np.allclose(given(np.full(rows, 2.0)), solved(A, b, 2.0)),
        "weight 2 should count a row twice: the sum of squares has w once, not its square, and in both terms",
    )
    w = rng.uniform(0.1, 3, rows)
    wanted = np.linalg.solve((A.T * w) @ A + ridge * D, (A.T * w) @ b)
    expect(np.allclose(given(w), wanted), "with a random weight for each row it is not the least sum yet")
    return "Weights of 0 leave rows out, whole numbers repeat them."
