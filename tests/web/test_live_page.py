"""The built page, as `lprnet serve` serves it, in the hands of a reader.

It needs Node, Chromium and what `make web` builds; without one of them the tests are skipped.
"""

import base64
import csv
import json
import os
import shutil

import cv2
import numpy as np
import pytest
from found_faces import DOTS, near
from web_browser import NETWORKS, PAGE, ran

from lprnet_utils import LPRNet
from lprnet_utils.commands.serve import PageServer, running
from lprnet_utils.common import data_path, read_image

FRAMES = 60
CAMERA = (640, 480)
FAKE_CAMERA = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"
SCREENS = (320, 568), (360, 740), (390, 844), (768, 1024), (844, 390), (900, 700), (1010, 700), (1280, 800)
CORNERS = np.float32([[24, 24], [488, 24], [24, 488]])  # of the sample, where it has coloured squares
COLOURS = ((255, 0, 255), (0, 255, 0), (255, 255, 0))  # RGB
PHONE = {"viewport": {"width": 390, "height": 844}, "deviceScaleFactor": 2, "isMobile": True, "hasTouch": True}
STILL = {"viewport": {"width": 1280, "height": 800}, "reducedMotion": "reduce"}
SETTINGS = {"light": {"colorScheme": "light"}, "dark": {"colorScheme": "dark"}, "phone": PHONE}


@pytest.fixture(scope="module")
def browse(node, chromium):
    """Opens the page, plays a scene of web/tests/browser, and gives its result."""
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: make web")

    def play(scene, script="live.mjs", page=PAGE, console=(), **task):
        with running(PageServer(page)) as address:
            answer = ran(node, script, chromium=chromium, address=address, scene=scene, **task)
        unexpected = [line for line in answer["said"] if not any(word in line for word in console)]
        assert unexpected == [], "nothing else is written to the console"
        assert len(answer["requests"]) > 10, "all requests are told"
        return answer["result"]

    return play


@pytest.fixture(scope="module")
def sample():
    return read_image(data_path("samples/astronaut.jpg"))


def marked(picture):
    """The sample with three coloured squares, by which it is found in a picture of the screen."""
    out = picture.copy()
    for (x, y), colour in zip(CORNERS.astype(int).tolist(), COLOURS, strict=True):
        cv2.rectangle(out, (x - 16, y - 16), (x + 16, y + 16), colour, -1)
    return out


@pytest.fixture(scope="module")
def clip(sample, tmp_path_factory):
    """A camera's pictures, which repeat: the sample moves to and fro and comes nearer."""
    path = tmp_path_factory.mktemp("clip") / "camera.mjpeg"
    with path.open("wb") as file:
        for k in range(FRAMES):
            turn = 2 * np.pi * k / FRAMES
            scale = 0.86 + 0.04 * np.cos(turn)
            shift = np.array([100 + 60 * np.sin(turn), 16 + 8 * np.sin(2 * turn)])
            matrix = np.float64([[scale, 0, shift[0]], [0, scale, shift[1]]])
            frame = cv2.warpAffine(
                marked(sample), matrix, CAMERA, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
            )
            good, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
            assert good
            file.write(data)
    return path


def decoded(view):
    """A picture of the screen that came as text."""
    data = np.frombuffer(base64.b64decode(view), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR).astype(int)


def cut(picture, box):
    x, y, width, height = (round(box[name]) for name in ("x", "y", "width", "height"))
    return picture[y : y + height, x : x + width]


def placed(picture):
    """The similarity, 2 x 3, that brings the marked sample into a picture of it, by its coloured squares."""
    places = [np.argwhere(near(picture, colour)).mean(0)[::-1] for colour in COLOURS]
    return cv2.getAffineTransform(CORNERS, np.float32(places))


