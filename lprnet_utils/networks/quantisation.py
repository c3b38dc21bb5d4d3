"""Networks that compute in 8-bit integers and lose little by it.

Three things make the loss small. Channels are equalised: a factor moves from each channel of a layer to the layer
behind it, which changes no result but brings the channels of one tensor, whose values share 256 steps, to similar
ranges (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019; the power is
from Xiao et al., "SmoothQuant", ICML 2023). The ranges of the tensors are measured on example pictures. And the first
layer and the last ones stay in floating point: how many of the last ones, an error that is measured here decides.
"""

import contextlib
import io
import math
import os
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from ..common.arrays import Array
from ..common.litert import LiteRTModel
from .stored_weights import store_weights

EQUALISING_POWER = 0.7  # of a channel's range; chosen on held-out photos of AFLW, where 0.65 to 0.75 are alike
MIN_RANGE = 0.01  # of the largest channel's: dead channels would get huge factors
EQUALISING_EXAMPLES = 200  # that the ranges of channels are taken from; calibration takes all
CHECKED_EXAMPLES = 32  # on which the number of layers in floating point is chosen
MAX_FLOAT_SHARE = 0.1  # of all multiply-adds that may stay in floating point at the end
ENOUGH = 1.05  # times the smallest error: the shortest end with no larger one is taken

# channels pass these layers unchanged, and a positive factor of a channel passes them too
_PASSING = (layers.ReLU, layers.UpSampling2D, layers.Add, layers.Flatten, layers.Reshape, layers.Dropout)
_HOMOGENEOUS = ("linear", "relu", "leaky_relu")  # activations that a positive factor passes
# of a layer's kernel: the axis of the channels that it reads, and of those that it writes
_AXES = {
    layers.DepthwiseConv2D: (2, 2), layers.Conv2DTranspose: (3, 2), layers.Conv2D: (2, 3), layers.Dense: (0, 1),
}  # fmt: skip


class ChannelGroup(NamedTuple):
    """Tensors whose channels belong together, the layers that write them, and the layers that read them."""

    writers: list[keras.Layer]
    readers: list[keras.Layer]
    tensors: list[keras.KerasTensor]
    channels: int


def litert_converter(model: keras.Model) -> Any:
    """TensorFlow's converter of a network to LiteRT, with a batch of one."""
    import tensorflow as tf

    inputs = [keras.Input(batch_shape=(1, *tensor.shape[1:]), name=tensor.name) for tensor in model.inputs]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    return tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, outputs))


