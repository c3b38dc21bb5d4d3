"""Normals, borders and rings of a triangle mesh."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def vertex_normals(vertices: ArrayLike, triangles: NDArray) -> NDArray:
    """Unit normals (n, 3) at vertices (n, 3): the mean of the adjacent triangles' normals, weighted by area.

    In a right-handed frame they point outward if the triangles (T, 3) are counter-clockwise from outside. They are
    float32 for vertices in float32, otherwise float64. Needs numba.
    """
    from .rasterizer import normals_at_vertices

    vertices = np.asarray(vertices)
    vertices = np.ascontiguousarray(vertices, np.float32 if vertices.dtype == np.float32 else np.float64)
    return normals_at_vertices(vertices, np.ascontiguousarray(triangles, np.int32))


def area_normals(vertices: ArrayLike, triangles: NDArray) -> NDArray:
    """Normals (T, 3) of triangles; each has twice the area of its triangle as its length."""
    a, b, c = np.moveaxis(np.asarray(vertices)[triangles], 1, 0)
    return np.cross(b - a, c - a)


def triangle_normals(vertices: ArrayLike, triangles: NDArray) -> NDArray:
    """Unit normals (T, 3) of triangles."""
    normals = area_normals(vertices, triangles)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def triangle_edges(triangles: NDArray) -> NDArray:
    """The three edges of each triangle, in its direction: (3 T, 2) vertex numbers."""
    return np.stack([triangles, np.roll(triangles, -1, axis=1)], -1).reshape(-1, 2)


def border_edges(triangles: NDArray) -> NDArray:
    """The edges (E, 2) that only one triangle has, in its direction."""
    edges = triangle_edges(triangles)
    _, kind, count = np.unique(np.sort(edges, 1), axis=0, return_inverse=True, return_counts=True)
    return edges[count[kind.ravel()] == 1]


def surface_angles(vertices: ArrayLike, triangles: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angles between adjacent triangles, a measure of roughness, and the unit normals (T, 3) of the triangles.

    Vertices are (n, 3), triangles (T, 3). The angles (E,) are in degrees, one at each inner edge; 0 on a flat surface.
    """
    vertices = np.asarray(vertices, float)
    normals = triangle_normals(vertices, triangles)
    edges = np.sort(triangle_edges(triangles), 1)
    code = edges[:, 0].astype(np.int64) * len(vertices) + edges[:, 1]
    order = np.argsort(code, kind="stable")
    owner = order // 3
    shared = np.flatnonzero(np.diff(code[order]) == 0)  # edges that two triangles share
    cosine = np.clip((normals[owner[shared]] * normals[owner[shared + 1]]).sum(1), -1, 1)
    return np.degrees(np.arccos(cosine)), normals


def border_loops(triangles: NDArray) -> list[list[int]]:
    """Borders of a mesh of triangles (T, 3) as closed loops of vertex numbers; the longest border first.

    Each loop runs in the direction of the triangles' edges.
    """
    after = dict(border_edges(triangles).tolist())
    loops = []
    while after:
        start, v = next(iter(after.items()))
        loop = [start]
        while v != start:
            loop.append(v)
            v = after.pop(v)
        after.pop(start)
        loops.append(loop)
    return sorted(loops, key=len, reverse=True)


def nested_loops(triangles: NDArray, loop: list[int], count: int) -> list[list[int]]:
    """A border loop followed by the loops around it, ``count`` in all. ValueError if the mesh has fewer.

    Each further loop is the new border after removing the triangles at the previous one.
    """
    loops = [loop]
    while len(loops) < count:
        ring = np.isin(triangles, loops[-1]).any(1)
        outer = [new for new in border_loops(triangles[ring]) if not set(new) & set(loops[-1])]
        if len(outer) != 1:
            raise ValueError(f"only {len(loops)} rings around the opening at vertex {loop[0]}, {count} asked")
        loops += outer
        triangles = triangles[~ring]
    return loops
