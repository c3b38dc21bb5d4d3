"""The applet's server, and what a user sees in a browser if one is installed."""

import base64
import http.client
import io
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from importlib.util import find_spec
from urllib.parse import urlsplit

import cv2
import numpy as np
import psutil
import pytest
import trimesh
from chromium import Chromium
from made_faces import painted_face, stripes

from lprnet_utils.common import data_path, read_image
from lprnet_utils.viewer.face_page import face_page

needs_voila = pytest.mark.skipif(find_spec("voila") is None, reason="voila is not installed: pip install '.[lab]'")
HOPPER = data_path("samples/grace_hopper.jpg")

FACE = "document.querySelector('iframe').contentWindow.lprnetFace"
DRAWN = "document.querySelector('iframe')?.contentWindow?.lprnetFace?.drawn > 0"
GLB_BUTTON = "[...document.querySelectorAll('button')].find(b => b.innerText.includes('As shown, .glb'))"
HEIGHTS = f"Array.from({FACE}.parts[0]).filter((_, k) => k % 3 == 1)"
SLIDER = "[...document.querySelectorAll('.widget-slider')].find(s => s.innerText.trim().startsWith('{}'))"
HANDLE = f"{SLIDER}.querySelector('.noUi-handle')"
UPLOAD = "document.querySelector('.widget-upload')"
SAYS = "document.querySelector('.lprnet-message').innerText.includes({!r})"


@contextmanager
def served(*changes):
    """Address of a running applet, and its process; ``changes`` are made to its server's module."""
    lines = [f"server.{change}" for change in changes]
    program = "\n".join(["from lprnet_utils.viewer import server", *lines, "server.serve(8899, browser=False)"])
    server = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        address = next(filter(None, (re.search(r"http://\S+", line) for line in server.stdout)))[0]
        threading.Thread(target=server.stdout.read, daemon=True).start()  # a full pipe would stop the server
        yield address, server
    finally:
        server.terminate()
        server.wait()


def vertices(data):
    return trimesh.load(io.BytesIO(data), file_type="glb", force="mesh", process=False).vertices


def noisy_photo(path, side):
    """Write a face in front of noise, which no file format makes small, as a PNG file."""
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    face = cv2.imread(str(HOPPER))
    picture[100 : 100 + face.shape[0], 100 : 100 + face.shape[1]] = face
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return path


def settle(page):
    """Wait until the face has not moved for a second."""
    last, since = None, time.monotonic()
    while time.monotonic() < since + 1:
        if (now := page.run(HEIGHTS)) != last:
            last, since = now, time.monotonic()
        time.sleep(0.1)


def requested(page):
    """Hosts of all that a page asked for; what a page holds in itself has none."""
    found = {urlsplit(e["params"]["request"]["url"]).hostname for e in page.events("Network.requestWillBeSent")}
    return (found | {urlsplit(e["params"]["url"]).hostname for e in page.events("Network.webSocketCreated")}) - {None}


def blocked(page):
    """What the browser refused because of the server's content security policy."""
    texts = [e["params"]["entry"]["text"] for e in page.events("Log.entryAdded")]
    return [text for text in texts if "Content Security Policy" in text or "ERR_BLOCKED_BY_CSP" in text]


