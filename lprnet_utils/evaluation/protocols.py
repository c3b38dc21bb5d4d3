"""Evaluation of a network: on the photos of AFLW2000-3D by its protocol, on synthetic faces texel by texel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.assets import DatasetError
from ..geometry.camera import rotation_matrix
from ..geometry.landmarks import MIRRORED_LANDMARKS, landmark_box, overlap
from ..geometry.mesh import surface_angles
from ..uv.encoding import decode_map
from ..uv.layout import UVLayout
from .identity import aligned_error, summarise_identity
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
    from ..reconstruction.face import Face
    from ..reconstruction.lprnet import LPRNet
    from ..synthetic.population import Population
    from .readout import Readout

MISSED_NME_PERCENT = 100.0  # NME of a missed face in a mean over all photos
MIN_DETECTION_OVERLAP = 0.3  # intersection over union of a detected box and the true one; below it a face is missed
MAX_LABEL_RATIO = 4  # of a face's box to the photo
MAX_POSE_DEGREES = 99.0  # photos with a larger angle have no pose error (Ruiz et al., CVPR Workshops 2018)

IDENTITY_PHOTOS = 120  # of a set, in which the identity is measured, because that takes long
ERROR_NAMES = ("mm", "95 % mm", "aligned mm", "nme")  # errors of a synthetic photo, in the order of tables
# Groups of synthetic faces: a label and its range for each group. A face without the label is in none of them.
GROUPS_BY_LABEL = {
    "tone": {"dark": (0, 0.45), "medium": (0.45, 0.6), "light": (0.6, 2)},
    "male": {"female": (-1, 0.5), "male": (0.5, 2)},
    "age": {"child": (-2, -0.2), "adult": (-0.2, 0.2), "old": (0.2, 2)},
}
COVERING_LABELS = ("glasses", "beard", "hat", "scarf", "mask")  # each is a group: the faces that have the label


def landmark_report(predictions: ArrayLike, data: AFLW2000, rotations: ArrayLike | None = None) -> dict[str, Any]:
    """Measure landmarks (n, 68, 2 or 3) that were predicted on photos, and head poses if rotations (n, 3, 3) are given.

    The landmarks are in the photo frame, in the order of ``data``; NaN for a face that was not found.

    Returns
    -------
    dict
        ``photos``, ``missed``: numbers of photos. ``nme``: NME of the 2D protocol by yaw over the faces that were
        found, see :func:`summarise_by_yaw`. ``interval``: 95 % confidence interval of its mean of bins. ``nme over
        all``: the same as ``nme`` with missed faces at 100 %. ``ced``: see :func:`cumulative_error`; ``area`` and
        ``failures`` of it at 10 %, where a missed face is a failure. ``nme 3D, mean z`` and ``nme 3D, minimum z``: in
        space, if the predictions have z. ``landmarks``: mean error of each of the 68 in %. ``pose``: mean errors of
        the photos with angles up to 99 degrees, and their number, if rotations are given.

    Raises
    ------
    ValueError
        If the numbers of predictions and photos differ, or no face was found.
    """
    predictions = np.asarray(predictions, float)
    if predictions.shape[:2] != (len(data), 68):
        raise ValueError(f"the predictions have the shape {predictions.shape} instead of ({len(data)}, 68, 2 or 3)")
    found = np.isfinite(predictions).all((1, 2))
    if not found.any():
        raise ValueError("no face was found in any of the photos")
    landmarks, truth, yaw = predictions[found], data.landmarks[found], data.angles[found, 1]
    errors = np.full(len(data), np.inf)
    errors[found] = landmark_nme(landmarks, truth)
    ced = cumulative_error(errors)  # to 10 %
    report = {
        "photos": len(data),
        "missed": int((~found).sum()),
        "nme": summarise_by_yaw(errors[found], yaw),
        "interval": confidence_interval(errors[found], yaw),
        "nme over all": summarise_by_yaw(np.where(found, errors, MISSED_NME_PERCENT), data.angles[:, 1]),
        "ced": {"error": ced["error"].tolist(), "share": ced["share"].tolist()},
        "area": ced["area"],
        "failures": ced["failures"],
        "landmarks": (100 * (point_errors(landmarks, truth) / normaliser(truth)[:, None]).mean(0)).tolist(),
    }
    if landmarks.shape[-1] == 3:
        for depth in ("mean", "minimum"):
            report[f"nme 3D, {depth} z"] = summarise_by_yaw(landmark_nme(landmarks, truth, depth=depth), yaw)
    if rotations is not None:
        measured = found & (np.abs(data.angles) <= MAX_POSE_DEGREES).all(1)
        report["pose"] = {"photos": int(measured.sum())}
        if measured.any():
            true = np.array([rotation_matrix(*angles) for angles in data.angles[measured]])
            errors = pose_errors(np.asarray(rotations, float)[measured], true)
            report["pose"] |= {name: float(value.mean()) for name, value in errors.items()}
    return report


def evaluate_aflw2000(
    net: LPRNet, data: AFLW2000, progress: Any = iter, detector: bool = False, readout: Readout | None = None
) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Evaluate a network on AFLW2000-3D, with crops around the true landmarks or with the detector.

    Parameters
    ----------
    progress : callable
        Wraps the range of photos, for example ``tqdm``.
    detector : bool
        Find the face with the network's own detector. Of several faces, the one that overlaps the true box most counts.
        A face is missed if it is not found, or its box overlaps the true one by less than 0.3.
    readout : Readout, optional
        Of these weights: the landmarks are measured a second time, where the labels have them.

    Returns
    -------
    report : dict
        As of :func:`landmark_report`, and these. ``flip`` (without ``detector``): mean distance in % of the
        box between the landmarks of a photo and those of its mirror image, mirrored back; it is low for a consistent
        network. ``nme by readout``, ``interval by readout``: ``nme`` and ``interval`` of the readout's points.
        ``problems``: for each photo that could not be used, and is not counted elsewhere, the reason.
    predictions : dict
        ``names``, ``landmarks`` (n, 68, 3), ``rotations`` (n, 3, 3); with a readout ``benchmark_landmarks`` (n, 68, 3).

    Raises
    ------
    DatasetError
        If no photo can be used.
    """
    rows, faces, differences, problems = [], [], [], dict(data.problems)
    for i in progress(range(len(data))):
        try:
            image = data.image(i)
            box = _labelled_box(data.landmarks[i], image)
            if detector:
                face = _matching_face(net.reconstruct(image), box)
            else:
                face = net.reconstruct_in_box(image, box)
                mirrored = landmarks_from_mirror_image(net, image, box)
                differences.append(point_errors(face.landmarks, mirrored).mean() / normaliser(data.landmarks[i]))
        except ValueError as error:  # an unreadable photo, or labels that are not of it
            problems[data.names[i]] = str(error)
            continue
        rows.append(i)
        faces.append(face)
    if not rows:
        reason = next(iter(problems.values()))
        raise DatasetError(f"no photo of {data.folder} can be used: {reason}")
    missed = np.full((68, 3), np.nan), np.full((3, 3), np.nan)
    results = [missed if face is None else (face.landmarks, face.pose.camera.rotation) for face in faces]
    landmarks, rotations = (np.array(columns, float) for columns in zip(*results, strict=True))
    report = landmark_report(landmarks, data.select(rows), rotations)
    if differences:
        report["flip"] = float(100 * np.mean(differences))
    predictions = {"names": np.array([data.names[i] for i in rows]), "landmarks": landmarks, "rotations": rotations}
    if readout:
        points = [missed[0] if face is None else readout([face.first_map])[0] for face in faces]
        predictions["benchmark_landmarks"] = np.array(points)
        measured = landmark_report(predictions["benchmark_landmarks"], data.select(rows))
        report |= {f"{name} by readout": measured[name] for name in ("nme", "interval")}
    return report | {"problems": problems}, predictions


