"""Measures of accuracy: NME and its normalisers, yaw bins, CED, pose, surface after ICP, jitter, confidence intervals.

Each function names the source of its definition, because papers define "NME" in different ways.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array
from ..geometry.camera import rotation_angles, rotation_distance
from ..geometry.landmarks import LEFT_EYE, OUTER_EYE_CORNERS, RIGHT_EYE

YAW_BINS = {"0-30": (-1.0, 30.0), "30-60": (30.0, 60.0), "60-90": (60.0, np.inf)}
NORMALISERS = ("box", "diagonal", "interocular", "interpupil")


def normaliser(landmarks: ArrayLike, kind: str = "box") -> Array:
    """The lengths (...) by which the errors of faces are divided.

    Parameters
    ----------
    landmarks : (..., 68, 2 or 3) array
        True landmarks.
    kind : str
        ``box``: the square root of width times height of the landmarks' box (AFLW2000-3D: Zhu et al., CVPR 2016).
        ``diagonal``: the diagonal of that box (Menpo: Zafeiriou et al., CVPR Workshops 2017).
        ``interocular``: between the outer corners of the eyes (300-W: Sagonas et al., ICCV Workshops 2013); with three
        coordinates in space, as on Florence (Jackson et al., ICCV 2017). ``interpupil``: between the centres of the
        eyes (Ren et al., CVPR 2014). In the picture of a profile the last two are nearly 0, so AFLW2000-3D uses a box.

    Raises
    ------
    ValueError
        For an unknown kind, or another number of landmarks.
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

    Without a ``depth`` they are distances in the picture. With ``mean`` or ``minimum`` they are distances in space: a
    single photo does not show the absolute depth, so the mean or minimum of z over the points is subtracted on both
    sides. Papers use one or the other, rarely say which, and the numbers differ by a point and more (issues 83 and 145
    of yfeng95/PRNet, 106 of cleardusk/3DDFA). ValueError if the numbers of points differ, for an unknown depth, or if a
    z is needed and missing.
    """
    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.shape[:-1] != truth.shape[:-1]:
        raise ValueError(f"predicted points {predicted.shape} and true ones {truth.shape} differ in number")
    if depth not in (None, "mean", "minimum"):
        raise ValueError(f"depth is None, 'mean' or 'minimum', not {depth!r}")
    difference = predicted[..., :2] - truth[..., :2]
    if depth is None:
        return np.linalg.norm(difference, axis=-1)
    if predicted.shape[-1] != 3 or truth.shape[-1] != 3:
        raise ValueError("an error in space needs three coordinates")
    origin = np.mean if depth == "mean" else np.min
    z = [points[..., 2] - origin(points[..., 2], axis=-1, keepdims=True) for points in (predicted, truth)]
    return np.sqrt((difference**2).sum(-1) + (z[0] - z[1]) ** 2)


def landmark_nme(predicted: ArrayLike, truth: ArrayLike, kind: str = "box", depth: str | None = None) -> Array:
    """Normalised mean error (NME) in %, an array (...), of 68 landmarks (..., 68, 2 or 3).

    This is the mean distance over the landmarks, see :func:`point_errors`, divided by the :func:`normaliser` of the
    true landmarks. The defaults are the 2D protocol of AFLW2000-3D (``benchmark_aflw2000.py`` of cleardusk/3DDFA). For
    all points of a mesh use ``100 * point_errors(...).mean(-1) / normaliser(true_landmarks)``, as PRNet's paper does.

    Examples
    --------
    >>> from lprnet_utils import UVLayout
    >>> layout = UVLayout()
    >>> truth = layout.landmarks(layout.mean_map)  # of the mean face, in mm
    >>> print(f"an error of 1 mm is {landmark_nme(truth + [1, 0, 0], truth):.2f} %")
    an error of 1 mm is 0.77 %
    """
    errors = point_errors(predicted, truth, depth)
    return 100 * errors.mean(-1) / normaliser(np.asarray(truth, float)[..., :2], kind)


def _yaw_groups(yaw: ArrayLike) -> dict[str, Array]:
    """The photos (n,) in each bin of absolute yaw in degrees (n,)."""
    yaw = np.abs(np.asarray(yaw, float))
    return {name: (yaw > low) & (yaw <= high) for name, (low, high) in YAW_BINS.items()}


def summarise_by_yaw(errors: ArrayLike, yaw: ArrayLike) -> dict[str, float]:
    """Mean of errors (n,) by yaw in degrees (n,), ``mean of bins`` and ``mean over photos``.

    The bins of absolute yaw are those of ``YAW_BINS``: up to 30, up to 60, over 60 degrees. Published tables call the
    mean of the bins "mean" or "all". An empty bin is NaN and not part of the mean of bins.
    """
    errors = np.asarray(errors, float)
    groups = _yaw_groups(yaw)
    out = {name: float(errors[group].mean()) if group.any() else float("nan") for name, group in groups.items()}
    out["mean of bins"] = float(np.nanmean(list(out.values())))
    out["mean over photos"] = float(errors.mean())
    return out


def cumulative_error(errors: ArrayLike, limit: float = 10.0) -> dict[str, Array | float]:
    """Cumulative error distribution (CED): the share of photos with at most a given error.

    Parameters
    ----------
    errors : (n,) array
        One for each photo; ``inf`` for a face that was not found, which counts as a failure.
    limit : float
        The end of the curve. A larger error is a failure.

    Returns
    -------
    dict
        ``error`` (m,) and ``share`` (m,): the corners of the curve, a staircase. ``area``: the area under it up to the
        limit, divided by the limit, so that 1 is perfect. ``failures``: the share beyond the limit (Sagonas et al., 300
        Faces in-the-wild challenge, Image and Vision Computing 2016).

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
    """Errors (n,) of head poses (n, 3, 3) in degrees: ``pitch``, ``yaw``, ``roll`` and ``geodesic``.

    The first three are absolute differences of the angles, at most 180. Near a yaw of +-90 pitch and roll are not
    unique, so these errors can be large for similar poses. ``geodesic`` is the angle of the rotation between the two,
    which is small for similar poses everywhere (Hempel et al., ICIP 2022, use both). ValueError if the shapes are wrong
    or differ.
    """
    predicted, truth = np.asarray(predicted, float), np.asarray(truth, float)
    if predicted.shape != truth.shape or predicted.shape[1:] != (3, 3):
        raise ValueError(f"poses {predicted.shape} and {truth.shape} should both be (n, 3, 3)")
    pairs = list(zip(predicted, truth, strict=True))
    angles = np.array([np.subtract(rotation_angles(a), rotation_angles(b)) for a, b in pairs]).reshape(-1, 3)
    angles = np.abs((angles + 180) % 360 - 180)
    out = dict(zip(("pitch", "yaw", "roll"), angles.T, strict=True))
    return out | {"geodesic": np.array([rotation_distance(a, b) for a, b in pairs])}


