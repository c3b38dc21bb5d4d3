"""The likelihood that a position map shows a face. It reveals false alarms of the detector."""

import numpy as np
from numpy.typing import ArrayLike

from ..geometry.camera import Camera
from ..geometry.landmarks import UNDER_NOSE
from ..uv.layout import UVLayout

WHOLE_FACE_FACTOR = 1.25  # from the distance of the part above the mouth to that of the whole face
DISTANCE_CURVE = (20.0, 2.1)  # mm, for weights without their own curve (`published`), see face_likelihood


def shape_distance(position_map: ArrayLike, layout: UVLayout) -> float:
    """Distance of the shape of a map (N, N, 3) from a face in mm: from the mean face, plus from its own mirror image.

    A face differs from the mean face by a few percent of its size, and its two sides differ by less. If a crop shows no
    face, the network averages many shapes into one that is flat, torn or asymmetric. The distance from the mean face is
    taken after similarity alignment, the distance of the two sides in the face frame. Only the part above the mouth is
    measured, because an open mouth moves a third of the face. A factor of 1.25 makes up for the rest: the result is
    about the distance of a whole face at rest.
    """
    texels = layout.texels[::7]
    front = layout.mean_map.reshape(-1, 3)
    texels = texels[front[texels, 1] > layout.landmarks(layout.mean_map)[UNDER_NOSE, 1]]
    row, column = np.divmod(texels, layout.size)
    points = np.asarray(position_map, np.float32).reshape(-1, 3)
    shape, mean = points[texels], front[texels]
    mirrored = points[row * layout.size + layout.size - 1 - column]
    camera = Camera.fit(mean, shape)
    distance = WHOLE_FACE_FACTOR * np.linalg.norm(camera.project(mean) - shape, axis=1).mean() / camera.scale
    asymmetry = camera.unproject(shape) - camera.unproject(mirrored) * [-1.0, 1.0, 1.0]
    return float(distance + np.linalg.norm(asymmetry, axis=1).mean())


def face_likelihood(position_map: ArrayLike, layout: UVLayout, curve: tuple[float, float] = DISTANCE_CURVE) -> float:
    """Likelihood, 0 to 1, that a map shows a face, from its :func:`shape_distance` alone.

    ``curve`` holds the distance at which the likelihood is 0.5 and the width of the logistic curve, both in mm.
    Most weights bring their own curve in their metadata.
    """
    return float(1 / (1 + np.exp((shape_distance(position_map, layout) - curve[0]) / curve[1])))
