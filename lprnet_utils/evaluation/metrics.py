"""Measures of accuracy: NME with its normalisers, yaw bins, CED, pose, surface after ICP, jitter, confidence intervals.

Every function says where its definition comes from: two papers' "NME" are rarely the same number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array
from ..geometry.landmarks import LEFT_EYE, OUTER_EYE_CORNERS, RIGHT_EYE

BINS = {"0-30": (-1.0, 30.0), "30-60": (30.0, 60.0), "60-90": (60.0, np.inf)}
NORMALISERS = ("box", "diagonal", "interocular", "interpupil")
DEPTHS = (None, "mean", "minimum")


def normaliser(landmarks: ArrayLike, kind: str = "box") -> Array:
    """The length (...) that errors of a face with these true landmarks (..., 68, 2 or 3) are divided by.

    Parameters
    ----------
    kind : str
        ``box``: the square root of width times height of the landmarks' box (AFLW2000-3D: Zhu et al., CVPR 2016).
        ``diagonal``: the diagonal of that box (Menpo: Zafeiriou et al., CVPR Workshops 2017).
        ``interocular``: between the outer corners of the eyes (300-W: Sagonas et al., ICCV Workshops 2013); with three
        coordinates in space, as on Florence (Jackson et al., ICCV 2017). ``interpupil``: between the middles of the
        eyes (Ren et al., CVPR 2014). The last two vanish for a profile in the picture, which is why AFLW2000-3D has a
        box.
    """
    points = np.asarray(landmarks, float)
    if points.shape[-2] != 68:
        raise ValueError(f"68 landmarks are needed, got an array of shape {points.shape}")
    if kind in ("box", "diagonal"):
        width, height = np.moveaxis(np.ptp(points[..., :2], axis=-2), -1, 0)
        return np.sqrt(width * height) if kind == "box" else np.hypot(width, height)
    if kind == "interocular":
        return np.linalg.norm(points[..., OUTER_EYE_CORNERS[0], :] - points[..., OUTER_EYE_CORNERS[1], :], axis=-1)
    if kind == "interpupil":
        return np.linalg.norm(points[..., RIGHT_EYE, :].mean(-2) - points[..., LEFT_EYE, :].mean(-2), axis=-1)
    raise ValueError(f"the normaliser is one of {', '.join(NORMALISERS)}, not {kind!r}")


def point_errors(predicted: ArrayLike, truth: ArrayLike, depth: str | None = None) -> Array:
    """Distances (..., P) between corresponding points (..., P, 2 or 3).

    Parameters
    ----------
    depth : str, optional
        Without: distances in the picture. With: in space, after the zero of z, which no single photo tells, is taken
        off on both sides: its ``mean`` or its ``minimum`` over the points. Papers do either, hardly say which, and the
        figures differ by a point and more (issues 83 and 145 of yfeng95/PRNet, 106 of cleardusk/3DDFA).
    """
    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.shape[:-1] != truth.shape[:-1]:
        raise ValueError(f"predicted points {predicted.shape} and true ones {truth.shape} differ in number")
    if depth not in DEPTHS:
        raise ValueError(f"depth is None, 'mean' or 'minimum', not {depth!r}")
    difference = predicted[..., :2] - truth[..., :2]
    if depth is None:
        return np.linalg.norm(difference, axis=-1)
    if predicted.shape[-1] != 3 or truth.shape[-1] != 3:
        raise ValueError("an error in space needs three coordinates")
    zero = np.mean if depth == "mean" else np.min
    z = [points[..., 2] - zero(points[..., 2], axis=-1, keepdims=True) for points in (predicted, truth)]
    return np.sqrt((difference**2).sum(-1) + (z[0] - z[1]) ** 2)


def landmark_nme(predicted: ArrayLike, truth: ArrayLike, kind: str = "box", depth: str | None = None) -> Array:
    """Normalised mean error in % of 68 landmarks (..., 68, 2 or 3): (...).

    The mean distance over the landmarks, see :func:`point_errors`, by the true landmarks' :func:`normaliser`. As it is
    by default, it is the 2D protocol of AFLW2000-3D (``benchmark_aflw2000.py`` of cleardusk/3DDFA). For all the points
    of a mesh use ``100 * point_errors(...).mean(-1) / normaliser(true_landmarks)``, as PRNet's paper does.
    """
    errors = point_errors(predicted, truth, depth)
    return 100 * errors.mean(-1) / normaliser(np.asarray(truth, float)[..., :2], kind)


def summarise_by_yaw(errors: ArrayLike, yaw: ArrayLike) -> dict[str, float]:
    """Mean error by absolute yaw (up to 30, up to 60, over 60 degrees), mean of these bins, mean over photos.

    Published tables call the mean of the bins "mean" or "all". An empty bin is NaN and left out of the mean of bins.
    """
    errors, yaw = np.asarray(errors, float), np.abs(np.asarray(yaw, float))
    out = {}
    for name, (low, high) in BINS.items():
        inside = (yaw > low) & (yaw <= high)
        out[name] = float(errors[inside].mean()) if inside.any() else float("nan")
    out["mean of bins"] = float(np.nanmean(list(out.values())))
    out["mean over photos"] = float(errors.mean())
    return out


def cumulative_error(errors: ArrayLike, limit: float = 10.0) -> dict[str, Array | float]:
    """Cumulative error distribution (CED): what share of the photos has at most a given error.

    Parameters
    ----------
    errors : (n,) array
        One a photo; ``inf`` for a face that was not found, which counts and never arrives.
    limit : float
        Where the curve ends; a larger error is a failure.

    Returns
    -------
    dict
        ``error`` (m,) and ``share`` (m,): the corners of the curve, a staircase; ``area``: under it up to the limit, by
        the limit, so 1 is perfect; ``failures``: the share beyond the limit (Sagonas et al., 300 Faces in-the-wild
        challenge, Image and Vision Computing 2016).

    Raises
    ------
    ValueError
        If there is no error, or one is NaN.
    """
    errors = np.sort(np.asarray(errors, float).ravel())
    if not len(errors) or np.isnan(errors).any():
        raise ValueError(f"a CED needs errors without NaN, got {len(errors)} of them")
    inside = errors[errors <= limit]
    share = np.arange(len(inside) + 1) / len(errors)
    return {
        "error": np.r_[0.0, inside, limit],
        "share": np.r_[share, share[-1]],
        "area": float((limit - inside).sum() / limit / len(errors)),
        "failures": float(1 - share[-1]),
    }


def pose_errors(predicted: ArrayLike, truth: ArrayLike) -> dict[str, Array]:
    """Errors (n,) in degrees of head poses given as rotations (n, 3, 3).

    Returns
    -------
    dict
        ``pitch``, ``yaw``, ``roll``: absolute differences of the angles, at most 180; near a yaw of +-90 pitch and roll
        are not unique, and large for two poses that hardly differ. ``geodesic``: the angle of the rotation between the
        two, which has no such place (Hempel et al., ICIP 2022, use both).
    """
    from ..geometry.camera import rotation_angles, rotation_distance

    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.shape != truth.shape or predicted.shape[1:] != (3, 3):
        raise ValueError(f"poses {predicted.shape} and {truth.shape} should both be (n, 3, 3)")
    pairs = list(zip(predicted, truth, strict=True))
    angles = np.array([np.subtract(rotation_angles(a), rotation_angles(b)) for a, b in pairs]).reshape(-1, 3)
    angles = np.abs((angles + 180) % 360 - 180)
    out = dict(zip(("pitch", "yaw", "roll"), angles.T, strict=True))
    return out | {"geodesic": np.array([rotation_distance(a, b) for a, b in pairs])}


def surface_error(predicted: ArrayLike, truth: ArrayLike, scale: bool = False, iterations: int = 50) -> Array:
    """Distances (Q,) of a true surface's points from the nearest predicted one, after rigid alignment by ICP.

    The protocol of Florence (Jackson et al., ICCV 2017, and PRNet): no correspondence is known. For its NME take the
    mean and divide it by the outer interocular distance in space, ``normaliser(landmarks, "interocular")``.

    Parameters
    ----------
    predicted : (P, 3), truth : (Q, 3) arrays
        In the same unit and roughly in the same place: ICP (Besl and McKay, 1992, here trimesh's) finds the nearest
        alignment, not the best.
    scale : bool
        Align the size too, for a method that does not tell it.
    """
    from scipy.spatial import cKDTree
    from trimesh.registration import icp

    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.ndim != 2 or truth.ndim != 2 or predicted.shape[1] != 3 or truth.shape[1] != 3:
        raise ValueError(f"surfaces {predicted.shape} and {truth.shape} should be (points, 3)")
    start = np.eye(4)
    start[:3, 3] = truth.mean(0) - predicted.mean(0)
    options = {"max_iterations": iterations, "reflection": False, "scale": scale}
    _, moved, _ = icp(predicted, truth, initial=start, threshold=1e-7, **options)
    return cKDTree(moved).query(truth)[0]


def jitter(points: ArrayLike, moving: bool = False) -> float:
    """How much landmarks tremble in a video: standard deviation over time, in the unit of the points.

    Parameters
    ----------
    points : (T, P, 2 or 3) array
    moving : bool
        False: the face is still, so that every movement is an error: the standard deviation of each landmark (root of
        the summed variances of its coordinates), mean over the landmarks. True: of the second differences, which a
        steady movement does not have, by the square root of 6, so that white noise gives the same figure.
    """
    points = np.asarray(points, float)
    if points.ndim != 3 or len(points) < (3 if moving else 2):
        raise ValueError(f"jitter needs a track (frames, points, coordinates) of some frames, got {points.shape}")
    if moving:
        bend = np.diff(points, 2, axis=0)
        return float(np.sqrt((bend**2).sum(-1).mean(0) / 6).mean())
    return float(np.sqrt(points.var(0).sum(-1)).mean())


def lag(measured: ArrayLike, truth: ArrayLike, reach: float = 6.0) -> float:
    """By how many frames a signal comes later than the truth: the shift at which they correlate best.

    Parameters
    ----------
    measured, truth : (T,) arrays
        The same quantity in every frame, say the pitch of a head or the height of the nose.
    reach : float
        Frames of the largest shift that is tried, to either side; steps of a twentieth.

    Raises
    ------
    ValueError
        If the two differ in length, or are too short for such a shift.
    """
    measured, truth = np.asarray(measured, float), np.asarray(truth, float)
    if measured.shape != truth.shape or measured.ndim != 1 or len(truth) < 2 * reach + 8:
        raise ValueError(
            f"two signals of one length, at least {2 * reach + 8:.0f} frames, are needed; got shapes "
            f"{measured.shape} and {truth.shape}"
        )
    place = np.arange(len(truth))
    inside = place[int(np.ceil(reach)) : len(truth) - int(np.ceil(reach))]
    shifts = np.linspace(-reach, reach, round(40 * reach) + 1)
    scores = [np.corrcoef(measured[inside], np.interp(inside - s, place, truth))[0, 1] for s in shifts]
    return float(shifts[int(np.argmax(scores))])


def confidence_interval(
    errors: ArrayLike, yaw: ArrayLike | None = None, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of the mean error, or of the mean of the bins of yaw if ``yaw`` is given.

    How far the figure would move on other photos of the same kind: photos are drawn with replacement, bin by bin, and
    the middle ``level`` of the means is given (Efron, 1979; the percentile method).
    """
    errors = np.asarray(errors, float)
    groups = [np.ones(len(errors), bool)]
    if yaw is not None:
        turned = np.abs(np.asarray(yaw, float))
        groups = [(turned > low) & (turned <= high) for low, high in BINS.values()]
    rng = np.random.default_rng(seed)
    means = [e[rng.integers(len(e), size=(draws, len(e)))].mean(1) for e in (errors[g] for g in groups) if len(e)]
    if not means:
        raise ValueError("there is no error to resample")
    edges = np.quantile(np.mean(means, axis=0), [(1 - level) / 2, (1 + level) / 2])
    return float(edges[0]), float(edges[1])
