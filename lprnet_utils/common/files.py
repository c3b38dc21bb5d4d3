"""Files that are whole or not there: a writer that is killed leaves what was there before.

Every writer has a temporary file of its own beside the target and renames it in the end, so two processes that write
the same file do not disturb each other: the last one wins.
"""

from __future__ import annotations

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

from .assets import DatasetError

UNFINISHED = ".part-"  # how the name of a temporary file begins
STALE = 600  # seconds after which an unfinished file is that of a writer that was killed


class CheckpointError(RuntimeError):
    """A checkpoint is truncated, altered, or of another run or other data."""


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary file beside ``path``, to write into: it takes its place in the end, or is removed after an error."""
    path = Path(path)
    # the end of the name stays, since many writers choose the format by it
    handle, name = tempfile.mkstemp(prefix=UNFINISHED, suffix=f"-{path.name[-100:]}", dir=path.parent)
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


def write_files(files: dict[Path, bytes]) -> None:
    """Write files that belong together: all are complete before the first takes its place, the last one comes last."""
    with ExitStack() as parts:
        for path, data in reversed(files.items()):
            parts.enter_context(whole_file(path)).write_bytes(data)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed writers left in a folder; the file of one that still writes is younger."""
    for part in folder.glob(f"{UNFINISHED}*"):
        if time.time() - part.stat().st_mtime > STALE:
            part.unlink(missing_ok=True)


def check_ending(path: str | Path, known: tuple[str, ...]) -> Path:
    """The path of a file to write, if its ending is a known one.

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


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write what JSON can hold, a line for each value."""
    write_files({path: (json.dumps(values, indent=1) + "\n").encode()})


def save_arrays(arrays: dict[str, NDArray], path: Path) -> Path:
    """Write named arrays as a compressed .npz, without pickles."""
    with whole_file(path) as part, open(part, "wb") as file:
        np.savez_compressed(file, **arrays)
    return path


def write_checked(path: Path, arrays: dict[str, Any], keep: bool = False) -> None:
    """Write arrays as a SHA-256 and an ``.npz``, flushed to the disk.

    With ``keep``, the file before it is kept with the ending ``.previous``; killed between the two renames, that one
    alone is there.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data = buffer.getvalue()
    with whole_file(path) as part:
        with open(part, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
            file.flush()
            os.fsync(file.fileno())
        if keep and path.exists():
            os.replace(path, path.with_name(path.name + ".previous"))


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
