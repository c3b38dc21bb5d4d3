"""Exported files run, agree with Keras, and describe themselves."""

import keras
import numpy as np
import pytest
from toy import ToySource, tiny_network

from lprnet_utils import LPRNet, UVLayout
from lprnet_utils.common import data_path
from lprnet_utils.common.litert import LiteRTModel, read_metadata, read_weights
from lprnet_utils.networks import (
    closer_eye,
    closer_mouth,
    export_litert,
    load_litert,
    lprnet_lite,
    time_litert,
)
from lprnet_utils.networks.export import PRECISIONS, convert_litert
from lprnet_utils.synthetic import SyntheticFaces
from lprnet_utils.training import Trainer, TrainingConfig
from lprnet_utils.training.batches import make_batch


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network that has learned a little, so that its output is not a constant."""
    keras.utils.set_random_seed(0)
    model, source = tiny_network(), ToySource(4)
    config = TrainingConfig(samples=160, batch_size=8, warmup=8, learning_rate=0.02, augmentation="geometry")
    Trainer(model, config, tmp_path_factory.mktemp("run")).run(source, source)
    examples = make_batch(source, config, 99)[0]
    assert model.predict(examples, verbose=0).std() > 0.005
    return model, examples


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_export_agrees_and_is_loaded(trained, tmp_path, precision):
    model, examples = trained
    path = tmp_path / "tiny.tflite"
    done = export_litert(model, path, {"licence": "test only"}, examples, precision)
    assert done["bytes"] == path.stat().st_size and done["difference"] < 0.03
    metadata = read_metadata(path.read_bytes(), "tiny")
    assert metadata["licence"] == "test only" and metadata["span"] == 2.2 and metadata["size"] == 128
    assert metadata["precision"] == precision and metadata["pixels_from_keras"] < 0.03
    assert np.allclose(metadata["landmark_uv"], UVLayout().landmark_uv, atol=1e-6)
    net = LPRNet(path)
    crop = (examples[0] * 255).round().astype(np.uint8)
    expected = model.predict(crop[None].astype(np.float32) / 255, verbose=0)[0]
    assert np.abs(net.predict_uv(crop) - expected).max() < 2e-3
    assert LiteRTModel(path.read_bytes()).input_shape == (1, 128, 128, 3), "a fixed batch"


def test_metadata_can_move_the_landmarks(trained, tmp_path):
    model, examples = trained
    photo = (examples[0] * 255).round().astype(np.uint8)
    positions = UVLayout().landmark_uv[::-1]
    faces = []
    for metadata in ({"landmark_uv": positions.tolist()}, {}):
        export_litert(model, tmp_path / "tiny.tflite", metadata, examples)
        faces.append(LPRNet(tmp_path / "tiny.tflite").reconstruct_in_box(photo, [20, 20, 100, 100]))
    moved, plain = faces
    assert (moved.position_map == plain.position_map).all()
    assert np.allclose(moved.landmarks[::-1], plain.landmarks, atol=0.05)


@pytest.fixture(scope="module")
def bundled():
    model = lprnet_lite(normalised=False)
    load_litert(model, read_weights("open")[1])
    return model


@pytest.mark.slow
def test_int8_computes_in_integers_but_for_its_ends(bundled, tmp_path):
    faces, path = SyntheticFaces(seed=1), tmp_path / "small.tflite"
    crops = np.stack([faces.sample(k).image for k in range(32)])
    examples = crops.astype(np.float32) / 255
    done = export_litert(bundled, path, {"licence": "test only"}, examples[:24], "int8")
    assert 0.25 < path.stat().st_size / (4 * bundled.count_params()) < 0.33, "a quarter, and the scales"
    metadata = read_metadata(path.read_bytes(), "small")
    assert metadata["precision"] == "int8" and metadata["pixels_from_keras"] == round(done["difference"], 4)
    net, layout, interpreter = LPRNet(path), UVLayout(), LiteRTModel(path.read_bytes()).interpreter
    operations = [o for o in interpreter._get_ops_details() if o["op_name"].endswith(("CONV_2D", "FULLY_CONNECTED"))]
    integers = [is_int8(interpreter, o) for o in operations]
    # The first layer and an end stay in floating point. How many layers that end has is measured, and the processor's
    # rounding moves it a little: three on one machine, five on another.
    inner = sum(integers)
    assert not integers[0] and integers[1 : 1 + inner] == [True] * inner, "no island in floating point"
    assert 30 < inner <= len(operations) - 4
    assert [o["op_name"] for o in interpreter._get_ops_details()].count("DELEGATE") == 1, "XNNPACK takes all"
    # on crops that were not used to calibrate it
    expected = bundled.predict(examples[24:], verbose=0)
    found = np.stack([net.predict_uv(crop) for crop in crops[24:]])
    assert found.dtype == np.float32 and found.std() > 0.05
    assert np.abs(found - expected)[:, layout.mask].mean() * 2.2 * 128 < 1.2
    with pytest.raises(ValueError, match="int8"):
        load_litert(lprnet_lite(normalised=False), path.read_bytes())


def is_int8(interpreter, operation):
    """Whether an operation reads and writes 8-bit integers, and its weights have one scale per channel."""
    details = {d["index"]: d for d in interpreter.get_tensor_details()}
    picture, kernel, result = (details[k] for k in (*operation["inputs"][:2], operation["outputs"][0]))
    stored = kernel["quantization_parameters"]
    channels = kernel["shape"][stored["quantized_dimension"]]
    return {d["dtype"] for d in (picture, kernel, result)} == {np.int8} and len(stored["scales"]) == channels > 1


def test_an_unknown_precision_is_refused(trained, tmp_path):
    model, examples = trained
    with pytest.raises(ValueError, match="no precision True; there are float32, float16, int8_weights, int8"):
        export_litert(model, tmp_path / "no.tflite", {}, examples, True)
    for nothing in (None, examples[:0]):
        with pytest.raises(ValueError, match="int8 needs examples"):
            convert_litert(model, "int8", nothing)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_file_that_disagrees_is_not_written(trained, precision, tmp_path, monkeypatch):
    model, examples = trained
    assert convert_litert(model, precision, examples), "the conversion alone checks nothing"
    predict = model.predict  # changed by a twentieth of the span of the map, 14 pixels
    monkeypatch.setattr(model, "predict", lambda x, verbose: predict(x, verbose=verbose) + 0.05)
    with pytest.raises(RuntimeError, match="differs from Keras by 1[34]"):
        export_litert(model, tmp_path / "wrong.tflite", {}, examples, precision)
    assert not (tmp_path / "wrong.tflite").exists()


def test_bundled_weights_can_be_trained_further(bundled):
    """A network without batch normalisation computes the same with them as the file, also in training mode."""
    crop = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    values = crop[None].astype(np.float32) / 255
    expected = LPRNet("open").predict_uv(crop)
    assert np.ptp(expected) > 0.1
    for training in (False, True):
        assert np.abs(np.asarray(bundled(values, training=training))[0] - expected).max() < 2e-3, training
    with pytest.raises(ValueError, match="normalised=False"):  # it would load kernels and lose what is folded in
        load_litert(lprnet_lite(), read_weights("open")[1])
    with pytest.raises(ValueError, match="normalised=False"):
        load_litert(lprnet_lite(code=0, normalised=False), read_weights("open")[1])
    with pytest.raises(ValueError, match="have no place in"):
        load_litert(keras.Model(bundled.input, bundled.layers[1].output), read_weights("open")[1])


@pytest.mark.parametrize(("name", "network"), [("eye", closer_eye), ("mouth", closer_mouth)])
def test_the_bundled_closer_look_can_be_trained_on(name, network):
    """Two layers of the eye have one shape: they are told apart by their names."""
    data, model = data_path(f"closer_look/{name}.tflite").read_bytes(), network(normalised=False)
    load_litert(model, data)
    rng = np.random.default_rng(0)
    crop, points = rng.random(model.inputs[0].shape[1:]), rng.normal(0, 0.1, model.inputs[1].shape[1:])
    expected = LiteRTModel(data)(crop, points)[0]
    inputs = [values[None].astype(np.float32) for values in (crop, points)]
    for training in (False, True):
        assert np.abs(np.asarray(model(inputs, training=training))[0] - expected).max() < 1e-4, training
    assert np.ptp(expected) > 0.1
    with pytest.raises(ValueError, match="normalised=False"):
        load_litert(network(), data)


def test_a_larger_network_takes_longer(tmp_path):
    """One of two untrained networks needs sixteen times the work of the other."""
    files = {}
    for name, width in (("small", 16), ("large", 64)):
        inputs = keras.Input((128, 128, 3))
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same")(inputs)
        for _ in range(2):
            x = keras.layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = keras.layers.UpSampling2D(2)(keras.layers.Conv2D(3, 1)(x))
        files[name] = tmp_path / f"{name}.tflite"
        export_litert(keras.Model(inputs, x), files[name], {}, np.zeros((1, 128, 128, 3), np.float32))
    seconds = time_litert(files, repeats=5)
    assert 0 < seconds["small"] < seconds["large"] < 5
