"""A headless Chromium, driven through the DevTools protocol, for tests of what a user sees in the browser."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

NAMES = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # it only opens pages of these tests, and root cannot use the sandbox
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


class Chromium:
    """One page of a browser. Use it in a ``with`` block; downloads go to ``folder``."""

    def __init__(self, folder: Path):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
        websocket = pytest.importorskip("websocket", reason="websocket-client, which comes with JupyterLab")
        self.folder = folder
        command = [program, *OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            for line in self._process.stderr:
                if found := re.search(r"ws://\S+", line):
                    break
            else:
                pytest.skip(f"{program} does not start here")
            # a full pipe would stop the browser
            subprocess.Popen(["cat"], stdin=self._process.stderr, stdout=subprocess.DEVNULL)
            self._socket, self._number = websocket.create_connection(found[0], timeout=30), 0
            self.session, self._events = None, []
            self.new_page()
            size = {"width": 1300, "height": 1100, "deviceScaleFactor": 1, "mobile": False}
            self.call("Emulation.setDeviceMetricsOverride", **size)
            self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        except BaseException:
            self._process.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def call(self, method, **parameters):
        """Send a command of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self.session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self.session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._events.append(answer)

    def new_page(self):
        """Open another page; commands go to it from now on."""
        self._target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def close_page(self):
        """Close the last page."""
        self.call("Target.closeTarget", targetId=self._target)

    def events(self, method):
        """Events of a kind so far."""
        return [event for event in self._events if event["method"] == method]

    def open(self, url):
        self.call("Page.navigate", url=url)

    def run(self, script):
        """The value of a JavaScript expression, awaited."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script, seconds=30):
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, f"not true within {seconds} s: {script}"
            time.sleep(0.1)

    def choose_file(self, button, path):
        """Click on a button (a JavaScript expression) that opens a file dialogue, and choose a file."""
        self.call("Page.setInterceptFileChooserDialog", enabled=True)
        before = len(self.events("Page.fileChooserOpened"))
        self.call("Runtime.evaluate", expression=f"({button}).click()", userGesture=True)
        while not (opened := self.events("Page.fileChooserOpened")[before:]):
            self._events.append(json.loads(self._socket.recv()))
        node = opened[-1]["params"]["backendNodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], backendNodeId=node)

    def keys(self, element, key, times):
        """Press a key while an element (a JavaScript expression) has the focus."""
        self.run(f"{element}.focus()")
        for _ in range(times):
            for kind in ("keyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def downloaded(self, name):
        """Wait for a download to be complete, return its bytes and remove the file."""
        end, path = time.monotonic() + 30, self.folder / name
        while not path.is_file() or list(self.folder.glob("*.crdownload")):
            assert time.monotonic() < end, f"{name} did not arrive; there is {[p.name for p in self.folder.iterdir()]}"
            time.sleep(0.1)
        data = path.read_bytes()
        path.unlink()
        return data
