"""Build ``data/samples``: the photos of the course and the tests, copied from scikit-image and Matplotlib.

    python scripts/assets/build_samples.py
    python scripts/assets/build_samples.py --distance FOLDER

Both are works of the government of the United States, in the public domain: NASA's portrait of the astronaut Eileen
Collins, from scikit-image, and the Navy's official portrait of Grace Hopper, from Matplotlib, byte for byte. It takes a
second; run ``scripts/assets/update_checksums.py`` after it.

``--distance`` also writes ``samples/distance``: one person photographed from 15, 30, 45 and 60 cm, cut out around the
face and made smaller, so that the eyes have the same places. FOLDER holds ``15cm.jpg``, ... of the folder ``zoom`` of
github.com/cjdowner/interfaces at commit 2166b22 (CC0).
"""

import argparse
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "data" / "samples"
DISTANCES = 15, 30, 45, 60  # cm
SIZE = 328, 440  # pixels of a picture of the series, width and height
EYES = (96, 190), (232, 190)  # where the outer corners of the eyes lie in it


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


def distance_series(folder: Path) -> None:
    """Cut the faces of the four photos out, by a similarity that takes the eyes' corners to ``EYES``."""
    import cv2
    import numpy as np
    from PIL import Image

    from lprnet_utils import LPRNet
    from lprnet_utils.common import read_image
    from lprnet_utils.geometry import similarity_alignment

    net = LPRNet()
    (FOLDER / "distance").mkdir(parents=True, exist_ok=True)
    for distance in DISTANCES:
        photo = read_image(folder / f"{distance}cm.jpg")
        (face,) = net.reconstruct(photo)
        scale, rotation, shift = similarity_alignment(face.landmarks[[36, 45], :2], np.array(EYES, float))
        picture = cv2.warpAffine(photo, np.c_[scale * rotation, shift], SIZE, flags=cv2.INTER_AREA)
        Image.fromarray(picture).save(FOLDER / "distance" / f"{distance}cm.jpg", quality=88)


if __name__ == "__main__":
    # --help must not write anything
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--distance", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    main()
    if options.distance:
        distance_series(options.distance)
