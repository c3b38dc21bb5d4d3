"""The npm package and the built page in Firefox and in WebKit, Safari's engine: photos, and what is said without one.

They need a browser, Xvfb and what `make web` builds; without one of them they are skipped. They need no driver: the
page itself does the task and answers (web/tests/browser/probe.mjs). Pages and their workers come with the policy of
`lprnet serve`. By it the browser refuses what a page asks of another server, and reports it; and the page lists what it
asked for.
"""

import base64
import csv
import http.server
import io

import cv2
import numpy as np
import pytest
from driverless import AnsweringServer, installed
from found_faces import DOTS, PIXELS, compare, near
from PIL import Image
from web_browser import PAGE, PlainHandler

from lprnet_utils.commands.serve import running
from lprnet_utils.common import read_image

VEILED = "veiled.png"


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def engine(request):
    return installed(request.param)


@pytest.fixture
def visit(engine, tmp_path):
    """Plays a scene of web/tests/browser/scenes.mjs in a page, and gives the result."""

    def play(scene, folder, files=(), plain=False, isolated=None, anchor="", webgl=True, **task):
        with AnsweringServer(folder, tmp_path / "probe", {"scene": scene} | task, plain) as server:
            server.files |= dict(files)
            answer = engine.visit(server, tmp_path / "home", anchor, webgl)
        assert answer["refused"] == answer["foreign"] == [], "the page asks only its own server"
        assert answer["said"] == [], "the page writes no errors"
        assert answer["isolated"] is (not plain if isolated is None else isolated)
        return answer["result"]

    return play


@pytest.fixture
def page():
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: make web")
    return PAGE


def threads(engine, cores):
    """How many threads run, in words. WebKitGTK 2.50 has neither shared memory nor WebAssembly's relaxed SIMD."""
    most = {"firefox": min(cores, 4), "webkit": 1}[engine.name]
    return "one thread" if most == 1 else f"{most} threads"


def saved_landmarks(file):
    """Landmarks of the faces in a file that the page saved: n x 68 x 3."""
    rows = list(csv.reader(io.StringIO(base64.b64decode(file).decode())))
    return np.array(rows[1:], float)[:, 2:].reshape(-1, 68, 3)


def picture_of(file):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(file["data"]))).convert("RGB"))


@pytest.mark.walk
def test_the_page_shows_the_sample_with_the_landmarks_of_python(engine, visit, page, expected):
    result = visit("sample", page, anchor="#draw=landmarks")
    assert (result["state"], result["status"], result["message"]) == ("ready", "1 face found", None)
    assert result["runtime"] == f"WebAssembly, {threads(engine, result['cores'])}"
    (face,) = expected["plain.jpg"]
    files = result["files"]
    assert np.abs(saved_landmarks(files["landmarks"]["data"]) - face.landmarks).max() < PIXELS
    drawn = picture_of(files["picture"])
    assert drawn.shape == face.image.shape
    away = cv2.distanceTransform((~near(drawn, DOTS, 50)).astype(np.uint8), cv2.DIST_L2, 5)
    x, y = face.landmarks[:, :2].round().astype(int).T
    assert away[y, x].max() < 4, "every landmark has a dot"
    changed = np.abs(drawn.astype(int) - face.image).max(2) > 40
    places = np.zeros(changed.shape, np.uint8)
    places[y, x] = 1
    far = cv2.distanceTransform(1 - places, cv2.DIST_L2, 5) > 12
    assert changed[far].mean() < 0.002, "and elsewhere the photo stays as it is"
    view = picture_of(files["view"]).astype(int)
    skin = (view[..., 0] > view[..., 2] + 25) & (view[..., 0] > 90)
    assert 0.04 < skin.mean() < 0.7, "the face is drawn in 3D"


