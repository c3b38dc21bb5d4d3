"""Losses on encoded position maps."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from ..geometry.landmarks import LID_AND_LIP_PAIRS
from ..uv.encoding import SPAN
from ..uv.maps import MapLayout

Tensor = Any  # of the backend

SHAPE_STEP = 4  # every fourth texel in each direction: neighbours have nearly the same errors

# w and epsilon of the Wing loss: 4 % and 0.8 % of the side of the crop
WING_WIDTH, WING_EPSILON = 0.04 / SPAN, 0.008 / SPAN


def wing(x: Tensor) -> Tensor:
    """The Wing loss (Feng et al., CVPR 2018): w ln(1 + |x| / epsilon) for |x| < w, beyond that |x| less a constant."""
    w, epsilon = WING_WIDTH, WING_EPSILON
    x = ops.abs(x)
    return ops.where(x < w, w * ops.log(1 + x / epsilon), x - w + w * float(np.log(1 + w / epsilon)))


def map_loss(
    layout: MapLayout, kind: str = "l1", landmark_weight: float = 1.0, similarity_weight: float = 0.0,
    edge_weight: float = 0.0, gap_weight: float = 0.0, shape_weight: float = 0.0,
) -> Callable[[Tensor, Tensor], Tensor]:  # fmt: skip
    """Make the loss between encoded maps, a weighted sum of six terms.

    It takes true and predicted maps (B, N, N, 3) to losses (B,). They are scaled so that 1 is a mean error of 1 % of
    the side of the crop (for ``l2``, its square).

    Parameters
    ----------
    layout : MapLayout
        Its ``weights``, of the face PRNet's mask, weight the texels. This term has weight 1.
    kind : str
        ``l1`` takes absolute differences, ``l2`` squares, ``wing`` the Wing loss, for x, y and z alike.
    landmark_weight : float
        Of the mean over the landmarks.
    similarity_weight : float
        Of the mean of four numbers: the shift of the landmarks in x and y, their change of scale, and their rotation in
        the image plane, the latter two as distances at the landmarks' root-mean-square radius. To first order they are
        the similarity transform between the two faces, and the other terms depend little on each of them.
    edge_weight : float
        Of the mean over the edges between neighbouring texels of the face, as vectors: lengths and directions.
    gap_weight : float
        Of the mean over seven gaps: upper to lower lid, two per eye, and upper to lower lip, three. A blink hardly
        changes the mean over a face (Feng et al., SIGGRAPH 2021, use such a term for the same reason).
    shape_weight : float
        Of the mean over every fourth texel in each direction, after the similarity in space that best aligns the two
        faces, to first order. Place, size and pose have the largest errors and hide that of the shape.
    """
    penalty = {"l1": ops.abs, "l2": ops.square, "wing": wing}[kind]
    unit = (100 * SPAN) ** 2 if kind == "l2" else 100 * SPAN
    weights = layout.weights / layout.weights.sum()
    weights = ops.convert_to_tensor(weights[..., None].astype(np.float32) / 3)
    read_landmarks, edge_loss = _landmark_reader(layout), _edge_loss(layout, penalty)
    texel_rows = ops.convert_to_tensor(np.flatnonzero(layout.mask[::SHAPE_STEP, ::SHAPE_STEP].ravel()))
    upper, lower = (ops.convert_to_tensor(np.array(rows)) for rows in LID_AND_LIP_PAIRS)

    def loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        difference = y_pred - y_true
        texels = ops.sum(penalty(difference) * weights, axis=(1, 2, 3))
        landmarks = read_landmarks(difference)
        total = texels + landmark_weight * ops.mean(penalty(landmarks), axis=(1, 2))
        if gap_weight:
            gaps = ops.take(landmarks, upper, axis=1) - ops.take(landmarks, lower, axis=1)
            total = total + gap_weight * ops.mean(penalty(gaps), axis=(1, 2))
        if edge_weight:
            total = total + edge_loss(difference, edge_weight)
        if shape_weight:
            grids = (maps[:, ::SHAPE_STEP, ::SHAPE_STEP] for maps in (y_true, difference))
            points, offsets = (ops.take(ops.reshape(g, (-1, (layout.size // SHAPE_STEP) ** 2, 3)), texel_rows, axis=1)
                               for g in grids)  # fmt: skip
            total = total + shape_weight * ops.mean(penalty(_without_similarity(points, offsets)), axis=(1, 2))
        if similarity_weight:
            transform = _similarity(read_landmarks(y_true)[..., :2], landmarks)
            total = total + similarity_weight * ops.mean(penalty(transform), axis=1)
        return unit * total

    return loss


def _landmark_reader(layout: MapLayout) -> Callable[[Tensor], Tensor]:
    """A function that reads landmarks (B, L, 3) from maps (B, N, N, 3)."""
    # each landmark as a weighted sum of the same number of texels, so that one gather reads them on every backend
    count, width = layout.landmark_matrix.shape[0], int(layout.landmark_matrix.getnnz(axis=1).max())
    index, weight = np.zeros((count, width), int), np.zeros((count, width, 1), np.float32)
    for k, row in enumerate(layout.landmark_matrix):
        index[k, : row.nnz], weight[k, : row.nnz, 0] = row.indices, row.data
    weight, rows = ops.convert_to_tensor(weight), ops.convert_to_tensor(index.ravel())

    def read_landmarks(maps: Tensor) -> Tensor:
        flat = ops.reshape(maps, (-1, layout.size**2, 3))
        values = ops.reshape(ops.take(flat, rows, axis=1), (-1, count, width, 3))
        return ops.sum(values * weight, axis=2)

    return read_landmarks


def _edge_loss(layout: MapLayout, penalty: Callable[[Tensor], Tensor]) -> Callable[[Tensor, float], Tensor]:
    """A function from map differences (B, N, N, 3) and a weight to the weighted edge losses (B,)."""
    mask = layout.mask.astype(np.float32)[None, ..., None]
    along_u, along_v = mask[:, :, 1:] * mask[:, :, :-1], mask[:, 1:] * mask[:, :-1]
    count = 3 * float(along_u.sum() + along_v.sum())
    along_u, along_v = map(ops.convert_to_tensor, (along_u, along_v))

    def edge_loss(difference: Tensor, weight: float) -> Tensor:
        u = penalty(difference[:, :, 1:] - difference[:, :, :-1]) * along_u
        v = penalty(difference[:, 1:] - difference[:, :-1]) * along_v
        return weight / count * (ops.sum(u, axis=(1, 2, 3)) + ops.sum(v, axis=(1, 2, 3)))

    return edge_loss


def _without_similarity(points: Tensor, offsets: Tensor) -> Tensor:
    """Offsets (B, P, 3) of points (B, P, 3) less the shift, scale and rotation that explain most of them."""
    points = points - ops.mean(points, axis=1, keepdims=True)
    offsets = offsets - ops.mean(offsets, axis=1, keepdims=True)
    square = ops.sum(points * points, axis=(1, 2))
    scale = ops.sum(points * offsets, axis=(1, 2)) / square
    outer = ops.matmul(ops.transpose(points, (0, 2, 1)), points)
    inertia = square[:, None, None] * ops.eye(3) - outer
    moment = ops.sum(ops.cross(points, offsets, axis=-1), axis=1)
    # Cramer's rule: on a GPU, the library's inverse would wait for the device
    x, y, z = (inertia[:, k] for k in range(3))
    minors = ops.stack([ops.cross(a, b, axis=-1) for a, b in ((y, z), (z, x), (x, y))], axis=1)
    determinant = ops.sum(x * minors[:, 0], axis=1)
    rotation = ops.matmul(minors, moment[..., None])[..., 0] / determinant[:, None]  # axis times angle
    turned = ops.cross(ops.broadcast_to(rotation[:, None], ops.shape(points)), points, axis=-1)
    return offsets - scale[:, None, None] * points - turned


def _similarity(points: Tensor, offsets: Tensor) -> Tensor:
    """Shift in x and y, change of scale and rotation (B, 4) of points (B, 68, 2) that move by offsets (B, 68, 3)."""
    points = points - ops.mean(points, axis=1, keepdims=True)
    x, y, dx, dy = points[..., 0], points[..., 1], offsets[..., 0], offsets[..., 1]
    radius = ops.sqrt(ops.mean(x * x + y * y, axis=1))
    scale, rotation = (ops.mean(v, axis=1) / radius for v in (x * dx + y * dy, x * dy - y * dx))
    return ops.stack([ops.mean(dx, axis=1), ops.mean(dy, axis=1), scale, rotation], axis=1)
