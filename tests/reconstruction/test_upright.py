"""Heads that lean are turned upright before the network sees them."""

import shutil
import zipfile

import numpy as np
import pytest

from lprnet_utils import LPRNet
from lprnet_utils.common.assets import data_root
from lprnet_utils.common.litert import HEAD_ANGLE, read_head_angle_network
from lprnet_utils.geometry import landmark_box, transform_points, warp_image
from lprnet_utils.geometry.crop import view_matrix
from lprnet_utils.networks import head_angle_network
from lprnet_utils.networks.export import convert_litert


def leaning_weights(folder, angle, length=1.0):
    """The open weights with a head-angle network that sees every head turned by this angle."""
    angle_network, path = head_angle_network(), folder / f"leaning{angle}-{length}.tflite"
    last = angle_network.layers[-1]
    answer = length * np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])
    last.set_weights([np.zeros(last.kernel.shape), answer])
    shutil.copy(data_root() / "weights/open.tflite", path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(HEAD_ANGLE, convert_litert(angle_network))
    return LPRNet(path)


@pytest.mark.parametrize("angle", [-150, -90, -45, 60, 120, 180])
def test_the_head_angle_network_turns_the_head_upright(photos, faces, tmp_path, angle):
    """One look at a head turned in the picture, in the box of its turned landmarks: as good as at the upright one."""
    net, photo = leaning_weights(tmp_path, angle), photos["astronaut.jpg"]
    truth = faces["astronaut.jpg"][0].landmarks[:, :2]
    size, middle = 500, truth.mean(0)
    turn = view_matrix(middle, 1.8 * np.ptp(truth[:, 1]), size, -angle)
    points = transform_points(turn, truth)
    turned = warp_image(photo, turn, size)
    face = net.reconstruct_in_box(turned, landmark_box(points))
    upright_face = LPRNet("open").reconstruct_in_box(photo, landmark_box(truth))
    expected, side = transform_points(turn, upright_face.landmarks[:, :2]), np.sqrt(np.prod(np.ptp(points, axis=0)))
    assert 100 * np.linalg.norm(face.landmarks[:, :2] - expected, axis=1).mean() / side < 3
    assert (face.pose.roll - upright_face.pose.roll - angle + 180) % 360 - 180 == pytest.approx(0, abs=5)
    plain = LPRNet("open").reconstruct_in_box(turned, landmark_box(points))
    doubtful = leaning_weights(tmp_path, angle, 0.5).reconstruct_in_box(turned, landmark_box(points))
    assert (doubtful.landmarks == plain.landmarks).all(), "an answer in doubt is not believed"


def test_a_small_turn_is_left_to_the_network(photos, tmp_path):
    photo, box = photos["astronaut.jpg"], [180, 60, 270, 180]
    plain = LPRNet("open").reconstruct_in_box(photo, box)
    assert (leaning_weights(tmp_path, 15).reconstruct_in_box(photo, box).landmarks == plain.landmarks).all()
    assert not read_head_angle_network((data_root() / "weights/open.tflite").read_bytes())
