"""Layouts of a head and a hand: what a layout of any surface has to do."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from lprnet_utils.common.assets import read_bundled_arrays
from lprnet_utils.geometry.mesh import border_loops, triangle_normals
from lprnet_utils.morphable_model.posed import PosedModel
from lprnet_utils.uv import ChartLayout, UVLayout, load_layout
from lprnet_utils.uv.maps import grid_triangles

FILES = {"head": "head_chart.npz", "hand": "hand.npz"}


@pytest.fixture(scope="module", params=list(FILES))
def chart(request):
    return load_layout(request.param)


def test_layouts_are_loaded_by_name():
    assert isinstance(load_layout(size=64), UVLayout) and load_layout(size=64).size == 64
    assert isinstance(load_layout("hand"), ChartLayout)
    with pytest.raises(ValueError, match="no chart 'foot'; there are face, head, hand, body"):
        load_layout("foot")
    with pytest.raises(ValueError, match="at least 2, not 1"):
        load_layout("hand", 1)


def test_the_mean_map_lies_on_the_mesh(chart):
    mean = read_bundled_arrays(FILES[chart.chart])["mean"]
    points = chart.mean_map
    inside = chart.points(points)
    assert (inside >= mean.min(0) - 1e-3).all() and (inside <= mean.max(0) + 1e-3).all()
    # neighbours in the chart are neighbours on the surface
    vertices, triangles = chart.mesh()
    edges = np.linalg.norm(np.diff(chart.flat(points)[vertices][triangles], axis=1), axis=2)
    assert np.median(edges) < 4 and edges.max() < 16, "mm"
    assert chart.weights.sum() == chart.mask.sum() == len(chart.texels)
    with pytest.raises(ValueError, match=f"this layout has \\({len(mean)}, 3\\)"):
        chart.vertices_to_map(mean[:-1])


def test_triangles_face_outward_and_do_not_join_fingers(chart):
    points, triangles = chart.points(chart.mean_map), chart.triangles
    # from the axis of the head, or of the nearest finger, to the triangle
    if chart.chart == "head":
        origin = np.array([0, 0, -85.0])
    else:
        joints = chart.landmarks(chart.mean_map)
        centres = points[triangles].mean(1)
        origin = joints[np.linalg.norm(centres[:, None] - joints, axis=2).argmin(1)]
    outward = ((points[triangles].mean(1) - origin) * triangle_normals(points, triangles)).sum(1) > 0
    assert outward.mean() > 0.9
    dropped = len(grid_triangles(chart.texels, chart.size)) - len(triangles)
    assert (dropped > 0) == (chart.chart == "hand") or dropped < 100


def test_the_skin_is_the_mesh_of_the_chart(chart):
    mean = read_bundled_arrays(FILES[chart.chart])["mean"]
    read, triangles = chart.skin
    skin = read @ chart.flat(chart.mean_map)
    away = cKDTree(mean).query(skin)[0]
    assert np.median(away) < 0.5 and np.percentile(away, 99) < 3, "mm from the vertices of the mesh"
    assert len(border_loops(triangles)) == 1, "the wrist, or the neck"


def test_another_size_shows_the_same_surface(chart):
    small = load_layout(chart.chart, 64)
    fine = chart.mean_map.reshape(64, 2, 64, 2, 3).mean((1, 3))
    whole = chart.mask.reshape(64, 2, 64, 2).all((1, 3)) & small.mask
    away = np.linalg.norm(small.mean_map - fine, axis=2)[whole]
    assert np.median(away) < 0.3 and np.percentile(away, 95) < 2.5, "mm"
    moved = np.linalg.norm(small.landmarks(small.mean_map) - chart.landmarks(chart.mean_map), axis=1)
    assert moved.max() < 5 and moved.mean() < 1.5, "mm"


def test_a_head_is_symmetric_and_shares_the_landmarks_of_the_face():
    head, face = load_layout("head"), UVLayout()
    assert head.symmetric and not load_layout("hand").symmetric
    assert (head.mask == head.mask[:, ::-1]).all()
    mirrored = head.mean_map[:, ::-1] * [-1, 1, 1]
    assert np.linalg.norm(head.mean_map - mirrored, axis=2)[head.mask].mean() < 0.2, "mm"
    landmarks = head.landmarks(head.mean_map)
    assert landmarks.shape == (79, 3)
    away = np.linalg.norm(landmarks[:68] - face.landmarks(face.mean_map), axis=1)
    assert away.mean() < 1 and away.max() < 4, "mm"
    right, left = landmarks[-2:]
    assert right[0] < -70 < 70 < left[0], "the ears"


def test_a_fingertip_is_the_farthest_landmark_of_its_finger():
    hand = load_layout("hand")
    landmarks = hand.landmarks(hand.mean_map)
    assert landmarks.shape == (21, 3)
    from_wrist = np.linalg.norm(landmarks - landmarks[0], axis=1)[1:].reshape(5, 4)
    assert (np.diff(from_wrist, axis=1) > 0).all()
    assert 150 < from_wrist[2, 3] < 210, "mm from the wrist to the tip of the middle finger"


def test_a_map_of_the_body_follows_its_joints():
    layout, body = load_layout("body"), PosedModel.load("body")
    coefficients = np.zeros((2, body.count), np.float32)
    coefficients[1, 3 * body.bones.index("lowerarm_r") : 3 * body.bones.index("lowerarm_r") + 2] = [-70, 0]
    rest, bent = (layout.flat(layout.vertices_to_map(v)) for v in body.vertices(coefficients))
    assert np.abs(rest - layout.flat(layout.mean_map)).max() < 0.5, "mm: weights of texels are in half precision"
    assert 1500 < np.ptp(rest[:, 1]) < 2000, "mm from head to foot"
    moved = np.linalg.norm(bent - rest, axis=1)[layout.texels] > 10
    assert 0.01 < moved.mean() < 0.1, "the forearm and the hand of all texels"
