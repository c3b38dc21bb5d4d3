"""lprnet train and train-head-angle, and synthesize and convert-300wlp, which make training data in shards."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from .options import (
    AT_LEAST_1,
    SEED,
    add_command,
    add_shared,
    aflw_train_folder,
    bounded,
    counted,
    folder_option,
    new_folder,
    tell_left_out,
)

if TYPE_CHECKING:
    import keras

    from ..datasets.sources import FittedPhotos, Source
    from ..training.recipes import TrainingConfig
    from ..training.trainer import Trainer


def train(arguments: argparse.Namespace) -> int:
    """Train a network on synthetic or real photos, or continue a run that was stopped."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from ..common.files import make_folder, only_process
    from ..training.recipes import TrainingConfig

    config = TrainingConfig.load(arguments.config, arguments.set)
    photos = _photo_folder(arguments, config)
    is_new = not arguments.run.exists()
    make_folder(arguments.run)
    try:
        with only_process(arguments.run):  # before Keras is loaded and the photos are fitted, which take long
            return _train(arguments, config, photos)
    finally:
        if is_new:
            with suppress(OSError):  # it is not empty
                arguments.run.rmdir()


def _train(arguments: argparse.Namespace, config: TrainingConfig, photos: Path | None) -> int:
    """Train by a recipe on the photos in a folder, on shards, or on both."""
    from .. import networks
    from ..datasets.sources import Mixture
    from ..datasets.surfaces import POSED
    from ..training.device import accelerator
    from ..training.recipes import CLOSE_UPS
    from ..training.trainer import Trainer

    _set_up_keras(config, arguments.deterministic)
    model = getattr(networks, config.network)(**config.network_options)
    if config.network in CLOSE_UPS:
        return _train_closer_look(arguments, config, model)
    origin = {"start": _load_starts(model, arguments.start)}
    origin["data"] = ["own photos" if arguments.photos else "AFLW"] if photos else []
    if arguments.shards:
        origin["data"].append("300W-LP" if (arguments.shards / "model.bin").exists() else "synthetic")
    # made before the photos are fitted, which takes long: it may refuse the run
    device = None if config.chart in POSED else accelerator()  # which makes linear maps alone
    trainer = Trainer(model, config, arguments.run, arguments.tensorboard, origin, on_device=device is not None)
    size = model.input_shape[1]
    if arguments.shards:
        source, validation = _shards(arguments, size)
    if photos:
        real, validation = _fitted_photos(photos, arguments, config, size)
        source = Mixture([real, source], [1 - config.synthetic, config.synthetic]) if arguments.shards else real
    print(f"training on {device or 'the processor'}, with batches made there; the bar says how long it will take")
    return _run(trainer, source, validation, arguments)


def _run(trainer: Trainer, source: Any, validation: Any, arguments: argparse.Namespace) -> int:
    """Train to the end of the recipe, and say what came out."""
    config = trainer.config
    print(f"training from sample {trainer.sample} of {config.samples}; after Ctrl-C or a kill the same command goes on "
          f"from the last checkpoint, one every {config.checkpoint_every} samples", flush=True)  # fmt: skip
    best = trainer.run(source, validation, stop_after=arguments.stop_after)
    print(f"best held-out {trainer.task.error_name} {best:.3f} %; weights in {arguments.run}")
    return 0


def _train_closer_look(arguments: argparse.Namespace, config: TrainingConfig, model: keras.Model) -> int:
    """Train a network of the closer look on close-ups."""
    from ..datasets.closeups import CloseUps
    from ..training.closer_look import CloseUpTask
    from ..training.recipes import CLOSE_UPS
    from ..training.trainer import Trainer

    if arguments.stream:
        raise ValueError(f"{config.network} trains on shards that are complete: leave --stream out")
    kind = CLOSE_UPS[config.network]
    source, validation = CloseUps(arguments.shards, kind), CloseUps(arguments.shards, kind, held_out=True)
    task = CloseUpTask(kind, config)
    origin = {"start": _load_starts(model, arguments.start), "data": ["synthetic"]}
    if not arguments.start and not (arguments.run / "checkpoint.bin").exists():
        task.prepare(model, source)
    trainer = Trainer(model, config, arguments.run, arguments.tensorboard, origin, task=task)
    done = _run(trainer, source, validation, arguments)
    model.set_weights(trainer.average)  # which the run has saved
    for name, value in task.measure(model, validation).items():
        print(f"  {name}: {value:.3f}")
    return done


