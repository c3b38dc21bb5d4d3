"""Build ``data/heldout``: the bundled synthetic photos for evaluation.

    python scripts/assets/build_heldout.py

600 photos of MakeHuman's people and 300 of ICT-FaceKit's, drawn with a seed that no recipe trains on. A new build has
the coefficients, cameras and labels of the bundled files, but not every pixel: those photos were drawn before the
renderer was unified. 72 of the 900 differ, most of them by up to four grey levels in a few pixels.
It takes about a minute; run ``scripts/assets/update_checksums.py`` after it.
"""

import argparse
from pathlib import Path

import numpy as np

from lprnet_utils.synthetic import SyntheticFaces
from lprnet_utils.synthetic.heldout import HELD_OUT_FILES, HELD_OUT_SEED, ScannedFaces, pack_held_out

DATA = Path(__file__).resolve().parents[2] / "data"
SOURCES = {"makehuman": (SyntheticFaces, 600), "ict": (ScannedFaces, 300)}


def main() -> None:
    for kind, (source, count) in SOURCES.items():
        faces, path = source(HELD_OUT_SEED), DATA / HELD_OUT_FILES[kind]
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, **pack_held_out(faces.sample(k) for k in range(count)))
        print(f"{path.name}: {count} photos, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    # --help must not write anything
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
