"""Recipes, and what they refuse."""

import pytest

from lprnet_utils.training import TrainingConfig


def test_recipes_and_their_errors(tmp_path):
    assert TrainingConfig.load("published-wild").network == "lprnet"
    path = tmp_path / "r.toml"
    path.write_text("samples = 10\nsampels = 5\n")
    with pytest.raises(ValueError, match="sampels"):
        TrainingConfig.load(path)
    path.write_text("samples = = 3")
    with pytest.raises(ValueError, match="not valid TOML"):
        TrainingConfig.load(path)
    path.write_text('loss = "huber"')
    with pytest.raises(ValueError, match="one of l1, l2"):
        TrainingConfig.load(path)
    for wrong in ('samples = "many"', "samples = 1.5", "loss = 1", "network_options = 3", "learning_rate = true"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match="is of type"):
            TrainingConfig.load(path)
    for wrong in ("batch_size = 0", "samples = -5", "validate_every = 0"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match="is at least 1"):
            TrainingConfig.load(path)
    with pytest.raises(ValueError, match="network_options has cod; lprnet_lite takes size, code"):
        TrainingConfig.load("lite-open", ["network_options = {cod = 0}"])
    with pytest.raises(ValueError, match="network_options has normalised; lprnet takes size"):
        TrainingConfig.load("lite-wild-more", ['network = "lprnet"'])
    path.write_text("samples = 10\nlearning_rate = 1")
    changed = TrainingConfig.load(path, ['loss = "l2"', "network_options = {size = 64}"])
    assert (changed.samples, changed.loss, changed.network_options) == (10, "l2", {"size": 64})
    with pytest.raises(ValueError, match="'loss = l2' is not valid TOML"):
        TrainingConfig.load(path, ["loss = l2"])


def test_recipes_know_what_each_network_takes():
    import inspect

    from lprnet_utils import networks
    from lprnet_utils.training.recipes import NETWORK_OPTIONS

    for name, options in NETWORK_OPTIONS.items():
        parameters = set(inspect.signature(getattr(networks, name)).parameters)
        assert set(options) == parameters - {"name"}
