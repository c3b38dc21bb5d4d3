"""The npm package in a browser: what it finds in photos is what this package finds.

It needs Node, Chromium and what `make web` builds; without one of them the tests are skipped.
"""

import os
import shutil

import numpy as np
import pytest
from found_faces import compare
from PIL import Image
from web_browser import NETWORKS, PAGE, plain_server, ran

from lprnet_utils import LPRNet
from lprnet_utils.commands.serve import PageServer, running
from lprnet_utils.common import read_image
from lprnet_utils.video import FaceTracker

pytestmark = pytest.mark.walk


def test_what_loads_before_the_first_face_is_under_five_megabytes_besides_the_runtime():
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: make web")
    later = "head.glb", "mask-", "face-"  # as in web/page/assets.ts
    files = [path for path in PAGE.rglob("*") if path.is_file() and "wasm" not in path.relative_to(PAGE).parts]
    first = [path for path in files if not (path.parent.name == "page" and path.name.startswith(later))]
    assert 4e6 < sum(path.stat().st_size for path in first) < 5e6


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


def test_a_static_host_has_threads_and_needs_no_network_later(node, chromium, photos, tmp_path):
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: make web")
    task = {"folder": str(PAGE), "photo": str(photos / "nobody.png"), "shots": str(tmp_path)}
    result = ran(node, "offline.mjs", chromium=chromium, **task)["result"]
    first, offline = result["first"], result["offline"]
    assert first["isolated"] and first["controlled"] and "ready" in first["state"]
    assert first["visits"] == 2, "the service worker adds the headers when the page is loaded once more"
    assert offline["isolated"] and offline["controlled"] and "ready" in offline["state"]
    assert result["used"] == {"message": None, "status": "No face found"}
    shown = {path.stem: read_image(path).astype(int) for path in tmp_path.glob("*.png")}
    assert set(shown) == {"none", "mask-tiger", "glasses-round", "swap-captain", "face", "avatar"}
    for name in ("mask-tiger", "glasses-round", "swap-captain"):
        assert (np.abs(shown[name] - shown["none"]).max(2) > 12).mean() > 0.003, name
    assert (np.abs(shown["avatar"] - shown["face"]).max(2) > 12).mean() > 0.05
    assert shown["avatar"].std() > 8


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
