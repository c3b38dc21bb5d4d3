"""How much a position map looks like a face: what the detector takes for one and the network finds none in."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..geometry.camera import Camera
from ..geometry.landmarks import UNDER_NOSE
from ..uv.layout import UVLayout

WHOLE = 1.25  # a shape is judged down to the nose; this makes up for the rest
DISTANCE_CURVE = (20.0, 2.1)  # of weights that bring none (`published`), see face_likelihood


def shape_distance(position_map: ArrayLike, layout: UVLayout) -> float:
    """How far a map's shape is from a face's, in mm: from the mean face, and from its own mirror image.

    A face differs from the mean face by a few percent of its size, and its two sides by less. Shown something else, a
    network averages its doubts into shapes that are flat, torn or lopsided. The distance is taken after similarity
    alignment, that of the two sides in the head's frame, and the two are added. What lies above the mouth is measured,
    times 1.25, which makes it about the distance of a whole face at rest: a mouth that is wide open moves a third of
    the face, and the face is no less one.
    """
    texels = layout.texels[::7]
    front = layout.mean_map.reshape(-1, 3)
    texels = texels[front[texels, 1] > layout.landmarks(layout.mean_map)[UNDER_NOSE, 1]]
    row, column = np.divmod(texels, layout.size)
    points = np.asarray(position_map, np.float32).reshape(-1, 3)
    here, there, mean = points[texels], points[row * layout.size + layout.size - 1 - column], front[texels]
    camera = Camera.fit(mean, here)
    distance = WHOLE * np.linalg.norm(camera.project(mean) - here, axis=1).mean() / camera.scale
    sides = camera.unproject(here) - camera.unproject(there) * [-1.0, 1.0, 1.0]
    return float(distance + np.linalg.norm(sides, axis=1).mean())


def face_likelihood(position_map: ArrayLike, layout: UVLayout, curve: tuple[float, float] = DISTANCE_CURVE) -> float:
    """How much a map looks like a face, 0 to 1, from its :func:`shape_distance` alone.

    ``curve`` is the distance at which a shape is as likely a face as not, and the width of the logistic curve around
    it, both in mm: those of the network's metadata, where it has them.
    """
    return float(1 / (1 + np.exp((shape_distance(position_map, layout) - curve[0]) / curve[1])))
