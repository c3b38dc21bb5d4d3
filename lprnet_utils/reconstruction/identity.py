"""Who it is: the identity coefficients of a person, from one photo or from several together.

A fit of the face model to a position map (:class:`.ShapeFitter`) says which identity explains the map best, and the map
of one photo says little of it: pose, light and expression change it as much as the person does. How much they change it
was measured on generated people, each in several photos (``scripts/calibration/fit_identity.py``). From the two
covariances, between people and between photos of one person, follows the best linear estimate of the identity
(linear minimum mean square error, S. Kay, Fundamentals of statistical signal processing: estimation theory, 1993,
chapter 12). It counts on what people differ in, leaves out what photos differ in, and trusts several photos more.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays
from ..morphable_model.model import MorphableModel
from .expressions import Coefficients, ShapeFitter
from .face import Face

FILE = "identity.npz"
RIDGE = 1e-4  # of the fit of the bundled modes to a face, relative to the modes' mean square


def identity_features(found: Coefficients) -> NDArray[np.float64]:
    """What a fit tells of a person (K + E,): identity and expression, for what looks like either may be the other."""
    return np.r_[found.identity, found.expression].astype(float)


class IdentityEstimator:
    """The identity coefficients (K,) of a person in one or several photos; :meth:`load` is for the bundled model.

    Parameters
    ----------
    mean : (F,) array
        Of the features of all photos.
    directions : (F, D) array
        In which the features differ most.
    between, within : (D, D) arrays
        Covariances along these of the people's means, and of the photos of one person.
    cross : (K, D) array
        Covariance of the identity with them.
    identity : (K,) array
        The people's mean.
    """

    def __init__(self, mean: Array, directions: Array, between: Array, within: Array, cross: Array, identity: Array):
        self.mean, self.directions, self.between, self.within = mean, directions, between, within
        self.cross, self.identity = cross, identity

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> Self:
        """The estimator for the bundled face model, read once per process."""
        return cls(**{name: values.astype(float) for name, values in read_bundled_arrays(FILE).items()})

    @classmethod
    def fit(cls, features: Array, identities: Array, directions: int) -> Self:
        """From photos: features (P, n, F) of P people in n photos each, and their true identities (P, K)."""
        people, photos, count = features.shape
        means = features.mean(1)
        mean, identity = means.mean(0), identities.mean(0)
        apart = (features - means[:, None]).reshape(-1, count)
        within = apart.T @ apart / (people * (photos - 1))
        between = np.cov(means.T) - within / photos
        cross = (identities - identity).T @ (means - mean) / people
        chosen = np.linalg.eigh(between + within)[1][:, ::-1][:, :directions]
        return cls(
            mean, chosen, chosen.T @ between @ chosen, chosen.T @ within @ chosen, cross @ chosen, identity
        )  # fmt: skip

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The parameters by name, to be saved."""
        return {name: np.asarray(values, np.float32) for name, values in vars(self).items()}

    def estimate(self, features: Array) -> NDArray[np.float32]:
        """The identity (K,) of a person from features (n, F) of n photos; see :func:`identity_features`."""
        features = np.atleast_2d(np.asarray(features, float))
        shift = (features.mean(0) - self.mean) @ self.directions
        spread = self.between + self.within / len(features)
        return (self.identity + self.cross @ np.linalg.solve(spread, shift)).astype(np.float32)

    def __call__(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """The identity (K,) of the person that all these faces show; ValueError if there is none.

        The maps before the closer look are read: those were measured.
        """
        if not faces:
            raise ValueError("no face was given: a person's identity takes one photo at least")
        fitter = ShapeFitter.load(faces[0].layout.size)
        return self.estimate(np.stack([identity_features(fitter.fit(face.first_map)) for face in faces]))


class NearestIdentity:
    """The identity (K,) in the bundled model's modes that comes nearest to a face of the mixed model."""

    def __init__(self) -> None:
        own, self.mixed = MorphableModel.load(), MorphableModel.load("mixed")
        modes = own.identity.reshape(len(own.identity), -1).astype(float)
        square = modes @ modes.T
        square += RIDGE * np.trace(square) / len(square) * np.eye(len(square))
        self.solve, self.mean = np.linalg.solve(square, modes), own.mean

    def __call__(self, coefficients: Array) -> NDArray[np.float64]:
        """Of coefficients (K + E,) of the mixed model, as generated photos have them."""
        identity = np.asarray(coefficients, float)[: len(self.mixed.identity)]
        face = self.mixed.mean - self.mean + np.tensordot(identity, self.mixed.identity.astype(float), 1)
        return self.solve @ face.ravel()
