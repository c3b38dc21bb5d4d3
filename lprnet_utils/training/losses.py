"""Losses on position maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from ..geometry.landmarks import OPENINGS
from ..uv.encoding import SPAN
from ..uv.layout import UVLayout

WING = 0.04 / SPAN, 0.008 / SPAN  # w and epsilon: 4 % and 0.8 % of the crop's side


def wing(x: Any) -> Any:
    """The Wing loss (Feng et al., CVPR 2018): w ln(1 + |x| / epsilon) near 0, |x| less a constant from w on."""
    w, epsilon = WING
    x = ops.abs(x)
    return ops.where(x < w, w * ops.log(1 + x / epsilon), x - w + w * float(np.log(1 + w / epsilon)))


def map_loss(
    layout: UVLayout,
    kind: str = "l1",
    landmark_weight: float = 1.0,
    similarity_weight: float = 0.0,
    edge_weight: float = 0.0,
    gap_weight: float = 0.0,
):
    """Loss between encoded maps: of texels, of the landmarks read from them, of the whole face, of edges, of gaps.

    Parameters
    ----------
    layout : UVLayout
        Whose weights, PRNet's mask, the texels have.
    kind : str
        ``l1`` takes absolute differences, ``l2`` squares, ``wing`` the Wing loss, of x, y and z alike.
    landmark_weight : float
        Of the mean over the landmarks.
    similarity_weight : float
        Of the mean of four: the landmarks' shift in x and y, their growth and their turn in the picture's plane, the
        latter two at the landmarks' mean distance from their middle. To first order these are the similarity
        transform between the two faces, of which the other terms see a small part each.
    edge_weight : float
        Of the mean over neighbouring texels of the face: the vectors between them, so lengths and directions.
    gap_weight : float
        Of the mean over seven gaps: upper to lower lid, twice an eye, and upper to lower lip, three times. A blink is
        next to nothing in the mean over a face (Feng et al., SIGGRAPH 2021, weigh it for the same reason).

    Returns
    -------
    callable
        Of true and predicted codes (B, N, N, 3): (B,), scaled so that 1 is a mean error of 1 % of the crop's side (for
        l2: its square).
    """
    weights = layout.weights / layout.weights.sum()
    weights = ops.convert_to_tensor(weights[..., None].astype(np.float32) / 3)
    read = layout.landmark_matrix.tocoo()
    # each landmark as a fixed number of texels, so that it is one gather on every backend
    rows: list[list[tuple[int, float]]] = [[] for _ in range(68)]
    for i, j, w in zip(read.row, read.col, read.data, strict=True):
        rows[i].append((int(j), float(w)))
    width = max(map(len, rows))
    index = np.array([[j for j, _ in r] + [0] * (width - len(r)) for r in rows])
    value = np.array([[w for _, w in r] + [0.0] * (width - len(r)) for r in rows], np.float32)
    value = ops.convert_to_tensor(value[None, :, :, None])
    penalty = {"l1": ops.abs, "l2": ops.square, "wing": wing}[kind]
    unit = (100 * SPAN) ** 2 if kind == "l2" else 100 * SPAN
    mask = layout.mask.astype(np.float32)[None, ..., None]
    along_u, along_v = mask[:, :, 1:] * mask[:, :, :-1], mask[:, 1:] * mask[:, :-1]
    edges = 3 * float(along_u.sum() + along_v.sum())
    along_u, along_v = map(ops.convert_to_tensor, (along_u, along_v))

    def loss(y_true, y_pred):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        difference = y_pred - y_true
        texels = ops.sum(penalty(difference) * weights, axis=(1, 2, 3))
        flat = ops.reshape(difference, (-1, layout.size**2, 3))
        corners = ops.reshape(ops.take(flat, index.ravel(), axis=1), (-1, 68, width, 3))
        landmarks = ops.sum(corners * value, axis=2)
        total = texels + landmark_weight * ops.mean(penalty(landmarks), axis=(1, 2))
        if gap_weight:
            gaps = ops.take(landmarks, OPENINGS[0], axis=1) - ops.take(landmarks, OPENINGS[1], axis=1)
            total = total + gap_weight * ops.mean(penalty(gaps), axis=(1, 2))
        if edge_weight:
            u = penalty(difference[:, :, 1:] - difference[:, :, :-1]) * along_u
            v = penalty(difference[:, 1:] - difference[:, :-1]) * along_v
            total = total + edge_weight / edges * (ops.sum(u, axis=(1, 2, 3)) + ops.sum(v, axis=(1, 2, 3)))
        if similarity_weight:
            flat = ops.reshape(y_true, (-1, layout.size**2, 3))
            corners = ops.reshape(ops.take(flat, index.ravel(), axis=1), (-1, 68, width, 3))
            points = ops.sum(corners * value, axis=2)[..., :2]
            points = points - ops.mean(points, axis=1, keepdims=True)
            x, y, dx, dy = points[..., 0], points[..., 1], landmarks[..., 0], landmarks[..., 1]
            radius = ops.sqrt(ops.mean(x * x + y * y, axis=1))
            growth, turn = (ops.mean(v, axis=1) / radius for v in (x * dx + y * dy, x * dy - y * dx))
            whole = ops.stack([ops.mean(dx, axis=1), ops.mean(dy, axis=1), growth, turn], axis=1)
            total = total + similarity_weight * ops.mean(penalty(whole), axis=1)
        return unit * total

    return loss
