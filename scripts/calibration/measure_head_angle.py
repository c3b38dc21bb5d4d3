"""What the head-angle network is worth, on photos of AFLW that were held out of all training.

    LPRNET_AFLW_TRAIN=... python scripts/calibration/measure_head_angle.py wild

2D NME in % by yaw against the corrected labels, with the head-angle network of the weights and without it: of the
photos as they are, and turned in the picture's plane by any angle.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
import numpy as np

from lprnet_utils import LPRNet
from lprnet_utils.common.arrays import Image
from lprnet_utils.datasets import AFLWTrain
from lprnet_utils.evaluation import landmark_nme, summarise_by_yaw
from lprnet_utils.geometry import landmark_box


def turned(image: Image, points: np.ndarray, angle: float) -> tuple[Image, np.ndarray]:
    """A photo and its points (68, 2) turned about the photo's middle, by degrees counter-clockwise."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    picture = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return picture, points @ matrix[:, :2].T + matrix[:, 2]


def errors(net: LPRNet, photos: AFLWTrain, rows: np.ndarray, turn: bool) -> np.ndarray:
    """NME of each photo, boxes from the labels."""
    rng, out = np.random.default_rng(0), []
    for i in rows:
        image, points = photos.image(int(i)), photos.landmarks[i][:, :2].astype(float)
        if turn:
            image, points = turned(image, points, rng.uniform(-180, 180))
        out.append(landmark_nme(net.reconstruct_in_box(image, landmark_box(points)).landmarks, points))
    return np.array(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="bundled weights or a .tflite file")
    parser.add_argument("--aflw-train", type=Path, default=os.environ.get("LPRNET_AFLW_TRAIN"))
    options = parser.parse_args()
    if options.aflw_train is None:
        raise SystemExit("give --aflw-train or set LPRNET_AFLW_TRAIN")
    photos = AFLWTrain(options.aflw_train)
    rows = np.flatnonzero(photos.held_out & (photos.trust > 0))
    with_it, without = LPRNet(options.weights), LPRNet(options.weights, turn_upright=False)
    for turn in (False, True):
        print(f"{len(rows)} held-out photos {'turned by any angle' if turn else 'as they are'}")
        for name, net in (("with it", with_it), ("without", without)):
            nme = summarise_by_yaw(errors(net, photos, rows, turn), photos.yaw[rows])
            print(f"  {name:16s}" + "".join(f"{column} {value:6.3f}   " for column, value in nme.items()), flush=True)


if __name__ == "__main__":
    main()
