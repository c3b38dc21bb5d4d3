"""Closest points on a triangle mesh, and closed curves matched by arc length."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..geometry.mesh import border_edges, triangle_normals, vertex_normals

CANDIDATE_TRIANGLES = 24  # the closest point is searched on this many triangles with the nearest centres
MIN_NORMAL_COSINE = 0.3  # between the normals of a point and of its closest triangle


class Surface:
    """Vertices (n, 3) and triangles (m, 3), counter-clockwise from outside, with a search for closest points."""

    def __init__(self, vertices: ArrayLike, triangles: NDArray):
        from scipy.spatial import cKDTree

        self.vertices, self.triangles = np.asarray(vertices, float), np.asarray(triangles)
        self.corners = self.vertices[self.triangles]
        self.normals = triangle_normals(self.vertices, self.triangles)
        self.smooth_normals = vertex_normals(self.vertices, self.triangles)
        self._tree = cKDTree(self.corners.mean(1))
        self.on_border = np.zeros(len(self.vertices), bool)
        self.on_border[border_edges(self.triangles)] = True

    def closest(self, points: ArrayLike, normals: ArrayLike | None = None) -> tuple[NDArray, Array, Array]:
        """Triangle (p,), barycentric weights (p, 3) and distance (p,) of the closest points to points (p, 3).

        With unit normals (p, 3) of the points, only nearby triangles with a similar normal count. Without any, the
        distance is inf.
        """
        from trimesh.triangles import closest_point, points_to_barycentric

        points = np.asarray(points, float)
        candidates = self._tree.query(points, min(CANDIDATE_TRIANGLES, len(self.triangles)))[1].reshape(len(points), -1)
        flat = candidates.ravel()
        found = closest_point(self.corners[flat], np.repeat(points, candidates.shape[1], 0))
        found = found.reshape(*candidates.shape, 3)
        distance = np.linalg.norm(found - points[:, None], axis=2)
        if normals is not None:
            facing = np.einsum("pkd,pd->pk", self.normals[candidates], np.asarray(normals))
            distance = np.where(facing > MIN_NORMAL_COSINE, distance, np.inf)
        best = distance.argmin(1)
        rows = np.arange(len(points))
        triangle = candidates[rows, best]
        with np.errstate(divide="ignore", invalid="ignore"):  # a degenerate triangle: its centre, see the next line
            weights = points_to_barycentric(self.corners[triangle], found[rows, best])
        weights = np.clip(np.nan_to_num(weights, nan=1 / 3), 0, 1)
        return triangle, weights / weights.sum(1, keepdims=True), distance[rows, best]

    def points(self, points: ArrayLike) -> Array:
        """The closest points (p, 3) of the surface to points (p, 3), whatever their normals."""
        triangle, weights, _ = self.closest(points)
        return self.at(self.vertices, triangle, weights)

    def at(self, values: ArrayLike, triangle: NDArray, weights: Array) -> Array:
        """Interpolate values (n, ...) at the vertices at points of the surface: (p, ...)."""
        return np.einsum("pk,pk...->p...", weights, np.asarray(values)[self.triangles[triangle]])


def curve_positions(curve: Array) -> Array:
    """Positions (n,) of the points of a closed curve (n, 3): 0 to 1 along its upper half, 1 to 2 along its lower half.

    The corners, 0 on the left and 1 on the right, are the two points that are farthest apart.
    """
    spread = np.linalg.norm(curve[:, None] - curve[None], axis=2)
    one, other = np.unravel_index(spread.argmax(), spread.shape)
    if curve[one, 0] > curve[other, 0]:
        one, other = other, one
    order = np.roll(np.arange(len(curve)), -one)
    first = order[: np.nonzero(order == other)[0][0] + 1]
    second = np.r_[order[len(first) - 1 :], order[0]]
    if curve[first, 1].mean() < curve[second, 1].mean():
        first, second = second[::-1], first[::-1]
    out = np.empty(len(curve))
    for start, part in ((0, first), (1, second)):
        length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(curve[part], axis=0), axis=1))]
        out[part[:-1]] = (start + length / length[-1])[:-1]
    return out


def match_curve(curve: Array, target: Array) -> tuple[NDArray[np.intp], Array]:
    """Match a closed curve (n, 3) to a target curve by arc length: pairs (n, 2) of its points, and their weights."""
    position, here = curve_positions(target), curve_positions(curve)
    order = np.argsort(position)
    order, position = np.r_[order, order[0]], np.r_[position[order], 2.0]
    after = np.clip(np.searchsorted(position, here, side="right"), 1, len(position) - 1)
    fraction = (here - position[after - 1]) / np.maximum(position[after] - position[after - 1], 1e-12)
    return np.stack([order[after - 1], order[after]], 1), np.stack([1 - fraction, fraction], 1)
