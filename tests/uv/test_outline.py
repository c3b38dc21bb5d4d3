"""The smooth line along which the mesh of a face is cut."""

import numpy as np
import pytest

from lprnet_utils import UVLayout
from lprnet_utils.geometry import border_loops
from lprnet_utils.uv.outline import cut_mesh, outline_level


def test_a_grid_is_cut_along_a_circle():
    y, x = np.mgrid[0:21, 0:21]
    number = np.arange(21 * 21).reshape(21, 21)
    a, b, c, d = (n.ravel() for n in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    matrix, cut = cut_mesh((8.3 - np.hypot(x - 10, y - 10)).ravel(), triangles)
    points = matrix @ np.stack([x.ravel(), y.ravel()], 1)
    (loop,) = border_loops(cut)
    radius = np.hypot(*(points[loop] - 10).T)
    assert np.abs(radius - 8.3).max() < 0.05 and np.hypot(*(points - 10).T).max() < 8.35
    edges = points[cut[:, 1:]] - points[cut[:, :1]]
    area = (edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]) / 2
    assert abs(-area.sum() - np.pi * 8.3**2) < 2 and (area <= 1e-9).all(), "complete, and no triangle is turned over"
    assert np.allclose(matrix.sum(1), 1) and len(np.unique(cut)) == len(points), "no vertex is unused"


@pytest.mark.parametrize("size", [64, 128])
def test_the_border_of_a_face_is_smooth_and_symmetric(size):
    layout = UVLayout(size)
    level = outline_level(layout.mask)
    assert (level == level[:, ::-1]).all() and not (level > 0)[~layout.mask].any()
    matrix, triangles = layout.trimmed_mesh()
    (loop,) = border_loops(triangles)
    border = (matrix @ layout.mean_map.reshape(-1, 3))[loop]
    steps = np.roll(border, -1, 0) - border
    steps = steps[np.linalg.norm(steps, axis=1) > 0.3]  # very short ones have any direction
    steps /= np.linalg.norm(steps, axis=1)[:, None]
    turn = np.degrees(np.arccos(np.clip((steps * np.roll(steps, 1, 0)).sum(1), -1, 1)))
    raw = layout.mean_map.reshape(-1, 3)[layout.mesh()[0]]
    (jagged,) = border_loops(layout.mesh()[1])
    old = np.roll(raw[jagged], -1, 0) - raw[jagged]
    old /= np.linalg.norm(old, axis=1)[:, None]
    before = np.degrees(np.arccos(np.clip((old * np.roll(old, 1, 0)).sum(1), -1, 1)))
    assert np.percentile(turn, 95) < 20 and np.percentile(turn, 95) < np.percentile(before, 95) / 2
    assert len(matrix.indptr) - 1 > 0.85 * len(raw), "only the outermost texels are cut off"


def test_landmarks_lie_inside_the_line():
    layout = UVLayout()
    level = outline_level(layout.mask)
    column, row = np.clip((layout.landmark_uv * 128).astype(int), 0, 127).T
    assert (level[row, column] > 0)[17:].all() and (level[row, column] > 0).mean() > 0.9
