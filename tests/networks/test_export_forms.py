"""Weights stored in fewer bits, channels that are equalised, and ONNX: other forms of the same network."""

import json
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from keras import layers

from lprnet_utils import LPRNet, UVLayout
from lprnet_utils.common.litert import LiteRTModel, read_head_angle_network, read_metadata, read_weights
from lprnet_utils.common.weights_archive import METADATA_FILE, pack, unpack
from lprnet_utils.networks import export_onnx, lprnet, lprnet_lite, smaller_file, store_weights
from lprnet_utils.networks.quantisation import channel_groups, equalise_channels
from lprnet_utils.networks.stored_weights import expand_weights, quantise_channels
from lprnet_utils.synthetic.heldout import held_out_faces

PIXELS = 2.2 * 128  # of the crop, of a difference of 1


@pytest.fixture(scope="module")
def network():
    """The bundled network, without the description behind it."""
    data = read_weights("open")[1]
    return data[: unpack(data, "open")[0]]


@pytest.fixture(scope="module")
def crops():
    return [sample.image.astype(np.float32) / 255 for sample in held_out_faces()[:120:20]]


def delegates(data):
    names = [operation["op_name"] for operation in LiteRTModel(data).interpreter._get_ops_details()]
    return names.count("DELEGATE")


def test_weights_stored_as_integers_move_points_little(network, crops):
    small, mask = store_weights(network), UVLayout().mask
    assert len(small) < 0.61 * len(network)
    assert delegates(small) == 1, "XNNPACK takes all, so it is as fast"
    kinds = [tensor["dtype"] for tensor in LiteRTModel(small).interpreter.get_tensor_details()]
    assert kinds.count(np.int8) > 25
    before, after = LiteRTModel(network), LiteRTModel(small)
    moved = [np.abs(before(crop)[0] - after(crop)[0])[mask] * PIXELS for crop in crops]
    assert 0.01 < np.mean(moved) < 0.2 and np.max(moved) < 4


def test_half_precision_is_expanded_and_stored_without_loss(network, crops):
    expected = LiteRTModel(network)(crops[0])[0]
    wide = expand_weights(network)
    assert len(wide) > 1.9 * len(network)
    for form in (wide, store_weights(network, integers=False), store_weights(wide, integers=False)):
        assert delegates(form) == 1
        assert np.abs(LiteRTModel(form)(crops[0])[0] - expected).max() < 1e-6


def test_integers_are_expanded_to_what_they_stand_for(network, crops):
    small = store_weights(network)
    wide = expand_weights(small)
    kinds = {tensor["dtype"] for tensor in LiteRTModel(wide).interpreter.get_tensor_details()}
    assert np.int8 not in kinds and np.float16 not in kinds
    assert np.abs(LiteRTModel(wide)(crops[0])[0] - LiteRTModel(small)(crops[0])[0]).max() < 1e-6
    again = store_weights(small)  # the same integers
    assert np.abs(LiteRTModel(again)(crops[0])[0] - LiteRTModel(small)(crops[0])[0]).max() < 1e-6


def test_each_channel_has_its_own_scale():
    values = np.random.default_rng(0).normal(size=(3, 3, 3, 5)).astype(np.float32) * [1, 10, 100, 1e-3, 0]
    integers, scale = quantise_channels(values, axis=3)
    assert integers.dtype == np.int8 and scale.shape == (5,)
    assert (np.abs(integers).max((0, 1, 2)) == [127, 127, 127, 127, 0]).all()
    assert (np.abs(integers * scale - values) <= 0.501 * scale).all()


@pytest.mark.parametrize("weights", ["open", "wild"])
def test_a_smaller_file_keeps_its_description(weights, tmp_path):
    name, data = read_weights(weights)
    path = tmp_path / "small.tflite"
    path.write_bytes(smaller_file(data, name))
    before, after = (read_metadata(d, name) for d in (data, path.read_bytes()))
    assert after.pop("precision") == "int8_weights" and before.pop("precision") == "float16"
    assert before.pop("sha256") != after.pop("sha256") and before == after
    assert read_head_angle_network(path.read_bytes()) == read_head_angle_network(data)
    sample = held_out_faces()[3]
    faces = [LPRNet(w, closer_look=False).reconstruct_in_box(sample.image, [22, 22, 106, 106]) for w in (weights, path)]
    moved = np.linalg.norm(faces[0].landmarks - faces[1].landmarks, axis=1)
    assert 0 < moved.mean() < 0.4
    with pytest.raises(ValueError, match="is int8_weights: take the file of float16 or float32"):
        smaller_file(path.read_bytes(), "it")


