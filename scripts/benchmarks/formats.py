"""Compare the forms in which the weights ``open`` can be stored; write the tables of ``docs/formats.md``.

    python scripts/benchmarks/formats.py            # ten minutes on one core; the int8 file takes half of it
    python scripts/benchmarks/formats.py --table    # measures nothing: docs/formats.md from docs/formats.json

Bytes; processor time of one face on one core, as a ratio to the float32 file, both measured in turn in the same minute;
NME on the bundled rendered faces, and on the photos of AFLW that no training used if ``--aflw-train`` or
``LPRNET_AFLW_TRAIN`` says where they are; how far the 68 landmarks move from where the float32 file has them. Processor
time does not count other programs, but what they do to caches and to the clock remains in it.

ONNX is measured by ONNX Runtime where that is installed (``pip install 'lprnet_utils[onnx]'``); without it the table
says so. The forms are made in ``--folder`` and kept there.
"""

import os

if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from benchmark import ROOT, machine, rounded
from benchmark_table import markdown_table, number, with_block

from lprnet_utils import LPRNet, UVLayout
from lprnet_utils.commands.main import main as lprnet
from lprnet_utils.common.assets import data_root, read_asset, sha256
from lprnet_utils.common.litert import LiteRTModel, read_metadata, read_weights
from lprnet_utils.datasets import AFLWTrain
from lprnet_utils.evaluation import MarkedPeople
from lprnet_utils.evaluation.metrics import landmark_nme, normaliser, summarise_by_yaw
from lprnet_utils.geometry import crop_matrix, landmark_box, transform_points, warp_image
from lprnet_utils.networks.export import PRECISIONS
from lprnet_utils.networks.stored_weights import smaller_file
from lprnet_utils.synthetic.heldout import HELD_OUT_FILES, held_out_faces
from lprnet_utils.uv import decode_map

PAGE, RECORD = ROOT / "docs" / "formats.md", ROOT / "docs" / "formats.json"
FORMS = {**dict.fromkeys(PRECISIONS, ".tflite"), "onnx": ".onnx"}
CLOSER_LOOK, DETECTORS = ("eye", "mouth"), ("blazeface_short", "blazeface_back")
MEAN = "mean of bins"

Network = Callable[[np.ndarray], np.ndarray]  # from a crop (N, N, 3) of 0 to 1 to a code (N, N, 3)


class Faces(NamedTuple):
    """Crops (n, N, N, 3) uint8, their true landmarks (n, 68, 3) in pixels of the crop, and yaw (n,) in degrees."""

    crops: np.ndarray
    landmarks: np.ndarray
    yaw: np.ndarray


def rendered_faces(layout: UVLayout) -> Faces:
    samples = [sample for kind in HELD_OUT_FILES for sample in held_out_faces(kind)]
    landmarks = [layout.landmarks(sample.position_map) for sample in samples]
    yaw = [sample.labels["yaw"] for sample in samples]
    return Faces(np.array([sample.image for sample in samples]), np.array(landmarks), np.array(yaw))


def held_out_photos(folder: str, size: int) -> Faces:
    photos = AFLWTrain(folder)
    rows = np.flatnonzero(photos.held_out & (photos.trust > 0))
    matrices = [crop_matrix(landmark_box(photos.landmarks[i]), size) for i in rows]
    crops = [warp_image(photos.image(i), m, size) for i, m in zip(rows, matrices, strict=True)]
    landmarks = [transform_points(m, photos.landmarks[i]) for i, m in zip(rows, matrices, strict=True)]
    return Faces(np.array(crops), np.array(landmarks), photos.yaw[rows])


def make_forms(folder: Path) -> dict[str, Path]:
    """The files of all forms that can be made here, by the command that a user has."""
    files, made_of = {}, sha256(read_weights("open")[1])[:8]
    for form, ending in FORMS.items():
        if form == "onnx" and not (find_spec("tf2onnx") and find_spec("onnxruntime")):
            continue
        files[form] = path = folder / f"open-{made_of}-{form}{ending}"
        precision = [] if form == "onnx" else ["--precision", form]
        if not path.exists() and lprnet(["export", "--from", "open", "--output", str(path), *precision]):
            raise SystemExit(f"{path} could not be made")
    return files


