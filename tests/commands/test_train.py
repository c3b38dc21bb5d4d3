"""lprnet train: recipes and data that do not fit together, and a run that another process works on."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import another_process_in

from lprnet_utils.commands import train as train_command
from lprnet_utils.commands.main import main
from lprnet_utils.common.files import InUseError, only_process


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


def test_a_second_process_is_refused_before_anything_is_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "keras", None)  # to load it would be an error
    words = ["train", "--config", "lite-open", "--shards", str(tmp_path), "--run", str(tmp_path / "run")]
    assert main(words) == 2 and "this needs keras" in capsys.readouterr().err
    assert not (tmp_path / "run").exists(), "nothing was written"
    (tmp_path / "run").mkdir()
    with another_process_in(tmp_path / "run"):
        assert main(words) == 2
        assert "another process works in" in capsys.readouterr().err
        assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]


def test_no_other_process_may_train_while_the_photos_are_read(tmp_path, monkeypatch):
    def enter():
        with pytest.raises(InUseError), only_process(tmp_path / "new" / "run"):
            pass

    def instead_of_training(*_):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(enter).result()
        return 0

    monkeypatch.setattr(train_command, "_train", instead_of_training)
    words = ["train", "--config", "lite-open", "--shards", str(tmp_path), "--run", str(tmp_path / "new" / "run")]
    assert main(words) == 0
