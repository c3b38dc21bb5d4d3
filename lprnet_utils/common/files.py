"""Atomic writes: a file is complete or absent, and a killed writer leaves the previous file as it was.

Each writer has its own temporary file beside the target and renames it at the end. Two processes that write the same
file do not disturb each other; the last one wins. A writer locks its temporary file, and the system releases the lock
when the process ends, however it ends: so :func:`remove_unfinished` recognises the files of killed writers.

Where two processes would undo each other's work, the second one is refused: :func:`only_process` keeps a whole folder
for one of them, :func:`only_user_of` the names that it writes there.
"""

import hashlib
import io
import json
import math
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
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
UNFINISHED_MAX_AGE_SECONDS = 600  # on Windows, where it is not locked: the writer of an older one was killed
LOCK_NAME = ".lock"  # in a folder that one process has for itself
NAMES_ENDING = ".names"  # of files with the names that a process uses
WINDOWS_LOCKED_BYTE = 2**30  # behind the end of the file: Windows lets no other process read a locked byte
WINDOWS_POLL_SECONDS = 0.05

_entered: set[tuple[int, int, Path]] = set()  # process, thread and folder of each only_process that is open


class CheckpointError(RuntimeError):
    """A checkpoint is missing, truncated or altered, or belongs to another run or other data."""


class InUseError(RuntimeError):
    """Another process that is still running works in a folder, or on files of the same names."""


def _lock(file: int, wait: bool = False) -> bool | None:
    """Lock an open file or folder until it is closed. False if another has locked it, None if there are no locks."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        os.lseek(file, WINDOWS_LOCKED_BYTE, os.SEEK_SET)
        try:
            while not _lock_windows_byte(file):
                if not wait:
                    return False
                time.sleep(WINDOWS_POLL_SECONDS)  # LK_LOCK would give up after ten seconds
        finally:
            os.lseek(file, 0, os.SEEK_SET)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return None
    return True


def _lock_windows_byte(file: int) -> bool:
    """Lock one byte of an open file, at its position. False if another has locked it."""
    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except PermissionError:
        return False
    return True


def _open_part(path: Path) -> tuple[int | None, bool | None]:
    """Open and lock a temporary file or folder: its handle, and what :func:`_lock` says.

    None and None on Windows, where an open file cannot be replaced and a folder cannot be opened.
    """
    if fcntl is None:
        return None, None
    handle = os.open(path, os.O_RDONLY)
    return handle, _lock(handle)


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _new_part(make: Callable[[], Path]) -> tuple[int | None, Path]:
    """A new temporary file or folder, and the handle that keeps it locked."""
    while True:
        path, handle = make(), None
        with suppress(FileNotFoundError):
            handle, _ = _open_part(path)
        if path.exists():  # remove_unfinished may have taken it before it was locked
            return handle, path
        _close(handle)


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary file to write into; at the end it replaces ``path``, or is removed if there was an error."""
    path = Path(path)
    ending = os.fsencode(path.name)[-100:].decode(errors="ignore")  # many writers choose the format by the ending

    def make() -> Path:
        part = path.with_name(f"{UNFINISHED_PREFIX}{secrets.token_hex(8)}-{ending}")
        part.touch(exist_ok=False)  # with the usual permissions, where mkstemp lets only the owner read it
        return part

    handle, part = _new_part(make)
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
        _close(handle)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder inside ``parent`` for unfinished files; it is removed at the end."""
    handle, folder = _new_part(lambda: Path(tempfile.mkdtemp(prefix=UNFINISHED_PREFIX, dir=parent)))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _close(handle)


@contextmanager
def only_process(folder: Path, wait: bool = False) -> Iterator[None]:
    """Keep other processes and threads from working in a folder meanwhile.

    If one does so already: InUseError, or ``wait`` until it ends. A thread may enter a folder again that it works in.
    """
    path, place = folder / LOCK_NAME, (os.getpid(), threading.get_ident(), folder.resolve())
    if place in _entered:
        yield
        return
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if _lock(file, wait) is False:
            os.close(file)
            raise InUseError(f"another process works in {folder}: wait until it ends, or use another folder")
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(path)):
                break
        os.close(file)  # whoever had locked it has removed it
    _entered.add(place)
    try:
        yield
    finally:
        _entered.discard(place)
        _remove_locked(file, path)


@contextmanager
def only_user_of(names: Iterable[str], folder: Path) -> Iterator[None]:
    """Keep other processes from using these names meanwhile; InUseError if one uses some of them already.

    ``folder`` is where processes tell each other their names: each has a locked file there.
    """
    names = set(names)
    with ExitStack() as stack:
        with only_process(folder, wait=True):
            for other in sorted(folder.glob(f"*{NAMES_ENDING}")):
                if shared := sorted(names & _names_in_use(other)):
                    more = f" and {len(shared) - 1} more" * (len(shared) > 1)
                    raise InUseError(
                        f"another process works on {shared[0]}{more}: wait until it ends, or use another folder"
                    )
            file, path = tempfile.mkstemp(suffix=NAMES_ENDING, dir=folder)
            stack.callback(_remove_locked, file, Path(path))
            _lock(file)
            with open(file, "wb", closefd=False) as stream:
                stream.write(json.dumps(sorted(names)).encode())
        yield


def _names_in_use(path: Path) -> set[str]:
    """The names in the file of a process that still runs. The file of a killed one is removed."""
    try:
        with open(path, "r+b") as file:
            locked = _lock(file.fileno())
            if locked is False:
                return set(json.load(file))
    except (FileNotFoundError, PermissionError):  # its process has just ended, or is another user's
        return set()
    if locked:
        path.unlink(missing_ok=True)
    return set()


def _remove_locked(file: int, path: Path) -> None:
    """Remove an open, locked file: while it is locked, or on Windows, where it could not be removed, after that."""
    if fcntl is None:
        os.close(file)
    with suppress(OSError):  # on Windows, another process may have opened it
        path.unlink()
    if fcntl is not None:
        os.close(file)


def write_files(files: dict[Path, bytes]) -> None:
    """Write files that belong together, in this order: all are complete before the first one is put in place."""
    with ExitStack() as parts:
        for path, data in reversed(files.items()):
            parts.enter_context(atomic_write(path)).write_bytes(data)


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files and folders that killed writers have left in a folder."""
    for part in folder.glob(f"{UNFINISHED_PREFIX}*"):
        handle = None
        with suppress(FileNotFoundError, PermissionError):  # its writer has just finished, or is another user's
            handle, abandoned = _open_part(part)
            if fcntl is None:
                abandoned = time.time() - part.stat().st_mtime > UNFINISHED_MAX_AGE_SECONDS
            if abandoned and part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            elif abandoned:
                part.unlink(missing_ok=True)
        _close(handle)


