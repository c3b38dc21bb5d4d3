"""Eyeballs, the lids that they must not come through, what closes the gap between them, and lashes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..geometry.mesh import triangle_edges
from ..synthetic.eyes import lashes
from ..synthetic.head import Part, ring_triangles
from .shape import HeadShape

SIDES = "Right", "Left"
CLEARANCE = 0.15  # mm between an eyeball and the skin of its lids
LID_REACH = 7.0  # mm beyond the eyeball: skin that is kept in front of it
CONTACT = 0.1  # share of the rim of the lids that touches the eyeball at rest
MAX_SHIFT = 3.0  # mm, of an eyeball to the front or back to touch the lids
CHECKED_WEIGHTS = (0.25, 0.5, 0.75, 1.0)
CLEARING_ROUNDS = 4
SOCKET_DEPTH = 0.85  # of the radius: where the skin behind the lids ends, inside the eyeball
ROWS, COLUMNS, LAST_ANGLE = 22, 32, np.deg2rad(130)  # of the eyeball's grid; it is open behind
IRIS_ANGLE, PUPIL_ANGLE = np.deg2rad(25.0), np.deg2rad(9.5)  # from the axis of gaze
SHADOW_WIDTH, SHADOW_OPACITY = 4.5, 0.55  # mm below the upper lid, and at its rim: the lid keeps light from the eye
SHADOW_ABOVE = 0.1  # mm between shadow and eyeball
IRIS_LIMITS = np.deg2rad([21.0, 26.0])
LASH_LOOK = {"upper": (6.5, 0.9), "lower": (3.0, 0.45)}  # length in mm and opacity


def eye_centres(shape: HeadShape, identity: Array, rest: Array) -> NDArray[np.float64]:
    """Centres (2, 3) of the right and the left eyeball of a skin (W, 3) at rest, so that they touch the lids."""
    file, neutral = shape.head_file, shape.neutral(identity)
    centres = file["eye_centre"] + np.tensordot(identity, file["eye_basis"][: len(identity)], 1)
    radius = float(file["eye_radius"])
    for centre, rim in zip(centres, shape.eye_rims, strict=True):
        centre += (rest[rim] - neutral[rim]).mean(0)
        flat = ((rest[rim] - centre)[:, :2] ** 2).sum(1)
        front = centre[2] + np.sqrt(np.maximum(radius**2 - flat, 0))
        overlap = np.quantile(front - rest[rim, 2], 1 - CONTACT)
        centre[2] -= np.clip(overlap, -MAX_SHIFT, MAX_SHIFT)
    return centres


def lid_distance(shape: HeadShape, points: Array, centre: Array) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The skin (n,) before an eyeball, and its signed distances (n,) in mm, negative behind the eyeball's surface."""
    radius = float(shape.head_file["eye_radius"])
    away = points[: len(shape.model.mean)] - centre
    far = np.linalg.norm(away, axis=1)
    near = (far < radius + LID_REACH) & (away[:, 2] > 0.2 * radius)
    used = np.zeros(len(far), bool)
    used[shape.face_triangles] = True
    rows = np.flatnonzero(near & used)
    return rows, far[rows] - radius


def clear_lids(shape: HeadShape, rest: Array, targets: Array, centres: Array) -> None:
    """Move the skin (W, 3) at rest and its targets (E, W, 3) in place, until no eyeball is before it.

    A morph target moves a vertex along a straight line, which may pass through the eyeball between two points in front
    of it. So a target is checked on its way too, and its end is moved out by what lacks there.
    """
    radius = float(shape.head_file["eye_radius"]) + CLEARANCE
    for centre in centres:
        rows = lid_distance(shape, rest, centre)[0]
        smooth = neighbour_means(shape, rows)
        rest[rows] += outward(rest[rows] - centre, radius, smooth)
        moved = [k for k in range(len(targets)) if np.abs(targets[k][rows]).max() > 0.01]
        for k in moved:
            for _ in range(CLEARING_ROUNDS):
                for weight in CHECKED_WEIGHTS:
                    there = rest[rows] + weight * targets[k][rows] - centre
                    targets[k][rows] += outward(there, radius, smooth) / weight


