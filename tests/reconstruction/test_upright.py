"""Leaning heads are turned upright before they reach the network."""

import numpy as np
import pytest

from lprnet_utils import LPRNet
from lprnet_utils.common.assets import data_root
from lprnet_utils.common.litert import read_head_angle_network, read_metadata, read_weights
from lprnet_utils.common.weights_archive import pack, unpack
from lprnet_utils.geometry import landmark_box, transform_points, warp_image
from lprnet_utils.geometry.crop import view_matrix
from lprnet_utils.networks import head_angle_network
from lprnet_utils.networks.export import convert_litert
from lprnet_utils.reconstruction.lprnet import HeadAngle


def leaning_weights(folder, angle):
    """The open weights with a head-angle network that answers this angle for every head."""
    angle_network, path = head_angle_network(), folder / "leaning.tflite"
    last = angle_network.layers[-1]
    answer = np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])
    last.set_weights([np.zeros(last.kernel.shape), answer])
    data = read_weights("open")[1]
    network = data[: unpack(data, "open")[0]]
    path.write_bytes(pack(network, read_metadata(data, "open"), convert_litert(angle_network)))
    return LPRNet(path)


def leaning(photo, truth, angle, size=500):
    """The photo turned by an angle around a face, the turned landmarks, and the matrix (2, 3) of the turn."""
    turn = view_matrix(truth.mean(0), 1.8 * np.ptp(truth[:, 1]), size, -angle)
    return warp_image(photo, turn, size), transform_points(turn, truth), turn


@pytest.mark.parametrize("angle", [-150, -90, -45, 60, 120, 180])
def test_a_leaning_head_is_turned_upright(photos, faces, monkeypatch, angle):
    net, photo, truth = LPRNet(), photos["astronaut.jpg"], faces["astronaut.jpg"][0].landmarks[:, :2]
    expected = net.reconstruct_in_box(photo, landmark_box(truth))
    turned, points, turn = leaning(photo, truth, angle)
    monkeypatch.setattr(net, "_head_angle", lambda crop: angle)
    face = net.reconstruct_in_box(turned, landmark_box(points))
    wanted, side = transform_points(turn, expected.landmarks[:, :2]), np.sqrt(np.prod(np.ptp(points, axis=0)))
    assert 100 * np.linalg.norm(face.landmarks[:, :2] - wanted, axis=1).mean() / side < 3
    assert (face.pose.roll - expected.pose.roll - angle + 180) % 360 - 180 == pytest.approx(0, abs=5)


def test_the_head_angle_network_of_the_weights_is_used(photos, faces, tmp_path):
    photo, truth = photos["astronaut.jpg"], faces["astronaut.jpg"][0].landmarks[:, :2]
    turned, points, _ = leaning(photo, truth, 60)
    face = leaning_weights(tmp_path, 60).reconstruct_in_box(turned, landmark_box(points))
    side = np.sqrt(np.prod(np.ptp(points, axis=0)))
    assert 100 * np.linalg.norm(face.landmarks[:, :2] - points, axis=1).mean() / side < 4
    assert not read_head_angle_network((data_root() / "weights/open.tflite").read_bytes())


@pytest.mark.parametrize(("angle", "length", "expected"), [(60, 1, 60), (-120, 0.9, -120), (60, 0.5, 0), (15, 1, 0)])
def test_small_angles_and_uncertain_answers_are_ignored(monkeypatch, angle, length, expected):
    answer = length * np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])
    monkeypatch.setattr("lprnet_utils.reconstruction.lprnet.LiteRTModel", lambda *_: lambda crop: [answer])
    assert HeadAngle(b"")(np.zeros((128, 128, 3), np.uint8)) == pytest.approx(expected)
