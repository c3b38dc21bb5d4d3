"""Build ``data/surroundings.npz``: 18 small panoramas of real places with their whole range of brightness.

    pip install OpenEXR
    python scripts/assets/build_surroundings.py                  # downloads @pmndrs/assets 1.7.0 (npm, 14 MB)
    python scripts/assets/build_surroundings.py --package FILE   # if it has been downloaded already

They are HDRIs of Poly Haven (polyhaven.com), CC0, which the npm package holds at 512 x 512 pixels as OpenEXR files.
Here each becomes 128 x 256 pixels, with the logarithm of its radiance in 8 bits. ``scripts/assets/update_checksums.py``
has to run afterwards.
"""

import argparse
import base64
import re
import tarfile
import tempfile
import urllib.request
from pathlib import Path

import cv2
import numpy as np
from makehuman import verified

PACKAGE = "https://registry.npmjs.org/@pmndrs/assets/-/assets-1.7.0.tgz"
PACKAGE_SHA256 = "152bd218a3390703f184f0c6ce16e73c8f0a87f32d38530d418a09d33d8208dc"
SIZE = (256, 128)
MAX_RADIANCE = 64.0  # the sun is brighter, but a face needs no more
OUTPUT = Path(__file__).resolve().parents[2] / "data" / "surroundings.npz"


def panorama(script: bytes, folder: Path) -> np.ndarray:
    """The picture (h, w, 3) in a JavaScript file of the package, which holds an OpenEXR file as base64."""
    import OpenEXR  # only this script needs it

    path = folder / "panorama.exr"
    path.write_bytes(base64.b64decode(re.search(rb"base64,([A-Za-z0-9+/=]+)", script)[1]))
    with OpenEXR.File(str(path)) as file:
        pixels = file.channels()["RGB"].pixels.astype(np.float32)
    # the sun overflows half precision: infinite, or NaN
    return np.clip(np.nan_to_num(pixels, nan=MAX_RADIANCE, posinf=MAX_RADIANCE), 0, MAX_RADIANCE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, help="the npm package, if it has been downloaded already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        package = options.package or Path(folder) / "assets.tgz"
        if not options.package:
            urllib.request.urlretrieve(PACKAGE, package)
        with tarfile.open(verified(package, PACKAGE_SHA256, "@pmndrs/assets 1.7.0")) as tar:
            names = sorted(n for n in tar.getnames() if n.startswith("package/hdri/") and n.endswith(".exr.js"))
            places = [panorama(tar.extractfile(name).read(), Path(folder)) for name in names]
    small = np.stack([cv2.resize(place, SIZE, interpolation=cv2.INTER_AREA) for place in places])
    step = np.float32(np.log1p(MAX_RADIANCE) / 255)
    code = np.rint(np.log1p(small) / step).astype(np.uint8)
    labels = [re.search(r"([a-z]+)\.exr", name)[1] for name in names]
    np.savez_compressed(OUTPUT, code=code, step=step, names=np.array(labels))
    print(f"{len(labels)} places, {OUTPUT.stat().st_size / 1e6:.1f} MB: {', '.join(labels)}")


if __name__ == "__main__":
    main()
