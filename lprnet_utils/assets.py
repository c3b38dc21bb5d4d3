"""Where the bundled files are, and whether they are what they should be."""

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

CHECKSUMS = "checksums.json"


class AssetError(ValueError):
    """A bundled file is truncated, altered, or has no recorded checksum."""


class MissingAssetError(AssetError, FileNotFoundError):
    """A bundled file is not there."""


@lru_cache(maxsize=1)
def data_root() -> Path:
    """Folder of the bundled files: inside the installed package, or ``data/`` of a checkout.

    Raises
    ------
    MissingAssetError
        If neither place has ``checksums.json``.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "data", package.parent / "data"):
        if (folder / CHECKSUMS).is_file():
            return folder
    raise MissingAssetError(
        f"no data folder with {CHECKSUMS} in {package} or {package.parent}; reinstall lprnet_utils, or run "
        "from a complete checkout"
    )


def data_path(name: str) -> Path:
    """Path of a bundled file or folder, for example ``samples/astronaut.jpg``.

    Raises
    ------
    MissingAssetError
        If it does not exist.
    """
    path = data_root() / name
    if not path.exists():
        raise MissingAssetError(f"{name} is not among the files in {data_root()}; reinstall lprnet_utils")
    return path


def sha256(data: bytes) -> str:
    """SHA-256 of some bytes as lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=1)
def checksums() -> dict[str, str]:
    """SHA-256 of the bundled files that are verified on loading, by name."""
    return json.loads((data_root() / CHECKSUMS).read_text(encoding="utf-8"))


def verify(path: str | Path, expected: str) -> bytes:
    """Read a file and hold it against its SHA-256.

    Parameters
    ----------
    path : path
    expected : str
        64 hexadecimal digits.

    Returns
    -------
    bytes
        What the file holds.

    Raises
    ------
    MissingAssetError
        If there is no such file.
    AssetError
        If its SHA-256 is another one (truncated, altered).
    """
    path = Path(path)
    if not path.is_file():
        raise MissingAssetError(f"{path} is missing; restore it (git checkout, or reinstall lprnet_utils)")
    data = path.read_bytes()
    found = sha256(data)
    if found != expected.lower():
        raise AssetError(
            f"{path} is truncated or altered: {len(data)} bytes with SHA-256 {found}, expected {expected}. "
            "Restore it (git checkout, or reinstall lprnet_utils)."
        )
    return data


def read_asset(name: str) -> bytes:
    """The bytes of a bundled file, verified against ``checksums.json``.

    Raises
    ------
    MissingAssetError
        If the file is missing.
    AssetError
        If it is truncated or altered, or has no recorded checksum.
    """
    path = data_path(name)
    expected = checksums().get(name)
    if expected is None:
        raise AssetError(f"{name} has no entry in {data_root() / CHECKSUMS}, so it cannot be verified")
    return verify(path, expected)


@lru_cache(maxsize=4)
def read_arrays(name: str) -> dict[str, NDArray]:
    """The arrays of a bundled ``.npz`` file, verified, by name.

    They are read once in a process: do not write into them.

    Raises
    ------
    MissingAssetError, AssetError
        As :func:`read_asset`.
    """
    with np.load(io.BytesIO(read_asset(name)), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def read_sparse(arrays: dict[str, NDArray], name: str, columns: int) -> csr_matrix:
    """The sparse matrix (rows, columns) kept as ``NAME_data``, ``NAME_indices``, ``NAME_indptr``."""
    from scipy.sparse import csr_matrix

    data, indices, indptr = (arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
    return csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, columns))
