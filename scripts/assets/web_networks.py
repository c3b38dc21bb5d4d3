"""Networks for the web package in fewer bits: ``web/src/common/packed-network.ts`` reads them.

Each kernel becomes whole numbers with one scale for each output channel, written in Rice codes. 8 bits would be enough
for the accuracy (``docs/formats.md``), but they move points by a tenth of a pixel, and the page should find what Python
finds. Two bits more leave a quarter of that. The page unpacks the numbers once, into the float32 network that it runs:
LiteRT.js would unpack 8-bit kernels for every picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from web_container import pack_arrays
from web_rice import rice_bits

from lprnet_utils.common.arrays import Array
from lprnet_utils.networks.stored_weights import CHANNEL_AXIS, expand_weights

BITS = 10  # of a kernel's numbers, with their sign
FINE_BITS = 14  # of kernels with one scale, because their channels have few weights
MIN_CHANNEL_WEIGHTS = 32  # from which on a channel has a scale of its own


def pack_network(network: bytes, notices: list[str]) -> tuple[bytes, bytes]:
    """A LiteRT network as a file of arrays, and the float32 network that comes out when it is unpacked.

    Parameters
    ----------
    network : bytes
        With kernels in float32 or float16, without a description behind it.
    notices : list of str
        Texts of licences that travel in the file.
    """
    full = bytearray(expand_weights(network))
    arrays: dict[str, Array] = {}
    parts = []
    for start, shape, axis in sorted(_kernels(bytes(full))):
        size = int(np.prod(shape))
        values = np.frombuffer(full, np.float32, size, start).reshape(shape)
        numbers, scale, channel_axis = _numbers(values, axis)
        bits, parameter = _shortest_code(np.where(numbers < 0, -2 * numbers - 1, 2 * numbers).ravel())
        # the later axes' size tells which channel a number belongs to
        run = int(np.prod(shape[channel_axis + 1 :])) if channel_axis is not None else size
        parts.append({"start": start, "size": size, "run": run, "parameter": parameter})
        arrays[f"codes {len(parts)}"] = np.packbits(bits, bitorder="little")
        arrays[f"scale {len(parts)}"] = scale
        rounded = (numbers * _along(scale, channel_axis, numbers.ndim)).astype(np.float32)
        full[start : start + 4 * size] = rounded.tobytes()
    rest, at = bytearray(), 0
    for part in parts:
        rest += full[at : part["start"]]
        at = part["start"] + 4 * part["size"]
    arrays["rest"] = np.frombuffer(bytes(rest + full[at:]), np.uint8)
    return pack_arrays(arrays, {"bytes": len(full), "parts": parts, "notices": notices}), bytes(full)


def _numbers(values: Array, axis: int) -> tuple[NDArray[np.int_], NDArray[np.float32], int | None]:
    """Whole numbers of a kernel, their scales, and the axis along which these lie: None for one scale."""
    few = values.size < MIN_CHANNEL_WEIGHTS * values.shape[axis]
    others = tuple(k for k in range(values.ndim) if few or k != axis)
    largest = np.abs(values).max(others, keepdims=True)
    steps = 2 ** ((FINE_BITS if few else BITS) - 1) - 1
    scale = np.where(largest > 0, largest / steps, 1).astype(np.float32)
    return np.rint(values / scale).astype(int), scale.ravel(), None if few else axis


def _shortest_code(numbers: NDArray[np.int_]) -> tuple[NDArray[np.uint8], int]:
    """The bits of numbers that are not negative, and the parameter of their Rice code."""
    guess = int(np.log2(max(numbers.mean(), 1)))  # the best parameter is near the logarithm of the mean
    codes = [(rice_bits(numbers, k), k) for k in range(max(guess - 1, 0), guess + 2)]
    return min(codes, key=lambda code: len(code[0]))


def _along(scale: Array, axis: int | None, dimensions: int) -> Array:
    shape = [1] * dimensions
    if axis is not None:
        shape[axis] = -1
    return scale.reshape(shape)


def _kernels(network: bytes) -> list[tuple[int, tuple[int, ...], int]]:
    """For each kernel of a float32 network where its bytes start, its shape, and the axis of its output channels."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(network)
    graph = model.Subgraphs(0)
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    base = np.frombuffer(network, np.uint8).__array_interface__["data"][0]
    found = {}
    for k in range(graph.OperatorsLength()):
        operation = graph.Operators(k)
        code = model.OperatorCodes(operation.OpcodeIndex())
        axis = CHANNEL_AXIS.get(kinds[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())])
        if axis is None:
            continue
        tensor = graph.Tensors(operation.Inputs(1))
        buffer = model.Buffers(tensor.Buffer())
        shape = tuple(int(n) for n in tensor.ShapeAsNumpy())
        if tensor.Type() == schema.TensorType.FLOAT32 and buffer.DataLength() == 4 * int(np.prod(shape)):
            start = buffer.DataAsNumpy().__array_interface__["data"][0] - base
            found[start] = (start, shape, axis)
    return list(found.values())
