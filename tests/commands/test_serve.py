"""``lprnet serve``: what its server answers, and to whom."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from checkout import ROOT

from lprnet_utils.commands import serve
from lprnet_utils.commands.main import main

FILES = {
    "index.html": b"<!doctype html><title>A page</title>",
    "assets/page-1a2b.js": b"console.log(1);",
    "assets/a name.css": b"p {}",
    "files/manifest.json": b"{}",
    "files/open.tflite": bytes(range(256)) * 1000,
    "files/wasm/runtime.wasm": b"\0asm",
    "app.webmanifest": b"{}",
    "head.glb": b"glTF",
    "empty.txt": b"",
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The folder of a page, with a secret beside it and a link to it."""
    top = tmp_path_factory.mktemp("site")
    (top / "secret.txt").write_text("secret")
    folder = top / "page"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "link.txt").symlink_to(top / "secret.txt")
    return folder


@contextmanager
def served(folder):
    with serve.PageServer(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def server(page):
    with served(page) as running:
        yield running


def asked(server, path, method="GET", **headers):
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection(serve.ADDRESS, server.server_port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(("path", "name", "kind"), [
    ("/", "index.html", "text/html; charset=utf-8"),
    ("/index.html?v=2", "index.html", "text/html; charset=utf-8"),
    ("/assets/page-1a2b.js", "assets/page-1a2b.js", "text/javascript; charset=utf-8"),
    ("/assets/a%20name.css", "assets/a name.css", "text/css; charset=utf-8"),
    ("/files/manifest.json", "files/manifest.json", "application/json"),
    ("/files/open.tflite", "files/open.tflite", "application/octet-stream"),
    ("/files/wasm/runtime.wasm", "files/wasm/runtime.wasm", "application/wasm"),
    ("/app.webmanifest", "app.webmanifest", "application/manifest+json"),
    ("/head.glb", "head.glb", "model/gltf-binary"),
    ("/empty.txt", "empty.txt", "text/plain; charset=utf-8"),
])  # fmt: skip
def test_each_file_has_its_type_and_the_headers_of_isolation(server, path, name, kind):
    status, headers, body = asked(server, path)
    assert (status, headers["Content-Type"], body) == (200, kind, FILES[name])
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["X-Content-Type-Options"] == "nosniff" and "default-src 'self'" in headers["Content-Security-Policy"]
    head = asked(server, path, "HEAD")
    assert head[0] == 200 and head[1]["Content-Length"] == str(len(body)) and head[2] == b""


@pytest.mark.parametrize("path", [
    "/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt", "/link.txt", "//secret.txt",
    "/..%2fsecret.txt", "/assets", "/assets/", "/files/none.bin", "/index.html/", "/%00", "/C:/secret.txt",
])  # fmt: skip
def test_nothing_else_is_served(server, path):
    status, headers, body = asked(server, path)
    assert status == 404 and b"secret" not in body
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_a_file_that_came_later_or_went_is_not_served(page):
    folder = page.parent / "changing"
    folder.mkdir()
    (folder / "index.html").write_text("page")
    (folder / "gone.txt").write_text("gone")
    with served(folder) as server:
        (folder / "later.txt").write_text("later")
        (folder / "gone.txt").unlink()
        assert [asked(server, path)[0] for path in ("/", "/later.txt", "/gone.txt")] == [200, 404, 404]


def test_only_this_computers_names_are_answered(server):
    port = server.server_port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert asked(server, "/", Host=host)[0] == 200, host
    for host in ("faces.example", f"faces.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        status, _, body = asked(server, "/", Host=host)
        assert status == 403 and server.address.encode() in body, host
    assert server.socket.getsockname()[0] == "127.0.0.1", "other computers must not reach it"


def test_other_methods_are_refused(server):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert asked(server, "/", method)[0] == 501


def test_the_browser_asks_whether_its_copy_is_the_newest(server):
    _, headers, _ = asked(server, "/files/open.tflite")
    assert headers["Cache-Control"] == "no-cache"
    status, again, body = asked(server, "/files/open.tflite", **{"If-None-Match": headers["ETag"]})
    assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])
    assert again["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert asked(server, "/files/open.tflite", **{"If-None-Match": '"other"'})[0] == 200


def test_the_next_free_port_is_taken(page):
    with serve.open_server(page, 20_867) as first, serve.open_server(page, first.server_port) as second:
        assert first.server_port < second.server_port < first.server_port + serve.PORTS_TO_TRY


def test_no_free_port_is_an_error(page, monkeypatch):
    monkeypatch.setattr(serve, "PORTS_TO_TRY", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="give another one by --port"):
        serve.open_server(page, taken.getsockname()[1])


def test_without_a_page_the_command_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(serve, "__file__", str(tmp_path / "lprnet_utils" / "commands" / "serve.py"))
    assert main(["serve", "--no-browser"]) == 2
    message = capsys.readouterr().err
    assert "pip install" in message and "make web" in message


def test_the_page_is_that_of_the_package_or_of_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "__file__", str(tmp_path / "lprnet_utils" / "commands" / "serve.py"))
    checkout, package = tmp_path / "web" / "dist" / "page", tmp_path / "lprnet_utils" / "web_page"
    for folder in (checkout, package):
        folder.mkdir(parents=True)
        (folder / "index.html").write_text("page")
        assert serve.page_folder() == folder


def test_the_command_serves_until_it_is_stopped(page):
    code = (
        "import signal, sys, webbrowser\nfrom pathlib import Path\nfrom lprnet_utils.commands import serve\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs ignore it
        "from lprnet_utils.commands.main import main\n"
        "webbrowser.open = lambda address: print('opened', address, flush=True)\n"
        f"serve.page_folder = lambda: Path({str(page)!r})\nsys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "serve", "--port", "21867"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes) as process:
        try:
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
            assert process.stdout.readline() == f"opened {found[0]}\n"
            connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=10)
            connection.request("GET", "/")
            assert connection.getresponse().read() == FILES["index.html"]
            connection.close()
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130 and process.stderr.read() == "stopped\n"
        finally:
            process.kill()
