"""Weights files: LiteRT models that contain their own description, and how to run them."""

import json
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array
from .assets import AssetError, data_root, read_asset, sha256
from .weights_archive import HEAD_ANGLE_FILE, METADATA_FILE, contents_sha256, parse_description, unpack

MAX_FILE_BYTES = 300_000_000  # of a weights file; PRNet in float32 has 54 million
MAX_SIDE = 1024  # of the crops of a network
TRIAL_SECONDS = 60  # for the first run of an unknown model; where the system can, try_model.py has a narrower limit


class LiteRTModel:
    """A LiteRT model that takes a picture, and perhaps points; several threads may call it.

    AssetError if LiteRT cannot run it.
    """

    def __init__(self, data: bytes, name: str = "the model", threads: int = 1):
        from ai_edge_litert.interpreter import Interpreter

        try:
            self.interpreter = Interpreter(model_content=data, num_threads=threads)
            self.interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise AssetError(f"{name} cannot be run by LiteRT: {error}") from error
        entries = sorted(self.interpreter.get_input_details(), key=lambda entry: -len(entry["shape"]))
        self.input_shape = tuple(int(n) for n in entries[0]["shape"])  # the first is the batch axis, 1
        self._inputs = [entry["index"] for entry in entries]  # the picture has most axes
        outputs = self.interpreter.get_output_details()
        self._outputs = [entry["index"] for entry in outputs]
        self.shapes = [tuple(map(int, entry["shape"])) for entry in (*entries, *outputs)]  # inputs, then outputs
        self._lock = threading.Lock()  # an interpreter has one place for its input and one for its outputs

    def __call__(self, picture: ArrayLike, *points: ArrayLike) -> list[Array]:
        """The model's outputs for a picture (H, W, C), and for points (P, C) if it takes any, without batch axes."""
        arrays = [np.asarray(array, np.float32)[None] for array in (picture, *points)]
        with self._lock:
            for index, array in zip(self._inputs, arrays, strict=True):
                self.interpreter.set_tensor(index, array)
            self.interpreter.invoke()
            return [self.interpreter.get_tensor(index)[0] for index in self._outputs]


def read_metadata(data: bytes, name: str) -> dict[str, Any]:
    """The description that :func:`lprnet_utils.networks.export_litert` stored in a model: encoding, licence, origin.

    AssetError if the bytes are no LiteRT model of this project, or a field that inference reads has no valid value.
    """
    return parse_description(unpack(data, name)[1][METADATA_FILE], name)


def is_weights_path(weights: str | Path) -> bool:
    """Whether this is the path of a weights file, not the name of bundled weights."""
    return isinstance(weights, Path) or bool(Path(weights).suffix) or Path(weights).name != weights


def read_weights(weights: str | Path) -> tuple[str, bytes]:
    """Name and bytes of weights: bundled ones by their name, or a ``.tflite`` file by its path.

    AssetError if there are no such weights, or they were altered. The file tells that by a SHA-256; the models of an
    older file without one are run once by another process, which they may crash.
    """
    if is_weights_path(weights):
        path = Path(weights)
        if not path.is_file():
            raise AssetError(f"no weights at {path}")
        if path.suffix.lower() == ".onnx":
            raise AssetError(f"{path} is for other programs: here the .tflite file runs that it was made from")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise AssetError(f"{path} has over {MAX_FILE_BYTES:,} bytes: no weights are so large")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise AssetError(f"{path} cannot be read: {error}") from error
        _check_models(data, str(path))
        return str(path), data
    known = bundled_weights()
    if weights not in known:
        offered = ", ".join(f"{name} ({weights_terms(name)})" for name in known) or "none"
        raise AssetError(f"no bundled weights {weights!r}; there are {offered}, or give a path")
    name = f"weights/{weights}.tflite"
    return name, read_asset(name)


_tried: set[str] = set()  # SHA-256 of files whose models have run


def _check_models(data: bytes, name: str) -> None:
    """AssetError if the networks in a weights file are not as they were exported."""
    length, members = unpack(data, name)
    stated = parse_description(members[METADATA_FILE], name).get("sha256")
    if stated is not None:
        if stated != contents_sha256(data, length, members):
            raise AssetError(f"{name} was altered: its SHA-256 is not the one that it states; copy or export it again")
        return
    digest = sha256(data)
    if digest in _tried:
        return
    models = [data, *(members[member] for member in members if member == HEAD_ANGLE_FILE)]
    for (inputs, outputs), gives in zip(_try_models(models, name), ("a map", "an angle"), strict=False):
        side = inputs[0][1] if inputs and len(inputs[0]) == 5 else 0
        crop = [1, side, side, 3, "float32"]
        expected = crop if gives == "a map" else [1, 2, "float32"]
        if not 2 <= side <= MAX_SIDE or side % 2 or inputs != [crop] or outputs[:1] != [expected]:
            raise AssetError(f"{name} takes {inputs} and gives {outputs}: it is no network from a crop to {gives}")
    _tried.add(digest)


def _try_models(models: list[bytes], name: str) -> list[Any]:
    """Run models in a process of their own; returns shape and type of the inputs and outputs of each."""
    program = str(Path(__file__).with_name("try_model.py"))
    command = [sys.executable, "-P", program, *(str(len(model)) for model in models)]
    try:
        done = subprocess.run(command, input=b"".join(models), capture_output=True, timeout=TRIAL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise AssetError(f"{name} cannot be run by LiteRT: it takes over {TRIAL_SECONDS} seconds") from error
    if done.returncode < 0:
        raise AssetError(f"{name} is damaged: LiteRT crashes on it, or needs too much memory or time")
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[-1]
        raise AssetError(f"{name} cannot be run by LiteRT: {textwrap.shorten(reason, 300)}")
    return json.loads(done.stdout)


def bundled_weights() -> list[str]:
    """Names of the weights in the package."""
    return sorted(p.stem for p in (data_root() / "weights").glob("*.tflite"))


def weights_terms(weights: str | Path) -> str:
    """Permitted use of weights: ``research only``, ``free for any use``, or the licence that their file states."""
    name, data = read_weights(weights)
    licence = read_metadata(data, name).get("licence", "")
    if "Research use only" in licence:
        return "research only"
    if licence.startswith("Free for any use"):
        return "free for any use"
    return textwrap.shorten(licence, 60) or "licence not stated"


def read_head_angle_network(data: bytes) -> bytes | None:
    """The network stored in a model that estimates the angle of a head in the picture plane, or None."""
    return unpack(data, "the weights file")[1].get(HEAD_ANGLE_FILE)
