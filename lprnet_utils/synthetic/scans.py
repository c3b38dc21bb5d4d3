"""People with the shapes of scans: ICT-FaceKit's faces, to evaluate on, and its modes mixed into ours, to train on."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..morphable_model.model import MorphableModel
from .head import Head
from .people import People

NEIGHBOURS = 8  # vertices of the face that a vertex of the head follows
FOLLOW_DISTANCE = 40.0  # mm from the face at which the head follows it by a factor 1/e
TEETH_SHIFT = 3.0  # mm backward: the lips of ICT-FaceKit are thinner than those of MakeHuman
RIDGE = 1e-3  # of the fit of MakeHuman's modes to a scanned face, relative to the modes' mean square


class BoundHead(Head):
    """A head whose vertices near the face follow it where it differs from MakeHuman's shapes."""

    def __init__(self):
        super().__init__()
        self._nearest, self._weight = self._bind_to_face()

    def _bind_to_face(self) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Vertices of the face (m, 8) that each other vertex follows, and their weights: smaller far from the face."""
        from scipy.spatial import cKDTree

        tree = cKDTree(self.mean[self.kind["face"]])
        distance, nearest = tree.query(self.mean[self.face_count :], NEIGHBOURS)
        weight = 1 / np.maximum(distance, 0.5)
        weight *= np.exp(-distance[:, :1] / FOLLOW_DISTANCE) / weight.sum(1, keepdims=True)
        # all vertices of an eyeball follow the same vertices, so it keeps its shape
        for name, centre in zip(("right eye", "left eye"), self.file["eye_centre"], strict=True):
            ball = slice(self.kind[name].start - self.face_count, self.kind[name].stop - self.face_count)
            nearest[ball] = tree.query(centre + [0, 0, float(self.file["eye_radius"])], NEIGHBOURS)[1]
            weight[ball] = 1 / NEIGHBOURS
        return nearest, weight.astype(np.float32)

    def follow(self, missing: NDArray[np.float32]) -> NDArray[np.float32]:
        """How the other vertices (B, m, 3) move with a difference (B, V, 3) of the face."""
        return np.einsum("nk,bnkd->bnd", self._weight, missing[:, self._nearest])


def _coefficients_solver(basis: Array) -> Array:
    """The matrix (3 V, K) from differences of a face to the coefficients of a basis (K, 3 V) that fit them best."""
    square = basis @ basis.T
    square += RIDGE * np.trace(square) / len(square) * np.eye(len(square), dtype=basis.dtype)
    return np.linalg.solve(square, basis).T.astype(basis.dtype)


class ScannedHead(BoundHead):
    """A head around a face of ICT-FaceKit: MakeHuman's head that fits it best, deformed to meet the face."""

    def __init__(self):
        super().__init__()
        self.scanned = MorphableModel.load("ict")
        self._modes = np.concatenate([self.scanned.identity, self.scanned.expression]).astype(np.float32)
        self._solve = _coefficients_solver(self._face)

    def vertices(self, coefficients: Array, gaze: ArrayLike) -> NDArray[np.float32]:
        """Vertices (B, n, 3) in mm; ``coefficients`` (B, 155) are ICT-FaceKit's identity, then its expression."""
        c = np.asarray(coefficients, np.float32)
        face = self.scanned.mean.astype(np.float32) + np.tensordot(c, self._modes, 1)
        out = super().vertices((face - self.model.mean).reshape(len(c), -1) @ self._solve, gaze)
        missing = face - out[:, self.kind["face"]]
        out[:, self.face_count :] += self.follow(missing)
        out[:, self.kind["face"]] = face
        out[:, self.teeth, 2] -= TEETH_SHIFT
        self.place_mouth_pocket(out)
        return out


class ScannedPeople(People):
    """Draws identities of ICT-FaceKit, ``scanned``, with the expressions of the bundled ``model``."""

    def __init__(self, model: MorphableModel, scanned: MorphableModel):
        super().__init__(model)
        self.scanned = scanned
        known = model.expression_names
        # ICT-FaceKit tells left from right where the bundled model has one expression for both sides
        names = [n if n in known else n.removesuffix("Left").removesuffix("Right") for n in scanned.expression_names]
        self._source = np.array([known.index(n) if n in known else -1 for n in names])

    def sample(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], dict]:
        """Identity and expression weights (155,) of ICT-FaceKit, and no labels."""
        coefficients, _ = super().sample(rng)
        expression = coefficients[len(self.model.identity) :]
        expression = np.where(self._source >= 0, expression[self._source], 0.0)
        identity = rng.standard_normal(len(self.scanned.identity))
        return np.r_[identity, np.clip(expression, 0, 1.1)].astype(np.float32), {}


class MixedHead(BoundHead):
    """A head around a face of ``MorphableModel.load("mixed")``, with eyes whose irises are as large as people's."""

    eye_rings = np.deg2rad([0, 7, 8.5, 20, 22.5, 25, 55, 90, 130])  # the iris is 11 mm wide; MakeHuman's is 14

    def __init__(self):
        super().__init__()
        base, self.model = self.model, MorphableModel.load("mixed")
        own = len(base.identity)
        added = self.model.identity[own:]
        # the nearest of MakeHuman's shapes moves the head; the rest moves what is near the face. In float64: photos of
        # one seed are the same on any number of threads, and the order in which these add changes float32's last digits
        face = self._face[:own].astype(float)
        nearest = added.reshape(len(added), -1) @ _coefficients_solver(face)
        follow = self.follow(added - (nearest @ face).reshape(added.shape))
        around = (nearest @ self._around[:own]).reshape(len(added), -1, 3)
        heads = self.kind["head"].stop - self.kind["head"].start
        around += follow[:, :heads]
        eyes = (nearest @ self._eyes[:own]).reshape(len(added), 2, 3)
        for k, name in enumerate(("right eye", "left eye")):  # all vertices of an eyeball move alike
            eyes[:, k] += follow[:, self.kind[name].start - self.face_count]
        self._face = _inserted(self._face, own, added)
        self._around, self._eyes = _inserted(self._around, own, around), _inserted(self._eyes, own, eyes)
        self._mean_mode = own

    def vertices(self, coefficients: Array, gaze: ArrayLike) -> NDArray[np.float32]:
        """Vertices (B, n, 3) in mm; ``coefficients`` (B, K + E) are those of the mixed model."""
        out = super().vertices(coefficients, gaze)
        if hasattr(self, "_mean_mode"):  # not yet while the head is made
            out[:, self.teeth, 2] -= TEETH_SHIFT * np.asarray(coefficients, np.float32)[:, self._mean_mode, None]
        return out


def _inserted(basis: NDArray[np.float32], row: int, added: NDArray) -> Array:
    """A basis (n, m) with more rows (k, ...) put in before one of them, in float64."""
    return np.concatenate([basis[:row], added.reshape(len(added), -1), basis[row:]], dtype=float)
