"""Build ``data/heldout``: the bundled photos to evaluate on.

    python scripts/assets/build_heldout.py

600 of MakeHuman's people and 300 of ICT-FaceKit's, of a seed that no recipe trains on; the same on every machine with
the same libraries.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lprnet_utils.synthetic import SyntheticFaces
from lprnet_utils.synthetic.heldout import KINDS, SEED, ScannedFaces, pack_held_out

DATA = Path(__file__).resolve().parents[2] / "data"
SOURCES = {"makehuman": (SyntheticFaces, 600), "ict": (ScannedFaces, 300)}


def main() -> None:
    """Write the files."""
    for kind, (source, count) in SOURCES.items():
        faces, path = source(SEED), DATA / KINDS[kind]
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, **pack_held_out(faces.sample(k) for k in range(count)))
        print(f"{path.name}: {count} photos, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
