"""lprnet export: a finished training run as a LiteRT file with its origin and licence inside."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.arrays import Array, Image
from .options import add_command, add_shared, aflw_train_folder

if TYPE_CHECKING:
    import keras

    from ..datasets.aflw import AFLWTrain
    from ..datasets.photo_folder import PhotoFolder

CHECK_IMAGES = 400  # synthetic pictures, and at most as many photos, on which the export is checked
CHECK_FACES = 16  # the same for networks of the closer look
CALIBRATION_FACES = 500  # synthetic pictures that show int8 the ranges of its activations
CALIBRATION_SEED = 5  # not that of training, nor of evaluation
FORM_CHECKS = 32  # synthetic pictures on which another form of finished weights is checked
PRECISIONS = ("float32", "float16", "int8_weights", "int8")  # those of networks.export, which is slow to import
SCANS_NOTICE = "LICENSE-MIT-ICT-FaceKit.txt"  # of the shapes of half of the people in close-ups
FORM_FIELDS = ("sha256", "precision", "pixels_from_keras")  # of a description: they belong to one form of the weights
MAX_DISTANCE_MM = 12.0  # larger distances count as this one, so that extreme shapes do not decide the fit
MIN_CURVE_WIDTH_MM = 0.2  # a few examples may be perfectly separable
EXAMPLES = """examples:
  lprnet export --run runs/lite-open -o mine.tflite
  lprnet export --run runs/lite-wild -o wild.tflite --head-angle runs/head-angle.weights.h5
  lprnet export --run runs/mine --photos photos --licence "Mine." -o mine.tflite
  lprnet export --run runs/closer-eye -o closer/eye.tflite
  lprnet export --run runs/hand-run -o hand.tflite
  lprnet export --origin wild.toml --weights wild-2.weights.h5 --head-angle wild -o wild.tflite
  lprnet export --from open --precision int8_weights -o open-small.tflite
  lprnet export --from open -o open.onnx

Precisions: float16 takes half the space of float32 at the same speed. int8_weights takes less than a third, at the same
speed. int8 also computes in integers, which is faster on some processors. docs/formats.md compares them.

The origin in the file comes from the run's checkpoint: its recipe, and the weights that it began with. Weights without
a checkpoint need --origin, a TOML file that states network, licence, training_data and recipe.
"""


def export(arguments: argparse.Namespace) -> int:
    """Write the best weights of a training run as a .tflite file that states its origin and licence."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from ..common.files import check_ending, load_checkpoint, remove_unfinished
    from ..networks import export_litert
    from ..synthetic import SyntheticFaces
    from ..training.recipes import CLOSE_UPS

    check_ending(arguments.output, (".tflite", ".onnx") if arguments.finished else (".tflite",))
    remove_unfinished(arguments.output.parent)
    if arguments.finished:
        return _export_finished(arguments)
    if arguments.run:
        info = load_checkpoint(arguments.run / "checkpoint.bin")[1]
        if kind := CLOSE_UPS.get(info["config"]["network"]):
            return _export_closer_look(arguments, info, kind)
        if (chart := info["config"]["network_options"].get("chart", "face")) != "face":
            return _export_chart(arguments, info, chart)
        model, metadata, crops = _from_run(arguments, info)
    else:
        model, metadata, crops = _from_statement(arguments)
    # the likelihood is measured on synthetic faces too, because hardly any photo shows a wide-open mouth
    size = model.input_shape[1]
    faces = SyntheticFaces(1, size)
    images = np.stack(crops + [faces.sample(k).image for k in range(CHECK_IMAGES)]).astype(np.float32) / 255
    metadata["doubt"] = fit_distance_curve(model, images)
    head_angle = _head_angle_network(arguments.head_angle) if arguments.head_angle else None
    examples = _calibration_crops(size) if arguments.precision == "int8" else images[:32]
    done = export_litert(model, arguments.output, metadata, examples, arguments.precision, head_angle)
    return _report(done, arguments)


def _calibration_crops(size: int, count: int = CALIBRATION_FACES, chart: str = "face") -> Array:
    """Crops (n, size, size, 3) of 0 to 1 of rendered people, by default as many as int8 needs: varied, no photos.

    They show what a network for this chart was trained for: faces, whole heads or hands.
    """
    from ..synthetic.folders import GENERATORS

    made, *_ = GENERATORS["plain" if chart == "face" else chart]
    photos = made(seed=CALIBRATION_SEED, size=size)
    crops = [photos.sample(k).image for k in range(count)]
    return np.stack(crops).astype(np.float32) / 255


