"""Where the bundled files are, and whether they are what they should be."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path


class AssetError(RuntimeError):
    """A bundled file is missing, truncated or altered."""


@lru_cache(maxsize=1)
def data_root() -> Path:
    """Folder of the bundled files: inside the installed package, or ``data/`` of a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "data", package.parent / "data"):
        if (folder / "checksums.json").is_file():
            return folder
    raise AssetError(
        f"no data folder with checksums.json in {package} or {package.parent}; reinstall lprnet_utils, or run from a "
        "complete checkout"
    )


def data_path(name: str) -> Path:
    """Path of a bundled file or folder, for example ``samples/astronaut.jpg``.

    Raises
    ------
    AssetError
        If it does not exist.
    """
    path = data_root() / name
    if not path.exists():
        raise AssetError(f"{name} is not among the bundled files in {data_root()}; reinstall lprnet_utils")
    return path


def sha256(data: bytes) -> str:
    """SHA-256 of some bytes as lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=1)
def checksums() -> dict[str, str]:
    """SHA-256 of the bundled files that are verified on loading, by name."""
    return json.loads((data_root() / "checksums.json").read_text(encoding="utf-8"))


def read_asset(name: str) -> bytes:
    """The bytes of a bundled file, verified against ``checksums.json``.

    Raises
    ------
    AssetError
        If the file is missing, or its SHA-256 is not the recorded one (truncated, altered).
    """
    path = data_path(name)
    data = path.read_bytes()
    expected, found = checksums().get(name), sha256(data)
    if expected is None:
        raise AssetError(f"{name} has no entry in checksums.json")
    if found != expected:
        raise AssetError(
            f"{path} is truncated or altered: {len(data)} bytes with SHA-256 {found}, expected {expected}. "
            "Restore it (git checkout, or reinstall lprnet_utils)."
        )
    return data
