"""Move the 68 landmarks on the face model to where they explain real labels best.

The iBUG landmarks of a data set follow their makers' definitions (which point of the brow, how far down the jaw). If
the model's own points differ, the fits absorb the difference into identity and expression, and a network learns it as
a bias. Two steps find the places:

1. From the labels alone: fit the model with the present places, then move each pair of landmarks, mirror-symmetrically,
   to the UV position that lies nearest the labels over all fits; and again. A weak prior keeps anatomical points (eye
   and mouth corners, nose tip) where they were placed by eye. This cannot tell a wrong place from an average face that
   differs from the model's: the mean of the identities came out with a norm of 4.
2. From the pixels (``--weights``): a network trained on rendered faces alone sees the photos' faces, and each pair of
   landmarks moves to the texel that it puts nearest the labels; the anatomical points stay.

    export LPRNET_AFLW_TRAIN=...
    python scripts/calibration/calibrate_landmarks.py --output scripts/assets/landmarks68_fitted.txt
    python scripts/calibration/calibrate_landmarks.py --start scripts/assets/landmarks68_fitted.txt --weights FILE

The second writes ``scripts/assets/landmarks68.txt``. What comes out is a statistic of 2,000 photos: 68 positions on the
model, and nothing of any one photo.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from lprnet_utils import LPRNet, MorphableModel, UVLayout
from lprnet_utils.datasets import AFLWTrain
from lprnet_utils.geometry import MIRROR_68, landmark_box
from lprnet_utils.morphable_model import fit_landmarks
from lprnet_utils.uv.texels import bilinear_matrix

HERE = Path(__file__).resolve().parents[1] / "assets"
ANATOMICAL = [30, 33, *range(36, 49), 54, *range(60, 68)]  # nose, lids, corners of the mouth, inner lips
PRIOR = {"anatomical": 2.0, "other": 8.0}  # mm that a landmark may be expected to move from where it was placed
NOISE = 1.5  # mm, of a label
STEP, REACH = 0.5, 3.0  # texels: spacing and half-width of the positions tried each round
FAR = {"fit": 6.0, "network": 15.0}  # mm beyond which a label counts as wrong; a network misses whole faces by 5


def move(movable, uv, labels, scale, points_at, home, read_home, far) -> None:
    """Move each ``movable`` pair of ``uv``, in place, to the position nearby that lies nearest the labels.

    ``points_at(tried)`` gives the places (n, len(tried), 2) of UV positions in every picture, in pixels; ``home`` (68,
    3) are the landmarks' first places on the mean face and ``read_home(tried)`` the places of others on it, in mm.
    """
    sigma = np.full(68, PRIOR["other"])
    sigma[ANATOMICAL] = PRIOR["anatomical"]
    offsets = np.arange(-REACH, REACH + 1e-6, STEP) / 128
    for j in movable[movable <= MIRROR_68[movable]]:
        du = [0.0] if MIRROR_68[j] == j else offsets
        tried = np.clip(uv[j] + np.stack(np.meshgrid(du, offsets), -1).reshape(-1, 2), 0.01, 0.99)
        miss = (points_at(tried) - labels[:, None, j, :2]) / scale[:, None, None]
        distance = np.minimum(np.linalg.norm(miss, axis=-1), far)
        prior = np.linalg.norm(read_home(tried) - home[j], axis=1) / sigma[j]
        # the labels share their errors of definition, so they count as a few hundred, not thousands
        cost = 300 * (distance**2).mean(0) / NOISE**2 + prior**2
        best = tried[np.argmin(cost)]
        uv[j] = best
        uv[MIRROR_68[j]] = [1 - best[0], best[1]]


def residuals(points, labels) -> np.ndarray:
    """In-plane residual of each label, % of the box, (n, 68)."""
    box = landmark_box(labels)
    side = np.sqrt((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))
    return 100 * np.linalg.norm(points[..., :2] - labels[..., :2], axis=-1) / side[:, None]


def seen(photos: AFLWTrain, rows: np.ndarray, weights: Path) -> np.ndarray:
    """x and y of the network's position maps of the photos and of their mirror images, (2 n, N*N, 2)."""
    network, maps = LPRNet(weights), []
    for mirrored in (False, True):
        for row in rows:
            image, labels = photos.image(row), photos.landmarks[row]
            if mirrored:
                image, labels = image[:, ::-1], mirrored_labels(labels)
            face = network.reconstruct_in_box(image, landmark_box(labels))
            maps.append(face.position_map[..., :2].reshape(-1, 2).astype(np.float32))
    return np.stack(maps)


