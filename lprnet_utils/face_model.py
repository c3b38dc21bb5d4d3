"""The morphable face model: a mean face, identity and expression directions, one linear map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .assets import read_arrays, read_sparse

if TYPE_CHECKING:
    from .uv import UVLayout

Array = NDArray[np.floating]


@dataclass(frozen=True)
class MorphableModel:
    """A linear model of faces: ``mean + identity . p + expression . q``, in mm of the face frame.

    Attributes
    ----------
    mean : (V, 3) float32
    identity : (K, V, 3) float32
        Principal components scaled to unit variance: p from N(0, 1) looks like a person.
    expression : (E, V, 3) float32
        Offsets of the expression shapes, weight 0 to 1, by the names ARKit uses.
    expression_names : tuple of str
    triangles : (T, 3) int32
        Counter-clockwise from outside.
    membrane : (T,) bool
        Triangles that close the openings of eyes and mouth.
    mirror : (V,) int32
        The mirror counterpart of each vertex.
    uv : (V, 2) float64
        Position in the chart, 0 to 1, u right, v down.
    label_names, label_mean, label_directions, label_residual
        What is known of a sampled identity: see :meth:`sample_identity`.
    """

    mean: Array
    identity: Array
    expression: Array
    expression_names: tuple[str, ...]
    triangles: NDArray[np.int32]
    membrane: NDArray[np.bool_]
    mirror: NDArray[np.int32]
    uv: Array
    label_names: tuple[str, ...] = ()
    label_mean: Array | None = None
    label_directions: Array | None = None
    label_residual: Array | None = None

    @classmethod
    def load(cls) -> MorphableModel:
        """The bundled MakeHuman face (CC0): 80 identity modes, 51 expressions, 8,084 vertices.

        The file holds the coarse mesh; one step of Catmull-Clark subdivision, a sparse matrix, makes the dense one.
        The model is made once in a process; do not write into its arrays.

        Raises
        ------
        AssetError
            If the file is missing, truncated or altered.
        """
        return _load()

    def vertices(self, identity: ArrayLike = (), expression: ArrayLike | dict[str, float] = ()) -> Array:
        """Vertices (V, 3) in mm of a face.

        Parameters
        ----------
        identity : up to K numbers
            Missing ones are 0.
        expression : up to E numbers, or a dict of weights by name

        Raises
        ------
        ValueError
            For too many coefficients or an expression that the model does not have.
        """
        if isinstance(expression, dict):
            unknown = sorted(set(expression) - set(self.expression_names))
            if unknown:
                raise ValueError(f"no expression {unknown}; this model has {', '.join(self.expression_names)}")
            expression = [expression.get(name, 0.0) for name in self.expression_names]
        out = self.mean.astype(np.float32, copy=True)
        for name, basis, weights in (
            ("identity", self.identity, identity),
            ("expression", self.expression, expression),
        ):
            weights = np.asarray(weights, np.float32).ravel()
            if len(weights) > len(basis):
                raise ValueError(f"{len(weights)} {name} coefficients given, this model has {len(basis)}")
            out += np.tensordot(weights, basis[: len(weights)], 1)
        return out

    def sample_identity(
        self, rng: np.random.Generator, labels: dict[str, float] | None = None
    ) -> tuple[Array, dict[str, float]]:
        """Random identity coefficients (K,) and their labels.

        Parameters
        ----------
        rng : numpy Generator
        labels : dict, optional
            Values to hold, 0 to 1 each: ``male``, ``child``, ``old``, ``african``, ``asian``, ``caucasian`` (the
            settings of MakeHuman; the last three share 1). What is not given has the mean of the model's sample.

        Returns
        -------
        coefficients : (K,) float
            Mean for these labels (a linear regression over the faces that the model was made from) plus a random
            part with the covariance that the labels leave open.
        labels : dict
            All labels, with the values that were used.
        """
        labels = dict(labels or {})
        unknown = sorted(set(labels) - set(self.label_names))
        if unknown:
            raise ValueError(f"no label {unknown}; this model has {self.label_names or 'none'}")
        value = np.array([labels.get(n, m) for n, m in zip(self.label_names, self.label_mean, strict=True)])
        mean = (value - self.label_mean) @ self.label_directions
        noise = rng.standard_normal(len(self.identity)) @ self.label_residual
        return mean + noise, {n: float(v) for n, v in zip(self.label_names, value, strict=True)}

    def position_basis(self, layout: UVLayout) -> tuple[Array, Array]:
        """The model evaluated on the texels of a layout.

        Returns
        -------
        mean : (N*N, 3) float32
        basis : (K + E, N*N, 3) float32
            Identity first, then expression: ``mean + tensordot(coefficients, basis, 1)`` is the position map of a
            face in mm.
        """
        directions = np.concatenate([self.identity, self.expression]).astype(np.float32)
        flat = directions.transpose(1, 0, 2).reshape(len(self.mean), -1)
        basis = (layout.matrix @ flat).reshape(-1, len(directions), 3).transpose(1, 0, 2)
        return layout.matrix @ self.mean.astype(np.float32), np.ascontiguousarray(basis)


@lru_cache(maxsize=1)
def _load() -> MorphableModel:
    file = read_arrays("face_model.npz")
    coarse = file["mean"]
    subdivide = read_sparse(file, "subdivision", len(coarse))

    def dense(basis: Array) -> Array:
        flat = basis.transpose(1, 0, 2).reshape(basis.shape[1], -1)
        return np.ascontiguousarray((subdivide @ flat).reshape(-1, len(basis), 3).transpose(1, 0, 2))

    return MorphableModel(
        mean=subdivide @ coarse,
        identity=dense(file["identity"]),
        expression=dense(file["expression"]),
        expression_names=tuple(file["expression_names"].tolist()),
        label_names=tuple(file["label_names"].tolist()),
        **{k: file[k] for k in ("triangles", "membrane", "mirror", "uv")},
        **{k: file[k] for k in ("label_mean", "label_directions", "label_residual")},
    )
