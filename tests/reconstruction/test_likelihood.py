"""How much a map looks like a face."""

import numpy as np
import pytest

from lprnet_utils import LPRNet
from lprnet_utils.geometry import landmark_box
from lprnet_utils.geometry.landmarks import openness
from lprnet_utils.reconstruction.likelihood import face_likelihood
from lprnet_utils.synthetic import background, rendered_clip


def test_a_shape_that_is_no_face_is_unlikely(net, photos, faces):
    layout = faces["astronaut.jpg"][0].layout
    position = faces["astronaut.jpg"][0].position_map
    doubt = net.metadata["doubt"]
    assert face_likelihood(position, layout, doubt) > 0.8
    flat = position * [1, 1, 0]
    torn = position + np.random.default_rng(0).normal(0, 40, position.shape)
    turned_inside_out = position * [1, 1, -1]
    for shape in (flat, torn, turned_inside_out):
        assert face_likelihood(shape, layout, doubt) < 0.3


@pytest.mark.parametrize("weights", ["wild", "open"])
def test_a_mouth_that_is_wide_open_is_a_face_all_the_same(weights):
    """Jaw at its end, with what people do beside it; the likelihood alone, and the photo end to end."""
    net = LPRNet(weights)
    shouts = (
        {"jawOpen": 1.0},
        {"jawOpen": 0.9, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.7},
        {"jawOpen": 1.0, "mouthFunnel": 0.7, "browInnerUp": 0.6},
    )
    for seed, (weight, yaw) in enumerate(zip(shouts, (0, 25, -30), strict=True)):
        pose, expression = (lambda t, yaw=yaw: (0, yaw, 0)), (lambda t, weight=weight: weight)
        clip = rendered_clip(1, (240, 240), seed=seed, pose=pose, expression=expression, height=0.55)
        face = net.reconstruct_in_box(clip[0].image, landmark_box(clip.landmarks(0)[0]))
        assert openness(face.landmarks)[1] > 0.4, "the network sees the open mouth"
        assert face.confidence > 0.8, (seed, face.confidence)
        assert len(net.reconstruct(clip[0].image)) == 1, seed


@pytest.mark.parametrize("weights", ["wild", "open"])
def test_a_place_without_a_face_is_mostly_unlikely(weights):
    """What the detector lets through by mistake; nobody there, so whatever the network draws should be doubted."""
    net, rng = LPRNet(weights), np.random.default_rng(0)
    pictures = [np.uint8(255 * np.clip(background(rng, 128), 0, 1) ** (1 / 2.2)) for _ in range(60)]
    likely = [net.reconstruct_in_box(p, [21, 21, 106, 106]).confidence > 0.5 for p in pictures]
    assert np.mean(likely) < 0.3, np.mean(likely)
