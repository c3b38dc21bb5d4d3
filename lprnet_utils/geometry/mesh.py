"""Normals, borders and rings of a triangle mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def vertex_normals(vertices: ArrayLike, triangles: NDArray) -> NDArray:
    """Unit normals (n, 3) at the vertices: those of the triangles around, weighted by area; needs numba.

    They point outside where triangles are counter-clockwise, in a right-handed frame. float32 for vertices in float32,
    otherwise float64.
    """
    from .rasterizer import normals_at_vertices

    vertices = np.asarray(vertices)
    vertices = np.ascontiguousarray(vertices, np.float32 if vertices.dtype == np.float32 else np.float64)
    return normals_at_vertices(vertices, np.ascontiguousarray(triangles, np.int32))


def surface_angles(vertices: ArrayLike, triangles: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How rough a surface is: angles between neighbouring triangles, and the triangles' normals.

    Returns
    -------
    angles : (E,) degrees
        Between the normals of the two triangles at each inner edge; 0 where the surface is flat.
    normals : (T, 3)
        Of unit length.
    """
    vertices = np.asarray(vertices, float)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    code = edges[:, 0].astype(np.int64) * len(vertices) + edges[:, 1]
    order = np.argsort(code, kind="stable")
    owner = np.tile(np.arange(len(triangles)), 3)[order]
    twin = np.flatnonzero(np.diff(code[order]) == 0)
    cosine = np.clip((normals[owner[twin]] * normals[owner[twin + 1]]).sum(1), -1, 1)
    return np.degrees(np.arccos(cosine)), normals


def border_loops(triangles: NDArray) -> list[list[int]]:
    """The borders of a mesh (T, 3) as closed loops of vertices, along the edges of the triangles, longest first."""
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
    """A border loop, and those that are the border when the triangles at it are taken away, ring after ring.

    Raises
    ------
    ValueError
        If the triangles around the opening make no more than fewer rings.
    """
    out = [loop]
    while len(out) < count:
        ring = np.isin(triangles, out[-1]).any(1)
        loops = [new for new in border_loops(triangles[ring]) if not set(new) & set(out[-1])]
        if len(loops) != 1:
            raise ValueError(f"only {len(out)} rings around the opening at vertex {loop[0]}, {count} asked")
        out += loops
        triangles = triangles[~ring]
    return out
