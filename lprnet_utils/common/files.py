"""Atomic writes: a file is complete or absent, and a killed writer leaves the previous file as it was.

Each writer has its own temporary file beside the target and renames it at the end. Two processes that write the same
file do not disturb each other; the last one wins.
"""

import hashlib
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .assets import DatasetError, unpack_arrays

UNFINISHED_PREFIX = ".part-"  # of temporary files
UNFINISHED_MAX_AGE_SECONDS = 600  # the writer of an older temporary file was killed


class CheckpointError(RuntimeError):
    """A checkpoint is missing, truncated or altered, or belongs to another run or other data."""


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary file to write into; at the end it replaces ``path``, or is removed if there was an error."""
    path = Path(path)
    # many writers choose the format by the ending of the name
    handle, name = tempfile.mkstemp(prefix=UNFINISHED_PREFIX, suffix=f"-{path.name[-100:]}", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(part, 0o666 & ~mask)  # mkstemp lets only the owner read the file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_files(files: dict[Path, bytes]) -> None:
    """Write files that belong together, in this order: all are complete before the first one is put in place."""
    with ExitStack() as parts:
        for path, data in reversed(files.items()):
            parts.enter_context(atomic_write(path)).write_bytes(data)


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files of killed writers from a folder; files of running writers are younger."""
    for part in folder.glob(f"{UNFINISHED_PREFIX}*"):
        if time.time() - part.stat().st_mtime > UNFINISHED_MAX_AGE_SECONDS:
            part.unlink(missing_ok=True)


def check_ending(path: str | Path, known: tuple[str, ...]) -> Path:
    """The path of a file to write. ValueError for an unknown ending, FileNotFoundError if there is no such folder."""
    path = Path(path)
    if path.suffix.lower() not in known:
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'!r}; choose one of {', '.join(known)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into; make it first")
    return path


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write values as JSON, one per line."""
    write_files({path: (json.dumps(values, indent=1) + "\n").encode()})


def save_arrays(arrays: dict[str, NDArray], path: Path) -> Path:
    """Write named arrays as a compressed .npz, without pickles."""
    with atomic_write(path) as part, open(part, "wb") as file:
        np.savez_compressed(file, **arrays)
    return path


def write_checked(path: Path, arrays: dict[str, Any], keep: bool = False) -> None:
    """Write arrays as an ``.npz`` preceded by its SHA-256, flushed to the disk.

    With ``keep`` the previous file is kept with the ending ``.previous``. A writer that is killed between the two
    renames leaves only that one.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data = buffer.getvalue()
    with atomic_write(path) as part:
        with open(part, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
            file.flush()
            os.fsync(file.fileno())
        if keep and path.exists():
            os.replace(path, path.with_name(path.name + ".previous"))


def read_checked(path: Path) -> dict[str, NDArray]:
    """The arrays of a file of :func:`write_checked`; DatasetError if it is missing, truncated or altered."""
    if not path.is_file():
        raise DatasetError(f"{path} is missing")
    data = path.read_bytes()
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        raise DatasetError(f"{path} is truncated or altered: its checksum does not match its {len(data)} bytes")
    return unpack_arrays(data[32:])


def save_checkpoint(path: Path, arrays: dict[str, NDArray], info: dict[str, Any]) -> None:
    """Write a checkpoint of arrays and JSON values, and keep the previous one."""
    write_checked(path, arrays | {"__info__": np.array(json.dumps(info))}, keep=True)


def load_checkpoint(path: Path) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Read a checkpoint of :func:`save_checkpoint`; CheckpointError if it is missing, truncated or altered."""
    try:
        arrays = read_checked(path)
    except DatasetError as error:
        raise CheckpointError(str(error)) from error
    return arrays, json.loads(str(arrays.pop("__info__")))
