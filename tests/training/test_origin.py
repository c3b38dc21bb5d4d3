"""What weights say of their origin."""

import pytest

from lprnet_utils import LPRNet
from lprnet_utils.common import data_path
from lprnet_utils.training.origin import FREE, RESEARCH, UNKNOWN, describe_run, read_statement


@pytest.mark.parametrize("name", ["open", "wild"])
def test_bundled_weights_say_what_their_statement_says(name):
    origin, metadata = read_statement(data_path(f"weights/{name}.toml")), LPRNet(name).metadata
    for key in ("network", "licence", "training_data", "recipe", "notices"):
        assert metadata[key] == origin[key], f"export {name}.tflite again: its {key} is not that of {name}.toml"


def test_weights_are_no_freer_than_what_they_began_with():
    free = describe_run({"data": ["synthetic"], "start": None}, UNKNOWN)
    assert free["licence"] == FREE and "AFLW (Koestinger" not in free["training_data"]
    mixed = describe_run({"data": ["AFLW", "synthetic"], "start": None}, UNKNOWN)
    assert mixed["licence"] == RESEARCH and "AFLW (Koestinger" in mixed["training_data"]
    wild = {"weights": "wild", "licence": RESEARCH, "training_data": "Photos."}
    from_wild = describe_run({"data": ["own photos"], "start": wild}, "Mine.")
    assert from_wild["licence"] == f"Mine. {RESEARCH}" and "began with wild: Photos." in from_wild["training_data"]
    notice = describe_run({"data": ["own photos"], "start": wild | {"notices": ["MIT ..."]}}, "Mine.")
    assert notice["notices"] == ["MIT ..."] and "notices" not in from_wild, "a notice travels with what it belongs to"
    unknown = describe_run({"data": ["synthetic"], "start": {"weights": "runs/x/best.weights.h5"}}, UNKNOWN)
    assert unknown["licence"] == UNKNOWN, "nobody knows what such a file has seen"
    with pytest.raises(ValueError, match="does not say"):
        describe_run(None, UNKNOWN)
