"""The command ``lprnet``: the package without writing Python.

Exit status: 0 all went well; 1 photos could not be done, be it one of several (they are named, the others are done), or
had no face with ``--require-face``; 2 the command stopped because of an error; 130 it was stopped by Ctrl-C, 143 by
SIGTERM. A stopped command leaves no unfinished files. A message that the console cannot show, or that nobody reads, is
no failure.
"""

import argparse
import sys

from .. import __version__
from ..common.extras import what_to_install
from ..common.litert import bundled_weights, weights_terms
from . import app, evaluate, export, photos, serve, train, video
from .console import console, ended_by_sigterm


class _Parser(argparse.ArgumentParser):
    """The parser of the whole command line. Its help ends with the bundled weights, which are read for that alone."""

    def format_help(self) -> str:
        try:
            lines = [f"  {name:18}{weights_terms(name)}" for name in bundled_weights()]
        except ValueError as error:
            lines = [f"  cannot be read: {error}"]
        self.epilog = "\n".join(["bundled weights (--weights) and their use:", *lines])
        return super().format_help()


def parser() -> argparse.ArgumentParser:
    """The command line of ``lprnet``."""
    style = argparse.RawDescriptionHelpFormatter
    top = _Parser(prog="lprnet", description="3D faces from single photos.", formatter_class=style)
    top.add_argument("--version", action="version", version=f"lprnet {__version__}")
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=argparse.ArgumentParser
    )
    for module in (photos, video, app, serve, train, evaluate, export):
        module.add_parser(commands)
    return top


def main(words: list[str] | None = None) -> int:
    """Run a command line, by default that of the process, and return the exit status."""
    with console(), ended_by_sigterm():
        arguments = parser().parse_args(words)
        try:
            return arguments.function(arguments)
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return 130
        except ImportError as error:
            print(f"lprnet: {what_to_install(error)}", file=sys.stderr)
            return 2
        except (ValueError, RuntimeError, OSError) as error:
            print(f"lprnet: {error}", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
