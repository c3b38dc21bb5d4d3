"""Measure what expressions are found on people at rest and smiling: the 102 of the Face Research Lab London Set.

    python scripts/benchmarks/people_expressions.py FOLDER open wild

FOLDER holds the set's pictures, ``neutral-*.jpg`` and ``smiling-*.jpg``. The script prints the share of neutral faces
with no weight over 0.15, with and without the weights of the gaze, and of those that viewers show, because they are
found well enough; the weights that most often are over it; and how well the mean weight of both corners' smile tells
the two apart (AUC). Then it compares each person's two faces, and measures the smile beside the own neutral face.
Nothing was trained on these photos.
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


def share_calm(named: list[dict], gaze: bool = True) -> float:
    """The percentage of faces with no weight over ``HIGH``; without ``gaze`` those of ``eyeLook*`` do not count."""
    calm = [
        not any(weight > HIGH for key, weight in weights.items() if gaze or not key.startswith("eyeLook"))
        for weights in named
    ]
    return 100 * float(np.mean(calm))


def smile_of(named: dict) -> float:
    """The mean weight of both corners' smile."""
    return (named["mouthSmileLeft"] + named["mouthSmileRight"]) / 2


def report(name: str, neutral: list[dict], supported: list[dict], smiling: list[dict]) -> None:
    """Print what was found of neutral faces, all weights and the supported ones by name, and of smiling faces."""
    high = [[key for key, weight in named.items() if weight > HIGH] for named in neutral]
    common = Counter(key for keys in high for key in keys).most_common(COMMON)
    of_smiling, of_neutral = (np.array([smile_of(named) for named in group]) for group in (smiling, neutral))
    area = area_under_curve(of_smiling, of_neutral)
    print(f"{name}: {share_calm(neutral):.0f} % of {len(neutral)} neutral faces without a weight over {HIGH}, "
          f"{share_calm(neutral, gaze=False):.0f} % if the eight of the gaze do not count")  # fmt: skip
    print(f"    of the weights that viewers show: {share_calm(supported):.0f} and "
          f"{share_calm(supported, gaze=False):.0f} %")  # fmt: skip
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
            alone = {kind: {p: face.coefficients.named() for p, face in group.items()} for kind, group in faces.items()}
            at_rest, smiling = alone["neutral"], alone["smiling"]
            supported = [face.coefficients.named(supported=True) for face in faces["neutral"].values()]
            report(f"{weights}, {name}", list(at_rest.values()), supported, list(smiling.values()))
            both = sorted(set(at_rest) & set(smiling))
            more = sum(smile_of(smiling[p]) > smile_of(at_rest[p]) for p in both)
            beside = [smile_of(faces["smiling"][p].fit_coefficients(faces["neutral"][p]).named()) for p in both]
            print(f"    {more} of {len(both)} people have more of a smile in the photo where they smile than at rest")
            print(f"    beside the person's own neutral face a smile has a weight of {np.mean(beside):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
