"""Where bundled and downloaded files are, and whether they are what they should be."""

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


class DatasetError(ValueError):
    """A data file is missing or is not what it should be; the message names file and field."""


@lru_cache(maxsize=1)
def data_root() -> Path:
    """Folder of the bundled files: inside the installed package, or ``data/`` of a checkout.

    Raises
    ------
    MissingAssetError
        If neither place has ``checksums.json``.
    """
    package = Path(__file__).resolve().parents[1]
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


def load_arrays(path: Path, *names: str) -> list[NDArray]:
    """Named arrays of an ``.npz`` file, without pickle.

    Raises
    ------
    DatasetError
        Naming the file, and the array if one is missing or cannot be read.
    """
    if not path.is_file():
        raise DatasetError(f"{path} is missing")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [n for n in names if n not in file]
            if missing:
                raise DatasetError(f"{path} has no array {', '.join(missing)}; it has {', '.join(file.files)}")
            return [file[n] for n in names]
    except DatasetError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each have their own
        raise DatasetError(f"{path} cannot be read ({error}); is it complete?") from error


def read_mat(path: Path, *names: str | tuple[str, ...], struct: str | None = None) -> list[NDArray]:
    """Fields of a Matlab 5 file as float64 arrays.

    Parameters
    ----------
    path : path
    names : str or tuple of str
        A field, or the names that it has in different versions of the file.
    struct : str, optional
        The struct that holds them.

    Raises
    ------
    DatasetError
        Naming the file, and the field if one is missing or not finite.
    """
    from scipy.io import loadmat

    if not path.is_file():
        raise DatasetError(f"{path} is missing")
    options = [(name,) if isinstance(name, str) else name for name in names]
    try:
        fields = loadmat(path, variable_names=[struct] if struct else [n for some in options for n in some])
        if struct and struct in fields:
            fields = {name: fields[struct][name][0, 0] for name in fields[struct].dtype.names}
        out = [np.asarray(next((fields[n] for n in some if n in fields), np.nan), float) for some in options]
    except Exception as error:  # scipy raises whatever the broken bytes lead to
        raise DatasetError(f"{path} cannot be read ({error}); is it complete?") from error
    for some, value in zip(options, out, strict=True):
        if not set(some) & set(fields):
            where = f" in its struct {struct}" if struct else ""
            raise DatasetError(f"{path} has no field {' or '.join(some)}{where}")
        if not np.isfinite(value).all():
            raise DatasetError(f"{path}: field {' or '.join(some)} has values that are not finite")
    return out


def read_sparse(arrays: dict[str, NDArray], name: str, columns: int) -> csr_matrix:
    """The sparse matrix (rows, columns) kept as ``NAME_data``, ``NAME_indices``, ``NAME_indptr``."""
    from scipy.sparse import csr_matrix

    data, indices, indptr = (arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
    return csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, columns))
