"""Build ``web/public/files``: the networks and the numbers that the web package loads, with a manifest of them.

    python scripts/assets/build_web_files.py
    python scripts/assets/build_web_files.py --vectors

The networks are packed (``web_networks.py``); ``web/networks`` has what comes out when they are unpacked, for tests.
``face.bin`` holds the UV layout and the map from the face detector's box to the landmarks' box, ``fit.bin`` what
finding expression weights needs. ``manifest.json`` has the length and the SHA-256 of each file. With ``--vectors`` it
also writes ``web/tests/vectors``: what this package computes from the sample photos, with which the web package's tests
compare. It takes about a minute.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from web_container import write_arrays
from web_networks import pack_network

from lprnet_utils import UVLayout, __version__
from lprnet_utils.common.assets import data_path, read_asset, sha256
from lprnet_utils.common.files import write_files
from lprnet_utils.common.litert import read_metadata
from lprnet_utils.common.weights_archive import METADATA_FILE, pack, parse_description, unpack
from lprnet_utils.uv.encoding import check_span
from lprnet_utils.uv.layout import nearest_valid_in_left_half
from lprnet_utils.uv.maps import OUTSIDE
from lprnet_utils.uv.outline import outline_level

WEB = Path(__file__).resolve().parents[2] / "web"
FILES, VECTORS, NETWORKS = WEB / "public" / "files", WEB / "tests" / "vectors", WEB / "networks"
WEIGHTS = "weights/open.tflite"
DETECTORS = "detection/blazeface_short.tflite", "detection/blazeface_back.tflite"
MAX_LEVEL = 2.0  # texels, of the outline's function
CLOSER_LOOK = "eye.tflite", "mouth.tflite"
# of the network's description, what a page may want to tell
STATED = "network", "licence", "notices", "training_data", "parameters", "precision", "doubt", "size", "span", "sha256"
FIT_WRITER = "web_vectors_look"  # module with write_files(folder), for fit.bin
VECTOR_WRITERS = "web_vectors_face", "web_vectors_look", "web_vectors_video"  # modules with write(folder)


def face_arrays(layout: UVLayout) -> dict[str, np.ndarray]:
    """The arrays of ``face.bin``. What is mirror-symmetric is stored for the left half of the map."""
    half = np.s_[:, : layout.size // 2]
    outside = layout.kind[half] == OUTSIDE
    row, column = nearest_valid_in_left_half(layout.kind)
    nearest = row * layout.size + column
    mean = layout.mean_map.astype(np.float32)
    level = quantised_level(outline_level(layout.mask))
    mirrored = mean[:, ::-1] * np.float32([-1, 1, 1])
    if not (np.allclose(mean, mirrored, atol=1e-4) and np.array_equal(mean[half], mean.reshape(-1, 3)[nearest])):
        raise ValueError("the mean face is not mirror-symmetric, or not the nearest valid value beyond the mesh")
    if not np.array_equal(level, level[:, ::-1]):
        raise ValueError("the outline is not mirror-symmetric")
    matrix = layout.landmark_matrix.sorted_indices()
    return {
        "kind": layout.kind[half],
        "nearest": nearest[outside].astype(np.uint16),
        "mean": mean[half][~outside],
        "outline": level[half],
        "landmark_starts": matrix.indptr.astype(np.uint16),
        "landmark_texels": matrix.indices.astype(np.uint16),
        "landmark_weights": matrix.data,
        "box_map": np.array(json.loads(read_asset("detection/boxes.json"))["map"]),
    }


def quantised_level(level: np.ndarray) -> np.ndarray:
    """A function of the texels as int16 in a unit of its own, with the same signs.

    Only the places between texels where it is 0 are used. It rises by at most 1 a texel, so its other values need not
    be kept.
    """
    scaled = level.clip(-MAX_LEVEL, MAX_LEVEL) * (32767 / MAX_LEVEL)
    return np.where(level > 0, np.maximum(np.rint(scaled), 1), np.minimum(np.rint(scaled), 0)).astype(np.int16)


def write_face(path: Path) -> None:
    """Write ``face.bin``: the layout with the landmarks of the network, the detector's map, what the network states."""
    description = read_metadata(read_asset(WEIGHTS), WEIGHTS)
    check_span(description, WEIGHTS)
    layout = UVLayout(description["size"], description.get("landmark_uv"))
    meta: dict[str, Any] = {"size": layout.size, "span": description["span"]}
    meta["model"] = {key: description[key] for key in STATED if key in description}
    write_arrays(path, face_arrays(layout), meta)


def build(folder: Path, closer_look: Path) -> None:
    """Write all files and their manifest, and the unpacked networks."""
    folder.mkdir(parents=True, exist_ok=True)
    NETWORKS.mkdir(exist_ok=True)
    copies = {Path(name).name: read_asset(name) for name in DETECTORS}
    networks = {Path(WEIGHTS).name: read_asset(WEIGHTS)}
    networks |= {name: (closer_look / name).read_bytes() for name in CLOSER_LOOK}
    for name, data in networks.items():
        packed, unpacked = packed_weights(data, name)
        copies[Path(name).with_suffix(".bin").name] = packed
        write_files({NETWORKS / name: unpacked})
    for old in folder.glob("*.tflite"):
        if old.name not in copies:
            old.unlink()
    write_files({folder / name: data for name, data in copies.items()})
    write_face(folder / "face.bin")
    names = [*copies, "face.bin"]
    if find_spec(FIT_WRITER):
        import_module(FIT_WRITER).write_files(folder)
        names.append("fit.bin")
    contents = {name: (folder / name).read_bytes() for name in sorted(names)}
    entries = {name: {"bytes": len(data), "sha256": sha256(data)} for name, data in contents.items()}
    manifest = json.dumps({"version": __version__, "files": entries}, indent=1) + "\n"
    write_files({folder / "manifest.json": manifest.encode()})
    for name, data in contents.items():
        print(f"{name:24}{len(data):>10,} bytes")
    print(f"{'together':24}{sum(map(len, contents.values())):>10,} bytes")


def packed_weights(data: bytes, name: str) -> tuple[bytes, bytes]:
    """The packed network of a weights file, and a weights file with the network that comes out again."""
    length, members = unpack(data, name)
    description = parse_description(members[METADATA_FILE], name)
    packed, network = pack_network(data[:length], description.get("notices", []))
    stated = {key: value for key, value in description.items() if key != "sha256"} | {"precision": "float32"}
    return packed, pack(network, stated)


def write_vectors(folder: Path) -> None:
    """Write what the web package's tests compare with, by all modules that there are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in VECTOR_WRITERS:
        if find_spec(name):
            import_module(name).write(folder)
    for path in sorted(folder.iterdir()):
        print(f"{path.name:24}{path.stat().st_size:>10,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", action="store_true", help=f"also write {VECTORS.relative_to(WEB.parent)}")
    parser.add_argument(
        "--closer-look", type=Path, default=data_path("closer_look"), help="folder with eye.tflite and mouth.tflite"
    )
    arguments = parser.parse_args()
    build(FILES, arguments.closer_look)
    if arguments.vectors:
        write_vectors(VECTORS)


if __name__ == "__main__":
    main()
