"""The browser that ``benchmark_web.py`` measures in, and the server of its own page."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WEB = HERE.parents[1] / "web"
BROWSERS = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"


class IsolatedHandler(http.server.SimpleHTTPRequestHandler):
    """Serves the measuring page, isolated, so that threads can share memory."""

    extensions_map = {".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html", ".png": "image/png"}

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        """The headers of isolation."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


class Browser:
    """A headless Chromium without a graphics card, whose camera shows a clip. Use it in a ``with`` block."""

    def __init__(self, profile: Path, clip: Path | None = None):
        program = next(filter(None, map(shutil.which, BROWSERS)), None)
        node = shutil.which("node")
        if not (program and node):
            raise SystemExit("this needs Node and Chromium on the path")
        command = [node, str(HERE / "benchmark_web_driver.mjs"), str(WEB), program, str(profile)]
        command += [str(clip)] if clip else []
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(60)

    def ask(self, page: str, **words: Any) -> Any:
        """What a page answers. SystemExit if something went wrong in it."""
        self.process.stdin.write(json.dumps({"page": page} | words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the browser has ended"}
        if "error" in answer:
            raise SystemExit(f"{page}: {answer['error']}")
        return answer["value"]

    def open(self, page: str, address: str, ready: str = "document.title === 'ready'") -> Any:
        """Open a page. Milliseconds until it is ready, and the addresses that it asked for."""
        return self.ask(page, open=address, ready=ready)

    def evaluate(self, page: str, expression: str) -> Any:
        """The value of an expression of JavaScript in a page."""
        return self.ask(page, evaluate=expression)

    def call(self, page: str, word: str, **given: Any) -> Any:
        """Call a function of ``benchmark_web_page.js``."""
        return self.ask(page, call=word, given=given)
