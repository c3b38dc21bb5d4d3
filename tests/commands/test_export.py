"""lprnet export: the file states its origin and licence."""

import json

import numpy as np
import pytest

from lprnet_utils import LPRNet
from lprnet_utils.body import BodyNet
from lprnet_utils.commands.export import PRECISIONS
from lprnet_utils.commands.main import main
from lprnet_utils.common import data_path
from lprnet_utils.common.litert import read_head_angle_network, read_metadata, read_weights
from lprnet_utils.networks import export, load_litert, lprnet_lite
from lprnet_utils.synthetic import held_out_faces, heldout

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


@pytest.mark.slow
def test_a_network_of_another_size_is_exported_and_measured(tmp_path, monkeypatch):
    """A quarter of the pixels is the way to try an idea on a laptop."""
    monkeypatch.setattr("lprnet_utils.commands.export.CHECK_IMAGES", 2)
    weights, origin, target = tmp_path / "small.weights.h5", tmp_path / "origin.toml", tmp_path / "small.tflite"
    lprnet_lite(64, normalised=False).save_weights(weights)
    origin.write_text(STATEMENT.replace("{normalised", "{size = 64, normalised"))
    assert main(["export", "--origin", str(origin), "--weights", str(weights), "--output", str(target)]) == 0
    net = LPRNet(target)
    assert net.size == 64 and net.predict_uv(np.zeros((64, 64, 3), np.uint8)).shape == (64, 64, 3)
    monkeypatch.setattr(heldout, "HELD_OUT_FILES", {"ict": heldout.HELD_OUT_FILES["ict"]})
    monkeypatch.setattr(heldout, "held_out_faces", lambda kind, size: held_out_faces(kind, size)[:12])
    assert main(["evaluate", "--weights", str(target), "--synthetic", "--output", str(tmp_path / "report")]) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())["sets"]["ict"]
    assert report["photos"] == 12 and report["mean face"]["nme"]["mean of bins"] < report["nme"]["mean of bins"]


@pytest.mark.parametrize(("target", "reason"), [("a.h5", "choose one of .tflite"), ("nowhere/a.tflite", "no folder")])
def test_a_bad_target_is_refused_before_the_work(target, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--run", "run", "-o", target]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.slow
def test_finished_weights_get_another_form(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("lprnet_utils.commands.export.FORM_CHECKS", 4)
    small = tmp_path / "small.tflite"
    assert main(["export", "--from", "wild", "--precision", "int8_weights", "-o", str(small)]) == 0
    assert "differs from Keras by 0.1" in capsys.readouterr().out
    before, after = (read_metadata(read_weights(name)[1], "it") for name in ("wild", small))
    assert after["precision"] == "int8_weights" and after["recipe"] == before["recipe"]
    assert small.stat().st_size < 2.3e6
    assert read_head_angle_network(small.read_bytes()) == read_head_angle_network(read_weights("wild")[1])
    assert LPRNet(small).metadata["licence"] == before["licence"]


@pytest.mark.slow
def test_finished_weights_of_a_hand_stay_those_of_a_hand(tmp_path, monkeypatch):
    monkeypatch.setattr("lprnet_utils.commands.export.FORM_CHECKS", 2)
    target = tmp_path / "HAND.TFLITE"
    assert main(["export", "--from", str(data_path("body/hand.tflite")), "-o", str(target)]) == 0
    before, after = (
        read_metadata(read_weights(path)[1], "it") for path in (data_path("body/hand.tflite"), str(target))
    )
    assert after["chart"] == "hand" and set(after) == set(before), "and no landmarks of a face"
    assert BodyNet(target).layout.chart == "hand"


def test_what_cannot_be_had_in_another_form_is_refused(tmp_path, capsys):
    target = str(tmp_path / "out.tflite")
    assert main(["export", "--from", "published", "--precision", "float32", "-o", target]) == 2
    assert "another form is made of lprnet_lite alone" in capsys.readouterr().err
    assert main(["export", "--run", str(tmp_path), "-o", str(tmp_path / "out.onnx")]) == 2
    assert ".tflite" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["export", "--from", "open", "--precision", "int4", "-o", target])
    assert "int8_weights" in capsys.readouterr().err


def test_the_command_offers_the_precisions_of_the_package():
    assert set(PRECISIONS) == set(export.PRECISIONS)
