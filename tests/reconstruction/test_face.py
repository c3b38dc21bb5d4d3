"""``Face``, for faces with known shape and pose."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from made_faces import made_face, mean_vertices

from lprnet_utils.geometry import border_loops, rotation_distance, vertex_normals
from lprnet_utils.geometry.shading import PICTURE_WIDTH_MM
from lprnet_utils.reconstruction.draw import render


def test_the_known_pose_is_recovered():
    for angles in ((0, 0, 0), (12, -35, 8), (-10, 75, 20)):
        face, camera = made_face(*angles)
        assert rotation_distance(face.pose.camera.rotation, camera.rotation) < 0.01
        assert (face.pose.pitch, face.pose.yaw, face.pose.roll) == pytest.approx(angles, abs=0.02)
        assert face.pose.matrix.shape == (3, 4) and np.linalg.det(face.pose.matrix[:, :3]) < 0
    identity = np.random.default_rng(0).normal(size=80)
    face, camera = made_face(5, 40, 0, identity)
    assert rotation_distance(face.pose.camera.rotation, camera.rotation) < 6, "for an unknown person"


@pytest.mark.parametrize("size", [0, 1, -3, 2.5, 9000])
def test_textures_of_impossible_sizes_are_refused(size):
    face, _ = made_face()
    for use in (face.texture, face.texture_mask):
        with pytest.raises(ValueError, match="whole number from 2 to 8192"):
            use(size)


def test_frontal_removes_the_pose():
    face, _ = made_face(10, 50, -15)
    assert np.abs(face.frontal() - mean_vertices()).max() < 0.05
    assert face.vertices.shape[1] == 3 and face.triangles.max() == len(face.vertices) - 1


def test_colours_are_the_photos():
    face, _ = made_face(0, 20, 0)
    assert np.abs(face.colors[:, :2] - face.vertices[:, :2] * 255 / 300).max() < 2
    assert (face.colors[:, 2] == 77).all()


def test_visibility_follows_the_turn():
    front = mean_vertices()
    left, right = front[:, 0] < -45, front[:, 0] > 45  # cheeks, by the side of the image
    turned, _ = made_face(0, 60, 0)  # the nose points to the left of the image: that side is hidden
    assert turned.visible[right].mean() > 0.95 and turned.visible[left].mean() < 0.3
    frontal, _ = made_face()
    assert frontal.visible[np.abs(front[:, 0]) < 40].mean() > 0.93


@pytest.mark.parametrize("ending", ["glb", "obj", "ply"])
def test_mesh_files_are_right_handed_metres_and_open_again(tmp_path, ending):
    face, _ = made_face(0, 30, 0)
    face.mesh().export(tmp_path / f"face.{ending}")
    mesh = trimesh.load(tmp_path / f"face.{ending}", force="mesh", process=False)
    assert len(mesh.vertices) == len(face.vertices) and len(mesh.faces) == len(face.triangles)
    assert 0.16 < np.ptp(mesh.vertices[:, 1]) < 0.2, "the height of a face in metres"
    nose, chin = face.landmarks[30], face.landmarks[8]
    assert nose[1] < chin[1], "y down in the photo"
    tip, base = (mesh.vertices[np.linalg.norm(face.vertices - p, axis=1).argmin()] for p in (nose, chin))
    assert tip[1] > base[1] and tip[2] > base[2], "y up in the file, z toward the viewer"
    outward = (mesh.face_normals * (mesh.triangles_center - [0, 0, -0.08])).sum(1) > 0
    assert outward.mean() > 0.95, "counter-clockwise from outside"
    assert np.abs(mesh.visual.vertex_colors[:, :3].astype(int) - face.colors).max() <= 1


def test_the_membrane_closes_the_face_and_is_optional(tmp_path):
    face, _ = made_face(0, 30, 0)
    closed, open_ = face.mesh(), face.mesh(membrane=False)
    assert len(border_loops(closed.faces)) == 1, "the outer border alone"
    assert len(border_loops(open_.faces)) == 4, "two eyes and a mouth more"
    assert len(open_.vertices) < len(closed.vertices)
    assert {*map(tuple, open_.vertices)} <= {*map(tuple, closed.vertices)}, "the skin stays the same"
    for membrane, mesh in ((True, closed), (False, open_)):
        for ending in ("glb", "obj", "ply"):
            path = face.save(tmp_path / f"{membrane}.{ending}", texture=64, membrane=membrane)
            assert len(trimesh.load(path, force="mesh", process=False).faces) == len(mesh.faces), path.name
        with np.load(face.save(tmp_path / f"{membrane}.npz", membrane=membrane)) as file:
            assert len(file["triangles"]) == len(mesh.faces)
            assert {len(file[n]) for n in ("vertices", "colors", "visible", "uv")} == {len(mesh.vertices)}
    # a rendering has no holes either: eyes and mouth are drawn
    front = render(face, 200)
    marks = face.pose.camera.unproject(face.landmarks)
    middle = (face.frontal().min(0) + face.frontal().max(0)) / 2
    for part in (slice(36, 42), slice(42, 48), slice(60, 68)):
        x, y, _ = np.rint((marks[part].mean(0) - middle) * [1, -1, 1] * 200 / PICTURE_WIDTH_MM + 99.5).astype(int)
        assert (front[y - 1 : y + 2, x - 1 : x + 2] < 250).all()


def test_visible_landmarks():
    frontal, _ = made_face()
    assert frontal.landmarks_visible.all()
    left, _ = made_face(0, 55, 0)  # the nose points to the left of the image and hides what lies beyond it
    right, _ = made_face(0, -55, 0)
    assert not left.landmarks_visible[:6].any() and left.landmarks_visible[[8, 16, 30, 45, 54]].all()
    assert not right.landmarks_visible[11:17].any() and right.landmarks_visible[[8, 0, 30, 36, 48]].all()


def test_pictures_agree_with_the_map():
    face, camera = made_face(8, 35, -10)
    depth, pncc, uv, region = face.depth_map(), face.pncc(), face.uv_coordinates(), face.region()
    assert depth.shape == region.shape == (300, 300) and pncc.shape == uv.shape == (300, 300, 3)
    assert depth.dtype == pncc.dtype == uv.dtype == np.float32
    assert (np.isfinite(depth) == region).all() and ((uv[..., 2] > 0.5) == region).all()
    assert (pncc[~region] == 0).all() and 0 <= pncc.min() and pncc.max() <= 1
    # a pixel near a visible vertex that faces the camera has its values, apart from the change over one pixel
    x, y = np.rint(face.vertices[:, :2]).astype(int).T
    facing = vertex_normals(face.vertices * [1, -1, 1], face.triangles)[:, 2]
    plain = face.visible & (facing > 0.7) & region[y, x]
    mean = mean_vertices()
    surface = face.layout.points(face.layout.mean_map)
    code = (mean - surface.min(0)) / np.ptp(surface, axis=0)
    assert plain.sum() > 5000
    pictures = (depth[..., None], face.vertices[:, 2:], 0.8), (pncc, code, 0.02), (uv[..., :2], face.uv, 0.02)
    for drawn, exact, near in pictures:
        assert np.percentile(np.abs(drawn[y, x] - exact)[plain].max(1), 99) < near
    # the picture shows the nearest surface: hidden vertices lie behind it
    hidden = ~face.visible & np.isfinite(depth[y, x])
    assert hidden.sum() > 300 and (depth[y, x] > face.vertices[:, 2])[hidden].mean() > 0.97
    eye, mouth = face.landmarks[42:48].mean(0), face.landmarks[60:68].mean(0)
    for x, y, _ in np.rint([eye, mouth]).astype(int):
        assert region[y, x], "eyes and mouth are closed"


def test_pictures_of_a_face_at_the_edge_and_in_a_large_photo():
    face, _ = made_face(0, 20, 0)
    shifted = replace(face, position_map=face.position_map - np.float32([120, 90, 0]))
    depth, moved = face.depth_map(), shifted.depth_map()
    assert np.allclose(moved[:210, :180], depth[90:, 120:], atol=1e-3, equal_nan=True), "cut off at the edge"
    gone = replace(face, position_map=face.position_map + np.float32([1000, 0, 0]))
    assert not gone.region().any()
    drawn, region = replace(face, image=np.zeros((3000, 4000, 3), np.uint8)).draw(face.position_map)
    assert max(drawn.shape[:2]) < 300 and region[0].start >= 0, "only the face is drawn"
    assert np.nanmax(np.abs(drawn[..., 2] - depth[region])) < 1e-4
