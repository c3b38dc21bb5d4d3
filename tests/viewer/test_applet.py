"""The applet, operated like a user does: in Python, and in a browser if one is installed."""

import base64
import io
import json
import re
import subprocess
import sys
import threading
import zipfile
from importlib.util import find_spec

import cv2
import ipywidgets as widgets
import numpy as np
import plotly
import plotly.graph_objects as go
import pytest
import trimesh
from chromium import Chromium
from data_files import read_glb

from lprnet_utils.commands import app
from lprnet_utils.commands.main import main
from lprnet_utils.common import data_path, read_image
from lprnet_utils.viewer import PRESETS, FaceApplet
from lprnet_utils.viewer.applet import EXPRESSION_TABS, NO_SAMPLE, uploaded_files
from lprnet_utils.viewer.live_figure import COORDINATE_STEP, LiveFigure

PLOTLY_VERSION = int(plotly.__version__.split(".")[0])  # 5 writes numbers as text, 6 as bytes
needs_voila = pytest.mark.skipif(find_spec("voila") is None, reason="voila is not installed: pip install '.[lab]'")
HOPPER = data_path("samples/grace_hopper.jpg")


@pytest.fixture(scope="module")
def shared():
    return FaceApplet()


@pytest.fixture
def applet(shared):
    """The applet in its initial state: the first photo, its pose and expression."""
    shared.sample.value = NO_SAMPLE
    shared.sample.value = "Eileen Collins"
    shared.shading.value, shared.landmarks.value = "Photo", False
    return shared


def upload(applet, data, name="me.jpg"):
    """Send a file as the front end of the installed ipywidgets, 8 or 7, does."""
    about = {"name": name, "type": "image/jpeg", "size": len(data)}
    if widgets.__version__.startswith("7"):
        button = applet.upload
        button.set_state({"data": [memoryview(data)], "metadata": [about | {"lastModified": 0}]})
        button.set_state({"_counter": button._counter + 1})
    else:
        file = about | {"last_modified": np.datetime64("now").item(), "content": memoryview(data)}
        applet.upload.value = (file,)


def test_uploads_of_both_ipywidgets_are_read():
    seven = {"a.jpg": {"metadata": {"name": "a.jpg", "size": 2}, "content": b"ab"}}
    eight = ({"name": "a.jpg", "type": "image/jpeg", "size": 2, "content": memoryview(b"ab")},)
    assert uploaded_files(seven) == uploaded_files(eight) == [("a.jpg", b"ab")]
    assert uploaded_files({}) == uploaded_files(()) == []


def vertices(data):
    return trimesh.load(io.BytesIO(data), file_type="glb", force="mesh", process=False).vertices


def sent(element):
    """The data that the frame reads from one of its elements."""
    return json.loads(re.fullmatch(r"<script[^>]*>(.*)</script>", element.value, re.DOTALL)[1])


def points(applet):
    """Coordinates (n, 3) of the parts of the view in plotly's axes."""
    parts = [np.frombuffer(base64.b64decode(part), "<i2") * COORDINATE_STEP for part in sent(applet.view.points)]
    return [part.reshape(3, -1).T for part in parts]


def encoded(picture, ending=".png"):
    return cv2.imencode(ending, picture)[1].tobytes()


def test_the_applet_starts_with_a_face(applet):
    assert "Eileen Collins, 512 x 512 pixels: 1 face" in applet.message.value and applet.which.layout.display == "none"
    assert read_image(applet.picture.value).shape[0] > 300
    assert len(applet.view.figure.value) < (500_000 if PLOTLY_VERSION > 5 else 800_000)
    (mesh,) = sent(applet.view.figure)["data"]
    assert mesh["type"] == "mesh3d" and "vertexcolor" in mesh
    (places,) = points(applet)
    assert places.shape == (8084, 3) and 150 < np.ptp(places[:, 2]) < 220, "a face in mm, upright"
    assert applet.pose["pitch"].value == -5 and applet.expressions["mouthSmile"].value > 0.3, "as in the photo"
    tabs = applet.children[3].children[1].children[1]
    assert [tabs.get_title(k) for k in range(3)] == list(EXPRESSION_TABS)