@contextlib.contextmanager
def quiet_converter() -> Iterator[None]:
    """Without what the converter prints: every variable, each quantisation, and warnings about a float32 input."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Statistics for quantized inputs")
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def convert_int8(model: keras.Model, examples: Array) -> bytes:
    """Convert a network to a LiteRT file that computes in 8-bit integers, but for its first and last layers.

    Input and output are float32. The layers at the end that stay in floating point do at most a tenth of all
    multiply-adds; their weights are stored as float16.

    Parameters
    ----------
    model : keras.Model
        With one input, pictures (B, N, N, 3), and one output.
    examples : (B, N, N, 3) float32
        Pictures that show the range of each tensor, as varied as the future input: some hundreds. The last 32 decide
        how many layers stay in floating point.
    """
    from tensorflow.lite.python.convert import mlir_quantize

    examples = np.asarray(examples, np.float32)
    converter = litert_converter(equalise_channels(model, examples[:EQUALISING_EXAMPLES]))
    converter.optimizations = _default_optimization()
    converter.representative_dataset = lambda: ([example[None]] for example in examples)
    # The ranges are measured once, then the network is quantised in many ways. TensorFlow's QuantizationDebugger does
    # it so; used itself, it would build and load a network with checks inside each time.
    converter._experimental_calibrate_only = True
    with quiet_converter():
        calibrated = converter.convert()

    def quantise(names: list[str]) -> bytes:
        with quiet_converter():
            return mlir_quantize(calibrated, denylisted_nodes=names or None)

    checked = examples[-CHECKED_EXAMPLES:]
    expected = model.predict(checked, verbose=0)
    steps = _steps(quantise([]))
    first = next((k for k, step in enumerate(steps) if step.work), 0)
    found = {}
    for start in _possible_ends(steps, first):
        data = quantise([step.name for step in (steps[first], *steps[start:])])
        network = LiteRTModel(data)
        outputs = np.stack([network(example)[0] for example in checked])
        found[start] = float(np.abs(outputs - expected).mean()), data
    smallest = min(error for error, _ in found.values())
    best = max(start for start, (error, _) in found.items() if error <= ENOUGH * smallest)
    return store_weights(found[best][1], integers=False)


class Step(NamedTuple):
    """An operation of a LiteRT network: the name of its output, and its multiply-adds."""

    name: str
    work: int


def _steps(data: bytes) -> list[Step]:
    """The operations of a network in the order in which they run, without those that only change the type."""
    interpreter = LiteRTModel(data).interpreter
    tensors = {entry["index"]: entry for entry in interpreter.get_tensor_details()}
    steps = []
    for operation in interpreter._get_ops_details():
        kind, inputs, output = operation["op_name"], operation["inputs"], tensors[operation["outputs"][0]]
        if kind in ("DELEGATE", "QUANTIZE", "DEQUANTIZE"):
            continue
        work = 0
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"):
            # each weight is used once for each place of the output, or of the input of a transposed convolution
            places = tensors[inputs[2]] if kind == "TRANSPOSE_CONV" else output
            area = int(np.prod(places["shape"][1:3])) if len(places["shape"]) == 4 else 1
            work = int(np.prod(tensors[inputs[1]]["shape"])) * area
        steps.append(Step(output["name"], work))
    return steps


def _possible_ends(steps: list[Step], first: int) -> list[int]:
    """Where an end in floating point may begin: at any layer with weights, or behind the last operation."""
    total, work, starts = sum(step.work for step in steps), 0, [len(steps)]
    for k in range(len(steps) - 1, first, -1):
        work += steps[k].work
        if work > MAX_FLOAT_SHARE * total:
            break
        if steps[k].work:
            starts.append(k)
    return starts


def _default_optimization() -> list[Any]:
    import tensorflow as tf

    return [tf.lite.Optimize.DEFAULT]


def equalise_channels(model: keras.Model, examples: Array, power: float = EQUALISING_POWER) -> keras.Model:
    """A network that computes the same, whose channels have more similar ranges.

    With r the largest magnitude of a channel over the examples, relative to that of the strongest channel beside it,
    the channel is divided by r to this power where it is written, and multiplied by it where it is read. Channels that
    come from, or go to, a layer for which this would not be exact stay as they are.
    """
    equal = keras.models.clone_model(keras.Model(model.inputs, model.outputs))  # without its loss
    equal.set_weights(model.get_weights())
    found = channel_groups(equal)
    for group, strength in zip(found, _strengths(equal, found, examples), strict=True):
        if strength.max() > 0:
            factors = np.maximum(strength / strength.max(), MIN_RANGE) ** power
            for layer in group.writers:
                _scale(layer, 1 / factors, writes=True)
            for layer in group.readers:
                _scale(layer, factors, writes=False)
    return equal


def channel_groups(model: keras.Model) -> list[ChannelGroup]:
    """The groups of channels of a network that may be scaled: both ends of each are layers that a factor can enter."""
    group_of: dict[int, int] = {}

    def find(tensor: Any) -> int:
        key = tensor if isinstance(tensor, int) else id(tensor)
        while group_of.setdefault(key, key) != key:
            key = group_of[key]
        return key

    tensors = {id(layer.output): layer.output for layer in model.layers}
    for layer in model.layers:
        if isinstance(layer, _PASSING):
            for tensor in _inputs(layer):
                group_of[find(tensor)] = find(layer.output)
    writers: dict[int, list] = {}
    readers: dict[int, list] = {}
    fixed = {find(tensor) for tensor in (*model.inputs, *model.outputs)}
    for layer in model.layers:
        if isinstance(layer, (*_PASSING, layers.InputLayer)):
            continue
        if _is_scalable(layer, writes=True):
            writers.setdefault(find(layer.output), []).append(layer)
        else:
            fixed.add(find(layer.output))
        for tensor in _inputs(layer):
            if _is_scalable(layer, writes=False):
                readers.setdefault(find(tensor), []).append(layer)
            else:
                fixed.add(find(tensor))
    found = []
    for key in writers.keys() & readers.keys() - fixed:
        members = [tensor for name, tensor in tensors.items() if find(name) == key]
        found.append(ChannelGroup(writers[key], readers[key], members, math.gcd(*(int(t.shape[-1]) for t in members))))
    return found


def _inputs(layer: keras.Layer) -> list[keras.KerasTensor]:
    if isinstance(layer, layers.InputLayer):
        return []
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _is_scalable(layer: keras.Layer, writes: bool) -> bool:
    """Whether a factor for each channel can enter the layer's weights, at its output or at its input."""
    if isinstance(layer, layers.BatchNormalization):
        return writes and layer.scale and layer.center
    if (
        not isinstance(layer, tuple(_AXES))
        or getattr(layer, "groups", 1) > 1
        or getattr(layer, "depth_multiplier", 1) > 1
    ):
        return False
    activation = getattr(layer.activation, "__name__", "")
    return not writes or activation in _HOMOGENEOUS


def _scale(layer: keras.Layer, factors: Array, writes: bool) -> None:
    """Multiply the weights of a layer by factors of the channels that it writes or reads.

    Where places and channels are one axis, as behind a flattening, the factors repeat: channels are the faster index.
    """
    weights = layer.get_weights()
    if isinstance(layer, layers.BatchNormalization):  # scale, offset, and statistics that stay
        layer.set_weights([w * factors if k < 2 else w for k, w in enumerate(weights)])
        return
    axis = next(axes for kind, axes in _AXES.items() if isinstance(layer, kind))[int(writes)]
    shape = [1] * weights[0].ndim
    shape[axis] = weights[0].shape[axis]
    weights[0] = weights[0] * np.resize(factors, shape[axis]).reshape(shape)
    if writes and len(weights) > 1:
        weights[1] = weights[1] * np.resize(factors, len(weights[1]))
    layer.set_weights(weights)


def _strengths(model: keras.Model, found: list[ChannelGroup], examples: Array, batch: int = 16) -> list[Array]:
    """The largest magnitude of each channel of each group over the examples."""
    strengths = [np.zeros(group.channels) for group in found]
    if not found:
        return strengths
    watched = keras.Model(model.input, [tensor for group in found for tensor in group.tensors])
    for start in range(0, len(examples), batch):
        values = iter(watched(np.asarray(examples[start : start + batch], np.float32), training=False))
        for k, group in enumerate(found):
            for _ in group.tensors:
                flat = np.abs(np.asarray(next(values), np.float32)).reshape(-1, group.channels)
                strengths[k] = np.maximum(strengths[k], flat.max(0))
    return strengths
