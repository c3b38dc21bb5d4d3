"""Faces to evaluate on whose truth is dense: synthetic photos that ship with the package and are never trained on.

``makehuman``: people of the generator that the training photos come from, of another seed. ``ict``: shapes of real
people, ICT-FaceKit's scans, in the same heads, light and places. ``open`` and ``wild`` have seen other mixtures of the
same shapes, ``published`` none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import AssetError, read_arrays
from ..datasets.shards import Sample, pack
from ..morphable_model.fitting import Fits
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout
from .faces import SyntheticFaces
from .head import Head

KINDS = {"makehuman": "heldout/makehuman.npz", "ict": "heldout/ict.npz"}
SEED = 77  # of the bundled sets; the recipes train on seed 0
NEIGHBOURS, REACH = 8, 40.0  # vertices that the head follows a face by, and over how many mm it does
TEETH_BACK = 3.0  # mm: the kit's lips are thinner than those that MakeHuman's teeth were made for
RIDGE = 1e-3  # of the fit of MakeHuman's modes to a scanned face, against the modes' mean square


class ScannedHead(Head):
    """A head around a face of ICT-FaceKit: MakeHuman's that fits it best, bent to meet it."""

    def __init__(self):
        super().__init__()
        self.scanned = MorphableModel.load("ict")
        self._modes = np.concatenate([self.scanned.identity, self.scanned.expression]).astype(np.float32)
        square = self._face @ self._face.T
        square += RIDGE * np.trace(square) / len(square) * np.eye(len(square), dtype=np.float32)
        self._solve = np.linalg.solve(square, self._face).T.astype(np.float32)  # (3 V, K + E)
        # each other vertex follows the nearest of the face, less the farther it is from all of them
        from scipy.spatial import cKDTree

        start = super().vertices(np.zeros((1, len(self._face))), np.zeros((1, 2)))[0]
        tree = cKDTree(start[self.kind["face"]])
        distance, self._near = tree.query(start[self.face_count :], NEIGHBOURS)
        weight = 1 / np.maximum(distance, 0.5)
        weight *= np.exp(-distance[:, :1] / REACH) / weight.sum(1, keepdims=True)
        balls = [slice(self.kind[name].start - self.face_count, self.kind[name].stop - self.face_count)
                 for name in ("right eye", "left eye")]  # fmt: skip
        for ball, centre in zip(balls, self.file["eye_centre"], strict=True):  # an eyeball stays one
            self._near[ball] = tree.query(centre + [0, 0, float(self.file["eye_radius"])], NEIGHBOURS)[1]
            weight[ball] = 1 / NEIGHBOURS
        self._weight = weight.astype(np.float32)

    def vertices(self, coefficients: Array, gaze: ArrayLike) -> NDArray[np.float32]:
        """Vertices (B, n, 3) in mm; ``coefficients`` (B, 155) are ICT-FaceKit's identity, then its expression."""
        if not hasattr(self, "_solve"):  # the parent measures its own mean head while it is made
            return super().vertices(coefficients, gaze)
        c = np.asarray(coefficients, np.float32)
        face = self.scanned.mean.astype(np.float32) + np.tensordot(c, self._modes, 1)
        out = super().vertices((face - self.model.mean).reshape(len(c), -1) @ self._solve, gaze)
        missing = face - out[:, self.kind["face"]]
        out[:, self.face_count :] += np.einsum("nk,bnkd->bnd", self._weight, missing[:, self._near])
        out[:, self.kind["face"]] = face
        out[:, self.teeth, 2] -= TEETH_BACK
        self.line_mouth(out)
        return out


class ScannedFaces(SyntheticFaces):
    """Synthetic photos of ICT-FaceKit's people; see :class:`lprnet_utils.synthetic.SyntheticFaces`.

    A sample's ``coefficients`` are those of ``MorphableModel.load("ict")``.
    """

    def __init__(self, seed: int = SEED, size: int = 128):
        super().__init__(seed, size)
        self.head = ScannedHead()
        names = self.head.scanned.expression_names
        own = list(self.model.expression_names)
        # the kit tells left from right where MakeHuman has one shape: both sides then
        sides = [n if n in own else n.removesuffix("Left").removesuffix("Right") for n in names]
        self._from = np.array([own.index(n) if n in own else -1 for n in sides])

    def person(self, rng: np.random.Generator) -> tuple[Array, dict]:
        """Identity from the kit's own distribution and an expression (155,), and its labels: none is known."""
        coefficients, _ = super().person(rng)
        expression = coefficients[len(self.model.identity) :]
        expression = np.where(self._from >= 0, expression[self._from], 0.0)
        identity = rng.standard_normal(len(self.head.scanned.identity))
        return np.r_[identity, np.clip(expression, 0, 1.1)].astype(np.float32), {}


def pack_held_out(samples: Iterable[Sample]) -> dict[str, NDArray]:
    """Arrays of a bundled set: those of :func:`lprnet_utils.datasets.pack`, and the labels as JSON."""
    samples = list(samples)
    labels = [{k: round(v, 3) if isinstance(v, float) else v for k, v in s.labels.items()} for s in samples]
    return pack(samples) | {"labels": np.array(json.dumps(labels).encode())}


def held_out_faces(kind: str = "makehuman") -> list[Sample]:
    """The bundled photos of one kind, with exact position maps and what is known of each person.

    Parameters
    ----------
    kind : str
        ``makehuman`` or ``ict``.

    Returns
    -------
    list of Sample
        128 x 128.

    Raises
    ------
    ValueError
        For another kind.
    AssetError
        If the file is missing, truncated or altered.
    """
    if kind not in KINDS:
        raise ValueError(f"no bundled faces {kind!r}; there are {', '.join(KINDS)}")
    file, layout = read_arrays(KINDS[kind]), UVLayout()
    fits = Fits(*(file[name] for name in ("coefficients", "rotation", "scale", "translation")))
    maps = fits.evaluate(*MorphableModel.load(kind).position_basis(layout)).reshape(-1, layout.size, layout.size, 3)
    layout.centre_depth(maps)
    offset, labels = file["offset"], json.loads(bytes(file["labels"].item()))
    samples = []
    for k, position_map in enumerate(maps):
        picture = cv2.imdecode(file["data"][offset[k] : offset[k + 1]], cv2.IMREAD_COLOR)
        if picture is None:
            raise AssetError(f"photo {k} of {KINDS[kind]} is not a readable JPEG")
        samples.append(Sample(picture[..., ::-1], position_map, fits.coefficients[k], fits.camera(k), labels[k]))
    return samples
