"""Binary glTF 2.0 files (.glb): a tree of JSON and one buffer, to which arrays and pictures are added."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from ..common.arrays import Array, Image

BYTE, UBYTE, SHORT, USHORT, UINT, FLOAT = 5120, 5121, 5122, 5123, 5125, 5126
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963
DTYPES = {BYTE: "<i1", UBYTE: "<u1", SHORT: "<i2", USHORT: "<u2", UINT: "<u4", FLOAT: "<f4"}
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


@dataclass
class Glb:
    """A glTF tree and its buffer, to which arrays and pictures are added."""

    tree: dict[str, Any] = field(default_factory=lambda: {"asset": {"version": "2.0", "generator": "lprnet_utils"}})
    data: bytearray = field(default_factory=bytearray)

    def add(self, name: str, item: dict[str, Any]) -> int:
        """Append an item to a list of the tree; returns its number."""
        self.tree.setdefault(name, []).append(item)
        return len(self.tree[name]) - 1

    def view(self, data: bytes, **keys: Any) -> int:
        """A buffer view of some bytes, which begins at a multiple of four."""
        self.data += b"\0" * (-len(self.data) % 4)
        start = len(self.data)
        self.data += data
        return self.add("bufferViews", {"buffer": 0, "byteOffset": start, "byteLength": len(data)} | keys)

    def accessor(self, values: Array, component: int, target: int | None = ARRAY_BUFFER, **keys: Any) -> int:
        """An accessor of an array (n,) or (n, k); rows of vertices begin at multiples of four bytes.

        ``target`` is what the array is for: ``ARRAY_BUFFER``, ``ELEMENT_BUFFER``, or None for neither.
        """
        values = np.asarray(values, DTYPES[component])
        width = 1 if values.ndim == 1 else values.shape[1]
        item = {"componentType": component, "count": len(values), "type": KINDS[width]} | keys
        options = {} if target is None else {"target": target}
        if target == ARRAY_BUFFER and values.itemsize * width % 4:
            padded = np.zeros((len(values), -(-values.itemsize * width // 4) * 4 // values.itemsize), values.dtype)
            padded[:, :width] = values
            values, options = padded, options | {"byteStride": padded.shape[1] * padded.itemsize}
        item["bufferView"] = self.view(values.tobytes(), **options)
        return self.add("accessors", item)

    def positions(self, values: Array, component: int) -> int:
        """An accessor of places, with the bounds that glTF asks for."""
        values = np.asarray(values, DTYPES[component])
        low, high = values.min(0).tolist(), values.max(0).tolist()
        return self.accessor(values, component, min=low, max=high)

    def sparse(self, offsets: Array, component: int, least: float, bounds: bool = True) -> int:
        """A sparse accessor of offsets (n, 3) that keeps the rows which reach ``least``; all others are 0."""
        moved = np.flatnonzero(np.abs(offsets).max(1) >= least)
        moved = moved if len(moved) else np.array([0])
        values = np.asarray(offsets[moved], DTYPES[component])
        sparse = {
            "count": len(moved),
            "indices": {"bufferView": self.view(moved.astype("<u2").tobytes()), "componentType": USHORT},
            "values": {"bufferView": self.view(values.tobytes())},
        }
        item = {"componentType": component, "count": len(offsets), "type": "VEC3", "sparse": sparse}
        if bounds:
            low, high = values.min(0), values.max(0)
            if len(moved) < len(offsets):  # the others
                low, high = np.minimum(low, 0), np.maximum(high, 0)
            item |= {"min": low.tolist(), "max": high.tolist()}
        return self.add("accessors", item)

    def texture(self, picture: Image, quality: int | None = 90, name: str | None = None) -> int:
        """A texture of a picture (h, w, 3 or 4) RGB(A) uint8: JPEG of this quality, or PNG."""
        swapped = picture[..., [2, 1, 0, *range(3, picture.shape[-1])]]
        ending, options = (".png", []) if quality is None else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])
        data = cv2.imencode(ending, swapped, options)[1].tobytes()
        named = {} if name is None else {"name": name}
        mime = "image/png" if quality is None else "image/jpeg"
        image = {"bufferView": self.view(data), "mimeType": mime} | named
        return self.add("textures", {"source": self.add("images", image)})

    def bytes(self) -> bytes:
        """The file."""
        self.data += b"\0" * (-len(self.data) % 4)
        tree = self.tree | {"buffers": [{"byteLength": len(self.data)}]}
        text = json.dumps(tree, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
        chunks += struct.pack("<II", len(self.data), 0x004E4942) + bytes(self.data)
        return struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks


def material(texture: int | None = None, roughness: float = 0.62, **keys: Any) -> dict[str, Any]:
    """A glTF material that is no metal."""
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": roughness}
    if texture is not None:
        surface["baseColorTexture"] = {"index": texture}
    return {"pbrMetallicRoughness": surface} | keys
