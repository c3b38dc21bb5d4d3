"""What several commands share: how a command is added, and options."""

import argparse
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..reconstruction.lprnet import DEFAULT_WEIGHTS


def bounded(low: float, high: float = math.inf, kind: type = int) -> Callable[[str], float]:
    """The ``type`` of an option whose value is a number within bounds: whole, or with ``kind=float`` any finite one."""
    what = "a whole number" if kind is int else "a number"
    range_ = f"of at least {low}" if high == math.inf else f"from {low} to {high}"

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high or value == math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} {range_}")
        return value

    return read


AT_LEAST_1 = bounded(1)
MOST_SHOWN = 50  # names of photos in a message
SEED = bounded(0, 2**63 - 1)  # numpy's arrays hold no larger one


def new_folder(text: str) -> Path:
    """The ``type`` of a folder to write into. A shell's variable that is not set would name the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return Path(text)


CHOICE_OF_WEIGHTS = (
    "open: free for any use; wild: for research only; published: for research only, and its mesh is wrinkled; or a "
    ".tflite file (%(default)s)"
)
SHARED_OPTIONS = {
    "--weights": {"default": DEFAULT_WEIGHTS, "help": CHOICE_OF_WEIGHTS},
    "--passes": {"type": AT_LEAST_1, "default": 1, "help": "2: run the network again on an upright crop (%(default)s)"},
    "--closer-look": {
        "action": argparse.BooleanOptionalAction,
        "help": "look again at brows, eyes, nose and mouth, which takes a quarter more time (default: yes, but not "
        "with wild, published and others that learned the labels of AFLW)",
    },
    "--max-faces": {"type": AT_LEAST_1, "metavar": "N", "help": "only the N largest faces"},
    "--workers": {"type": AT_LEAST_1, "default": os.cpu_count() or 1, "help": "number of processes (%(default)s)"},
    "--dask": {"metavar": "ADDRESS", "help": "use the Dask cluster at this address instead; it must see the files"},
    "--aflw-train": {"help": "folder of AFLW's training photos (else LPRNET_AFLW_TRAIN)"},
}


def add_command(
    commands: argparse._SubParsersAction, name: str, function: Callable, brief: str, examples: str | None = None
) -> argparse.ArgumentParser:
    """Add the command that calls ``function``; its docstring describes the command, and examples end the help."""
    style = argparse.RawDescriptionHelpFormatter if examples else argparse.HelpFormatter
    parser = commands.add_parser(name, help=brief, description=function.__doc__, epilog=examples, formatter_class=style)
    parser.set_defaults(function=function)
    return parser


def add_shared(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add options of ``SHARED_OPTIONS`` to a command."""
    for name in names:
        parser.add_argument(name, **SHARED_OPTIONS[name])


def folder_option(value: str | None, variable: str, what: str, ways: str = "its folder") -> Path:
    """A data folder from an option or else an environment variable. ValueError says in what ways it can be given."""
    value = value or os.environ.get(variable)
    if not value:
        raise ValueError(f"no {what}: give {ways}, or set {variable}")
    folder = Path(value)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder ({what})")
    return folder


def aflw_train_folder(value: str | None, what: str = "training photos", ways: str = "--aflw-train FOLDER") -> Path:
    """The folder of AFLW's training photos from ``--aflw-train`` or the environment."""
    return folder_option(value, "LPRNET_AFLW_TRAIN", what, ways)


def tell_left_out(photos: Any, problems: dict[str, str]) -> None:
    """Say on stderr which photos of a set with points are left out, and why."""
    for name, problem in problems.items():
        print(f"lprnet: {name} left out: {problem}", file=sys.stderr)
    if names := getattr(photos, "without_points", []):
        print(f"lprnet: {counted(len(names), 'photo')} without points left out: {shown(names)}", file=sys.stderr)


def shown(names: list[str]) -> str:
    """Names for a message: the first ones, and how many more there are."""
    return ", ".join(names[:MOST_SHOWN]) + f", and {len(names) - MOST_SHOWN} more" * (len(names) > MOST_SHOWN)


def counted(number: int, what: str) -> str:
    """A number of things: ``1 photo``, ``2 photos``."""
    return f"{number} {what}{'s' * (number != 1)}"
