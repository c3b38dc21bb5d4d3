"""3D figures, and matplotlib figures in notebooks."""

import io
import json
from base64 import b64decode
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import plotly
import pytest
from made_faces import made_face
from PIL import Image

from lprnet_utils.geometry import vertex_normals
from lprnet_utils.reconstruction.closer_look import CloserLook
from lprnet_utils.viewer import add_gaze, decimated, explorer_figure, face_figure, show, texel_grid
from lprnet_utils.viewer.explorer import LIGHTS, VIEWS


def test_figure_is_small_and_shows_face_and_landmarks():
    face, _ = made_face()
    figure = face_figure(face)
    assert [trace.type for trace in figure.data] == ["mesh3d", "scatter3d"]
    assert len(figure.to_json()) < 500_000
    vertices, triangles, colors = decimated(face)
    assert triangles.max() == len(vertices) - 1 and 2500 < len(vertices) < 4500
    assert (vertex_normals(vertices, triangles)[np.argmax(vertices[:, 2])] @ [0, 0, 1]) > 0.7
    assert colors.shape == vertices.shape and len(figure.data[0].vertexcolor) == len(vertices)
    # eyes and mouth are closed: the only border is the outer one, which is not near them
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, count = np.unique(edges, axis=0, return_counts=True)
    border = vertices[edges[count == 1]].reshape(-1, 3)
    eyes_and_mouth = face.pose.camera.unproject(face.landmarks[36:68])
    assert np.linalg.norm(border[:, None] - eyes_and_mouth[None], axis=2).min() > 8


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_grid_of_texels_is_symmetric_and_as_coarse_as_it_says(layout, step):
    texels, triangles = texel_grid(layout, step)
    row, column = np.divmod(texels, layout.size)
    assert layout.mask[row, column].all() and (row % step == 0).all()
    assert set(zip(row, column, strict=True)) == set(zip(row, layout.size - 1 - column, strict=True))
    assert len(texels) == pytest.approx(layout.mask.sum() / step**2, rel=0.1)
    assert (np.unique(triangles) == np.arange(len(texels))).all(), "no vertex without a triangle"
    points = layout.mean_map.reshape(-1, 3)[texels]
    whole = surface_area(layout.mean_map.reshape(-1, 3)[layout.mesh()[0]], layout.mesh()[1])
    assert surface_area(points, triangles) == pytest.approx(whole, rel=0.08)


def test_rays_of_gaze_begin_at_the_irises_and_hidden_eyes_have_none():
    face, camera = made_face(0, 20, 0)
    irises = np.c_[face.layout.pupils(face.position_map)[:, :2], [5, 5]]
    gaze = np.array([[0, 0, 1.0], [0.6, 0, 0.8]])  # in the face frame
    look = CloserLook(np.ones(3), irises, gaze @ camera.rotation.T, face.position_map, np.full(43, np.nan))
    figure = face_figure(seen := replace(face, closer_look=look))
    add_gaze(figure, seen)
    right, left = figure.data[2:]
    assert (right.name, left.name) == ("gaze, right eye", "gaze, left eye")
    pupils = face.pose.camera.unproject(face.layout.pupils(face.position_map))
    for ray, pupil, direction in zip((right, left), pupils, gaze, strict=True):
        points = np.stack([ray.x, ray.z, -np.asarray(ray.y)], 1)  # plotly's z is up
        np.testing.assert_allclose(points[0], pupil, atol=0.2)
        np.testing.assert_allclose((points[1] - points[0]) / 70, direction, atol=0.01)
    figure = face_figure(face)
    add_gaze(figure, replace(face, closer_look=replace(look, confidence=np.array([1.0, 0, 1]))))
    assert [trace.name for trace in figure.data[2:]] == ["gaze, right eye"]


def surface_area(vertices, triangles):
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


def buttons(figure):
    return {button.label: button for menu in figure.layout.updatemenus for button in menu.buttons}