def load(path: Path) -> Network:
    """A file of any form as a function, on one thread."""
    if path.suffix == ".tflite":
        network = LiteRTModel(path.read_bytes(), str(path))
        return lambda crop: network(crop)[0]
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda crop: session.run(None, {"crop": crop[None]})[0][0]


def processor_ms(networks: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median processor time of each in ms, taken in turn after one unmeasured round."""
    times: dict[str, list[float]] = {name: [] for name in networks}
    for round_ in range(repeats + 1):
        for name, run in networks.items():
            start = time.process_time()
            run()
            if round_:
                times[name].append(1000 * (time.process_time() - start))
    return {name: float(np.median(t)) for name, t in times.items()}


def landmarks_of(network: Network, crops: np.ndarray, layout: UVLayout) -> np.ndarray:
    codes = (network(crop.astype(np.float32) / 255) for crop in crops)
    return np.array([layout.landmarks(layout.smooth(decode_map(code))) for code in codes])


def measure_open(files: dict[str, Path], folder: str | None, repeats: int) -> dict[str, Any]:
    """Bytes, time and error of each form of the network that makes maps."""
    metadata = read_metadata(read_weights("open")[1], "open")
    layout = UVLayout(metadata["size"], metadata["landmark_uv"])
    sets = {"rendered": rendered_faces(layout)}
    if folder:
        sets["photos"] = held_out_photos(folder, layout.size)
    networks = {form: load(path) for form, path in files.items()}
    crop = sets["rendered"].crops[0].astype(np.float32) / 255
    ms = processor_ms({form: partial(network, crop) for form, network in networks.items()}, repeats)
    rows, first = {}, {}
    for form, network in networks.items():
        data = files[form].read_bytes()
        row = {"bytes": len(data), "gzip": len(gzip.compress(data, 9)), "ms": ms[form]}
        row["ratio"] = ms[form] / ms["float32"]
        for name, faces in sets.items():
            found = landmarks_of(network, faces.crops, layout)
            row[f"nme {name}"] = summarise_by_yaw(landmark_nme(found, faces.landmarks), faces.yaw)[MEAN]
            first.setdefault(name, found)
            row[f"moved {name}"] = float(np.linalg.norm((found - first[name])[..., :2], axis=-1).mean())
        rows[form] = row
        print(form, rounded(row))
    return {"forms": rows} | {f"{name} faces": len(faces.yaw) for name, faces in sets.items()}


def measure_closer_look(folder: Path | None, repeats: int) -> dict[str, Any]:
    """The same of the networks of the closer look; how far they move landmarks of the bundled people's photos."""
    source = folder or data_root() / "closer_look"
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for kind in CLOSER_LOOK:
            data = (source / f"{kind}.tflite").read_bytes()
            small = smaller_file(data, kind)
            (Path(temporary) / f"{kind}.tflite").write_bytes(small)
            models = {"float16": LiteRTModel(data, kind), "int8_weights": LiteRTModel(small, kind)}
            inputs = [np.full(shape[1:], 0.5, np.float32) for shape in models["float16"].shapes[:2]]
            ms = processor_ms({name: partial(model, *inputs) for name, model in models.items()}, repeats)
            rows[kind] = {"float16": len(data), "int8_weights": len(small), "ms": ms["float16"]}
            rows[kind]["ratio"] = ms["int8_weights"] / ms["float16"]
        people = MarkedPeople()
        images = [people.image(i) for i in range(len(people))]
        found = [
            np.array([net.reconstruct(image)[0].landmarks for image in images])
            for net in (LPRNet("open", closer_look=where) for where in (source, Path(temporary)))
        ]
    moved = np.linalg.norm((found[1] - found[0])[..., :2], axis=-1).mean(1) / normaliser(found[0])
    rows["moved, % of the box"] = float(100 * moved.mean())
    rows["people"] = len(people)
    return rows


def versions() -> dict[str, str]:
    found = {}
    for name in ("onnx", "onnxruntime", "tf2onnx"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


# ---- the page


def megabytes(count: float) -> str:
    return f"{count / 1e6:.2f}"


def forms_table(report: dict[str, Any]) -> str:
    """One row for each form; what could not be measured here is empty."""
    photos = "photos faces" in report
    head = ["form", "MB", "MB, gzip", "time / float32", "NME, rendered", "NME, photos", "moved, px"]
    rows = [tuple(head)]
    for form in FORMS:
        row = report["forms"].get(form)
        if row is None:
            rows.append((form, "not measured: onnxruntime or tf2onnx is not installed", *[""] * (len(head) - 2)))
            continue
        name = "photos" if photos else "rendered"
        cells = (
            f"{row['nme rendered']:.2f}",
            f"{row['nme photos']:.2f}" if photos else "",
            f"{row[f'moved {name}']:.2f}",
        )
        rows.append((form, megabytes(row["bytes"]), megabytes(row["gzip"]), f"{row['ratio']:.2f}", *cells))
    return markdown_table(rows)


TEXT = """
{forms}

{rendered} rendered faces that ship with the package{photos}; mean of the three ranges of yaw, in %. "Moved" is the mean
distance of the 68 landmarks from where float32 has them, in pixels of the crop of 128. Time: processor time of one face
on one core, measured in turn; float32 took {ms} ms ({processor}, LiteRT {litert}{onnx}).

The networks of a web page in two forms, in MB:

{download}

The closer look's networks in `int8_weights` take {eye} (eye) and {mouth} (mouth) times the time of float16, and move
the 68 landmarks by {moved} % of the face's box on average, on {people} photos of people.
"""


def block(report: dict[str, Any]) -> str:
    """The text of ``docs/formats.md`` between the marks."""
    forms, look, machine_ = report["forms"], report["closer look"], report["machine"]
    detectors = sum(len(read_asset(f"detection/{name}.tflite")) for name in DETECTORS)
    rows = [("", "float16", "int8_weights")]
    sizes = {"open": [forms[form]["bytes"] for form in ("float16", "int8_weights")]}
    sizes |= {kind: [look[kind][form] for form in ("float16", "int8_weights")] for kind in CLOSER_LOOK}
    sizes["detectors (float16 as they came)"] = [detectors, detectors]
    sizes["together"] = [sum(column) for column in zip(*sizes.values(), strict=True)]
    rows += [(name, *map(megabytes, pair)) for name, pair in sizes.items()]
    photos, onnx = report.get("photos faces"), report["onnx"].get("onnxruntime")
    return TEXT.strip().format(
        forms=forms_table(report),
        rendered=report["rendered faces"],
        photos=f", {photos} photos of AFLW that no training used" if photos else "",
        ms=number(forms["float32"]["ms"]),
        processor=machine_["processor"],
        litert=machine_["packages"]["ai-edge-litert"],
        onnx=f", ONNX Runtime {onnx}" if onnx else "",
        download=markdown_table(rows),
        eye=f"{look['eye']['ratio']:.2f}",
        mouth=f"{look['mouth']['ratio']:.2f}",
        moved=f"{look['moved, % of the box']:.3f}",
        people=look["people"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="only write the page, from docs/formats.json")
    parser.add_argument("--aflw-train", default=os.environ.get("LPRNET_AFLW_TRAIN"), help="AFLW's training photos")
    parser.add_argument(
        "--closer-look", type=Path, help="folder of eye.tflite and mouth.tflite (else the bundled ones)"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs" / "formats", help="of the forms (%(default)s)")
    parser.add_argument("--repeats", type=int, default=200, help="rounds of the timing (%(default)s)")
    options = parser.parse_args()
    if not options.table:
        options.folder.mkdir(parents=True, exist_ok=True)
        report = {"machine": machine(), "onnx": versions()}
        report |= measure_open(make_forms(options.folder), options.aflw_train, options.repeats)
        report["closer look"] = measure_closer_look(options.closer_look, options.repeats)
        RECORD.write_text(json.dumps(rounded(report), indent=1) + "\n", encoding="utf-8")
    report = json.loads(RECORD.read_text(encoding="utf-8"))
    PAGE.write_text(with_block(PAGE.read_text(encoding="utf-8"), block(report), "formats"), encoding="utf-8")


if __name__ == "__main__":
    main()
