"""lprnet train and train-head-angle."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .options import add_aflw_train_option, aflw_train_folder

if TYPE_CHECKING:
    import keras

    from ..datasets.sources import FittedPhotos
    from ..training.recipes import TrainingConfig


def train(arguments: argparse.Namespace) -> int:
    """Train a network on synthetic or real photos, or continue a run that was stopped."""
    from importlib.util import find_spec

    if find_spec("keras") is None:
        raise RuntimeError("training needs Keras and a backend of it: pip install 'lprnet_utils[train]'")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from .. import networks
    from ..datasets.sources import Mixture
    from ..training.recipes import TrainingConfig
    from ..training.trainer import Trainer

    config = TrainingConfig.load(arguments.config, arguments.set)
    photos = _photo_folder(arguments, config)
    _set_up_keras(config, arguments.deterministic)
    model = getattr(networks, config.network)(**config.network_options)
    origin = {"start": _load_start(model, arguments.start) if arguments.start else None}
    origin["data"] = ["own photos" if arguments.photos else "AFLW"] if photos else []
    if arguments.shards:
        origin["data"].append("300W-LP" if (arguments.shards / "model.bin").exists() else "synthetic")
    # made before the photos are fitted, which takes long: it may refuse the run
    trainer = Trainer(model, config, arguments.run, arguments.tensorboard, origin)
    size = model.input_shape[1]
    if arguments.shards:
        from ..datasets.shards import Shards

        source, validation = Shards(arguments.shards, size), Shards(arguments.shards, size, held_out=True)
    if photos:
        real, validation = _fitted_photos(photos, config, arguments.labels, bool(arguments.photos), size)
        source = Mixture([real, source], [1 - config.synthetic, config.synthetic]) if arguments.shards else real
    print(f"training from sample {trainer.sample} of {config.samples}; after Ctrl-C or a kill the same command goes on "
          f"from the last checkpoint, one every {config.checkpoint_every} samples", flush=True)  # fmt: skip
    best = trainer.run(source, validation, stop_after=arguments.stop_after)
    print(f"best held-out NME {best:.3f} %; weights in {arguments.run}")
    return 0


def _photo_folder(arguments: argparse.Namespace, config: TrainingConfig) -> Path | None:
    """The folder of real photos to train on; None for shards alone. SystemExit if data do not fit the recipe."""
    mixed = 0 < config.synthetic < 1
    if config.synthetic and not arguments.shards:
        raise SystemExit(f"lprnet: recipe {arguments.config} takes synthetic photos: give --shards (lprnet synthesize)")
    if arguments.shards and not mixed:
        if arguments.photos or arguments.aflw_train:
            raise SystemExit(
                "lprnet: with --shards, the photos would not be used: set the shards' share, synthetic = 0.5"
            )
        return None
    return arguments.photos or aflw_train_folder(arguments.aflw_train)


def _set_up_keras(config: TrainingConfig, deterministic: bool) -> None:
    import keras

    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    if deterministic:
        if keras.backend.backend() != "tensorflow":
            raise SystemExit(f"lprnet: --deterministic is TensorFlow's; the backend is {keras.backend.backend()}")
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _load_start(model: keras.Model, weights: str) -> dict[str, str | list[str]]:
    """Load the weights of an earlier run or of a finished file; returns their licence and training data if known."""
    if weights.endswith(".h5"):
        model.load_weights(weights)
        return {"weights": weights}
    from ..common.litert import read_metadata, read_weights
    from ..networks import load_litert
    from ..uv.encoding import check_span

    data = read_weights(weights)[1]
    known = read_metadata(data, weights)
    check_span(known, weights)
    load_litert(model, data)
    terms = "licence", "training_data", "notices"
    return {"weights": weights} | {name: known[name] for name in terms if name in known}


def _fitted_photos(
    folder: Path, config: TrainingConfig, labels: Path | None, own: bool, size: int
) -> list[FittedPhotos]:
    """Real photos (AFLW's or the user's own) with fitted position maps: those to train on and those held out."""
    import numpy as np

    from ..datasets.aflw import AFLWTrain
    from ..datasets.photo_folder import PhotoFolder
    from ..datasets.sources import FittedPhotos, fit_photos
    from ..geometry.landmarks import is_expressive

    photos, sources = PhotoFolder(folder) if own else AFLWTrain(folder, labels=labels), []
    for name, problem in getattr(photos, "problems", {}).items():
        print(f"lprnet: {name} left out: {problem}", file=sys.stderr)
    if len(photos) < 2:
        raise ValueError(f"{folder} holds one photo: one more is needed, since one is held out to choose by")
    for chosen in (~photos.held_out, photos.held_out):
        rows = np.flatnonzero(chosen & (photos.trust > 0))
        print(f"fitting the face model to {len(rows)} photos", flush=True)
        weights = photos.trust[rows] if config.trust else np.ones(len(rows))
        weights = weights * np.where(np.abs(photos.yaw[rows]) > 60, config.profile_weight, 1.0)  # rare and difficult
        weights = weights * np.where(is_expressive(photos.landmarks[rows]), config.expressive_weight, 1.0)
        sources.append(FittedPhotos(photos, rows, fit_photos(photos.landmarks[rows]), weights, size))
    return sources


def train_head_angle(arguments: argparse.Namespace) -> int:
    """Train the small network that measures how far a head leans. lprnet export adds it to a weights file."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from ..datasets.aflw import AFLWTrain
    from ..training.head_angle import train_head_angle

    photos = AFLWTrain(aflw_train_folder(arguments.aflw_train)) if arguments.real else None
    train_head_angle(arguments.shards, arguments.output, photos, arguments.samples)
    return 0


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet train`` and ``train-head-angle``."""
    parser = commands.add_parser("train", help="train a network", description=train.__doc__)
    parser.add_argument("--config", default="published-wild", help="a bundled recipe or a TOML file (%(default)s)")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoints, log, weights")
    add_aflw_train_option(parser)
    parser.add_argument("--photos", type=Path, help="your own photos instead, each with 68 points: anna.jpg, anna.pts")
    parser.add_argument("--labels", type=Path, help="landmarks of the training photos (a file of relabel.py)")
    parser.add_argument(
        "--shards", type=Path, help="train on shards (lprnet synthesize), or mix them with photos as the recipe says"
    )
    parser.add_argument(
        "--start",
        metavar="WEIGHTS",
        help="weights to begin with: best.weights.h5 of a run or, if the recipe's network is not normalised, bundled "
        "weights by name or a .tflite file",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="LINE", help="replace a line of the recipe: 'loss = \"l2\"'"
    )
    parser.add_argument("--stop-after", type=int, metavar="N", help="write a checkpoint and stop after N steps")
    parser.add_argument("--tensorboard", action="store_true", help="also write the log for TensorBoard")
    parser.add_argument(
        "--deterministic", action="store_true", help="the same bits in each run, with TensorFlow; a little slower"
    )
    parser.set_defaults(function=train)

    parser = commands.add_parser(
        "train-head-angle", help="train the head-angle network", description=train_head_angle.__doc__
    )
    parser.add_argument("shards", type=Path, help="folder of lprnet synthesize")
    parser.add_argument("output", type=Path, help="a .weights.h5 file")
    parser.add_argument("--real", action="store_true", help="take 7 of 10 samples from real photos")
    add_aflw_train_option(parser)
    parser.add_argument("--samples", type=int, default=3_000_000, help="(%(default)s)")
    parser.set_defaults(function=train_head_angle)
