"""Make new labels of the training photos with a trained network, corrected by AFLW's human points.

    LPRNET_AFLW_TRAIN=... python scripts/calibration/relabel.py runs/labels-2.npz --weights wild
    lprnet train --config ... --labels runs/labels-2.npz

The machine labels of the training photos and the landmarks of a network that was trained on them have different errors.
The script averages the network's landmarks over each photo, its mirror image and shifted copies of both, averages the
result with the present labels, and corrects it by AFLW's human points (:func:`lprnet_utils.datasets.fuse_points`).

To measure whether the new labels are better, it leaves each human point out of some photos and predicts it from the
others. It takes about ten minutes on two cores.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lprnet_utils import LPRNet, MorphableModel, UVLayout
from lprnet_utils.commands.options import add_shared, aflw_train_folder
from lprnet_utils.common.assets import load_arrays
from lprnet_utils.datasets import AFLWTrain, HumanPoints, fit_photos, fuse_points
from lprnet_utils.datasets.labels import YAW_EDGES
from lprnet_utils.datasets.sources import landmark_basis
from lprnet_utils.evaluation.protocols import landmarks_from_mirror_image
from lprnet_utils.geometry import landmark_box

COPIES = 3  # of the photo, and as many of its mirror image
BOX_JITTER = 0.06  # standard deviation of a copy's box, in sides of the box
PHOTOS_PER_TASK = 512


@lru_cache(maxsize=1)
def loaded(folder: str, weights: str) -> tuple[AFLWTrain, LPRNet]:
    """The training photos and the network, loaded once in each process."""
    return AFLWTrain(folder, lids_and_lips=False), LPRNet(weights)


def mean_landmarks(rows: np.ndarray, folder: str, weights: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean landmarks (n, 68, 3) over the copies of some photos, and their spread (n,) in % of the box."""
    photos, net = loaded(folder, weights)
    points, spread = np.zeros((len(rows), 68, 3)), np.zeros(len(rows))
    for k, i in enumerate(rows):
        image, box = photos.image(i), landmark_box(photos.landmarks[i])
        rng, side = np.random.default_rng([7, i]), np.sqrt(np.prod(box[2:] - box[:2]))
        found = []
        for copy in range(COPIES):
            moved = box + (rng.normal(0, BOX_JITTER * side, 2).tolist() * 2 if copy else 0)
            found += [net.reconstruct_in_box(image, moved).landmarks, landmarks_from_mirror_image(net, image, moved)]
        found = np.array(found)
        found[..., 2] -= found[..., 2].mean(1, keepdims=True)
        points[k] = found.mean(0)
        spread[k] = 100 * np.linalg.norm((found - points[k])[..., :2], axis=2).mean() / side
    return points, spread


def network_landmarks(photos: AFLWTrain, weights: str, workers: int) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (n, 68, 3) of all photos by the network, and their spread (n,) in % of the box."""
    tasks = np.array_split(np.arange(len(photos)), -(-len(photos) // PHOTOS_PER_TASK))
    landmarks_of = partial(mean_landmarks, folder=str(photos.folder), weights=weights)
    with ProcessPoolExecutor(workers) as pool:
        done = list(tqdm(pool.map(landmarks_of, tasks), total=len(tasks), unit="part"))
    points, spread = zip(*done, strict=True)
    return np.concatenate(points), np.concatenate(spread)


class Corrector:
    """Correction of labels by the human points; it replaces the landmarks of ``photos``."""

    def __init__(self, photos: AFLWTrain):
        self.photos, self.layout = photos, UVLayout.of_labels()
        self.mean, self.basis = landmark_basis(self.layout, *self.layout.position_basis(MorphableModel.load()))
        self.points, self.groups = photos.human_points()

    def corrected(self, labels: np.ndarray, points: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Labels (n, 68, 3) corrected by human points (n, 21, 2), and how far each photo's labels moved.

        ``points`` takes the place of all human points; NaN where one is left out.
        """
        photos, points = self.photos, self.points if points is None else points
        photos.landmarks = labels.astype(np.float32)
        fits = fit_photos(photos.landmarks, self.layout)
        human = HumanPoints(points, self.groups, photos.trust > 0)
        return fuse_points(self.mean, self.basis, fits, labels, human, photos.yaw)

    def left_out_error(self, labels: np.ndarray) -> float:
        """Median distance, in % of the box, from human points that were left out of the correction.

        The median difference in each bin of yaw is subtracted: there the labels and the human points differ by their
        definition.
        """
        points, photos = self.points, self.photos
        hidden = np.arange(points.shape[1])[None] % 4 == np.arange(len(points))[:, None] % 4
        fused = self.corrected(labels, np.where(hidden[..., None], np.nan, points))[0]
        side = np.sqrt(np.prod(np.ptp(labels[..., :2], axis=1), axis=1))
        read = np.stack([fused[:, list(g), :2].mean(1) for g in self.groups], 1)
        residual = np.where(hidden[..., None], points - read, np.nan) / side[:, None, None]
        bins = np.digitize(photos.yaw, YAW_EDGES)
        for b in np.unique(bins):
            residual[bins == b] -= np.nanmedian(residual[bins == b], axis=0)
        return float(100 * np.nanmedian(np.linalg.norm(residual[photos.trust > 0], axis=2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--weights", default="wild")
    add_shared(parser, "--aflw-train")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    photos = AFLWTrain(aflw_train_folder(options.aflw_train), lids_and_lips=False)
    network, spread = network_landmarks(photos, options.weights, options.workers)
    corrector = Corrector(photos)
    old = photos.landmarks.astype(float)
    raw = load_arrays(photos.folder / "labels.npz", "lm68_3d")[0].astype(float)
    raw[..., 2] -= raw[..., 2].mean(1, keepdims=True)
    for name, labels in (("the machine's", raw), ("the network's", network), ("their mean", (raw + network) / 2)):
        error = corrector.left_out_error(labels)
        print(f"{name:16s} corrected, from points left out: {error:.3f} %", flush=True)
    new, moved = corrector.corrected((old + network) / 2)
    centipixel = np.rint(100 * new).astype(np.int16)
    np.savez_compressed(options.output, lm68_centipixel=centipixel, spread=spread, moved=100 * moved)
    print(f"{options.output}: the labels have moved by {100 * np.median(moved):.2f} % of the box (median)")


if __name__ == "__main__":
    main()
