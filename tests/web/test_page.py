"""The npm package in a browser: what it finds in photos is what this package finds.

It needs Node, Chromium and what `make web` builds; without one of them the tests are skipped.
"""

import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image
from web_browser import DIST, PAGE, WEB, plain_server, ran, running

from lprnet_utils import LPRNet
from lprnet_utils.commands.serve import PageServer
from lprnet_utils.common import data_path, read_image
from lprnet_utils.video import FaceTracker

pytestmark = pytest.mark.walk

NETWORKS = WEB / "networks"  # those of the page, unpacked
LIBRARY, COPY = DIST / "index.js", WEB / "bin" / "copy-files.js"
PIXELS, DEGREES, WEIGHT = 0.1, 0.1, 0.01  # how far the page may be from Python


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Photos by name: a plain one, and what browsers and Python could read in different ways."""
    folder = tmp_path_factory.mktemp("photos")
    shutil.copy(data_path("samples/astronaut.jpg"), folder / "plain.jpg")
    picture = Image.open(folder / "plain.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: to be shown a quarter turn clockwise
    picture.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", exif=exif, quality=95)
    ramp = np.linspace(255, 120, 512).astype(np.uint8)[:, None].repeat(512, 1)
    picture.putalpha(Image.fromarray(ramp))
    picture.save(folder / "veiled.png")
    Image.fromarray(np.full((300, 400, 3), 90, np.uint8)).save(folder / "nobody.png")
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory, node, photos):
    """A folder with an empty page, the library, its files as `npx lprnet-files` copies them, and the photos."""
    if not (LIBRARY.is_file() and (DIST / "files" / "manifest.json").is_file()):
        pytest.skip("the page is not built: make web")
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<!doctype html><link rel=icon href=data:,><title>A test</title>")
    shutil.copy(LIBRARY, folder)
    done = subprocess.run([node, str(COPY), str(folder / "files")], capture_output=True, text=True)
    assert done.returncode == 0 and str(folder / "files") in done.stdout, done.stderr
    shutil.copytree(photos, folder / "photos")
    return folder


@pytest.fixture(scope="session")
def expected(site):
    """What this package finds in the photos, with the networks of the page."""
    net = LPRNet(NETWORKS / "open.tflite", closer_look=NETWORKS)
    return {path.name: net.reconstruct(path) for path in sorted((site / "photos").iterdir())}


def compare(found, faces, coefficients=None):
    """Compare the faces that the page found in a photo with Python's; its own `coefficients` by default."""
    assert len(found["faces"]) == len(faces)
    height, width = faces[0].image.shape[:2] if faces else (300, 400)
    assert (found["width"], found["height"]) == (width, height)
    coefficients = coefficients or [face.coefficients for face in faces]
    for shown, face, fitted in zip(found["faces"], faces, coefficients, strict=True):
        places = {
            "landmarks": face.landmarks,
            "positionMap": face.position_map,
            "vertices": face.vertices,
        }
        for name, points in places.items():
            assert np.abs(np.array(shown[name]).reshape(-1, 3) - points.reshape(-1, 3)).max() < PIXELS, name
        angles = [shown["pose"][name] for name in ("pitch", "yaw", "roll")]
        assert np.allclose(angles, [face.pose.pitch, face.pose.yaw, face.pose.roll], atol=DEGREES, rtol=0)
        camera = face.pose.camera
        assert np.allclose(shown["pose"]["translation"], camera.translation, atol=PIXELS, rtol=0)
        assert shown["pose"]["scale"] == pytest.approx(camera.scale, rel=1e-3)
        weights = dict(zip(fitted.names, fitted.expression.tolist(), strict=True))
        assert shown["expressions"] == pytest.approx(weights, abs=WEIGHT)
        unsupported = {n for n, good in zip(fitted.names, fitted.supported, strict=True) if not good}
        assert set(shown["unsupported"]) == unsupported
        openness = [*face.eye_openness, face.mouth_openness]
        assert shown["openness"] == pytest.approx(openness, abs=WEIGHT)
        assert shown["confidence"] == pytest.approx(face.confidence, abs=WEIGHT)
        eyes = {name: np.array(values, float).reshape(2, 3) for name, values in shown["eyes"].items()}
        assert np.allclose(eyes["irises"], face.irises, atol=PIXELS, rtol=0, equal_nan=True)
        turns = np.degrees(np.arccos(np.clip((eyes["gaze"] * face.gaze).sum(1), -1, 1)))
        assert (turns[np.isfinite(face.gaze[:, 0])] < DEGREES).all()  # from the page's to Python's gaze


def test_one_thread_finds_what_python_finds(node, chromium, site, expected):
    with running(plain_server(site)) as address:
        task = {"chromium": chromium, "address": address, "photos": [f"photos/{name}" for name in expected]}
        answer = ran(node, "photo.mjs", **task, options={"threads": 4})
    result = answer["result"]
    assert result["info"]["accelerator"] == "wasm" and result["info"]["threads"] == 1 and not result["isolated"]
    assert result["info"]["model"]["licence"].startswith("Free for any use")
    assert result["progress"]["loaded"] == result["progress"]["total"] > 1e7
    for found, faces in zip(result["found"], expected.values(), strict=True):
        compare(found, faces)
    assert answer["said"] == [], "nothing is written to the console"


