"""Light that folds, nostrils and the line between the lips keep away from the skin."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from ..common.arrays import Array
from ..geometry.mesh import vertex_normals
from ..morphable_model.model import MorphableModel

REACHES = (4.0, 9.0)  # mm around a point, in which the skin may stand higher than it


class Folds:
    """Finds how deep points of a face lie below the skin around them, for any shape and expression."""

    def __init__(self, model: MorphableModel):
        self._triangles = model.triangles
        tree, count = cKDTree(model.mean), len(model.mean)
        self._around = []
        for reach in REACHES:
            near = tree.query_ball_point(model.mean, reach)
            row = np.repeat(np.arange(count), [len(found) for found in near])
            share = np.float32(1 / np.bincount(row))[row]
            self._around.append(csr_matrix((share, (row, np.concatenate(near))), shape=(count, count)))

    def depth(self, vertices: Array) -> NDArray[np.float32]:
        """Depth (V,) of vertices (V, 3) below the mean of the skin around them, per mm of reach; 0 on ridges."""
        vertices = np.asarray(vertices, np.float32)
        normals = vertex_normals(vertices, self._triangles)
        found = [((around @ vertices - vertices) * normals).sum(1) / reach
                 for around, reach in zip(self._around, REACHES, strict=True)]  # fmt: skip
        return np.clip(np.sum(found, axis=0), 0, None)

    def light(self, vertices: Array, strength: float) -> NDArray[np.float32]:
        """Factors (V,), 0 to 1, of the light on vertices (V, 3)."""
        return np.exp(-strength * 4 * self.depth(vertices)).astype(np.float32)