def _labelled_box(landmarks: Array, image: Image) -> Array:
    """The box (4,) of the true landmarks. DatasetError if they cannot be those of a face in this photo."""
    height, width = image.shape[:2]
    if not ((landmarks[:, :2] > -1) & (landmarks[:, :2] < [width, height])).all(1).any():
        raise DatasetError(f"all of its landmarks lie outside the photo of {width} x {height} pixels")
    box = landmark_box(landmarks)
    if (box[2:] - box[:2]).max() > MAX_LABEL_RATIO * max(width, height):
        raise DatasetError(f"its landmarks are far larger than the photo of {width} x {height} pixels")
    return box


def match_predictions(names: ArrayLike, landmarks: ArrayLike, data: AFLW2000) -> tuple[dict[str, Any], dict]:
    """Evaluate the landmarks (m, 68, 2 or 3) of another method, given with the names (m,) of their photos.

    A missed face is NaN. The results are those of :func:`evaluate_aflw2000`; photos without a prediction are in
    ``problems``. ValueError if a name occurs twice, the shapes do not fit, or no name is that of a photo.
    """
    names, landmarks = [str(n) for n in np.asarray(names)], np.asarray(landmarks, float)
    if len(set(names)) != len(names) or len(landmarks) != len(names):
        raise ValueError(f"{len(landmarks)} predictions for {len(set(names))} different of {len(names)} names")
    place = {name: k for k, name in enumerate(names)}
    rows = [i for i, name in enumerate(data.names) if name in place]
    if not rows:
        raise ValueError(f"no prediction is of a photo of {data.folder}")
    missing = {name: "no prediction" for name in data.names if name not in place}
    predicted = data.select(rows)
    matched = landmarks[[place[name] for name in predicted.names]]
    report = landmark_report(matched, predicted) | {"problems": data.problems | missing}
    return report, {"names": np.array(predicted.names), "landmarks": matched}


