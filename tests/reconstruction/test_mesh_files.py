"""Mesh files, written and read back."""

import re

import numpy as np
import pytest
import trimesh
from data_files import read_glb
from made_faces import made_face, mean_vertices, painted_face, stripes
from PIL import Image

from lprnet_utils.common.images import sample_colors


def check_stripes(colors, face):
    """Check that visible vertices have the painted colours."""
    off = np.abs(np.asarray(colors, float)[:, :3] - stripes(*face.uv.T))[face.visible]
    assert np.median(off) < 3 and np.percentile(off, 95) < 25


@pytest.mark.usefixtures("painted_skin")
def test_textured_glb(tmp_path):
    face, _ = painted_face(stripes, 0, 20, 0, scale=2.0, size=500)
    path = face.save(tmp_path / "face.glb", texture=256)
    tree, arrays = read_glb(path)
    (primitive,) = tree["meshes"][0]["primitives"]
    uv = arrays[primitive["attributes"]["TEXCOORD_0"]]
    assert np.allclose(uv, face.uv, atol=1e-6), "glTF's v points down, as ours"
    material = tree["materials"][primitive["material"]]
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0 and material["doubleSided"]
    mesh = trimesh.load(path, force="mesh", process=False)
    texture = np.array(mesh.visual.material.baseColorTexture.convert("RGB"))
    assert (texture == face.texture(256)).all()
    check_stripes(sample_colors(texture, uv * 256 - 0.5), face)
    assert np.allclose(mesh.vertices, face.mesh().vertices, atol=1e-6)
    assert (mesh.vertex_normals[face.visible][:, 2] > -0.2).mean() > 0.95


def test_glb_with_a_colour_at_each_vertex_is_linear_and_not_metal(tmp_path):
    face, _ = painted_face(stripes, 0, 20, 0)
    tree, arrays = read_glb(face.save(tmp_path / "face.glb", texture=None))
    (primitive,) = tree["meshes"][0]["primitives"]
    assert tree["materials"][primitive["material"]]["pbrMetallicRoughness"]["metallicFactor"] == 0
    linear = arrays[primitive["attributes"]["COLOR_0"]][:, :3] / 255
    again = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(again - face.colors)[face.colors > 60].max() < 4


def test_obj_with_material_and_texture(tmp_path):
    face, _ = painted_face(stripes, 0, 20, 0, scale=2.0, size=500)
    path = face.save(tmp_path / "my face.obj", texture=256)
    text = path.read_text()
    stem = re.search(r"^mtllib (my_face-\w+)\.mtl$", text, re.MULTILINE)[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["my face.obj", f"{stem}.mtl", f"{stem}.png"]
    assert f"usemtl {stem}" in text
    material = (tmp_path / f"{stem}.mtl").read_text()
    assert f"map_Kd {stem}.png" in material
    values = {name: np.array(v.split(), float) for name, v in re.findall(r"^(K[ds]) (.+)$", material, re.MULTILINE)}
    assert values["Kd"].tolist() == [1, 1, 1], "the texture is multiplied by it"
    assert values["Ks"].tolist() == [0, 0, 0], "skin does not shine like plastic"
    uv = np.array([line.split()[1:] for line in text.splitlines() if line.startswith("vt ")], float)
    assert np.allclose(uv, face.uv * [1, -1] + [0, 1], atol=1e-6), "v points up"
    picture = np.array(Image.open(tmp_path / f"{stem}.png").convert("RGB"))
    assert (picture == face.texture(256)).all()
    mesh = trimesh.load(path, force="mesh", process=False)
    assert np.array(mesh.visual.material.image).shape == (256, 256, 3) and len(mesh.faces) == len(face.triangles)
    plain = face.save(tmp_path / "plain.obj", texture=None)
    assert not (tmp_path / "plain.mtl").exists()
    assert np.abs(trimesh.load(plain, process=False).visual.vertex_colors[:, :3].astype(int) - face.colors).max() <= 1


def test_ply_has_colours(tmp_path):
    face, _ = painted_face(stripes, 0, 20, 0)
    mesh = trimesh.load(face.save(tmp_path / "face.ply"), process=False)
    assert (mesh.visual.vertex_colors[:, :3] == face.colors).all()
    assert np.allclose(mesh.vertices, face.mesh().vertices, atol=1e-6)


@pytest.mark.parametrize("frontal", [False, True])
def test_the_camera_of_an_npz_leads_back_to_the_photo(tmp_path, frontal):
    face, camera = made_face(10, 30, -5)
    with np.load(face.save(tmp_path / "face.npz", frontal=frontal), allow_pickle=False) as file:
        names = "vertices triangles colors visible uv landmarks landmarks_visible pose camera"
        assert set(file) == set(names.split())
        matrix = file["camera"]
        for name in ("vertices", "landmarks"):
            assert np.abs(file[name] @ matrix[:, :3].T + matrix[:, 3] - getattr(face, name)).max() < 1e-3
        assert np.allclose(file["vertices"], face.mesh(frontal=frontal).vertices, atol=1e-6)
        assert file["pose"] == pytest.approx([10, 30, -5], abs=0.05)
        assert (file["triangles"] == face.triangles).all() and (file["visible"] == face.visible).all()
        assert np.linalg.det(matrix[:, :3]) < 0, "y up in the file, down in the photo"


def test_frontal_mesh_is_the_mean_face_in_metres():
    face, _ = made_face(10, 50, -15)
    skin = face.layout.points(face.layout.mean_map)
    mesh = face.mesh(frontal=True)
    assert np.abs(mesh.vertices - (mean_vertices() - skin.mean(0)) / 1000).max() < 1e-4
    textured = face.mesh(texture=64, frontal=True)
    assert np.array_equal(textured.vertices, mesh.vertices) and textured.visual.kind == "texture"
    assert face.mesh(colors=False).visual.kind is None


@pytest.mark.parametrize("name", ["a b", "a\tb", "a\u00a0b", "a" * 250, "a " * 125, "a\udcff"])
def test_obj_files_of_similar_names_have_their_own_textures(name, tmp_path):
    for number, stem in enumerate(("a_b", name, "a_")):
        face, _ = painted_face(lambda u, v, k=number: np.full((*u.shape, 3), 60.0 * k), 0, 0, 0)
        try:
            face.save(tmp_path / f"{stem}.obj", texture=16)
        except OSError:
            pytest.skip("this file system has no such names")
    for number, stem in enumerate(("a_b", name, "a_")):
        mtl = re.search(r"^mtllib (.+)$", (tmp_path / f"{stem}.obj").read_text(), re.MULTILINE)[1]
        png = re.search(r"^map_Kd (.+)$", (tmp_path / mtl).read_text(), re.MULTILINE)[1]
        assert abs(np.median(np.asarray(Image.open(tmp_path / png))) - 60 * number) < 9
    assert len(list(tmp_path.iterdir())) == 9
