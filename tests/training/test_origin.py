"""The training data and the licence that weights state."""

import numpy as np
import pytest

from lprnet_utils import LPRNet
from lprnet_utils.commands.train import _load_starts, _origin_of_run
from lprnet_utils.common import data_path
from lprnet_utils.common.files import save_checkpoint
from lprnet_utils.common.litert import read_metadata
from lprnet_utils.networks import lprnet_lite
from lprnet_utils.networks.closer_look import closer_look_network
from lprnet_utils.training.origin import FREE_LICENCE, NOT_STATED, RESEARCH_LICENCE, describe_run, read_statement


@pytest.mark.parametrize("name", ["open", "wild"])
def test_bundled_weights_agree_with_their_statement(name):
    origin, metadata = read_statement(data_path(f"weights/{name}.toml")), LPRNet(name).metadata
    for key in ("network", "licence", "training_data", "recipe", "notices"):
        assert metadata[key] == origin[key], f"export {name}.tflite again: its {key} is not that of {name}.toml"


@pytest.mark.parametrize("name", ["eye", "mouth"])
def test_the_networks_of_the_closer_look_state_that_they_are_free(name):
    metadata = read_metadata(data_path(f"closer_look/{name}.tflite").read_bytes(), name)
    assert metadata["licence"] == FREE_LICENCE and metadata["training_data"].startswith("Synthetic photos")
    assert "MIT License" in metadata["notices"][0] and NOT_STATED not in metadata["training_data"]


@pytest.mark.parametrize(("data", "licence"), [("synthetic", FREE_LICENCE), ("AFLW", RESEARCH_LICENCE)])
def test_a_run_that_begins_with_another_runs_weights_states_what_those_were_trained_on(tmp_path, data, licence):
    run = tmp_path / "first"
    run.mkdir()
    known = _origin_of_run(run / "best.weights.h5")
    assert known == {"weights": "first/best.weights.h5"}, "nothing but a name is known without a checkpoint"
    save_checkpoint(run / "checkpoint.bin", {"a": np.zeros(1)}, {"origin": {"data": [data], "start": None}})
    stated = describe_run({"data": ["synthetic"], "start": _origin_of_run(run / "best.weights.h5")}, NOT_STATED)
    assert stated["licence"] == licence and str(tmp_path) not in stated["training_data"]
    text = stated["training_data"]
    assert "It began with first/best.weights.h5: " in text and text.count("Synthetic photos") == 1, "nothing twice"


def test_restrictions_of_the_initial_weights_remain():
    free = describe_run({"data": ["synthetic"], "start": None}, NOT_STATED)
    assert free["licence"] == FREE_LICENCE and "AFLW (Koestinger" not in free["training_data"]
    mixed = describe_run({"data": ["AFLW", "synthetic"], "start": None}, NOT_STATED)
    assert mixed["licence"] == RESEARCH_LICENCE and "AFLW (Koestinger" in mixed["training_data"]
    wild = {"weights": "wild", "licence": RESEARCH_LICENCE, "training_data": "Photos."}
    from_wild = describe_run({"data": ["own photos"], "start": wild}, "Mine.")
    assert from_wild["licence"] == f"Mine. {RESEARCH_LICENCE}"
    assert "began with wild: Photos." in from_wild["training_data"]
    text = free["training_data"]
    for told, kept in ((text, False), (f"{text} It began with a: the same data.", False), (f"{text} And more.", True)):
        again = describe_run({"data": ["synthetic"], "start": {"weights": "b", "training_data": told}}, NOT_STATED)
        assert again["training_data"].endswith("b: " + (told if kept else "the same data.")), "what is new stays"
    notice = describe_run({"data": ["own photos"], "start": wild | {"notices": ["MIT ..."]}}, "Mine.")
    assert notice["notices"] == ["MIT ..."] and "notices" not in from_wild, "a notice stays with its weights"
    unknown = describe_run({"data": ["synthetic"], "start": {"weights": "runs/x/best.weights.h5"}}, NOT_STATED)
    assert unknown["licence"] == NOT_STATED, "nothing is known about such a file"
    with pytest.raises(ValueError, match="does not say"):
        describe_run(None, NOT_STATED)


def test_several_files_start_a_run_with_their_mean(tmp_path):
    network, files = lprnet_lite(32, normalised=False), []
    for k, value in enumerate((1.0, 4.0)):
        for variable in network.trainable_variables:
            variable.assign(np.full(variable.shape, value))
        files.append(str(tmp_path / f"{k}.weights.h5"))
        network.save_weights(files[-1])
    assert _load_starts(network, None) is None
    assert _load_starts(network, files[:1])["weights"].endswith("0.weights.h5")
    stated = _load_starts(network, files)
    assert all((np.asarray(variable) == 2.5).all() for variable in network.trainable_variables)
    assert stated["weights"].startswith("the mean of") and "1.weights.h5" in stated["weights"]
    with pytest.raises(ValueError, match="different licences"):
        _load_starts(lprnet_lite(normalised=False), ["open", "wild"])
    look = closer_look_network(30, 32, 4)
    for k in range(2):
        look.get_layer("modes").set_weights([np.full_like(a, k) for a in look.get_layer("modes").get_weights()])
        files[k] = str(tmp_path / f"look {k}.weights.h5")
        look.save_weights(files[k])
    with pytest.raises(ValueError, match="did not begin with the same weights"):
        _load_starts(look, files)
