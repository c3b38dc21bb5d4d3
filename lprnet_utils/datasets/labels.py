"""Machine labels corrected by human points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..morphable_model.fitting import Fits

# How far a machine's labels are off together, standard deviations in sides of the face's box: shift (each of x and y),
# roll, scale, stretch of x against y, shift in x and in y in proportion to depth (yaw, pitch), share of a model's mode,
# and of each landmark by itself.
MISTAKES = {"shift": 0.015, "roll": 0.025, "scale": 0.015, "stretch": 0.01, "depth": 0.04, "mode": 0.25, "own": 0.004}
YAW_EDGES = (-60.0, -30.0, -10.0, 10.0, 30.0, 60.0)  # the definitions of a point differ by how the face is turned
GRAFT_EDGES = (-40.0, -30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 40.0)
FEWEST = 20  # given points in a bin, for an offset of its own


def fuse_points(
    mean: Array,
    basis: Array,
    fits: Fits,
    labels: ArrayLike,
    points: ArrayLike,
    groups: list[tuple[int, ...]],
    yaw: ArrayLike,
    good: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Correct machine-made landmarks by the few points that people have set.

    What a person marks and what a machine calls by the same name are not the same point: the median difference over the
    good photos of one range of yaw is taken for the difference of definitions, the robust spread around it for the
    person's noise. What remains is the machine's mistake. Its mistakes have few causes (the face is shifted, turned,
    grown, or another face of the model): a Gaussian prior over these moves all landmarks along with the marked ones.

    Parameters
    ----------
    mean : (L, 3) array, basis : (K + E, L, 3) array
        The landmarks of the face model, mm; see :func:`fit_landmarks`.
    fits : Fits
        The model fitted to the labels.
    labels : (n, L, 3) array
        The machine's, pixels.
    points : (n, P, 2) array
        The people's, pixels of the same images; NaN where none is given.
    groups : list of P tuples
        Which labels each point is compared with: their mean.
    yaw : (n,) array
        Degrees.
    good : (n,) bool, optional
        Photos that offsets and spreads are estimated from; all by default.

    Returns
    -------
    fused : (n, L, 3)
        x and y corrected, z as it was.
    moved : (n,)
        Mean length of the correction, in sides of the face's box (the square root of its area).

    Raises
    ------
    ValueError
        If shapes do not agree or a label is not finite.

    References
    ----------
    The correction is the posterior mean of a Gaussian process: Rasmussen and Williams, Gaussian Processes for Machine
    Learning, 2006, equation 2.23.
    """
    labels, points, yaw = np.asarray(labels, float), np.asarray(points, float), np.asarray(yaw, float)
    n, count = labels.shape[:2]
    shapes = labels.shape, points.shape, yaw.shape, (len(fits),)
    if shapes != ((n, count, 3), (n, len(groups), 2), (n,), (n,)) or np.shape(mean) != (count, 3):
        raise ValueError(f"labels, points, yaw and fits {shapes} do not fit to {len(groups)} points of {count} labels")
    if not np.isfinite(labels).all():
        raise ValueError(f"{int((~np.isfinite(labels).all((1, 2))).sum())} faces have labels that are not finite")
    read = np.zeros((len(groups), count))
    for row, group in zip(read, groups, strict=True):
        row[list(group)] = 1 / len(group)
    side = np.sqrt(np.prod(np.ptp(labels[..., :2], axis=1), axis=1))
    residual = (points - read @ labels[..., :2]) / side[:, None, None]
    good = np.ones(n, bool) if good is None else np.asarray(good, bool)
    offset, spread = _definitions(residual, np.digitize(yaw, YAW_EDGES), good)
    seen = np.isfinite(residual).all(2)
    correction = np.zeros((n, count, 2))
    identity = MISTAKES["own"] ** 2 * np.eye(2 * count)
    for i in np.flatnonzero(seen.any(1)):
        columns = _mistakes(labels[i] / side[i], basis @ fits.rotation[i].T * (fits.scale[i] / side[i]))
        prior = columns.T @ columns + identity  # (2 L, 2 L), x of all, then y of all
        marks = np.kron(np.eye(2), read[seen[i]])
        noise = np.diag(spread[i, seen[i]].T.ravel() ** 2)
        gain = prior @ marks.T @ np.linalg.inv(marks @ prior @ marks.T + noise)
        correction[i] = (gain @ (residual - offset)[i, seen[i]].T.ravel()).reshape(2, count).T
    fused = labels.copy()
    fused[..., :2] += correction * side[:, None, None]
    return fused, np.linalg.norm(correction, axis=2).mean(1)


