"""The head-angle network: the angles of its samples, and a short training."""

import numpy as np
import pytest

from lprnet_utils.commands.main import main
from lprnet_utils.common.files import write_checked
from lprnet_utils.common.litert import LiteRTModel, read_head_angle_network, read_weights
from lprnet_utils.datasets import Shards, pack
from lprnet_utils.synthetic import SyntheticFaces
from lprnet_utils.training.head_angle import Thumbnails


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small shards."""
    folder, faces = tmp_path_factory.mktemp("shards"), SyntheticFaces(seed=4)
    for number in range(2):
        samples = [faces.sample(24 * number + k) for k in range(24)]
        write_checked(folder / f"shard-{number:05d}.bin", pack(samples))
    return folder


def test_a_trained_network_predicts_the_angles_of_the_samples(folder):
    shards = Shards(folder)
    pictures, directions = Thumbnails(shards, np.arange(len(shards))).batch(np.random.default_rng(0), 200)
    assert pictures.shape == (200, 32, 32, 3) and 0 <= pictures.min() and pictures.max() <= 1
    assert np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-5)
    network = LiteRTModel(read_head_angle_network(read_weights("wild")[1]))
    found = np.array([network(picture.repeat(4, 0).repeat(4, 1))[0] for picture in pictures])
    angle, expected = (np.degrees(np.arctan2(d[:, 0], d[:, 1])) for d in (found, directions))
    off = np.abs((angle - expected + 180) % 360 - 180)
    assert np.median(off) < 12 and (off > 45).mean() < 0.15
    assert np.histogram(expected, 4, (-180, 180))[0].min() > 20, "every angle"


@pytest.mark.slow
def test_a_short_training(folder, tmp_path, capsys):
    weights = tmp_path / "head-angle.weights.h5"
    assert main(["train-head-angle", str(folder), str(weights), "--samples", "1024"]) == 0
    assert weights.is_file() and "held out: median" in capsys.readouterr().out
