"""A reader of .glb files that shares no code with the writer."""

import json
import struct

import numpy as np


def read_glb(path):
    """JSON and accessors of a .glb file, read without a library as the glTF 2.0 specification says."""
    data = path.read_bytes()
    magic, version, length = struct.unpack("<III", data[:12])
    assert (magic, version, length) == (0x46546C67, 2, len(data))
    size, kind = struct.unpack("<II", data[12:20])
    assert kind == 0x4E4F534A
    tree = json.loads(data[20 : 20 + size])
    blob = data[20 + size + 8 :]
    arrays = []
    for accessor in tree["accessors"]:
        view = tree["bufferViews"][accessor["bufferView"]]
        number = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}[accessor["componentType"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        flat = np.frombuffer(blob, number, accessor["count"] * width, start)
        arrays.append(flat.reshape(-1, width))
        assert np.allclose(arrays[-1].min(0), accessor["min"]) and np.allclose(arrays[-1].max(0), accessor["max"])
    return tree, arrays
