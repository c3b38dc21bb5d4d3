"""Crops that turn a leaning head upright, from the angle of the head-angle network or from a position map."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.litert import LiteRTModel
from ..geometry.camera import Camera
from ..geometry.crop import crop_matrix, invert_similarity, transform_points, view_matrix
from ..geometry.landmarks import landmark_box
from ..uv.layout import UVLayout

MIN_LEAN_DEGREES = 35.0  # in the picture plane: a head that leans less is not turned
MIN_ANSWER_LENGTH = 0.85  # of the network's (sine, cosine), 0 to 1: a shorter answer is too uncertain


class HeadAngle:
    """The lean of the head in a crop, by the small network that some weights bring.

    Parameters
    ----------
    model : bytes
        Of :func:`lprnet_utils.common.litert.read_head_angle_network`.
    """

    def __init__(self, model: bytes):
        self._model = LiteRTModel(model, "the head-angle network")

    def __call__(self, crop: Image) -> float:
        """Clockwise lean in degrees; 0 if it is small or the network is uncertain, because most heads are upright."""
        sine, cosine = self._model(crop.astype(np.float32) / 255)[0]
        lean = float(np.degrees(np.arctan2(sine, cosine)))
        return lean if abs(lean) >= MIN_LEAN_DEGREES and np.hypot(sine, cosine) >= MIN_ANSWER_LENGTH else 0.0


def upright_box(box: ArrayLike, angle: float, lean: float, layout: UVLayout) -> Array:
    """The landmarks' box of a leaning face after turning it upright.

    It is computed as if the face were the mean face, seen from the front with the same lean.

    Parameters
    ----------
    box : (4,) array
        (x0, y0, x1, y1) in pixels of the photo, as :func:`lprnet_utils.geometry.crop_matrix` takes it.
    angle : float
        Degrees by which the crop turns the photo already.
    lean : float
        Clockwise lean of the face in that crop in degrees.
    layout : UVLayout
        Of the mean face.
    """
    flat = layout.landmarks(layout.mean_map)[:, :2] * [1.0, -1.0]
    turn = view_matrix([0, 0], 1, 1, -lean)[:, :2]  # by the lean, clockwise
    low, high = flat.min(0), flat.max(0)
    leaning = flat @ turn.T
    box = np.asarray(box, float)
    scale = (box[2:] - box[:2]).sum() / np.ptp(leaning, axis=0).sum()
    # from the middle of the leaning face's box to the middle of the upright one: in the crop, then in the photo
    shift = turn @ (low + high) / 2 - (leaning.min(0) + leaning.max(0)) / 2
    shift = view_matrix([0, 0], 1, 1, -angle)[:, :2] @ shift * scale
    centre, half = (box[:2] + box[2:]) / 2 + shift, scale * (high - low) / 2
    return np.r_[centre - half, centre + half]


def upright_crop(position_map: ArrayLike, layout: UVLayout) -> NDArray:
    """The matrix (2, 3) from the photo to a crop around the map's landmarks that shows the face upright."""
    mean, points = (layout.points(m)[::7] for m in (layout.mean_map, position_map))
    up = Camera.fit(mean, points).rotation[:2, 1]
    angle = float(np.degrees(np.arctan2(up[0], up[1])))
    turned = view_matrix([0, 0], 1, 1, angle)
    box = landmark_box(transform_points(turned, layout.landmarks(position_map)[:, :2]))
    centre = transform_points(invert_similarity(turned), (box[:2] + box[2:]) / 2)
    half = (box[2:] - box[:2]) / 2
    return crop_matrix(np.r_[centre - half, centre + half], layout.size, angle)
