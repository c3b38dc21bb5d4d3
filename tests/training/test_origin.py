"""The training data and the licence that weights state."""

import pytest

from lprnet_utils import LPRNet
from lprnet_utils.common import data_path
from lprnet_utils.training.origin import FREE_LICENCE, NOT_STATED, RESEARCH_LICENCE, describe_run, read_statement


@pytest.mark.parametrize("name", ["open", "wild"])
def test_bundled_weights_agree_with_their_statement(name):
    origin, metadata = read_statement(data_path(f"weights/{name}.toml")), LPRNet(name).metadata
    for key in ("network", "licence", "training_data", "recipe", "notices"):
        assert metadata[key] == origin[key], f"export {name}.tflite again: its {key} is not that of {name}.toml"


def test_restrictions_of_the_initial_weights_remain():
    free = describe_run({"data": ["synthetic"], "start": None}, NOT_STATED)
    assert free["licence"] == FREE_LICENCE and "AFLW (Koestinger" not in free["training_data"]
    mixed = describe_run({"data": ["AFLW", "synthetic"], "start": None}, NOT_STATED)
    assert mixed["licence"] == RESEARCH_LICENCE and "AFLW (Koestinger" in mixed["training_data"]
    wild = {"weights": "wild", "licence": RESEARCH_LICENCE, "training_data": "Photos."}
    from_wild = describe_run({"data": ["own photos"], "start": wild}, "Mine.")
    assert from_wild["licence"] == f"Mine. {RESEARCH_LICENCE}"
    assert "began with wild: Photos." in from_wild["training_data"]
    notice = describe_run({"data": ["own photos"], "start": wild | {"notices": ["MIT ..."]}}, "Mine.")
    assert notice["notices"] == ["MIT ..."] and "notices" not in from_wild, "a notice stays with its weights"
    unknown = describe_run({"data": ["synthetic"], "start": {"weights": "runs/x/best.weights.h5"}}, NOT_STATED)
    assert unknown["licence"] == NOT_STATED, "nothing is known about such a file"
    with pytest.raises(ValueError, match="does not say"):
        describe_run(None, NOT_STATED)
