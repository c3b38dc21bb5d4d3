"""The morphable face model: a mean face with identity and expression directions, one linear map.

Two models are bundled, MakeHuman's and ICT-FaceKit's. :mod:`lprnet_utils.morphable_model.readers` reads two more from
files that the user provides: the whole ICT-FaceKit and the Basel Face Model. Models in the bundled topology share the
UV layout; :func:`lprnet_utils.uv.register_model` brings other models into it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays, read_sparse
from ..geometry.camera import similarity_alignment

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

EXPRESSION_DEVIATION = 0.3  # standard deviation of an expression weight in real faces; identity coefficients have 1
BUNDLED_MODELS = ("makehuman", "ict", "mixed")
LEFT_OUT_INTERVAL = 10  # every tenth identity mode of the scanned people is left out of ``mixed``


@dataclass(frozen=True)
class MorphableModel:
    """A linear model of faces: ``mean + identity . p + expression . q``, in mm of the face frame.

    Attributes
    ----------
    mean : (V, 3) float32
    identity : (K, V, 3) float32
        Principal components scaled to unit variance: p from N(0, 1) looks like a person.
    expression : (E, V, 3) float32
        Offsets of the expression shapes, for a weight of 1. Weights are 0 to 1.
    expression_names : tuple of str
        The bundled ``makehuman`` and ``mixed`` use ARKit's names; ``ict`` has ICT-FaceKit's, of which six differ.
    triangles : (T, 3) int32
        Counter-clockwise from outside.
    membrane : (T,) bool
        Triangles that close the openings of eyes and mouth.
    mirror : (V,) int32, optional
        The mirror counterpart of each vertex. Models outside the bundled topology have neither ``mirror`` nor ``uv``.
    uv : (V, 2) float64, optional
        Position in the chart, 0 to 1, u right, v down.
    landmark_vertices : (68,) int, optional
        The iBUG landmarks of a model outside the bundled topology. The UV layout has those of the other models.
    deviations : (K + E,), optional
        Divide coefficients for the model's own files by these numbers to get coefficients for this class.
    label_names, label_mean, label_directions, label_residual
        The linear regression of identity on labels, see :meth:`sample_identity`.

    Examples
    --------
    >>> model = MorphableModel.load()
    >>> model.identity.shape, model.expression.shape
    ((80, 8084, 3), (51, 8084, 3))
    >>> smiling = model.vertices(expression={"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8})
    >>> round(float(abs(smiling - model.mean).max()))  # largest movement in mm along one axis
    11
    """

    mean: Array
    identity: Array
    expression: Array
    expression_names: tuple[str, ...]
    triangles: NDArray[np.int32]
    membrane: NDArray[np.bool_]
    mirror: NDArray[np.int32] | None = None
    uv: Array | None = None
    landmark_vertices: NDArray[np.intp] | None = None
    deviations: Array | None = None
    label_names: tuple[str, ...] = ()
    label_mean: Array | None = None
    label_directions: Array | None = None
    label_residual: Array | None = None

    @classmethod
    def load(cls, name: str = "makehuman") -> MorphableModel:
        """A bundled model in the bundled topology of 8,084 vertices, read once: do not write into its arrays.

        ``makehuman`` (CC0) has 80 identity modes and 51 expressions. Its file holds a coarse mesh; one step of
        Catmull-Clark subdivision, a sparse matrix, makes it dense. ``ict`` is the face of ICT-FaceKit (MIT), made from
        scanned people, with 100 identity modes and 55 expressions, registered to the topology. ``mixed`` is the first
        one with 91 modes besides: from its mean to that of the second, and nine in ten modes of the second. The tenth
        stays out, so that the faces of ``held_out_faces("ict")`` cannot be made from the others completely.

        ValueError for another name, AssetError if the file is missing, truncated or altered.
        """
        if name not in BUNDLED_MODELS:
            raise ValueError(f"no bundled face model {name!r}; there are {', '.join(BUNDLED_MODELS)}")
        return _load(name)

    def vertices(self, identity: ArrayLike = (), expression: ArrayLike | dict[str, float] = ()) -> Array:
        """Vertices (V, 3) of a face in mm of the face frame, float32.

        ``identity`` has up to K coefficients, ``expression`` up to E weights, or weights by name; missing ones are 0.
        ValueError for too many coefficients, or for an expression that the model does not have.
        """
        if isinstance(expression, dict):
            unknown = sorted(set(expression) - set(self.expression_names))
            if unknown:
                raise ValueError(f"no expression {unknown}; this model has {', '.join(self.expression_names)}")
            expression = [expression.get(name, 0.0) for name in self.expression_names]
        out = self.mean.astype(np.float32, copy=True)
        for name, weights in (("identity", identity), ("expression", expression)):
            basis = getattr(self, name)
            weights = np.asarray(weights, np.float32).ravel()
            if len(weights) > len(basis):
                raise ValueError(f"{len(weights)} {name} coefficients given, this model has {len(basis)}")
            out += np.tensordot(weights, basis[: len(weights)], 1)
        return out

    def sample_identity(
        self, rng: np.random.Generator, labels: dict[str, float] | None = None
    ) -> tuple[Array, dict[str, float]]:
        """Draw random identity coefficients (K,), for given labels if there are any; returns all labels with them.

        The coefficients are the mean for these labels (a linear regression over the faces that the model was made from)
        plus noise with the covariance of the regression's residuals. The labels, 0 to 1 each, are the settings of
        MakeHuman: ``male``, ``child``, ``old``, ``african``, ``asian``, ``caucasian``; the last three add up to 1.
        Labels that are not given have their mean over the model's sample. ValueError for a label that the model does
        not have.
        """
        labels = dict(labels or {})
        unknown = sorted(set(labels) - set(self.label_names))
        if unknown:
            raise ValueError(f"no label {unknown}; this model has {self.label_names or 'none'}")
        value = np.array([labels.get(n, m) for n, m in zip(self.label_names, self.label_mean, strict=True)])
        mean = (value - self.label_mean) @ self.label_directions
        noise = rng.standard_normal(len(self.identity)) @ self.label_residual
        return mean + noise, {n: float(v) for n, v in zip(self.label_names, value, strict=True)}


def transform_basis(matrix: csr_matrix, basis: Array) -> Array:
    """Apply a sparse matrix (P, V) to each direction of a basis (K, V, 3), which gives (K, P, 3)."""
    flat = basis.transpose(1, 0, 2).reshape(basis.shape[1], -1)
    return np.ascontiguousarray((matrix @ flat).reshape(-1, len(basis), 3).transpose(1, 0, 2))


@lru_cache(maxsize=3)
def _load(name: str) -> MorphableModel:
    if name == "mixed":
        return _mix(_load("makehuman"), _load("ict"))
    topology = read_bundled_arrays("face_model.npz")
    if name == "makehuman":
        file = topology
        matrix = read_sparse(file, "subdivision", len(file["mean"]))
        fields = {"mean": matrix @ file["mean"], "label_names": tuple(file["label_names"].tolist())}
        fields |= {k: file[k] for k in ("label_mean", "label_directions", "label_residual")}
    else:
        file = read_bundled_arrays("ict_face.npz")
        matrix = read_sparse(file, "registration", file["identity"].shape[1])
        fields = {"mean": file["mean"]}
    return MorphableModel(
        identity=transform_basis(matrix, file["identity"].astype(np.float32)),
        expression=transform_basis(matrix, file["expression"].astype(np.float32)),
        expression_names=tuple(file["expression_names"].tolist()),
        **{k: topology[k] for k in ("triangles", "membrane", "mirror", "uv")},
        **fields,
    )


def _mix(base: MorphableModel, scanned: MorphableModel) -> MorphableModel:
    """A model with some identity modes of another one besides its own, and before them the difference of the means."""
    # in the axes and size of our mean face, so that a mode is a change of shape and no movement
    scale, rotation, shift = similarity_alignment(scanned.mean, base.mean)
    difference = scale * scanned.mean @ rotation.T + shift - base.mean
    kept = np.arange(len(scanned.identity)) % LEFT_OUT_INTERVAL != LEFT_OUT_INTERVAL - 1
    modes = np.concatenate([difference[None], scale * scanned.identity[kept] @ rotation.T])
    modes -= modes.mean(1, keepdims=True)
    return replace(base, identity=np.concatenate([base.identity, modes.astype(np.float32)]))
