"""Measure how much the head-angle network improves the landmarks, on photos of AFLW held out of all training.

    LPRNET_AFLW_TRAIN=... python scripts/calibration/measure_head_angle.py wild

Prints the 2D NME in % by yaw against the corrected labels, with the head-angle network of the weights and without it:
first of the photos as they are, then of the photos rotated in the picture's plane by any angle. It takes a few minutes.
"""

import argparse

import cv2
import numpy as np

from lprnet_utils import LPRNet
from lprnet_utils.commands.options import add_shared, aflw_train_folder
from lprnet_utils.common.arrays import Image
from lprnet_utils.datasets import AFLWTrain
from lprnet_utils.evaluation import landmark_nme, summarise_by_yaw
from lprnet_utils.geometry import landmark_box


def rotated(image: Image, points: np.ndarray, angle: float) -> tuple[Image, np.ndarray]:
    """A photo and its points (68, 2), rotated about the photo's middle by degrees counter-clockwise."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    picture = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return picture, points @ matrix[:, :2].T + matrix[:, 2]


def errors(net: LPRNet, photos: AFLWTrain, rows: np.ndarray, rotate: bool) -> np.ndarray:
    """NME of each photo, boxes from the labels."""
    rng, out = np.random.default_rng(0), []
    for i in rows:
        image, points = photos.image(int(i)), photos.landmarks[i][:, :2].astype(float)
        if rotate:
            image, points = rotated(image, points, rng.uniform(-180, 180))
        out.append(landmark_nme(net.reconstruct_in_box(image, landmark_box(points)).landmarks, points))
    return np.array(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="bundled weights or a .tflite file")
    add_shared(parser, "--aflw-train")
    options = parser.parse_args()
    photos = AFLWTrain(aflw_train_folder(options.aflw_train))
    rows = np.flatnonzero(photos.held_out & (photos.trust > 0))
    with_it, without = LPRNet(options.weights), LPRNet(options.weights, turn_upright=False)
    for rotate in (False, True):
        print(f"{len(rows)} held-out photos {'rotated by any angle' if rotate else 'as they are'}")
        for name, net in (("with it", with_it), ("without", without)):
            nme = summarise_by_yaw(errors(net, photos, rows, rotate), photos.yaw[rows])
            print(f"  {name:16s}" + "".join(f"{column} {value:6.3f}   " for column, value in nme.items()), flush=True)


if __name__ == "__main__":
    main()
