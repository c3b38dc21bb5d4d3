"""Regions of the mean face that are painted: lashes, beard, moustache, mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..geometry.landmarks import CHIN, LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, OUTER_LIPS, RIGHT_EYE, UNDER_NOSE

JAW_BY_EAR, NOSE_BRIDGE_LOW, LOWER_INNER_LIP = 16, 29, 66  # landmarks


@dataclass(frozen=True)
class FaceRegions:
    """Opacity (V,) float32 of paint on the face's vertices, and the vertices (V,) bool that a mask covers."""

    lashes: NDArray[np.float32]
    beard: NDArray[np.float32]
    moustache: NDArray[np.float32]
    mask: NDArray[np.bool_]


def face_regions(vertices: Array, landmarks: Array) -> FaceRegions:
    """Regions of a face with vertices (V, 3) and 68 landmarks (68, 3), mm of the face frame."""
    half = np.clip((landmarks[NOSE_BRIDGE_LOW, 1] - vertices[:, 1]) / 20, 0.35, 1) * 0.9 * landmarks[JAW_BY_EAR, 0]
    below_bridge = vertices[:, 1] < landmarks[NOSE_BRIDGE_LOW, 1]
    mask = below_bridge & (vertices[:, 1] > landmarks[CHIN, 1]) & (np.abs(vertices[:, 0]) < half)
    return FaceRegions(_lashes(vertices, landmarks), *_beard_and_moustache(vertices, landmarks), mask)


def _subdivided(loop: Array, steps: int) -> Array:
    """Points (steps * n, 3) along a closed polygon (n, 3)."""
    return np.array([loop * (1 - t) + np.roll(loop, -1, 0) * t for t in np.linspace(0, 1, steps)]).reshape(-1, 3)


def _lashes(vertices: Array, landmarks: Array) -> NDArray[np.float32]:
    distance = np.full(len(vertices), 1e9)
    for eye in (RIGHT_EYE, LEFT_EYE):
        lids = _subdivided(landmarks[eye], 12)
        distance = np.minimum(distance, np.linalg.norm(vertices[:, None, :2] - lids[None, :, :2], axis=2).min(1))
    return np.exp(-((distance / 1.6) ** 2)).astype(np.float32)


def _beard_and_moustache(vertices: Array, landmarks: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Beard: cheeks, chin and sideburns. Moustache: above the mouth. Both leave out the lips."""
    x, y = vertices[:, 0], vertices[:, 1]
    below_nose = np.clip((landmarks[UNDER_NOSE, 1] - y) / 6, 0, 1)
    sideburns = np.clip((np.abs(x) - 0.75 * landmarks[JAW_BY_EAR, 0]) / 8, 0, 1) * np.clip(
        (landmarks[NOSE_TIP, 1] - y) / 25 + 1, 0, 1
    )
    cheek = np.clip((landmarks[MOUTH_CORNERS[0], 1] + 12 - y + 0.25 * (np.abs(x) - 25)) / 10, 0, 1)
    beard = np.maximum(cheek * below_nose, sideburns * 0.8)
    moustache = np.exp(-((x / 26) ** 4)) * below_nose * (y > landmarks[LOWER_INNER_LIP, 1] - 4)
    lips = _subdivided(landmarks[OUTER_LIPS], 9)
    gap = np.linalg.norm(vertices[:, None] - lips[None], axis=2).min(1)
    outline = landmarks[OUTER_LIPS, :2].astype(np.float32)[:, None]
    on_lips = np.array([cv2.pointPolygonTest(outline, (float(a), float(b)), False) >= 0 for a, b, _ in vertices])
    opacity = np.where(on_lips, 0, np.clip((gap - 0.5) / 2.5, 0, 1))
    return (beard * opacity).astype(np.float32), (moustache * opacity).astype(np.float32)
