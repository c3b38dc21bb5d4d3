"""Rotations, camera and alignment against values computed by hand."""

import numpy as np
import pytest

from lprnet_utils.geometry import Camera, rotation_angles, rotation_distance, rotation_matrix, similarity_alignment


def test_signs_of_the_angles():
    nose = np.array([0.0, 0.0, 1.0])
    assert (rotation_matrix(0, 30, 0) @ nose)[0] == pytest.approx(-0.5)  # yaw > 0: nose to the left of the image
    assert (rotation_matrix(30, 0, 0) @ nose)[1] == pytest.approx(0.5)  # pitch > 0: looks up
    crown = np.array([0.0, 1.0, 0.0])
    assert (rotation_matrix(0, 0, 30) @ crown)[0] == pytest.approx(0.5)  # roll > 0: clockwise


def test_angles_invert_the_matrix():
    rng = np.random.default_rng(0)
    for _ in range(50):
        angles = rng.uniform([-170, -89, -170], [170, 89, 170])
        assert rotation_angles(rotation_matrix(*angles)) == pytest.approx(angles, abs=1e-6)


@pytest.mark.parametrize("yaw", [-90, 90])
def test_gimbal_lock_keeps_the_rotation(yaw):
    rotation = rotation_matrix(20, yaw, -35)
    assert rotation_distance(rotation_matrix(*rotation_angles(rotation)), rotation) < 1e-5


def test_camera_projects_as_documented_and_unprojects():
    rng = np.random.default_rng(1)
    camera = Camera(rotation_matrix(10, -40, 5), 1.7, np.array([60.0, 50.0, 3.0]))
    v = rng.normal(size=(20, 3)) * 50
    turned = v @ camera.rotation.T
    expected = np.stack([1.7 * turned[:, 0] + 60, 50 - 1.7 * turned[:, 1], 1.7 * turned[:, 2] + 3], 1)
    assert np.allclose(camera.project(v), expected)
    assert np.allclose(camera.unproject(camera.project(v)), v)
    assert np.linalg.det(camera.matrix[:, :3]) < 0
    fitted = Camera.fit(v, camera.project(v))
    assert rotation_distance(fitted.rotation, camera.rotation) < 1e-4
    assert fitted.scale == pytest.approx(1.7)


def test_alignment_never_reflects_and_ignores_points_of_weight_zero():
    rng = np.random.default_rng(2)
    source = rng.normal(size=(30, 3))
    target = 2.5 * source @ rotation_matrix(30, 40, 50).T + [1, 2, 3]
    target[0] += 100
    scale, rotation, translation = similarity_alignment(source, target, np.r_[0, np.ones(29)])
    assert scale == pytest.approx(2.5) and translation == pytest.approx([1, 2, 3])
    mirrored = source * [-1, 1, 1]
    assert np.linalg.det(similarity_alignment(source, mirrored)[1]) == pytest.approx(1)


@pytest.mark.parametrize("target, message", [(np.ones((5, 3)), "coincide"), (np.ones((4, 3)), "same shape")])
def test_alignment_refuses_undetermined_input(target, message):
    with pytest.raises(ValueError, match=message):
        similarity_alignment(np.ones((5, 3)), target)
