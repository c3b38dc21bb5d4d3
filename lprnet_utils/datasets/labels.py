"""Machine labels corrected by points that people have marked, or by a second machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..morphable_model.fitting import Fits

# Standard deviations of the mistakes that move all labels of a face together, in sides of the face's box: shift (of x
# and of y), roll, scale, stretch of x against y, and shift in x and in y in proportion to depth (yaw, pitch).
LABEL_ERROR_STD = {"shift": 0.015, "roll": 0.025, "scale": 0.015, "stretch": 0.01, "depth": 0.04}
MODE_ERROR_STD = 0.25  # standard deviation of a coefficient of the face model
POINT_ERROR_STD = 0.004  # of each landmark alone, in sides of the box
YAW_EDGES = (-60.0, -30.0, -10.0, 10.0, 30.0, 60.0)  # degrees: the definition of a point depends on the yaw
GRAFT_YAW_EDGES = (-40.0, -30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 40.0)
MIN_POINTS_IN_BIN = 20  # for an offset of its own
DEFAULT_SPREAD, MIN_SPREAD = 0.03, 0.003  # of human points, in sides of the box


@dataclass(frozen=True)
class HumanPoints:
    """Points that people have marked in n photos."""

    points: ArrayLike  # (n, P, 2) pixels; NaN where a point was not marked
    groups: list[tuple[int, ...]]  # landmarks that each of the P points is compared with: their mean
    good: ArrayLike | None = None  # (n,) bool, photos that offsets and spreads are estimated from; all by default


class FacePart(NamedTuple):
    """Landmarks of a part of the face, and its anchors: each the mean of a tuple of landmarks."""

    landmarks: tuple[int, ...]
    anchors: tuple[tuple[int, ...], ...]


def fuse_points(
    mean: Array, basis: Array, fits: Fits, labels: ArrayLike, human: HumanPoints, yaw: ArrayLike
) -> tuple[Array, Array]:
    """Correct machine-made landmarks by the few points that people have marked.

    A person and a machine define a landmark differently. The median difference over the good photos of one range of
    yaw is taken for the difference of the definitions, and the robust spread around it for the person's noise. The rest
    is the machine's mistake. Its mistakes have few causes: the face is shifted, rotated or scaled, or is another face
    of the model. A Gaussian prior over these causes moves all landmarks along with the marked ones: the correction is
    the posterior mean of a Gaussian process (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006,
    equation 2.23). ValueError if shapes do not agree or a label is not finite.

    Parameters
    ----------
    mean, basis : (L, 3), (K + E, L, 3) arrays
        The landmarks of the face model, mm; see :func:`fit_landmarks`.
    fits : Fits
        The model fitted to the labels.
    labels, yaw : (n, L, 3), (n,) arrays
        The machine's landmarks, pixels, and the yaw of the faces, degrees.

    Returns
    -------
    fused, moved : (n, L, 3), (n,) arrays
        The labels with x and y corrected; mean length of the correction, in sides of the face's box (the square root of
        its area).
    """
    labels, points, yaw = np.asarray(labels, float), np.asarray(human.points, float), np.asarray(yaw, float)
    groups = human.groups
    n, count = labels.shape[:2]
    shapes = labels.shape, points.shape, yaw.shape, (len(fits),)
    if shapes != ((n, count, 3), (n, len(groups), 2), (n,), (n,)) or np.shape(mean) != (count, 3):
        raise ValueError(f"labels, points, yaw and fits {shapes} do not fit to {len(groups)} points of {count} labels")
    if not np.isfinite(labels).all():
        missing = int((~np.isfinite(labels).all((1, 2))).sum())
        raise ValueError(f"the labels of {missing} of {len(labels)} faces are not finite")
    group_mean = np.zeros((len(groups), count))
    for row, group in zip(group_mean, groups, strict=True):
        row[list(group)] = 1 / len(group)
    side = _box_side(labels)
    residual = (points - group_mean @ labels[..., :2]) / side[:, None, None]
    good = np.ones(n, bool) if human.good is None else np.asarray(human.good, bool)
    offset, spread = _definition_offsets(residual, np.digitize(yaw, YAW_EDGES), good)
    seen = np.isfinite(residual).all(2)
    correction = np.zeros((n, count, 2))
    independent = POINT_ERROR_STD**2 * np.eye(2 * count)
    for i in np.flatnonzero(seen.any(1)):
        causes = _mistake_directions(labels[i] / side[i], basis @ fits.rotation[i].T * (fits.scale[i] / side[i]))
        prior = causes.T @ causes + independent  # (2 L, 2 L): x of all landmarks, then y of all
        observed = np.kron(np.eye(2), group_mean[seen[i]])
        noise = np.diag(spread[i, seen[i]].T.ravel() ** 2)
        gain = prior @ observed.T @ np.linalg.inv(observed @ prior @ observed.T + noise)
        correction[i] = (gain @ (residual - offset)[i, seen[i]].T.ravel()).reshape(2, count).T
    fused = labels.copy()
    fused[..., :2] += correction * side[:, None, None]
    return fused, np.linalg.norm(correction, axis=2).mean(1)


def graft_parts(
    labels: ArrayLike, others: ArrayLike, parts: Sequence[FacePart], yaw: ArrayLike, good: ArrayLike
) -> Array:
    """Take the shape of some parts of the face, such as lids and lips, from a second machine's landmarks.

    The first machine places a face well but draws closed eyes open; the second sees that they are closed. Only the
    shape of each part is taken from the second. The median difference between the two at about the same yaw is
    subtracted, because it is a difference of definitions. A similarity moves the shape to the first machine's anchors.

    ``labels`` (n, L, 2) are the first machine's landmarks in pixels, ``others`` the second's; those outside the parts
    are ignored. Only the ``good`` (n,) photos, where the second machine is reliable, are changed, and the differences
    are estimated from them. The yaw (n,) is in degrees. ValueError if shapes do not agree, or a landmark to be used is
    not finite.
    """
    labels, others = np.asarray(labels, float), np.asarray(others, float)
    yaw, good = np.asarray(yaw, float), np.asarray(good, bool)
    if labels.ndim != 3 or labels.shape != others.shape or not len(labels) == len(yaw) == len(good):
        raise ValueError(f"labels {labels.shape}, others {others.shape}, {len(yaw)} yaws, {len(good)} flags do not fit")
    out, bins = labels.copy(), np.digitize(yaw[good], GRAFT_YAW_EDGES)
    labels, others = labels[good], others[good]
    side = _box_side(labels)[:, None, None]
    everywhere = np.ones(len(bins), bool)
    for part, anchors in parts:
        rows = list(part)
        shape = others[:, rows] - others[:, rows].mean(1, keepdims=True)
        if not (np.isfinite(shape).all() and np.isfinite(labels[:, rows]).all()):
            raise ValueError("landmarks of photos that are said to be good are not finite")
        first = labels[:, rows] - labels[:, rows].mean(1, keepdims=True)
        shape -= _definition_offsets((shape - first) / side, bins, everywhere)[0] * side
        full = np.zeros_like(labels)
        full[:, rows] = shape
        source, target = (np.stack([x[:, list(a)].mean(1) for a in anchors], 1) for x in (full, labels))
        source_mean, target_mean = source.mean(1, keepdims=True), target.mean(1, keepdims=True)
        moved = _apply_similarity(source - source_mean, target - target_mean, shape - source_mean)
        out[np.ix_(good, rows)] = moved + target_mean
    return out


def _apply_similarity(source: Array, target: Array, points: Array) -> Array:
    """Points (n, m, 2) rotated and scaled as (n, a, 2) ``source`` has to be to meet ``target`` (least squares)."""
    a, b, c = (x[..., 0] + 1j * x[..., 1] for x in (source, target, points))  # a similarity is a complex factor
    moved = c * ((a.conj() * b).sum(1) / np.maximum((abs(a) ** 2).sum(1), 1e-9))[:, None]
    return np.stack([moved.real, moved.imag], -1)


def _box_side(landmarks: Array) -> Array:
    """Square root (n,) of the area of the boxes of landmarks (n, L, 2 or 3)."""
    return np.sqrt(np.prod(np.ptp(landmarks[..., :2], axis=1), axis=1))


def _definition_offsets(residual: Array, bins: NDArray[np.intp], good: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Median and robust spread (n, P, 2) of residuals (n, P, 2) in each photo's bin; of all photos if few have it."""
    offset, spread = np.zeros_like(residual), np.full_like(residual, DEFAULT_SPREAD)
    usable = good[:, None] & np.isfinite(residual).all(2)
    for b in np.unique(bins):
        for j in range(residual.shape[1]):
            given = residual[usable[:, j] & (bins == b), j]
            if len(given) < MIN_POINTS_IN_BIN:
                given = residual[usable[:, j], j]
            if len(given):
                offset[bins == b, j] = median = np.median(given, axis=0)
                spread[bins == b, j] = np.maximum(1.4826 * np.median(np.abs(given - median), axis=0), MIN_SPREAD)
    return offset, spread


def _mistake_directions(points: Array, modes: Array) -> Array:
    """Directions (m, 2 L) in which the labels (L, 3) of a face are wrong together, one standard deviation long.

    ``modes`` (K + E, L, 3) are those of the face model, turned and scaled like the face.
    """
    x, y, z = (points - points.mean(0)).T
    one, none = np.ones_like(x), np.zeros_like(x)
    causes = [
        ("shift", one, none), ("shift", none, one), ("roll", -y, x), ("scale", x, y), ("stretch", x, -y),
        ("depth", z, none), ("depth", none, z),
    ]  # fmt: skip
    shapes = MODE_ERROR_STD * (modes[..., :2] * [1, -1]).transpose(0, 2, 1).reshape(len(modes), -1)
    return np.concatenate([[LABEL_ERROR_STD[name] * np.r_[dx, dy] for name, dx, dy in causes], shapes])