def neighbour_means(shape: HeadShape, rows: NDArray[np.intp]) -> tuple[NDArray, NDArray]:
    """Edges (n, 2) of the skin between some vertices, by their places among these, and how many each has."""
    place = np.full(len(shape.mean), -1)
    place[rows] = np.arange(len(rows))
    edges = place[triangle_edges(shape.face_triangles)]
    edges = edges[(edges >= 0).all(1)]
    return edges, np.maximum(np.bincount(edges[:, 0], minlength=len(rows)), 1)


def outward(away: Array, radius: float, smooth: tuple[NDArray, NDArray]) -> NDArray[np.float32]:
    """Moves (n, 3) that bring points, given from the centre of a ball, out of it, and their neighbours a little."""
    far = np.linalg.norm(away, axis=1)
    lack = np.maximum(radius - far, 0)
    spread, (edges, count) = lack, smooth
    for _ in range(3 if lack.any() else 0):
        spread = np.maximum(lack, np.bincount(edges[:, 0], spread[edges[:, 1]], len(far)) / count)
    return (spread / np.maximum(far, 1e-6))[:, None] * away


def sockets(shape: HeadShape, rest: Array, targets: Array, centres: Array) -> tuple[Array, Array, NDArray[np.int32]]:
    """Skin from the rims of the lids into the eyeballs, which closes the head.

    Returns new vertices (n, 3), their offsets (E, n, 3) and triangles of all vertices (W + n).
    """
    points, offsets, triangles, first = [], [], [], len(rest)
    for centre, rim in zip(centres, shape.eye_rims, strict=True):
        inner = centre + SOCKET_DEPTH * float(shape.head_file["eye_radius"]) * unit(rest[rim] - centre)
        points += [inner, centre[None]]
        offsets += [SOCKET_DEPTH * targets[:, rim], np.zeros((len(targets), 1, 3))]
        ring, after = first + np.arange(len(rim)), first + np.roll(np.arange(len(rim)), -1)
        middle = np.full(len(rim), first + len(rim))
        next_rim = np.roll(rim, -1)
        triangles += [np.stack(t, 1) for t in ((next_rim, rim, after), (rim, ring, after), (after, ring, middle))]
        first += len(rim) + 1
    return np.concatenate(points), np.concatenate(offsets, 1), np.concatenate(triangles).astype(np.int32)


