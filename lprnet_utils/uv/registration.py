"""Registration: the bundled face, bent onto the surface of another model, so that both share the UV layout.

First the bundled morphable model is fitted (pose, identity, expression), then its vertices leave the model and move
freely under a thin-plate energy that is relaxed step by step. Eyelids and lips lie close together and face each
other, so there the closest point is often on the wrong one: the rims of their openings are matched curve to curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import read_arrays
from ..geometry.camera import similarity_alignment
from ..geometry.landmarks import BROWS, JAW, MOUTH_CORNERS
from ..geometry.mesh import border_loops, nested_loops, vertex_normals
from ..morphable_model.model import EXPRESSION_DEVIATION, MorphableModel
from ..morphable_model.surface import Surface, match_curve
from .layout import UVLayout

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

REACH = 5.0  # mm, farther correspondences are none
FIT_STEPS = 20
UNFOLD_STEPS = 20
NESTED = 5  # rings around an opening that may be matched
RIDGE = 30.0  # squared mm: weight of the model's coefficients, in standard deviations
STIFFNESS = np.geomspace(1000.0, 10.0, 8)  # of the thin plate against one vertex's distance, step by step
RIM, CORNER = 10.0, 1.0  # weights of a vertex of a rim and of a corner of the mouth
JAW_AND_BROWS = slice(JAW.start, BROWS.stop)  # landmarks whose definitions differ most between models

# The nostrils, pockets in MakeHuman's mesh and caves in others, correspond to nothing: centre of the left one of the
# chart, direction of its long axis, half axes
NOSTRIL, NOSTRIL_AXIS, NOSTRIL_SIZE = (0.396, 0.5886), (-0.957, 0.29), (0.050, 0.014)


@dataclass(frozen=True)
class Registration:
    """The bundled face on the surface of another model.

    Attributes
    ----------
    vertices : (V, 3) float64
        Of the bundled topology, in the frame of the target.
    matrix : sparse (V, n)
        ``matrix @ values`` reads what is known at the target's vertices (a basis, a colour) at these.
    distance : (V,)
        From the target's surface; of the three centres of the membrane it says nothing.
    """

    vertices: Array
    matrix: csr_matrix
    distance: Array

    @cached_property
    def frame(self) -> tuple[Array, Array]:
        """Rotation (3, 3) and shift (3,) into the face frame: ``v @ rotation.T - shift``; the size stays."""
        layout = UVLayout()
        rotation = similarity_alignment(self.vertices, MorphableModel.load().mean)[1]
        return rotation, (layout.matrix @ (self.vertices @ rotation.T))[layout.mask.ravel()].mean(0)

    def upright(self) -> NDArray[np.float32]:
        """The vertices (V, 3) in the face frame."""
        rotation, shift = self.frame
        return (self.vertices @ rotation.T - shift).astype(np.float32)

    def carry(self, model: MorphableModel) -> MorphableModel:
        """The model whose mean was the target, in the bundled topology and face frame."""
        rotation = self.frame[0]

        def read(basis: Array) -> NDArray[np.float32]:
            return np.array([self.matrix @ direction @ rotation.T for direction in basis], np.float32)

        return replace(
            model,
            mean=self.upright(),
            identity=read(model.identity),
            expression=read(model.expression),
            landmark_vertices=None,
            **{name: getattr(MorphableModel.load(), name) for name in ("triangles", "membrane", "mirror", "uv")},
        )


class _Template:
    """What of the bundled face a registration needs."""

    def __init__(self, model: MorphableModel):
        from scipy.sparse import csr_matrix, diags, identity

        # other models' makers set brows and jaw where they lie on the skin, not where labels of photos have them
        layout = UVLayout(landmark_uv=read_arrays("face_model.npz")["landmarks_between_models"][:, 1:3])
        self.model = model
        self.triangles = model.triangles[~model.membrane]
        loops = sorted(
            border_loops(self.triangles)[1:], key=lambda loop: model.mean[loop].mean(0)[[1, 0]].round().tolist()
        )
        self.rims = [nested_loops(self.triangles, loop, NESTED) for loop in loops]  # mouth, eyes from left to right
        self.read = (layout.landmark_matrix @ layout.matrix).tocsr().astype(float)
        self.basis = np.concatenate([model.identity, model.expression]).astype(float)
        n = len(model.mean)
        self.skin = np.isin(np.arange(n), self.triangles)
        self.closed = identity(n).tolil()  # the centre of a membrane is the mean of its rim
        for centre in np.flatnonzero(~self.skin):
            fan = np.setdiff1d(model.triangles[(model.triangles == centre).any(1)], centre)
            self.closed[centre] = np.isin(np.arange(n), fan) / len(fan)
        self.closed = self.closed.tocsr()
        axes = np.array([NOSTRIL_AXIS, [-NOSTRIL_AXIS[1], NOSTRIL_AXIS[0]]])
        nostril = (((model.uv - NOSTRIL) @ axes.T / NOSTRIL_SIZE) ** 2).sum(1) < 1
        self.nostril = nostril | nostril[model.mirror]
        ends = np.stack([model.triangles, np.roll(model.triangles, -1, 1)], -1).reshape(-1, 2)
        ends = np.unique(np.sort(ends, 1), axis=0)
        link = csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
        link = link + link.T
        laplacian = identity(n) - diags(1 / np.asarray(link.sum(1)).ravel()) @ link
        self.laplacian = laplacian.tocsr()
        self.thin_plate = (laplacian.T @ laplacian).tocsc()

    def correspondences(
        self, vertices: Array, target: Surface, rims: Sequence[Sequence[NDArray]]
    ) -> tuple[csr_matrix, Array, Array]:
        """For each vertex its point on the target as a row of a matrix over the target's vertices, with a weight.

        The distance is inf where no surface near faces alike.
        """
        from scipy.sparse import csr_matrix

        triangle, share, distance = target.closest(vertices, vertex_normals(vertices, self.triangles))
        corners = target.triangles[triangle]
        at_border = (target.on_border[corners] & (share > 1e-3)).any(1)
        weight = (self.skin & ~self.nostril & (distance < REACH) & ~at_border).astype(float)
        for loops, curves in zip(self.rims, rims, strict=False):
            for loop, curve in zip(loops, curves, strict=False):
                pair, part = match_curve(vertices[loop], target.vertices[curve])
                corners[loop], share[loop] = np.asarray(curve)[pair[:, [0, 1, 1]]], np.c_[part, np.zeros(len(loop))]
                weight[loop] = RIM
        n = len(vertices)
        entries = share.ravel(), (np.repeat(np.arange(n), 3), corners.ravel())
        return csr_matrix(entries, shape=(n, len(target.vertices))), weight, distance

    def folded(self, vertices: Array, base: Array) -> NDArray[np.bool_]:
        """Which triangles have turned over against those of the face that the bending began with."""
        normals = [
            np.cross(*np.moveaxis(v[self.triangles[:, 1:]] - v[self.triangles[:, :1]], 1, 0)) for v in (vertices, base)
        ]
        return np.einsum("td,td->t", *normals) <= 0

    def unfolded(self, vertices: Array, base: Array) -> Array:
        """Where triangles are folded, they, and in time those around them, are drawn tight like a soap film."""
        from scipy.sparse.linalg import splu

        vertices = vertices.copy()
        for attempt in range(UNFOLD_STEPS):
            bad = self.folded(vertices, base)
            if not bad.any():
                break
            patch = np.zeros(len(vertices), bool)
            patch[self.triangles[bad]] = True
            for _ in range(attempt // 3):
                patch[self.triangles[patch[self.triangles].any(1)]] = True
            patch[np.concatenate([loops[0] for loops in self.rims])] = False
            inner, outer = np.flatnonzero(patch), np.flatnonzero(~patch)
            film = self.laplacian[inner]
            vertices[inner] = splu(film[:, inner].tocsc()).solve(-(film[:, outer] @ vertices[outer]))
        return vertices

    def fitted(self, target: Surface, landmarks: Array, rims: Sequence[Sequence[NDArray]]) -> Array:
        """The model's face that lies closest: pose and coefficients in turn."""
        mean = self.model.mean.astype(float)
        precision = np.ones(len(self.basis))
        precision[len(self.model.identity) :] = EXPRESSION_DEVIATION**-2
        trust = np.ones(68)
        trust[JAW_AND_BROWS] = 0.2
        marks = np.stack([self.read @ b for b in self.basis])
        c = np.zeros(len(self.basis))
        for step in range(FIT_STEPS):
            shape = mean + np.tensordot(c, self.basis, 1)
            if step < 5:  # from the landmarks alone, to be near enough for closest points
                k, rotation, shift = similarity_alignment(self.read @ shape, landmarks, trust)
                wanted = (landmarks - shift) @ rotation / k - self.read @ mean
                left = (marks * trust[:, None]).reshape(len(c), -1)
                normal, right = left @ marks.reshape(len(c), -1).T, left @ wanted.ravel()
                ridge = 2.0
            else:
                matrix, weight, _ = self.correspondences(k * shape @ rotation.T + shift, target, rims)
                points, normals = matrix @ target.vertices, matrix @ target.smooth_normals
                used = weight > 0
                k, rotation, shift = similarity_alignment(shape[used], points[used], weight[used])
                wanted = (points - shift) @ rotation / k - mean
                normals = normals @ rotation
                across = np.einsum("kvd,vd->kv", self.basis, normals)  # distance to the plane, so that it can slide
                left = across * (weight == 1)
                normal, right = left @ across.T, left @ np.einsum("vd,vd->v", wanted, normals)
                hard = np.flatnonzero(weight > 1)
                pull = self.basis[:, hard].reshape(len(c), -1)
                normal += RIM * pull @ pull.T
                right += RIM * pull @ wanted[hard].ravel()
                corners = marks[:, MOUTH_CORNERS].reshape(len(c), -1)
                wanted = (landmarks - shift) @ rotation / k - self.read @ mean
                normal += CORNER * corners @ corners.T
                right += CORNER * corners @ wanted[MOUTH_CORNERS].ravel()
                ridge = RIDGE
            c = np.linalg.solve(normal + ridge * np.diag(precision), right)
        return k * (mean + np.tensordot(c, self.basis, 1)) @ rotation.T + shift


