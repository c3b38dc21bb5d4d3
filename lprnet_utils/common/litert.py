"""Weights files: LiteRT models that contain their own description, and how to run them."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array
from .assets import AssetError, data_root, read_asset

METADATA_FILE = "lprnet.json"  # in the zip archive after the flatbuffer of a model, see lprnet_utils.networks.export
HEAD_ANGLE_FILE = "upright.tflite"  # in the same archive, if the weights include a head-angle network


class LiteRTModel:
    """A LiteRT model that takes one picture. Each thread needs its own. AssetError if LiteRT cannot run it."""

    def __init__(self, data: bytes, name: str = "the model", threads: int = 1):
        from ai_edge_litert.interpreter import Interpreter

        try:
            self.interpreter = Interpreter(model_content=data, num_threads=threads)
            self.interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise AssetError(f"{name} cannot be run by LiteRT: {error}") from error
        (entry,) = self.interpreter.get_input_details()
        self.input_shape = tuple(int(n) for n in entry["shape"])  # the first is the batch axis, 1
        self._input = entry["index"]
        self._outputs = [detail["index"] for detail in self.interpreter.get_output_details()]

    def __call__(self, picture: ArrayLike) -> list[Array]:
        """The model's outputs for a picture (H, W, C), without their batch axes."""
        self.interpreter.set_tensor(self._input, np.asarray(picture, np.float32)[None])
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(index)[0] for index in self._outputs]


def read_metadata(data: bytes, name: str) -> dict[str, Any]:
    """The description that :func:`lprnet_utils.networks.export_litert` stored in a model: encoding, licence, origin.

    AssetError if the bytes are no LiteRT model of this project.
    """
    if data[4:8] != b"TFL3":
        raise AssetError(f"{name} is not a LiteRT model ({len(data)} bytes)")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return json.loads(archive.read(METADATA_FILE))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise AssetError(f"{name} is truncated, or was not exported by lprnet_utils: {error}") from error


def read_weights(weights: str | Path) -> tuple[str, bytes]:
    """Name and bytes of weights: bundled ones by their name, or a ``.tflite`` file by its path.

    AssetError if there are no such weights, or if bundled weights were altered.
    """
    if isinstance(weights, Path) or str(weights).endswith(".tflite"):
        path = Path(weights)
        if not path.is_file():
            raise AssetError(f"no weights at {path}")
        return str(path), path.read_bytes()
    known = bundled_weights()
    if weights not in known:
        offered = ", ".join(f"{name} ({weights_terms(name)})" for name in known) or "none"
        raise AssetError(f"no bundled weights {weights!r}; there are {offered}, or give a path")
    name = f"weights/{weights}.tflite"
    return name, read_asset(name)


def bundled_weights() -> list[str]:
    """Names of the weights in the package."""
    return sorted(p.stem for p in (data_root() / "weights").glob("*.tflite"))


def weights_terms(weights: str | Path) -> str:
    """Permitted use of weights: ``research only`` or ``free for any use``."""
    name, data = read_weights(weights)
    licence = read_metadata(data, name)["licence"]
    return "research only" if licence.startswith("Research") else "free for any use"


def read_head_angle_network(data: bytes) -> bytes | None:
    """The network stored in a model that estimates the angle of a head in the picture plane, or None."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(HEAD_ANGLE_FILE) if HEAD_ANGLE_FILE in archive.namelist() else None
