"""The explorer figure."""

import json

import numpy as np
from made_faces import made_face

from lprnet_utils.viewer import explorer_figure
from lprnet_utils.viewer.explorer import LIGHTS, VIEWS


def buttons(figure):
    return {button.label: button for menu in figure.layout.updatemenus for button in menu.buttons}


def test_the_figure_is_small_and_shows_the_surface_first():
    figure = explorer_figure(made_face(0, 20, 0)[0])
    assert len(figure.to_json()) < 500_000
    kinds = [trace.type for trace in figure.data]
    assert kinds == ["mesh3d", "scatter3d", "scatter3d", "scatter3d", "scatter3d", "image"]
    assert [trace.visible for trace in figure.data] == [None, False, False, None, False, None]
    assert figure.data[5].source.startswith("data:image/jpeg;base64,")


def test_buttons_do_what_they_say():
    figure = explorer_figure(made_face(0, 20, 0)[0])
    found = buttons(figure)
    assert set(found) == {"skin", "clay", "wires", "points", "landmarks", "pose box", *LIGHTS, *VIEWS}
    for k, name in enumerate(("skin", "wires", "points")):
        change, traces = found[name].args
        assert list(traces) == [0, 1, 2] and list(change["visible"]) == [k == n for n in range(3)]
    skin = found["skin"].args[0]["vertexcolor"][0]
    assert skin == json.loads(figure.to_json())["data"][0]["vertexcolor"], "the original colours"
    assert found["clay"].args[0]["vertexcolor"][0] is None
    for name, trace, first in (("landmarks", 3, False), ("pose box", 4, True)):
        assert found[name].args == ({"visible": first}, (trace,)) and found[name].args2[0] == {"visible": not first}
    assert (
        found["lamp left"].args[0]["lightposition"][0]["x"] < 0 < found["lamp right"].args[0]["lightposition"][0]["x"]
    )


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
    for part in (mesh, wires, points):
        x, y, z = (np.asarray(part[name]) for name in "xyz")
        assert np.nanmax(np.abs(np.stack([x, y, z]))) < 125 and 150 < np.nanmax(z) - np.nanmin(z) < 220
    assert np.isnan(wires.x).sum() > 40, "gaps separate the lines"
    # the wires lie on the surface
    surface = np.stack([mesh.x, mesh.y, mesh.z], 1)
    line = np.stack([wires.x, wires.y, wires.z], 1)
    line = line[~np.isnan(line[:, 0])][::10]
    assert np.linalg.norm(surface[None] - line[:, None], axis=2).min(1).max() < 6
    sides = np.diff(np.stack([box.x, box.y, box.z], 1)[:5], axis=0)
    assert np.abs(sides[0] @ sides[1]) < 1e-2 * (sides[0] @ sides[0]), "right angles, turned with the head"
