"""Fits of the face model to landmarks.

A fit alternates between two linear least-squares problems, as the fits of 300W-LP do: a camera for the present shape by
Procrustes analysis, then identity and expression for that camera by ridge regression.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array
from ..geometry.camera import Camera
from .model import EXPRESSION_DEVIATION

# Standard deviation of landmark labels in mm on the face: in the picture plane, and in depth, which a network estimates
LABEL_NOISE_MM = (1.5, 4.0)
ITERATIONS = 8


@dataclass
class Fits:
    """Fits of the face model to n faces: coefficients (n, K + E), identity first, and the camera of each face.

    Rotations are (n, 3, 3), scales (n,), translations (n, 3), as in :class:`lprnet_utils.geometry.Camera`.
    """

    coefficients: Array
    rotation: Array
    scale: Array
    translation: Array

    def __len__(self) -> int:
        return len(self.scale)

    def __getitem__(self, rows) -> Self:
        return Fits(self.coefficients[rows], self.rotation[rows], self.scale[rows], self.translation[rows])

    def camera(self, k: int) -> Camera:
        """The camera of face k."""
        return Camera(self.rotation[k], float(self.scale[k]), self.translation[k])

    def resized(self, zoom: float) -> Self:
        """The same faces in photos that are enlarged by a factor, with pixel centres at whole numbers."""
        zoom = np.float32(zoom)
        translation = (self.translation + [0.5, 0.5, 0]) * zoom - [0.5, 0.5, 0]
        return replace(self, scale=self.scale * zoom, translation=translation.astype(np.float32))

    def project(self, points: Array) -> Array:
        """Points (n, P, 3) of each face frame to points of each photo frame."""
        posed = self.scale[:, None, None] * (points @ self.rotation.transpose(0, 2, 1))
        return posed * np.array([1.0, -1.0, 1.0], posed.dtype) + self.translation[:, None]

    def evaluate(self, mean: Array, basis: Array) -> Array:
        """Points (n, P, 3) in each photo frame of a linear model with mean (P, 3) and basis (K + E, P, 3)."""
        shape = mean.reshape(-1) + self.coefficients @ basis.reshape(len(basis), -1)
        return self.project(shape.reshape(len(self), -1, 3))


def fit_landmarks(
    mean: ArrayLike, basis: ArrayLike, identity_count: int, landmarks: ArrayLike, weights: ArrayLike | None = None
) -> Fits:
    """Fit pose, identity and expression to the landmarks of many faces.

    ValueError if the shapes do not agree or a label is not finite.

    Parameters
    ----------
    mean, basis : (L, 3) and (K + E, L, 3) arrays
        Landmarks of the mean face in the face frame, and their directions, identity first.
    identity_count : int
        K.
    landmarks : (n, L, 3) array
        Labels in each photo frame, with an arbitrary zero of z.
    weights : (n, L) array, optional
        Weight of each label, 1 by default.

    References
    ----------
    V. Blanz and T. Vetter, A morphable model for the synthesis of 3D faces, SIGGRAPH 1999, for the prior.
    S. Umeyama 1991, see :func:`lprnet_utils.geometry.similarity_alignment`, for the pose.
    """
    mean, basis = np.asarray(mean, float), np.asarray(basis, float)
    labels = np.asarray(landmarks, float) * [1.0, -1.0, 1.0]
    if labels.ndim != 3 or labels.shape[1:] != mean.shape or basis.shape[1:] != mean.shape:
        raise ValueError(f"landmarks {labels.shape}, mean {mean.shape} and basis {basis.shape} do not fit together")
    if not np.isfinite(labels).all():
        missing = int((~np.isfinite(labels).all((1, 2))).sum())
        raise ValueError(f"the labels of {missing} of {len(labels)} faces are not finite")
    n, count = len(labels), len(basis)
    w = np.ones(labels.shape[:2]) if weights is None else np.asarray(weights, float)
    deviation = np.where(np.arange(count) < identity_count, 1.0, EXPRESSION_DEVIATION)
    prior = np.diag(deviation**-2.0)
    flat = basis.reshape(count, -1)
    c = np.zeros((n, count))
    for step in range(ITERATIONS):
        shape = mean + (c @ flat).reshape(n, -1, 3)
        k, rotation, translation = _procrustes(shape, labels, w)
        if step == ITERATIONS - 1:
            break
        target = ((labels - translation[:, None]) @ rotation) / k[:, None, None] - mean
        for i in range(n):  # the depth axis depends on the pose, so each face has its own normal equations
            r = rotation[i] / np.array(LABEL_NOISE_MM)[[0, 0, 1], None]
            precision = r.T @ r
            weighted = (basis @ precision) * w[i][None, :, None]
            normal = weighted.reshape(count, -1) @ flat.T + prior
            c[i] = np.linalg.solve(normal, weighted.reshape(count, -1) @ target[i].ravel())
    translation = translation * [1.0, -1.0, 1.0]
    return Fits(*(array.astype(np.float32) for array in (c, rotation, k, translation)))


def _procrustes(source: Array, target: Array, weights: Array) -> tuple[Array, Array, Array]:
    """:func:`lprnet_utils.geometry.similarity_alignment` for stacks (n, L, 3)."""
    w = (weights / weights.sum(1, keepdims=True))[..., None]
    mean_s, mean_t = (w * source).sum(1), (w * target).sum(1)
    s, t = source - mean_s[:, None], target - mean_t[:, None]
    u, d, vt = np.linalg.svd((t * w).transpose(0, 2, 1) @ s)
    sign = np.ones_like(d)
    sign[:, -1] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (d * sign).sum(1) / (w * s * s).sum((1, 2))
    return scale, rotation, mean_t - scale[:, None] * np.einsum("nij,nj->ni", rotation, mean_s)
