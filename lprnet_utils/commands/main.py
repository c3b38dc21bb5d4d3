"""The command ``lprnet``: the package without writing Python.

Exit status: 0 everything was done, 1 some of it failed and the rest was done, 2 nothing was done, 130 stopped by
Ctrl-C.
"""

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


def main(words: list[str] | None = None) -> int:
    """Run a command line, by default that of the process, and return the exit status."""
    arguments = parser().parse_args(words)
    try:
        return arguments.function(arguments)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        print(f"lprnet: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