def surface_error(predicted: ArrayLike, truth: ArrayLike, scale: bool = False, iterations: int = 50) -> Array:
    """Distances (Q,) from the points of a true surface to the nearest predicted points, after rigid alignment by ICP.

    This is the protocol of Florence (Jackson et al., ICCV 2017, and PRNet), where correspondences are unknown. For its
    NME divide the mean by the outer interocular distance in space, ``normaliser(landmarks, "interocular")``.

    The points (P, 3) and (Q, 3) have the same unit and roughly the same place, because ICP (Besl and McKay, 1992, here
    trimesh's) finds a local optimum, in at most this many ``iterations``. ``scale`` aligns the size too, for a method
    that does not predict it. ValueError for other shapes.
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
    """Jitter of landmarks (T, P, 2 or 3) in a video: their standard deviation over time, in their unit.

    For a still face it is the standard deviation of each landmark (root of the summed variances of its coordinates),
    mean over the landmarks. For a moving face it is the same of the second differences, which are 0 for a steady
    movement, divided by the square root of 6, so that white noise gives the same number. ValueError for another shape
    or too few frames.
    """
    points = np.asarray(points, float)
    if points.ndim != 3 or len(points) < (3 if moving else 2):
        raise ValueError(f"jitter needs a track (frames, points, coordinates) of some frames, got {points.shape}")
    if moving:
        second = np.diff(points, 2, axis=0)
        return float(np.sqrt((second**2).sum(-1).mean(0) / 6).mean())
    return float(np.sqrt(points.var(0).sum(-1)).mean())


def lag(measured: ArrayLike, truth: ArrayLike, reach: float = 6.0) -> float:
    """Frames by which a signal (T,) is later than the truth (T,): the shift at which they correlate best.

    The two are the same quantity in each frame, for example the pitch of a head or the height of the nose. Shifts up to
    ``reach`` frames in both directions are tried, in steps of a twentieth of a frame. ValueError if the two differ in
    length, or are too short for this reach.
    """
    measured, truth = np.asarray(measured, float), np.asarray(truth, float)
    if measured.shape != truth.shape or measured.ndim != 1 or len(truth) < 2 * reach + 8:
        raise ValueError(
            f"two signals of one length, at least {2 * reach + 8:.0f} frames, are needed; got shapes "
            f"{measured.shape} and {truth.shape}"
        )
    frames = np.arange(len(truth))
    inside = frames[int(np.ceil(reach)) : len(truth) - int(np.ceil(reach))]
    shifts = np.linspace(-reach, reach, round(40 * reach) + 1)
    scores = [np.corrcoef(measured[inside], np.interp(inside - s, frames, truth))[0, 1] for s in shifts]
    return float(shifts[int(np.argmax(scores))])


def confidence_interval(
    errors: ArrayLike, yaw: ArrayLike | None = None, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap confidence interval (low, high) of the mean of errors (n,); with yaw (n,), of the mean of the yaw bins.

    It shows how much the number would vary with other photos of the same kind. Photos are drawn with replacement in
    each bin, and the interval contains the middle ``level`` of the means of all ``draws`` (Efron, 1979; the percentile
    method). The yaw is in degrees. ValueError if there is no error.
    """
    errors = np.asarray(errors, float)
    groups = [np.ones(len(errors), bool)] if yaw is None else _yaw_groups(yaw).values()
    rng = np.random.default_rng(seed)
    means = [e[rng.integers(len(e), size=(draws, len(e)))].mean(1) for e in (errors[g] for g in groups) if len(e)]
    if not means:
        raise ValueError("there is no error to resample")
    edges = np.quantile(np.mean(means, axis=0), [(1 - level) / 2, (1 + level) / 2])
    return float(edges[0]), float(edges[1])
