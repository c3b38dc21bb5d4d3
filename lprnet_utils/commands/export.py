"""lprnet export: a finished training as a LiteRT file, with what a user must know inside."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.arrays import Array, Image
from .options import folder_option

if TYPE_CHECKING:
    import keras

EXAMPLES = 400  # pictures of each kind that the export is checked on
FARTHEST = 12.0  # mm: a shape as far off as that is no face, however far; torn ones should not draw the line
LEAST_WIDTH = 0.2  # mm of the curve: few examples may be told apart without any doubt
EXPORT_EXAMPLES = """examples:
  lprnet export --run runs/lite-open -o mine.tflite
  lprnet export --run runs/lite-wild -o wild.tflite --head-angle runs/head-angle.weights.h5
  lprnet export --run runs/mine --photos photos --licence "Mine." -o mine.tflite
  lprnet export --origin wild.toml --weights wild-2.weights.h5 --head-angle wild -o wild.tflite

What the file says of its origin follows from the run's own checkpoint: its recipe, and what it began with. Weights
without a checkpoint need --origin, a TOML file that states network, licence, training_data and recipe.
"""


def export(options: argparse.Namespace) -> int:
    """Write the best weights of a training run as a .tflite file that says what they are and may be used for."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from ..networks import export_litert
    from ..synthetic import SyntheticFaces

    model, metadata, crops = (_from_run if options.run else _from_statement)(options)
    # the likelihood is measured on synthetic faces too: of the photos hardly one has its mouth wide open
    faces = SyntheticFaces(seed=1)
    examples = np.stack(crops + [faces.sample(k).image for k in range(EXAMPLES)]).astype(np.float32) / 255
    metadata["doubt"] = fit_distance_curve(model, examples)
    head_angle = _head_angle_network(options.head_angle) if options.head_angle else None
    done = export_litert(model, options.output, metadata, examples[:32], head_angle=head_angle)
    print(f"{options.output}: {done['bytes'] / 1e6:.1f} MB")
    print(f"differs from Keras by {done['difference']:.4f} pixels on average, {done['worst']:.3f} at most")
    return 0


def fit_distance_curve(model: keras.Model, crops: Array) -> list[float]:
    """The distance in mm that parts faces from places without one, and the width of the doubt: a logistic regression.

    What a network makes of a place differs from network to network, so the weights bring their own numbers, for
    :func:`lprnet_utils.reconstruction.likelihood.face_likelihood`.

    Parameters
    ----------
    model : keras.Model
    crops : (n, N, N, 3) float32
        Faces, 0 to 1; as many places are made.
    """
    from scipy.optimize import minimize

    from ..reconstruction import shape_distance
    from ..synthetic import background
    from ..uv import UVLayout, decode_map

    rng, layout = np.random.default_rng(0), UVLayout(model.output_shape[1])
    places = np.stack([background(rng, layout.size) for _ in crops])
    found = []
    for pictures in (crops, np.clip(places, 0, 1) ** (1 / 2.2)):
        codes = model.predict(pictures.astype(np.float32), verbose=0)
        found.append([shape_distance(layout.smooth(decode_map(code)), layout) for code in codes])
    distance = np.minimum(np.concatenate(found), FARTHEST)
    sign = np.repeat([1.0, -1.0], len(crops))
    weight = np.repeat([0.9, 0.1], len(crops))  # of ten things that the detector finds nine are faces

    def cost(p: Array) -> float:
        return float((weight * np.logaddexp(0, sign * (distance - p[0]) / np.exp(p[1]))).mean())

    middle, width = minimize(cost, [10.0, 0.5], method="Nelder-Mead").x
    width = max(float(np.exp(width)), LEAST_WIDTH)
    lost, refused = (100 * np.mean(np.array(f) > middle) for f in found)
    print(f"distance {middle:.1f} mm: {lost:.1f} % of the faces lie beyond, {100 - refused:.1f} % of the places do not")
    return [round(float(middle), 2), round(width, 2)]


def _from_run(options: argparse.Namespace) -> tuple[keras.Model, dict[str, Any], list[Image]]:
    """Network, description and real crops to check on, of a run's checkpoint."""
    from .. import networks
    from ..common.files import load_checkpoint
    from ..datasets import PhotoFolder
    from ..training import TrainingConfig
    from ..training.origin import describe_run

    info = load_checkpoint(options.run / "checkpoint.bin")[1]
    origin = describe_run(info.get("origin"), options.licence)
    kind, crops = info["origin"]["data"][0], []
    if kind == "own photos":
        if options.photos is None:
            raise ValueError("give --photos, the photos that the run was trained on: the export is checked on them")
        photos = PhotoFolder(options.photos)
        crops = _crops(photos, range(len(photos))[:EXAMPLES])  # the few that are held out tell too little
    elif kind == "AFLW":
        crops = _held_out_crops(options.aflw_train)
    config = TrainingConfig(**info["config"])
    model = getattr(networks, config.network)(**config.network_options)
    model.load_weights(options.run / options.weights)
    return model, {"recipe": info["config"]} | origin, crops


def _from_statement(options: argparse.Namespace) -> tuple[keras.Model, dict[str, Any], list[Image]]:
    """The same of a file of weights alone, by what a TOML file states of it."""
    from .. import networks
    from ..training.origin import read_statement

    origin = read_statement(options.origin)
    model = getattr(networks, origin.pop("network"))(**origin.pop("network_options"))
    model.load_weights(options.weights)
    return model, origin, _held_out_crops(options.aflw_train) if origin.pop("photos") else []


def _held_out_crops(folder: str | None) -> list[Image]:
    """Crops of photos of AFLW that no training saw."""
    from ..datasets import AFLWTrain

    photos = AFLWTrain(folder_option(folder, "LPRNET_AFLW_TRAIN", "training photos, on which the export is checked"))
    return _crops(photos, np.flatnonzero(photos.held_out & (photos.trust > 0))[:EXAMPLES])


def _crops(photos: Any, rows: Any) -> list[Image]:
    from ..geometry import crop_matrix, landmark_box, warp_image

    return [warp_image(photos.image(i), crop_matrix(landmark_box(photos.landmarks[i]))) for i in rows]


def _head_angle_network(source: str) -> keras.Model | bytes:
    """A head-angle network to go into the file: from a ``.h5`` file, or, ready, that of other finished weights."""
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
    from ..training.origin import UNKNOWN

    one = commands.add_parser(
        "export",
        help="a training run as a .tflite file",
        description=export.__doc__,
        epilog=EXPORT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = one.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="folder of lprnet train")
    source.add_argument("--origin", type=Path, help="a TOML file that states the origin of --weights")
    one.add_argument(
        "--weights", default="best.weights.h5", help="file of the run (%(default)s), or path of those with an --origin"
    )
    one.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the .tflite file")
    one.add_argument("--aflw-train", help="folder of training photos (else LPRNET_AFLW_TRAIN)")
    one.add_argument("--photos", type=Path, help="the run's own photos (lprnet train --photos)")
    one.add_argument("--licence", default=UNKNOWN, help="of weights that were trained on --photos")
    one.add_argument(
        "--head-angle",
        metavar="WEIGHTS",
        help="what lprnet train-head-angle wrote, or weights to take it from; goes into the same file",
    )
    one.set_defaults(function=export)
