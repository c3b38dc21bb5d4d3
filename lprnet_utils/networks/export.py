"""Networks as LiteRT files that describe themselves: conversion, checked export, loading and timing."""

import re
import time
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from ..common.files import make_folder, write_files
from ..common.litert import LiteRTModel
from ..common.weights_archive import check_description, pack
from ..uv.charts import load_layout
from ..uv.encoding import SPAN
from ..uv.layout import UVLayout
from .quantisation import convert_int8, litert_converter, quiet_converter
from .stored_weights import store_weights

StoredLayer = tuple[str, np.ndarray, np.ndarray | None]  # name of the kernel, kernel in the axes of Keras, and bias


class Precision(NamedTuple):
    """Size of a weight in a LiteRT file, and how far the file's output may be from that of Keras."""

    bytes_per_weight: int
    max_mean_pixels: float  # of the crop, over the valid texels
    max_pixels: float


PRECISIONS = {
    "float32": Precision(4, 0.01, 0.2),
    "float16": Precision(2, 0.03, 0.6),
    "int8_weights": Precision(1, 0.5, 8.0),
    "int8": Precision(1, 2.5, 25.0),
}


def convert_litert(model: keras.Model, precision: str = "float16", examples: np.ndarray | None = None) -> bytes:
    """Convert a network to the bytes of a LiteRT file without a check, which :func:`export_litert` does.

    The batch size is fixed to 1, so that XNNPACK takes the whole graph. Input and output are float32 in every
    precision. ``float16`` stores the weights in half precision: half the size at the same speed. ``int8_weights``
    stores them as 8-bit integers and computes in float32: a third of the size at the same speed, see
    :mod:`lprnet_utils.networks.stored_weights`. ``int8`` also computes in 8-bit integers, but for the first and the
    last layers, which is faster on processors that have instructions for it, see
    :mod:`lprnet_utils.networks.quantisation`. Weights have one scale per channel, activations one per tensor, and
    their ranges are taken from the examples, crops (B, N, N, 3) of 0 to 1 (Jacob et al., "Quantization and Training of
    Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018;
    https://ai.google.dev/edge/litert/models/post_training_quantization). The other precisions need no examples.
    ValueError if the precision is unknown, or ``int8`` gets no examples; RuntimeError if the file is too small to hold
    the weights.
    """
    import tensorflow as tf

    if precision not in PRECISIONS:
        raise ValueError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
    if precision == "int8":
        if examples is None or not len(examples):
            raise ValueError("int8 needs examples: crops that show the range of each activation")
        data = convert_int8(model, examples)
    else:
        converter = litert_converter(model)
        if precision == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        with quiet_converter():
            data = converter.convert()
        if precision == "int8_weights":
            data = store_weights(data)
    min_bytes = model.count_params() * PRECISIONS[precision].bytes_per_weight * 0.9
    if len(data) < min_bytes:
        raise RuntimeError(f"the converted model has {len(data)} bytes, its weights alone need {min_bytes:.0f}")
    return data


