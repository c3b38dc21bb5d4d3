"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def folder_option(value: str | None, variable: str, what: str) -> Path:
    """A data folder from an option or else an environment variable. SystemExit with a message if there is none."""
    value = value or os.environ.get(variable)
    if not value:
        raise SystemExit(f"lprnet: no {what}: give its folder as an option, or set {variable}")
    folder = Path(value)
    if not folder.is_dir():
        raise SystemExit(f"lprnet: {folder} is not a folder ({what})")
    return folder


def aflw_train_folder(value: str | None, what: str = "training photos") -> Path:
    """The folder of AFLW's training photos from ``--aflw-train`` or the environment."""
    return folder_option(value, "LPRNET_AFLW_TRAIN", what)


def counted(number: int, what: str) -> str:
    """A number of things: ``1 photo``, ``2 photos``."""
    return f"{number} {what}{'s' * (number != 1)}"


def add_weights_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--weights``."""
    from ..reconstruction.lprnet import DEFAULT_WEIGHTS

    choice = "open: free for any use; wild, published: for research only; or a .tflite file (%(default)s)"
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help=choice)


def add_passes_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--passes``."""
    parser.add_argument(
        "--passes", type=int, default=1, help="2: run the network again on an upright crop (%(default)s)"
    )


def add_face_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--max-faces`` and ``--require-face``. ``what`` is the input that may have no face."""
    parser.add_argument("--max-faces", type=int, metavar="N", help="only the N largest faces")
    parser.add_argument("--require-face", action="store_true", help=f"exit with 1 if {what} has no face")


def add_parallel_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers`` and ``--dask``."""
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="number of processes (%(default)s)")
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="use the Dask cluster at this address instead; it must see the files"
    )


def add_aflw_train_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--aflw-train``."""
    parser.add_argument("--aflw-train", help="folder of AFLW's training photos (else LPRNET_AFLW_TRAIN)")
