"""Evaluation: the normalised mean error (NME) of landmarks, by yaw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .datasets import AFLW2000, MIRROR_68, landmark_box

if TYPE_CHECKING:
    from .inference import LPRNet

BINS = {"0-30": (-1.0, 30.0), "30-60": (30.0, 60.0), "60-90": (60.0, np.inf)}


def landmark_nme(predicted: ArrayLike, truth: ArrayLike) -> float:
    """2D normalised mean error in % of the AFLW2000-3D protocol.

    The mean over the landmarks of the distance in the picture, divided by the square root of width times height of
    the box of the true landmarks (Zhu et al., CVPR 2016; ``benchmark_aflw2000.py`` of cleardusk/3DDFA).

    Parameters
    ----------
    predicted, truth : (68, 2) or (68, 3) arrays
        In the same pixels; z is not used.
    """
    predicted, truth = np.asarray(predicted, float)[:, :2], np.asarray(truth, float)[:, :2]
    if predicted.shape != truth.shape:
        raise ValueError(f"predicted landmarks {predicted.shape} and true ones {truth.shape} differ in number")
    width, height = np.ptp(truth, axis=0)
    return float(100 * np.linalg.norm(predicted - truth, axis=1).mean() / np.sqrt(width * height))


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


def evaluate_aflw2000(net: LPRNet, data: AFLW2000, progress: Any = iter) -> tuple[dict[str, Any], NDArray]:
    """Evaluate a network on AFLW2000-3D, crops around the true landmarks' boxes.

    Parameters
    ----------
    net : LPRNet
    data : AFLW2000
    progress : callable
        Wraps the range of photos, for example ``tqdm``.

    Returns
    -------
    report : dict
        ``nme`` by yaw, see :func:`summarise_by_yaw`; ``flip``: mean distance, % of the box, between the landmarks of a
        photo and those of its mirror image, mirrored back (a consistent network has a low one); ``photos``.
    predictions : (n, 68, 3)
    """
    predictions, disagreement = [], []
    for i in progress(range(len(data))):
        image, truth = data.image(i), data.landmarks[i]
        box = landmark_box(truth)
        points = net.reconstruct_in_box(image, box).landmarks
        last = image.shape[1] - 1
        mirrored_box = [last - box[2], box[1], last - box[0], box[3]]
        mirrored = net.reconstruct_in_box(np.ascontiguousarray(image[:, ::-1]), mirrored_box).landmarks[MIRROR_68]
        mirrored = mirrored * [-1, 1, 1] + [last, 0, 0]
        predictions.append(points)
        scale = np.sqrt((box[2] - box[0]) * (box[3] - box[1]))
        disagreement.append(100 * np.linalg.norm((points - mirrored)[:, :2], axis=1).mean() / scale)
    errors = [landmark_nme(p, t) for p, t in zip(predictions, data.landmarks, strict=True)]
    nme = summarise_by_yaw(errors, data.angles[:, 1])
    return {"nme": nme, "flip": float(np.mean(disagreement)), "photos": len(data)}, np.array(predictions)
