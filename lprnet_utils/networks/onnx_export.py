"""Networks as ONNX files, for runtimes other than LiteRT. It needs the extra ``onnx``.

A LiteRT file is the source, so what is exported is what was measured. The converter is ``tf2onnx``
(https://github.com/onnx/tensorflow-onnx).
"""

import json
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..common.arrays import Array
from ..common.files import make_folder, write_files
from ..common.litert import LiteRTModel
from ..common.weights_archive import METADATA_FILE, parse_description, unpack
from .stored_weights import expand_weights

OPERATIONS_VERSION = 18  # of ONNX; runtimes since 2023 know it
INPUT_NAMES = {4: "crop", 3: "points"}  # by the number of axes
OUTPUT_NAMES = {4: "map", 2: "numbers"}
METADATA_KEY = "lprnet"  # of the description, as JSON
MAX_DIFFERENCE = 1e-4  # between ONNX Runtime and LiteRT, of numbers about 1; a pixel of the crop is 0.0036


def export_onnx(data: bytes, path: str | Path, name: str, inputs: list[Array]) -> dict[str, float]:
    """Write the network of a weights file as ONNX, and check it against LiteRT if ONNX Runtime is installed.

    Axes and ranges are those of the LiteRT file: ``crop`` (1, N, N, 3) of 0 to 1, ``map`` (1, N, N, 3). The weights are
    float32. The description of the file is under the key ``lprnet`` of the model's metadata, as JSON. The head-angle
    network of a file is left out.

    Parameters
    ----------
    data : bytes
        Content of a weights file that does not compute in integers.
    name : str
        What an error calls it.
    inputs : list of arrays
        For each input of the network examples (B, ...) float32, on which the two are compared.

    Returns
    -------
    dict
        ``bytes``, and ``worst``: the largest difference between the outputs; absent without ONNX Runtime.

    Raises
    ------
    ValueError
        If the network computes in integers.
    RuntimeError
        If ONNX Runtime computes something else than LiteRT.
    """
    length, members = unpack(data, name)
    description = parse_description(members[METADATA_FILE], name)
    if description.get("precision") == "int8":
        raise ValueError(f"{name} computes in int8: take the file of another precision")
    network = expand_weights(data[:length])
    model = _convert(network)
    _rename(model, INPUT_NAMES, OUTPUT_NAMES)
    stated = model.metadata_props.add()
    stated.key = METADATA_KEY
    stated.value = json.dumps({k: v for k, v in description.items() if k != "sha256"} | {"precision": "float32"})
    file, path = model.SerializeToString(), Path(path)
    done: dict[str, float] = {"bytes": len(file)}
    if find_spec("onnxruntime"):
        done["worst"] = worst = _difference(file, network, inputs)
        if not worst < MAX_DIFFERENCE:
            raise RuntimeError(f"ONNX Runtime differs from LiteRT by {worst:.6f}")
    make_folder(path.parent)
    write_files({path: file})
    return done


def _convert(network: bytes) -> Any:
    import tf2onnx

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it reads the file by an interpreter that TensorFlow will drop
        source = Path(folder) / "network.tflite"
        source.write_bytes(network)
        return tf2onnx.convert.from_tflite(str(source), opset=OPERATIONS_VERSION)[0]


def _rename(model: Any, inputs: dict[int, str], outputs: dict[int, str]) -> None:
    """Give the inputs and outputs of an ONNX model plain names, by their numbers of axes."""
    names = {}
    for values, known in ((model.graph.input, inputs), (model.graph.output, outputs)):
        for value in values:
            names[value.name] = known[len(value.type.tensor_type.shape.dim)]
            value.name = names[value.name]
    for node in model.graph.node:
        for places in (node.input, node.output):
            for k, place in enumerate(places):
                places[k] = names.get(place, place)


def _difference(file: bytes, network: bytes, inputs: list[Array]) -> float:
    """The largest difference between the outputs of an ONNX file and a LiteRT network."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    wanted = [value.name for value in session.get_inputs()]
    reference, worst = LiteRTModel(network), 0.0
    for example in zip(*inputs, strict=True):
        named = {INPUT_NAMES[array.ndim + 1]: np.asarray(array, np.float32)[None] for array in example}
        found = session.run(None, {key: named[key] for key in wanted})[0][0]
        worst = max(worst, float(np.abs(found - reference(*example)[0]).max()))
    return worst
