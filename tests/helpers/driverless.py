"""Firefox and WebKit, opened by tests without a driver: a script of the page does the work and sends the answer."""

import json
import os
import queue
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest
from processes import end_session
from web_browser import WEB

from lprnet_utils.commands.serve import HEADERS, PageHandler, PageServer, running

SCRIPTS = WEB / "tests" / "browser"
PROBE = "probe", "scenes", "find-faces", "asks"
PATIENCE = 400  # seconds; on a busy computer a browser takes its time
POLICY = "Content-Security-Policy"
DOCTYPE = "<!doctype html>"

FIREFOX = "firefox-esr", "firefox"
WEBKIT = "lib*/webkit2gtk-4.*/MiniBrowser", "lib*/*/webkit2gtk-4.*/MiniBrowser"  # below /usr
# Firefox asks nobody but this computer, neither for the page nor for itself, and opens no pages of its own.
PREFERENCES = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,  # nobody listens there
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.policy.firstRunURL": "",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class AnsweringHandler(PageHandler):
    """Answers as the page's server does; also takes what the page found, and reports of what its policy refused."""

    server: "AnsweringServer"

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        inbox = {"/answer": self.server.answers, "/refused": self.server.refused}.get(self.path)
        if inbox is not None:
            inbox.put(json.loads(data))
        self._start(HTTPStatus.NOT_FOUND if inbox is None else HTTPStatus.NO_CONTENT, {"Content-Length": "0"})

    def _start(self, status, headers):
        if not self.server.plain:
            super()._start(status, {POLICY: f"{HEADERS[POLICY]}; report-uri /refused"} | headers)
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class AnsweringServer(PageServer):
    """Serves a page that does a task; ``plain`` as a static host does, without headers of isolation and policy."""

    def __init__(self, folder: Path, own: Path, task: dict, plain: bool = False):
        super().__init__(folder)
        self.RequestHandlerClass = AnsweringHandler
        self.plain, self.answers, self.refused = plain, queue.Queue(), queue.Queue()
        own.mkdir()
        for name in PROBE:
            shutil.copy(SCRIPTS / f"{name}.mjs", own / f"{name}.js")
        (own / "task.json").write_text(json.dumps(task))
        self.files |= {f"/probe/{path.name}": path for path in own.iterdir()}
        page = self.files["/"].read_text(encoding="utf-8")
        assert page.startswith(DOCTYPE)
        script = '<script type="module" src="/probe/probe.js"></script>'
        (own / "index.html").write_text(page.replace(DOCTYPE, DOCTYPE + script, 1), encoding="utf-8")
        self.files["/"] = self.files["/index.html"] = own / "index.html"


@contextmanager
def started(command, home, **more):
    """A program with a home and a session of its own; whatever it began ends with it. What it writes goes to a file."""
    home.mkdir(exist_ok=True)
    folders = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    with (home / f"{Path(command[0]).name}.txt").open("wb") as output:
        options = {"stdout": output, "stderr": output, **more, "env": os.environ | folders | more.get("env", {})}
        process = subprocess.Popen(command, start_new_session=True, **options)
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            end_session(process)
            process.wait()


@contextmanager
def screen(home):
    """A screen that nobody sees; gives its name. Without one WebKit does not start, and Firefox has no WebGL."""
    command = [shutil.which("Xvfb"), "-displayfd", "1", "-screen", "0", "1300x1000x24", "-nolisten", "tcp"]
    with started(command, home, stdout=subprocess.PIPE) as server:
        number = server.stdout.readline().decode().strip()
        assert number, f"Xvfb does not start:\n{told(home)}"
        yield f":{number}"


def firefox(home, webgl):
    """Options of Firefox, with a profile of its own."""
    profile = home / "profile"
    profile.mkdir(parents=True)
    preferences = PREFERENCES | {"webgl.disabled": not webgl}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
    (profile / "user.js").write_text("".join(lines))
    return ["--no-remote", "--profile", str(profile)]


def webkit(home, webgl):
    """Options of WebKitGTK's MiniBrowser."""
    return [f"--enable-webgl={str(webgl).lower()}", "--enable-write-console-messages-to-stdout=true"]


@dataclass(frozen=True)
class Engine:
    """A browser that is installed."""

    name: str
    program: str

    def visit(self, server: AnsweringServer, home: Path, anchor: str = "", webgl: bool = True) -> dict:
        """Open the page of a server, and wait for its answer."""
        options = {"firefox": firefox, "webkit": webkit}[self.name](home, webgl)
        with running(server) as address, screen(home) as display:
            command = [self.program, *options, address + anchor]
            environment = {"DISPLAY": display, "GDK_BACKEND": "x11", "MOZ_CRASHREPORTER_DISABLE": "1"}
            with started(command, home, env=environment) as process:
                answer = self._answer(server, process, home)
        assert "failure" not in answer, f"{answer['failure']}\n{answer['said']}\n{told(home)}"
        foreign = [name for name in answer["resources"] if not name.startswith((address, "data:", "blob:"))]
        return answer | {"foreign": foreign, "refused": list(server.refused.queue)}

    def _answer(self, server, process, home):
        end = time.monotonic() + PATIENCE
        while True:
            with suppress(queue.Empty):
                return server.answers.get(timeout=0.5)
            assert process.poll() is None, f"{self.name} has ended:\n{told(home)}"
            assert time.monotonic() < end, f"{self.name} does not answer:\n{told(home)}"


def told(home):
    """The last lines of what the programs wrote."""
    return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-1500:]}" for path in sorted(home.glob("*.txt")))


def installed(name: str) -> Engine:
    """One of ``firefox`` and ``webkit``; the test is skipped where it, or Xvfb, is not installed."""
    if name == "firefox":
        program = next(filter(None, map(shutil.which, FIREFOX)), None)
        missing = f"no Firefox: none of {', '.join(FIREFOX)} is installed"
    else:
        places = [path for place in WEBKIT for path in Path("/usr").glob(place)]
        program = str(max(places)) if places else None
        missing = "no WebKit: the MiniBrowser of WebKitGTK is not installed"
    if not program:
        pytest.skip(missing)
    if not shutil.which("Xvfb"):
        pytest.skip(f"no screen for {name}: Xvfb is not installed")
    return Engine(name, program)
