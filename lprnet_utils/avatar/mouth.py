"""Teeth and tongue of an avatar."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from .shape import HeadShape

TEETH = 14  # in a row
STEPS, ROWS = 6, 9  # vertices along a tooth, and from the gum over the edge to the back
# widths of the teeth from the middle, mm, of an adult (Wheeler's dental anatomy: crowns, mesiodistal)
WIDTHS = {"upper": (8.5, 6.5, 7.5, 7.0, 7.0, 10.0, 9.0), "lower": (5.0, 5.5, 7.0, 7.0, 7.0, 11.0, 10.5)}
CROWN = {"upper": (10.5, 9.0, 10.0, 8.5, 8.5, 7.5, 7.0), "lower": (9.0, 9.5, 11.0, 8.5, 8.0, 7.5, 7.0)}  # heights, mm
THICK = (3.2, 3.2, 4.5, 6.5, 7.0, 9.5, 9.5)  # mm at the middle of the crown
ARCH = {"upper": (27.0, 47.0), "lower": (24.5, 43.0)}  # half width and depth of the row, mm, before it is fitted
# mm that a row lies lower, and further back, than MakeHuman's: the upper incisors show below a relaxed lip, and stand
# before the lower ones
BITE = {"upper": (3.5, 0.0), "lower": (4.0, 2.5)}
TONGUE_HEIGHT = 0.5  # factor at its back: MakeHuman's is arched up to the palate
TONGUE_OUT_UP = 5.0  # mm that the tip of a tongue that is put out lies above MakeHuman's: over the lower lip
GROOVE = 0.9  # mm that the gaps between teeth lie behind them


@dataclass(frozen=True)
class Row:
    """A row of teeth: vertices (n, 3) in mm, positions (n, 2) in their picture, triangles."""

    vertices: Array
    uv: Array
    triangles: NDArray[np.int32]


def arch_position(along: Array, half: float, depth: float) -> tuple[Array, Array]:
    """Points (n, 2), x and z, and outward normals (n, 2) at lengths (n,) along an arch from its middle."""
    t = np.linspace(-1.45, 1.45, 2001)
    curve = np.stack([half * np.sin(t), depth * (np.cos(t) - 1)], 1)
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))]
    length -= length[1000]
    point = np.stack([np.interp(along, length, curve[:, k]) for k in (0, 1)], 1)
    tangent = np.stack([np.interp(along, length, np.gradient(curve[:, k], length)) for k in (0, 1)], 1)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    return point, normal / np.linalg.norm(normal, axis=1, keepdims=True)


@lru_cache(maxsize=2)
def teeth_row(which: str) -> Row:
    """The teeth ``upper`` or ``lower`` around the middle of their edge, x to the side, y up, z to the front."""
    down = -1.0 if which == "upper" else 1.0  # toward the edge
    half = np.array(WIDTHS[which])
    widths, crown = np.r_[half[::-1], half], np.r_[CROWN[which][::-1], CROWN[which]]
    thick = np.r_[THICK[::-1], THICK]
    start = np.r_[0, np.cumsum(widths)] - half.sum()
    phase = (np.arange(TEETH * STEPS + 1) % STEPS) / STEPS
    tooth = np.minimum(np.arange(TEETH * STEPS + 1) // STEPS, TEETH - 1)
    phase[-1] = 1.0
    along = start[tooth] + phase * widths[tooth]
    bulge = np.abs(np.sin(np.pi * phase)) ** 0.5  # 0 in the gaps, 1 on a tooth
    point, normal = arch_position(along, *ARCH[which])
    grid, uv = [], []
    # height from the gum's end 0 to the edge 1, and depth behind the front, as shares of the thickness
    profile = [(-0.7, 0.32, 1), (-0.02, 0.12, 1), (0.04, 0.1, 0), (0.35, 0.0, 0), (0.75, 0.04, 0),
               (0.97, 0.25, 0), (0.97, 0.6, 0), (0.5, 1.0, 0), (-0.7, 1.1, 1)]  # fmt: skip
    for k, (height, back, gum) in enumerate(profile):
        h = np.where(gum, 0.0, 1.0) * crown[tooth] * np.clip(height, 0, 1) * (0.93 + 0.07 * bulge)
        scallop = 1.2 * (1 - bulge) if 0 < k < 3 else 0.0  # the gum reaches further between two teeth
        y = down * (h - crown.mean() + scallop + (height * 10 if height < 0 else 0))
        inset = back * thick[tooth] + (0.25 if gum else 1.0) * GROOVE * (1 - bulge)
        flat = point - normal * inset[:, None]
        grid.append(np.stack([flat[:, 0], y, flat[:, 1]], 1))
        uv.append(np.stack([along / np.ptp(along) + 0.5, np.full(len(along), k / (len(profile) - 1))], 1))
    columns = TEETH * STEPS + 1
    number = np.arange(ROWS * columns).reshape(ROWS, columns)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    if which == "lower":
        triangles = triangles[:, ::-1]
    return Row(np.concatenate(grid), np.concatenate(uv), triangles.astype(np.int32))


def teeth_vertices(shape: HeadShape) -> dict[str, NDArray[np.intp]]:
    """Vertices of MakeHuman's simple rows of teeth in the base, which say where teeth belong."""
    quads = shape.head_file["teeth_triangles"].astype(int)
    half = len(quads) // 4  # quads of the upper row, then of the lower one; then their other halves
    order = {"upper": [slice(0, half), slice(2 * half, 3 * half)]}
    order["lower"] = [slice(half, 2 * half), slice(3 * half, None)]
    return {n: shape.face_base + np.unique(np.concatenate([quads[s] for s in part])) for n, part in order.items()}


