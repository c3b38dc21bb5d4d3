"""The web package's files of arrays (``.bin``), little endian; ``web/src/common/arrays.ts`` reads them.

Bytes 0 to 3 are "LPRA", 4 to 7 the version, uint32, and 8 to 11 the length of a JSON header, uint32. The header is
padded with spaces so that the data begin at a multiple of 16: ``{"arrays": {name: {"dtype", "shape", "offset"}},
"meta": {...}}``. Offsets count from the start of the data; each array starts at a multiple of 8.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lprnet_utils.common.files import write_files

MAGIC, VERSION = b"LPRA", 1
DATA_ALIGNMENT, ARRAY_ALIGNMENT = 16, 8
DTYPES = "float32", "float64", "int32", "uint32", "uint8", "int8", "uint16", "int16"


def pack_arrays(arrays: dict[str, ArrayLike], meta: dict[str, Any] | None = None) -> bytes:
    """The bytes of a file with these arrays. ValueError for a dtype that JavaScript has no typed array for."""
    entries: dict[str, dict[str, Any]] = {}
    data = bytearray()
    for name, values in arrays.items():
        array = np.asarray(values)
        if array.dtype.name not in DTYPES:
            raise ValueError(f"array {name!r} has dtype {array.dtype}; there are {', '.join(DTYPES)}")
        data += b"\0" * (-len(data) % ARRAY_ALIGNMENT)
        entries[name] = {"dtype": array.dtype.name, "shape": list(array.shape), "offset": len(data)}
        data += np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
    header = json.dumps({"arrays": entries, "meta": meta or {}}, allow_nan=False, separators=(",", ":")).encode()
    prefix = len(MAGIC) + 8
    header += b" " * (-(prefix + len(header)) % DATA_ALIGNMENT)
    return MAGIC + struct.pack("<II", VERSION, len(header)) + header + bytes(data)


def write_arrays(path: str | Path, arrays: dict[str, ArrayLike], meta: dict[str, Any] | None = None) -> Path:
    """Write a file of arrays, wholly or not at all. Returns its path."""
    path = Path(path)
    write_files({path: pack_arrays(arrays, meta)})
    return path
