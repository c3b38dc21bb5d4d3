"""Build ``data/samples``: the photos of the course and the tests, copied from scikit-image and Matplotlib.

    python scripts/assets/build_samples.py

Both are works of the government of the United States, in the public domain: NASA's portrait of the astronaut Eileen
Collins, from scikit-image, and the Navy's official portrait of Grace Hopper, from Matplotlib, byte for byte. It takes a
second; run ``scripts/assets/update_checksums.py`` after it.
"""

import argparse
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "data" / "samples"


def main() -> None:
    import matplotlib
    from PIL import Image
    from skimage import data

    FOLDER.mkdir(parents=True, exist_ok=True)
    Image.fromarray(data.astronaut()).save(FOLDER / "astronaut.jpg", quality=90)
    portrait = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    (FOLDER / "grace_hopper.jpg").write_bytes(portrait.read_bytes())
    for path in sorted(FOLDER.glob("*.jpg")):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    # --help must not write anything
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