def test_threads_find_what_python_finds(node, chromium, site, expected):
    """Served by `lprnet serve`, with its policy of what a page may do."""
    with running(PageServer(site)) as address:
        task = {"chromium": chromium, "address": address, "photos": ["photos/plain.jpg"], "options": {"threads": 2}}
        answer = ran(node, "photo.mjs", **task)
    result = answer["result"]
    assert result["info"]["threads"] == 2 and result["isolated"]
    compare(result["found"][0], expected["plain.jpg"])
    assert answer["said"] == []
    mesh = result["mesh"]
    _, triangles = expected["plain.jpg"][0].layout.trimmed_mesh()
    ours = {tuple(sorted(t)) for t in np.array(mesh["triangles"]).reshape(-1, 3).tolist()}
    assert ours == {tuple(sorted(t)) for t in triangles.tolist()}


def test_a_video_is_followed_as_python_follows_it(node, chromium, site):
    picture = read_image(site / "photos" / "plain.jpg")
    frames = [np.roll(picture, (k, 3 * k), (0, 1)) for k in range(4)]  # it moves, so that smoothing matters
    times = [1000.0, 1040.0, 1070.0, 1110.0]
    for k, frame in enumerate(frames):
        Image.fromarray(frame).save(site / f"frame-{k}.png")
    with running(PageServer(site)) as address:
        task = {"chromium": chromium, "address": address, "photos": [f"frame-{k}.png" for k in range(len(frames))]}
        result = ran(node, "photo.mjs", **task, times=times, options={"threads": 1})["result"]
    net = LPRNet(NETWORKS / "open.tflite", closer_look=NETWORKS)
    tracker = FaceTracker(net, max_faces=3, expressions=True)
    steps = [1 / 30, *np.diff(times) / 1000]
    for found, frame, dt in zip(result["found"], frames, steps, strict=True):
        tracked = tracker(frame, float(dt))
        assert [face["id"] for face in found["faces"]] == [face.id for face in tracked] == [0]
        compare(found, [face.face for face in tracked], [face.coefficients for face in tracked])


def test_a_photo_of_over_4096_pixels_is_found_in_its_own_pixels(node, chromium, site, expected):
    large = read_image(site / "photos" / "plain.jpg").repeat(10, 0).repeat(10, 1)
    Image.fromarray(large).save(site / "large.jpg", quality=90)
    with running(PageServer(site)) as address:
        task = {"chromium": chromium, "address": address, "photos": ["large.jpg"], "options": {"threads": 1}}
        (found,) = ran(node, "photo.mjs", **task)["result"]["found"]
    (face,) = expected["plain.jpg"]
    assert (found["width"], found["height"]) == (5120, 5120)
    places = (np.array(found["faces"][0]["landmarks"]).reshape(-1, 3)[:, :2] + 0.5) / 10 - 0.5
    assert np.abs(places - face.landmarks[:, :2]).max() < 1.0  # the closer look sees other pixels


def test_a_static_host_has_threads_and_needs_no_network_later(node, chromium):
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: make web")
    answer = ran(node, "offline.mjs", chromium=chromium, folder=str(PAGE))
    first, offline = answer["result"]["first"], answer["result"]["offline"]
    assert first["isolated"] and first["controlled"] and "ready" in first["state"]
    assert first["visits"] == 2, "the service worker adds the headers when the page is loaded once more"
    assert offline["isolated"] and offline["controlled"] and "ready" in offline["state"]


@pytest.mark.parametrize(("change", "code", "words"), [
    ("truncate", "damaged", "open.bin is damaged"),
    ("alter", "damaged", "open.bin is damaged"),
    ("remove", "load", "open.bin is not there"),
    ("no manifest", "load", "manifest.json is not there"),
    ("no worker", "load", "worker.js cannot be run"),
])  # fmt: skip
def test_damaged_and_missing_files_are_named(node, chromium, site, tmp_path, change, code, words):
    shutil.copytree(site, tmp_path / "site", copy_function=os.link)
    files = tmp_path / "site" / "files"
    network = {"no manifest": files / "manifest.json", "no worker": files / "worker.js"}.get(change, files / "open.bin")
    data = bytearray(network.read_bytes())
    network.unlink()  # the other name of the same file stays as it is
    if change == "truncate":
        network.write_bytes(data[: len(data) // 2])
    elif change == "alter":
        data[len(data) // 2] ^= 1
        network.write_bytes(data)
    with running(PageServer(tmp_path / "site")) as address:
        task = {"chromium": chromium, "address": address, "photos": []}
        result = ran(node, "photo.mjs", **task)["result"]
    assert result["error"]["name"] == "FaceError" and result["error"]["code"] == code
    assert words in result["error"]["message"] and "lprnet-files" in result["error"]["message"]