def unit(vectors: Array) -> Array:
    """Vectors (n, 3) of length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def eyeball(radius: float) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """Vertices (n, 3) in mm around the centre, positions (n, 2) in a picture of the eye, and triangles; z is the gaze.

    The picture has the angle from the axis of gaze as its radius.
    """
    polar = LAST_ANGLE * np.linspace(0, 1, ROWS) ** 1.15
    around = np.linspace(0, 2 * np.pi, COLUMNS, endpoint=False)
    flat = np.stack([np.cos(around), np.sin(around)], -1)
    points = np.concatenate([np.sin(polar)[:, None, None] * flat, np.cos(polar)[:, None, None] + 0 * flat[..., :1]], -1)
    uv = 0.5 + 0.5 * (polar / polar[-1])[:, None, None] * flat * [1, -1]
    return (radius * points.reshape(-1, 3)).astype(np.float32), uv.reshape(-1, 2).astype(np.float32), ring_triangles(
        ROWS, COLUMNS
    )  # fmt: skip


def eye_picture(side: int, iris: Array, white: Array, iris_angle: float = IRIS_ANGLE) -> NDArray[np.float32]:
    """Pupil, iris with its fibres, limbus and white: (side, side, 3), 0 to 255, from two colours (3,).

    ``iris_angle`` is that of the iris from the axis of gaze, in radians.
    """
    rng = np.random.default_rng(5)
    y, x = (np.mgrid[:side, :side] + 0.5) / side * 2 - 1
    angle, turn = np.hypot(x, y) * LAST_ANGLE, np.arctan2(y, x)
    depth = np.clip((angle - PUPIL_ANGLE) / (iris_angle - PUPIL_ANGLE), 0, 1)
    fibres = sum(np.cos(k * turn + rng.uniform(0, 6.3) + 1.5 * depth) for k in (17, 29, 43, 61, 89)) / 5
    picture = np.asarray(iris) * (1.2 - 0.35 * depth + 0.22 * fibres)[..., None]
    limbus = np.clip((angle - 0.86 * iris_angle) / (0.12 * iris_angle), 0, 1)[..., None]
    picture *= 1 - 0.6 * limbus
    red = np.clip((angle - 0.75) / 0.9, 0, 1)[..., None] * [0.12, 0.4, 0.42]
    red = red + np.clip((angle - 0.5) / 1.2, 0, 1)[..., None] * 0.25  # the lids keep the light away
    outside = np.clip((angle - iris_angle) / 0.06 + 0.5, 0, 1)[..., None]
    picture += outside * (np.asarray(white) * (1 - red) - picture)
    pupil = np.clip((PUPIL_ANGLE - angle) / 0.025 + 0.5, 0, 1)[..., None]
    return (picture + pupil * (9.0 - picture)).astype(np.float32)


def eye_colors(image: Image, irises: Array, skin: Array) -> tuple[Array, Array]:
    """Colours (3,) of iris and white, 0 to 255, of irises (2, 3) in a photo; brown by default, by the skin (3,)."""
    light = float(np.mean(skin)) / 255
    white = np.array([212.0, 205.0, 198.0]) * (0.6 + 0.4 * min(light / 0.7, 1))
    iris = np.array([92.0, 60.0, 40.0]) * (0.5 + 0.5 * light)
    found = []
    for column, row, radius in irises:
        if not radius > 2:
            continue
        # only what is around the iris: a photo may have a hundred million pixels
        top, left = max(int(row - radius), 0), max(int(column - radius), 0)
        around = image[top : max(int(row + radius) + 2, 0), left : max(int(column + radius) + 2, 0)]
        y, x = np.mgrid[top : top + around.shape[0], left : left + around.shape[1]]
        far = np.hypot(x - column, y - row) / radius
        ring = around[(far > 0.45) & (far < 0.85) & (np.abs(y - row) < 0.6 * radius)]  # lids hide the rest
        if len(ring) > 8:
            found.append(np.percentile(ring, 40, axis=0))
    return (np.clip(np.mean(found, 0), 12, 200) if found else iris), white


def iris_angle(irises: Array, scale: float, radius: float) -> float:
    """The angle of the iris from the axis of gaze, in radians: by irises (2, 3) of a photo, ``scale`` pixels a mm."""
    found = irises[:, 2] / scale / radius
    found = found[np.isfinite(found)]
    return float(np.clip(np.arcsin(np.clip(found.mean(), 0, 0.9)), *IRIS_LIMITS)) if len(found) else float(IRIS_ANGLE)


def fringes(shape: HeadShape, skin: Array, centres: Array, color: Array) -> list[Part]:
    """Upper lashes, lower lashes and the upper lid's shadow of both eyes, along the rims of a skin (W, 3)."""
    radius, parts = float(shape.head_file["eye_radius"]), []
    for lids, centre in zip(shape.eyelids, centres, strict=True):
        for lid, (length, strength) in LASH_LOOK.items():
            rim = skin[getattr(lids, lid)]
            parts.append(lashes(np.random.default_rng(8), lid, rim, centre, color, strength, length))
        rim = skin[lids.upper]
        fall = np.linspace(0, SHADOW_WIDTH, 4)[:, None, None] * [0, -1.0, 0.1]
        rows = centre + (radius + SHADOW_ABOVE) * unit(rim + fall - centre)
        u = np.linspace(0.02, 0.98, len(rim))
        uv = np.stack([np.stack([u, np.full_like(u, v)], 1) for v in np.linspace(0.02, 0.98, 4)]).reshape(-1, 2)
        triangles = ring_triangles(4, len(rim))
        triangles = triangles[np.ptp(triangles % len(rim), axis=1) <= 1]
        opacity = SHADOW_OPACITY * np.linspace(1, 0, len(parts[-1].texture)) ** 1.3
        sheet = np.zeros_like(parts[-1].texture)
        sheet[..., 1] = np.rint(255 * opacity)[:, None]
        parts.append(
            Part(rows.reshape(-1, 3).astype(np.float32), triangles, np.zeros((4 * len(rim), 3)), uv, sheet, -1.0)
        )
    return parts