@pytest.mark.slow
@needs_voila
def test_the_downloaded_file_has_the_pose_and_expression_of_the_sliders_and_nothing_leaves_the_machine(tmp_path):
    with Chromium(tmp_path) as page, served() as (address, _):
        page.call("Network.enable")
        page.call("Log.enable")
        page.open(address)
        page.wait(DRAWN, 120)
        page.choose_file(UPLOAD, HOPPER)
        page.wait(SAYS.format("grace_hopper.jpg, 512 x 600 pixels: 1 face"))
        page.run(f"{GLB_BUTTON}.click()")
        before = vertices(page.downloaded("face.glb"))
        shown = page.run(f"{HEIGHTS}[0]")
        page.keys(HANDLE.format("Smile"), "ArrowRight", 40)
        page.run("document.querySelector('.jupyter-widget-Collapse-header').click()")
        page.keys(HANDLE.format("Nod"), "ArrowRight", 20)
        page.wait(f"Math.abs({HEIGHTS}[0] - {shown}) > 1")
        settle(page)
        page.run(f"{GLB_BUTTON}.click()")
        after = vertices(page.downloaded("face.glb"))
        assert after.shape == before.shape and len(after) > 5000 and np.abs(after - before).max() > 0.005
        # the view is about the middle of the head, the file about the origin of the face
        away = np.array(page.run(HEIGHTS)) - 1000 * after[:, 1]
        assert away == pytest.approx(np.full(len(away), np.median(away)), abs=0.12), "so does the view"
        page.choose_file(UPLOAD, __file__)
        page.wait("document.querySelector('[role=alert]')?.innerText.includes('cannot be read as a picture')")
        assert requested(page) == {"127.0.0.1"}
        assert not blocked(page), "and nothing was asked in vain"
        page.run("fetch('http://elsewhere.example/').catch(() => 0)")
        page.wait("new Promise(done => setTimeout(() => done(true), 200))")
        assert blocked(page) and requested(page) == {"127.0.0.1"}, "the browser itself refuses other servers"


@pytest.mark.slow
@needs_voila
def test_a_large_photo_a_larger_one_and_one_that_cannot_be_sent(tmp_path):
    large = noisy_photo(tmp_path / "large.png", 2850)
    limit = large.stat().st_size
    larger = noisy_photo(tmp_path / "larger.png", 2950)
    unknown = tmp_path / "unknown.heic"
    unknown.write_bytes(bytes(limit + 1))
    assert limit > 24_000_000
    with Chromium(tmp_path) as page, served(f"MAX_UPLOAD = {limit}") as (address, _):
        page.open(address)
        page.wait(DRAWN, 120)
        page.choose_file(UPLOAD, large)
        page.wait(SAYS.format("large.png, 2850 x 2850 pixels: 1 face"), 60)
        page.choose_file(UPLOAD, unknown)
        page.wait(SAYS.format("unknown.heic was not loaded: it has 24 MB, and this page can send 24 MB"), 60)
        page.choose_file(UPLOAD, larger)
        page.wait(SAYS.format("larger.png, 2950 x 2950 pixels: 1 face"), 60)


@pytest.mark.slow
@needs_voila
def test_a_phone_shows_everything_in_its_width(tmp_path):
    with Chromium(tmp_path) as page, served() as (address, _):
        page.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
        page.open(address)
        page.wait(DRAWN, 120)
        assert page.run("[innerWidth, document.documentElement.scrollWidth]") == [390, 390]
        boxes = "[...document.querySelectorAll('.lprnet-applet button, .lprnet-applet select, iframe')]"
        sides = page.run(
            f"{boxes}.map(e => e.getBoundingClientRect()).filter(b => b.width).map(b => [b.x, b.right, b.height])"
        )
        assert len(sides) > 15
        for left, right, height in sides:
            assert 0 <= left < right <= 390 and height >= 40, "no part is cut, and a thumb can touch it"
        page.run("window.scrollTo(0, 900)")
        assert abs(page.run("document.querySelector('iframe').getBoundingClientRect().y")) < 1, (
            "the face stays in sight"
        )


