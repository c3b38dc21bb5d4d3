"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def folder_option(value: str | None, variable: str, what: str) -> Path:
    """A data folder from an option or else an environment variable, or a clear error."""
    value = value or os.environ.get(variable)
    if not value:
        raise SystemExit(f"lprnet: no {what}: give its folder as an option, or set {variable}")
    folder = Path(value)
    if not folder.is_dir():
        raise SystemExit(f"lprnet: {folder} is not a folder ({what})")
    return folder


def counted(number: int, what: str) -> str:
    """A number of things: ``1 photo``, ``2 photos``."""
    return f"{number} {what}{'s' * (number != 1)}"


def add_network_options(one: argparse.ArgumentParser, several: bool = True) -> None:
    """Which weights, and (``several``) how many faces of a picture."""
    from ..reconstruction.lprnet import DEFAULT_WEIGHTS

    choice = "open: free for any use; wild, published: for research only; or a .tflite file (%(default)s)"
    one.add_argument("--weights", default=DEFAULT_WEIGHTS, help=choice)
    if several:
        one.add_argument("--max-faces", type=int, metavar="N", help="only the N largest")


def add_parallel_options(one: argparse.ArgumentParser) -> None:
    """Processes on this machine, or a Dask cluster."""
    one.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    one.add_argument("--dask", metavar="ADDRESS", help="of a Dask cluster that does it instead; it must see the files")
