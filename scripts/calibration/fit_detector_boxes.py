"""Fit the linear map from BlazeFace's box and keypoints to the box of the 68 landmarks.

    LPRNET_AFLW_TRAIN=... python scripts/calibration/fit_detector_boxes.py [--photos 6000] [--write]

The training photos of AFLW are tight crops. Each is put into a larger frame at a random size and place (the border
repeats the photo's edge pixels), and the two networks of ``FaceDetector`` find the face, as in any photo. The map is
fitted by iteratively reweighted least squares, so that a wrong detection hardly counts, on the photos and their mirror
images, so that it is mirror-symmetric. One group of duplicates in five is held out; the errors on it are printed.

``--write`` puts the map into ``data/detection/boxes.json``; run ``scripts/assets/update_checksums.py`` after it. It
takes a minute.
"""

import argparse
from pathlib import Path

import numpy as np

from lprnet_utils.commands.options import add_shared, aflw_train_folder
from lprnet_utils.common.files import write_json
from lprnet_utils.datasets import AFLWTrain
from lprnet_utils.geometry import rotation_matrix
from lprnet_utils.geometry.crop import view_matrix
from lprnet_utils.geometry.landmarks import overlap
from lprnet_utils.reconstruction.blazeface import MIRRORED_KEYPOINTS, BlazeFace, roll_from_keypoints
from lprnet_utils.reconstruction.detection import (
    box_regression_features,
    crop_to_photo,
    refine_candidate,
    wrap_degrees,
)

OUTPUT = Path(__file__).resolve().parents[2] / "data" / "detection" / "boxes.json"


def observe(finder: BlazeFace, refiner: BlazeFace, image: np.ndarray, points: np.ndarray, rng: np.random.Generator):
    """Features, target and keypoints of one photo, or None where no face is found.

    ``finder`` finds the face in a large frame, ``refiner`` finds it again in a crop around it.
    """
    low, high = points.min(0), points.max(0)
    side = (high - low).mean()
    frame = side / np.exp(rng.uniform(np.log(0.08), np.log(0.6)))
    place = (low + high) / 2 + rng.uniform(-0.4, 0.4, 2) * (frame - side)
    matrix = view_matrix(place, frame, finder.size)
    for _, seen in finder.detect(image, matrix):
        centre = crop_to_photo(matrix, seen[:2].mean(0))
        if np.abs(centre - (low + high) / 2).max() < 0.6 * side:
            break
    else:
        return None
    view = refine_candidate(refiner, image, centre, (seen[1] - seen[0]).mean() * frame / finder.size)
    if view is None:
        return None
    turned = points @ view.matrix[:, :2].T + view.matrix[:, 2]
    features, centre, side = box_regression_features(view.points)
    target = (np.stack([turned.min(0), turned.max(0)]) - centre) / side
    return features, target.ravel(), crop_to_photo(view.matrix, view.points[2:])


def upright_error(keypoints: np.ndarray, pose: np.ndarray) -> float:
    """Degrees by which :func:`roll_from_keypoints` differs from the true direction of the top of the head."""
    up = rotation_matrix(*pose)[:, 1]
    return wrap_degrees(roll_from_keypoints(keypoints) - np.degrees(np.arctan2(up[0], up[1])))


def fit_nose(keypoints: np.ndarray, poses: np.ndarray) -> float:
    """The weight of the nose in :func:`roll_from_keypoints` with the least median error, on a grid."""
    up = np.array([rotation_matrix(*pose)[:2, 1] for pose in poses])
    eyes = keypoints[:, :2].mean(1)
    grid, errors = np.arange(0, 1, 0.01), []
    for share in grid:
        down = keypoints[:, 3] - eyes - share * (keypoints[:, 2] - eyes)
        turn = np.degrees(np.arctan2(-down[:, 0], down[:, 1]) - np.arctan2(up[:, 0], up[:, 1]))
        errors.append(np.median(np.abs((turn + 180) % 360 - 180)))
    return float(grid[np.argmin(errors)])


