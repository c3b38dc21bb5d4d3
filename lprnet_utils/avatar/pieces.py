"""The meshes that an avatar consists of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..geometry.mesh import vertex_normals

SKIN, SOCKET, NECK_LID = range(3)  # groups of triangles, between which the surface has an edge


@dataclass(frozen=True)
class Piece:
    """A mesh of an avatar.

    Triangles (T, 3) join corners. A corner (C,) is a vertex at one place in the texture: where charts meet, several
    corners belong to a vertex.
    """

    name: str
    vertices: Array  # (n, 3) mm, at rest
    targets: Array  # (E, n, 3) mm; E is 0 for a mesh that expressions do not move
    triangles: NDArray[np.int32]
    uv: Array  # (C, 2)
    corner: NDArray[np.intp]  # (C,)
    turns: bool = False  # whether expressions change its normals enough to be stored
    group: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))  # (T,), or empty for one group

    @classmethod
    def plain(cls, name: str, vertices: Array, targets: Array, triangles: NDArray, uv: Array) -> Piece:
        """A mesh with one corner a vertex."""
        return cls(name, vertices, targets, np.asarray(triangles, np.int32), uv, np.arange(len(vertices)))

    def normals(self, vertices: Array) -> NDArray[np.float32]:
        """Unit normals (C, 3) at the corners for vertices (n, 3)."""
        vertices = np.asarray(vertices, np.float32)
        out = np.zeros((len(self.corner), 3), np.float32)
        group = self.group if len(self.group) else np.zeros(len(self.triangles), np.uint8)
        for k in np.unique(group):
            triangles = self.triangles[group == k]
            corners = np.unique(triangles)
            found = vertex_normals(vertices, np.ascontiguousarray(self.corner[triangles], np.int32))
            out[corners] = found[self.corner[corners]]
        return out


def compact(piece: Piece) -> Piece:
    """The same without corners and vertices that no triangle uses."""
    corners, triangles = np.unique(piece.triangles, return_inverse=True)
    used, corner = np.unique(piece.corner[corners], return_inverse=True)
    triangles = triangles.reshape(-1, 3).astype(np.int32)
    uv, targets = piece.uv[corners], piece.targets[:, used]
    return replace(piece, vertices=piece.vertices[used], targets=targets, triangles=triangles, uv=uv, corner=corner)
