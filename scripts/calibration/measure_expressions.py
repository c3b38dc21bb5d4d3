"""Measure how well each of the 51 expression weights is found on rendered people, by yaw: ``data/expressions.csv``.

    python scripts/calibration/measure_expressions.py

The people are those of ``lprnet synthesize --generator close`` with a seed that no training used, but of its first
version, so that networks compare. True weights are those that a person shows beside the own face at rest, and those of
the gaze. A row has the way, the fit to a map or a closer look, the correlation of the weights that were found with the
true ones at up to 30, 60 and 90 degrees of yaw, and in percent how often a weight of over 0.15 was found where the true
one is under 0.05. It takes five minutes on two cores.
"""

import argparse
import csv
from functools import lru_cache
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from lprnet_utils import LPRNet, MorphableModel
from lprnet_utils.geometry import landmark_box
from lprnet_utils.reconstruction.expressions import QUALITY_COLUMNS, WAYS
from lprnet_utils.synthetic.close_faces import CloseFaces

SEED = 2
YAW_LIMITS = (0, 30, 60, 90)
LOW, HIGH = 0.05, 0.15  # true weights of an expression that is not there; weights that would be seen
NAMES = MorphableModel.load().expression_names
GAZE = np.array([name.startswith("eyeLook") for name in NAMES])
DATA = Path(__file__).resolve().parents[2] / "data"


@lru_cache(maxsize=1)
def made(closer_look: Path | None) -> tuple[CloseFaces, list[LPRNet]]:
    """The generator and the networks of a process, one for each way."""
    faces = CloseFaces(SEED)
    faces.people.draw_as_at_first()
    return faces, [LPRNet("open", closer_look=look) for look in (False, closer_look or True)]


def found_and_true(job: tuple[range, Path | None]) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Weights (2, 51) that were found in each way, true ones (51,), and the yaw, of some samples."""
    numbers, closer_look = job
    (faces, nets), out = made(closer_look), []
    for number in numbers:
        sample = faces.sample(number)
        box = landmark_box(faces.layout.landmarks(sample.position_map))
        found = np.array([net.reconstruct_in_box(sample.image, box).coefficients.expression for net in nets])
        true = np.where(GAZE, sample.coefficients[-len(GAZE) :].clip(0, 1), sample.labels["shown"])
        out.append((found, true, abs(sample.labels["yaw"])))
    return out


def measure(faces: int, closer_look: Path | None) -> list[tuple[str, ...]]:
    """The rows of the table."""
    parts = [(range(start, min(start + 32, faces)), closer_look) for start in range(0, faces, 32)]
    with Pool() as pool:
        rows = [row for part in pool.imap(found_and_true, parts) for row in part]
    found, true, yaw = (np.array(column) for column in zip(*rows, strict=True))
    return [row for k, way in enumerate(WAYS) for row in table_of(way, found[:, k], true, yaw)]


def table_of(way: str, found: np.ndarray, true: np.ndarray, yaw: np.ndarray) -> list[tuple[str, ...]]:
    """The rows of one way, from weights (n, 51) that were found, true ones, and yaw (n,)."""
    table = []
    for k, name in enumerate(NAMES):
        near = [(yaw >= low) & (yaw < high) for low, high in zip(YAW_LIMITS[:-1], YAW_LIMITS[1:], strict=True)]
        with np.errstate(invalid="ignore"):  # a weight that is never found has no correlation, which counts as 0
            correlation = [np.corrcoef(found[part, k], true[part, k])[0, 1] for part in near]
        absent = true[:, k] < LOW
        false = 100 * (found[absent, k] > HIGH).mean()
        table.append((name, way, *(f"{np.nan_to_num(r):.2f}" for r in correlation), f"{false:.1f}"))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--closer-look", type=Path, help="folder of networks for the closer look (else the bundled)")
    parser.add_argument("--output", type=Path, default=DATA / "expressions.csv")
    options = parser.parse_args()
    table = measure(options.faces, options.closer_look)
    with open(options.output, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([QUALITY_COLUMNS, *table])
    for row in sorted(table, key=lambda row: (row[1], -float(row[2]))):
        print(f"{row[0]:22s}{row[1]:12s}" + "".join(f"{value:>8s}" for value in row[2:]))


if __name__ == "__main__":
    main()