@pytest.mark.walk
@needs_voila
def test_only_pages_of_this_server_are_answered():
    with served() as (address, _):
        port = urlsplit(address).port
        assert urlsplit(address).hostname == "127.0.0.1"

        def answer(path="/voila/static/voila-style.js", **headers):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", path, headers=names)
            return connection.getresponse()

        def status(*path, **headers):
            return answer(*path, **headers).status

        good = [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST")]
        assert 403 not in [status(Host=host) for host in good]
        bad = ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.evil.example:{port}", "")
        for path in ("/", "/voila/static/voila-style.js", "/api/kernels/a-b-c-d-e/channels"):
            assert [status(path, Host=host) for host in bad] == [403] * len(bad)
        text = answer(Host=bad[0]).read().decode()
        assert text == f"This server answers only its own pages, at http://127.0.0.1:{port}\n"
        other = {"Host": good[0], "Sec_Fetch_Site": "cross-site"}
        assert status("/", **other, Sec_Fetch_Dest="image") == 403, "another page's picture starts no process"
        assert status(**other, Sec_Fetch_Dest="document") != 403, "a link does"


def memory(process):
    """Megabytes of a process and its descendants, and their number."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return sum(member.memory_info().rss for member in family) / 1e6, len(family)


@pytest.mark.slow
@needs_voila
def test_ten_closed_pages_leave_nothing_and_an_open_one_stays(tmp_path):
    with Chromium(tmp_path) as page, served() as (address, server):
        page.open(address)
        page.wait(DRAWN, 120)
        before, processes = memory(server)
        peak = before
        first = page.session
        for _ in range(10):
            page.new_page()
            page.open(address)
            page.wait(DRAWN, 120)
            peak = max(peak, memory(server)[0])
            page.close_page()
        for _ in range(3):  # pages that never connect, as if their browser ended while they loaded
            connection = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=60)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
        time.sleep(60)
        after, left = memory(server)
        print(f"memory before {before:.0f} MB, peak {peak:.0f} MB, after {after:.0f} MB; processes {processes}, {left}")
        assert left == processes and after < before + 150 < peak
        page.session = first
        value = page.run(f"{HEIGHTS}[0]")
        page.keys(HANDLE.format("Smile"), "ArrowRight", 20)
        page.run("[...document.querySelectorAll('button')].find(b => b.innerText == 'Surprise').click()")
        page.wait(f"Math.abs({HEIGHTS}.reduce((a, b) => Math.min(a, b)) - {value}) > 1")
        assert page.run("getComputedStyle(document.getElementById('lprnet-lost')).display") == "none"


def test_a_page_of_a_face_holds_all_it_needs_and_shows_the_whole_face_at_every_turn(tmp_path):
    face, _ = painted_face(stripes, 0, 15, 0, scale=2.0, size=500)
    path = tmp_path / "me.html"
    path.write_text(face_page(face, "<me> & you in 3D"), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert "<title>&lt;me&gt; &amp; you in 3D</title>" in text and 'name="viewport"' in text and len(text) < 2_000_000
    assert not re.search(r"(src|href)=.?https?:", text)
    with Chromium(tmp_path) as page:
        page.call("Network.enable")
        page.call("Emulation.setDeviceMetricsOverride", width=900, height=600, deviceScaleFactor=1, mobile=False)
        page.open(path.as_uri())
        page.wait("window.lprnetFace?.drawn > 0")
        assert page.run("document.title") == "<me> & you in 3D"
        assert page.run("[face.clientWidth, face.clientHeight]") == [900, 600], "the full window"
        assert "Drag to turn" in page.run("hint.innerText")
        page.run("face.style.visibility = 'hidden'")
        empty = screenshot(page)
        page.run("face.style.visibility = ''")
        colored = []
        for _ in range(8):
            picture = screenshot(page)
            drawn = np.abs(picture - empty).max(2) > 12
            rows, columns = np.nonzero(drawn)
            assert rows.min() > 2 and rows.max() < 597 and columns.min() > 100 and columns.max() < 800, "not cut"
            assert 0.08 < drawn.mean() < 0.4
            colored.append((np.ptp(picture, axis=2)[drawn] > 60).mean())
            page.keys("face", "ArrowRight", 8)  # 46 degrees
            page.run("face.blur()")
        assert colored[0] > 0.3 and max(colored[3:6]) < 0.1 and min(colored) < 0.001, "the back has no colours"
        assert requested(page) == set()


def screenshot(page):
    """What the page shows, two frames later."""
    page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return read_image(base64.b64decode(page.call("Page.captureScreenshot", format="png")["data"])).astype(int)
