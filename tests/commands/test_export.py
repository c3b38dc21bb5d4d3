"""lprnet export: the file states its origin and licence."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

from lprnet_utils import LPRNet
from lprnet_utils.commands.main import main
from lprnet_utils.common.litert import read_head_angle_network, read_weights
from lprnet_utils.networks import load_litert, lprnet_lite


@pytest.mark.walk
def test_weights_with_a_stated_origin(tmp_path, monkeypatch, capsys):
    """The exported file contains the statement and the text of its notices."""
    monkeypatch.setattr("lprnet_utils.commands.export.CHECK_IMAGES", 6)
    weights, origin, target = tmp_path / "found.weights.h5", tmp_path / "origin.toml", tmp_path / "found.tflite"
    model = lprnet_lite(normalised=False)
    load_litert(model, read_weights("open")[1])
    model.save_weights(weights)
    words = ["export", "--origin", str(origin), "--weights", str(weights), "--output", str(target)]
    origin.write_text('network = "lprnet_lite"\nlicence = "Mine."\n[recipe]\nsamples = 3\n')
    assert main([*words, "--head-angle", "wild"]) == 2
    assert "does not state training_data" in capsys.readouterr().err
    origin.write_text(
        'network = "lprnet_lite"\nlicence = "Mine."\ntraining_data = "Pictures."\n'
        'notices = ["LICENSE-MIT-ICT-FaceKit.txt"]\nnetwork_options = {normalised = false}\n[recipe]\nsamples = 3\n'
    )
    assert main([*words, "--head-angle", "wild"]) == 0
    metadata = LPRNet(target).metadata
    assert (metadata["licence"], metadata["training_data"], metadata["recipe"]) == (
        "Mine.",
        "Pictures.",
        {"samples": 3},
    )
    assert (
        "USC Institute" in metadata["notices"][0] and metadata["precision"] == "float16" and len(metadata["doubt"]) == 2
    )
    assert read_head_angle_network(target.read_bytes()) == read_head_angle_network(read_weights("wild")[1])
    assert main([*words, "--head-angle", "open"]) == 2
    assert "open has no head-angle network" in capsys.readouterr().err