def _shards(arguments: argparse.Namespace, size: int) -> tuple[Source, Source]:
    """The pairs to train on and the held-out pairs of a folder of shards."""
    if arguments.stream is None:
        from ..datasets.shards import Shards

        return Shards(arguments.shards, size), Shards(arguments.shards, size, held_out=True)
    from ..datasets.shard_stream import ShardStream
    from ..training.store import shards_that_fit

    record = arguments.run / "shards.csv"
    keep = arguments.keep or ShardStream.kept_before(record) or shards_that_fit(size)
    begin = min(arguments.stream, keep)
    print(f"waiting for {begin + 1} shards in {arguments.shards}; up to {keep} are kept in memory", flush=True)
    stream = ShardStream(arguments.shards, size, begin, keep, record)
    return stream, stream.held_out


def _photo_folder(arguments: argparse.Namespace, config: TrainingConfig) -> Path | None:
    """The folder of real photos to train on; None for shards alone. ValueError if data do not fit the recipe."""
    from ..common.assets import existing_folder
    from ..common.files import make_folder

    mixed = 0 < config.synthetic < 1
    if config.synthetic and not arguments.shards:
        raise ValueError(f"recipe {arguments.config} takes synthetic photos: give --shards (lprnet synthesize)")
    if arguments.keep and not arguments.stream:
        raise ValueError("--keep is how many shards --stream keeps: give --stream too")
    if arguments.stream:
        if not arguments.shards:
            raise ValueError("--stream reads shards: give --shards (lprnet synthesize)")
        make_folder(arguments.shards)  # the command that fills it may only just have started
    elif arguments.shards:
        existing_folder(arguments.shards)
    if arguments.shards and not mixed:
        if arguments.photos or arguments.aflw_train:
            raise ValueError("with --shards, the photos would not be used: set the shards' share, synthetic = 0.5")
        return None
    if arguments.photos:
        return existing_folder(arguments.photos)
    ways = "--photos FOLDER or --aflw-train FOLDER, or another recipe with --shards"
    return aflw_train_folder(arguments.aflw_train, ways=ways)


def _set_up_keras(config: TrainingConfig, deterministic: bool) -> None:
    import keras

    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    if deterministic:
        if keras.backend.backend() != "tensorflow":
            raise ValueError(f"--deterministic is TensorFlow's; the backend is {keras.backend.backend()}")
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _load_starts(model: keras.Model, files: list[str] | None) -> dict[str, str | list[str]] | None:
    """Load the mean of the weights of several files; returns what is known of their origin, None without files.

    Runs that began with the same weights lie in one valley of the loss, and their mean often does better than each of
    them, above all on pictures of another kind (M. Wortsman and others, Model soups, ICML 2022). ValueError if the
    files have different licences, for the mean could state neither, or different layers that no training changes.
    """
    if not files:
        return None
    known, weights, fixed = [], [], []
    for file in files:
        known.append(_load_start(model, file))
        weights.append(model.get_weights())
        fixed.append([array for layer in model.layers if not layer.trainable for array in layer.get_weights()])
        if not all(np.allclose(a, b, rtol=1e-2, atol=1e-4) for a, b in zip(fixed[0], fixed[-1], strict=True)):
            raise ValueError(f"{files[0]} and {file} did not begin with the same weights: their layers that no "
                             "training changes differ, and a mean of these means nothing")  # fmt: skip
        if known[-1].get("licence") != known[0].get("licence"):
            raise ValueError(f"{files[0]} and {file} have different licences: begin with one of them")
    model.set_weights([np.mean(arrays, 0) for arrays in zip(*weights, strict=True)])
    if len(files) == 1:
        return known[0]
    told = dict.fromkeys(start["training_data"] for start in known if "training_data" in start)
    notices = list(dict.fromkeys(notice for start in known for notice in start.get("notices", [])))
    names = " and ".join(start["weights"] for start in known)
    merged = {"weights": f"the mean of {names}", "training_data": " ".join(told), "notices": notices}
    return known[0] | {name: value for name, value in merged.items() if value}


