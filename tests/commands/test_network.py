"""No command connects to anything but this machine."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

import pytest
from checkout import ROOT

from lprnet_utils.common import data_path
from lprnet_utils.video import write_video

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace, which lists connections, is not installed"),
]
LPRNET = [sys.executable, "-m", "lprnet_utils.commands.main"]
QUICKSTART = "-m nbconvert --to notebook --execute --log-level WARN --output-dir . 00_quickstart.ipynb".split()


def connections(log):
    """Addresses outside this machine in a log of strace."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if re.search(r"AF_INET6?", line)]
    local = re.compile(r'inet_addr\("127\.|inet_addr\("0\.0\.0\.0|inet_pton\(AF_INET6, "::1"')
    return [line for line in lines if not local.search(line)]


def traced(log, words):
    return ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(log), *map(str, words)]


@pytest.mark.parametrize("what", ["import", "photo", "video", "quickstart"])
def test_commands_connect_to_nothing(what, photos, tmp_path):
    photo = data_path("samples/astronaut.jpg")
    shutil.copy(ROOT / "notebooks" / "00_quickstart.ipynb", tmp_path)
    if what == "video":
        write_video([photos["astronaut.jpg"]] * 3, tmp_path / "talk.mp4", 10)
    words = {
        "import": [sys.executable, "-c", "from lprnet_utils import LPRNet; import lprnet_utils.video.files"],
        "photo": [*LPRNET, "photo", photo, "-o", "out", "--glb", "--html", "--overlay", "--workers", 2],
        "video": [*LPRNET, "video", "talk.mp4", "faces.mp4", "--record", "faces.csv"],
        "quickstart": [sys.executable, *QUICKSTART],
    }[what]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LPRNET_OUTPUT": str(tmp_path)}
    done = subprocess.run(
        traced(tmp_path / "log", words), cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert connections(tmp_path / "log") == []


def test_the_applets_server_connects_to_nothing(tmp_path):
    log = tmp_path / "log"
    server = subprocess.Popen(
        traced(log, [*LPRNET, "app", "--no-browser", "--port", 8911]),
        env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        for _ in range(60):
            time.sleep(1)
            with suppress(OSError), urllib.request.urlopen("http://127.0.0.1:8911/", timeout=60) as page:
                assert page.status == 200
                break
        else:
            pytest.fail("the server did not answer")
    finally:
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
    assert connections(log) == []


def test_a_connection_would_be_noticed(tmp_path):
    code = "import socket; s = socket.socket(); s.settimeout(0.2); s.connect_ex(('192.0.2.1', 80))"
    subprocess.run(traced(tmp_path / "log", [sys.executable, "-c", code]), check=True)
    assert len(connections(tmp_path / "log")) == 1