def test_an_upload_is_shown(applet):
    before, figure = applet.picture.value, applet.view.figure.value
    upload(applet, HOPPER.read_bytes(), "<grace>.jpg")
    assert "&lt;grace&gt;.jpg, 512 x 600 pixels: 1 face" in applet.message.value
    assert applet.picture.value != before and applet.view.figure.value != figure and applet.sample.value == NO_SAMPLE
    applet.sample.value = "Eileen Collins"
    assert "Eileen Collins" in applet.message.value


def test_grey_and_large_photos(applet):
    grey = cv2.imread(str(HOPPER), cv2.IMREAD_GRAYSCALE)
    upload(applet, encoded(grey))
    assert "1 face" in applet.message.value
    red, green, blue = applet._colors.astype(int).T
    off = np.maximum(np.abs(red - green), np.abs(red - blue))
    assert np.percentile(off, 95) <= 2, "grey, apart from the dark inside of the mouth"
    upload(applet, encoded(cv2.resize(grey, None, fx=5, fy=5), ".jpg"))
    assert "2560 x 3000 pixels: 1 face" in applet.message.value
    assert max(read_image(applet.picture.value).shape) <= 1000 and len(applet.picture.value) < 500_000


def test_one_of_several_faces(applet):
    hopper, collins = (cv2.imread(str(data_path(f"samples/{name}.jpg"))) for name in ("grace_hopper", "astronaut"))
    upload(applet, encoded(np.hstack([hopper, cv2.resize(collins, (600, 600))]), ".jpg"))
    assert "2 faces" in applet.message.value and applet.which.layout.display == "flex"
    assert [label for label, _ in applet.which.options] == ["1 of 2", "2 of 2"]
    first, picture = points(applet)[0], applet.picture.value
    applet.which.value = 1
    assert np.abs(points(applet)[0] - first).max() > 2 and applet.picture.value != picture
    upload(applet, HOPPER.read_bytes())
    assert applet.which.value == 0 and applet.which.layout.display == "none"


def test_an_unreadable_file_leads_to_a_message(applet):
    before = points(applet)[0]
    for data in (b"no picture", b"", encoded(np.zeros((9, 9, 3), np.uint8))[:50]):
        upload(applet, data, "notes.txt")
        for text in ('role="alert"', "notes.txt cannot be read as a picture", "Still shown: Eileen Collins"):
            assert text in applet.message.value
    applet.front.click()
    assert np.abs(points(applet)[0] - before).max() > 1, "and the applet goes on"


def test_a_photo_without_a_face(applet):
    upload(applet, encoded(np.full((200, 300, 3), 128, np.uint8)), "wall.png")
    assert 'role="alert"' in applet.message.value and "No face was found in wall.png" in applet.message.value
    assert sent(applet.view.figure)["data"] == [] and read_image(applet.picture.value).shape[:2] == (200, 300)
    assert all(button.disabled for button in applet.downloads.values())
    for slider in (applet.pose["yaw"], applet.expressions["jawOpen"]):  # nothing moves, and there is no error
        slider.value = slider.max / 2
    applet.shading.value = "Clay"
    upload(applet, HOPPER.read_bytes())
    assert "1 face" in applet.message.value and not any(button.disabled for button in applet.downloads.values())


def test_sliders_move_the_face(applet):
    applet.front.click()
    (start,) = points(applet)
    assert [slider.value for slider in applet.pose.values()] == [0, 0, 0]
    applet.pose["yaw"].value = 40
    (turned,) = points(applet)
    tip = np.argmin(start[:, 1])  # plotly's y goes into the picture
    assert turned[tip, 0] < start[tip, 0] - 20, "yaw > 0 turns the nose to the left of the image"
    applet.pose["yaw"].value = 0
    applet.expressions["jawOpen"].value = 1.0
    (opened,) = points(applet)
    assert (opened - start)[:, 2].min() < -10 and np.abs(opened - start)[start[:, 2] > 20].max() < 1
    applet.presets["At rest"].click()
    assert applet.expressions["jawOpen"].value == 0 and not applet._weights.any()
    applet.as_seen.click()
    assert applet._weights == pytest.approx(applet._avatar.seen) and applet.pose["roll"].value == 4


