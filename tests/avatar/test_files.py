"""Avatar files: what they hold, and what other software makes of them."""

import io
import shutil
import subprocess

import cv2
import numpy as np
import pytest
import trimesh
from data_files import read_glb
from made_faces import made_face, painted_face, stripes
from three_page import three_page

from lprnet_utils import LPRNet
from lprnet_utils.avatar import VISEMES, Avatar, write_avatar
from lprnet_utils.avatar.files import glb_of
from lprnet_utils.avatar.motion import Motion
from lprnet_utils.avatar.visemes import sided
from lprnet_utils.common import data_path

SMILE = {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7, "jawOpen": 0.3}
VALIDATOR = "gltf-validator@2.0.0-dev.3.10"
VALIDATE = """import {readFileSync} from 'fs'; import {validateBytes} from 'gltf-validator';
const report = await validateBytes(new Uint8Array(readFileSync(process.argv[2])));
console.log(JSON.stringify(report.issues));"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A painted face, its file, and what is in it."""
    face, _ = painted_face(stripes, 0, 15, 0, scale=2.0, size=500, expression=SMILE)
    path = write_avatar(face, tmp_path_factory.mktemp("avatar") / "me.glb", texture=1024, hair="short01")
    return face, path, *read_glb(path)


def mesh_named(tree, name):
    return next(mesh for mesh in tree["meshes"] if mesh["name"] == name)


def test_file(model, file):
    face, path, tree, arrays = file
    assert path.stat().st_size < 8e6 and [p.name for p in path.parent.iterdir()] == ["me.glb"]
    names = [*model.expression_names, "tongueOut", *VISEMES]
    assert len(names) == 67 and len(set(names)) == 67
    assert {mesh["name"] for mesh in tree["meshes"]} == {"Skin", "Teeth", "Lashes", "Hair", "EyeRight", "EyeLeft"}
    for mesh in (mesh_named(tree, name) for name in ("Skin", "Teeth", "Lashes")):
        assert mesh["extras"]["targetNames"] == names and len(mesh["primitives"][0]["targets"]) == 67
        assert mesh["weights"] == [0] * 67
    (primitive,) = mesh_named(tree, "Skin")["primitives"]
    position = arrays[primitive["attributes"]["POSITION"]]
    assert 0.24 < np.ptp(position[:, 1]) < 0.36, "metres, of a head"
    opened = position + arrays[primitive["targets"][names.index("jawOpen")]["POSITION"]]
    chin = np.argmin(np.linalg.norm(1000 * position - face.layout.landmarks(face.layout.mean_map)[8], axis=1))
    assert opened[chin, 1] < position[chin, 1] - 0.02, "the chin goes down"
    normal = arrays[primitive["attributes"]["NORMAL"]]
    assert np.allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-3)
    assert normal[np.argmax(position[:, 2]), 2] > 0.7 and normal[np.argmin(position[:, 2]), 2] < -0.5, "outward"
    assert "extensionsRequired" not in tree, "any reader of glTF 2.0 reads it"


def test_visemes_are_mixtures_of_expressions(model, file):
    _, _, tree, arrays = file
    (primitive,) = mesh_named(tree, "Skin")["primitives"]
    moves = [arrays[target["POSITION"]] for target in primitive["targets"]]
    names = mesh_named(tree, "Skin")["extras"]["targetNames"]
    assert np.abs(moves[names.index("viseme_sil")]).max() < 1e-6
    for viseme, mixture in VISEMES.items():
        whole = sum(w * moves[names.index(n)] for n, w in sided(mixture, names[:52]).items()) + np.zeros((1, 3))
        assert np.abs(moves[names.index(viseme)] - whole).max() < 4e-4, "but for what is too small to be stored"


def test_skeleton(file):
    _, _, tree, arrays = file
    (skin,) = tree["skins"]
    joints = [tree["nodes"][k] for k in skin["joints"]]
    assert [joint["name"] for joint in joints] == ["Spine2", "Neck", "Head", "RightEye", "LeftEye"]
    parent = {child: node for node in tree["nodes"] for child in node.get("children", ())}
    places = {}
    for number, joint in zip(skin["joints"], joints, strict=True):
        place, node, k = np.array(joint["translation"]), joint, number
        while k in parent:
            node = parent[k]
            k = tree["nodes"].index(node)
            place = place + node["translation"]
        places[joint["name"]] = place
    inverse = arrays[skin["inverseBindMatrices"]].reshape(-1, 4, 4).transpose(0, 2, 1)
    for matrix, place in zip(inverse, places.values(), strict=True):
        assert np.allclose(matrix[:3, 3], -place, atol=1e-5) and np.allclose(matrix[:3, :3], np.eye(3))
    assert places["Spine2"][1] < places["Neck"][1] < places["Head"][1] < places["LeftEye"][1]
    assert places["RightEye"][0] < -0.02 and places["LeftEye"][0] > 0.02
    attributes = mesh_named(tree, "Skin")["primitives"][0]["attributes"]
    weights = arrays[attributes["WEIGHTS_0"]].astype(int)
    position = arrays[attributes["POSITION"]]
    assert (weights.sum(1) == 255).all() and arrays[attributes["JOINTS_0"]].max() <= 2
    assert (weights[position[:, 1] > 0.05, 2] == 255).all(), "the skull turns with the head alone"
    lowest = position[:, 1] < np.quantile(position[:, 1], 0.02)
    assert (weights[lowest, 0] > 60).all(), "the bust stays"


