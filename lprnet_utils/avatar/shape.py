"""The skin of a whole head: the face model and MakeHuman's skull, ears, neck and mouth, one closed mesh."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import SuperLU, splu
from scipy.spatial import cKDTree

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays, read_sparse
from ..geometry.mesh import border_loops, triangle_edges, vertex_normals
from ..morphable_model.model import MorphableModel
from ..synthetic.eyes import Lids
from ..uv.layout import UVLayout
from ..uv.outline import outline_level

# Details of the face are followed as far as they are trusted, in 1 / mm^4 relative to bending, so that the skin has
# neither creases nor folds: more and more between the two numbers of texels of 128 inside the outline
KNOWN_TEXELS = (-4.0, 22.0)
TRUST, MOST_TRUST = 2e-4, 1.0  # at the second number of texels, and MORE_TEXELS further inside
MORE_TEXELS = 10.0
REACH = 85.0  # mm from the face at which skull and neck no longer follow its details
# relative to bending, in 1 / mm^2: how strongly details stay even, and fall to 0, beyond those that are known
TENSION, STIFFNESS = 0.001, 3e-6
MOUTH_STIFFNESS = 3e-3  # the same for the inside of the mouth, whose details become the mean of the lips' in some mm
TONGUE_OUT = "tongueOut"
RIGHT_SIDE, LEFT_SIDE, MOUTH, LID = range(4)  # charts of ``avatar.npz``
# mm by which the inside of the mouth is smaller than MakeHuman's, so that it stays behind cheeks and chin, and from
# which distance to the lips on
MOUTH_INSET, MOUTH_INSET_FROM = 3.0, 7.0


class HeadShape:
    """How the skin of a head, and what is inside, depend on identity and expression. :meth:`load` makes it once.

    The W vertices of the skin begin with the V vertices of the face model. Vertices of the base are the rows from which
    the skin is subdivided: those of the face, of ``head.npz``, and some more.

    Attributes
    ----------
    model : MorphableModel
    names : tuple of str
        The model's expressions, then ``tongueOut``.
    mean : (W, 3) float32
    triangles : (T, 3) int32
        Of the skin, without the membrane of eyes and mouth; open only at the eyes.
    vertex, chart, uv, corners
        Beyond the face: the vertex (P,), the chart (P,) and the position (P, 2) there of each corner, and the triangles
        (S, 3) of these corners, see ``scripts/assets/build_avatar.py``.
    """

    def __init__(self) -> None:
        self.model = model = MorphableModel.load()
        self.names = (*model.expression_names, TONGUE_OUT)
        face, head, file = (read_bundled_arrays(f"{name}.npz") for name in ("face_model", "head", "avatar"))
        self.file, self.head_file = file, head
        count = len(model.identity)
        self.base_mean = np.concatenate([face["mean"], head["mean"], file["extra_mean"]]).astype(np.float32)
        own = np.concatenate([face["identity"], face["expression"]])
        self.base = np.concatenate([own, head["basis"], file["extra_basis"]], 1).astype(np.float32)
        out = np.zeros((1, *self.base_mean.shape), np.float32)
        out[0, file["tongue"]] = file["tongue_out"]
        self.base = np.concatenate([self.base, out])
        self.face_base = len(face["mean"])
        rows = read_sparse(file, "matrix", len(self.base_mean))
        self.mean = np.concatenate([model.mean, rows @ self.base_mean]).astype(np.float32)
        flat = self.base.transpose(1, 0, 2).reshape(len(self.base_mean), -1)
        beyond = (rows @ flat).reshape(rows.shape[0], len(self.base), 3).transpose(1, 0, 2)
        still = np.zeros((1, len(model.mean), 3), np.float32)
        inside = np.concatenate([model.identity, model.expression, still])
        basis = np.concatenate([inside, beyond], 1)
        self.identity, self.expression = basis[:count], basis[count:]
        self.vertex, self.chart, self.uv = file["vertex"].astype(int), file["chart"], file["uv"]
        self.corners = file["triangles"].astype(int)
        self.face_triangles = model.triangles[~model.membrane]
        self.triangles = np.concatenate([self.face_triangles, self.vertex[self.corners]]).astype(np.int32)
        inset = MOUTH_INSET * np.clip(cKDTree(self.mean[self.lip_rim]).query(self.mean)[0] / MOUTH_INSET_FROM, 0, 1)
        self.mean[self.mouth] += (inset[:, None] * vertex_normals(self.mean, self.triangles))[self.mouth]
        self.joint_weights = file["joint_weights"].astype(np.float32)
        self.joint_weights /= self.joint_weights.sum(1, keepdims=True)

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> HeadShape:
        """The bundled head, made once per process: do not write into its arrays."""
        return cls()

    @cached_property
    def eye_rims(self) -> list[NDArray[np.intp]]:
        """Vertices (n,) along the rim of the lids of the right and of the left eye, in the direction of a border."""
        loops = [np.array(loop) for loop in border_loops(self.triangles)]
        return sorted(loops, key=lambda loop: self.mean[loop, 0].mean())

    @cached_property
    def eyelids(self) -> list[Lids]:
        """The rims of the lids of the right and of the left eye."""
        return Lids.of(self.model)[:2]

    @cached_property
    def lip_rim(self) -> NDArray[np.intp]:
        """Vertices where the lips meet: those of the face that the inside of the mouth shares."""
        inside = self.vertex[self.chart == MOUTH]
        return np.unique(inside[inside < len(self.model.mean)])

    def base_vertices(self, identity: Array) -> NDArray[np.float32]:
        """Vertices (B, 3) of the base of a person with identity coefficients (K,)."""
        return self.base_mean + np.tensordot(np.asarray(identity, np.float32), self.base[: len(identity)], 1)

    def base_offsets(self, rows: NDArray) -> NDArray[np.float32]:
        """Offsets (E + 1, n, 3) of some vertices of the base by each expression."""
        return self.base[len(self.identity) :, rows]

    def neutral(self, identity: Array) -> NDArray[np.float32]:
        """The skin (W, 3) of a person with identity coefficients (K,), without expression."""
        return self.mean + np.tensordot(np.asarray(identity, np.float32), self.identity, 1)

    @cached_property
    def laplacian(self) -> csr_matrix:
        """The Laplacian (W, W) of the skin, in 1 / mm^2: at each vertex, minus the mean of the ones around it."""
        edges = triangle_edges(self.triangles)
        length = np.linalg.norm(self.mean[edges[:, 0]] - self.mean[edges[:, 1]], axis=1).astype(float)
        weight = np.r_[1 / length, 1 / length] / 2
        both = np.concatenate([edges, edges[:, ::-1]])
        count = len(self.mean)
        graph = coo_matrix((weight, both.T), shape=(count, count)).tocsr()
        total = np.maximum(np.asarray(graph.sum(1)).ravel(), 1e-9)
        spread = np.asarray((graph.multiply(graph > 0)).sum(1)).ravel()
        area = np.bincount(both[:, 0], np.r_[length, length] ** 2, count) / np.maximum(np.bincount(both[:, 0]), 1)
        return diags(1 / np.maximum(area, 1e-3)) @ (diags(spread / total) - diags(1 / total) @ graph)

    @cached_property
    def mouth(self) -> NDArray[np.intp]:
        """The vertices of the skin inside the mouth, behind the lips."""
        inside = self.vertex[self.chart == MOUTH]
        return np.unique(inside[inside >= len(self.model.mean)])

    @cached_property
    def _details(self) -> tuple[NDArray[np.intp], SuperLU, NDArray, NDArray]:
        """Vertices that details move, the factors of their equations, and what counts in these.

        That is their own details by the trust in them (n,), and the mean of the lips' (n,).
        """
        layout = UVLayout()
        level = np.full(len(self.mean), -1.0)
        level[: len(self.model.mean)] = layout.inverse_matrix @ outline_level(layout.mask).ravel()
        count = TRUST * np.clip((level - KNOWN_TEXELS[0]) / np.diff(KNOWN_TEXELS), 0, 1) ** 2
        count *= (MOST_TRUST / TRUST) ** np.clip((level - KNOWN_TEXELS[1]) / MORE_TEXELS, 0, 1)
        inside = level > KNOWN_TEXELS[1]
        distance = cKDTree(self.mean[inside]).query(self.mean)[0]
        moves = distance < REACH
        moves[self.mouth] = True
        free = np.flatnonzero(moves)
        free = free[np.isin(free, self.triangles)]  # not the middles of the membrane
        fall = np.where(inside, 0, STIFFNESS * np.clip(4 * distance / REACH, 0.2, 4))
        lips = np.zeros(len(self.mean))
        lips[self.mouth] = fall[self.mouth] = MOUTH_STIFFNESS
        even = TENSION * (self.laplacian + self.laplacian.T) / 2
        square = (self.laplacian.T @ self.laplacian + even + diags(fall + count)).tocsr()
        return free, splu(square[free][:, free].tocsc()), count[free], lips[free]

    def spread_details(self, details: Array) -> NDArray[np.float32]:
        """Offsets (W, 3) that follow those of the face (V, 3) inside it, and fall smoothly to 0 on skull and neck.

        They minimise the squared Laplacian (a thin plate: Botsch and Sorkine, On linear variational surface deformation
        methods, TVCG 2008) and the distance from the face's own offsets, which counts least near the outline, where a
        map is least accurate. What is inside the mouth moves with the lips.
        """
        free, factors, count, lips = self._details
        given = np.zeros((len(self.mean), 3))
        given[: len(details)] = details
        out = np.zeros((len(self.mean), 3), np.float32)
        out[free] = factors.solve(count[:, None] * given[free] + lips[:, None] * given[self.lip_rim].mean(0))
        return out
