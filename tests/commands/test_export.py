"""lprnet export: the file states its origin and licence."""

import pytest

from lprnet_utils import LPRNet
from lprnet_utils.commands.main import main
from lprnet_utils.common.litert import read_head_angle_network, read_weights
from lprnet_utils.networks import load_litert, lprnet_lite

STATEMENT = """
network = "lprnet_lite"
network_options = {normalised = false}
licence = "Mine."
training_data = "Pictures."
notices = ["LICENSE-MIT-ICT-FaceKit.txt"]
recipe = {samples = 3}
"""


@pytest.mark.walk
def test_the_file_contains_the_stated_origin_and_its_notices(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("lprnet_utils.commands.export.CHECK_IMAGES", 6)
    weights, origin, target = tmp_path / "found.weights.h5", tmp_path / "origin.toml", tmp_path / "found.tflite"
    model = lprnet_lite(normalised=False)
    load_litert(model, read_weights("open")[1])
    model.save_weights(weights)
    words = ["export", "--origin", str(origin), "--weights", str(weights), "--output", str(target)]
    origin.write_text(STATEMENT.replace('training_data = "Pictures."', ""))
    assert main([*words, "--head-angle", "wild"]) == 2
    assert "does not state training_data" in capsys.readouterr().err
    origin.write_text(STATEMENT)
    assert main([*words, "--head-angle", "wild"]) == 0
    metadata = LPRNet(target).metadata
    assert metadata["licence"] == "Mine." and metadata["training_data"] == "Pictures."
    assert metadata["recipe"] == {"samples": 3} and "USC Institute" in metadata["notices"][0]
    assert metadata["precision"] == "float16" and len(metadata["doubt"]) == 2
    assert read_head_angle_network(target.read_bytes()) == read_head_angle_network(read_weights("wild")[1])
    assert main([*words, "--head-angle", "open"]) == 2
    assert "open has no head-angle network" in capsys.readouterr().err


@pytest.mark.parametrize(("target", "reason"), [("a.h5", "choose one of .tflite"), ("nowhere/a.tflite", "no folder")])
def test_a_bad_target_is_refused_before_the_work(target, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--run", "run", "-o", target]) == 2
    assert reason in capsys.readouterr().err
