"""The likelihood that a position map shows a face."""

import numpy as np
import pytest

from lprnet_utils import LPRNet
from lprnet_utils.geometry import Camera, landmark_box, rotation_matrix
from lprnet_utils.geometry.landmarks import eye_and_mouth_opening
from lprnet_utils.reconstruction import shape_distance
from lprnet_utils.synthetic import background, rendered_clip


def test_shapes_unlike_a_face_are_unlikely(net, faces):
    position = faces["astronaut.jpg"][0].position_map
    assert len(net.metadata["doubt"]) == 2, "the weights bring their own curve"
    assert net.likelihood(position) > 0.8
    torn = position + np.random.default_rng(0).normal(0, 40, position.shape)
    flat, inside_out = position * [1, 1, 0], position * [1, 1, -1]
    for shape in (flat, torn, inside_out):
        assert net.likelihood(shape) < 0.3


def test_the_distance_of_a_shape_is_in_millimetres_in_any_pose(layout):
    rng = np.random.default_rng(0)
    for pose, scale in (((0, 0, 0), 1.0), ((20, -50, 10), 0.3), ((-10, 30, 0), 7.0)):
        camera = Camera(rotation_matrix(*pose), scale, np.array([50.0, 90.0, -7.0]))
        assert shape_distance(camera.project(layout.mean_map), layout) < 0.1
        # noise of 2 mm in x, y and z is 3.2 mm long in the mean, and that of two sides together longer by the root of 2
        noisy = camera.project(layout.mean_map + rng.normal(0, 2, layout.mean_map.shape))
        expected = 2 * np.sqrt(8 / np.pi) * (1.25 + np.sqrt(2))
        assert shape_distance(noisy, layout) == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize("weights", ["wild", "open"])
def test_a_face_with_a_wide_open_mouth_is_likely(weights):
    net = LPRNet(weights)
    expressions = (
        {"jawOpen": 1.0},
        {"jawOpen": 0.9, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.7},
        {"jawOpen": 1.0, "mouthFunnel": 0.7, "browInnerUp": 0.6},
    )
    for seed, (weight, yaw) in enumerate(zip(expressions, (0, 25, -30), strict=True)):
        pose, expression = (lambda t, yaw=yaw: (0, yaw, 0)), (lambda t, weight=weight: weight)
        clip = rendered_clip(1, (240, 240), seed=seed, pose=pose, expression=expression, height=0.55)
        face = net.reconstruct_in_box(clip[0].image, landmark_box(clip.landmarks(0)[0]))
        assert eye_and_mouth_opening(face.landmarks)[1] > 0.4, "the network sees the open mouth"
        assert face.confidence > 0.8, (seed, face.confidence)
        assert len(net.reconstruct(clip[0].image)) == 1, seed


@pytest.mark.parametrize("weights", ["wild", "open"])
def test_crops_without_a_face_are_mostly_unlikely(weights):
    net, rng = LPRNet(weights), np.random.default_rng(0)
    pictures = [np.uint8(255 * np.clip(background(rng, 128), 0, 1) ** (1 / 2.2)) for _ in range(60)]
    likely = [net.reconstruct_in_box(p, [21, 21, 106, 106]).confidence > 0.5 for p in pictures]
    assert np.mean(likely) < 0.3, np.mean(likely)
