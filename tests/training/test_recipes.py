"""Recipes, and the settings that they refuse."""

import inspect

import pytest

from lprnet_utils import networks
from lprnet_utils.training import TrainingConfig
from lprnet_utils.training.recipes import NETWORK_OPTIONS


def test_recipes_are_loaded_and_changed(tmp_path):
    assert TrainingConfig.load("published-wild").network == "lprnet"
    path = tmp_path / "r.toml"
    path.write_text("samples = 10\nlearning_rate = 1")
    changed = TrainingConfig.load(path, ['loss = "l2"', "network_options = {size = 64}"])
    assert (changed.samples, changed.loss, changed.network_options) == (10, "l2", {"size": 64})
    path.write_text("samples = = 3")
    with pytest.raises(ValueError, match="r.toml is not valid TOML"):
        TrainingConfig.load(path)
    path.write_text("sampels = 5")
    with pytest.raises(ValueError, match="r.toml sets sampels"):
        TrainingConfig.load(path)


@pytest.mark.parametrize(("setting", "message"), [
    ("samples = 10\nsampels = 5\n", "sampels"),
    ("loss = l2", "'loss = l2' is not valid TOML"),
    ('loss = "huber"', "one of l1, l2"),
    ('samples = "many"', "is of type"),
    ("samples = 1.5", "is of type"),
    ("loss = 1", "is of type"),
    ("network_options = 3", "is of type"),
    ("learning_rate = true", "is of type"),
    ("batch_size = 0", "is at least 1"),
    ("samples = -5", "is at least 1"),
    ("validate_every = 0", "is at least 1"),
    ("synthetic = 1.5", "from 0 to 1"),
    ("network_options = {cod = 0}", "network_options has cod; lprnet_lite takes size, code"),
    ('network = "lprnet"', "network_options has normalised; lprnet takes size"),
])  # fmt: skip
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig.load("lite-wild-more", [setting])


def test_recipes_know_the_options_of_each_network():
    for name, options in NETWORK_OPTIONS.items():
        parameters = set(inspect.signature(getattr(networks, name)).parameters)
        assert set(options) == parameters - {"name"}
