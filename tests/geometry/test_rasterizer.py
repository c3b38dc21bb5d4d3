"""The z-buffer against pixels counted by hand, and against a ray cast."""

import numpy as np
import trimesh

from lprnet_utils.geometry import Camera, interpolate, rasterize, rasterizer, rotation_matrix, vertex_visibility
from lprnet_utils.geometry.rasterizer import draw_values


def test_pixel_centres_and_depth_order():
    # a right triangle over the pixel centres (0,0), (1,0), (0,1), and another one in front of its first pixel only
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-0.4, -0.4, 5], [0.4, -0.4, 5], [0, 0.4, 5]], float)
    index, bary, depth = rasterize(points, [[0, 1, 2], [3, 4, 5]], 3, 3)
    assert index.tolist() == [[1, 0, -1], [0, -1, -1], [-1, -1, -1]]
    assert depth[0, 0] == 5 and depth[1, 0] == 0 and depth[2, 2] == -np.inf
    assert bary[0, 1].tolist() == [0, 1, 0]


def test_shared_edges_leave_no_cracks():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), -1).reshape(-1, 2) * 5 + 3
    inner = (grid > 3).all(1) & (grid < 43).all(1)
    grid[inner] += rng.uniform(-1.5, 1.5, (inner.sum(), 2))
    quads = [[r * 9 + c, r * 9 + c + 1, r * 9 + c + 10, r * 9 + c + 9] for r in range(8) for c in range(8)]
    triangles = [t for a, b, c, d in quads for t in ([a, b, c], [a, c, d])]
    index = rasterize(np.c_[grid, np.zeros(len(grid))], triangles, 47, 47)[0]
    assert (index[3:44, 3:44] >= 0).all()


def test_interpolation_reproduces_a_linear_function():
    points = np.array([[1, 1, 0], [30, 4, 0], [8, 28, 0]], float)
    index, bary, _ = rasterize(points, [[0, 1, 2]], 32, 32)
    values = interpolate(points[:, :2], [[0, 1, 2]], index, bary)
    rows, columns = np.nonzero(index >= 0)
    assert len(rows) > 300
    assert np.allclose(values[rows, columns], np.stack([columns, rows], 1))


def test_drawing_in_bands_does_not_change_the_values(monkeypatch):
    rng = np.random.default_rng(1)
    points = rng.uniform(-10, 70, (60, 3))
    triangles, values = rng.integers(0, 60, (40, 3)), rng.normal(size=(60, 2))
    index, bary, _ = rasterize(points, triangles, 50, 40)
    whole, (rows, columns) = draw_values(points, triangles, values, 50, 40)
    expected = np.where(index[..., None] >= 0, interpolate(values, triangles, index, bary), np.nan)[rows, columns]
    assert np.allclose(whole, expected, atol=1e-5, equal_nan=True) and np.isfinite(whole).any()
    assert (index >= 0).sum() == np.isfinite(whole[..., 0]).sum(), "no pixel of the mesh lies outside the drawn region"
    monkeypatch.setattr(rasterizer, "PIXELS_PER_BAND", 90)
    bands, _ = draw_values(points, triangles, values, 50, 40)
    assert np.array_equal(bands, whole, equal_nan=True)
    nothing, _ = draw_values(points - 200, triangles, values, 50, 40)
    assert nothing.size == 0


def test_visibility_of_a_hidden_square():
    square = np.array([[0, 0], [20, 0], [20, 20], [0, 20]], float)
    inner = square * 0.5 + 5
    points = np.r_[np.c_[square, np.full(4, 10.0)], np.c_[inner, np.zeros(4)], [[30, 5, 0], [40, 5, 0], [30, 15, 0]]]
    triangles = [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7], [8, 9, 10]]
    assert vertex_visibility(points, triangles).tolist() == [True] * 4 + [False] * 4 + [True] * 3


def test_degenerate_and_outside_triangles_draw_nothing():
    points = np.array([[0, 0, 0], [5, 5, 0], [10, 10, 0], [-9, -9, 0], [-5, -9, 0], [-9, -5, 0], [np.nan] * 3])
    index, _, _ = rasterize(points, [[0, 1, 2], [3, 4, 5], [0, 1, 6]], 8, 8)
    assert (index == -1).all()


def test_the_z_buffer_agrees_with_a_ray_cast(model):
    # trimesh casts a ray through each pixel's centre with a tree of boxes, so it shares no code with the z-buffer
    camera = Camera(rotation_matrix(10, 50, -15), 0.35, np.array([32.0, 32.0, 0.0]))
    points = camera.project(model.vertices(np.random.default_rng(0).normal(size=80)))
    index, bary, depth = rasterize(points, model.triangles, 64, 64)
    mesh = trimesh.Trimesh(points, model.triangles, process=False)
    column, row = (grid.ravel() for grid in np.meshgrid(np.arange(64), np.arange(64)))
    start = np.stack([column, row, np.full(len(row), 500.0)], 1)
    place, ray, triangle = mesh.ray.intersects_location(start, np.tile([0.0, 0, -1], (len(row), 1)))
    nearest = np.full(64 * 64, -np.inf)
    np.maximum.at(nearest, ray, place[:, 2])
    hit, seen = np.isfinite(nearest), (index >= 0).ravel()
    assert 800 < hit.sum() and (hit != seen).sum() <= 5, "apart from centres on an edge"
    both = hit & seen
    assert np.abs(nearest[both] - depth.ravel()[both]).max() < 1e-6
    corners = points[model.triangles[index.ravel()[both]]]
    again = (corners * bary.reshape(-1, 3)[both][..., None]).sum(1)
    assert np.abs(again - np.stack([column, row, depth.ravel()], 1)[both]).max() < 1e-6
