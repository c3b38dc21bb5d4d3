"""Learn where the labels of AFLW2000-3D have their 68 points on the maps of a network, on the photos of AFLW.

    LPRNET_AFLW_TRAIN=... LPRNET_AFLW2000=... python scripts/calibration/fit_readout.py open

Writes ``data/readouts/open.npz`` (for research only, as the labels are), and prints the 2D NME of the landmarks as they
are and of the points that the readout gives: of held-out photos of AFLW, and of AFLW2000-3D if it is there. ``--sizes``
compares numbers of components on the held-out photos instead of writing a file. It takes three minutes.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lprnet_utils import LPRNet, UVLayout
from lprnet_utils.commands.options import add_shared, aflw_train_folder, folder_option
from lprnet_utils.common.arrays import Array
from lprnet_utils.datasets import AFLW2000, AFLWTrain
from lprnet_utils.evaluation import landmark_nme, summarise_by_yaw
from lprnet_utils.evaluation.readout import COMPONENTS, Readout
from lprnet_utils.geometry import landmark_box

DATA = Path(__file__).resolve().parents[2] / "data"
MIN_TRUST = 0.9  # of the labels to learn from


def maps_of(net: LPRNet, photos: Any, rows: Iterable[int]) -> list[Array]:
    """The network's maps of photos, in crops around their labels."""
    crops = ((photos.image(int(i)), landmark_box(photos.landmarks[i])) for i in tqdm(rows, unit="photo", leave=False))
    return [net.reconstruct_in_box(image, box).position_map for image, box in crops]


def show(name: str, points: Array, labels: Array, yaw: Array) -> float:
    """Print the NME of points by yaw; returns the mean of bins."""
    nme = summarise_by_yaw(landmark_nme(points, labels), yaw)
    print(f"  {name:28s}" + "".join(f"{column} {value:6.3f}   " for column, value in nme.items()), flush=True)
    return nme["mean of bins"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="bundled weights or a .tflite file")
    parser.add_argument("--sizes", type=int, nargs="+", help="compare numbers of components, write nothing")
    parser.add_argument("--photos", type=int, default=100_000, help="at most this many photos to learn from")
    parser.add_argument("--output", type=Path, help="instead of data/readouts/WEIGHTS.npz")
    add_shared(parser, "--aflw-train")
    options = parser.parse_args()
    net, data = LPRNet(options.weights), AFLWTrain(aflw_train_folder(options.aflw_train))
    rows = np.flatnonzero((data.trust >= MIN_TRUST) & ~data.held_out)
    rows = np.sort(np.random.default_rng(1).permutation(rows)[: options.photos])
    held = np.flatnonzero((data.trust > 0) & data.held_out)
    maps, held_maps = maps_of(net, data, rows), maps_of(net, data, held)
    print(f"{options.weights}: {len(held)} held-out photos of AFLW, 2D NME in %")
    show("landmarks", np.array([net.layout.landmarks(m) for m in held_maps]), data.landmarks[held], data.yaw[held])
    for size in options.sizes or [COMPONENTS]:
        readout = Readout.fit(maps, data.landmarks[rows], UVLayout.of_labels(), size)
        show(f"readout, {size} components", readout(held_maps), data.landmarks[held], data.yaw[held])
    if options.sizes:
        return
    try:
        benchmark = AFLW2000(folder_option(None, "LPRNET_AFLW2000", "copy of AFLW2000-3D"))
    except ValueError as error:
        print(f"not measured on AFLW2000-3D: {error}")
    else:
        found = maps_of(net, benchmark, range(len(benchmark)))
        print(f"{len(benchmark)} photos of AFLW2000-3D")
        points = np.array([net.layout.landmarks(m) for m in found])
        show("landmarks", points, benchmark.landmarks, benchmark.angles[:, 1])
        show("readout", readout(found), benchmark.landmarks, benchmark.angles[:, 1])
    output = options.output or DATA / "readouts" / f"{options.weights}.npz"
    output.parent.mkdir(parents=True, exist_ok=True)
    readout.save(output)
    print(f"{output} written; run scripts/assets/update_checksums.py")


if __name__ == "__main__":
    main()