def graft_parts(
    labels: ArrayLike,
    others: ArrayLike,
    parts: list[tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]],
    yaw: ArrayLike,
    good: ArrayLike,
) -> Array:
    """Take the shape of some parts of the face, such as lids and lips, from a second machine's landmarks.

    One machine places a face well and draws closed eyes open; another sees whether they are. Of the second only the
    shape of each part is taken, less the median difference between the two at about the same yaw, which is one of
    definitions. A similarity puts it where the first has the part's anchors.

    Parameters
    ----------
    labels : (n, L, 2) array
        Pixels.
    others : (n, L, 2) array
        The second machine's, in the same order; landmarks of no part are not looked at.
    parts : list of (landmarks, anchors)
        Each anchor is the mean of a tuple of landmarks.
    yaw : (n,) array
        Degrees.
    good : (n,) bool
        Photos to change, which the differences are estimated from too: where the second machine can be trusted.

    Returns
    -------
    (n, L, 2)

    Raises
    ------
    ValueError
        If shapes do not agree, or a landmark to be used is not finite.
    """
    labels, others = np.asarray(labels, float), np.asarray(others, float)
    yaw, good = np.asarray(yaw, float), np.asarray(good, bool)
    if labels.ndim != 3 or labels.shape != others.shape or not len(labels) == len(yaw) == len(good):
        raise ValueError(f"labels {labels.shape}, others {others.shape}, {len(yaw)} yaws, {len(good)} flags do not fit")
    out, bins = labels.copy(), np.digitize(yaw[good], GRAFT_EDGES)
    labels, others = labels[good], others[good]
    side = np.sqrt(np.prod(np.ptp(labels, axis=1), axis=1))[:, None, None]
    for part, anchors in parts:
        rows = list(part)
        shape = others[:, rows] - others[:, rows].mean(1, keepdims=True)
        if not (np.isfinite(shape).all() and np.isfinite(labels[:, rows]).all()):
            raise ValueError("landmarks of photos that are said to be good are not finite")
        own = labels[:, rows] - labels[:, rows].mean(1, keepdims=True)
        shape -= _definitions((shape - own) / side, bins, np.ones(len(bins), bool))[0] * side
        full = np.zeros_like(labels)
        full[:, rows] = shape
        source, target = (np.stack([x[:, list(a)].mean(1) for a in anchors], 1) for x in (full, labels))
        source_mean, target_mean = source.mean(1, keepdims=True), target.mean(1, keepdims=True)
        # in the plane a similarity is a complex factor
        a, b, c = (
            (x[..., 0] + 1j * x[..., 1]) for x in (source - source_mean, target - target_mean, shape - source_mean)
        )
        turned = c * ((a.conj() * b).sum(1) / np.maximum((abs(a) ** 2).sum(1), 1e-9))[:, None]
        out[np.ix_(good, rows)] = np.stack([turned.real, turned.imag], -1) + target_mean
    return out


def _definitions(residual: Array, bins: NDArray[np.intp], good: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Offset and robust spread (n, P, 2) of each point in each photo's range of yaw; of all photos if few have it."""
    offset, spread = np.zeros_like(residual), np.full_like(residual, 0.03)
    for b in np.unique(bins):
        for j in range(residual.shape[1]):
            given = residual[good & (bins == b), j]
            given = given[np.isfinite(given).all(1)]
            if len(given) < FEWEST:
                given = residual[good, j]
                given = given[np.isfinite(given).all(1)]
            if len(given):
                offset[bins == b, j] = middle = np.median(given, axis=0)
                spread[bins == b, j] = np.maximum(1.4826 * np.median(np.abs(given - middle), axis=0), 0.003)
    return offset, spread


def _mistakes(points: Array, modes: Array) -> Array:
    """Directions (m, 2 L) in which labels (L, 3) of one face are off together, each one standard deviation long."""
    x, y, z = (points - points.mean(0)).T
    one, none = np.ones_like(x), np.zeros_like(x)
    whole = [
        ("shift", one, none), ("shift", none, one), ("roll", -y, x), ("scale", x, y), ("stretch", x, -y),
        ("depth", z, none), ("depth", none, z),
    ]  # fmt: skip
    shapes = MISTAKES["mode"] * (modes[..., :2] * [1, -1]).transpose(0, 2, 1).reshape(len(modes), -1)
    return np.concatenate([[MISTAKES[name] * np.r_[dx, dy] for name, dx, dy in whole], shapes])