def _matching_face(faces: list[Face], box: Array) -> Face | None:
    """The face with the largest overlap with a box (4,), or None if no overlap is large enough."""
    if not faces:
        return None
    overlaps = overlap([landmark_box(face.landmarks) for face in faces], box)
    best = int(np.argmax(overlaps))
    return faces[best] if overlaps[best] >= MIN_DETECTION_OVERLAP else None


def landmarks_from_mirror_image(net: LPRNet, image: Image, box: Array) -> Array:
    """Landmarks (68, 3) found in the mirror image of a photo, mirrored back into the photo frame."""
    last = image.shape[1] - 1
    mirrored_box = [last - box[2], box[1], last - box[0], box[3]]
    face = net.reconstruct_in_box(np.ascontiguousarray(image[:, ::-1]), mirrored_box)
    return face.landmarks[MIRRORED_LANDMARKS] * [-1, 1, 1] + [last, 0, 0]


def evaluate_synthetic(net: LPRNet, samples: Iterable[Sample], population: Population | None = None) -> dict[str, Any]:
    """Evaluate a network on synthetic photos, for which every texel and the properties of the person are known.

    The network has the size of the samples. Its input is a sample's crop, in which size and place of the face vary. The
    samples should have another seed than the training data, so that the network has not seen these identities.

    Returns
    -------
    dict
        By yaw, see :func:`summarise_by_yaw`: ``mm``, mean distance of the valid texels to the truth in mm on the face,
        where z has mean 0 on both sides; ``95 % mm``, the 95th percentile of the same; ``aligned mm``, mean distance
        after a similarity transform of the whole face; ``nme``, of the 68 landmarks in %. ``mean face``: these four for
        the mean face of the model, projected by the true camera, which is the error if only place, size and pose are
        known. ``roughness``: mean angle in degrees between neighbouring triangles, of the ``prediction`` and of the
        ``truth``. ``normals``: mean angle in degrees between predicted and true normals. ``people``: for each group of
        people the number of ``photos``, ``mm`` and ``nme``, both as means of the bins of yaw, so that groups with
        different poses can be compared. ``photos``: number of samples. ``identity``, if the ``population`` is given: of
        the first 120 photos, see :func:`lprnet_utils.evaluation.identity.summarise_identity`.

    Raises
    ------
    ValueError
        If there is no sample.
    """
    layout = UVLayout(net.size, net.metadata.get("landmark_uv"))
    rows, mean_face_rows, labels, identities = [], [], [], []
    for sample in samples:
        position_map, truth = decode_map(net.predict_uv(sample.image)), sample.position_map
        errors = _map_errors(position_map, layout, sample)
        rows.append(errors | _surface_quality(layout, position_map, truth))
        mean_face = sample.camera.project(layout.mean_map.reshape(-1, 3)).reshape(truth.shape)
        mean_face_rows.append(_map_errors(mean_face, layout, sample))
        if population and len(identities) < IDENTITY_PHOTOS:
            identities.append(population.measure(position_map, sample))
        label = dict(sample.labels)
        if "male" in label:  # one number for the age: -1 for a child, 1 for an old person
            label["age"] = float(label["old"]) - float(label["child"])
        labels.append(label)
    if not rows:
        raise ValueError("there is no sample to evaluate on")
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    yaw = np.array([known["yaw"] for known in labels])
    report: dict[str, Any] = {name: summarise_by_yaw(table[name], yaw) for name in ERROR_NAMES}
    report["mean face"] = {name: summarise_by_yaw([row[name] for row in mean_face_rows], yaw) for name in ERROR_NAMES}
    report["roughness"] = {name: float(table[name].mean()) for name in ("prediction", "truth")}
    report["normals"] = float(table["normals"].mean())
    report["people"] = {
        group: {"photos": int(chosen.sum())}
        | {name: summarise_by_yaw(table[name][chosen], yaw[chosen])["mean of bins"] for name in ("mm", "nme")}
        for group, chosen in _groups(labels).items()
        if chosen.any()
    }
    if identities:
        report["identity"] = summarise_identity(identities)
    return report | {"photos": len(rows)}


