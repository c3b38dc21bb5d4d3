"""lprnet train: recipes and data that do not fit together."""

import pytest

from lprnet_utils.commands.main import main


def train(recipe, folder, *data):
    (folder / "recipe.toml").write_text(recipe + "\n")
    return main(["train", "--config", str(folder / "recipe.toml"), "--run", str(folder / "run"), *data])


@pytest.mark.parametrize("recipe", ["synthetic = 1.5", 'optimizer = "sgd"', "learning_rate = nan"])
def test_bad_recipes_have_status_2_and_nothing_is_written(recipe, tmp_path):
    assert train(recipe, tmp_path) == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("recipe", "data", "reason"), [
    ('synthetic = 0.5\nnetwork = "lprnet_lite"', [], "--shards"),
    ("synthetic = 0.0", ["--photos", ".", "--shards", "."], "the photos would not be used"),
])  # fmt: skip
def test_data_that_do_not_fit_the_recipe_are_refused(recipe, data, reason, tmp_path, capsys):
    assert train(recipe, tmp_path, *data) == 2
    assert reason in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.parametrize(("words", "reason"), [
    (["train-head-angle", ".", "a.weights.h5", "--samples", "255"], "at least 256 samples"),
    (["train-head-angle", ".", "a.h5"], "should end in .weights.h5"),
    (["train-head-angle", ".", "nowhere/a.weights.h5"], "there is no folder nowhere"),
    (["convert-300wlp", "out", "--basel", "a", "b", "c"], "takes one file or two, not 3"),
])  # fmt: skip
def test_what_could_not_be_written_is_refused_before_the_work(words, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert reason in capsys.readouterr().err and list(tmp_path.iterdir()) == []