def _export_finished(arguments: argparse.Namespace) -> int:
    """Write finished weights in another form: another precision, or ONNX."""
    from .. import networks
    from ..common.litert import read_head_angle_network, read_metadata, read_weights
    from ..networks.onnx_export import export_onnx

    name, data = read_weights(arguments.finished)
    metadata = read_metadata(data, name)
    chart = metadata.get("chart", "face")
    if arguments.output.suffix.lower() == ".onnx":
        done = export_onnx(data, arguments.output, name, [_calibration_crops(metadata["size"], FORM_CHECKS, chart)])
        print(f"{arguments.output}: {done['bytes'] / 1e6:.2f} MB")
        worst = f"differs from LiteRT by {done['worst']:.7f} at most" if "worst" in done else None
        print(worst or "not compared with LiteRT, because onnxruntime is not installed")
        return 0
    if metadata.get("network") != "lprnet_lite":
        raise ValueError(f"{name} has the network {metadata.get('network')}: another form is made of lprnet_lite alone")
    count = CALIBRATION_FACES if arguments.precision == "int8" else FORM_CHECKS
    examples = _calibration_crops(metadata["size"], count, chart)
    model = networks.lprnet_lite(metadata["size"], normalised=False)
    networks.load_litert(model, data)
    kept = {key: value for key, value in metadata.items() if key not in FORM_FIELDS}
    angle = read_head_angle_network(data)
    done = networks.export_litert(model, arguments.output, kept, examples, arguments.precision, angle, chart)
    return _report(done, arguments)


def _report(done: dict[str, float], arguments: argparse.Namespace) -> int:
    print(f"{arguments.output}: {done['bytes'] / 1e6:.2f} MB")
    print(f"differs from Keras by {done['difference']:.4f} pixels on average, {done['worst']:.3f} at most")
    return 0


def _export_chart(arguments: argparse.Namespace, info: dict[str, Any], chart: str) -> int:
    """Write a network for another surface than the face, checked on synthetic photos that no training used."""
    from ..networks import export_litert

    model, metadata, _ = _from_run(arguments, info)
    count = CALIBRATION_FACES if arguments.precision == "int8" else FORM_CHECKS
    examples = _calibration_crops(model.input_shape[1], count, chart)
    done = export_litert(model, arguments.output, metadata, examples, arguments.precision, chart=chart)
    return _report(done, arguments)


def _export_closer_look(arguments: argparse.Namespace, info: dict[str, Any], kind: str) -> int:
    """Write a network of the closer look, checked on close-ups that no training used."""
    from ..common.assets import data_path
    from ..datasets.closeups import CloseUps
    from ..networks import export_closer_look
    from ..synthetic.closeups import SyntheticCloseUps
    from ..training import TrainingConfig
    from ..training.closer_look import CloseUpTask

    model, metadata, _ = _from_run(arguments, info)
    task = CloseUpTask(kind, TrainingConfig(**metadata["recipe"]))
    faces = SyntheticCloseUps(seed=1)
    data = CloseUps.of_faces((faces.sample(k) for k in range(CHECK_FACES)), kind)
    found = task.examples(data, np.arange(len(data)), None)
    metadata["notices"] = [data_path(SCANS_NOTICE).read_text(encoding="utf-8")]
    if arguments.precision != "float16":
        raise ValueError(f"networks of the closer look are exported in float16, not in {arguments.precision}")
    return _report(export_closer_look(model, arguments.output, metadata, found.inputs), arguments)


def fit_distance_curve(model: keras.Model, crops: Array) -> list[float]:
    """Middle and width in mm of the logistic curve that separates faces from backgrounds by their shape distance.

    Each network has another output for a background, so each weights file contains its own numbers, which
    :func:`lprnet_utils.reconstruction.likelihood.face_likelihood` uses. The crops (n, N, N, 3) float32 in 0 to 1 show
    faces; the function makes as many backgrounds.
    """
    from scipy.optimize import minimize

    from ..geometry.shading import GAMMA
    from ..reconstruction import shape_distance
    from ..synthetic import background
    from ..uv import UVLayout, decode_map

    rng, layout = np.random.default_rng(0), UVLayout(model.output_shape[1])
    backgrounds = np.stack([background(rng, layout.size) for _ in crops])
    distances = []
    for images in (crops, np.clip(backgrounds, 0, 1) ** (1 / GAMMA)):
        codes = model.predict(images.astype(np.float32), verbose=0)
        distances.append([shape_distance(layout.smooth(decode_map(code)), layout) for code in codes])
    distance = np.minimum(np.concatenate(distances), MAX_DISTANCE_MM)
    sign = np.repeat([1.0, -1.0], len(crops))
    weight = np.repeat([0.9, 0.1], len(crops))  # nine of ten boxes that the detector finds contain a face

    def cost(p: Array) -> float:
        return float((weight * np.logaddexp(0, sign * (distance - p[0]) / np.exp(p[1]))).mean())

    middle, width = minimize(cost, [10.0, 0.5], method="Nelder-Mead").x
    width = max(float(np.exp(width)), MIN_CURVE_WIDTH_MM)
    lost, refused = (100 * np.mean(np.array(d) > middle) for d in distances)
    print(f"distance {middle:.1f} mm: beyond it are {lost:.1f} % of the faces and {refused:.1f} % of the backgrounds")
    return [round(float(middle), 2), round(width, 2)]


