"""Atomic writes: a file is complete or absent, and a killed writer leaves the previous file as it was.

Each writer has its own temporary file beside the target and renames it at the end. Two processes that write the same
file do not disturb each other; the last one wins. A writer locks its temporary file, and the system releases the lock
when the process ends, however it ends: so :func:`remove_unfinished` recognises the files of killed writers.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .assets import DatasetError, unpack_arrays

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None

UNFINISHED_PREFIX = ".part-"  # of temporary files and folders
UNFINISHED_MAX_AGE_SECONDS = 600  # without locks (Windows): the writer of an older temporary file was killed


class CheckpointError(RuntimeError):
    """A checkpoint is missing, truncated or altered, or belongs to another run or other data."""


class InUseError(RuntimeError):
    """Another process that is still running works in a folder."""


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary file to write into; at the end it replaces ``path``, or is removed if there was an error."""
    path = Path(path)
    handle, part = _locked_part(path)
    try:
        yield part
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(part, 0o666 & ~mask)  # mkstemp lets only the owner read the file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def _locked_part(path: Path) -> tuple[int | None, Path]:
    """A new temporary file beside ``path`` and the handle that keeps it locked, or None on Windows."""
    ending = os.fsencode(path.name)[-100:].decode(errors="ignore")  # many writers choose the format by the ending
    while True:
        handle, name = tempfile.mkstemp(prefix=UNFINISHED_PREFIX, suffix=f"-{ending}", dir=path.parent)
        if fcntl is None:  # an open file could not be replaced
            os.close(handle)
            return None, Path(name)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.exists(name):  # remove_unfinished may have taken it before it was locked
            return handle, Path(name)
        os.close(handle)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder inside ``parent`` for unfinished files; it is removed at the end."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED_PREFIX, dir=parent))
        handle = _lock(folder)
        if folder.exists():
            break
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _lock(path: Path) -> int | None:
    """A handle that keeps a file or folder locked until it is closed; None if that is not possible."""
    if fcntl is None:
        return None
    handle = None
    try:
        handle = os.open(path, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if handle is not None:
            os.close(handle)
        return None
    return handle


@contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Keep other processes from working in a folder meanwhile; InUseError if one does so already."""
    with open(folder / ".lock", "w") as file:
        try:
            if fcntl is None:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise InUseError(f"another process works in {folder}: wait until it ends, or use another folder") from error
        except OSError:
            pass  # a file system without locks
        yield


def write_files(files: dict[Path, bytes]) -> None:
    """Write files that belong together, in this order: all are complete before the first one is put in place."""
    with ExitStack() as parts:
        for path, data in reversed(files.items()):
            parts.enter_context(atomic_write(path)).write_bytes(data)


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files and folders that killed writers have left in a folder."""
    for part in folder.glob(f"{UNFINISHED_PREFIX}*"):
        handle = None
        try:
            if fcntl is None:
                abandoned = time.time() - part.stat().st_mtime > UNFINISHED_MAX_AGE_SECONDS
            else:
                handle = _lock(part)
                abandoned = handle is not None
            if abandoned and part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            elif abandoned:
                part.unlink(missing_ok=True)
        except FileNotFoundError:
            pass  # its writer has just finished
        finally:
            if handle is not None:
                os.close(handle)


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
