"""Export a training run's best weights to ``data/weights/NAME.tflite``, with what a user must know inside.

    LPRNET_AFLW_TRAIN=... python scripts/export_weights.py --config published-wild --run runs/published-wild \\
        --output data/weights/published.tflite
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from lprnet_utils import networks
from lprnet_utils.datasets import AFLWTrain, landmark_box
from lprnet_utils.export import export_litert
from lprnet_utils.images import crop_matrix, warp_image
from lprnet_utils.recipes import TrainingConfig

ROOT = Path(__file__).resolve().parents[1]
LICENCE = "Research use only: trained on photos of AFLW, which may be used for non-commercial research."
DATA = (
    "Photos of AFLW (Koestinger et al. 2011) without those of AFLW2000-3D, with 68 pseudo-landmarks of 3DDFA_V2 "
    "corrected by AFLW's human points; position maps of the MakeHuman face model fitted to them."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="published-wild")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=ROOT / "data" / "weights" / "published.tflite")
    parser.add_argument("--aflw-train", type=Path, default=os.environ.get("LPRNET_AFLW_TRAIN"))
    options = parser.parse_args()
    if options.aflw_train is None:
        raise SystemExit("give --aflw-train or set LPRNET_AFLW_TRAIN: the export is checked on held-out photos")

    config = TrainingConfig.load(options.config)
    model = getattr(networks, config.network)()
    model.load_weights(options.run / "best.weights.h5")
    photos = AFLWTrain(options.aflw_train)
    rows = np.flatnonzero(photos.held_out & (photos.trust > 0))[:32]
    crops = [warp_image(photos.image(i), crop_matrix(landmark_box(photos.landmarks[i]))) for i in rows]
    metadata = {"recipe": options.config, "licence": LICENCE, "training_data": DATA}
    done = export_litert(model, options.output, metadata, np.stack(crops).astype(np.float32) / 255)
    print(f"{options.output}: {done['bytes'] / 1e6:.1f} MB")
    print(f"differs from Keras by {done['difference']:.4f} pixels on average, {done['worst']:.3f} at most")
    subprocess.run([sys.executable, Path(__file__).with_name("update_checksums.py")], check=True)


if __name__ == "__main__":
    main()