def test_a_wink_is_on_one_side(applet):
    applet.presets["Wink"].click()
    names = ("eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft")
    places = [applet._avatar.names.index(name) for name in names]
    assert applet._weights[places[:2]].tolist() == [1, 0] and applet.expressions["eyeBlink"].value == 0.5
    applet.expressions["eyeBlink"].value = 0.8
    assert applet._weights[places[:2]] == pytest.approx(0.8) and applet._weights[places[2]] > 0.6


def test_clay_and_landmarks(applet):
    applet.landmarks.value = True
    _, marks = points(applet)
    assert marks.shape == (68, 3) and [t["type"] for t in sent(applet.view.figure)["data"]] == ["mesh3d", "scatter3d"]
    assert marks[8, 2] < marks[30, 2] < marks[27, 2], "chin, tip and root of the nose"
    applet.shading.value = "Clay"
    assert "vertexcolor" not in sent(applet.view.figure)["data"][0]
    applet.expressions["jawOpen"].value = 0.9
    assert points(applet)[1][8, 2] < marks[8, 2] - 10, "the landmarks move with the mesh"


def test_downloads_have_the_pose_and_expression_of_the_sliders(applet, tmp_path):
    applet.front.click()
    applet.presets["At rest"].click()
    before = vertices(applet.content("glb"))
    applet.expressions["mouthSmile"].value = 1.0
    applet.pose["yaw"].value = 30
    applet.downloads["glb"].click()
    data = base64.b64decode(re.search(r'href="data:model/gltf-binary;base64,([^"]+)"', applet.view.file.value)[1])
    assert 'download="face.glb"' in applet.view.file.value
    assert vertices(data) == pytest.approx(applet._avatar.vertices(applet._weights, (0, 30, 0)) / 1000, abs=1e-6)
    assert np.abs(vertices(data) - before).max() > 0.02
    assert points(applet)[0] == pytest.approx(vertices(data) @ [[1000, 0, 0], [0, 0, 1000], [0, -1000, 0]], abs=0.11)
    with zipfile.ZipFile(io.BytesIO(applet.content("obj"))) as archive:
        assert sorted(archive.namelist()) == ["face.mtl", "face.obj", "face.png"]
        rows = [line.split()[1:] for line in archive.read("face.obj").decode().splitlines() if line.startswith("v ")]
    assert np.array(rows, float)[:, :3] == pytest.approx(vertices(data), abs=1e-6)
    with np.load(io.BytesIO(applet.content("npz"))) as arrays:
        assert arrays["landmarks"].shape == (68, 3)
    (tmp_path / "avatar.glb").write_bytes(applet.content("avatar"))
    tree, _ = read_glb(tmp_path / "avatar.glb")
    assert len(tree["meshes"][0]["extras"]["targetNames"]) == 51


def test_other_weights(applet):
    before = points(applet)[0]
    terms = {"open": "free for any use", "published": "research only", "wild": "research only"}
    assert dict(applet.weights.options) == {f"{name}: {text}": name for name, text in terms.items()}
    applet.weights.value = "wild"
    assert np.abs(points(applet)[0] - before).max() > 1
    applet.weights.value = "open"
    assert points(applet)[0] == pytest.approx(before, abs=COORDINATE_STEP)


def test_a_first_photo_can_be_given():
    applet = FaceApplet(HOPPER)
    assert "your photo, 512 x 600 pixels" in applet.message.value and applet.sample.value == NO_SAMPLE
    applet = FaceApplet(b"no picture")
    assert "your photo cannot be read as a picture" in applet.message.value and applet._avatar is None
    with pytest.raises(ValueError, match="no bundled weights 'none'"):
        FaceApplet(weights="none")