def export_litert(
    model: keras.Model,
    path: str | Path,
    metadata: dict[str, Any],
    examples: np.ndarray,
    precision: str = "float16",
    head_angle: keras.Model | bytes | None = None,
    chart: str = "face",
) -> dict[str, float]:
    """Convert a trained network to LiteRT, check the file against Keras, and store a description in it.

    The description goes into a zip archive behind the flatbuffer, as TensorFlow Lite's own metadata does: LiteRT
    ignores it, and any zip reader finds it. It includes the precision, the difference from Keras, and a SHA-256 of the
    networks in the file, by which a damaged file is recognised.

    Parameters
    ----------
    model : keras.Model
        Trained. The output of a network with random weights is nearly constant, so its check would prove nothing.
    metadata : dict
        Further facts that should travel with the weights (licence, training data, accuracy), as JSON allows them.
    examples : (B, N, N, 3) float32
        Crops, 0 to 1, on which the two are compared; 30 or so. ``int8`` takes the range of its activations from them,
        so they should be as varied as the future input of the network, some hundreds.
    precision : {"float16", "float32", "int8_weights", "int8"}
        ``float16`` takes half the space of ``float32`` at the same speed, ``int8_weights`` a third. ``int8`` takes a
        third too and computes in integers. docs/formats.md has what each costs.
    head_angle : keras.Model or bytes, optional
        A trained :func:`head_angle_network` to store in the archive in half precision, or one from another file
        (:func:`lprnet_utils.common.litert.read_head_angle_network`).
    chart : str
        What the maps show, see :func:`lprnet_utils.uv.load_layout`.

    Returns
    -------
    dict
        ``bytes``, and ``difference`` and ``worst``: the mean and the largest difference between the outputs of LiteRT
        and Keras over the valid texels, in pixels of the crop.

    Raises
    ------
    ValueError
        If the precision is unknown, or ``int8`` gets no examples.
    RuntimeError
        If the file is too small to hold the weights, or its output differs from that of Keras by more than rounding
        explains. Limits in pixels of the crop, mean and largest: 0.01 and 0.2 for ``float32``, 0.03 and 0.6 for
        ``float16``, 0.5 and 8 for ``int8_weights``, 2.5 and 25 for ``int8`` (of which ``open`` has a mean of 0.8).
    """
    data = convert_litert(model, precision, examples)
    network, layout = LiteRTModel(data), load_layout(chart, model.output_shape[1])
    errors = [
        np.abs(network(example)[0] - expected)[layout.mask] * SPAN * layout.size
        for example, expected in zip(examples, model.predict(examples, verbose=0), strict=True)
    ]
    difference, worst = float(np.mean(errors)), float(np.max(errors))
    limits = PRECISIONS[precision]
    if not (difference < limits.max_mean_pixels and worst < limits.max_pixels):
        raise RuntimeError(f"LiteRT differs from Keras by {difference:.4f} pixels of the crop, up to {worst:.3f}")

    description = {
        "span": SPAN,
        "size": layout.size,
        "network": model.name,
        "parameters": model.count_params(),
        "precision": precision,
        "pixels_from_keras": round(difference, 4),
    }
    if isinstance(layout, UVLayout):
        description["landmark_uv"] = layout.landmark_uv.round(6).tolist()  # where they were when it was exported
    else:
        description["chart"] = chart
    second = b"" if head_angle is None else head_angle if isinstance(head_angle, bytes) else convert_litert(head_angle)
    description |= metadata
    check_description(description, str(path))
    file = pack(data, description, second)
    path = Path(path)
    make_folder(path.parent)
    write_files({path: file})
    return {"bytes": len(file), "difference": difference, "worst": worst}


def export_closer_look(
    model: keras.Model, path: str | Path, metadata: dict[str, Any], inputs: list[np.ndarray]
) -> dict[str, float]:
    """The same as :func:`export_litert` for a trained network of the closer look, in half precision.

    ``inputs`` are crops (B, n, n, 3) and points (B, P, 3), on which the file is checked. Its ``difference`` and
    ``worst`` are in pixels of the crop, over all points. RuntimeError if they are over 0.03 and 0.6.
    """
    data = convert_litert(model)
    network, (crops, points) = LiteRTModel(data), inputs
    count, size = 3 * points.shape[1], crops.shape[1]
    found = np.array([network(*example)[0] for example in zip(crops, points, strict=True)])
    errors = np.abs(found - model.predict(inputs, verbose=0))[:, :count] * size
    difference, worst = float(errors.mean()), float(errors.max())
    limits = PRECISIONS["float16"]
    if not (difference < limits.max_mean_pixels and worst < limits.max_pixels):
        raise RuntimeError(f"LiteRT differs from Keras by {difference:.4f} pixels of the crop, up to {worst:.3f}")
    # it has no map to decode, but a weights file states a span
    description = {"span": 1.0, "size": size, "network": model.name, "parameters": model.count_params()}
    description |= {"precision": "float16", "pixels_from_keras": round(difference, 4)} | metadata
    check_description(description, str(path))
    file, path = pack(data, description), Path(path)
    make_folder(path.parent)
    write_files({path: file})
    return {"bytes": len(file), "difference": difference, "worst": worst}


