"""Crops in which a leaning head stands upright: from a look at the crop, or from a map of the face."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.litert import LiteRTModel
from ..geometry.camera import Camera
from ..geometry.crop import crop_matrix, invert_similarity, transform_points, view_matrix
from ..geometry.landmarks import landmark_box
from ..uv.layout import UVLayout

LEAST_LEAN = 35.0  # degrees in the picture's plane: a head that leans less is left as it is
LEAST_SURE = 0.85  # length of the head-angle network's answer, 0 to 1, below which it is not believed


class HeadAngle:
    """How far the head in a crop leans, by the small network beside some weights.

    Parameters
    ----------
    model : bytes
        Of :func:`lprnet_utils.common.litert.read_head_angle_network`.
    """

    def __init__(self, model: bytes):
        self._model = LiteRTModel(model, "the head-angle network")

    def __call__(self, crop: Image) -> float:
        """Degrees clockwise; 0 for a head that leans little, and where the network is in doubt: most are upright."""
        sine, cosine = self._model(crop.astype(np.float32) / 255)[0]
        lean = float(np.degrees(np.arctan2(sine, cosine)))
        return lean if abs(lean) >= LEAST_LEAN and np.hypot(sine, cosine) >= LEAST_SURE else 0.0


def upright_box(box: ArrayLike, angle: float, lean: float, layout: UVLayout) -> Array:
    """The landmarks' box of a face if it were turned upright, from its box as it leans.

    The box is taken for that of the mean face seen from the front, leaning as much.

    Parameters
    ----------
    box : (4,) array
        (x0, y0, x1, y1) in pixels of the photo, as :func:`lprnet_utils.geometry.crop_matrix` takes it.
    angle : float
        Degrees by which its crop turns the photo already.
    lean : float
        Degrees by which the face leans in that crop, clockwise.
    layout : UVLayout
        Of the mean face.
    """
    flat = layout.landmarks(layout.mean_map)[:, :2] * [1.0, -1.0]
    turn = view_matrix([0, 0], 1, 1, -lean)[:, :2]  # by the lean, clockwise
    low, high = flat.min(0), flat.max(0)
    leaning = flat @ turn.T
    box = np.asarray(box, float)
    scale = (box[2:] - box[:2]).sum() / np.ptp(leaning, axis=0).sum()
    # from the middle of the leaning face's box to that of the upright face's, in the crop's frame, then the photo's
    shift = turn @ (low + high) / 2 - (leaning.min(0) + leaning.max(0)) / 2
    shift = view_matrix([0, 0], 1, 1, -angle)[:, :2] @ shift * scale
    centre, half = (box[:2] + box[2:]) / 2 + shift, scale * (high - low) / 2
    return np.r_[centre - half, centre + half]


def upright_crop(position_map: ArrayLike, layout: UVLayout) -> NDArray:
    """The matrix (2, 3) of the crop in which the face of a map stands upright, around its own landmarks."""
    mean, points = (layout.points(m)[::7] for m in (layout.mean_map, position_map))
    up = Camera.fit(mean, points).rotation[:2, 1]
    angle = float(np.degrees(np.arctan2(up[0], up[1])))
    turned = view_matrix([0, 0], 1, 1, angle)
    box = landmark_box(transform_points(turned, layout.landmarks(position_map)[:, :2]))
    centre = transform_points(invert_similarity(turned), (box[:2] + box[2:]) / 2)
    half = (box[2:] - box[:2]) / 2
    return crop_matrix(np.r_[centre - half, centre + half], layout.size, angle)
