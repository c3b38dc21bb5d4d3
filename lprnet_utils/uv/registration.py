"""Registration: bend the bundled face onto the surface of another model, so that both share the UV layout.

First the bundled morphable model is fitted (pose, identity, expression). Then its vertices leave the model and move
freely under a thin-plate energy that is relaxed step by step. Eyelids and lips lie close together and face each other,
so the closest point is often on the wrong one. The rims of these openings are therefore matched curve to curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays
from ..geometry.camera import similarity_alignment
from ..geometry.landmarks import BROWS, JAW, MOUTH_CORNERS
from ..geometry.mesh import area_normals, border_loops, nested_loops, triangle_edges, vertex_normals
from ..morphable_model.model import EXPRESSION_DEVIATION, MorphableModel
from ..morphable_model.surface import Surface, match_curve
from .layout import UVLayout, interpolation_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Rims = Sequence[Sequence[NDArray]]  # loops around mouth and eyes, see register_model

MAX_DISTANCE_MM = 5.0  # a vertex farther from the target's surface has no correspondence
FIT_STEPS, LANDMARK_STEPS = 20, 5  # of the model fit; the first ones use the landmarks alone
UNFOLD_STEPS = 20
MATCHED_RINGS = 5  # rings around an opening that may be matched, its rim included
# weights of the model's coefficients, in standard deviations
LANDMARK_COEFFICIENT_WEIGHT, COEFFICIENT_WEIGHT = 2.0, 30.0  # squared mm: against the landmarks, and the surface
STIFFNESS = np.geomspace(1000.0, 10.0, 8)  # of the thin plate against one vertex's distance, step by step
RIM_WEIGHT, MOUTH_CORNER_WEIGHT = 10.0, 1.0  # of a vertex of a rim and of a mouth corner, against a surface vertex
JAW_AND_BROWS = slice(JAW.start, BROWS.stop)  # landmarks that different models define most differently
JAW_AND_BROW_WEIGHT = 0.2  # against the other landmarks

# The nostrils are pockets in MakeHuman's mesh and caves in others, so they have no counterpart. An ellipse in the chart
# covers the left one; mirroring gives the right one.
NOSTRIL_CENTRE, NOSTRIL_LONG_AXIS, NOSTRIL_HALF_AXES = (0.396, 0.5886), (-0.957, 0.29), (0.050, 0.014)


@dataclass(frozen=True)
class Registration:
    """The bundled face on the surface of another model, the target."""

    vertices: Array  # (V, 3) of the bundled topology, in the frame of the target
    matrix: csr_matrix  # (V, n): takes values at the target's vertices (a basis, a colour) to those of the topology
    distance: Array  # (V,) from the target's surface; meaningless at the three centres of the membrane

    @cached_property
    def frame(self) -> tuple[Array, Array]:
        """Rotation (3, 3) and shift (3,) into the face frame: ``v @ rotation.T - shift``, without scaling."""
        layout = UVLayout()
        rotation = similarity_alignment(self.vertices, MorphableModel.load().mean)[1]
        return rotation, (layout.matrix @ (self.vertices @ rotation.T))[layout.mask.ravel()].mean(0)

    def vertices_in_face_frame(self) -> NDArray[np.float32]:
        """The vertices (V, 3) in the face frame."""
        rotation, shift = self.frame
        return (self.vertices @ rotation.T - shift).astype(np.float32)

    def transfer(self, model: MorphableModel) -> MorphableModel:
        """Bring a model into the bundled topology and the face frame; its mean is the target of this registration."""
        rotation = self.frame[0]

        def read(basis: Array) -> NDArray[np.float32]:
            return np.array([self.matrix @ direction @ rotation.T for direction in basis], np.float32)

        return replace(
            model,
            mean=self.vertices_in_face_frame(),
            identity=read(model.identity),
            expression=read(model.expression),
            landmark_vertices=None,
            **{name: getattr(MorphableModel.load(), name) for name in ("triangles", "membrane", "mirror", "uv")},
        )


class _Template:
    """The bundled face as the template of a registration."""

    def __init__(self, model: MorphableModel):
        from scipy.sparse import csr_matrix, diags, identity

        # models define brows and jaw on the skin, labels of photos elsewhere: these positions agree between models
        layout = UVLayout(landmark_uv=read_bundled_arrays("face_model.npz")["landmarks_between_models"][:, 1:3])
        self.model = model
        self.triangles = model.triangles[~model.membrane]
        loops = sorted(
            border_loops(self.triangles)[1:], key=lambda loop: model.mean[loop].mean(0)[[1, 0]].round().tolist()
        )
        self.rims = [nested_loops(self.triangles, loop, MATCHED_RINGS) for loop in loops]  # mouth, left eye, right eye
        self.landmark_matrix = (layout.landmark_matrix @ layout.matrix).tocsr().astype(float)
        self.basis = np.concatenate([model.identity, model.expression]).astype(float)
        n = len(model.mean)
        self.skin = np.isin(np.arange(n), self.triangles)
        self.membrane_matrix = identity(n).tolil()  # the centre of a membrane is the mean of its rim
        for centre in np.flatnonzero(~self.skin):
            fan = np.setdiff1d(model.triangles[(model.triangles == centre).any(1)], centre)
            self.membrane_matrix[centre] = np.isin(np.arange(n), fan) / len(fan)
        self.membrane_matrix = self.membrane_matrix.tocsr()
        axes = np.array([NOSTRIL_LONG_AXIS, [-NOSTRIL_LONG_AXIS[1], NOSTRIL_LONG_AXIS[0]]])
        nostril = (((model.uv - NOSTRIL_CENTRE) @ axes.T / NOSTRIL_HALF_AXES) ** 2).sum(1) < 1
        self.nostril = nostril | nostril[model.mirror]
        edges = np.unique(np.sort(triangle_edges(model.triangles), 1), axis=0)
        adjacency = csr_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
        adjacency += adjacency.T
        laplacian = identity(n) - diags(1 / np.asarray(adjacency.sum(1)).ravel()) @ adjacency
        self.laplacian = laplacian.tocsr()
        self.thin_plate = (laplacian.T @ laplacian).tocsc()

    def correspondences(self, vertices: Array, target: Surface, rims: Rims) -> tuple[csr_matrix, Array]:
        """The closest point on the target for each vertex: a matrix (V, n) over its vertices, and a weight (V,)."""
        triangle, share, distance = target.closest(vertices, vertex_normals(vertices, self.triangles))
        corners = target.triangles[triangle]
        at_border = (target.on_border[corners] & (share > 1e-3)).any(1)
        weight = (self.skin & ~self.nostril & (distance < MAX_DISTANCE_MM) & ~at_border).astype(float)
        for loops, curves in zip(self.rims, rims, strict=False):
            for loop, curve in zip(loops, curves, strict=False):
                pair, part = match_curve(vertices[loop], target.vertices[curve])
                corners[loop], share[loop] = np.asarray(curve)[pair[:, [0, 1, 1]]], np.c_[part, np.zeros(len(loop))]
                weight[loop] = RIM_WEIGHT
        return interpolation_matrix(corners, share, len(target.vertices)), weight

    def is_folded(self, vertices: Array, base: Array) -> NDArray[np.bool_]:
        """Which triangles (T,) have turned over, compared with the vertices ``base`` before the deformation."""
        normals = [area_normals(v, self.triangles) for v in (vertices, base)]
        return np.einsum("td,td->t", *normals) <= 0

    def unfold(self, vertices: Array, base: Array) -> Array:
        """Pull folded triangles tight like a soap film; after some attempts their neighbours too."""
        from scipy.sparse.linalg import splu

        vertices = vertices.copy()
        for attempt in range(UNFOLD_STEPS):
            folded = self.is_folded(vertices, base)
            if not folded.any():
                break
            patch = np.zeros(len(vertices), bool)
            patch[self.triangles[folded]] = True
            for _ in range(attempt // 3):
                patch[self.triangles[patch[self.triangles].any(1)]] = True
            patch[np.concatenate([loops[0] for loops in self.rims])] = False
            inner, outer = np.flatnonzero(patch), np.flatnonzero(~patch)
            film = self.laplacian[inner]
            vertices[inner] = splu(film[:, inner].tocsc()).solve(-(film[:, outer] @ vertices[outer]))
        return vertices

    def fit_model(self, target: Surface, landmarks: Array, rims: Rims) -> Array:
        """Vertices (V, 3) of the bundled model fitted to the target: pose and coefficients in turn."""
        mean = self.model.mean.astype(float)
        precision = np.ones(len(self.basis))
        precision[len(self.model.identity) :] = EXPRESSION_DEVIATION**-2
        trust = np.ones(68)
        trust[JAW_AND_BROWS] = JAW_AND_BROW_WEIGHT
        landmark_basis = np.stack([self.landmark_matrix @ b for b in self.basis])
        c = np.zeros(len(self.basis))
        for step in range(FIT_STEPS):
            shape = mean + np.tensordot(c, self.basis, 1)
            if step < LANDMARK_STEPS:  # until the face is near enough for closest points
                k, rotation, shift = similarity_alignment(self.landmark_matrix @ shape, landmarks, trust)
                wanted = (landmarks - shift) @ rotation / k - self.landmark_matrix @ mean
                left = (landmark_basis * trust[:, None]).reshape(len(c), -1)
                normal, right = left @ landmark_basis.reshape(len(c), -1).T, left @ wanted.ravel()
                coefficient_weight = LANDMARK_COEFFICIENT_WEIGHT
            else:
                matrix, weight = self.correspondences(k * shape @ rotation.T + shift, target, rims)
                points, normals = matrix @ target.vertices, matrix @ target.smooth_normals
                used = weight > 0
                k, rotation, shift = similarity_alignment(shape[used], points[used], weight[used])
                wanted = (points - shift) @ rotation / k - mean
                normal, right = self._surface_equations(wanted, normals @ rotation, weight)
                corners = landmark_basis[:, MOUTH_CORNERS].reshape(len(c), -1)
                wanted = (landmarks - shift) @ rotation / k - self.landmark_matrix @ mean
                normal += MOUTH_CORNER_WEIGHT * corners @ corners.T
                right += MOUTH_CORNER_WEIGHT * corners @ wanted[MOUTH_CORNERS].ravel()
                coefficient_weight = COEFFICIENT_WEIGHT
            c = np.linalg.solve(normal + coefficient_weight * np.diag(precision), right)
        return k * (mean + np.tensordot(c, self.basis, 1)) @ rotation.T + shift

    def _surface_equations(self, wanted: Array, normals: Array, weight: Array) -> tuple[Array, Array]:
        """Normal equations (K, K) and (K,) that move the mean by ``wanted`` (V, 3), weighted by ``weight`` (V,).

        Vertices of weight 1 move to a tangent plane of the target, so that they can slide; those of rims to a point.
        """
        across = np.einsum("kvd,vd->kv", self.basis, normals)  # distance to the plane
        left = across * (weight == 1)
        normal, right = left @ across.T, left @ np.einsum("vd,vd->v", wanted, normals)
        on_rim = np.flatnonzero(weight > 1)
        rim_basis = self.basis[:, on_rim].reshape(len(self.basis), -1)
        normal += RIM_WEIGHT * rim_basis @ rim_basis.T
        right += RIM_WEIGHT * rim_basis @ wanted[on_rim].ravel()
        return normal, right


def register(vertices: ArrayLike, triangles: NDArray, landmarks: ArrayLike, rims: Rims = ()) -> Registration:
    """Bend the bundled face onto vertices (n, 3) of a neutral face; :func:`register_model` describes them.

    ValueError if a shape is wrong or a coordinate is not finite.
    """
    from scipy.sparse import diags
    from scipy.sparse.linalg import splu

    vertices, landmarks = np.asarray(vertices, float), np.asarray(landmarks, float)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or landmarks.shape != (68, 3):
        raise ValueError(f"vertices {vertices.shape} and landmarks {landmarks.shape} should be (n, 3) and (68, 3)")
    if not (np.isfinite(vertices).all() and np.isfinite(landmarks).all()):
        raise ValueError("vertices and landmarks must be finite")
    template, target = _Template(MorphableModel.load()), Surface(vertices, triangles)
    base = out = template.fit_model(target, landmarks, rims)
    corners = template.landmark_matrix[MOUTH_CORNERS]
    for stiffness in STIFFNESS:
        matrix, weight = template.correspondences(out, target, rims)
        system = stiffness * template.thin_plate + diags(weight) + MOUTH_CORNER_WEIGHT * (corners.T @ corners)
        pull = weight[:, None] * (matrix @ vertices - base)
        pull += MOUTH_CORNER_WEIGHT * corners.T @ (landmarks[MOUTH_CORNERS] - corners @ base)
        out = base + splu(system.tocsc()).solve(pull)
    out = template.unfold(out, base)
    matrix = template.correspondences(out, target, rims)[0]
    distance = np.linalg.norm(out - target.points(out), axis=1)
    return Registration(template.membrane_matrix @ out, template.membrane_matrix @ matrix, distance)


def register_model(model: MorphableModel, rims: Rims = ()) -> MorphableModel:
    """Bring another model into the bundled topology and the face frame, so that it shares the UV layout (20 seconds).

    Parameters
    ----------
    model : MorphableModel
        Its mean is a neutral face in mm, at any place; y is up, and it faces +z to within 30 degrees. Its size stays.
        Triangles are counter-clockwise from outside, without the inside of the mouth and of the lids. Among the
        landmarks, jaw and brows have little weight, and the last steps use the mouth corners only.
    rims : sequence of sequences of int arrays
        One sequence for the mouth, one for the eye at the image's left, one for the eye at its right. Each holds the
        rim as a loop of vertices, then up to four loops around it, one ring of the mesh after the other. They keep lips
        and lids in place where these fold inward.

    Raises
    ------
    ValueError
        If the model has no ``landmark_vertices``, or a coordinate is not finite.

    References
    ----------
    B. Amberg, S. Romdhani, T. Vetter, Optimal step nonrigid ICP algorithms for surface registration, CVPR 2007: closest
    points under a stiffness that is lowered step by step. Here the stiffness is that of a thin plate.
    """
    if model.landmark_vertices is None:
        raise ValueError("the model has no landmark_vertices: a registration begins with landmarks")
    return register(model.mean, model.triangles, model.mean[model.landmark_vertices], rims).transfer(model)
