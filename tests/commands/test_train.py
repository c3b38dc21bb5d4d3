"""lprnet train: recipes and data that do not fit together, and a run that another process works on."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import another_process_in
from toy import tiny_network

from lprnet_utils import networks
from lprnet_utils.commands import train as train_command
from lprnet_utils.commands.main import main
from lprnet_utils.common.files import InUseError, only_process, write_checked
from lprnet_utils.datasets import pack, shard_stream
from lprnet_utils.synthetic import SyntheticFaces


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


def test_a_training_on_a_stream_of_shards_goes_on_as_it_began(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shard_stream, "SHARD_SIZE", 4)
    monkeypatch.setattr(networks, "lprnet_lite", tiny_network)  # what is tested is not the network
    faces, shards = SyntheticFaces(3), tmp_path / "shards"
    shards.mkdir()
    for k in range(3):
        write_checked(shards / f"shard-{k:05d}.bin", pack(faces.sample(4 * k + i) for i in range(4)))
    recipe = "\n".join([
        'network = "lprnet_lite"', "synthetic = 1.0", "samples = 12", "batch_size = 4", "checkpoint_every = 4",
        "validate_every = 12",
    ])  # fmt: skip
    stream = ["--shards", str(shards), "--stream", "1", "--keep", "2"]
    assert train(recipe, tmp_path, *stream, "--stop-after", "1") == 0
    assert train(recipe, tmp_path, *stream[:2]) == 2
    assert "holds a run that began with --stream: go on with it in the same way" in capsys.readouterr().err
    assert train(recipe, tmp_path, *stream[:-1], "3") == 2 and "began with 'keep 2', not 3" in capsys.readouterr().err
    assert train(recipe, tmp_path, *stream[:-2]) == 0, "it keeps as many as before"
    assert "going on" not in capsys.readouterr().err and (tmp_path / "run" / "best.weights.h5").exists()
    assert (tmp_path / "run" / "shards.csv").read_text().splitlines()[:2] == ["keep 2", "0,1"]
    assert train(recipe.replace("1.0", "0.0"), tmp_path, "--photos", ".", "--stream") == 2
    assert "--stream reads shards: give --shards" in capsys.readouterr().err
    assert train(recipe, tmp_path, *stream[:2], "--keep", "2") == 2 and "give --stream too" in capsys.readouterr().err


def test_a_folder_of_shards_may_appear_after_the_training_has_begun(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(train_command, "_train", lambda arguments, *_: seen.append(arguments.shards.is_dir()) or 0)
    assert train("synthetic = 1.0", tmp_path, "--shards", str(tmp_path / "later"), "--stream") == 0 and seen == [True]


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
