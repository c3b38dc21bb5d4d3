"""LiteRT files that store their weights in fewer bits than they compute in: a smaller download, the same speed.

Only the constants of the file change, so this needs neither Keras nor TensorFlow. A stored constant is followed by an
operation DEQUANTIZE. XNNPACK, the part of LiteRT that computes on processors and in web pages, carries it out once,
when the file is loaded; then it computes in float32 as before.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.weights_archive import HEAD_ANGLE_FILE, METADATA_FILE, pack, parse_description, unpack

MIN_CHANNEL_WEIGHTS = 32  # channels with fewer weights are stored as float16: a scale of their own would save little
FLOAT_PRECISIONS = ("float16", "float32")
LARGEST = 127  # of an 8-bit integer; -128 is not used, so that zero stays in the middle


def store_weights(network: bytes, integers: bool = True) -> bytes:
    """Store the kernels of a LiteRT network as 8-bit integers with one scale for each channel, or as float16.

    Parameters
    ----------
    network : bytes
        A LiteRT network with kernels in float32 or float16, without the description behind it
        (:func:`lprnet_utils.common.weights_archive.unpack`). Kernels that are integers already stay as they are.
    integers : bool
        False: all kernels become float16. True: kernels with at least 32 weights for each output channel become
        integers, the others float16. Biases are float32 in both cases, because XNNPACK computes no layer with a kernel
        of integers and a bias in float16.

    Returns
    -------
    bytes
        The network with the same inputs, outputs and operations.
    """
    editor = _Editor(network)
    editor.expand_half_precision()
    for operation in list(editor.graph.operators):
        kind = editor.kind(operation)
        if kind in _CHANNEL_AXIS:
            editor.store(operation.inputs[1], _CHANNEL_AXIS[kind], integers)
    return editor.to_bytes()


def expand_weights(network: bytes) -> bytes:
    """The same LiteRT network with constants of float16 in float32: for other programs, which read these best."""
    editor = _Editor(network)
    editor.expand_half_precision()
    return editor.to_bytes()


def smaller_file(data: bytes, name: str) -> bytes:
    """A whole weights file of this package, its network stored by :func:`store_weights`.

    The description stays, and states the new precision. A head-angle network stays as it is. AssetError if it is no
    weights file; ValueError if its network computes in integers, or is stored in them already.
    """
    length, members = unpack(data, name)
    description = parse_description(members[METADATA_FILE], name)
    precision = description.get("precision", "float16")
    if precision not in FLOAT_PRECISIONS:
        raise ValueError(f"{name} is {precision}: take the file of {' or '.join(FLOAT_PRECISIONS)}")
    stated = {key: value for key, value in description.items() if key != "sha256"} | {"precision": "int8_weights"}
    return pack(store_weights(data[:length]), stated, members.get(HEAD_ANGLE_FILE, b""))


# of the kernel of each layer: the axis of its output channels
_CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0}
_DEQUANTIZE_VERSION = 5  # of the operation: the first that knows one scale for each channel


class _Editor:
    """Changes the constants of a LiteRT network with one graph, in place."""

    def __init__(self, network: bytes):
        from ai_edge_litert import schema_py_generated as schema

        self.model, self.schema = schema.ModelT.InitFromPackedBuf(network, 0), schema
        self.graph = self.model.subgraphs[0]
        self._names = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
        self._free: list[int] = []  # tensors that no operation uses any more
        self._stored: set[int] = set()
        self._operation_code: int | None = None

    def kind(self, operation: Any) -> str:
        """Name of an operation, as ``CONV_2D``."""
        code = self.model.operatorCodes[operation.opcodeIndex]
        return self._names[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def expand_half_precision(self) -> None:
        """Constants in half precision become float32, and the operations that unpacked them go."""
        kept = []
        for operation in self.graph.operators:
            source = self.graph.tensors[operation.inputs[0]] if len(operation.inputs) else None
            half = self.kind(operation) == "DEQUANTIZE" and source.type == self.schema.TensorType.FLOAT16
            if not half or (values := self._values(source, np.float16)) is None:
                kept.append(operation)
                continue
            target = self.graph.tensors[operation.outputs[0]]
            target.buffer, source.buffer, source.name = source.buffer, 0, b""
            self._write(target, values.astype(np.float32))
            self._free.append(operation.inputs[0])
        self.graph.operators = kept

    def store(self, index: int, axis: int, integers: bool) -> None:
        """Store the constant of a float32 tensor in fewer bits, and have it unpacked."""
        target = self.graph.tensors[index]
        values = self._values(target, np.float32) if target.type == self.schema.TensorType.FLOAT32 else None
        if values is None or index in self._stored:  # integers, computed by the network, or used twice
            return
        self._stored.add(index)
        stored = self.schema.TensorT()
        stored.name, stored.shape = b"stored%d" % index, target.shape
        stored.buffer, target.buffer = target.buffer, 0
        if integers and values.size >= MIN_CHANNEL_WEIGHTS * values.shape[axis]:
            numbers, scale = quantise_channels(values, axis)
            stored.type = self.schema.TensorType.INT8
            stored.quantization = parameters = self.schema.QuantizationParametersT()
            parameters.scale, parameters.zeroPoint = scale, np.zeros(len(scale), np.int64)
            parameters.quantizedDimension = axis
        else:
            numbers, stored.type = values.astype(np.float16), self.schema.TensorType.FLOAT16
        self._write(stored, numbers)
        self.graph.operators.insert(0, self._unpacking(self._place(stored), index))

    def to_bytes(self) -> bytes:
        """The network as a file."""
        import flatbuffers

        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _values(self, tensor: Any, kind: type) -> NDArray | None:
        """The constant of a tensor; None if the network computes it."""
        data = self.model.buffers[tensor.buffer].data
        return None if data is None else np.frombuffer(bytes(data), kind).reshape([int(n) for n in tensor.shape])

    def _write(self, tensor: Any, values: NDArray) -> None:
        self.model.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), np.uint8)

    def _place(self, tensor: Any) -> int:
        if self._free:
            index = self._free.pop()
            self.graph.tensors[index] = tensor
            return index
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _unpacking(self, stored: int, index: int) -> Any:
        """The operation that unpacks a stored tensor."""
        if self._operation_code is None:
            code = self.schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = self.schema.BuiltinOperator.DEQUANTIZE
            code.version = _DEQUANTIZE_VERSION
            self._operation_code = len(self.model.operatorCodes)
            self.model.operatorCodes.append(code)
        operation = self.schema.OperatorT()
        operation.opcodeIndex, operation.inputs, operation.outputs = self._operation_code, [stored], [index]
        operation.builtinOptionsType = self.schema.BuiltinOptions.DequantizeOptions
        operation.builtinOptions = self.schema.DequantizeOptionsT()
        return operation


def quantise_channels(values: Array, axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """8-bit integers of an array, and the scale of each channel, so that ``integers * scale`` is nearest to the values.

    Examples
    --------
    >>> integers, scale = quantise_channels(np.array([[0.5, -1.0], [10.0, 5.0]]), axis=0)
    >>> integers.tolist()
    [[64, -127], [127, 64]]
    >>> [round(float(s) * 127, 3) for s in scale]
    [1.0, 10.0]
    """
    others = tuple(k for k in range(values.ndim) if k != axis)
    largest = np.abs(values).max(others, keepdims=True)
    scale = np.where(largest > 0, largest / LARGEST, 1).astype(np.float32)
    integers = np.clip(np.rint(values / scale), -LARGEST, LARGEST).astype(np.int8)
    return integers, scale.ravel()