@pytest.mark.walk
def test_a_face_before_the_camera_is_followed_and_drawn(browse, clip, sample, tmp_path, capsys):
    flags = [*FAKE_CAMERA, f"--use-file-for-fake-video-capture={clip}"]
    result = browse("camera", flags=flags, folder=str(tmp_path))
    with capsys.disabled():
        print(f"\ncamera: {result['rate']}; {result['runtime']}; {json.dumps(result['parts'])}")
    assert result["status"] == "1 face found" and not result["noFace"]
    assert (result["label"], result["after"]) == ("Stop camera", "Start camera")
    assert float(result["rate"].removesuffix(" fps")) > 0
    parts = ["Take the picture", "Network", "Look closer", "Expressions", "Draw the picture", "Draw in 3D"]
    assert all(result["parts"][part] > 0 for part in parts)
    assert result["parts"]["From picture to face"] > result["parts"]["Network"]

    (face,) = LPRNet(NETWORKS / "open.tflite", closer_look=NETWORKS).reconstruct(marked(sample))
    screens = [read_image(tmp_path / f"camera-{k}.png") for k in range(4)]
    centres = []
    for screen in screens:
        shown = cut(screen, result["stage"])[:, ::-1]  # the camera is shown as a mirror
        matrix = placed(shown)
        expected = np.c_[face.landmarks[:, :2], np.ones(68)] @ matrix.T
        away = cv2.distanceTransform((~near(shown, DOTS, 50)).astype(np.uint8), cv2.DIST_L2, 5)
        inside = np.clip(expected.round().astype(int), 0, np.array(shown.shape[1::-1]) - 1)
        width = np.ptp(expected[:17, 0])
        assert np.median(away[inside[:, 1], inside[:, 0]]) < 0.03 * width, "the landmarks lie on the face"
        assert near(shown, DOTS, 50).mean() < 0.05
        centres.append(expected.mean(0))
    assert np.ptp(np.array(centres), axis=0).max() > 5, "the face moves"
    views = [cut(screen, result["viewer"]).astype(int) for screen in screens]
    for view in views:
        skin = (view[..., 0] > view[..., 2] + 25) & (view[..., 0] > 90)
        assert 0.04 < skin.mean() < 0.7, "the face is drawn in 3D"
    assert np.abs(views[0] - views[2]).max() > 30

    assert set(result["files"]) == {"weights.csv", "avatar.glb"}
    rows = list(csv.DictReader((tmp_path / "weights.csv").open()))
    assert len(rows) >= 2 and "jawOpen" in rows[0]
    assert (tmp_path / "avatar.glb").read_bytes()[:4] == b"glTF"


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "title"), [
    (["--use-fake-device-for-media-stream", "--deny-permission-prompts"], "The camera is not allowed"),
    (["--use-fake-ui-for-media-stream"], "No camera found"),
])  # fmt: skip
def test_a_camera_that_does_not_come_is_said(browse, flags, title):
    result = browse("withoutCamera", flags=flags)
    assert result["message"].startswith(title) and len(result["message"]) > len(title) + 20
    assert result["closed"]
    assert result["button"] == "Start camera" and result["status"] == "1 face found", "the sample stays"


@pytest.mark.slow
def test_a_photo_without_a_face_is_said(browse, tmp_path):
    cv2.imwrite(str(tmp_path / "nobody.png"), np.full((300, 400, 3), 90, np.uint8))
    result = browse("photo", photo=str(tmp_path / "nobody.png"), folder=str(tmp_path))
    assert result["status"] == "No face found"
    assert result["noFace"].startswith("No face found") and "larger" in result["noFace"]
    assert result["chips"] == [] and result["message"] is None
    assert result["note"] == "There is no face to save yet."


@pytest.mark.slow
def test_a_file_that_is_no_picture_is_said(browse, tmp_path):
    (tmp_path / "letter.jpg").write_text("This is a letter.")
    result = browse("notAPicture", photo=str(tmp_path / "letter.jpg"))
    assert result["message"].startswith("This browser cannot read this file")
    assert result["status"] == "1 face found", "the sample stays"