def mirrored(features: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features and targets of the mirror images."""
    flipped = features.copy()
    flipped[:, 1:] = (features[:, 1:].reshape(-1, 6, 2)[:, MIRRORED_KEYPOINTS] * [-1, 1]).reshape(-1, 12)
    return flipped, targets[:, [2, 1, 0, 3]] * [-1, 1, -1, 1]


def fit(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The map (13, 4) with the least sum of absolute errors, by iteratively reweighted least squares."""
    weights = np.ones(len(features))
    for _ in range(15):
        a = features * weights[:, None]
        solution = np.linalg.solve(a.T @ features + 1e-3 * np.eye(features.shape[1]), a.T @ targets)
        weights = 1 / np.maximum(np.abs(features @ solution - targets).max(1), 0.05)
    return solution


def observe_photos(folder: Path, model: str, count: int) -> tuple[np.ndarray, ...]:
    """Features, targets, keypoints, poses and groups of duplicates of the photos in which a face is found."""
    photos, labels = AFLWTrain(folder, lids_and_lips=False), np.load(folder / "labels.npz")
    landmarks = np.load(folder / "lm68_fused.npz")["lm68_centipixel"][..., :2] / 100
    rng = np.random.default_rng(0)
    rows = np.flatnonzero((labels["quality"] == 2) & labels["dup_first"].astype(bool))
    rows = np.sort(rng.choice(rows, min(count, len(rows)), replace=False))
    finder, refiner = BlazeFace(model), BlazeFace("short")
    seen = {}
    for i in rows:
        image = np.ascontiguousarray(photos.image(i))
        if (found := observe(finder, refiner, image, landmarks[i], rng)) is not None:
            seen[i] = found
    print(f"{len(seen)} of {len(rows)} found")
    features, targets, keypoints = (np.array(part) for part in zip(*seen.values(), strict=True))
    return features, targets, keypoints, labels["pose"][list(seen)], labels["dup_group"][list(seen)]


def print_errors(boxes: np.ndarray, truth: np.ndarray, turns: np.ndarray, yaw: np.ndarray) -> None:
    """Print the held-out errors by yaw."""
    iou = np.array([overlap(b, t)[0] for b, t in zip(boxes, truth, strict=True)])
    side, true_side = ((b[:, 2:] - b[:, :2]).mean(1) for b in (boxes, truth))
    ratio = side / true_side
    shift = np.linalg.norm(boxes[:, :2] + boxes[:, 2:] - truth[:, :2] - truth[:, 2:], axis=1) / 2 / true_side
    print("|yaw|    photos  IoU    side: bias, spread  centre: median, 90 %  turn: median, 95 %, over 45")
    for low, high in ((0, 30), (30, 60), (60, 180)):
        m = (yaw >= low) & (yaw < high)
        t = np.abs(turns[m])
        print(
            f"{low:2d}-{high:<3d}  {m.sum():7d}  {iou[m].mean():.3f}  {ratio[m].mean() - 1:+.3f}"
            f" {ratio[m].std():.3f}        {np.median(shift[m]):.3f} {np.percentile(shift[m], 90):.3f}"
            f"           {np.median(t):.1f} {np.percentile(t, 95):.1f} {(t > 45).mean():.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_shared(parser, "--aflw-train")
    parser.add_argument("--photos", type=int, default=6000)
    first = "network of the first pass (%(default)s)"
    parser.add_argument("--model", default="back", choices=list(BlazeFace.MODELS), help=first)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name}")
    options = parser.parse_args()
    folder = aflw_train_folder(options.aflw_train)
    features, targets, keypoints, poses, groups = observe_photos(folder, options.model, options.photos)
    held = groups % 5 == 0
    print(f"best weight of the nose in roll_from_keypoints(): {fit_nose(keypoints[~held], poses[~held]):.2f}")
    turns = np.array([upright_error(k, p) for k, p in zip(keypoints[held], poses[held], strict=True)])
    flipped = mirrored(features[~held], targets[~held])
    train_targets = np.concatenate([targets[~held], flipped[1]])
    box_map = np.round(fit(np.concatenate([features[~held], flipped[0]]), train_targets), 5)
    yaw = np.abs(poses[held, 1])
    print_errors(features[held] @ box_map, targets[held], turns, yaw)
    constant = np.zeros_like(box_map)
    constant[0] = np.median(train_targets, axis=0)
    print("a constant box instead of the map:")
    print_errors(features[held] @ constant, targets[held], turns, yaw)
    if options.write:
        origin = f"scripts/calibration/fit_detector_boxes.py, {(~held).sum()} photos of AFLW and their mirror images"
        write_json({"origin": origin, "map": box_map.tolist()}, OUTPUT)
        print("wrote", OUTPUT.name)


if __name__ == "__main__":
    main()
