"""Hats and glasses, built to fit a head."""

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array, Image
from ..geometry.landmarks import BROWS, LEFT_EYE, NOSE_BRIDGE, RIGHT_EYE
from .head import Part, ring_triangles


def hat(rng: np.random.Generator, head_vertices: Array, landmarks: Array) -> Part:
    """A cap or a hat for a head with vertices (h, 3) and landmarks (68, 3): a dome over the skull, and a brim."""
    base = landmarks[BROWS, 1].mean() + rng.uniform(8, 35)
    skull = head_vertices[np.abs(head_vertices[:, 1] - base) < 12]
    centre = np.r_[0.0, base, (skull[:, 2].min() + skull[:, 2].max()) / 2]
    height = head_vertices[:, 1].max() - base + rng.uniform(6, 30)
    radius = np.array([np.ptp(skull[:, 0]) / 2 + 6, height, np.ptp(skull[:, 2]) / 2 + 8])
    n = 24
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    levels = [(np.cos(t), np.sin(t)) for t in np.linspace(0, np.pi / 2 * 0.98, 7)]
    brim = rng.choice([0.0, 20.0, 45.0])
    front = rng.random() < 0.5
    reach = 1 + brim / radius[2] * (np.clip(np.sin(angle), 0, 1) if front else 1)
    rings = [np.stack([radius[0] * reach * np.cos(angle), 0 * angle - 3, radius[2] * reach * np.sin(angle)], 1)]
    rings += [np.stack([radius[0] * c * np.cos(angle), radius[1] * s + 0 * angle, radius[2] * c * np.sin(angle)], 1)
              for c, s in levels]  # fmt: skip
    points = np.concatenate(rings) + centre
    colors = np.tile(rng.uniform(0.01, 0.7, 3) ** 1.3, (len(points), 1))
    return Part(points.astype(np.float32), ring_triangles(len(rings), n), colors)


def glasses(rng: np.random.Generator, landmarks: Array) -> list[Part]:
    """Glasses for a face with 68 landmarks (68, 3): the frame with its temples, and two lenses, clear or dark."""
    n = 20
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    power, width, height = rng.uniform(0.5, 1), rng.uniform(22, 29), rng.uniform(15, 24)
    cosine, sine = np.cos(angle), np.sin(angle)
    outline = np.stack([width * np.sign(cosine) * np.abs(cosine) ** power,
                        height * np.sign(sine) * np.abs(sine) ** power, 0 * angle], 1)  # fmt: skip
    thick = rng.uniform(1.0, 4.0)
    color = rng.uniform(0, 0.5, 3) if rng.random() < 0.4 else np.full(3, rng.uniform(0.005, 0.05))
    depth = landmarks[NOSE_BRIDGE.start, 2] + rng.uniform(0, 6)
    frames, lenses = [], []
    for loop, sign in ((RIGHT_EYE, -1), (LEFT_EYE, 1)):
        eye = landmarks[loop].mean(0)
        centre = np.array([eye[0] + sign * 2, eye[1] - 2, depth - 4])
        bend = np.abs(outline[:, :1] * sign + 25) * [0, 0, -0.12]
        inner, outer = centre + outline + bend, centre + outline * (1 + thick / width) + bend
        frames.append((np.concatenate([inner, outer, outer - [0, 0, 2]]), ring_triangles(3, n)))
        lenses.append((np.concatenate([inner, inner * 0 + centre]), ring_triangles(2, n)))
        hinge = centre + [sign * width, 0.4 * height, -3]
        ear_x = sign * (abs(landmarks[0 if sign < 0 else 16, 0]) + 4)
        ear = np.array([ear_x, hinge[1] + 2, landmarks[[0, 16], 2].mean() - 12])
        bar = np.array([hinge, hinge - [0, thick, 0], ear, ear - [0, thick, 0]])
        frames.append((bar, np.array([[0, 1, 2], [1, 3, 2]])))
    left, right = (landmarks[s].mean(0) for s in (RIGHT_EYE, LEFT_EYE))
    y = (left[1] + right[1]) / 2 + 0.2 * height
    bridge = np.array([[x, y + dy, depth] for x in (left[0] + width - 4, right[0] - width + 4) for dy in (0, -thick)])
    frames.append((bridge, np.array([[0, 1, 2], [1, 3, 2]])))
    opacity = 235 if rng.random() < 0.35 else int(rng.integers(10, 60))
    tint = rng.uniform(0, 0.06, 3) if opacity > 200 else rng.uniform(0.2, 1.2, 3)
    lens = np.full((1, 1, 2), 255, np.uint8)
    lens[..., 1] = opacity
    # the lenses are separate parts: seen from the side, one lies before the other
    return [join_meshes(frames, color), *(join_meshes([one], tint, lens, -1.0) for one in lenses)]


def join_meshes(pieces: list, color: ArrayLike, texture: Image | None = None, cut: float = 0.5) -> Part:
    """Several meshes (vertices, triangles) of one colour as one part."""
    start = np.cumsum([0, *(len(p) for p, _ in pieces)])
    triangles = np.concatenate([t + s for (_, t), s in zip(pieces, start[:-1], strict=True)]).astype(np.int32)
    points = np.concatenate([p for p, _ in pieces]).astype(np.float32)
    return Part(points, triangles, np.tile(np.asarray(color, np.float32), (len(points), 1)), texture=texture, cut=cut)
