"""Build ``data/face_statistics.npz``: mean and covariance of identity and expression over fits to real photos.

    LPRNET_AFLW_TRAIN=... python scripts/calibration/build_face_statistics.py

The face model is fitted to the labels of 6,000 training photos of AFLW and of their mirror images. The file holds 131
means and a covariance, and nothing of any one photo. It takes half a minute.

Run ``scripts/assets/update_checksums.py`` after it.
"""

import argparse
from pathlib import Path

import numpy as np
from calibrate_landmarks import mirrored_labels

from lprnet_utils import UVLayout
from lprnet_utils.commands.options import add_shared, aflw_train_folder
from lprnet_utils.datasets import AFLWTrain, fit_photos

OUTPUT = Path(__file__).resolve().parents[2] / "data" / "face_statistics.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_shared(parser, "--aflw-train")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--photos", type=int, default=6000)
    options = parser.parse_args()
    photos = AFLWTrain(aflw_train_folder(options.aflw_train), lids_and_lips=False)
    good = np.flatnonzero((photos.trust > 0.3) & ~photos.held_out)
    rows = np.random.default_rng(0).choice(good, options.photos, replace=False)
    layout = UVLayout.of_labels()
    plain = fit_photos(photos.landmarks[rows], layout).coefficients
    photos.landmarks = mirrored_labels(photos.landmarks)
    both = np.concatenate([plain, fit_photos(photos.landmarks[rows], layout).coefficients]).astype(float)
    mean, covariance = both.mean(0), np.cov(both.T)
    root = np.linalg.cholesky(covariance + 1e-8 * np.eye(len(mean))).T
    np.savez_compressed(options.output, mean=mean.astype(np.float32), root=root.astype(np.float32))
    spread = both.std(0)
    print(f"standard deviations: identity {spread[:80].mean():.2f}, expression {spread[80:].mean():.3f}")


if __name__ == "__main__":
    main()
