"""Angles between the triangles of a mesh."""

import numpy as np
import pytest

from lprnet_utils.geometry import surface_angles


def test_surface_angles_by_hand():
    # two triangles at a right angle, and a third one in the plane of the first
    vertices = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, -1], [1, 1, 0]], float)
    angles, normals = surface_angles(vertices, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 4]]))
    assert sorted(angles) == pytest.approx([0, 90])
    assert np.allclose(normals, [[0, 0, 1], [-1, 0, 0], [0, 0, 1]])
