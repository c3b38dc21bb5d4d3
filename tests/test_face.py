"""The result object, on faces whose truth is known."""

import numpy as np
import pytest
import trimesh

from lprnet_utils.face import Face
from lprnet_utils.face_model import MorphableModel
from lprnet_utils.geometry import Camera, rotation_distance, rotation_matrix, vertex_normals
from lprnet_utils.uv import UVLayout
from lprnet_utils.viewer import decimated, draw_landmarks, face_figure, render


def made_face(pitch=0.0, yaw=0.0, roll=0.0, identity=(), size=300):
    layout, model = UVLayout(), MorphableModel.load()
    camera = Camera(rotation_matrix(pitch, yaw, roll), 1.1, np.array([size / 2, size / 2 + 8, 0.0]))
    position = layout.vertices_to_map(camera.project(model.vertices(identity)))
    y, x = np.mgrid[0:size, 0:size]
    photo = np.stack([x * 255 // size, y * 255 // size, np.full_like(x, 77)], -1).astype(np.uint8)
    return Face(position, 1.0, np.array([60, 60, 240, 240.0]), photo, layout), camera


def test_pose_is_found_again():
    for angles in ((0, 0, 0), (12, -35, 8), (-10, 75, 20)):
        face, camera = made_face(*angles)
        assert rotation_distance(face.pose.camera.rotation, camera.rotation) < 0.01
        assert (face.pose.pitch, face.pose.yaw, face.pose.roll) == pytest.approx(angles, abs=0.02)
        assert face.pose.matrix.shape == (3, 4) and np.linalg.det(face.pose.matrix[:, :3]) < 0
    identity = np.random.default_rng(0).normal(size=80)
    face, camera = made_face(5, 40, 0, identity)
    assert rotation_distance(face.pose.camera.rotation, camera.rotation) < 6, "of an unknown person"


def test_frontal_takes_the_pose_out():
    layout = UVLayout()
    face, _ = made_face(10, 50, -15)
    assert np.abs(face.frontal() - layout.points(layout.mean_map)).max() < 0.05
    assert face.vertices.shape[1] == 3 and face.triangles.max() == len(face.vertices) - 1


def test_colours_are_the_photos():
    face, _ = made_face(0, 20, 0)
    x, y = face.vertices[:, 0], face.vertices[:, 1]
    assert np.abs(face.colors[:, 0] - x * 255 / 300).max() < 2 and np.abs(face.colors[:, 1] - y * 255 / 300).max() < 2
    assert (face.colors[:, 2] == 77).all()


def test_visibility_follows_the_turn():
    layout = UVLayout()
    front = layout.points(layout.mean_map)
    left, right = front[:, 0] < -45, front[:, 0] > 45  # cheeks, by the side of the image
    turned, _ = made_face(0, 60, 0)  # the nose points to the left of the image: that side is hidden
    assert turned.visible[right].mean() > 0.95 and turned.visible[left].mean() < 0.3
    frontal, _ = made_face()
    assert frontal.visible[np.abs(front[:, 0]) < 40].mean() > 0.93


@pytest.mark.parametrize("ending", ["glb", "obj", "ply"])
def test_mesh_files_are_right_handed_metres_and_open_again(tmp_path, ending):
    face, _ = made_face(0, 30, 0)
    path = tmp_path / f"face.{ending}"
    face.mesh().export(path)
    mesh = trimesh.load(path, force="mesh", process=False)
    assert len(mesh.vertices) == len(face.vertices) and len(mesh.faces) == len(face.triangles)
    assert 0.16 < np.ptp(mesh.vertices[:, 1]) < 0.2, "the height of a face in metres"
    nose, chin = face.landmarks[30], face.landmarks[8]
    assert nose[1] < chin[1], "y down in the photo"
    tip = mesh.vertices[np.argmin(np.linalg.norm(face.vertices - nose, axis=1))]
    base = mesh.vertices[np.argmin(np.linalg.norm(face.vertices - chin, axis=1))]
    assert tip[1] > base[1] and tip[2] > base[2], "y up in the file, z toward the viewer"
    outward = (mesh.face_normals * (mesh.triangles_center - [0, 0, -0.08])).sum(1) > 0
    assert outward.mean() > 0.95, "counter-clockwise from outside"
    assert np.abs(mesh.visual.vertex_colors[:, :3].astype(int) - face.colors).max() <= 1


def test_landmark_drawing_marks_the_landmarks_only():
    face, _ = made_face()
    drawn = draw_landmarks(face.image, face)
    changed = (drawn != face.image).any(2)
    assert drawn.shape == face.image.shape and drawn is not face.image
    for x, y in np.rint(face.landmarks[:, :2]).astype(int):
        assert changed[y, x]
    assert changed[:30].sum() == 0 and 0.005 < changed.mean() < 0.1
    assert (draw_landmarks(face.image, []) == face.image).all()


def test_renderings_show_a_face():
    face, _ = made_face(0, 30, 0)
    front, side = render(face, 200), render(face, 200, yaw=80)
    for picture in (front, side):
        assert picture.shape == (200, 200, 3) and 0.2 < (picture < 255).any(2).mean() < 0.8
    assert (front < 255).any(2).sum() > 1.2 * (side < 255).any(2).sum(), "a face is wider than deep"
    half = (front < 255).any(2)
    assert np.abs(half.astype(int) - half[:, ::-1]).mean() < 0.02, "the pose is taken out"
    coloured = render(face, 200, colors=np.full((len(face.vertices), 3), (200, 0, 0)))
    assert coloured[100, 100, 0] > 50 and coloured[100, 100, 1] == 0


def test_figure_is_small_and_shows_face_and_landmarks():
    face, _ = made_face()
    figure = face_figure(face)
    assert [trace.type for trace in figure.data] == ["mesh3d", "scatter3d"]
    assert len(figure.to_json()) < 500_000
    vertices, triangles, colors = decimated(face)
    assert triangles.max() == len(vertices) - 1 and 2500 < len(vertices) < 4500
    assert (vertex_normals(vertices, triangles)[np.argmax(vertices[:, 2])] @ [0, 0, 1]) > 0.7
    assert colors.shape == vertices.shape and len(figure.data[0].vertexcolor) == len(vertices)
    # eyes and mouth are closed: the only border is the outer one, and no vertex of it is near the middle
    edges, count = np.unique(
        np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0, return_counts=True
    )
    border = vertices[edges[count == 1]].reshape(-1, 3)
    eyes_and_mouth = face.pose.camera.unproject(face.landmarks[36:68])
    assert np.linalg.norm(border[:, None] - eyes_and_mouth[None], axis=2).min() > 8
