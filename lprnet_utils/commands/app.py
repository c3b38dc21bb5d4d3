"""lprnet app: the applet, in the browser."""

from __future__ import annotations

import argparse

from .options import add_network_options


def app(options: argparse.Namespace) -> int:
    """The applet in your browser: a photo, its 3D face with sliders, files to download; Ctrl-C ends it."""
    from importlib.util import find_spec

    if missing := [name for name in ("ipywidgets", "plotly", "voila") if find_spec(name) is None]:
        raise RuntimeError(f"the applet needs {' and '.join(missing)}: pip install 'lprnet_utils[lab]'")
    from ..viewer.applet import serve

    serve(options.port, not options.no_browser, options.weights)
    return 0


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet app``."""
    one = commands.add_parser("app", help="the applet, in the browser", description=app.__doc__)
    one.add_argument("--port", type=int, default=8866, help="of http://localhost (%(default)s, or the next free one)")
    one.add_argument("--no-browser", action="store_true", help="only print the address")
    add_network_options(one, several=False)
    one.set_defaults(function=app)
