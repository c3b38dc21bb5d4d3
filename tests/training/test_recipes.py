"""Recipes, and the settings that they refuse."""

import inspect
from dataclasses import replace

import pytest

from lprnet_utils import networks
from lprnet_utils.datasets import AUGMENTATIONS
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


def test_an_unknown_recipe_lists_the_bundled_ones(tmp_path):
    for name in ("nope", str(tmp_path / "nope.toml")):
        with pytest.raises(ValueError, match="nope.*take a .toml file or one of closer-eye.*lite-open.*published-wild"):
            TrainingConfig.load(name)


def test_the_strength_of_augmentation_is_set_by_the_recipe():
    config = TrainingConfig(augmentation="wide", crop_augmentation="synthetic")
    assert config.setting(cropped=False) == AUGMENTATIONS["wide"]
    weak, strong = (replace(config, strength=s).setting(cropped=True) for s in (0.0, 3.0))
    assert weak.random_convolution == weak.occlusion == weak.brightness == 0 and weak.channel_gain == (1, 1)
    assert strong.random_convolution == 1 and strong.noise == pytest.approx(0.6)
    assert weak.moved == strong.moved == AUGMENTATIONS["synthetic"].moved
    with pytest.raises(ValueError, match="strength is a number from 0 to 3"):
        replace(config, strength=-1.0)


@pytest.mark.parametrize(("setting", "message"), [
    ("samples = 10\nsampels = 5\n", "sampels"),
    ("loss = l2", "'loss = l2' is not valid TOML"),
    ('loss = "huber"', "one of l1, l2"),
    ('samples = "many"', "is of type"),
    ("samples = 1.5", "is of type"),
    ("loss = 1", "is of type"),
    ("network_options = 3", "is of type"),
    ("learning_rate = true", "is of type"),
    *((f"{name} = 0", f"{name} is a number from 1 to 1e") for name in ("samples", "batch_size", "checkpoint_every")),
    ("validate_every = 0", "validate_every is a number from 1"),
    ("samples = -5", "samples is a number from 1"),
    ("samples = 100000000000000000000", "samples is a number from 1"),
    ("synthetic = 1.5", "synthetic is a number from 0 to 1, not 1.5"),
    *((f"average = {value}", "average is a number from 0 to 1") for value in ("-0.1", "1.01", "nan", "inf")),
    *((f"learning_rate = {value}", "learning_rate is a number from 1e-12") for value in ("0", "-1e-3", "nan", "inf")),
    *((f"{name} = -1", f"{name} is a number from 0") for name in ("warmup", "halve_every", "seed", "gradient_norm")),
    *((f"{name}_weight = {value}", f"{name}_weight is a number from 0")
      for name in ("landmark", "similarity", "edge", "gap", "profile", "expressive") for value in ("-1", "nan", "inf")),
    ("gradient_norm = nan", "gradient_norm is a number from 0"),
    ("network_options = {size = 100}", "size is a multiple of 32"),
    ("network_options = {size = 0}", "size is a multiple of 32"),
    ("network_options = {size = 128.0}", "size is of type int"),
    ("network_options = {code = -1}", "code is a number from 0"),
    ("network_options = {posed = 1}", "posed is of type bool"),
    ("network_options = " + "[" * 5000, "is not valid TOML"),
    ("network_options = {cod = 0}", "network_options has cod; lprnet_lite takes size, code"),
    ('network = "lprnet"', "network_options has normalised; lprnet takes size"),
])  # fmt: skip
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig.load("lite-wild-more", [setting])


def test_settings_given_in_python_are_checked_too():
    with pytest.raises(ValueError, match="average is a number from 0 to 1, not nan"):
        TrainingConfig(average=float("nan"))
    with pytest.raises(ValueError, match="batch_size is of type int, not 2.5"):
        replace(TrainingConfig(), batch_size=2.5)


def test_a_byte_order_mark_is_read_and_other_bytes_are_named(tmp_path):
    path = tmp_path / "r.toml"
    path.write_bytes(b"\xef\xbb\xbfsamples = 10\r\nseed = 3\r\n")
    assert TrainingConfig.load(path).samples == 10 and TrainingConfig.load(path).seed == 3
    path.write_bytes(b"samples = 10  # \xe9")
    with pytest.raises(ValueError, match="r.toml is not valid TOML"):
        TrainingConfig.load(path)


def test_recipes_know_the_options_of_each_network():
    for name, options in NETWORK_OPTIONS.items():
        parameters = set(inspect.signature(getattr(networks, name)).parameters)
        assert set(options) == parameters - {"name"}
