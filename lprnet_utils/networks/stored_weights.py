"""LiteRT files that store their weights in fewer bits than they compute in: a smaller download, the same speed.

Only the constants of the file change, so this needs neither Keras nor TensorFlow. A stored constant is followed by an
operation DEQUANTIZE. XNNPACK, the part of LiteRT that computes on processors, carries it out once, when the file is
loaded; then it computes in float32 as before. LiteRT.js 2.5 in web pages carries it out for every picture; a page does
better to expand the file itself when it loads it, as :func:`expand_weights` does.
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
        (:func:`lprnet_utils.common.weights_archive.unpack`). Layers that compute in integers stay as they are.
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
    editor.expand()
    for operation in list(editor.graph.operators):
        kind = editor.kind(operation)
        if kind in CHANNEL_AXIS:
            editor.store(operation.inputs[1], CHANNEL_AXIS[kind], integers)
    return editor.to_bytes()


def expand_weights(network: bytes) -> bytes:
    """The same LiteRT network with stored constants, of float16 or 8-bit integers, in float32.

    For other programs, and for runtimes that would unpack the constants for every picture.
    """
    editor = _Editor(network)
    editor.expand()
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
CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0}
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

    def expand(self) -> None:
        """Stored constants become float32, and the operations that unpacked them go."""
        kept, sources = [], set()
        for operation in self.graph.operators:
            source = int(operation.inputs[0]) if len(operation.inputs) else -1
            stored = self.kind(operation) == "DEQUANTIZE" and source >= 0
            values = self._stored_values(self.graph.tensors[source]) if stored else None
            if values is None:
                kept.append(operation)
                continue
            self._write(self.graph.tensors[operation.outputs[0]], values)
            sources.add(source)
        self.graph.operators = kept
        for index in sorted(sources - {int(k) for operation in kept for k in operation.inputs}):
            self._clear(index)

    def _clear(self, index: int) -> None:
        """Keep the place of a tensor that nothing reads any more for another one; the numbers of the others stay."""
        self._release(self.graph.tensors[index])
        self.graph.tensors[index] = empty = self.schema.TensorT()
        empty.name, empty.shape, empty.type = b"", [1], self.schema.TensorType.FLOAT32
        self._free.append(index)

    def _stored_values(self, tensor: Any) -> NDArray[np.float32] | None:
        """What a constant in float16 or in 8-bit integers stands for; None if the network computes the tensor."""
        kinds = {self.schema.TensorType.FLOAT16: np.float16, self.schema.TensorType.INT8: np.int8}
        values = self._values(tensor, kinds[tensor.type]) if tensor.type in kinds else None
        if values is None or values.dtype == np.float16:
            return None if values is None else values.astype(np.float32)
        parameters, shape = tensor.quantization, [1] * values.ndim
        if len(parameters.scale) > 1:
            shape[parameters.quantizedDimension] = -1
        scale, zero = (np.reshape(a, shape) for a in (parameters.scale, parameters.zeroPoint))
        return ((values - zero) * np.asarray(scale, np.float32)).astype(np.float32)

    def store(self, index: int, axis: int, integers: bool) -> None:
        """Store the constant of a float32 tensor in fewer bits, and have it unpacked."""
        target = self.graph.tensors[index]
        values = self._values(target, np.float32) if target.type == self.schema.TensorType.FLOAT32 else None
        if values is None or index in self._stored:  # integers, computed by the network, or used twice
            return
        self._stored.add(index)
        stored = self.schema.TensorT()
        stored.name, stored.shape = b"stored%d" % index, target.shape
        self._release(target)
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

    def _release(self, tensor: Any) -> None:
        """Take a tensor's constant away, and its bytes if no other tensor has the same."""
        if sum(other.buffer == tensor.buffer for other in self.graph.tensors) == 1:
            self.model.buffers[tensor.buffer].data = None
        tensor.buffer = 0

    def _write(self, tensor: Any, values: NDArray) -> None:
        """Make a tensor constant, in a buffer of its own."""
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        tensor.buffer = len(self.model.buffers)
        self.model.buffers.append(buffer)

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
