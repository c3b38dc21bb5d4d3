"""Normals, borders and rings of a triangle mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def vertex_normals(vertices: ArrayLike, triangles: NDArray) -> NDArray:
    """Unit normals at the vertices: the mean of the adjacent triangles' normals, weighted by area; needs numba.

    In a right-handed frame they point outward if the triangles are counter-clockwise from outside.

    Parameters
    ----------
    vertices : (n, 3) array
    triangles : (T, 3) int array

    Returns
    -------
    (n, 3) float32 for vertices in float32, otherwise float64
    """
    from .rasterizer import normals_at_vertices

    vertices = np.asarray(vertices)
    vertices = np.ascontiguousarray(vertices, np.float32 if vertices.dtype == np.float32 else np.float64)
    return normals_at_vertices(vertices, np.ascontiguousarray(triangles, np.int32))


def surface_angles(vertices: ArrayLike, triangles: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angles between adjacent triangles, a measure of roughness, and the normals of the triangles.

    Parameters
    ----------
    vertices : (n, 3) array
    triangles : (T, 3) int array

    Returns
    -------
    angles : (E,) float64
        Degrees between the normals of the two triangles at each inner edge; 0 on a flat surface.
    normals : (T, 3) float64
        Unit normals.
    """
    vertices = np.asarray(vertices, float)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    code = edges[:, 0].astype(np.int64) * len(vertices) + edges[:, 1]
    order = np.argsort(code, kind="stable")
    owner = np.tile(np.arange(len(triangles)), 3)[order]
    shared = np.flatnonzero(np.diff(code[order]) == 0)  # edges that two triangles share
    cosine = np.clip((normals[owner[shared]] * normals[owner[shared + 1]]).sum(1), -1, 1)
    return np.degrees(np.arccos(cosine)), normals


def border_loops(triangles: NDArray) -> list[list[int]]:
    """Borders of a mesh as closed loops of vertices.

    Parameters
    ----------
    triangles : (T, 3) int array

    Returns
    -------
    list of list of int
        Vertex numbers of each border in the direction of the triangles' edges; the longest border first.
    """
    edges = np.stack([triangles, np.roll(triangles, -1, axis=1)], -1).reshape(-1, 2)
    _, kind, count = np.unique(np.sort(edges, 1), axis=0, return_inverse=True, return_counts=True)
    after = dict(edges[count[kind.ravel()] == 1].tolist())
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
    """A border loop followed by the loops around it, ``count`` in all.

    Each further loop is the new border after removing the triangles at the previous one. ValueError if the mesh has
    fewer rings around the opening.
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
