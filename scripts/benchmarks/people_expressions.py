"""Measure what expressions are found on people at rest and smiling: the 102 of the Face Research Lab London Set.

    python scripts/benchmarks/people_expressions.py FOLDER open wild

FOLDER holds the set's pictures, ``neutral-*.jpg`` and ``smiling-*.jpg``. The script prints the share of neutral faces
with no weight over 0.15, with and without the weights of the gaze; the weights that most often are over it; and how
well the mean weight of both corners' smile tells the two apart (AUC). Then it does the same beside each person's own
neutral face. No weights are trained on these photos.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from lprnet_utils import Face, LPRNet

HIGH = 0.15  # a weight that would be seen
COMMON = 8  # weights that are named


def area_under_curve(positive: np.ndarray, negative: np.ndarray) -> float:
    """The chance that a value of the first array is above one of the second; ties count half."""
    above = positive[:, None] > negative[None]
    return float((above + 0.5 * (positive[:, None] == negative[None])).mean())


def report(name: str, neutral: list[dict], smiling: list[dict]) -> None:
    """Print what was found of neutral and of smiling faces, as weights by name."""
    high = [[key for key, weight in named.items() if weight > HIGH] for named in neutral]
    common = Counter(key for keys in high for key in keys).most_common(COMMON)
    of_smiling, of_neutral = (
        np.array([(n["mouthSmileLeft"] + n["mouthSmileRight"]) / 2 for n in group]) for group in (smiling, neutral)
    )
    without_gaze = [[key for key in keys if not key.startswith("eyeLook")] for keys in high]
    calm, calm_but_gaze = (100 * np.mean([not keys for keys in group]) for group in (high, without_gaze))
    area = area_under_curve(of_smiling, of_neutral)
    print(f"{name}: {calm:.0f} % of {len(neutral)} neutral faces without a weight over {HIGH}, "
          f"{calm_but_gaze:.0f} % if the eight of the gaze do not count")  # fmt: skip
    print(f"    smile: AUC {area:.3f}, mean weights {of_smiling.mean():.2f} and {of_neutral.mean():.2f}")
    if common:
        print("    over it: " + ", ".join(f"{key} {count}" for key, count in common))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", nargs="*", default=["open"], help="bundled weights, or .tflite files")
    parser.add_argument("--closer-look", type=Path, help="folder of networks for the closer look (else the bundled)")
    options = parser.parse_args()
    pictures = {kind: sorted(options.folder.glob(f"{kind}-*.jpg")) for kind in ("neutral", "smiling")}
    if not all(pictures.values()):
        print(f"skipped: {options.folder} does not hold the set's pictures (CC BY 4.0)")
        return 0
    for weights in options.weights:
        for look, name in ((False, "first map"), (options.closer_look or True, "closer look")):
            net, faces = LPRNet(weights, closer_look=look), {}
            for kind, paths in pictures.items():
                found = {path.stem.split("-")[1]: net.reconstruct(path) for path in paths}
                faces[kind]: dict[str, Face] = {person: each[0] for person, each in found.items() if each}
            alone = {kind: [face.coefficients.named() for face in group.values()] for kind, group in faces.items()}
            report(f"{weights}, {name}", alone["neutral"], alone["smiling"])
            both = sorted(set(faces["neutral"]) & set(faces["smiling"]))
            beside = [faces["smiling"][p].fit_coefficients(faces["neutral"][p]).named() for p in both]
            smile = np.mean([(n["mouthSmileLeft"] + n["mouthSmileRight"]) / 2 for n in beside])
            print(f"    beside the person's own neutral face a smile has a weight of {smile:.2f} ({len(both)} people)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