def register(
    vertices: ArrayLike, triangles: NDArray, landmarks: ArrayLike, rims: Sequence[Sequence[NDArray]] = ()
) -> Registration:
    """Bend the bundled face onto the neutral face of another model (20 seconds).

    Parameters
    ----------
    vertices : (n, 3) array
        The other neutral face in mm, anywhere, as large as a face, y up, facing +z to within 30 degrees.
    triangles : (m, 3) int array
        Counter-clockwise from outside; without the inside of the mouth and of the lids.
    landmarks : (68, 3) array
        Its iBUG landmarks. Those of jaw and brows count little, and only the corners of the mouth count to the end.
    rims : sequence of sequences of int arrays
        For the mouth, the eye at the image's left and the eye at its right: the rim as a loop of vertices, then up to
        four loops around it, one ring of the mesh after the other. They hold lips and lids where they fold inward.

    Returns
    -------
    Registration

    Raises
    ------
    ValueError
        If shapes do not agree or a coordinate is not finite.

    References
    ----------
    B. Amberg, S. Romdhani, T. Vetter, Optimal step nonrigid ICP algorithms for surface registration, CVPR 2007: closest
    points under a stiffness that is lowered step by step. Here the stiffness is that of a thin plate.
    """
    from scipy.sparse import diags
    from scipy.sparse.linalg import splu

    vertices, landmarks = np.asarray(vertices, float), np.asarray(landmarks, float)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or landmarks.shape != (68, 3):
        raise ValueError(f"vertices {vertices.shape} and landmarks {landmarks.shape} should be (n, 3) and (68, 3)")
    if not (np.isfinite(vertices).all() and np.isfinite(landmarks).all()):
        raise ValueError("vertices and landmarks must be finite")
    template, target = _Template(MorphableModel.load()), Surface(vertices, triangles)
    base = out = template.fitted(target, landmarks, rims)
    read = template.read[MOUTH_CORNERS]
    for stiffness in STIFFNESS:
        matrix, weight, _ = template.correspondences(out, target, rims)
        system = stiffness * template.thin_plate + diags(weight) + CORNER * (read.T @ read)
        pull = weight[:, None] * (matrix @ vertices - base)
        pull += CORNER * read.T @ (landmarks[MOUTH_CORNERS] - read @ base)
        out = base + splu(system.tocsc()).solve(pull)
    out = template.unfolded(out, base)
    matrix, weight, distance = template.correspondences(out, target, rims)
    matrix = template.closed @ matrix
    return Registration(template.closed @ out, matrix, np.linalg.norm(out - target.points(out), axis=1))


def register_model(model: MorphableModel, rims: Sequence[Sequence[NDArray]] = ()) -> MorphableModel:
    """Another model in the bundled topology and face frame, of its own size: it shares the UV layout from then on.

    Parameters
    ----------
    model : MorphableModel
        With ``landmark_vertices``.
    rims : see :func:`register`

    Raises
    ------
    ValueError
        If the model does not say where its landmarks are.
    """
    if model.landmark_vertices is None:
        raise ValueError("the model has no landmark_vertices: a registration begins with landmarks")
    return register(model.mean, model.triangles, model.mean[model.landmark_vertices], rims).carry(model)
