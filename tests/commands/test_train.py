"""lprnet train: recipes and data that do not fit together."""

import pytest

from lprnet_utils.commands.main import main


def train(recipe, folder, *data):
    (folder / "recipe.toml").write_text(recipe + "\n")
    return main(["train", "--config", str(folder / "recipe.toml"), "--run", str(folder / "run"), *data])


@pytest.mark.parametrize("recipe", ["synthetic = 1.5", 'optimizer = "sgd"'])
def test_bad_recipes_have_status_2(recipe, tmp_path):
    assert train(recipe, tmp_path) == 2


@pytest.mark.parametrize(("recipe", "data", "reason"), [
    ('synthetic = 0.5\nnetwork = "lprnet_lite"', [], "--shards"),
    ("synthetic = 0.0", ["--photos", ".", "--shards", "."], "the photos would not be used"),
])  # fmt: skip
def test_data_that_do_not_fit_the_recipe_are_refused(recipe, data, reason, tmp_path):
    with pytest.raises(SystemExit, match=reason):
        train(recipe, tmp_path, *data)
