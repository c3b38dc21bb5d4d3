"""Write test vectors for an app of your own: what each step of ``docs/mobile.md`` gets, and what it must return.

    python scripts/assets/mobile_vectors.py                     # into outputs/mobile
    python scripts/assets/mobile_vectors.py --output vectors --weights open-small.tflite

Numbers are little endian, arrays row by row, without a header; ``vectors.json`` has their types and shapes. The photo
is the bundled portrait of Eileen Collins (NASA, public domain), the other faces are rendered. Together 3 MB.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from lprnet_utils import LPRNet
from lprnet_utils.common.assets import data_path
from lprnet_utils.common.files import make_folder, write_files
from lprnet_utils.common.images import read_image
from lprnet_utils.geometry import crop_matrix, transform_points, warp_image
from lprnet_utils.geometry.crop import invert_similarity
from lprnet_utils.reconstruction.lprnet import DEFAULT_WEIGHTS
from lprnet_utils.synthetic.heldout import held_out_faces
from lprnet_utils.uv import decode_map
from lprnet_utils.uv.encoding import SPAN
from lprnet_utils.uv.layout import nearest_valid_in_left_half
from lprnet_utils.uv.maps import SMOOTHING_TEXELS

ROOT = Path(__file__).resolve().parents[2]
PHOTO = "samples/astronaut.jpg"
RENDERED = 0, 211, 433  # of the bundled faces: about frontal, half turned, in profile
# how far an app may be from the vectors: grey levels, units of the network's output, pixels; the last is for all steps
TOLERANCES = {"crop": 1, "code": 0.0005, "map": 0.01, "landmarks": 0.01, "landmarks from the photo": 0.1}


class Vectors:
    """Arrays as files without a header, and what is in them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.arrays: dict[str, dict] = {}

    def add(self, name: str, values: np.ndarray, dtype: str) -> None:
        array = np.ascontiguousarray(values, np.dtype(dtype).newbyteorder("<"))
        self.files[name] = array.tobytes()
        self.arrays[name] = {"dtype": dtype, "shape": list(array.shape)}

    def add_layout(self, net: LPRNet) -> None:
        """What the steps need of the UV layout."""
        layout = net.layout
        self.add("layout/mask.bin", layout.mask, "uint8")
        row, column = nearest_valid_in_left_half(layout.kind)  # the right half mirrors the left one
        halves = row * layout.size + column, row[:, ::-1] * layout.size + layout.size - 1 - column[:, ::-1]
        self.add("layout/nearest.bin", np.concatenate(halves, 1), "uint16")
        matrix = layout.landmark_matrix.tocoo()
        self.add("layout/landmark.bin", matrix.row, "uint16")
        self.add("layout/texel.bin", matrix.col, "uint16")
        self.add("layout/weight.bin", matrix.data, "float32")

    def add_crop(self, folder: str, net: LPRNet, crop: np.ndarray) -> np.ndarray:
        """Crop, network's answer, and smoothed map of one face; returns the map."""
        code = net.predict_uv(crop)
        position_map = net.layout.smooth(decode_map(code))
        self.add(f"{folder}/crop.bin", crop, "uint8")
        self.add(f"{folder}/code.bin", code, "float32")
        self.add(f"{folder}/map.bin", position_map, "float32")
        self.add(f"{folder}/crop_landmarks.bin", net.layout.landmarks(position_map), "float32")
        return position_map


def build(weights: str) -> dict[str, bytes]:
    """All files, by name."""
    net, vectors = LPRNet(weights, closer_look=False), Vectors()
    vectors.add_layout(net)
    image = read_image(data_path(PHOTO))
    found = net.detector.detect(image)[0]
    matrix = crop_matrix(found.box, net.size, found.angle)
    position_map = vectors.add_crop("photo", net, warp_image(image, matrix, net.size))
    vectors.add("photo/box.bin", found.box, "float64")
    vectors.add("photo/matrix.bin", matrix, "float64")
    landmarks = transform_points(invert_similarity(matrix), net.layout.landmarks(position_map))
    vectors.add("photo/landmarks.bin", landmarks, "float32")
    # pixels too, because decoders of JPEG differ by a grey level
    vectors.add("photo/photo.bin", image, "uint8")
    samples = held_out_faces()
    for k, number in enumerate(RENDERED):
        vectors.add_crop(f"rendered-{k}", net, samples[number].image)
    stated = {
        "size": net.size, "span": SPAN, "smoothing_texels": SMOOTHING_TEXELS, "photo_angle": found.angle,
        "tolerances": TOLERANCES, "arrays": vectors.arrays,
    }  # fmt: skip
    return vectors.files | {"vectors.json": (json.dumps(stated, indent=1) + "\n").encode()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "mobile", help="folder (%(default)s)")
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="bundled weights, or a .tflite file (%(default)s)")
    options = parser.parse_args()
    files = build(options.weights)
    for folder in {(options.output / name).parent for name in files}:
        make_folder(folder)
    write_files({options.output / name: content for name, content in files.items()})
    picture = read_image(data_path(PHOTO))
    Image.fromarray(picture).save(options.output / "photo" / "photo.png")
    print(f"{len(files) + 1} files in {options.output}, {sum(map(len, files.values())) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