def check_ending(path: str | Path, known: tuple[str, ...]) -> Path:
    """The path of a file to write.

    ValueError for an unknown ending, FileNotFoundError if there is no such folder, PermissionError if it is read-only.
    """
    path = Path(path)
    if path.suffix.lower() not in known:
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'!r}; choose one of {', '.join(known)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into; make it first")
    _check_writable(path.parent)
    return path


def _check_writable(folder: Path) -> None:
    """PermissionError, which names the folder and not a temporary file in it, if nothing can be written there."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"you may not write into {folder}: name another folder, or change its permissions")


def check_folder(folder: str | Path) -> None:
    """ValueError if a folder to write into cannot be made, because it or one above it is a file.

    PermissionError if it, or the one in which it would be made, is read-only.
    """
    for place in (Path(folder), *Path(folder).parents):
        if os.path.lexists(place) and not place.is_dir():
            raise ValueError(f"{place} is not a folder, so nothing can be written into it: name another folder")
    whole = Path(folder).absolute()
    _check_writable(next(filter(Path.is_dir, (whole, *whole.parents))))


def make_folder(folder: Path) -> None:
    """Make a folder to write into, if it does not exist, and those above it; errors as of :func:`check_folder`."""
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write values as JSON, one per line. JSON has no NaN and no infinity: they become ``null``."""
    write_files({path: (json.dumps(_finite(values), indent=1, allow_nan=False) + "\n").encode()})


def _finite(value: Any) -> Any:
    """The same values, but None for a number that is not finite."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