def mirrored_labels(labels: np.ndarray) -> np.ndarray:
    """Labels (..., 68, 3) of the mirrored photo, 120 pixels wide."""
    return labels[..., MIRROR_68, :] * [-1, 1, 1] + [119, 0, 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aflw-train", type=Path, default=os.environ.get("LPRNET_AFLW_TRAIN"))
    parser.add_argument("--start", type=Path, default=HERE / "landmarks68_placed.txt")
    parser.add_argument("--output", type=Path, default=HERE / "landmarks68.txt")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--weights", type=Path, help="LiteRT file of a network trained on rendered faces alone")
    options = parser.parse_args()
    if options.aflw_train is None:
        raise SystemExit("give --aflw-train or set LPRNET_AFLW_TRAIN to the folder of training photos")

    model, layout = MorphableModel.load(), UVLayout()
    map_mean, map_basis = model.position_basis(layout)
    photos = AFLWTrain(options.aflw_train, lids_and_lips=False)
    good = np.flatnonzero((photos.trust == 1) & ~photos.held_out)
    rows = np.sort(np.random.default_rng(0).choice(good, options.photos, replace=False))
    labels = photos.landmarks[rows].astype(float)
    labels = np.concatenate([labels, mirrored_labels(labels)])  # so that the solution is symmetric

    uv = np.loadtxt(options.start)[:, 1:3]
    uv = (uv + uv[MIRROR_68] * [-1, 1] + [1, 0]) / 2
    home = bilinear_matrix(uv, layout.size) @ map_mean
    maps = seen(photos, rows, options.weights) if options.weights else None

    if maps is not None:
        # the network learned where faces lie in crops around the former landmarks: leave out that shift
        there = bilinear_matrix(uv, layout.size)
        points = np.stack([there @ one for one in maps])
        shift = (labels[..., :2] - points)[:, ANATOMICAL].mean(1, keepdims=True)
        maps, points = maps + shift, points + shift
        miss = residuals(points, labels).mean(1)  # and faces that it missed say nothing
        maps, labels = maps[miss < np.percentile(miss, 85)], labels[miss < np.percentile(miss, 85)]

    def read_home(tried):
        return bilinear_matrix(tried, layout.size) @ map_mean

    movable = np.setdiff1d(np.arange(68), ANATOMICAL if options.weights else [])
    far = FAR["network" if options.weights else "fit"]
    for step in range(options.rounds + 1):
        read = bilinear_matrix(uv, layout.size)
        mean, basis = read @ map_mean, np.stack([read @ b for b in map_basis])
        if maps is None or step == 0:
            fits = fit_landmarks(mean, basis, len(model.identity), labels)

        def points_at(tried, maps=maps, fits=fits):
            there = bilinear_matrix(tried, layout.size)
            if maps is not None:
                return np.stack([there @ one for one in maps])
            return fits.evaluate(there @ map_mean, np.stack([there @ b for b in map_basis]))[..., :2]

        error = residuals(points_at(uv), labels)
        moved = np.linalg.norm(mean - home, axis=1)
        print(f"round {step}: residual {error.mean():.3f} % of the box, moved {moved.mean():.1f} mm", flush=True)
        if step < options.rounds:
            move(movable, uv, labels, fits.scale, points_at, home, read_home, far)

    header = "iBUG landmark (0-based), u, v in the chart of data/face_model.npz, weight; by "
    header += "scripts/calibration/calibrate_landmarks.py"
    np.savetxt(options.output, np.c_[np.arange(68), uv, np.ones(68)], "%d %.6f %.6f %.4f", header=header)
    print("by landmark, %:", " ".join(f"{i}:{e:.2f}" for i, e in enumerate(error.mean(0))))


if __name__ == "__main__":
    main()
