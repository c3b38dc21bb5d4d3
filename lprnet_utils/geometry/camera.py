"""Rotations, the scaled-orthographic camera and similarity alignment.

Two frames meet here. The *face frame* is right-handed: millimetres, x toward the right of the image of a
frontal face, y up, z toward the camera. The *image frame* has y down, so it is left-handed: pixels, z with
the scale of x and y and growing toward the camera. The camera turns one into the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array


def rotation_matrix(pitch: float, yaw: float, roll: float) -> Array:
    """Rotation ``R = Rx(pitch) Ry(yaw) Rz(roll)`` in the convention of AFLW2000-3D's ``Pose_Para``.

    Near the front, yaw > 0 turns the nose to the left of the image, pitch > 0 looks up and roll > 0 is
    clockwise. Roll is the innermost rotation, about the head's own axis: at large yaw it is no turn of the
    picture.

    Parameters
    ----------
    pitch, yaw, roll : float
        Angles in degrees.

    Returns
    -------
    (3, 3) float64
    """
    a, b, c = np.deg2rad([pitch, yaw, roll])
    rx = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), np.sin(c), 0], [-np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rx @ ry @ rz


def rotation_angles(rotation: ArrayLike) -> tuple[float, float, float]:
    """Angles (pitch, yaw, roll) in degrees of a rotation; the inverse of :func:`rotation_matrix`.

    Yaw lies in [-90, 90]. At +-90 only one combination of pitch and roll is determined (gimbal lock), so
    poses are compared by :func:`rotation_distance`, not by their angles.
    """
    r = np.asarray(rotation, float)
    yaw = np.arcsin(np.clip(-r[0, 2], -1.0, 1.0))
    if np.abs(r[0, 2]) > 1 - 1e-12:  # gimbal lock: put everything into the pitch
        pitch, roll = np.arctan2(-r[2, 1], r[1, 1]), 0.0
    else:
        pitch, roll = np.arctan2(r[1, 2], r[2, 2]), np.arctan2(r[0, 1], r[0, 0])
    return tuple(float(a) for a in np.rad2deg([pitch, yaw, roll]))


def rotation_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Angle in degrees of the rotation that turns ``a`` into ``b`` (the geodesic distance on SO(3))."""
    cosine = (np.trace(np.asarray(a).T @ np.asarray(b)) - 1) / 2
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0))))


@dataclass(frozen=True)
class Camera:
    """Scaled-orthographic camera: face frame in mm to image frame in pixels.

    ``x = k (R v)_x + t_x``, ``y = t_y - k (R v)_y``, ``z = k (R v)_z + t_z``.

    Attributes
    ----------
    rotation : (3, 3) array
    scale : float
        k, pixels a millimetre.
    translation : (3,) array
        t in pixels.
    """

    rotation: Array
    scale: float
    translation: Array

    @property
    def matrix(self) -> Array:
        """The 3x4 matrix of the camera; its 3x3 part has a negative determinant because image y is down."""
        flip = np.array([1.0, -1.0, 1.0])
        return np.c_[self.scale * flip[:, None] * self.rotation, self.translation]

    @property
    def angles(self) -> tuple[float, float, float]:
        """(pitch, yaw, roll) in degrees."""
        return rotation_angles(self.rotation)

    def project(self, vertices: ArrayLike) -> Array:
        """Vertices (..., 3) in mm of the face frame to (..., 3) in pixels of the image."""
        m = self.matrix
        return np.asarray(vertices) @ m[:, :3].T + m[:, 3]

    def unproject(self, points: ArrayLike) -> Array:
        """Points (..., 3) in pixels of the image to (..., 3) in mm of the face frame."""
        upright = (np.asarray(points) - self.translation) * [1.0, -1.0, 1.0]
        return upright @ self.rotation / self.scale

    @classmethod
    def fit(cls, vertices: ArrayLike, points: ArrayLike, weights: ArrayLike | None = None) -> Camera:
        """The camera that best projects vertices (n, 3) in mm onto points (n, 3) in pixels (least squares)."""
        flipped = np.asarray(points, float) * [1.0, -1.0, 1.0]
        scale, rotation, translation = similarity_alignment(vertices, flipped, weights)
        return cls(rotation, scale, translation * [1.0, -1.0, 1.0])


def similarity_alignment(
    source: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None
) -> tuple[float, Array, Array]:
    """Scale, rotation and translation with ``target ~ scale * source @ R.T + t``, by least squares.

    Parameters
    ----------
    source, target : (n, d) arrays
        Corresponding points, d = 2 or 3, n >= d, not all on one line.
    weights : (n,) array, optional
        Non-negative weight of each pair.

    Returns
    -------
    scale : float
    rotation : (d, d) array, a proper rotation (determinant +1)
    translation : (d,) array

    Raises
    ------
    ValueError
        If the shapes differ or the source points coincide.

    References
    ----------
    S. Umeyama, Least-squares estimation of transformation parameters between two point patterns,
    IEEE TPAMI 13(4), 1991, equations 40 to 43.
    """
    source, target = np.asarray(source, float), np.asarray(target, float)
    if source.shape != target.shape or source.ndim != 2:
        raise ValueError(f"source {source.shape} and target {target.shape} must be two (n, d) arrays alike")
    w = np.ones(len(source)) if weights is None else np.asarray(weights, float)
    w = w / w.sum()
    mean_s, mean_t = w @ source, w @ target
    s, t = source - mean_s, target - mean_t
    variance = w @ (s * s).sum(1)
    if not variance > 0:
        raise ValueError("the source points coincide (or are not finite): no similarity is determined")
    u, d, vt = np.linalg.svd((t * w[:, None]).T @ s)
    sign = np.ones(source.shape[1])
    if np.linalg.det(u) * np.linalg.det(vt) < 0:
        sign[-1] = -1.0
    rotation = (u * sign) @ vt
    scale = float((d * sign).sum() / variance)
    return scale, rotation, mean_t - scale * rotation @ mean_s