def _from_run(arguments: argparse.Namespace, info: dict[str, Any]) -> tuple[keras.Model, dict[str, Any], list[Image]]:
    """Network and metadata of a run whose checkpoint says ``info``, and real crops to check the export on."""
    from .. import networks
    from ..datasets import PhotoFolder
    from ..training import TrainingConfig
    from ..training.origin import describe_run

    config = TrainingConfig(**info["config"])
    origin = describe_run(info.get("origin"), arguments.licence, config.chart)
    model = getattr(networks, config.network)(**config.network_options)
    model.load_weights(arguments.run / arguments.weights)
    size, kind, crops = model.input_shape[1], info["origin"]["data"][0], []
    if kind == "own photos":
        if arguments.photos is None:
            raise ValueError("give --photos, the photos that the run was trained on: the export is checked on them")
        photos = PhotoFolder(arguments.photos)
        crops = _crops(photos, range(len(photos))[:CHECK_IMAGES], size)  # of all photos: too few of them are held out
    elif kind == "AFLW":
        crops = _held_out_crops(arguments.aflw_train, size)
        origin["landmark_uv"] = _places_of_labels()
    return model, {"recipe": info["config"]} | origin, crops


def _from_statement(arguments: argparse.Namespace) -> tuple[keras.Model, dict[str, Any], list[Image]]:
    """Network, metadata and real crops for a file of weights alone, as stated in a TOML file."""
    from .. import networks
    from ..training.origin import read_statement

    origin = read_statement(arguments.origin)
    model = getattr(networks, origin.pop("network"))(**origin.pop("network_options"))
    model.load_weights(arguments.weights)
    if not origin.pop("photos"):
        return model, origin, []
    crops = _held_out_crops(arguments.aflw_train, model.input_shape[1])
    return model, origin | {"landmark_uv": _places_of_labels()}, crops


def _places_of_labels() -> list[list[float]]:
    """Where the maps of a network that learned from labelled photos have the landmarks: where the labels had them."""
    from ..uv.layout import UVLayout

    return UVLayout.of_labels().landmark_uv.round(6).tolist()


def _held_out_crops(folder: str | None, size: int) -> list[Image]:
    """Crops of AFLW photos that no training used."""
    from ..datasets import AFLWTrain

    photos = AFLWTrain(aflw_train_folder(folder, "training photos, on which the export is checked"))
    return _crops(photos, np.flatnonzero(photos.held_out & (photos.trust > 0))[:CHECK_IMAGES], size)


def _crops(photos: AFLWTrain | PhotoFolder, rows: Iterable[int], size: int) -> list[Image]:
    from ..geometry import crop_matrix, landmark_box, warp_image

    boxes = ((i, landmark_box(photos.landmarks[i])) for i in rows)
    return [warp_image(photos.image(i), crop_matrix(box, size), size) for i, box in boxes]


def _head_angle_network(source: str) -> keras.Model | bytes:
    """The head-angle network in a ``.h5`` file, or in finished weights, which contain it ready to use."""
    from ..common.litert import read_head_angle_network, read_weights
    from ..networks import head_angle_network

    if not source.endswith(".h5"):
        if found := read_head_angle_network(read_weights(source)[1]):
            return found
        raise ValueError(f"{source} has no head-angle network")
    model = head_angle_network()
    model.load_weights(source)
    return model


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet export``."""
    from ..training.origin import NOT_STATED

    parser = add_command(commands, "export", export, "a training run as a .tflite file", EXAMPLES)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="folder of lprnet train")
    source.add_argument("--origin", type=Path, help="a TOML file that states the origin of --weights")
    forms = "finished weights to write in another form: open, wild or a .tflite file"
    source.add_argument("--from", dest="finished", metavar="WEIGHTS", help=forms)
    add = parser.add_argument
    add("--weights", default="best.weights.h5", help="file in the run's folder (%(default)s); with --origin, a path")
    add("-o", "--output", type=Path, required=True, metavar="FILE", help="the .tflite file; with --from also .onnx")
    add("--precision", choices=PRECISIONS, default="float16", help="of the file's numbers, see below (%(default)s)")
    add_shared(parser, "--aflw-train")
    add("--photos", type=Path, help="photos that the run was trained on (lprnet train --photos)")
    add("--licence", default=NOT_STATED, help="of weights that were trained on --photos")
    source_of_angle = "a file of lprnet train-head-angle, or finished weights that contain one"
    add("--head-angle", metavar="WEIGHTS", help=f"include this head-angle network: {source_of_angle}")
