"""Evaluation: the normalised mean error (NME) of landmarks by yaw; dense error and smoothness where truth is dense."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .datasets import AFLW2000, MIRROR_68, landmark_box
from .geometry import similarity_alignment, surface_angles
from .uv import UVLayout, decode_map

if TYPE_CHECKING:
    from .inference import LPRNet
    from .synthetic import Sample

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


# What synthetic faces are told apart by: a label and its ranges. A face without the label is left out.
PEOPLE = {
    "skin": ("tone", {"dark": (0, 0.45), "medium": (0.45, 0.6), "light": (0.6, 2)}),
    "sex": ("male", {"female": (-1, 0.5), "male": (0.5, 2)}),
    "age": ("age", {"child": (-2, -0.2), "adult": (-0.2, 0.2), "old": (0.2, 2)}),
}
WORN = ("glasses", "beard", "hat", "scarf", "mask")


def evaluate_synthetic(net: LPRNet, samples: Iterable[Sample]) -> dict[str, Any]:
    """Evaluate a network on synthetic photos, where every texel and everything about the person is known.

    Parameters
    ----------
    net : LPRNet
        Of the size of the samples. It is shown the crop as it is, of which the face fills more or less, off the middle.
    samples : iterable of Sample
        Of identities that the network was not trained on: of another seed than the training's.

    Returns
    -------
    report : dict
        ``mm``: mean distance of the valid texels to the truth by yaw, in mm on the face, z of mean 0 on both sides;
        ``aligned mm``: after a similarity transform of the whole face; ``95 % mm``: the 95th percentile instead of the
        mean, before; ``nme``: of the 68 landmarks, %. See :func:`summarise_by_yaw`.
        ``roughness``: mean angle in degrees between neighbouring triangles of the map, of the ``prediction`` and of the
        ``truth``; ``normals``: mean angle between the predicted and the true normals.
        ``people``: for each kind of face its number, ``mm`` and ``nme``, both averaged over the same ranges of yaw, so
        that who happens to be turned away does not count. ``photos``.

    Raises
    ------
    ValueError
        If there is no sample.
    """
    layout = UVLayout(net.size, net.metadata.get("landmark_uv"))
    plain = UVLayout(net.size)
    rows: list[dict[str, float]] = []
    labels: list[dict[str, Any]] = []
    for sample in samples:
        code, truth, scale = net.predict_uv(sample.image), sample.position_map, sample.camera.scale
        found = decode_map(code)
        error = layout.points(found) - layout.points(truth)
        error[:, 2] -= error[:, 2].mean()
        distance = np.linalg.norm(error, axis=1) / scale
        k, turn, shift = similarity_alignment(layout.points(found), layout.points(truth))
        aligned = np.linalg.norm(k * layout.points(found) @ turn.T + shift - layout.points(truth), axis=1) / scale
        predicted, true = (surface_angles(layout.points(m) * [1, -1, 1], layout.triangles) for m in (found, truth))
        cosine = np.clip((predicted[1] * true[1]).sum(1), -1, 1)
        row = {"mm": distance.mean(), "aligned mm": aligned.mean(), "95 % mm": np.percentile(distance, 95)}
        row |= {"nme": landmark_nme(layout.landmarks(found), plain.landmarks(truth))}
        row |= {"prediction": predicted[0].mean(), "truth": true[0].mean()}
        row |= {"normals": np.degrees(np.arccos(cosine)).mean()}
        rows.append(row)
        known = dict(sample.labels)
        if "male" in known:
            known["age"] = float(known["old"]) - float(known["child"])
        labels.append(known)
    if not rows:
        raise ValueError("there is no sample to evaluate on")
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    yaw = np.array([known["yaw"] for known in labels])
    report: dict[str, Any] = {n: summarise_by_yaw(table[n], yaw) for n in ("mm", "aligned mm", "95 % mm", "nme")}
    report["roughness"] = {n: float(table[n].mean()) for n in ("prediction", "truth")}
    report["normals"] = float(table["normals"].mean())
    people: dict[str, NDArray[np.bool_]] = {}
    for label, ranges in PEOPLE.values():
        value = np.array([known.get(label, np.nan) for known in labels], float)
        people |= {kind: (value >= low) & (value < high) for kind, (low, high) in ranges.items()}
    people |= {kind: np.array([kind in known for known in labels]) for kind in WORN}
    report["people"] = {
        kind: {"photos": int(which.sum())}
        | {n: summarise_by_yaw(table[n][which], yaw[which])["mean of bins"] for n in ("mm", "nme")}
        for kind, which in people.items()
        if which.any()
    }
    return report | {"photos": len(rows)}
