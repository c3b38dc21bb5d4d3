"""Rotations, the scaled-orthographic camera and similarity alignment.

Convention: the package uses two coordinate frames. The *face frame* is right-handed, in millimetres: x points to the
right in the picture of a frontal face, y up, z toward the camera. The *photo frame* is in pixels: x points right, y
down, z toward the camera with the same scale as x and y, so it is left-handed; the centre of the first pixel is (0, 0).
A :class:`Camera` transforms the face frame into the photo frame. Angles are in degrees, and the rotation of a face is
``R = Rx(pitch) Ry(yaw) Rz(roll)``. Near the front, yaw > 0 turns the nose to the left of the picture, pitch > 0 looks
up, and roll > 0 is clockwise.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array


def rotation_matrix(pitch: float, yaw: float, roll: float) -> Array:
    """Rotation (3, 3) ``R = Rx(pitch) Ry(yaw) Rz(roll)`` of angles in degrees, as in ``Pose_Para`` of AFLW2000-3D.

    The module docstring gives the signs. Roll is applied first, about the head's own axis. At a large yaw it is
    therefore not a rotation in the picture plane.
    """
    a, b, c = np.deg2rad([pitch, yaw, roll])
    rx = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), np.sin(c), 0], [-np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rx @ ry @ rz


def rotation_angles(rotation: ArrayLike) -> tuple[float, float, float]:
    """Angles (pitch, yaw, roll) in degrees of a rotation (3, 3); the inverse of :func:`rotation_matrix`.

    Yaw lies in [-90, 90]. At -90 and 90 only a combination of pitch and roll is determined (gimbal lock). Compare
    poses by :func:`rotation_distance`, not by their angles.
    """
    r = np.asarray(rotation, float)
    yaw = np.arcsin(np.clip(-r[0, 2], -1.0, 1.0))
    if np.abs(r[0, 2]) > 1 - 1e-12:  # gimbal lock: put everything into the pitch
        pitch, roll = np.arctan2(-r[2, 1], r[1, 1]), 0.0
    else:
        pitch, roll = np.arctan2(r[1, 2], r[2, 2]), np.arctan2(r[0, 1], r[0, 0])
    return tuple(float(a) for a in np.rad2deg([pitch, yaw, roll]))


def rotation_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Angle, 0 to 180 degrees, between two rotations (3, 3): the geodesic distance on SO(3)."""
    cosine = (np.trace(np.asarray(a).T @ np.asarray(b)) - 1) / 2
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0))))


@dataclass(frozen=True)
class Camera:
    """Scaled-orthographic camera from the face frame to the photo frame.

    ``x = k (R v)_x + t_x``, ``y = t_y - k (R v)_y``, ``z = k (R v)_z + t_z``.

    Attributes
    ----------
    rotation : (3, 3) array
        R.
    scale : float
        k, pixels per millimetre.
    translation : (3,) array
        t in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> camera = Camera(rotation_matrix(0, 30, 0), 2.0, np.array([100.0, 100.0, 0.0]))
    >>> camera.project([0, 10, 40]).round(1).tolist()  # a point on the nose, to the left because of the yaw
    [60.0, 80.0, 69.3]
    >>> [round(angle) for angle in camera.angles]
    [0, 30, 0]
    """

    rotation: Array
    scale: float
    translation: Array

    @property
    def matrix(self) -> Array:
        """The (3, 4) matrix of the camera. Its (3, 3) part has a negative determinant: it turns y from up to down."""
        flip = np.array([1.0, -1.0, 1.0])
        return np.c_[self.scale * flip[:, None] * self.rotation, self.translation]

    @property
    def angles(self) -> tuple[float, float, float]:
        """(pitch, yaw, roll) in degrees."""
        return rotation_angles(self.rotation)

    def project(self, vertices: ArrayLike) -> Array:
        """Points (..., 3) of the face frame to points (..., 3) of the photo frame."""
        m = self.matrix
        return np.asarray(vertices) @ m[:, :3].T + m[:, 3]

    def unproject(self, points: ArrayLike) -> Array:
        """Points (..., 3) of the photo frame to points (..., 3) of the face frame."""
        upright = (np.asarray(points) - self.translation) * [1.0, -1.0, 1.0]
        return upright @ self.rotation / self.scale

    @classmethod
    def fit(cls, vertices: ArrayLike, points: ArrayLike, weights: ArrayLike | None = None) -> Self:
        """Fit a camera to vertices (n, 3) of the face frame and their points (n, 3) in the photo frame: least squares.

        The weights (n,) of the pairs are non-negative. ValueError if the shapes differ or the vertices coincide.
        """
        flipped = np.asarray(points, float) * [1.0, -1.0, 1.0]
        scale, rotation, translation = similarity_alignment(vertices, flipped, weights)
        return cls(rotation, scale, translation * [1.0, -1.0, 1.0])


def similarity_alignment(
    source: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None
) -> tuple[float, Array, Array]:
    """Scale, rotation R and translation t with ``target ~ scale * source @ R.T + t``, by least squares.

    The rotation (d, d) is a proper one, with determinant +1.

    Parameters
    ----------
    source, target : (n, d) arrays
        Corresponding points, d = 2 or 3, n >= d, not all on one line.
    weights : (n,) array, optional
        Non-negative weight of each pair.

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
        raise ValueError(f"source {source.shape} and target {target.shape} must be (n, d) arrays of the same shape")
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
