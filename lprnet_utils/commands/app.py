"""lprnet app: the applet, in the browser."""

import argparse
from importlib.util import find_spec

from .options import add_command, add_shared, bounded


def app(arguments: argparse.Namespace) -> int:
    """Open the applet in the browser: a photo, its 3D face with sliders, files to download. Ctrl-C ends it."""
    if missing := [name for name in ("ipywidgets", "voila") if find_spec(name) is None]:
        raise RuntimeError(f"the applet needs {' and '.join(missing)}: pip install 'lprnet_utils[lab]'")
    from ..viewer.server import serve

    serve(arguments.port, not arguments.no_browser, arguments.weights)
    return 0


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet app``."""
    parser = add_command(commands, "app", app, "the applet, in the browser")
    add = parser.add_argument
    port = "port on this machine (%(default)s, or the next free one)"
    add("--port", type=bounded(1, 65_535), default=8866, help=port)
    add("--no-browser", action="store_true", help="only print the address")
    add_shared(parser, "--weights")
