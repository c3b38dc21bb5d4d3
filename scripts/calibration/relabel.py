"""Labels of the training photos made anew with a trained network in the loop, and corrected by the human points again.

    LPRNET_AFLW_TRAIN=... python scripts/calibration/relabel.py runs/labels-2.npz --weights wild
    lprnet train --config ... --labels runs/labels-2.npz

A network and the machine that made its labels err differently. So the network's landmarks, averaged over the photo, its
mirror image and shifted copies of both, are averaged with the labels it was trained on, and AFLW's human points correct
the result (``fitting.fuse_points``). Whether that is better is asked of human points that the correction has not seen:
each in turn is left out of some photos, and predicted.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lprnet_utils import LPRNet, MorphableModel, UVLayout
from lprnet_utils.common.assets import load_arrays
from lprnet_utils.datasets import AFLWTrain, fit_photos, fuse_points
from lprnet_utils.datasets.labels import YAW_EDGES
from lprnet_utils.geometry import MIRROR_68, landmark_box

COPIES = 3  # looks at the photo, and as many at its mirror image
JITTER = 0.06  # standard deviation of a copy's box, in sides of it
PART = 512  # photos of one piece of work


@lru_cache(maxsize=1)
def loaded(folder: str, weights: str) -> tuple[AFLWTrain, LPRNet]:
    """Once in each process."""
    return AFLWTrain(folder, lids_and_lips=False), LPRNet(weights)


def looked_at(rows: np.ndarray, folder: str, weights: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean landmarks (n, 68, 3) over the copies of some photos, and their spread (n,) in % of the box."""
    photos, net = loaded(folder, weights)
    points, spread = np.zeros((len(rows), 68, 3)), np.zeros(len(rows))
    for k, i in enumerate(rows):
        image, box = photos.image(i), landmark_box(photos.landmarks[i])
        rng, side = np.random.default_rng([7, i]), np.sqrt(np.prod(box[2:] - box[:2]))
        last, found = image.shape[1] - 1, []
        for copy in range(COPIES):
            moved = box + (rng.normal(0, JITTER * side, 2).tolist() * 2 if copy else 0)
            found.append(net.reconstruct_in_box(image, moved).landmarks)
            mirrored = np.ascontiguousarray(image[:, ::-1])
            flipped = net.reconstruct_in_box(mirrored, [last - moved[2], moved[1], last - moved[0], moved[3]])
            found.append(flipped.landmarks[MIRROR_68] * [-1, 1, 1] + [last, 0, 0])
        found = np.array(found)
        found[..., 2] -= found[..., 2].mean(1, keepdims=True)
        points[k] = found.mean(0)
        spread[k] = 100 * np.linalg.norm((found - points[k])[..., :2], axis=2).mean() / side
    return points, spread


def left_out_error(labels: np.ndarray, photos: AFLWTrain, correct) -> float:
    """Median distance in % of the box from human points that the correction has not seen, definitions taken off."""
    points, groups = photos.human_points()
    hidden = np.arange(points.shape[1])[None] % 4 == np.arange(len(points))[:, None] % 4
    fused = correct(np.where(hidden[..., None], np.nan, points))
    side = np.sqrt(np.prod(np.ptp(labels[..., :2], axis=1), axis=1))
    read = np.stack([fused[:, list(g), :2].mean(1) for g in groups], 1)
    residual = np.where(hidden[..., None], points - read, np.nan) / side[:, None, None]
    bins = np.digitize(photos.yaw, YAW_EDGES)
    for b in np.unique(bins):
        residual[bins == b] -= np.nanmedian(residual[bins == b], axis=0)
    return float(100 * np.nanmedian(np.linalg.norm(residual[photos.trust > 0], axis=2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--weights", default="wild")
    parser.add_argument("--aflw-train", default=os.environ.get("LPRNET_AFLW_TRAIN"))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if not options.aflw_train:
        raise SystemExit("give --aflw-train or set LPRNET_AFLW_TRAIN: there is nothing to label")
    photos = AFLWTrain(options.aflw_train, lids_and_lips=False)
    parts = np.array_split(np.arange(len(photos)), -(-len(photos) // PART))
    look = partial(looked_at, folder=options.aflw_train, weights=options.weights)
    with ProcessPoolExecutor(options.workers) as pool:
        done = list(tqdm(pool.map(look, parts), total=len(parts), unit="part"))
    network, spread = (np.concatenate(columns) for columns in zip(*done, strict=True))

    model, layout = MorphableModel.load(), UVLayout()
    mean, basis = model.position_basis(layout)
    read = layout.landmark_matrix
    mean, basis = read @ mean, np.stack([read @ direction for direction in basis])
    points, groups = photos.human_points()
    good = photos.trust > 0

    def corrected(labels: np.ndarray, given: np.ndarray = points) -> tuple[np.ndarray, np.ndarray]:
        photos.landmarks = labels.astype(np.float32)
        fits = fit_photos(photos, np.arange(len(photos)))
        return fuse_points(mean, basis, fits, labels, given, groups, photos.yaw, good)

    old = photos.landmarks.astype(float)
    raw = load_arrays(photos.folder / "labels.npz", "lm68_3d")[0].astype(float)
    raw[..., 2] -= raw[..., 2].mean(1, keepdims=True)
    for name, labels in (("the machine's", raw), ("the network's", network), ("their mean", (raw + network) / 2)):
        error = left_out_error(labels, photos, lambda given, labels=labels: corrected(labels, given)[0])
        print(f"{name:16s} corrected, from points left out: {error:.3f} %", flush=True)
    new, moved = corrected((old + network) / 2)
    np.savez_compressed(
        options.output, lm68_centipixel=np.rint(100 * new).astype(np.int16), spread=spread, moved=100 * moved
    )
    print(f"{options.output}: the labels have moved by {100 * np.median(moved):.2f} % of the box (median)")


if __name__ == "__main__":
    main()
