"""Build ``data/people``: every ninth neutral face of the Face Research Lab London Set, with points that people marked.

    python scripts/assets/build_people.py FOLDER

FOLDER holds the pictures (``neutral-001.jpg``, ...; 512 x 512) and, beside it, ``london-points.npz`` with the set's 189
points in these pictures (``names``, ``points``). Which of these are which of the 68 landmarks was found by looking; the
others have no equal. The set is CC BY 4.0: DeBruine, L. and Jones, B. (2017), doi 10.6084/m9.figshare.5047666.v5. The
script takes a second; run ``scripts/assets/update_checksums.py`` after it.
"""

import argparse
from pathlib import Path

import numpy as np

from lprnet_utils.evaluation.people import WholeSet

OUTPUT = Path(__file__).resolve().parents[2] / "data" / "people"
INTERVAL = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    people = WholeSet(parser.parse_args().folder)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    chosen = range(0, len(people.names), INTERVAL)
    for k in chosen:
        (OUTPUT / people.names[k]).write_bytes((people.folder / people.names[k]).read_bytes())
    marks = {
        "landmarks": people.landmarks[chosen].astype(np.float32),
        "pupils": people.pupils[chosen].astype(np.float32),
    }
    np.savez_compressed(OUTPUT / "points.npz", names=np.array([people.names[k] for k in chosen]), **marks)
    print(f"{len(chosen)} of {len(people.names)} faces in {OUTPUT}")


if __name__ == "__main__":
    main()
