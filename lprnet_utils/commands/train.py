"""lprnet train, synthesize and convert-300wlp."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from .options import add_parallel_options, folder_option


def train(options: argparse.Namespace) -> int:
    """Train a network on photos, synthetic or real, or go on with a run that was stopped."""
    from importlib.util import find_spec

    if find_spec("keras") is None:
        raise RuntimeError("training needs Keras and a backend of it: pip install 'lprnet_utils[train]'")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from .. import networks
    from ..datasets.sources import Mixture
    from ..training.recipes import TrainingConfig
    from ..training.trainer import Trainer

    config = TrainingConfig.load(options.config, options.set)
    mixed = 0 < config.synthetic < 1
    if config.synthetic and not options.shards:
        raise SystemExit(f"lprnet: recipe {options.config} takes synthetic photos: give --shards (lprnet synthesize)")
    if options.shards and not mixed and (options.photos or options.aflw_train):
        raise SystemExit("lprnet: with --shards, the photos would not be used: set the shards' share, synthetic = 0.5")
    with_photos = mixed or not options.shards
    photos = None
    if with_photos:
        photos = options.photos or folder_option(options.aflw_train, "LPRNET_AFLW_TRAIN", "training photos")
    # before the photos are fitted: it may refuse the run
    import keras

    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    if options.deterministic:
        if keras.backend.backend() != "tensorflow":
            raise SystemExit(f"lprnet: --deterministic is TensorFlow's; the backend is {keras.backend.backend()}")
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    model = getattr(networks, config.network)(**config.network_options)
    origin = {"start": _start_run(model, options.start) if options.start else None}
    origin["data"] = ["own photos" if options.photos else "AFLW"] * with_photos
    if options.shards:
        origin["data"].append("300W-LP" if (options.shards / "model.bin").exists() else "synthetic")
    trainer = Trainer(model, config, options.run, options.tensorboard, origin)
    size = model.input_shape[1]
    if options.shards:
        from ..datasets.shards import Shards

        source, validation = Shards(options.shards, size), Shards(options.shards, size, held_out=True)
    if with_photos:
        real, validation = _fitted_photos(photos, config, options.labels, bool(options.photos), size)
        source = Mixture([real, source], [1 - config.synthetic, config.synthetic]) if mixed else real
    print(f"training from sample {trainer.sample} of {config.samples}; after Ctrl-C or a kill the same command goes on "
          f"from the last checkpoint, one every {config.checkpoint_every} samples", flush=True)  # fmt: skip
    best = trainer.run(source, validation, stop_after=options.stop_after)
    print(f"best held-out NME {best:.3f} %; weights in {options.run}")
    return 0


def _start_run(model, weights: str) -> dict[str, str | list[str]]:
    """Begin with the weights of an earlier run, or with a finished file; returns what is known of these."""
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


def _fitted_photos(folder: Path, config, labels: Path | None, own: bool, size: int) -> list:
    """Real photos with fitted maps, AFLW's or one's own: those to train on and those held out."""
    import numpy as np

    from ..datasets.aflw import AFLWTrain
    from ..datasets.photo_folder import PhotoFolder
    from ..datasets.sources import FittedPhotos, fit_photos
    from ..geometry.landmarks import expressive

    photos, sources = PhotoFolder(folder) if own else AFLWTrain(folder, labels=labels), []
    for name, problem in getattr(photos, "problems", {}).items():
        print(f"lprnet: {name} left out: {problem}", file=sys.stderr)
    if len(photos) < 2:
        raise ValueError(f"{folder} holds one photo: one more is needed, since one is held out to choose by")
    for chosen in (~photos.held_out, photos.held_out):
        rows = np.flatnonzero(chosen & (photos.trust > 0))
        print(f"fitting the face model to {len(rows)} photos", flush=True)
        weights = photos.trust[rows] if config.trust else np.ones(len(rows))
        weights = weights * np.where(np.abs(photos.yaw[rows]) > 60, config.profile_weight, 1.0)  # rare and hard
        weights = weights * np.where(expressive(photos.landmarks[rows]), config.expressive_weight, 1.0)
        sources.append(FittedPhotos(photos, rows, fit_photos(photos, rows), weights, size))
    return sources


def synthesize(options: argparse.Namespace) -> int:
    """Make synthetic training pairs, as shards; killed, it goes on with the shards that are missing."""
    from tqdm import tqdm

    from ..datasets.shards import SHARD
    from ..synthetic import synthesize

    total = -(-options.samples // SHARD)
    bar = partial(tqdm, total=total, unit="shard")
    synthesize(options.folder, options.samples, options.seed, options.workers, bar, options.dask)
    print(f"{total * SHARD} pairs in {options.folder}")
    return 0


def convert_300wlp(options: argparse.Namespace) -> int:
    """Turn 300W-LP and the Basel Face Model into training shards; killed, it goes on with those that are missing."""
    from tqdm import tqdm

    from ..datasets.w300lp import convert_300wlp
    from ..morphable_model.model import MorphableModel

    source = folder_option(options.source, "LPRNET_300WLP", "copy of 300W-LP")
    basel = MorphableModel.from_basel(*options.basel)
    convert_300wlp(source, options.folder, basel, options.workers, partial(tqdm, unit="shard"), options.dask)
    return 0


def train_head_angle(options: argparse.Namespace) -> int:
    """Train the small network that tells how far a head leans; lprnet export takes it along."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from ..datasets.aflw import AFLWTrain
    from ..training.head_angle import train_head_angle

    photos = None
    if options.real:
        photos = AFLWTrain(folder_option(options.aflw_train, "LPRNET_AFLW_TRAIN", "training photos"))
    train_head_angle(options.shards, options.output, photos, options.samples)
    return 0


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet train``, ``train-head-angle``, ``synthesize`` and ``convert-300wlp``."""
    one = commands.add_parser("train", help="train a network", description=train.__doc__)
    one.add_argument("--config", default="published-wild", help="a bundled recipe or a TOML file (%(default)s)")
    one.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoints, log, weights")
    one.add_argument("--aflw-train", help="folder of training photos (else LPRNET_AFLW_TRAIN)")
    one.add_argument("--photos", type=Path, help="photos of your own instead, each with 68 points: anna.jpg, anna.pts")
    one.add_argument("--labels", type=Path, help="landmarks of the training photos from this file (of relabel.py)")
    one.add_argument("--shards", type=Path, help="train on shards (lprnet synthesize), or mix them in by the recipe")
    one.add_argument(
        "--start",
        metavar="WEIGHTS",
        help="weights to begin with: best.weights.h5 of a run, or, where the recipe's network is not normalised, "
        "bundled ones by name or a .tflite file",
    )
    one.add_argument(
        "--set", action="append", default=[], metavar="LINE", help="a line instead of the recipe's: 'loss = \"l2\"'"
    )
    one.add_argument("--stop-after", type=int, help="stop with a checkpoint after so many steps")
    one.add_argument("--tensorboard", action="store_true", help="write the log for TensorBoard too")
    one.add_argument(
        "--deterministic", action="store_true", help="the same bits each time, on TensorFlow; a little slower"
    )
    one.set_defaults(function=train)

    one = commands.add_parser("synthesize", help="make synthetic training data", description=synthesize.__doc__)
    one.add_argument("folder", type=Path, help="gets the shards, of 1,024 pairs and about 6 MB each")
    one.add_argument("--samples", type=int, default=51_200, help="how many pairs, rounded up to shards (%(default)s)")
    one.add_argument("--seed", type=int, default=0)
    add_parallel_options(one)
    one.set_defaults(function=synthesize)

    one = commands.add_parser("convert-300wlp", help="300W-LP to training data", description=convert_300wlp.__doc__)
    one.add_argument("folder", type=Path, help="gets the shards, and the registered Basel model")
    one.add_argument("--source", help="folder of 300W-LP (else LPRNET_300WLP)")
    one.add_argument("--basel", type=Path, nargs="+", required=True, help="BFM.mat, or Model_Shape.mat Model_Exp.mat")
    add_parallel_options(one)
    one.set_defaults(function=convert_300wlp)

    one = commands.add_parser(
        "train-head-angle", help="train the head-angle network", description=train_head_angle.__doc__
    )
    one.add_argument("shards", type=Path, help="folder of lprnet synthesize")
    one.add_argument("output", type=Path, help="a .weights.h5 file")
    one.add_argument("--real", action="store_true", help="real photos for 7 samples of 10")
    one.add_argument("--aflw-train", help="folder of these photos (else LPRNET_AFLW_TRAIN)")
    one.add_argument("--samples", type=int, default=3_000_000, help="(%(default)s)")
    one.set_defaults(function=train_head_angle)
