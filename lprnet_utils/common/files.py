"""Files that a kill leaves whole or not at all, and that say when they are damaged: shards, and checkpoints of runs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .assets import DatasetError


class CheckpointError(RuntimeError):
    """A checkpoint is truncated, altered, or of another run or other data."""


def write_checked(path: Path, arrays: dict[str, Any], keep: bool = False) -> None:
    """Write arrays as a SHA-256 and an ``.npz``; a kill leaves what was there before, or the whole file.

    It is written beside its place, flushed to the disk and renamed. With ``keep``, the file before it is kept with the
    ending ``.previous``; killed between the two renames, that one alone is there.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data = buffer.getvalue()
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        file.write(hashlib.sha256(data).digest() + data)
        file.flush()
        os.fsync(file.fileno())
    if keep and path.exists():
        os.replace(path, path.with_name(path.name + ".previous"))
    os.replace(part, path)


def read_checked(path: Path) -> dict[str, NDArray]:
    """What :func:`write_checked` wrote.

    Raises
    ------
    DatasetError
        Naming the file if it is missing, truncated or altered.
    """
    if not path.is_file():
        raise DatasetError(f"{path} is missing")
    data = path.read_bytes()
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        raise DatasetError(f"{path} is truncated or altered: its checksum does not match its {len(data)} bytes")
    with np.load(io.BytesIO(data[32:]), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def save_checkpoint(path: Path, arrays: dict[str, NDArray], info: dict[str, Any]) -> None:
    """Write a checkpoint, arrays and what goes into JSON, and keep the one before."""
    write_checked(path, arrays | {"__info__": np.array(json.dumps(info))}, keep=True)


def load_checkpoint(path: Path) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read what :func:`save_checkpoint` wrote.

    Raises
    ------
    CheckpointError
        If the file is missing, truncated or altered.
    """
    try:
        arrays = read_checked(path)
    except DatasetError as error:
        raise CheckpointError(str(error)) from error
    return arrays, json.loads(str(arrays.pop("__info__")))


def ending(path: str | Path, known: tuple[str, ...]) -> Path:
    """The path, if its ending is a known one.

    Raises
    ------
    ValueError
        If not, naming those that are.
    FileNotFoundError
        If the folder to write into does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in known:
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'!r}; choose one of {', '.join(known)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into; make it first")
    return path


def write_files(files: dict[Path, bytes]) -> None:
    """Write files that belong together: each is complete under its name or not there, the last one last."""
    parts: dict[str, Path] = {}
    try:
        for path, data in files.items():
            handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            parts[part] = path
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(part, 0o666 & ~mask)  # a temporary file is the owner's alone
        for part, path in parts.items():
            os.replace(part, path)
    finally:
        for part in parts:
            Path(part).unlink(missing_ok=True)


def save_arrays(arrays: dict[str, NDArray], path: Path) -> Path:
    """Write named arrays as a compressed .npz, without pickles."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_files({path: buffer.getvalue()})
    return path


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place in the end; nothing is left of it after an error."""
    handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}.", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(part, 0o666 & ~mask)  # a temporary file is the owner's alone
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
