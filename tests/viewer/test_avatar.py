"""Avatar files, compared with the face model."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from data_files import read_glb
from made_faces import made_face, painted_face, stripes

from lprnet_utils.geometry import border_loops
from lprnet_utils.viewer import Avatar, write_avatar
from lprnet_utils.viewer.avatar import MOUTH_COLOR

SMILE = {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7, "jawOpen": 0.3}


def test_the_person_at_rest(model):
    identity = np.random.default_rng(0).normal(size=80)
    face, _ = made_face(5, -20, 5, identity=identity, expression=SMILE)
    rest, truth = Avatar(face, 64).rest, model.vertices(identity)
    smiling = model.vertices(identity, SMILE)
    off = np.linalg.norm(rest - truth, axis=1)
    assert off.mean() < 0.7 and np.percentile(off, 99) < 2.5  # measured: 0.53
    assert off.mean() < np.linalg.norm(smiling - truth, axis=1).mean() / 4
    # details that the model does not explain stay, such as a bump
    bump = np.linalg.norm(truth - truth[np.argmax(truth[:, 2])], axis=1) < 8
    grown = face.layout.vertices_to_map(face.coefficients.camera.project(smiling + bump[:, None] * [0, 0, 6.0]))
    again = Avatar(replace(face, position_map=grown), 64)
    assert (again.rest - rest)[bump, 2].mean() > 3


def test_file(model, tmp_path):
    face, _ = painted_face(stripes, 0, 15, 0, scale=2.0, size=500, expression=SMILE)
    path = write_avatar(face, tmp_path / "me.glb", texture=256)
    tree, arrays = read_glb(path)
    (mesh,) = tree["meshes"]
    (primitive,) = mesh["primitives"]
    assert mesh["extras"]["targetNames"] == list(model.expression_names) and len(primitive["targets"]) == 51
    assert mesh["weights"] == [0] * 51
    position = arrays[primitive["attributes"]["POSITION"]]
    matrix, _ = Avatar(face, 256).trimmed
    assert len(position) == matrix.shape[0] and 0.16 < np.ptp(position[:, 1]) < 0.2
    for target, shape in zip(primitive["targets"], model.expression, strict=True):
        assert set(target) == {"POSITION"} and np.allclose(arrays[target["POSITION"]], matrix @ shape / 1000, atol=1e-7)
    opened = position + arrays[primitive["targets"][model.expression_names.index("jawOpen")]["POSITION"]]
    chin = np.argmin(np.linalg.norm(matrix @ model.mean - face.layout.landmarks(face.layout.mean_map)[8], axis=1))
    assert opened[chin, 1] < position[chin, 1] - 0.02, "the chin goes down"
    assert np.allclose(arrays[primitive["attributes"]["TEXCOORD_0"]], matrix @ model.uv, atol=1e-6), "v down"
    normal = arrays[primitive["attributes"]["NORMAL"]]
    assert normal[np.argmax(position[:, 2]), 2] > 0.8, "outward"
    assert [p.name for p in tmp_path.iterdir()] == ["me.glb"]
    again = trimesh.load(path, force="mesh", process=False)
    assert len(again.vertices) == len(position) and len(border_loops(again.faces)) == 1, "closed eyes and mouth"
    picture = np.array(again.visual.material.baseColorTexture.convert("RGB"))
    assert np.array_equal(picture, Avatar(face, 256).texture)


def test_initial_weights_show_the_expression_of_the_photo(tmp_path):
    face, _ = made_face(expression=SMILE)
    tree, _ = read_glb(write_avatar(face, tmp_path / "me.glb", texture=64, as_seen=True))
    weights = dict(zip(tree["meshes"][0]["extras"]["targetNames"], tree["meshes"][0]["weights"], strict=True))
    assert weights["mouthSmileLeft"] == pytest.approx(0.7, abs=0.12) and weights["jawOpen"] > 0.2


def test_the_inside_of_a_closed_mouth_is_dark():
    closed, _ = painted_face(lambda u, v: np.full((*u.shape, 3), 200.0), 0, 0, 0)
    texture = Avatar(closed, 128).texture
    dark = np.abs(texture.astype(int) - MOUTH_COLOR).max(-1) < 10
    row, column = np.argwhere(dark).mean(0)
    assert dark.sum() > 50 and abs(column - 63.5) < 3 and 70 < row < 110
    assert (texture[25:60, 25:-25] > 190).all(), "not the eyes"


def test_other_endings_are_refused(tmp_path):
    face, _ = made_face()
    with pytest.raises(ValueError, match=r"choose one of \.glb"):
        write_avatar(face, tmp_path / "me.obj")
    with pytest.raises(FileNotFoundError, match="no folder"):
        write_avatar(face, tmp_path / "nowhere" / "me.glb")
