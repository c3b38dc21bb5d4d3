"""lprnet serve: the built web page, for the browser of this computer."""

import argparse
import errno
import os
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .options import add_command, bounded

ADDRESS = "127.0.0.1"
LOCAL_NAMES = ADDRESS, "localhost", "[::1]"
PORT, PORTS_TO_TRY = 8867, 50
INDEX = "index.html"
CHUNK = 1 << 16  # bytes
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".glb": "model/gltf-binary",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}
# The first two let threads share memory. By the policy, the browser itself refuses what a page asks of another server.
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # the browser keeps files, and asks whether they changed
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
        "connect-src 'self' blob: data:; img-src 'self' blob: data:; media-src 'self' blob:; "
        "style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
MISSING = (
    "this installation has no built web page. Release wheels carry it: pip install --upgrade --force-reinstall "
    "lprnet_utils, without git. In a checkout of the repository, build it: make web"
)


def page_folder() -> Path:
    """The folder of the built page: in the package, or in a checkout. RuntimeError if there is none."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "web_page", package.parent / "web" / "dist" / "page"):
        if (folder / INDEX).is_file():
            return folder
    raise RuntimeError(MISSING)


class PageServer(ThreadingHTTPServer):
    """Serves the files that are in a folder now, and nothing else, to this computer alone."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # on Windows, two servers could have one port then

    def __init__(self, folder: Path, port: int = 0):
        folder = folder.resolve()
        # a request looks its path up here: no path of a request ever reaches the file system
        self.files = {
            "/" + path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file() and folder in path.resolve().parents
        }
        self.files["/"] = self.files["/" + INDEX]
        super().__init__((ADDRESS, port), PageHandler)

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that closes a connection early is no error."""


class PageHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the files of a :class:`PageServer`."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "lprnet", ""
    server: PageServer

    def do_GET(self) -> None:
        """A file."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """The headers of a file."""
        self._answer(body=False)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self, body: bool) -> None:
        if self._foreign():
            self._refuse(HTTPStatus.FORBIDDEN, f"This server answers only {self.server.address}\n", body)
            return
        path = self.server.files.get(unquote(urlsplit(self.path).path))
        try:
            file = path.open("rb") if path else None
        except OSError:  # removed since the start
            file = None
        if file is None:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such file.\n", body)
            return
        with file:
            status = path.stat()
            tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
            if self.headers.get("If-None-Match") == tag:
                self._start(HTTPStatus.NOT_MODIFIED, {"ETag": tag})
                return
            kind = TYPES.get(path.suffix, "application/octet-stream")
            date = formatdate(status.st_mtime, usegmt=True)
            headers = {"Content-Type": kind, "Content-Length": str(status.st_size), "ETag": tag, "Last-Modified": date}
            self._start(HTTPStatus.OK, headers)
            left = status.st_size if body else 0
            while left and (chunk := file.read(min(CHUNK, left))):
                self.wfile.write(chunk)
                left -= len(chunk)
            if left:  # it became shorter meanwhile: the browser must not wait for the rest
                self.close_connection = True

    def _foreign(self) -> bool:
        """Whether a request names another host: that is how other web pages reach in (DNS rebinding)."""
        port = self.server.server_port
        hosts = {f"{name}:{port}" for name in LOCAL_NAMES} | (set(LOCAL_NAMES) if port == 80 else set())
        return self.headers.get("Host", "").lower() not in hosts

    def _refuse(self, status: HTTPStatus, text: str, body: bool) -> None:
        data = text.encode()
        self._start(status, {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(data))})
        if body:
            self.wfile.write(data)

    def _start(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()


def open_server(folder: Path, port: int) -> PageServer:
    """A server at a port of this computer, or else at the next free one. OSError if none of 50 is free."""
    for number in range(port, min(port + PORTS_TO_TRY, 65_536)):
        try:
            return PageServer(folder, number)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise OSError(f"no port from {port} to {number} is free: give another one by --port")


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[str]:
    """Let a server run in the background, in a ``with`` block, which gets its address; then close it."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{ADDRESS}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def serve(arguments: argparse.Namespace) -> int:
    """Serve the built web page on this computer, and open it in the browser. Ctrl-C ends it.

    It finds faces in photos and webcam pictures inside the browser. Nothing leaves it, and nobody else reaches the
    server: it listens at 127.0.0.1 alone and answers only with the page's own files.
    """
    server = open_server(page_folder(), arguments.port)
    with server:
        print(f"The page is at {server.address} until Ctrl-C", flush=True)
        if not arguments.no_browser:
            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        server.serve_forever()
    return 0


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet serve``."""
    parser = add_command(commands, "serve", serve, "the web page, on this computer")
    add = parser.add_argument
    port = "port on this computer (%(default)s, or the next free one)"
    add("--port", type=bounded(1, 65_535), default=PORT, help=port)
    add("--no-browser", action="store_true", help="only print the address")