def _load_start(model: keras.Model, weights: str) -> dict[str, str | list[str]]:
    """Load the weights of an earlier run or of a finished file; returns their licence and training data if known."""
    if weights.endswith(".h5"):
        model.load_weights(weights)
        return _origin_of_run(Path(weights))
    from ..common.litert import read_metadata, read_weights
    from ..networks import load_litert
    from ..training.recipes import CLOSE_UPS
    from ..uv.encoding import check_span

    data = read_weights(weights)[1]
    known = read_metadata(data, weights)
    if known.get("network") not in CLOSE_UPS:  # these make no maps
        check_span(known, weights)
    load_litert(model, data)
    terms = "licence", "training_data", "notices"
    return {"weights": weights} | {name: known[name] for name in terms if name in known}


def _origin_of_run(weights: Path) -> dict[str, str | list[str]]:
    """Name of weights in a run's folder, with their licence and training data if a checkpoint lies beside them."""
    from ..common.files import load_checkpoint
    from ..training.origin import NOT_STATED, describe_run

    run = weights.resolve().parent
    named = {"weights": f"{run.name}/{weights.name}"}  # no path of whoever's machine it is
    checkpoint = run / "checkpoint.bin"
    if not checkpoint.exists() or not (origin := load_checkpoint(checkpoint)[1].get("origin")):
        return named
    return named | describe_run(origin, NOT_STATED)


def _fitted_photos(
    folder: Path, arguments: argparse.Namespace, config: TrainingConfig, size: int
) -> list[FittedPhotos]:
    """Real photos (AFLW's or the user's own) with fitted position maps: those to train on and those held out."""
    from ..datasets.aflw import AFLWTrain
    from ..datasets.photo_folder import PhotoFolder
    from ..datasets.sources import FittedPhotos, fit_photos
    from ..geometry.landmarks import is_expressive
    from ..uv.layout import UVLayout

    photos = PhotoFolder(folder) if arguments.photos else AFLWTrain(folder, labels=arguments.labels)
    layout = UVLayout() if arguments.photos else UVLayout.of_labels()
    tell_left_out(photos, getattr(photos, "problems", {}))
    if len(photos) < 2:
        raise ValueError(f"{folder} holds one photo: one more is needed, since one is held out to choose by")
    sources = []
    for chosen, purpose in ((~photos.held_out, "to train on"), (photos.held_out, "held out to choose by")):
        rows = np.flatnonzero(chosen & (photos.trust > 0))
        print(f"fitting the face model to {counted(len(rows), 'photo')} {purpose}", flush=True)
        weights = photos.trust[rows] if config.trust else np.ones(len(rows))
        weights = weights * np.where(np.abs(photos.yaw[rows]) > 60, config.profile_weight, 1.0)  # rare and difficult
        weights = weights * np.where(is_expressive(photos.landmarks[rows]), config.expressive_weight, 1.0)
        sources.append(FittedPhotos(photos, rows, fit_photos(photos.landmarks[rows], layout), weights, size))
    return sources


