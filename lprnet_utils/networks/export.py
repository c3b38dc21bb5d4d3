"""Export of trained networks to LiteRT files that carry their own description."""

from __future__ import annotations

import contextlib
import io
import json
import time
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..common.files import write_files
from ..common.litert import HEAD_ANGLE, METADATA, LiteRTModel
from ..uv.encoding import SPAN
from ..uv.layout import UVLayout


class ExportError(RuntimeError):
    """The exported file is not what it should be."""


# of each precision: bytes a weight, and how far LiteRT may be from Keras, pixels of the crop: on average, and anywhere
PRECISIONS = {"float32": (4, 0.01, 0.2), "float16": (2, 0.03, 0.6), "int8": (1, 2.5, 25.0)}


def convert_litert(model: keras.Model, precision: str = "float16", examples: np.ndarray | None = None) -> bytes:
    """Convert a network for LiteRT, without a check: see :func:`export_litert` for weights that somebody will use.

    The batch is fixed to 1, so that XNNPACK takes the whole graph. Input and output are float32 in every precision.

    Parameters
    ----------
    model : keras.Model
    precision : {"float16", "float32", "int8"}
        ``float16`` stores the weights in half precision: half the size, the same speed. ``int8`` also computes in
        whole numbers of 8 bits: the weights have a scale for each channel, every activation one for all of its values.
    examples : (B, N, N, 3) float32
        Crops in 0 to 1 that show ``int8`` the range of each activation; the others need none.

    Returns
    -------
    bytes
        The flatbuffer.

    Raises
    ------
    ValueError
        If there is no such precision, or ``int8`` is given no examples.
    ExportError
        If the file is too small to hold the weights.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    CVPR 2018; https://ai.google.dev/edge/litert/models/post_training_quantization.
    """
    import tensorflow as tf

    if precision not in PRECISIONS:
        raise ValueError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
    if precision == "int8" and (examples is None or not len(examples)):
        raise ValueError("int8 needs examples: crops that show the range of each activation")
    inputs = keras.Input(batch_shape=(1, *model.input_shape[1:]))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, model(inputs, training=False)))
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif precision == "int8":
        # nothing but whole numbers: an operation without such a kernel is an error, not left in float32
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([np.asarray(e, np.float32)[None]] for e in examples)
    # it lists every variable, and warns that a float32 input has no statistics: it needs none
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Statistics for quantized inputs")
        data = converter.convert()
    least = model.count_params() * PRECISIONS[precision][0] * 0.9
    if len(data) < least:
        raise ExportError(f"the converted model has {len(data)} bytes, its weights alone need {least:.0f}")
    return data


def export_litert(
    model: keras.Model,
    path: str | Path,
    metadata: dict[str, Any],
    examples: np.ndarray,
    precision: str = "float16",
    head_angle: keras.Model | bytes | None = None,
) -> dict[str, float]:
    """Convert a trained network for LiteRT, and check the file against Keras.

    The description goes into a zip archive behind the flatbuffer, as TensorFlow Lite's own metadata does: LiteRT
    ignores it, any zip reader finds it. It also says the precision, and how far the file is from Keras.

    Parameters
    ----------
    model : keras.Model
        Trained: parity of a network with random weights, whose output is nearly constant, would prove nothing.
    path : path
        Of the ``.tflite`` file.
    metadata : dict
        Whatever should travel with the weights (licence, training data, accuracy); JSON.
    examples : (B, N, N, 3) float32
        Crops in 0 to 1 to compare the two on; 30 or so. ``int8`` takes the range of its activations from them, so they
        should be as varied as what the network will see.
    precision : {"float16", "float32", "int8"}
        See :func:`convert_litert`. ``int8`` is a quarter of the size and costs accuracy: its coordinates come in steps
        of about two pixels of the crop.
    head_angle : keras.Model or bytes, optional
        A trained ``networks.head_angle_network`` to go into the archive, in half precision, or one from another file
        (:func:`lprnet_utils.common.litert.read_head_angle_network`).

    Returns
    -------
    dict
        ``bytes``; ``difference`` and ``worst``: mean and largest between LiteRT's output and Keras' over the valid
        texels, in pixels of the crop.

    Raises
    ------
    ValueError
        If there is no such precision.
    ExportError
        If the file is too small to hold the weights, or its output differs by more than the rounding explains: a
        hundredth of a pixel on average (half precision: 0.03) or 20 times that anywhere; ``int8``: 2.5 on average
        (``open``: 1.4) or 25 anywhere.
    """
    data = convert_litert(model, precision, examples)
    size = model.output_shape[1]
    layout = UVLayout(size)
    network = LiteRTModel(data)
    mask = layout.mask
    found = []
    for example, expected in zip(examples, model.predict(examples, verbose=0), strict=True):
        found.append(np.abs(network(example)[0] - expected)[mask] * SPAN * size)
    difference, worst = float(np.mean(found)), float(np.max(found))
    _, limit, limit_anywhere = PRECISIONS[precision]
    if not (difference < limit and worst < limit_anywhere):
        raise ExportError(f"LiteRT differs from Keras by {difference:.4f} pixels of the crop, up to {worst:.3f}")

    described = {"span": SPAN, "size": size, "network": model.name, "parameters": model.count_params()}
    described["landmark_uv"] = layout.landmark_uv.round(6).tolist()  # as they were when the network was trained
    described |= {"precision": precision, "pixels_from_keras": round(difference, 4)}
    described.update(metadata)
    archive = io.BytesIO(data)
    members: dict[str, str | bytes] = {METADATA: json.dumps(described, indent=1, sort_keys=True)}
    if head_angle is not None:
        members[HEAD_ANGLE] = head_angle if isinstance(head_angle, bytes) else convert_litert(head_angle)
    with zipfile.ZipFile(archive, "a") as zipped:
        for name, content in members.items():
            zipped.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)
    data = archive.getvalue()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_files({path: data})
    return {"bytes": len(data), "difference": difference, "worst": worst}


