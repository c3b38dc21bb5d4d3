"""The bundled networks of the closer look, and files that are not theirs."""

import numpy as np
import pytest

from lprnet_utils import LPRNet
from lprnet_utils.common import AssetError, data_path
from lprnet_utils.morphable_model.gaze import gaze_angles


def test_the_astronaut_looks_into_the_camera():
    (face,) = LPRNet().reconstruct(data_path("samples/astronaut.jpg"))
    toward = face.pose.camera.rotation[2]
    away = np.degrees(np.arccos(face.gaze @ toward))
    assert away.max() < 12
    assert np.abs(gaze_angles(face.gaze)).max() < 30


def test_without_a_closer_look_the_map_is_the_first_one():
    photo = data_path("samples/astronaut.jpg")
    (first,) = LPRNet(closer_look=False).reconstruct(photo)
    (face,) = LPRNet().reconstruct(photo)
    assert first.closer_look is None and np.isnan(first.gaze).all()
    assert np.array_equal(first.position_map, face.closer_look.first_map)
    moved = np.linalg.norm(face.position_map - first.position_map, axis=2)
    assert 0.2 < moved.max() < 8 and first.confidence == face.confidence


@pytest.mark.parametrize(("weights", "looks"), [("open", True), ("wild", False), ("published", False)])
def test_weights_with_peoples_landmarks_look_closer(weights, looks):
    """The landmarks of the others are those of labels, from which a closer look leads away."""
    net = LPRNet(weights)
    (face,) = net.reconstruct(data_path("samples/astronaut.jpg"))
    assert net.layout.landmarks_of_people is looks is (face.closer_look is not None)


def test_networks_of_other_regions_or_none_are_refused(tmp_path):
    with pytest.raises(AssetError, match="no weights at .*eye.tflite"):
        LPRNet(closer_look=tmp_path)
    for name in ("eye", "mouth"):
        (tmp_path / f"{name}.tflite").write_bytes(data_path("closer_look/mouth.tflite").read_bytes())
    with pytest.raises(AssetError, match="the network for eyes takes and gives .* made for other regions"):
        LPRNet(closer_look=tmp_path)
    data = data_path("closer_look/eye.tflite").read_bytes()
    (tmp_path / "eye.tflite").write_bytes(data[:5000])
    with pytest.raises(AssetError, match="truncated"):
        LPRNet(closer_look=tmp_path)
    (tmp_path / "eye.tflite").write_bytes(data[:9000] + bytes([data[9000] ^ 255]) + data[9001:])
    with pytest.raises(AssetError, match="was altered"):
        LPRNet(closer_look=tmp_path)
