"""The applet, operated like a user does, in Python; ``test_browser.py`` does so in a browser."""

import base64
import io
import json
import re
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import cv2
import ipywidgets as widgets
import numpy as np
import pytest
import trimesh
from data_files import read_glb

from lprnet_utils.commands import app
from lprnet_utils.commands.main import main
from lprnet_utils.common import data_path, read_image
from lprnet_utils.viewer import PRESETS, FaceApplet
from lprnet_utils.viewer.applet import uploaded_files
from lprnet_utils.viewer.applet_widgets import (
    EXPRESSIONS,
    HAIR_COLORS,
    LABELS,
    NO_HAIR,
    NO_SAMPLE,
    PHOTO_COLOR,
    PHOTO_HAIR,
)
from lprnet_utils.viewer.face_page import COORDINATE_STEP
from lprnet_utils.viewer.face_view import FaceView

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
    shared.shading.value, shared.landmarks.value, shared.side.value = "Photo", False, ""
    shared.hair.value, shared.hair_color.value = PHOTO_HAIR, PHOTO_COLOR
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
    """Coordinates (n, 3) of the parts of the view: x to the right, y up, z toward the viewer."""
    parts = sent(applet.view.points)["parts"]
    return [np.frombuffer(base64.b64decode(part), "<i2").reshape(-1, 3) * COORDINATE_STEP for part in parts]