def train_head_angle(arguments: argparse.Namespace) -> int:
    """Train the small network that measures how far a head leans. lprnet export adds it to a weights file."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from ..datasets.aflw import AFLWTrain
    from ..training.head_angle import train_head_angle

    photos = AFLWTrain(aflw_train_folder(arguments.aflw_train)) if arguments.real else None
    train_head_angle(arguments.shards, arguments.output, photos, arguments.samples)
    return 0


def synthesize(arguments: argparse.Namespace) -> int:
    """Make synthetic training pairs in shards. After a kill the same command makes the missing shards."""
    from ..datasets.shards import SHARD_SIZE
    from ..synthetic import synthesize

    shards = -(-arguments.samples // SHARD_SIZE)
    bar = partial(tqdm, total=shards, unit="shard")
    synthesize(
        arguments.folder, arguments.samples, arguments.seed, arguments.workers, bar, arguments.dask, arguments.generator
    )
    print(f"{shards * SHARD_SIZE} pairs in {arguments.folder}")
    return 0


def convert_300wlp(arguments: argparse.Namespace) -> int:
    """Convert 300W-LP and the Basel Face Model to shards. After a kill the same command makes the missing shards."""
    from ..datasets.w300lp import convert_300wlp
    from ..morphable_model.readers import read_basel

    if len(arguments.basel) > 2:
        raise ValueError(f"--basel takes one file or two, not {len(arguments.basel)}")
    source = folder_option(arguments.source, "LPRNET_300WLP", "copy of 300W-LP")
    bar = partial(tqdm, unit="shard")
    convert_300wlp(source, arguments.folder, read_basel(*arguments.basel), arguments.workers, bar, arguments.dask)
    return 0


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet train``, ``train-head-angle``, ``synthesize`` and ``convert-300wlp``."""
    parser = add_command(commands, "train", train, "train a network")
    add = parser.add_argument
    add("--config", default="published-wild", help="a bundled recipe, such as lite-open, or a TOML file (%(default)s)")
    add("--run", type=new_folder, required=True, help="folder of the run: checkpoints, log, weights")
    add_shared(parser, "--aflw-train")
    add("--photos", type=Path, help="your own photos instead, each with 68 points: anna.jpg, anna.pts")
    add("--labels", type=Path, help="landmarks of the training photos (a file of relabel.py)")
    add("--shards", type=Path, help="train on shards (lprnet synthesize), or mix them with photos as the recipe says")
    more = (
        "read the shards while it trains, also those that are still being made: begin when N are there (%(const)s), "
        "and keep the newest in memory"
    )
    add("--stream", type=AT_LEAST_1, nargs="?", const=16, metavar="N", help=more)
    add("--keep", type=AT_LEAST_1, metavar="N", help="shards to keep, 50 MB each on a GPU (what fits, at most 500)")
    start = (
        "weights to begin with: best.weights.h5 of a run or, if the recipe's network is not normalised, bundled "
        "weights by name or a .tflite file; of several files their mean"
    )
    add("--start", metavar="WEIGHTS", nargs="+", help=start)
    add("--set", action="append", default=[], metavar="LINE", help="replace a line of the recipe: 'loss = \"l2\"'")
    add("--stop-after", type=AT_LEAST_1, metavar="N", help="write a checkpoint and stop after N steps")
    add("--tensorboard", action="store_true", help="also write the log for TensorBoard")
    add("--deterministic", action="store_true", help="the same bits in each run, with TensorFlow; a little slower")

    parser = add_command(commands, "train-head-angle", train_head_angle, "train the head-angle network")
    parser.add_argument("shards", type=Path, help="folder of lprnet synthesize")
    parser.add_argument("output", type=Path, help="a .weights.h5 file")
    parser.add_argument("--real", action="store_true", help="take 7 of 10 samples from real photos")
    add_shared(parser, "--aflw-train")
    parser.add_argument("--samples", type=AT_LEAST_1, default=3_000_000, help="samples to train on (%(default)s)")

    parser = add_command(commands, "synthesize", synthesize, "make synthetic training data")
    parser.add_argument("folder", type=new_folder, help="for the shards, about 6 MB for 1,024 pairs each")
    count = "number of pairs, rounded up to shards (%(default)s)"
    parser.add_argument("--samples", type=bounded(1, 10**9), default=51_200, help=count)
    parser.add_argument("--seed", type=SEED, default=0, help="seed of people, light and places (%(default)s)")
    kinds = (
        "mixed: also shapes of scanned people and the light of real places; free: the same without a statistic of "
        "photos; plain: without these; close: close-ups of eyes and mouths; head: heads from all around; hand: right "
        "hands (%(default)s)"
    )
    names = "mixed", "free", "plain", "close", "head", "hand"
    parser.add_argument("--generator", choices=names, default="mixed", help=kinds)
    add_shared(parser, "--workers", "--dask")

    parser = add_command(commands, "convert-300wlp", convert_300wlp, "300W-LP to training data")
    parser.add_argument("folder", type=new_folder, help="for the shards and the registered Basel model")
    parser.add_argument("--source", help="folder of 300W-LP (else LPRNET_300WLP)")
    files = "BFM.mat, or Model_Shape.mat Model_Exp.mat"
    parser.add_argument("--basel", type=Path, nargs="+", required=True, help=files)
    add_shared(parser, "--workers", "--dask")
