"""The loss terms, computed by hand."""

import numpy as np
import pytest

from lprnet_utils.geometry import rotation_matrix
from lprnet_utils.training import map_loss
from lprnet_utils.uv import SPAN, encode_map


def test_loss_by_hand(layout):
    truth = np.random.default_rng(0).random((2, 128, 128, 3)).astype(np.float32)
    predicted = truth.copy()
    predicted[0] += 0.01  # everywhere, so texels and landmarks are both off by 0.01
    predicted[1][~layout.mask] += 0.5  # outside the mesh: free
    for kind, penalty in (("l1", 0.01 * 100 * SPAN), ("l2", (0.01 * 100 * SPAN) ** 2)):
        loss = np.asarray(map_loss(layout, kind, landmark_weight=0.5)(truth, predicted))
        assert loss[0] == pytest.approx(1.5 * penalty, rel=1e-3)
        assert loss[1] == pytest.approx(0, abs=1e-5 * penalty)


def loss_of(layout, truth, predicted, kind="l1", **weights):
    """The loss of one map, in shares of the side of the crop."""
    loss = map_loss(layout, kind, **weights)(truth[None], predicted[None].astype(np.float32))
    return float(loss[0]) / (100 * SPAN)


def test_loss_of_the_similarity_by_hand(layout):
    truth = (layout.mean_map * [0.5, -0.5, 0.5] / (SPAN * 128) + 0.5).astype(np.float32)
    points = layout.landmarks(truth)[:, :2]
    radius = np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean())

    def extra(predicted):
        return loss_of(layout, truth, predicted, similarity_weight=1.0) - loss_of(layout, truth, predicted)

    assert extra(truth + [0.01, -0.02, 0.5]) == pytest.approx(0.03 / 4, rel=1e-3), "the shift"
    centre = np.r_[points.mean(0), 0.5]
    assert extra((truth - centre) * 1.03 + centre) == pytest.approx(0.03 * radius / 4, rel=1e-3), "the change of scale"
    turn = np.array([[0, 0.02, 0], [-0.02, 0, 0], [0, 0, 0]])
    assert extra(truth + (truth - centre) @ turn) == pytest.approx(0.02 * radius / 4, rel=1e-3), "the rotation"
    deeper = truth.copy()
    deeper[..., 2] = 0.5 + 1.2 * (deeper[..., 2] - 0.5)
    assert extra(deeper) == pytest.approx(0, abs=1e-6), "a change of shape costs nothing"


def test_losses_of_edges_and_wing_by_hand(layout):
    truth = np.random.default_rng(0).random((128, 128, 3)).astype(np.float32)

    def loss(offset, kind="l1", edge_weight=0.0):
        return loss_of(layout, truth, truth + offset, kind, landmark_weight=0.0, edge_weight=edge_weight)

    assert loss(0.01, edge_weight=5.0) == pytest.approx(loss(0.01), rel=1e-3), "no edge changes"
    ramp = np.arange(128)[None, :, None] * np.float32(0.001)  # every edge along u is longer by 0.001, in x, y, z
    inner = layout.mask[:, 1:] & layout.mask[:, :-1], layout.mask[1:] & layout.mask[:-1]
    share = inner[0].sum() / (inner[0].sum() + inner[1].sum())
    assert loss(ramp, edge_weight=5.0) - loss(ramp) == pytest.approx(5 * 0.001 * share, rel=1e-2)
    w, epsilon = 0.04 / SPAN, 0.008 / SPAN
    assert loss(0.5 * w, "wing") == pytest.approx(w * np.log(1 + 0.5 * w / epsilon), rel=1e-3)
    assert loss(3 * w, "wing") == pytest.approx(3 * w - w + w * np.log(1 + w / epsilon), rel=1e-3)


def test_loss_of_the_gaps_between_lids_and_lips_by_hand(layout):
    truth = np.random.default_rng(0).random((128, 128, 3)).astype(np.float32)

    def extra(offset):
        return loss_of(layout, truth, truth + offset, gap_weight=3.0) - loss_of(layout, truth, truth + offset)

    assert extra(0.01) == pytest.approx(0, abs=1e-6), "a shift opens nothing"
    ramp = np.arange(128)[:, None, None] * np.float32(0.001) * np.array([0, 1, 0])
    points = layout.landmarks(np.broadcast_to(ramp, (128, 128, 3)))[:, 1]
    pairs = [(37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65)]  # iBUG's upper and lower
    grown = np.mean([abs(points[a] - points[b]) for a, b in pairs])
    assert grown > 0.001 and extra(ramp) == pytest.approx(3 * grown / 3, rel=1e-2), "y, of x, y and z"


def test_loss_of_the_shape_ignores_place_size_and_pose(layout):
    true = layout.mean_map * [1, -1, 1] * 0.5 + [64, 64, 0]
    codes = encode_map(true[None].astype(np.float32))
    rotation = rotation_matrix(1.0, 1.5, 1.0)
    moved = (1.01 * (true - [64, 64, 0]) @ rotation.T + [65, 63, 2])[None]
    bent = true[None].copy()
    bent[..., 2] += 3 * np.sin(true[..., 0] / 10)
    plain, shape = map_loss(layout, "l1"), map_loss(layout, "l1", shape_weight=1.0)

    def term(maps):
        predicted = encode_map(maps.astype(np.float32))
        return float(np.asarray(shape(codes, predicted) - plain(codes, predicted))[0])

    assert term(moved) < 0.03 * term(bent) and term(true[None]) < 1e-6