def test_initial_weights_show_the_expression_of_the_photo(tmp_path):
    face, _ = made_face(expression=SMILE)
    tree, _ = read_glb(write_avatar(face, tmp_path / "me.glb", texture=64, as_seen=True, hair=None))
    mesh = mesh_named(tree, "Skin")
    weights = dict(zip(mesh["extras"]["targetNames"], mesh["weights"], strict=True))
    assert weights["mouthSmileLeft"] == pytest.approx(0.7, abs=0.12) and weights["jawOpen"] > 0.2
    assert "Hair" not in {m["name"] for m in tree["meshes"]}


def test_trimesh_reads_it_and_the_texture_is_the_avatars(file):
    face, path, _, _ = file
    scene = trimesh.load(io.BytesIO(path.read_bytes()), file_type="glb", process=False)
    picture = np.array(scene.geometry["Skin"].visual.material.baseColorTexture.convert("RGB")).astype(int)
    assert np.abs(picture - Avatar(face, 1024, "short01").texture).mean() < 4, "a JPEG of it"


def test_what_cannot_be_written_is_refused(tmp_path):
    face, _ = made_face()
    with pytest.raises(ValueError, match=r"choose one of \.glb"):
        write_avatar(face, tmp_path / "me.obj")
    with pytest.raises(FileNotFoundError, match="no folder"):
        write_avatar(face, tmp_path / "nowhere" / "me.glb")
    with pytest.raises(ValueError, match="no hair 'wig'"):
        write_avatar(face, tmp_path / "me.glb", texture=64, hair="wig")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_khronos_validator_is_silent(file, tmp_path):
    npm, node = shutil.which("npm"), shutil.which("node")
    if not (npm and node):
        pytest.skip("no Node on the path")
    done = subprocess.run([npm, "install", "--no-audit", VALIDATOR], cwd=tmp_path, capture_output=True, timeout=120)
    if done.returncode:
        pytest.skip("npm's registry cannot be reached")
    (tmp_path / "validate.mjs").write_text(VALIDATE)
    avatar = Avatar(file[0], 64)
    turns, weights = np.array([[0, 0, 0], [5, 20, -3]]), np.random.default_rng(0).random((2, len(avatar.names)))
    moving = tmp_path / "moving.glb"
    moving.write_bytes(glb_of(avatar, weights[0], Motion(np.array([0.5, 1.0]), turns, weights)))
    for path in (file[1], moving):
        command = [node, "validate.mjs", str(path)]
        report = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert '"numErrors":0,"numWarnings":0' in report, report


@pytest.mark.slow
def test_three_js_draws_and_moves_it(tmp_path):
    (face,) = LPRNet(closer_look=False).reconstruct(data_path("samples/astronaut.jpg"))
    write_avatar(face, tmp_path / "me.glb")
    near = {"target": (0, -0.012, 0), "distance": 0.52}
    with three_page(tmp_path) as page:
        assert "viseme_aa" in page.load("me.glb")["Skin"]
        rest = page.draw(**near).astype(int)
        changed = {}
        for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft", "tongueOut", "viseme_O"):
            moved = page.draw(weights={name: 1.0}, **near).astype(int)
            changed[name] = np.argwhere(np.abs(moved - rest).max(-1) > 40)
        turned = page.draw(turn={"LeftEye": [0, 0.5, 0]}, **near).astype(int)
        looked = np.argwhere(np.abs(turned - rest).max(-1) > 40)
        whole = [page.draw(yaw) for yaw in (0, 90, 180)]
        nodded = page.draw(turn={"Head": [0.4, 0, 0]})
    for name, pixels in changed.items():
        assert len(pixels) > 100, name
    middle = {name: pixels.mean(0) / 400 for name, pixels in changed.items()}
    assert middle["jawOpen"][0] > 0.55 and middle["mouthSmileLeft"][1] > 0.5 and middle["eyeBlinkLeft"][0] < 0.5
    assert 30 < len(looked) < 2000 and looked.mean(0)[1] > 200, "the iris moves, in the person's left eye"
    white = [(picture > 250).all(-1).mean() for picture in whole]
    assert all(0.3 < share < 0.85 for share in white), "a head in each picture"
    assert np.abs(nodded.astype(int) - whole[0]).max(-1)[:200].mean() > 5
    assert cv2.imencode(".png", whole[0])[0]