def load_litert(model: keras.Model, data: bytes) -> None:
    """Give a network the weights of a LiteRT file, to go on training with.

    A finished file has batch normalisation folded into its convolutions, so the network must be one without, such as
    ``lprnet_lite(normalised=False)``.

    Parameters
    ----------
    model : keras.Model
    data : bytes
        Of the file; half precision is widened.

    Raises
    ------
    ExportError
        If the file's layers are not the network's, or its weights are ``int8``, too coarse to go on from.
    """
    network = LiteRTModel(data).interpreter
    operations = network._get_ops_details()  # the only place where LiteRT tells which constant is whose kernel
    whole = {o["outputs"][0]: o["inputs"][0] for o in operations if o["op_name"] == "DEQUANTIZE"}

    def constant(index: int) -> np.ndarray:
        values = network.get_tensor(whole.get(index, index))
        if not np.issubdtype(values.dtype, np.floating):
            raise ExportError(f"the file's weights are {values.dtype}: take the file of float16 or float32")
        return np.asarray(values, np.float32)

    kinds = "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"
    inputs = [o["inputs"] for o in operations if o["op_name"] in kinds]
    layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    left = []
    for index in inputs:
        kernel = constant(index[1])
        kernel = kernel.T if kernel.ndim == 2 else kernel.transpose(1, 2, 3, 0)
        left.append((kernel, constant(index[2]) if len(index) > 2 and index[2] >= 0 else None))
    for layer in layers:
        shape, bias = tuple(layer.kernel.shape), layer.use_bias
        fitting = (k for k, (kernel, b) in enumerate(left) if kernel.shape == shape and (b is not None or not bias))
        k = next(fitting, None)
        if k is None:
            raise ExportError(
                f"the file has no weights for {layer.name} of {model.name}, {shape}{' with a bias' * bias}: {len(left)}"
                f" of its {len(inputs)} layers are left (was the network made with normalised=False?)"
            )
        layer.set_weights(left.pop(k)[: 1 + bias])
    if left:
        raise ExportError(f"{len(left)} of the file's {len(inputs)} layers have no place in {model.name}")


def time_litert(files: dict[str, str | Path], threads: int = 1, repeats: int = 20) -> dict[str, float]:
    """Seconds of one run of each LiteRT file on this machine's CPU: medians.

    The files take turns, after one round that does not count, so that a busy moment of the machine hits all of them:
    trust the ratios more than the seconds.

    Parameters
    ----------
    files : dict
        Path by name.
    threads : int
    repeats : int
        Rounds.
    """
    networks, times = {}, {name: [] for name in files}
    for name, path in files.items():
        model = LiteRTModel(Path(path).read_bytes(), str(path), threads)
        model(np.random.default_rng(0).random(model.input_shape[1:], np.float32))
        networks[name] = model.interpreter
    for turn in range(repeats + 1):
        for name, network in networks.items():
            start = time.perf_counter()
            network.invoke()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(t)) for name, t in times.items()}