def read_glb_of(data):
    """The tree and the arrays of a .glb file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.glb"
        path.write_bytes(data)
        return read_glb(path)


def encoded(picture, ending=".png"):
    return cv2.imencode(ending, picture)[1].tobytes()


def test_the_applet_starts_with_a_face(applet):
    assert "Eileen Collins, 512 x 512 pixels: 1 face" in applet.message.value and applet.which.layout.display == "none"
    assert read_image(applet.picture.value).shape[0] > 300
    assert len(applet.view.figure.value) < 1_600_000 and len(applet.view.points.value) < 200_000
    figure = sent(applet.view.figure)
    texture = read_image(base64.b64decode(figure["texture"].split(",")[1]))
    assert np.abs(texture.astype(int) - applet._avatar.texture).mean() < 2
    (places,) = points(applet)
    assert np.frombuffer(base64.b64decode(figure["triangles"]), "<u4").max() == len(places) - 1
    uv = np.frombuffer(base64.b64decode(figure["uv"]), "<f4").reshape(-1, 2)
    assert uv.shape == (len(places), 2) and 0 <= uv.min() < 0.2 and 0.8 < uv.max() <= 1
    same = np.frombuffer(base64.b64decode(figure["same"]), "<u4")
    assert np.array_equal(places[same], places) and len(np.unique(same)) < len(places) - 300, "charts meet"
    assert 15_000 < len(places) < 25_000 and 250 < np.ptp(places[:, 1]) < 360, "a head in mm, upright"
    assert applet.pose["pitch"].value == -4 and applet.expressions["mouthSmile"].value > 0.3, "as in the photo"
    assert [applet.groups.get_title(k) for k in range(6)] == ["Head", *EXPRESSIONS]
    assert applet.expressions["mouthSmile"].description == "Smile"


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
    column, row = np.clip(applet._avatar.shape.model.uv * 0.66 * 1024, 0, 1023).astype(int).T
    red, green, blue = applet._avatar.texture[row, column].astype(int).T
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
    assert sent(applet.view.figure) == {"note": "There is no face in this photo."}
    assert read_image(applet.picture.value).shape[:2] == (200, 300)
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
    tip = np.argmax(start[:, 2])
    assert turned[tip, 0] < start[tip, 0] - 20, "yaw > 0 turns the nose to the left of the image"
    applet.pose["yaw"].value = 0
    applet.expressions["jawOpen"].value = 1.0
    (opened,) = points(applet)
    above = start[:, 1] > start[tip, 1] + 40
    assert (opened - start)[:, 1].min() < -10 and np.abs(opened - start)[above].max() < 1
    applet.presets["At rest"].click()
    assert applet.expressions["jawOpen"].value == 0 and not applet._weights.any()
    applet.as_seen.click()
    assert applet._weights == pytest.approx(applet._avatar.seen) and applet.pose["roll"].value == 3


def test_a_wink_is_on_one_side(applet):
    applet.presets["Wink"].click()
    names = ("eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft")
    places = [applet._avatar.names.index(name) for name in names]
    assert applet._weights[places[:2]].tolist() == [1, 0] and applet.expressions["eyeBlink"].value == 0.5
    applet.expressions["eyeBlink"].value = 0.8
    assert applet._weights[places[:2]] == pytest.approx(0.8) and applet._weights[places[2]] > 0.6


def test_a_slider_can_move_one_side(applet):
    applet.presets["At rest"].click()
    applet.side.value = "Left"
    assert applet.expressions["mouthSmile"].description == "Smile, left"
    assert applet.expressions["jawOpen"].description == "Open", "a jaw has no sides"
    (rest,) = points(applet)
    applet.expressions["mouthSmile"].value = 1.0
    moved = np.abs(points(applet)[0] - rest).max(1)
    assert moved[rest[:, 0] > 15].max() > 5, "the person's left is at the right of the view"
    assert moved[rest[:, 0] < -15].max() < moved.max() / 3
    applet.side.value = "Right"
    assert applet.expressions["mouthSmile"].value == 0, "it shows the other side, and moves nothing"
    assert np.abs(points(applet)[0] - rest).max() == moved.max()
    applet.side.value = ""
    assert applet.expressions["mouthSmile"].value == 0.5
    assert [slider.description for slider in applet.expressions.values()] == list(LABELS.values())


def test_the_gaze_and_the_tongue(applet):
    applet.front.click()
    applet.presets["At rest"].click()
    (rest,) = points(applet)
    names = applet._avatar.names
    applet.gaze["across"].value = 0.8
    raised = {name: round(float(w), 2) for name, w in zip(names, applet._weights, strict=True) if w}
    assert raised == {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8}, "both eyes look to the person's left"
    moved = np.abs(points(applet)[0] - rest).max(1) > 2
    assert moved.sum() > 50 and rest[moved, 2].min() > 0, "the eyeballs turn"
    applet.gaze["across"].value, applet.gaze["up"].value = -0.5, -0.4
    raised = {name for name, w in zip(names, applet._weights, strict=True) if w}
    assert raised == {"eyeLookOutRight", "eyeLookInLeft", "eyeLookDownLeft", "eyeLookDownRight"}
    applet.presets["At rest"].click()
    assert [slider.value for slider in applet.gaze.values()] == [0, 0]
    applet.expressions["tongueOut"].value = 1.0
    assert (points(applet)[0] - rest)[:, 2].max() > 20 and "tongueOut" in LABELS


@pytest.mark.slow
def test_hair_is_chosen_and_drawn(applet):
    applet.front.click()
    figure, rest = sent(applet.view.figure)["hair"], sent(applet.view.points)["hair"]
    applet.hair.value, applet.hair_color.value = "long01", HAIR_COLORS["Red"]
    new, places = sent(applet.view.figure)["hair"], sent(applet.view.points)["hair"]
    assert new["triangles"] != figure["triangles"] and len(places) != len(rest)
    sheet = cv2.imdecode(np.frombuffer(base64.b64decode(new["texture"].split(",")[1]), np.uint8), cv2.IMREAD_UNCHANGED)
    solid = sheet[..., 3] > 128
    assert sheet.shape[2] == 4 and sheet[solid][:, 2].mean() > 1.3 * sheet[solid][:, 0].mean(), "red, and cut out"
    hair = np.frombuffer(base64.b64decode(places), "<i2").reshape(-1, 3) * COORDINATE_STEP
    assert hair[:, 1].min() < -50 and hair[:, 1].max() > 100 and len(hair) > np.frombuffer(
        base64.b64decode(new["triangles"]), "<u4").max()  # fmt: skip
    applet.pose["yaw"].value = 90
    assert sent(applet.view.points)["hair"] != places, "it turns with the head"
    tree, _ = read_glb_of(applet.content("avatar"))
    assert "Hair" in {mesh["name"] for mesh in tree["meshes"]}
    applet.hair.value = NO_HAIR
    assert "hair" not in sent(applet.view.figure) and "hair" not in sent(applet.view.points)
    tree, _ = read_glb_of(applet.content("avatar"))
    assert "Hair" not in {mesh["name"] for mesh in tree["meshes"]}, "the file has the chosen hair"


def test_clay_and_landmarks(applet):
    applet.landmarks.value = True
    _, marks = points(applet)
    assert marks.shape == (68, 3) and marks[8, 1] < marks[30, 1] < marks[27, 1], "chin, tip and root of the nose"
    assert not sent(applet.view.points)["clay"]
    applet.shading.value = "Clay"
    assert sent(applet.view.points)["clay"]
    applet.expressions["jawOpen"].value = 0.9
    assert points(applet)[1][8, 1] < marks[8, 1] - 10, "the landmarks move with the mesh"


def test_downloads_have_the_pose_and_expression_of_the_sliders(applet, tmp_path):
    applet.front.click()
    applet.presets["At rest"].click()
    before = vertices(applet.content("glb"))
    applet.expressions["mouthSmile"].value = 1.0
    applet.pose["yaw"].value = 30
    applet.downloads["glb"].click()
    data = base64.b64decode(re.search(r'href="data:model/gltf-binary;base64,([^"]+)"', applet.view.file.value)[1])
    assert 'download="face.glb"' in applet.view.file.value
    expected = applet._avatar.mesh(applet._weights, (0, 30, 0)).vertices
    assert vertices(data) == pytest.approx(np.array(expected), abs=1e-6)
    assert np.abs(vertices(data) - before).max() > 0.02
    places, written = points(applet)[0], 1000 * vertices(data)
    assert places - places[0] == pytest.approx(written - written[0], abs=0.21), "but for the middle of the view"
    with zipfile.ZipFile(io.BytesIO(applet.content("obj"))) as archive:
        assert sorted(archive.namelist()) == ["face.mtl", "face.obj", "face.png"]
        rows = [line.split()[1:] for line in archive.read("face.obj").decode().splitlines() if line.startswith("v ")]
    assert np.array(rows, float)[:, :3] == pytest.approx(vertices(data), abs=1e-6)
    with np.load(io.BytesIO(applet.content("npz"))) as arrays:
        assert arrays["landmarks"].shape == (68, 3)
    (tmp_path / "avatar.glb").write_bytes(applet.content("avatar"))
    tree, _ = read_glb(tmp_path / "avatar.glb")
    assert {"Skin", "Teeth", "EyeLeft"} < {mesh["name"] for mesh in tree["meshes"]}


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


def test_a_view_hides_tags_in_its_data():
    view = FaceView("<b>")
    view.clear("</script><b>")
    assert view.figure.value.count("<") == 2 and sent(view.figure) == {"note": "</script><b>"}
    assert '<iframe class="lprnet-frame" title="&lt;b&gt;"' in view.children[0].value
    sent_twice = set()
    for _ in range(2):
        view.move([np.array([[1.04, -2.0, 0.0]])])
        sent_twice.add(view.points.value)
    assert len(sent_twice) == 2, "each has a new version, by which the frame notices the change"


@needs_voila
def test_the_command_names_what_is_missing(monkeypatch, capsys):
    assert main(["app", "--weights", "none"]) == 2
    assert "no bundled weights 'none'" in capsys.readouterr().err
    monkeypatch.setattr(app, "find_spec", lambda name: None if name == "voila" else find_spec(name))
    assert main(["app"]) == 2
    assert "needs voila: pip install 'lprnet_utils[lab]'" in capsys.readouterr().err
