"""The command ``lprnet``: the package's functions for whoever does not write Python.

Exit status: 0 all went well, 1 some of it failed and the rest was done, 2 nothing was done, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys

from . import app, evaluate, export, photos, train, video


def parser() -> argparse.ArgumentParser:
    """The command line of ``lprnet``."""
    top = argparse.ArgumentParser(prog="lprnet", description="3D faces from single photos.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (photos, video, app, train, evaluate, export):
        module.add_parser(commands)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return options.function(options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        print(f"lprnet: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
