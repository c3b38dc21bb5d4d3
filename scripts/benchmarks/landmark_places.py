"""Measure where landmarks lie on faces on which people marked points: the bundled ones, or the whole London set.

    python scripts/benchmarks/landmark_places.py open wild
    python scripts/benchmarks/landmark_places.py open --folder free-photos/london

FOLDER holds the 102 neutral pictures of the Face Research Lab London Set, with ``london-points.npz`` beside it.
"""

import argparse
from pathlib import Path

import numpy as np

from lprnet_utils import LPRNet
from lprnet_utils.evaluation import MarkedPeople, offsets_from_people
from lprnet_utils.evaluation.people import WholeSet, reconstruct_people
from lprnet_utils.geometry.landmarks import EYES, INNER_LIPS, NOSTRILS, OUTER_LIPS

PARTS = {"nose": NOSTRILS, "eyes": EYES, "outer lips": OUTER_LIPS, "inner lips": INNER_LIPS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", help="bundled weights, or .tflite files")
    parser.add_argument("--folder", type=Path, help="the whole set (else the 12 bundled faces)")
    parser.add_argument("--closer-look", action=argparse.BooleanOptionalAction, help="(default: yes with open)")
    options = parser.parse_args()
    people = WholeSet(options.folder) if options.folder else MarkedPeople()
    for weights in options.weights:
        off = offsets_from_people(reconstruct_people(LPRNet(weights, closer_look=options.closer_look), people), people)
        print(f"{weights}: {len(people)} faces")
        print("  mean offset to the right and down, % of the box")
        for part, rows in PARTS.items():
            marked = [k for k in range(68)[rows] if np.isfinite(off["landmarks"][k]).all()]
            print(f"    {part:11s}" + "  ".join("{}: {:.1f} {:.1f}".format(k, *off["landmarks"][k]) for k in marked))
        print("  % of the distance of the pupils")
        print("    pupils of the map, from those that people marked: {:.1f} {:.1f}".format(*off["pupils"]))
        print("    middle of the lids, from the same: {:.1f} {:.1f}".format(*off["eyes"]))
        print("    middle of the lids that people marked: {:.1f} {:.1f}".format(*off["people's eyes"]))
        print(f"    scatter about the mean offsets: {np.nanmean(off['scatter']):.2f}")


if __name__ == "__main__":
    main()
