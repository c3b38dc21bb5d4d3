"""lprnet photo: avatars with chosen hair and texture, and one avatar of several photos of a person."""

import json
import shutil

import cv2
import numpy as np
import pytest
from data_files import read_glb

from lprnet_utils import LPRNet
from lprnet_utils.avatar.person import PersonShape
from lprnet_utils.commands.main import main
from lprnet_utils.commands.photo_avatars import AvatarLook, color_of
from lprnet_utils.common import data_path
from lprnet_utils.synthetic.same_person import SamePersonFaces


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three photos of one generated person, and one of a wall."""
    folder = tmp_path_factory.mktemp("person")
    for k, photo in enumerate(SamePersonFaces(seed=5).photos(0, 3)):
        bordered = cv2.copyMakeBorder(photo.image, 40, 40, 40, 40, cv2.BORDER_REPLICATE)
        cv2.imwrite(str(folder / f"{k}.png"), cv2.resize(bordered, None, fx=2, fy=2)[..., ::-1])
    cv2.imwrite(str(folder / "wall.png"), np.full((90, 120, 3), 128, np.uint8))
    return folder


def photos(folder, *names):
    return [str(folder / name) for name in names]


def meshes(tree):
    return {mesh["name"]: mesh for mesh in tree["meshes"]}


@pytest.mark.slow
def test_one_avatar_of_several_photos(folder, tmp_path, capsys):
    given = photos(folder, "0.png", "1.png", "2.png", "wall.png")
    assert main(["photo", *given, "-o", str(tmp_path), "--same-person", "--hair", "none"]) == 0
    said = capsys.readouterr().out
    assert "one avatar of 3 photos" in said and f"no face in 1: {given[-1]}" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lprnet", "0.person.glb"], (
        "and nothing else was asked for"
    )
    tree, arrays = read_glb(tmp_path / "0.person.glb")
    assert "Hair" not in meshes(tree)
    net = LPRNet()
    faces = [net.reconstruct(name, 1)[0] for name in given[:3]]
    height = np.ptp(arrays[meshes(tree)["Skin"]["primitives"][0]["attributes"]["POSITION"]][:, 1])
    together = np.ptp(PersonShape.of(faces).skin[:, 1]) / 1000
    alone = np.ptp(PersonShape.of(faces[:1]).skin[:, 1]) / 1000
    assert abs(height - together) < 0.05 * abs(height - alone) + 1e-4, "identity is estimated over all photos"
    assert main(["photo", *given[:2], "-o", str(tmp_path), "--same-person", "--landmarks", "--require-face"]) == 0
    assert (tmp_path / "1.landmarks.txt").exists() and (tmp_path / "0.person.glb").exists()


def test_the_avatar_of_somebody_else_is_not_replaced(tmp_path, folder, capsys):
    out, other = tmp_path / "out", tmp_path / "other"
    other.mkdir()
    for name in ("0.png", "1.png"):
        shutil.copy(folder / name, other / name)
    assert main(["photo", *photos(folder, "0.png", "1.png"), "-o", str(out), "--same-person"]) == 0
    first = (out / "0.person.glb").read_bytes()
    for found in (None, "{"):
        if found:
            (out / ".lprnet" / "0.person.json").write_text(found)  # by an earlier version, or damaged
        assert main(["photo", str(other), "-o", str(out), "--same-person"]) == 2
        assert "0.person.glb is there already, made of other photos" in capsys.readouterr().err
    assert (out / "0.person.glb").read_bytes() == first
    (out / "0.person.glb").unlink()
    for given in (("0.png", "1.png"), ("0.png", "1.png", "2.png")):  # one more photo of the same person
        assert main(["photo", *photos(folder, *given), "-o", str(out), "--same-person", "--hair", "none"]) == 0


@pytest.mark.parametrize("words", ["--max-faces 3", "--dask tcp://127.0.0.1:1"])
def test_options_that_change_nothing_for_one_person_are_refused(words, tmp_path, folder, capsys):
    command = ["photo", *photos(folder, "0.png", "1.png"), "-o", str(tmp_path / "out"), "--same-person"]
    assert main([*command, *words.split()]) == 2
    assert f"{words.split()[0]} changes nothing with --same-person alone" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_hair_and_texture(tmp_path):
    sample = str(data_path("samples/astronaut.jpg"))

    def run(*words):
        assert main(["photo", sample, "-o", str(tmp_path), *words]) == 0
        tree, arrays = read_glb(tmp_path / "astronaut.avatar.glb")
        return meshes(tree), tree, arrays

    run("--avatar", "--glb")
    styled, tree, _ = run("--avatar", "--hair", "long01", "--hair-color", "#c02020", "--avatar-texture", "2048")
    assert (tmp_path / "astronaut.glb").exists(), "another look of the avatar is no reason to make the others again"
    data = (tmp_path / "astronaut.avatar.glb").read_bytes()
    start = 20 + int.from_bytes(data[12:16], "little") + 8

    def picture(material):
        texture = tree["materials"][material]["pbrMetallicRoughness"]["baseColorTexture"]["index"]
        view = tree["bufferViews"][tree["images"][tree["textures"][texture]["source"]]["bufferView"]]
        part = data[start + view["byteOffset"] : start + view["byteOffset"] + view["byteLength"]]
        return cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_UNCHANGED)

    hair = picture(styled["Hair"]["primitives"][0]["material"])
    assert hair[..., 2].mean() > 2 * hair[..., 1].mean(), "red"
    assert picture(styled["Skin"]["primitives"][0]["material"]).shape[:2] == (2048, 2048)
    assert "Hair" not in run("--avatar", "--hair", "none")[0]
    note = json.loads((tmp_path / ".lprnet" / "astronaut.json").read_text())
    assert note["kinds"] == ["avatar:hair=none", "glb"]
    assert "Hair" in run("--avatar")[0], "the usual hair, though there is an avatar with another look"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hair", "none"], "--hair: no avatar is asked for, add --avatar or --same-person"),
        (["--glb", "--hair-color", "red", "--avatar-texture", "2048"], "--hair-color and --avatar-texture: no avatar"),
        (["--avatar", "--hair", "mohawk"], "--hair mohawk: there is afro01"),
        (["--avatar", "--hair", "none", "--hair-color", "red"], "--hair none draws no hair"),
        (["--avatar", "--hair-color", "reddish"], '--hair-color reddish is no colour: give a name such as brown'),
        (["--same-person"], "--same-person needs two photos or more of the person"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_before_anything_is_done(words, message, tmp_path, capsys):
    sample = str(data_path("samples/astronaut.jpg"))
    assert main(["photo", sample, "-o", str(tmp_path / "out"), *words]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_no_face_in_any_photo_of_the_person(folder, tmp_path, capsys):
    other = tmp_path / "floor.png"
    other.write_bytes((folder / "wall.png").read_bytes())
    words = ["photo", str(folder / "wall.png"), str(other), "-o", str(tmp_path / "out"), "--same-person"]
    assert main(words) == 2 and "no photo shows a face, so there is no avatar" in capsys.readouterr().err


def test_a_texture_of_another_size_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["photo", "me.jpg", "-o", "out", "--avatar", "--avatar-texture", "512"])
    assert "invalid choice: 512" in capsys.readouterr().err


def test_looks():
    for look in (AvatarLook(), AvatarLook("none", None, 2048), AvatarLook("afro01", (1, 2, 3))):
        assert AvatarLook.of_kind(look.kind) == look
    for kind in ("avatar:hat=1", "avatar:texture", "avatar:texture=(", "avatar:texture=x"):
        assert AvatarLook.of_kind(kind) == AvatarLook()
    assert color_of("#102030") == (16, 32, 48) and color_of(" Brown ") == (165, 42, 42) and color_of(None) is None
    assert AvatarLook().kind == "avatar" and AvatarLook("none", None, 2048).kind == "avatar:hair=none:texture=2048"
