"""Evaluation of a network: on the photos of AFLW2000-3D by its protocol, on synthetic faces texel by texel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.assets import DatasetError
from ..geometry.camera import rotation_matrix, similarity_alignment
from ..geometry.landmarks import MIRROR_68, landmark_box
from ..geometry.mesh import surface_angles
from ..uv.encoding import decode_map
from ..uv.layout import UVLayout
from .metrics import (
    confidence_interval,
    cumulative_error,
    landmark_nme,
    normaliser,
    point_errors,
    pose_errors,
    summarise_by_yaw,
)

if TYPE_CHECKING:
    from ..datasets.aflw import AFLW2000
    from ..datasets.shards import Sample
    from ..reconstruction.lprnet import LPRNet

FAILURE = 10.0  # an NME in %, beyond which a face counts as a failure
SAME_FACE = 0.3  # intersection over union of a found box and the true one, from which they are of one face
MISSED = 100.0  # % of the box: what a face that was not found counts in a mean over all photos
POSE_LIMIT = 99.0  # degrees: photos with a larger angle are left out of pose errors (Ruiz et al., CVPR Workshops 2018)


def landmark_report(predictions: ArrayLike, data: AFLW2000, rotations: ArrayLike | None = None) -> dict[str, Any]:
    """What the predicted landmarks of some photos are worth.

    Parameters
    ----------
    predictions : (n, 68, 2 or 3)
        In the photos' 0-based pixels, in the order of ``data``; NaN for a face that was not found.
    data : AFLW2000
    rotations : (n, 3, 3), optional
        Predicted head poses.

    Returns
    -------
    dict
        ``photos``, ``missed``; ``nme``: of the 2D protocol by yaw, see :func:`summarise_by_yaw`, over the photos whose
        face was found; ``interval``: of its mean of bins, 95 %; ``nme over all``: with missed faces at 100 %;
        ``ced``: see :func:`cumulative_error`, ``area`` and ``failures`` at 10 %, a missed face never arriving;
        ``nme 3D, mean z`` and ``nme 3D, minimum z`` where z is given; ``landmarks``: mean error of each of the 68,
        in %; ``pose``: mean errors of photos up to 99 degrees, if rotations are given.

    Raises
    ------
    ValueError
        If there are not as many predictions as photos, or no face was found.
    """
    predictions = np.asarray(predictions, float)
    if predictions.shape[:2] != (len(data), 68):
        raise ValueError(f"predictions of shape {predictions.shape} for {len(data)} photos: (n, 68, 2 or 3) are needed")
    found = np.isfinite(predictions).all((1, 2))
    if not found.any():
        raise ValueError(f"no face was found in {len(data)} photos")
    some, truth, yaw = predictions[found], data.landmarks[found], data.angles[found, 1]
    errors = np.full(len(data), np.inf)
    errors[found] = landmark_nme(some, truth)
    ced = cumulative_error(errors, FAILURE)
    report = {
        "photos": len(data),
        "missed": int((~found).sum()),
        "nme": summarise_by_yaw(errors[found], yaw),
        "interval": confidence_interval(errors[found], yaw),
        "nme over all": summarise_by_yaw(np.where(found, errors, MISSED), data.angles[:, 1]),
        "ced": {"error": ced["error"].tolist(), "share": ced["share"].tolist()},
        "area": ced["area"],
        "failures": ced["failures"],
        "landmarks": (100 * (point_errors(some, truth) / normaliser(truth)[:, None]).mean(0)).tolist(),
    }
    if some.shape[-1] == 3:
        for depth in ("mean", "minimum"):
            report[f"nme 3D, {depth} z"] = summarise_by_yaw(landmark_nme(some, truth, depth=depth), yaw)
    if rotations is not None:
        usual = found & (np.abs(data.angles) <= POSE_LIMIT).all(1)
        true = np.array([rotation_matrix(*angles) for angles in data.angles[usual]])
        off = pose_errors(np.asarray(rotations, float)[usual], true)
        report["pose"] = {name: float(value.mean()) for name, value in off.items()} | {"photos": int(usual.sum())}
    return report


def evaluate_aflw2000(
    net: LPRNet, data: AFLW2000, progress: Any = iter, detector: bool = False
) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Evaluate a network on AFLW2000-3D: crops around the true landmarks' boxes, or end to end.

    Parameters
    ----------
    net : LPRNet
    data : AFLW2000
    progress : callable
        Wraps the range of photos, for example ``tqdm``.
    detector : bool
        Find the face by the network's own detector; of several, the one that overlaps the true box most. A face that is
        not found, or whose box overlaps the true one by less than 0.3, is missed.

    Returns
    -------
    report : dict
        See :func:`landmark_report`; and ``flip``: mean distance, % of the box, between the landmarks of a photo and
        those of its mirror image, mirrored back (a consistent network has a low one; not with ``detector``);
        ``problems``: what is wrong with photos that could not be read, by name; they count nowhere else.
    predictions : dict
        ``names``, ``landmarks`` (n, 68, 3), ``rotations`` (n, 3, 3).

    Raises
    ------
    DatasetError
        If no photo can be read.
    """
    kept, faces, disagreement, problems = [], [], [], dict(data.problems)
    for i in progress(range(len(data))):
        try:
            image = data.image(i)
        except DatasetError as error:
            problems[data.names[i]] = str(error)
            continue
        kept.append(i)
        box = landmark_box(data.landmarks[i])
        if detector:
            faces.append(_same_face(net.reconstruct(image), box))
            continue
        faces.append(net.reconstruct_in_box(image, box))
        last = image.shape[1] - 1
        mirrored_box = [last - box[2], box[1], last - box[0], box[3]]
        mirrored = net.reconstruct_in_box(np.ascontiguousarray(image[:, ::-1]), mirrored_box).landmarks[MIRROR_68]
        mirrored = mirrored * [-1, 1, 1] + [last, 0, 0]
        disagreement.append(point_errors(faces[-1].landmarks, mirrored).mean() / normaliser(data.landmarks[i]))
    if not kept:
        raise DatasetError(
            f"none of the {len(data)} photos of {data.folder} can be read: {next(iter(problems.values()))}"
        )
    none = np.full((68, 3), np.nan), np.full((3, 3), np.nan)
    found = [none if f is None else (f.landmarks, f.pose.camera.rotation) for f in faces]
    landmarks, rotations = (np.array(columns, float) for columns in zip(*found, strict=True))
    report = landmark_report(landmarks, data.select(kept), rotations)
    if disagreement:
        report["flip"] = float(100 * np.mean(disagreement))
    names = np.array([data.names[i] for i in kept])
    return report | {"problems": problems}, {"names": names, "landmarks": landmarks, "rotations": rotations}


