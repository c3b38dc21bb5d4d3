"""The morphable face model: a mean face, identity and expression directions, one linear map.

Two models are bundled, MakeHuman's and ICT-FaceKit's; the whole kit and the Basel Face Model are read from the reader's
own copies. All have one schema; those in the bundled topology share the UV layout, and
:func:`lprnet_utils.morphable_model.register_model` brings the others there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError, read_arrays, read_mat, read_sparse
from .readers import ICT_FACE, ICT_LANDMARKS, read_obj

if TYPE_CHECKING:
    from ..uv.layout import UVLayout

EXPRESSION_DEVIATION = 0.3  # of an expression weight in real faces; an identity coefficient has 1 by construction
BUNDLED = ("makehuman", "ict")


# fmt: on


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
    mirror : (V,) int32, optional
        The mirror counterpart of each vertex. None, as is ``uv``, for a model that is not in the bundled topology.
    uv : (V, 2) float64, optional
        Position in the chart, 0 to 1, u right, v down.
    landmark_vertices : (68,) int, optional
        The iBUG landmarks of a model that is not in the bundled topology; the others have those of the layout.
    deviations : (K + E,), optional
        What the coefficients of the model's own files are divided by to become ours.
    label_names, label_mean, label_directions, label_residual
        What is known of a sampled identity: see :meth:`sample_identity`.
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
        """A bundled model, in the bundled topology of 8,084 vertices.

        ``makehuman`` (CC0): 80 identity modes, 51 expressions; its file holds the coarse mesh, which one step of
        Catmull-Clark subdivision, a sparse matrix, makes dense. ``ict``: the face of ICT-FaceKit (MIT), scanned people,
        100 identity modes, 55 expressions, registered. Each is made once in a process; do not write into its arrays.

        Raises
        ------
        AssetError
            If the file is missing, truncated or altered.
        ValueError
            For another name.
        """
        if name not in BUNDLED:
            raise ValueError(f"no bundled face model {name!r}; there are {', '.join(BUNDLED)}")
        return _load_makehuman() if name == "makehuman" else _load_ict()

    @classmethod
    def from_ict_kit(cls, folder: str | Path) -> MorphableModel:
        """The face, ears and neck of ICT-FaceKit in its own topology, from the OBJ files of the kit (MIT).

        Parameters
        ----------
        folder : path
            ``FaceXModel`` of the kit; :func:`lprnet_utils.morphable_model.fetch_ict_kit` downloads it (400 MB).

        Raises
        ------
        DatasetError
            Naming the file that is missing or is not what it should be.
        """
        folder = Path(folder)
        neutral, faces = read_obj(folder / "generic_neutral_mesh.obj")
        quads = np.array([f for f in faces if len(f) == 4 and max(f) < ICT_FACE])
        identity = sorted(folder.glob("identity*.obj"))
        skip = {"generic_neutral_mesh", "PupilDilate_L", "PupilDilate_R", *(p.stem for p in identity)}
        shapes = sorted(p for p in folder.glob("*.obj") if p.stem not in skip)  # the pupils move no skin
        if not identity or not shapes:
            raise DatasetError(f"{folder} has {len(identity)} identity files and {len(shapes)} expressions: incomplete")

        def offsets(paths: list[Path]) -> Iterator[Array]:
            for path in paths:
                vertices = read_obj(path)[0]
                if len(vertices) != len(neutral):
                    raise DatasetError(f"{path} has {len(vertices)} vertices, the neutral mesh {len(neutral)}")
                yield 10 * (vertices - neutral)[:ICT_FACE]  # centimetres

        return cls(
            mean=(10 * neutral[:ICT_FACE]).astype(np.float32),
            identity=np.array(list(offsets(identity)), np.float32),
            expression=np.array(list(offsets(shapes)), np.float32),
            expression_names=tuple(p.stem.replace("_L", "Left").replace("_R", "Right") for p in shapes),
            triangles=np.stack([quads[:, :3], quads[:, [0, 2, 3]]], 1).reshape(-1, 3).astype(np.int32),
            membrane=np.zeros(2 * len(quads), bool),
            landmark_vertices=np.array(ICT_LANDMARKS),
        )

    @classmethod
    def from_basel(cls, path: str | Path, expression_path: str | Path | None = None) -> MorphableModel:
        """The Basel Face Model 2009 with the expressions of 3DDFA, in its own topology of 53,215 vertices.

        The model is given for research alone to those who ask at https://faces.dmi.unibas.ch, so it cannot be bundled.
        The expressions come from the authors of 3DDFA, with 300W-LP.

        Parameters
        ----------
        path : path
            ``BFM.mat`` as face3d writes it (one struct ``model``), or ``Model_Shape.mat`` of 300W-LP's code.
        expression_path : path, optional
            ``Model_Exp.mat``, for ``Model_Shape.mat`` only.

        Raises
        ------
        DatasetError
            Naming file and field where one is missing or of the wrong shape.
        """
        path = Path(path)
        if expression_path is None:
            exp_path, names = path, ("shapeMU", "shapePC", "shapeEV", "tri", "kpt_ind", "expMU", "expPC", "expEV")
            fields = read_mat(path, *names, struct="model")
        else:
            exp_path = Path(expression_path)
            fields = read_mat(path, "mu_shape", ("w", "w_shp"), ("sigma", "sigma_shp"), "tri", "keypoints")
            fields += read_mat(exp_path, "mu_exp", "w_exp", "sigma_exp")
        mean, shape, shape_ev, triangles, points, exp_mean, exp, exp_ev = fields
        for file, given, modes, deviation in ((path, mean, shape, shape_ev), (exp_path, exp_mean, exp, exp_ev)):
            if (
                given.size != len(modes)
                or given.size % 3
                or deviation.size != modes.shape[1]
                or len(modes) != len(shape)
            ):
                raise DatasetError(
                    f"{file}: a mean of {given.size} numbers, modes {modes.shape} and {deviation.size} deviations do "
                    f"not belong to one model of {len(shape) // 3} vertices"
                )
        count = len(shape) // 3
        triangles, points = triangles.astype(np.int64).reshape(3, -1).T - 1, points.astype(np.int64).ravel() - 1
        every = np.r_[triangles.ravel(), points]
        if points.shape != (68,) or every.min() < 0 or every.max() >= count:
            raise DatasetError(f"{path}: triangles and the 68 keypoints should be numbers of vertices, 1 to {count}")
        mean = (mean.ravel() + exp_mean.ravel()).reshape(-1, 3) / 1000  # micrometres
        corner = mean[triangles]
        outward = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])[:, 2].sum() > 0

        def scaled(modes: Array, deviation: Array) -> Array:
            return (modes * (deviation.ravel() / 1000)).T.reshape(-1, count, 3).astype(np.float32)

        return cls(
            mean=mean.astype(np.float32),
            identity=scaled(shape, shape_ev),
            expression=scaled(exp, exp_ev),
            expression_names=tuple(f"basel{k:02d}" for k in range(exp.shape[1])),
            triangles=(triangles if outward else triangles[:, ::-1]).astype(np.int32),
            membrane=np.zeros(len(triangles), bool),
            landmark_vertices=points,
            deviations=np.r_[shape_ev.ravel(), exp_ev.ravel()],
        )

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

        Raises
        ------
        ValueError
            If the model is not in the bundled topology.
        """
        if self.uv is None:
            raise ValueError("this model has no UV chart; registration.register_model brings it into the bundled one")
        directions = np.concatenate([self.identity, self.expression]).astype(np.float32)
        flat = directions.transpose(1, 0, 2).reshape(len(self.mean), -1)
        basis = (layout.matrix @ flat).reshape(-1, len(directions), 3).transpose(1, 0, 2)
        return layout.matrix @ self.mean.astype(np.float32), np.ascontiguousarray(basis)


@lru_cache(maxsize=1)
def _load_ict() -> MorphableModel:
    file, layout = read_arrays("ict_face.npz"), read_arrays("face_model.npz")
    read = read_sparse(file, "registration", file["identity"].shape[1])

    def registered(basis: Array) -> Array:
        flat = basis.astype(np.float32).transpose(1, 0, 2).reshape(basis.shape[1], -1)
        return np.ascontiguousarray((read @ flat).reshape(-1, len(basis), 3).transpose(1, 0, 2))

    return MorphableModel(
        mean=file["mean"],
        identity=registered(file["identity"]),
        expression=registered(file["expression"]),
        expression_names=tuple(file["expression_names"].tolist()),
        **{k: layout[k] for k in ("triangles", "membrane", "mirror", "uv")},
    )


@lru_cache(maxsize=1)
def _load_makehuman() -> MorphableModel:
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
