"""Bundled files, verified by their SHA-256, and readers of data files that report errors by file and field."""

from __future__ import annotations

import hashlib
import io
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

CHECKSUM_FILE = "checksums.json"


class AssetError(ValueError):
    """A bundled file is missing, truncated or altered, or has no recorded checksum."""


class DatasetError(ValueError):
    """A data file is missing or invalid; the message names the file and the field."""


def existing_folder(folder: str | Path) -> Path:
    """The path of a folder to read from; DatasetError if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder" if folder.exists() else f"there is no folder {folder}")
    return folder


@lru_cache(maxsize=1)
def data_root() -> Path:
    """Folder of the bundled files: ``data`` inside the installed package, or ``data`` of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "data", package.parent / "data"):
        if (folder / CHECKSUM_FILE).is_file():
            return folder
    where = f"{package} or {package.parent}; reinstall lprnet_utils, or run from a complete checkout"
    raise AssetError(f"no data folder with {CHECKSUM_FILE} in {where}")


def data_path(name: str) -> Path:
    """Path of a bundled file or folder, given by its path inside ``data``; AssetError if there is none.

    Examples
    --------
    >>> data_path("samples/astronaut.jpg").name
    'astronaut.jpg'
    """
    path = data_root() / name
    if not path.exists():
        raise AssetError(f"{name} is not among the files in {data_root()}; reinstall lprnet_utils")
    return path


def sha256(data: bytes) -> str:
    """SHA-256 of bytes as lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=1)
def checksums() -> dict[str, str]:
    """SHA-256 of the bundled files that are verified on loading, by name."""
    return json.loads((data_root() / CHECKSUM_FILE).read_text(encoding="utf-8"))


def read_verified(path: str | Path, expected: str) -> bytes:
    """Read a file. AssetError if it is missing or its SHA-256 is not the expected one (64 hexadecimal digits)."""
    path = Path(path)
    remedy = "restore it (git checkout, or reinstall lprnet_utils)"
    if not path.is_file():
        raise AssetError(f"{path} is missing; {remedy}")
    data = path.read_bytes()
    found = sha256(data)
    if found != expected.lower():
        state = f"{len(data)} bytes with SHA-256 {found}, expected {expected}"
        raise AssetError(f"{path} is truncated or altered: {state}; {remedy}")
    return data


def read_asset(name: str) -> bytes:
    """The bytes of a bundled file, verified against ``checksums.json``."""
    path = data_path(name)
    expected = checksums().get(name)
    if expected is None:
        raise AssetError(f"{name} has no entry in {data_root() / CHECKSUM_FILE}, so it cannot be verified")
    return read_verified(path, expected)


def unpack_arrays(data: bytes) -> dict[str, NDArray]:
    """The arrays of an ``.npz`` file by name; pickled objects are refused."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@lru_cache(maxsize=4)
def read_bundled_arrays(name: str) -> dict[str, NDArray]:
    """The arrays of a bundled ``.npz`` file by name, verified. They are cached: do not write into them."""
    return unpack_arrays(read_asset(name))


def load_arrays(path: Path, *names: str) -> list[NDArray]:
    """Named arrays of an ``.npz`` file, without pickle; a DatasetError names the file, and a missing array."""
    if not path.is_file():
        raise DatasetError(f"{path} is missing")
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = file.files
            arrays = [file[name] for name in names if name in stored]
    except Exception as error:  # zipfile, zlib and numpy have exceptions of their own
        raise DatasetError(f"{path} cannot be read ({error}); is it complete?") from error
    if missing := [name for name in names if name not in stored]:
        raise DatasetError(f"{path} has no array {', '.join(missing)}; it has {', '.join(stored)}")
    return arrays


def read_mat(path: Path, *names: str | tuple[str, ...], struct: str | None = None) -> list[NDArray]:
    """Fields of a Matlab 5 file, or of a struct in it, as float64 arrays.

    A tuple gives the names that a field has in different versions of the file. A DatasetError names the file, and the
    field if it is missing or not finite.
    """
    from scipy.io import loadmat

    if not path.is_file():
        raise DatasetError(f"{path} is missing")
    alternatives = [(name,) if isinstance(name, str) else name for name in names]
    try:
        fields = loadmat(path, variable_names=[struct] if struct else [n for known in alternatives for n in known])
        if struct and struct in fields:
            fields = {name: fields[struct][name][0, 0] for name in fields[struct].dtype.names}
        out = [np.asarray(next((fields[n] for n in known if n in fields), np.nan), float) for known in alternatives]
    except Exception as error:  # scipy raises many kinds of exceptions for broken files
        raise DatasetError(f"{path} cannot be read ({error}); is it complete?") from error
    for known, value in zip(alternatives, out, strict=True):
        if not set(known) & set(fields):
            where = f" in its struct {struct}" if struct else ""
            raise DatasetError(f"{path} has no field {' or '.join(known)}{where}")
        if not np.isfinite(value).all():
            raise DatasetError(f"{path}: field {' or '.join(known)} has values that are not finite")
    return out


def read_sparse(arrays: dict[str, NDArray], name: str, columns: int) -> csr_matrix:
    """The sparse matrix (rows, columns) stored as ``NAME_data``, ``NAME_indices`` and ``NAME_indptr``."""
    from scipy.sparse import csr_matrix

    data, indices, indptr = (arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
    return csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, columns))
