"""Move the 68 landmarks on the face model to where they explain real labels best.

The iBUG landmarks of a data set follow their makers' definitions (which point of the brow, how far down the jaw). If
the model's own points differ, the fits absorb the difference into identity and expression, and a network learns it as
a bias. So fits and positions are found in turn: fit the model with the present positions, then move each pair of
landmarks, mirror-symmetrically, to the UV position that lies nearest the labels over all fits. A weak prior keeps
anatomical points (eye and mouth corners, nose tip) where they were placed by eye.

    LPRNET_AFLW_TRAIN=... python scripts/calibrate_landmarks.py        # writes scripts/landmarks68.txt

What comes out is a statistic of 2,000 photos: 68 positions on the model, and nothing of any one photo.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from lprnet_utils.datasets import MIRROR_68, AFLWTrain, landmark_box
from lprnet_utils.face_model import MorphableModel
from lprnet_utils.fitting import fit_landmarks
from lprnet_utils.uv import UVLayout, bilinear_matrix

HERE = Path(__file__).resolve().parent
ANATOMICAL = [30, 33, *range(36, 49), 54, *range(60, 68)]  # nose, lids, corners of the mouth, inner lips
PRIOR = {"anatomical": 2.0, "other": 8.0}  # mm that a landmark may be expected to move from where it was placed
NOISE = 1.5  # mm, of a label
STEP, REACH = 0.5, 3.0  # texels: spacing and half-width of the positions tried each round


def residuals(fits, mean, basis, labels) -> np.ndarray:
    """In-plane residual of each label, % of the box, (n, L)."""
    predicted = fits.evaluate(mean, basis)
    box = landmark_box(labels)
    side = np.sqrt((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))
    return 100 * np.linalg.norm((predicted - labels)[..., :2], axis=-1) / side[:, None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aflw-train", type=Path, default=os.environ.get("LPRNET_AFLW_TRAIN"))
    parser.add_argument("--start", type=Path, default=HERE / "landmarks68_placed.txt")
    parser.add_argument("--output", type=Path, default=HERE / "landmarks68.txt")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    if options.aflw_train is None:
        raise SystemExit("give --aflw-train or set LPRNET_AFLW_TRAIN to the folder of training photos")

    model, layout = MorphableModel.load(), UVLayout()
    map_mean, map_basis = model.position_basis(layout)
    photos = AFLWTrain(options.aflw_train)
    good = np.flatnonzero((photos.trust == 1) & ~photos.held_out)
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(good, options.photos, replace=False))
    labels = photos.landmarks[rows].astype(float)
    # as many mirror images, so that the solution is symmetric
    flipped = labels[:, MIRROR_68] * [-1, 1, 1] + [119, 0, 0]
    labels = np.concatenate([labels, flipped])

    placed = np.loadtxt(options.start)[:, 1:3]
    placed = (placed + placed[MIRROR_68] * [-1, 1] + [1, 0]) / 2
    uv = placed.copy()
    home = bilinear_matrix(placed, layout.size) @ map_mean
    sigma = np.full(68, PRIOR["other"])
    sigma[ANATOMICAL] = PRIOR["anatomical"]

    for step in range(options.rounds + 1):
        read = bilinear_matrix(uv, layout.size)
        mean, basis = read @ map_mean, np.stack([read @ b for b in map_basis])
        fits = fit_landmarks(mean, basis, len(model.identity), labels)
        error = residuals(fits, mean, basis, labels)
        moved = np.linalg.norm(mean - home, axis=1)
        print(f"round {step}: residual {error.mean():.3f} % of the box, moved {moved.mean():.1f} mm", flush=True)
        if step == options.rounds:
            break
        offsets = np.arange(-REACH, REACH + 1e-6, STEP) / layout.size
        for j in np.flatnonzero(np.arange(68) <= MIRROR_68):
            du = [0.0] if MIRROR_68[j] == j else offsets
            tried = np.clip(uv[j] + np.stack(np.meshgrid(du, offsets), -1).reshape(-1, 2), 0.01, 0.99)
            there = bilinear_matrix(tried, layout.size)
            shape = (there @ map_mean).reshape(-1) + fits.coefficients @ np.stack(
                [(there @ b).ravel() for b in map_basis]
            )
            points = fits.project(shape.reshape(len(fits), -1, 3))
            miss = (points - labels[:, None, j])[..., :2] / fits.scale[:, None, None]
            distance = np.minimum(np.linalg.norm(miss, axis=-1), 6.0)  # a wrong label counts no more than 6 mm
            prior = np.linalg.norm(there @ map_mean - home[j], axis=1) / sigma[j]
            # the labels share their errors of definition, so they count as a few hundred, not thousands
            cost = 300 * (distance**2).mean(0) / NOISE**2 + prior**2
            best = tried[np.argmin(cost)]
            uv[j] = best
            uv[MIRROR_68[j]] = [1 - best[0], best[1]]

    header = (
        "iBUG landmark (0-based), u, v in the chart of data/face_model.npz, weight; by scripts/calibrate_landmarks.py"
    )
    np.savetxt(options.output, np.c_[np.arange(68), uv, np.ones(68)], "%d %.6f %.6f %.4f", header=header)
    per_point = error.mean(0)
    print("by landmark, %:", " ".join(f"{i}:{e:.2f}" for i, e in enumerate(per_point)))


if __name__ == "__main__":
    main()
