"""Synthetic photos with exact position maps to evaluate on. They ship with the package and are never trained on.

``makehuman``: people of the face model that the training photos come from, with another seed. ``ict``: shapes of real
people, scanned for ICT-FaceKit, with the same heads, light and backgrounds. The weights ``open`` and ``wild`` were
trained on other mixtures of these shapes, ``published`` on none of them.
"""

import json
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import AssetError, read_bundled_arrays
from ..datasets.shards import Sample, pack
from ..morphable_model.fitting import Fits
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout
from .faces import SyntheticFaces
from .head import Head
from .people import People

HELD_OUT_FILES = {"makehuman": "heldout/makehuman.npz", "ict": "heldout/ict.npz"}
HELD_OUT_SEED = 77  # of the bundled sets; the recipes train on seed 0
NEIGHBOURS = 8  # vertices of the face that a vertex of the head follows
FOLLOW_DISTANCE = 40.0  # mm from the face at which the head follows it by a factor 1/e
TEETH_SHIFT = 3.0  # mm backward: the lips of ICT-FaceKit are thinner than those of MakeHuman
RIDGE = 1e-3  # of the fit of MakeHuman's modes to a scanned face, relative to the modes' mean square


class ScannedHead(Head):
    """A head around a face of ICT-FaceKit: MakeHuman's head that fits it best, deformed to meet the face."""

    def __init__(self):
        super().__init__()
        self.scanned = MorphableModel.load("ict")
        self._modes = np.concatenate([self.scanned.identity, self.scanned.expression]).astype(np.float32)
        square = self._face @ self._face.T
        square += RIDGE * np.trace(square) / len(square) * np.eye(len(square), dtype=np.float32)
        self._solve = np.linalg.solve(square, self._face).T.astype(np.float32)  # (3 V, K + E)
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

    def vertices(self, coefficients: Array, gaze: ArrayLike) -> NDArray[np.float32]:
        """Vertices (B, n, 3) in mm; ``coefficients`` (B, 155) are ICT-FaceKit's identity, then its expression."""
        c = np.asarray(coefficients, np.float32)
        face = self.scanned.mean.astype(np.float32) + np.tensordot(c, self._modes, 1)
        out = super().vertices((face - self.model.mean).reshape(len(c), -1) @ self._solve, gaze)
        missing = face - out[:, self.kind["face"]]
        out[:, self.face_count :] += np.einsum("nk,bnkd->bnd", self._weight, missing[:, self._nearest])
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


class ScannedFaces(SyntheticFaces):
    """Synthetic photos of ICT-FaceKit's people; their coefficients are those of ``MorphableModel.load("ict")``."""

    def __init__(self, seed: int = HELD_OUT_SEED, size: int = 128):
        head = ScannedHead()
        super().__init__(seed, size, head, ScannedPeople(head.model, head.scanned))


def pack_held_out(samples: Iterable[Sample]) -> dict[str, NDArray]:
    """Arrays of a bundled set: those of :func:`lprnet_utils.datasets.pack`, and the labels as JSON."""
    samples = list(samples)
    labels = [{k: round(v, 3) if isinstance(v, float) else v for k, v in s.labels.items()} for s in samples]
    return pack(samples) | {"labels": np.array(json.dumps(labels).encode())}


def held_out_faces(kind: str = "makehuman") -> list[Sample]:
    """The bundled photos of one kind, 128 x 128 pixels, with exact position maps and labels.

    Parameters
    ----------
    kind : {"makehuman", "ict"}

    Raises
    ------
    ValueError
        If there is no such kind.
    AssetError
        If the file is missing, truncated or altered.
    """
    if kind not in HELD_OUT_FILES:
        raise ValueError(f"no bundled faces {kind!r}; there are {', '.join(HELD_OUT_FILES)}")
    file, layout = read_bundled_arrays(HELD_OUT_FILES[kind]), UVLayout()
    fits = Fits(*(file[name] for name in ("coefficients", "rotation", "scale", "translation")))
    maps = fits.evaluate(*layout.position_basis(MorphableModel.load(kind))).reshape(-1, layout.size, layout.size, 3)
    layout.centre_depth(maps)
    offset, labels = file["offset"], json.loads(bytes(file["labels"].item()))
    samples = []
    for k, position_map in enumerate(maps):
        picture = cv2.imdecode(file["data"][offset[k] : offset[k + 1]], cv2.IMREAD_COLOR)
        if picture is None:
            raise AssetError(f"photo {k} of {HELD_OUT_FILES[kind]} is not a readable JPEG")
        samples.append(Sample(picture[..., ::-1], position_map, fits.coefficients[k], fits.camera(k), labels[k]))
    return samples