def _map_errors(position_map: Array, layout: UVLayout, sample: Sample) -> dict[str, float]:
    """The ``ERROR_NAMES`` of a map (N, N, 3), see :func:`evaluate_synthetic`."""
    points, true = layout.points(position_map), layout.points(sample.position_map)
    error = points - true
    error[:, 2] -= error[:, 2].mean()
    distance = np.linalg.norm(error, axis=1) / sample.camera.scale
    aligned = aligned_error(points, true) / sample.camera.scale
    nme = landmark_nme(layout.landmarks(position_map), layout.landmarks(sample.position_map))
    return {"mm": distance.mean(), "aligned mm": aligned, "95 % mm": np.percentile(distance, 95), "nme": nme}


def _surface_quality(layout: UVLayout, position_map: Array, truth: Array) -> dict[str, float]:
    """Roughness of the prediction and of the truth, and mean angle between their normals, in degrees."""
    (angles, normals), (true_angles, true_normals) = (
        surface_angles(layout.points(m) * [1, -1, 1], layout.triangles) for m in (position_map, truth)
    )
    cosine = np.clip((normals * true_normals).sum(1), -1, 1)
    off = np.degrees(np.arccos(cosine)).mean()
    return {"prediction": angles.mean(), "truth": true_angles.mean(), "normals": off}


def _groups(labels: list[dict[str, Any]]) -> dict[str, NDArray[np.bool_]]:
    """The samples (n,) in each group of people."""
    groups: dict[str, NDArray[np.bool_]] = {}
    for label, ranges in GROUPS_BY_LABEL.items():
        value = np.array([known.get(label, np.nan) for known in labels], float)
        groups |= {group: (value >= low) & (value < high) for group, (low, high) in ranges.items()}
    return groups | {label: np.array([label in known for known in labels]) for label in COVERING_LABELS}
