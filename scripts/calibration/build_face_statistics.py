"""Build ``data/face_statistics.npz``: mean and covariance of identity and expression over fits to real photos.

    LPRNET_AFLW_TRAIN=... python scripts/calibration/build_face_statistics.py

What comes out are 131 means and a covariance over 6,000 photos and their mirror images: nothing of any one photo.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from lprnet_utils.datasets import AFLWTrain, fit_photos
from lprnet_utils.geometry import MIRROR_68

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aflw-train", type=Path, default=os.environ.get("LPRNET_AFLW_TRAIN"))
    parser.add_argument("--output", type=Path, default=ROOT / "data" / "face_statistics.npz")
    parser.add_argument("--photos", type=int, default=6000)
    options = parser.parse_args()
    if options.aflw_train is None:
        raise SystemExit("give --aflw-train or set LPRNET_AFLW_TRAIN to the folder of training photos")
    photos = AFLWTrain(options.aflw_train, lids_and_lips=False)
    good = np.flatnonzero((photos.trust > 0.3) & ~photos.held_out)
    rows = np.random.default_rng(0).choice(good, options.photos, replace=False)
    plain = fit_photos(photos, rows).coefficients
    photos.landmarks = photos.landmarks[:, MIRROR_68] * [-1, 1, 1] + [119, 0, 0]
    both = np.concatenate([plain, fit_photos(photos, rows).coefficients]).astype(float)
    mean, covariance = both.mean(0), np.cov(both.T)
    root = np.linalg.cholesky(covariance + 1e-8 * np.eye(len(mean))).T
    np.savez_compressed(options.output, mean=mean.astype(np.float32), root=root.astype(np.float32))
    spread = both.std(0)
    print(f"standard deviations: identity {spread[:80].mean():.2f}, expression {spread[80:].mean():.3f}")


if __name__ == "__main__":
    main()