def match_predictions(names: ArrayLike, landmarks: ArrayLike, data: AFLW2000) -> tuple[dict[str, Any], dict]:
    """Evaluate another method's landmarks, given with the names of their photos.

    Parameters
    ----------
    names : (m,) of str
    landmarks : (m, 68, 2 or 3)
        In the photos' 0-based pixels; NaN for a missed face.
    data : AFLW2000

    Returns
    -------
    report, predictions
        As of :func:`evaluate_aflw2000`; photos without a prediction are among the ``problems``.

    Raises
    ------
    ValueError
        If a name occurs twice, shapes do not fit, or there is none of the photos.
    """
    names, landmarks = [str(n) for n in np.asarray(names)], np.asarray(landmarks, float)
    if len(set(names)) != len(names) or len(landmarks) != len(names):
        raise ValueError(f"{len(landmarks)} predictions for {len(set(names))} different of {len(names)} names")
    place = {name: k for k, name in enumerate(names)}
    kept = [i for i, name in enumerate(data.names) if name in place]
    if not kept:
        raise ValueError(f"no prediction is of one of the {len(data)} photos of {data.folder}")
    missing = {name: "no prediction" for name in data.names if name not in place}
    part = data.select(kept)
    found = landmarks[[place[name] for name in part.names]]
    report = landmark_report(found, part) | {"problems": data.problems | missing}
    return report, {"names": np.array(part.names), "landmarks": found}


def _same_face(faces: list, box: NDArray):
    """Of the faces found in a photo the one with this box, or None."""

    def overlap(face) -> float:
        other = landmark_box(face.landmarks)
        inner = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
        common = np.prod(np.maximum(inner, 0))
        return float(common / (np.prod(box[2:] - box[:2]) + np.prod(other[2:] - other[:2]) - common))

    best = max(faces, key=overlap, default=None)
    return best if best is not None and overlap(best) >= SAME_FACE else None


# What synthetic faces are told apart by: a label and its ranges. A face without the label is left out.
PEOPLE = {
    "skin": ("tone", {"dark": (0, 0.45), "medium": (0.45, 0.6), "light": (0.6, 2)}),
    "sex": ("male", {"female": (-1, 0.5), "male": (0.5, 2)}),
    "age": ("age", {"child": (-2, -0.2), "adult": (-0.2, 0.2), "old": (0.2, 2)}),
}
WORN = ("glasses", "beard", "hat", "scarf", "mask")
DENSE = ("mm", "95 % mm", "aligned mm", "nme")  # errors of a map whose truth is dense


def _shape_errors(layout: UVLayout, found: NDArray, truth: NDArray, scale: float) -> dict[str, float]:
    """Distances of the surface texels of two maps in mm; see :func:`evaluate_synthetic`."""
    points, true = layout.points(found), layout.points(truth)
    error = points - true
    error[:, 2] -= error[:, 2].mean()
    distance = np.linalg.norm(error, axis=1) / scale
    k, turn, shift = similarity_alignment(points, true)
    aligned = np.linalg.norm(k * points @ turn.T + shift - true, axis=1) / scale
    return {"mm": distance.mean(), "aligned mm": aligned.mean(), "95 % mm": np.percentile(distance, 95)}


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
        mean, before; ``nme``: of the 68 landmarks, %. See :func:`summarise_by_yaw`. ``mean face``: the same four of the
        model's mean face, put where the truth's camera says: what is left to know once place, size and pose are given.
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
    mean_rows: list[dict[str, float]] = []
    labels: list[dict[str, Any]] = []
    for sample in samples:
        code, truth, scale = net.predict_uv(sample.image), sample.position_map, sample.camera.scale
        found = decode_map(code)
        row = _shape_errors(layout, found, truth, scale)
        row |= {"nme": landmark_nme(layout.landmarks(found), plain.landmarks(truth))}
        nobody = sample.camera.project(plain.mean_map.reshape(-1, 3)).reshape(truth.shape)
        mean_rows.append(_shape_errors(plain, nobody, truth, scale))
        mean_rows[-1] |= {"nme": landmark_nme(plain.landmarks(nobody), plain.landmarks(truth))}
        predicted, true = (surface_angles(layout.points(m) * [1, -1, 1], layout.triangles) for m in (found, truth))
        cosine = np.clip((predicted[1] * true[1]).sum(1), -1, 1)
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
    report: dict[str, Any] = {n: summarise_by_yaw(table[n], yaw) for n in DENSE}
    report["mean face"] = {n: summarise_by_yaw([row[n] for row in mean_rows], yaw) for n in DENSE}
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