def filled(model):
    """A network whose weights, statistics of batch normalisation included, are random."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        weights = [w + 0.1 * rng.random(w.shape) for w in layer.get_weights()]
        if isinstance(layer, layers.BatchNormalization):
            weights = [rng.uniform(0.2, 3, w.shape) for w in weights]
        if weights:
            layer.set_weights(weights)
    return model


NETWORKS = {
    "normalised": lambda: lprnet_lite(32),
    "with biases": lambda: lprnet_lite(64, normalised=False),
    # without its sigmoid, which random weights saturate
    "transposed convolutions": lambda: keras.Model((whole := lprnet(32)).input, whole.layers[-1].input),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_equalised_channels_compute_the_same(name):
    keras.utils.set_random_seed(0)
    model = filled(NETWORKS[name]())
    examples = np.random.default_rng(1).random((4, *model.input_shape[1:]), np.float32)
    equal = equalise_channels(model, examples, power=1)
    expected = model.predict(examples, verbose=0)
    assert np.ptp(expected) > 1e-4, "a constant would prove nothing"
    assert np.allclose(equal.predict(examples, verbose=0), expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())
    spreads = []
    for network in (model, equal):
        tensors = [group.tensors[0] for group in channel_groups(network)]
        values = keras.Model(network.input, tensors)(examples)
        strengths = [np.abs(np.asarray(v)).reshape(-1, v.shape[-1]).max(0) for v in values]
        spreads.append(np.median([np.std(np.log(s[s > 0])) for s in strengths if (s > 0).any()]))
    assert len(tensors) > 10 and spreads[1] < 0.7 * spreads[0]


def test_channels_beside_other_layers_stay():
    """A factor does not pass a sigmoid, nor a depthwise convolution that makes several channels of one."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="sigmoid")(inputs)
    x = layers.Conv2D(4, 3, name="free")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(layers.ReLU()(x))
    x = layers.Softmax()(layers.Conv2D(2, 1)(x))
    assert channel_groups(keras.Model(inputs, x)) == []
    y = layers.Conv2D(2, 1, name="reader")(layers.ReLU()(layers.Conv2D(4, 3, name="writer")(inputs)))
    (group,) = channel_groups(keras.Model(inputs, y))
    assert [layer.name for layer in (*group.writers, *group.readers)] == ["writer", "reader"] and group.channels == 4


needs_onnx = pytest.mark.skipif(
    not (find_spec("tf2onnx") and find_spec("onnxruntime")),
    reason="tf2onnx or onnxruntime is not installed: pip install 'lprnet_utils[onnx]'",
)


@needs_onnx
@pytest.mark.walk
def test_onnx_computes_the_same(crops, tmp_path):
    import onnx
    import onnxruntime

    path, (name, data) = tmp_path / "open.onnx", read_weights("open")
    done = export_onnx(data, path, name, [np.stack(crops[:2])])
    assert done["worst"] < 1e-4 and done["bytes"] == path.stat().st_size
    onnx.checker.check_model(str(path))
    session = onnxruntime.InferenceSession(str(path))
    assert [(v.name, v.shape) for v in (*session.get_inputs(), *session.get_outputs())] == [
        ("crop", [1, 128, 128, 3]), ("map", [1, 128, 128, 3]),
    ]  # fmt: skip
    stated = json.loads(session.get_modelmeta().custom_metadata_map["lprnet"])
    assert stated["precision"] == "float32" and stated["span"] == 2.2 and stated["licence"]
    found = session.run(None, {"crop": crops[3][None]})[0][0]
    assert np.abs(found - LiteRTModel(data)(crops[3])[0]).max() < 1e-4


@needs_onnx
def test_onnx_that_disagrees_is_not_written(network, crops, tmp_path, monkeypatch):
    monkeypatch.setattr("lprnet_utils.networks.onnx_export._convert", lambda network: tiny_onnx())
    data = read_weights("open")[1]
    with pytest.raises(RuntimeError, match="ONNX Runtime differs from LiteRT by 0"):
        export_onnx(data, tmp_path / "wrong.onnx", "open", [np.stack(crops[:1])])
    assert not (tmp_path / "wrong.onnx").exists()


def tiny_onnx():
    """An ONNX model that returns its input."""
    from onnx import TensorProto, helper

    shape = [1, 128, 128, 3]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("in", "out")]
    graph = helper.make_graph([helper.make_node("Identity", ["in"], ["out"])], "tiny", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_integers_do_not_become_onnx(network, tmp_path):
    description = json.loads(unpack(read_weights("open")[1], "open")[1][METADATA_FILE])
    data = pack(network, {**description, "precision": "int8"})
    with pytest.raises(ValueError, match="it computes in int8"):
        export_onnx(data, tmp_path / "no.onnx", "it", [])