def test_the_explorer_is_small_shows_the_surface_first_and_has_buttons_that_do_what_they_say():
    figure = explorer_figure(made_face(0, 20, 0)[0])
    text_numbers = plotly.__version__ < "6"  # as in Colab
    assert len(figure.to_json()) < (1_200_000 if text_numbers else 500_000)
    assert [trace.type for trace in figure.data] == ["mesh3d", *["scatter3d"] * 4, "image"]
    assert [trace.visible for trace in figure.data] == [None, False, False, None, False, None]
    assert figure.data[5].source.startswith("data:image/jpeg;base64,")
    found = buttons(figure)
    assert set(found) == {"skin", "clay", "wires", "points", "landmarks", "pose box", *LIGHTS, *VIEWS}
    for k, name in enumerate(("skin", "wires", "points")):
        change, traces = found[name].args
        assert list(traces) == [0, 1, 2] and list(change["visible"]) == [k == n for n in range(3)]
    skin = found["skin"].args[0]["vertexcolor"][0]
    drawn = json.loads(figure.to_json())["data"][0]["vertexcolor"]  # a list by plotly 5
    colors = np.frombuffer(b64decode(skin["bdata"]), skin["dtype"]).tolist()
    assert drawn == skin or np.ravel(drawn).tolist() == colors, "the original colours"
    assert found["clay"].args[0]["vertexcolor"][0] is None
    for name, trace, first in (("landmarks", 3, False), ("pose box", 4, True)):
        assert found[name].args == ({"visible": first}, (trace,)) and found[name].args2[0] == {"visible": not first}
    left, right = (found[f"lamp {side}"].args[0]["lightposition"][0]["x"] for side in ("left", "right"))
    assert left < 0 < right


def test_views_follow_the_head():
    found = buttons(explorer_figure(made_face(0, 40, 0)[0]))
    eye = {name: np.array([found[name].args[0]["scene.camera.eye"][a] for a in "xyz"]) for name in VIEWS}
    assert np.allclose(eye["as the photo"] / 2, [0, -1, 0]), "plotly looks along y"
    turn = np.deg2rad(40)  # yaw > 0 turns the nose to the left of the image
    assert np.allclose(eye["from the front"] / 2, [-np.sin(turn), -np.cos(turn), 0], atol=1e-3)
    assert eye["from above"][2] > 1 and eye["from below"][2] < -1
    assert eye["half left"][0] < eye["from the front"][0] < eye["half right"][0]


def test_the_face_has_the_pose_of_the_photo():
    face, camera = made_face(10, 30, -5)
    mesh, wires, points, marks, box, _ = explorer_figure(face).data
    truth = camera.unproject(face.landmarks) @ camera.rotation.T
    assert np.abs(np.stack([marks.x, marks.z, -marks.y], 1) - truth - [0, 0, 1]).max() < 0.3
    surface, line, dots, box = (np.stack([part.x, part.y, part.z], 1) for part in (mesh, wires, points, box))
    for part in (surface, line, dots):
        assert np.nanmax(np.abs(part)) < 125 and 150 < np.nanmax(part[:, 2]) - np.nanmin(part[:, 2]) < 220
    assert np.isnan(line[:, 0]).sum() > 40, "gaps separate the lines"
    line = line[~np.isnan(line[:, 0])][::10]
    assert np.linalg.norm(surface[None] - line[:, None], axis=2).min(1).max() < 6, "the wires lie on the surface"
    sides = np.diff(box[:5], axis=0)
    assert np.abs(sides[0] @ sides[1]) < 1e-2 * (sides[0] @ sides[0]), "right angles, turned with the head"


def test_a_figure_is_shown_small_with_a_description_and_closed(monkeypatch):
    shown = []
    # IPython 7's display takes only a MIME bundle and its metadata
    monkeypatch.setattr("IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata, raw)))
    for photo, kind, start in ((False, "image/png", b"\x89PNG"), (True, "image/jpeg", b"\xff\xd8")):
        fig, ax = plt.subplots(figsize=(3, 2))
        ax.plot([0, 1])
        show(fig, "a line that rises", photo)
        data, metadata, raw = shown[-1]
        assert data[kind].startswith(start) and len(data[kind]) < 40_000 and raw
        assert (metadata[kind]["width"], metadata[kind]["height"]) == (300, 200), "as wide on the page as it says"
        assert Image.open(io.BytesIO(data[kind])).size == (600, 400), "two pixels for each of the page"
        assert metadata[kind]["alt"] == data["text/plain"] == "a line that rises" and not plt.fignum_exists(fig.number)