@pytest.fixture
def as_blended(site, expected, page_net):
    """What Python finds in the photos, given the pixels of the transparent one as a browser blended them with white.

    Browsers blend in 8 bits: Firefox rounds up, WebKit down. A grey level moves points by up to 0.4 pixels in depth.
    """

    def found(data):
        blended = np.frombuffer(base64.b64decode(data), np.uint8).reshape(512, 512, 4)[..., :3]
        wanted = read_image(site / "photos" / VEILED)
        assert np.abs(blended.astype(int) - wanted).max() <= 1
        return expected | {VEILED: page_net.reconstruct(blended)}

    return found


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True])
def test_the_package_finds_what_python_finds(engine, visit, site, expected, as_blended, plain):
    """On an isolated page with two threads, where the browser has them; on a static host with one."""
    task = {"photos": [f"photos/{name}" for name in expected], "read": f"photos/{VEILED}", "options": {"threads": 2}}
    result = visit("library", site, plain=plain, **task)
    number = 1 if plain or engine.name == "webkit" else 2
    assert (result["info"]["accelerator"], result["info"]["threads"]) == ("wasm", number)
    for found, faces in zip(result["found"], as_blended(result["pixels"]).values(), strict=True):
        compare(found, faces)


@pytest.mark.slow
def test_photos_opened_in_the_page_have_the_landmarks_of_python(visit, page, site, expected, as_blended):
    files = {f"/probe/{name}": site / "photos" / name for name in expected}
    result = visit("photos", page, files, photos=list(files), read=f"/probe/{VEILED}")
    for found, (name, faces) in zip(result["found"], as_blended(result["pixels"]).items(), strict=True):
        assert found["message"] is None, name
        if not faces:
            assert found["status"] == "No face found" and found["noFace"].startswith("No face found")
            continue
        assert found["status"] == "1 face found" and found["noFace"] is None, name
        assert np.abs(saved_landmarks(found["landmarks"]) - faces[0].landmarks).max() < PIXELS, name


@pytest.mark.slow
def test_no_camera_and_a_file_that_is_no_picture_are_said(visit, page):
    result = visit("fallbacks", page)
    camera, letter = result["camera"], result["letter"]
    assert camera["message"].startswith("No camera found Connect a camera and try again")
    assert camera["button"] == "Start camera" and result["closed"]
    assert letter["message"].startswith("This browser cannot read this file")
    assert camera["status"] == letter["status"] == "1 face found", "the sample stays"


@pytest.mark.slow
def test_a_truncated_network_is_named(visit, page, tmp_path):
    half = tmp_path / "open.bin"
    data = (page / "files" / "open.bin").read_bytes()
    half.write_bytes(data[: len(data) // 2])
    result = visit("arrival", page, {"/files/open.bin": half})
    assert result["state"] == "failed"
    assert result["message"].startswith("A file of the face models is damaged open.bin: ")


@pytest.mark.slow
def test_the_page_isolates_itself_on_a_static_host(engine, visit, page):
    """Its service worker adds the headers when the page is loaded once more."""
    result = visit("arrival", page, plain=True, isolated=True)
    assert (result["state"], result["status"], result["message"]) == ("ready", "1 face found", None)
    assert result["runtime"] == f"WebAssembly, {threads(engine, result['cores'])}"


@pytest.mark.slow
def test_a_browser_without_webgl_is_told_so(visit, page):
    result = visit("arrival", page, webgl=False)
    assert result["state"] == "failed"
    assert result["message"].startswith("This browser draws no 3D pictures")


class OpenHandler(PlainHandler):
    """A server that anybody may ask; ``asked`` has the paths."""

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(http.HTTPStatus.NO_CONTENT)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True])
def test_what_asks_another_server_is_told(engine, site, tmp_path, monkeypatch, plain):
    """Otherwise the other tests could not see it. WebKit refuses what a worker asks, and does not report it."""
    monkeypatch.setattr(OpenHandler, "asked", [], raising=False)
    with running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), OpenHandler)) as other:
        with AnsweringServer(site, tmp_path / "probe", {"scene": "foreign", "other": other}, plain) as server:
            answer = engine.visit(server, tmp_path / "home")
    by_page = {f"{other}{name}" for name in ("script.js", "page.json")}
    refused = {report["csp-report"]["blocked-uri"] for report in answer["refused"]}
    if plain:
        assert answer["result"] == {"page": "answered", "worker": "answered"}
        assert set(OpenHandler.asked) == {"/script.js", "/page.json", "/worker.json"}
        assert set(answer["foreign"]) == by_page and refused == set()
    else:
        assert answer["result"] == {"page": "refused", "worker": "refused"} and OpenHandler.asked == []
        assert refused - {f"{other}worker.json"} == by_page
        assert len(refused) == {"firefox": 3, "webkit": 2}[engine.name]