def load_litert(model: keras.Model, data: bytes) -> None:
    """Load the weights of a LiteRT file, given by its content, into a network, to continue its training.

    A LiteRT file has batch normalisation folded into its convolutions, so the network must have none, as
    ``lprnet_lite(normalised=False)``. Between two layers without an activation the file has one bias, that of the
    second layer; the first one's becomes 0. Half precision becomes float32. ValueError if the layers of the file do not
    match those of the network, or its weights are ``int8``, which is too coarse for further training.
    """
    if any("normalization" in type(layer).__name__.lower() for layer in model.layers):
        raise ValueError(
            f"{model.name} has batch normalisation, which a .tflite file has folded into its convolutions: make the "
            "network with normalised=False (in a recipe: network_options = {normalised = false})"
        )
    unused = _read_layers(data)
    count = len(unused)
    for layer in model.layers:
        if not hasattr(layer, "kernel"):
            continue
        if (k := _place_of(layer, unused)) is None:
            raise ValueError(
                f"the file has no weights for {layer.name} of {model.name}, {tuple(layer.kernel.shape)}"
                f"{' with a bias' * layer.use_bias}: {len(unused)} of its {count} layers are left (was the network "
                "made with normalised=False?)"
            )
        _, kernel, bias = unused.pop(k)
        if layer.use_bias:
            layer.set_weights([kernel, np.zeros(layer.bias.shape, np.float32) if bias is None else bias])
        else:
            layer.set_weights([kernel])
    if unused:
        raise ValueError(f"{len(unused)} of the file's {count} layers have no place in {model.name}")


def _place_of(layer: keras.Layer, found: list[StoredLayer]) -> int | None:
    """Which of a file's layers is this one: the next of its shape, or the one of its name if the network gives it one.

    Layers of one shape stand in a file in the order of the network, but for those that branch from the same layer.
    """
    linear = layer.activation is keras.activations.linear
    places = [
        k
        for k, (_, kernel, bias) in enumerate(found)
        if kernel.shape == tuple(layer.kernel.shape) and (bias is not None or not layer.use_bias or linear)
    ]
    is_named = not layer.name.startswith(type(layer).__name__.lower())
    own = [k for k in places if re.search(rf"/{re.escape(layer.name)}(_\d+)?/", found[k][0])] if is_named else []
    return next(iter(own or places), None)


def _read_layers(data: bytes) -> list[StoredLayer]:
    """Each convolution and dense layer of a LiteRT file, in its order."""
    network = LiteRTModel(data).interpreter
    names = {entry["index"]: entry["name"] for entry in network.get_tensor_details()}
    operations = network._get_ops_details()  # no public method tells which constant is the kernel of which layer
    sources = {o["outputs"][0]: o["inputs"][0] for o in operations if o["op_name"] == "DEQUANTIZE"}

    def read_constant(index: int) -> np.ndarray:
        values = network.get_tensor(sources.get(index, index))
        if not np.issubdtype(values.dtype, np.floating):
            raise ValueError(f"the file's weights are {values.dtype}: take the file of float16 or float32")
        return np.asarray(values, np.float32)

    layers = []
    for operation in operations:
        if operation["op_name"] not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            continue
        inputs = operation["inputs"]  # picture, kernel and perhaps bias; -1 stands for no bias
        kernel = read_constant(inputs[1])
        kernel = kernel.T if kernel.ndim == 2 else kernel.transpose(1, 2, 3, 0)
        bias = read_constant(inputs[2]) if len(inputs) > 2 and inputs[2] >= 0 else None
        layers.append((names[inputs[1]], kernel, bias))
    return layers


def time_litert(files: dict[str, str | Path], threads: int = 1, repeats: int = 20) -> dict[str, float]:
    """Measure the median seconds of one run of each LiteRT file, given by a name, on this machine's CPU.

    The files run in turn for this many rounds (``repeats``). Other load on the machine then affects all of them, so the
    ratios are more reliable than the seconds. In each round a file runs twice, and the second run counts: the first is
    slower, because of the other networks that ran before it.
    """
    networks, times = {}, {name: [] for name in files}
    for name, path in files.items():
        model = LiteRTModel(Path(path).read_bytes(), str(path), threads)
        model(np.random.default_rng(0).random(model.input_shape[1:], np.float32))
        networks[name] = model.interpreter
    for _ in range(repeats):
        for name, network in networks.items():
            network.invoke()
            start = time.perf_counter()
            network.invoke()
            times[name].append(time.perf_counter() - start)
    return {name: float(np.median(t)) for name, t in times.items()}