@dataclass(frozen=True)
class Mouth:
    """What is inside a mouth: vertices (n, 3) at rest in mm, their offsets (E, n, 3), positions, triangles.

    ``kind`` (n,) is 0 for the upper teeth, 1 for the lower ones and 2 for the tongue.
    """

    vertices: Array
    targets: Array
    uv: Array
    triangles: NDArray[np.int32]
    kind: NDArray[np.uint8]


def inside_of_mouth(shape: HeadShape, identity: Array, shift: Array) -> Mouth:
    """Teeth and tongue of a person, moved by ``shift`` (3,) mm with the lips."""
    base, parts = shape.base_vertices(identity), []
    for kind, (which, rows) in enumerate(teeth_vertices(shape).items()):
        row = teeth_row(which)
        simple, own = shape.base_mean[rows], base[rows]
        placed = place_row(row.vertices, simple, which)
        moves = shape.base_offsets(rows)
        to_person = affine(simple, own)
        points = np.c_[placed, np.ones(len(placed))] @ to_person
        offsets = np.stack([np.c_[points, np.ones(len(points))] @ affine(own, move) for move in moves])
        parts.append((points + shift, offsets, row.uv, row.triangles, kind))
    rows = shape.file["tongue"].astype(int)
    tongue = base[rows]
    flat = (tongue - tongue.min(0)) / np.ptp(tongue, axis=0)
    lower = (1 - TONGUE_HEIGHT) * np.ptp(tongue[:, 1]) * flat[:, 1] * (1 - flat[:, 2])
    tongue = tongue - np.stack([0 * lower, lower, 0 * lower], 1)
    uv = np.c_[flat[:, 0], flat[:, 2]]
    moves = shape.base_offsets(rows).copy()
    moves[-1, :, 1] += TONGUE_OUT_UP * flat[:, 2]
    parts.append((tongue + shift, moves, uv, shape.file["tongue_triangles"].astype(int), 2))
    first = np.cumsum([0, *(len(part[0]) for part in parts)])
    return Mouth(
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts], 1).astype(np.float32),
        np.concatenate([part[2] for part in parts]),
        np.concatenate([part[3] + n for part, n in zip(parts, first, strict=False)]).astype(np.int32),
        np.concatenate([np.full(len(part[0]), part[4], np.uint8) for part in parts]),
    )


def place_row(row: Array, simple: Array, which: str) -> Array:
    """A row (n, 3) at the place, and of the width, of a simple one (m, 3)."""
    scale = np.ptp(simple[:, 0]) / np.ptp(row[:, 0])
    edge = simple[:, 1].min() if which == "upper" else simple[:, 1].max()
    reached = row[:, 1].min() if which == "upper" else row[:, 1].max()
    out = row * scale
    down, back = BITE[which]
    return out + [0, edge - reached * scale - down, simple[:, 2].max() - out[:, 2].max() - back]


def affine(points: Array, values: Array) -> NDArray[np.float64]:
    """The matrix (4, 3) that computes values (n, 3) best from points (n, 3) and 1."""
    middle, size = points.mean(0), np.ptp(points, axis=0).max()
    design = np.c_[(points - middle) / size, np.ones(len(points))]
    found = np.linalg.solve(design.T @ design + 1e-6 * np.eye(4), design.T @ np.asarray(values, float))
    return np.r_[found[:3] / size, found[3:] - (middle / size)[None] @ found[:3]]


def teeth_picture(height: int, width: int, tone: float) -> NDArray[np.float32]:
    """Colours (height, width, 3), 0 to 255, of a row: gums above and below in the picture, teeth between."""
    v = ((np.arange(height) + 0.5) / height * (ROWS - 1))[:, None, None]
    u = ((np.arange(width) + 0.5) / width)[None, :, None]
    enamel = np.array([226.0, 216.0, 196.0]) * (0.72 + 0.28 * tone)
    gum = np.array([168.0, 92.0, 90.0]) * (0.6 + 0.4 * tone)
    is_gum = np.clip((1.75 - v) / 0.4, 0, 1) + np.clip((v - 7.2) / 0.4, 0, 1)
    edge = 1 - 0.05 * np.clip(1 - np.abs(v - 5) / 1.2, 0, 1)
    side = 1 - 0.45 * np.abs(2 * u - 1) ** 1.6  # the cheeks keep the light away
    return (enamel * edge + is_gum * (gum - enamel)) * side


def tongue_picture(height: int, width: int, tone: float) -> NDArray[np.float32]:
    """Colours (height, width, 3), 0 to 255, of the tongue: its tip below in the picture, a line along its middle."""
    rng = np.random.default_rng(2)
    u, v = ((np.arange(n) + 0.5) / n for n in (width, height))
    color = np.array([186.0, 104.0, 104.0]) * (0.6 + 0.4 * tone)
    line = 1 - 0.15 * np.exp(-(((u - 0.5) / 0.09) ** 2))[None, :, None]
    front = (0.55 + 0.45 * v)[:, None, None]
    return color * line * front * (1 + 0.04 * rng.standard_normal((height, width, 1)))