@pytest.mark.slow
def test_two_faces_have_a_number_each(browse, sample, tmp_path):
    smaller = cv2.resize(sample[:, ::-1], None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    both = np.full((512, 512 + smaller.shape[1], 3), 128, np.uint8)
    both[:, :512] = sample
    both[: smaller.shape[0], 512:] = smaller
    cv2.imwrite(str(tmp_path / "two.png"), both[..., ::-1])
    result = browse("photo", photo=str(tmp_path / "two.png"), folder=str(tmp_path))
    assert result["status"] == "2 faces found" and result["noFace"] is None
    assert result["chips"] == ["1", "2"]
    assert result["pressed"] == [["true", "false"], ["false", "true"]]
    assert 0 < result["boxes"][0] < 0.5 < result["boxes"][1] < 1, "the larger face, at the left, is number one"
    shown = [read_image(tmp_path / f"face-{k}.png").astype(int) for k in range(2)]
    assert np.abs(shown[0] - shown[1]).max() > 60, "the 3D view shows the chosen one"


@pytest.mark.slow
def test_a_truncated_model_is_named(browse, tmp_path):
    shutil.copytree(PAGE, tmp_path / "page", copy_function=os.link)
    network = tmp_path / "page" / "files" / "open.bin"
    data = network.read_bytes()
    network.unlink()  # the other name of the same file stays as it is
    network.write_bytes(data[: len(data) // 2])
    result = browse("broken", page=tmp_path / "page")
    assert "failed" in result["state"]
    assert result["message"].startswith("A file of the face models is damaged open.bin: ")
    assert result["message"].endswith("Load again")


@pytest.mark.slow
def test_a_phone_shows_all_of_it(browse, tmp_path):
    result = browse("phone", context=PHONE, folder=str(tmp_path))
    for tab, found in result["tabs"].items():
        assert found["scrollWidth"] <= found["width"] == 390, tab
        assert found["wide"] == [] and found["small"] == [], tab
    viewer, stage, dock = result["viewer"], result["stage"], result["dock"]
    assert viewer["y"] + viewer["height"] <= stage["y"], "the face in 3D stands above the picture"
    assert stage["y"] + stage["height"] <= dock["y"] and dock["y"] + dock["height"] <= 844
    assert min(viewer["height"], stage["height"]) > 150


@pytest.mark.slow
def test_no_control_reaches_out_of_its_card_on_any_screen(browse):
    for place, found in browse("widths", screens=SCREENS).items():
        assert found["scrollWidth"] <= found["width"], place
        assert found["wide"] == found["outside"] == found["squeezed"] == found["small"] == [], place


@pytest.fixture(scope="module")
def letter(tmp_path_factory):
    """A file that is no picture and no video, under names of both."""
    folder = tmp_path_factory.mktemp("letters")
    names = [folder / "letter.jpg", folder / "letter.mp4"]
    for path in names:
        path.write_text("This is a letter.")
    return [str(path) for path in names]


@pytest.fixture(scope="module")
def nobody(tmp_path_factory):
    path = tmp_path_factory.mktemp("nobody") / "nobody.png"
    cv2.imwrite(str(path), np.full((300, 400, 3), 90, np.uint8))
    return path


def video(path, picture, size):
    """A short video of a picture."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"VP80"), 10, size)
    frame = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., ::-1]
    for _ in range(15):
        writer.write(frame)
    writer.release()
    return str(path)


@pytest.mark.slow
def test_the_camera_goes_on_when_a_file_cannot_be_read(browse, clip, letter, sample, tmp_path):
    sizes = {"wide": (640, 480), "tall": (360, 480), "again": (640, 480)}
    videos = [video(tmp_path / f"{name}.webm", sample, size) for name, size in sizes.items()]
    flags = [*FAKE_CAMERA, f"--use-file-for-fake-video-capture={clip}"]
    console = ["ERR_INTERNET_DISCONNECTED"]  # the sample is kept from coming
    task = {"flags": flags, "broken": letter, "videos": videos, "folder": str(tmp_path)}
    result = browse("live", "choices.mjs", console=console, **task)
    for state in result["broken"]:
        assert (state["label"], state["mirrored"]) == ("Stop camera", True), "the camera still runs"
        assert state["message"].startswith("This browser cannot read this file")
    picture = read_image(result["picture"])
    left, right = (np.argwhere(near(picture, colour)).mean(0)[1] for colour in COLOURS[:2])
    assert left < right - 100, "the picture is saved as the landmarks are: not mirrored"
    assert result["note"] == "Saved picture.png, not mirrored"
    assert result["stopped"]["label"] == "Start camera", "it ends at once, whether or not the sample comes"
    assert result["stopped"]["message"].startswith("This file was not kept for offline use")
    assert result["shapes"] == pytest.approx([w / h for w, h in sizes.values()], rel=0.02)
    assert result["video"] == {"label": "Start camera", "mirrored": False, "message": None}


@pytest.mark.slow
def test_photos_follow_one_another(browse, sample, nobody, tmp_path):
    large = sample.repeat(6, 0).repeat(6, 1)  # 3072 pixels: more than the page works with
    cv2.imwrite(str(tmp_path / "large.jpg"), large[..., ::-1])
    task = {"nobody": str(nobody), "large": str(tmp_path / "large.jpg"), "folder": str(tmp_path)}
    result = browse("photos", "choices.mjs", console=["ERR_INTERNET_DISCONNECTED"], context=STILL, **task)
    assert all(result["parts"][part] > 0 for part in ("Network", "Look closer", "Expressions", "From picture to face"))
    before, after, without = (decoded(view) for view in result["views"])
    assert (np.abs(before - without).max(2) > 40).sum() > 100, "the rays of the gaze are drawn"
    assert (np.abs(before - after).max(2) > 40).sum() < 20, "also after a photo without a face"
    rows = list(csv.DictReader(open(result["landmarks"])))
    found = np.array([[float(row[axis]) for axis in "xy"] for row in rows])
    (face,) = LPRNet(NETWORKS / "open.tflite", closer_look=NETWORKS).reconstruct(sample)
    assert np.abs((found + 0.5) / 6 - 0.5 - face.landmarks[:, :2]).max() < 1.5, "in pixels of the file"
    assert result["note"] == "Saved landmarks.csv, in pixels of the original: 3072 x 3072"
    assert result["offline"]["message"].startswith("This file was not kept for offline use")


@pytest.mark.slow
def test_a_mask_and_a_head_of_ones_own(browse, letter, nobody):
    task = {"letter": letter[0], "mask": str(nobody), "model": str(PAGE / "files" / "page" / "head.glb")}
    result = browse("own", "choices.mjs", **task)
    assert (result["asked"], result["chosen"]) == (2, ["none", "none", "none"])
    assert result["refused"].startswith("This browser cannot read this file")
    assert result["afterwards"] is None, "the message goes when a mask has come"
    assert result["stays"], "the bundled head, which comes later, does not replace it"


@pytest.mark.slow
def test_nothing_can_be_pressed_in_vain_while_the_models_load(browse, nobody):
    data = base64.b64encode(nobody.read_bytes()).decode()
    result = browse("loading", "choices.mjs", nobody=f"data:image/png;base64,{data}")
    assert result["early"] == 0 and result["later"] == result["all"] > 10
    assert result["kept"] and result["note"].startswith("nobody.png opens when")
    assert result["status"] == "No face found", "it was opened"


@pytest.mark.slow
def test_every_view_effect_and_file(browse, sample, tmp_path):
    result = browse("everything", folder=str(tmp_path))
    assert result["message"] is None
    plain = read_image(tmp_path / "effect-none.png").astype(int)
    shown = {"none": plain}
    for effect in result["effects"]:
        picture = read_image(tmp_path / f"effect-{effect.replace(':', '-')}.png").astype(int)
        assert all((np.abs(picture - other).max(2) > 12).mean() > 0.003 for other in shown.values()), effect
        shown[effect] = picture
    views = {name: read_image(tmp_path / f"view-{name}.png").astype(int) for name in [*result["views"], "avatar"]}
    for name, view in views.items():
        assert view.std() > 8, name
        assert all((np.abs(view - other).max(2) > 12).mean() > 0.01 for n, other in views.items() if n != name), name
    (face,) = LPRNet(NETWORKS / "open.tflite", closer_look=NETWORKS).reconstruct(sample)
    fitted = face.coefficients
    shown = zip(fitted.names, fitted.expression.clip(0, 1), fitted.supported, strict=True)
    assert result["bars"] == pytest.approx({n: w for n, w, good in shown if good}, abs=0.02)
    assert (tmp_path / result["files"]["glb"]).read_bytes()[:4] == b"glTF"
    height, width = read_image(tmp_path / result["files"]["picture"]).shape[:2]
    assert (width, height) == (512, 512)
    assert read_image(tmp_path / result["files"]["texture"]).shape[:2] == (1024, 1024)
    assert len(list(csv.reader((tmp_path / result["files"]["landmarks"]).open()))) == 69
    assert "jawOpen" in (tmp_path / result["files"]["weights"]).read_text()


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
def test_axe_finds_no_violation(browse, setting):
    result = browse("axe", "access.mjs", context=SETTINGS[setting])
    for state, found in result.items():
        assert found["violations"] == [], state
        assert found["passes"] > 15, state


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["light", "phone"])
def test_the_keyboard_reaches_everything(browse, setting):
    result = browse("keyboard", "access.mjs", context=SETTINGS[setting])
    assert result["missed"] == {"face": [], "effects": [], "avatar": [], "save": []}
    assert result["unmarked"] == [], "one sees where one is"
    assert (result["home"], result["view"]) == ("tab-face", "clay")
    assert result["turned"] and result["speed"]
    order = result["order"]
    assert order.index("camera") < order.index("viewer"), "the picture comes before the 3D view, as on a wide screen"