def test_weights_by_name_stand_for_both_sides(applet):
    avatar = applet._avatar
    both = dict(zip(avatar.names, avatar.weights({"eyeBlink": 0.7, "jawOpen": 0.2, "mouthLeft": 0.1}), strict=True))
    found = {name: round(float(w), 2) for name, w in both.items() if w}
    assert found == {"eyeBlinkLeft": 0.7, "eyeBlinkRight": 0.7, "jawOpen": 0.2, "mouthLeft": 0.1}
    for preset in PRESETS.values():
        assert (avatar.weights(preset) > 0).sum() >= len(preset)
    with pytest.raises(ValueError, match="no expression 'grin'"):
        avatar.vertices({"grin": 1.0})


def test_a_live_figure_hides_tags_in_its_data():
    view = LiveFigure("<b>", 300)
    view.show(go.Figure(go.Scatter3d(x=[1], y=[2], z=[3], text="</script><b>")))
    assert view.figure.value.count("<") == 2 and sent(view.figure)["data"][0]["text"] == "</script><b>"
    assert '<iframe title="&lt;b&gt;"' in view.children[0].value
    sent_twice = set()
    for _ in range(2):
        view.move([np.array([[1.04], [-2.0], [0.0]])])
        sent_twice.add(view.points.value)
    assert len(sent_twice) == 2, "each has a new version, by which the frame notices the change"


@needs_voila
def test_the_command_names_what_is_missing(monkeypatch, capsys):
    assert main(["app", "--weights", "none"]) == 2
    assert "no bundled weights 'none'" in capsys.readouterr().err
    monkeypatch.setattr(app, "find_spec", lambda name: None if name == "voila" else find_spec(name))
    assert main(["app"]) == 2
    assert "needs voila: pip install 'lprnet_utils[lab]'" in capsys.readouterr().err


CANVAS = "!!document.querySelector('iframe')?.contentDocument?.querySelector('#figure canvas')"
GLB_BUTTON = "[...document.querySelectorAll('button')].find(b => b.innerText.includes('As shown, .glb'))"
COORDINATES = "Array.from(document.querySelector('iframe').contentDocument.querySelector('#figure').data[0].z)"
SLIDER = "[...document.querySelectorAll('.widget-slider')].find(s => s.innerText.trim().startsWith('{}'))"
HANDLE = f"{SLIDER}.querySelector('.noUi-handle')"


@pytest.mark.walk
@needs_voila
def test_in_a_browser_the_downloaded_file_has_the_pose_and_expression_of_the_sliders(tmp_path):
    with Chromium(tmp_path) as page:
        program = "from lprnet_utils.commands.main import main; main(['app', '--no-browser', '--port', '8899'])"
        command = [sys.executable, "-c", program]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            address = next(filter(None, (re.search(r"http://\S+", line) for line in server.stdout)))[0]
            threading.Thread(target=server.stdout.read, daemon=True).start()  # a full pipe would stop the server
            page.open(address)
            page.wait(CANVAS, 120)
            page.choose_file("document.querySelector('.widget-upload')", HOPPER)
            page.wait("document.body.innerText.includes('grace_hopper.jpg, 512 x 600 pixels: 1 face')")
            page.run(f"{GLB_BUTTON}.click()")
            before = vertices(page.downloaded("face.glb"))
            shown = page.run(f"{COORDINATES}[0]")
            page.keys(HANDLE.format("mouthSmile"), "ArrowRight", 40)
            page.keys(HANDLE.format("pitch"), "ArrowRight", 20)
            page.wait(f"Math.abs({COORDINATES}[0] - {shown}) > 1")
            page.run(f"{GLB_BUTTON}.click()")
            after = vertices(page.downloaded("face.glb"))
            assert after.shape == before.shape == (8084, 3) and np.abs(after - before).max() > 0.005
            saved = (1000 * after[:, 1]).round(2).tolist()
            page.wait(f"(s => {COORDINATES}.every((v, k) => Math.abs(v - s[k]) < 0.12))({saved})")  # so does the view
            page.choose_file("document.querySelector('.widget-upload')", __file__)
            page.wait("document.querySelector('[role=alert]')?.innerText.includes('cannot be read as a picture')")
        finally:
            server.terminate()
            server.wait()
