"""The applet without a notebook: a Voila server for this computer only, see ``lprnet app``."""

import tempfile
from pathlib import Path
from typing import Any

import nbformat
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import RequestHandler
from traitlets.config import Config
from voila.app import Voila

from ..common.litert import is_weights_path, read_weights
from ..reconstruction.lprnet import DEFAULT_WEIGHTS

ADDRESS = "127.0.0.1"
LOCAL_NAMES = ADDRESS, "localhost", "[::1]"
MAX_MESSAGE = 96_000_000  # bytes; tornado buffers up to 100 MB of a connection
MAX_UPLOAD = 90_000_000  # bytes of a photo; a larger one is made smaller in the browser
CULL_AFTER, CULL_EVERY = 25, 5  # seconds; a page that is open keeps its process, whatever its user does
PAGE_FOLDER = Path(__file__).with_name("page")

# the browser itself refuses whatever a page asks of another server
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self' data: blob: ws://127.0.0.1:* ws://localhost:*; "
    "frame-ancestors 'self'; form-action 'self'; base-uri 'self'"
)


class ForeignRequest(Matcher):
    """Matches what does not come from a page of this server, or names another host: that is how web pages reach in."""

    def __init__(self, server: Voila):
        self._server = server

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """An empty dict for a foreign request, None for one of ours."""
        port = self._server.port
        hosts = {f"{name}:{port}" for name in LOCAL_NAMES} | (set(LOCAL_NAMES) if port == 80 else set())
        headers = request.headers
        linked = headers.get("Sec-Fetch-Dest") == "document"  # a link, or the page that opens the browser
        foreign = headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") and not linked
        return {} if foreign or headers.get("Host", "").lower() not in hosts else None


class Refusal(RequestHandler):
    """Answers every request by 403."""

    def initialize(self, server: Voila) -> None:
        """Called by tornado before each request."""
        self._server = server

    def prepare(self) -> None:
        """Refuse."""
        self.set_status(403)
        self.set_header("Content-Type", "text/plain")
        self.finish(f"This server answers only its own pages, at http://{ADDRESS}:{self._server.port}\n")


class LocalVoila(Voila):
    """Voila with the applet's page, for requests of this computer only."""

    def setup_template_dirs(self) -> None:
        """Put the applet's page before Voila's."""
        super().setup_template_dirs()
        self.template_paths = [str(PAGE_FOLDER), *self.template_paths]

    def listen(self) -> None:
        """Refuse foreign requests before any handler sees them."""
        self.app.default_router.rules.insert(0, Rule(ForeignRequest(self), Refusal, {"server": self}))
        super().listen()


def serve(port: int = 8866, browser: bool = True, weights: str = DEFAULT_WEIGHTS) -> None:
    """Serve the applet by Voila until Ctrl-C, on this computer only; if the port is taken, at the next free one."""
    read_weights(weights)  # raises here, not in the page
    weights = str(Path(weights).absolute()) if is_weights_path(weights) else weights
    call = f"FaceApplet(weights={weights!r}, max_upload={MAX_UPLOAD})"
    cell = nbformat.v4.new_code_cell(f"from lprnet_utils.viewer.applet import FaceApplet\n\n{call}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "L-PRNet.ipynb"
        notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"title": "L-PRNet: a face in 3D"})
        nbformat.write(notebook, path)
        LocalVoila.launch_instance([str(path)], config=_settings(port, browser))


def _settings(port: int, browser: bool) -> Config:
    policy = {"Content-Security-Policy": POLICY}
    voila = {
        "config_file_paths": [],  # no file opens the server to others
        "port": port,
        "ip": ADDRESS,
        "open_browser": browser,
        "tornado_settings": {"websocket_max_message_size": MAX_MESSAGE, "headers": policy},
    }
    # the process of a page that was closed ends; one with a connection never does
    culling = {
        "cull_idle_timeout": CULL_AFTER,
        "cull_interval": CULL_EVERY,
        "cull_connected": False,
        "cull_busy": False,
    }
    page = {"template": "lab", "allow_template_override": "NO", "allow_theme_override": "NO"}
    return Config(Voila=Config(voila), MappingKernelManager=Config(culling), VoilaConfiguration=Config(page))
