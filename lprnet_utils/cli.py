"""The command ``lprnet``: the package's functions for whoever does not write Python.

Exit status: 0 all went well, 1 some of it failed and the rest was done, 2 nothing was done, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path


def _folder(value: str | None, variable: str, what: str) -> Path:
    """A data folder from an option or else an environment variable, or a clear error."""
    value = value or os.environ.get(variable)
    if not value:
        raise SystemExit(f"lprnet: no {what}: give its folder as an option, or set {variable}")
    folder = Path(value)
    if not folder.is_dir():
        raise SystemExit(f"lprnet: {folder} is not a folder ({what})")
    return folder


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def photo(options: argparse.Namespace) -> int:
    """3D faces of photos, as files: meshes, avatars, landmarks and more."""
    import warnings

    from tqdm import tqdm

    from . import batch

    # joblib takes the memory of the z-buffer's compiler for a leak, and starts a new worker: no harm
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    kinds = [kind for kind in batch.KINDS if getattr(options, kind)] or batch.USUAL
    report = batch.process_photos(
        options.photos, options.output, kinds, options.weights, options.passes, options.max_faces, options.small,
        options.workers, options.dask, partial(tqdm, unit="photo"),
    )  # fmt: skip
    before = f", {report.skipped} had been before" if report.skipped else ""
    print(f"{_count(report.done, 'photo')} done{before}; {_count(report.faces, 'face')} in {options.output}")
    if none := report.without_face:
        print(f"no face in {len(none)}: {', '.join(none[:10])}{', ...' * (len(none) > 10)} (all in report.json)")
    for name, reason in report.failed.items():
        print(f"lprnet: {reason if name in reason else f'{name}: {reason}'}", file=sys.stderr)
    print(f"lprnet: {_count(len(report.failed), 'photo')} failed\n" * bool(report.failed), end="", file=sys.stderr)
    return int(bool(report.failed or (options.require_face and report.without_face)))


def video(options: argparse.Namespace) -> int:
    """The same video with its faces drawn over it and a turning 3D face beside it; sound is kept."""
    from .inference import LPRNet
    from .video import RECORDS, annotate_video

    target, record = options.output, options.record
    if target.suffix.lower() in RECORDS and record is None:
        target, record = None, target
    report = annotate_video(
        options.video, target, LPRNet(options.weights), options.overlay, options.turn, not options.clay, record,
        options.max_faces, not options.no_smoothing, options.fps, options.height,
    )  # fmt: skip
    found = f"{_count(report.faces, 'face')}, in {report.frames_with_faces} of {_count(report.frames, 'frame')}"
    print(f"{found}; {' and '.join(str(p) for p in (target, record) if p)}")
    for note in report.notes:
        print(f"lprnet: {note}", file=sys.stderr)
    return int(options.require_face and not report.faces)


def app(options: argparse.Namespace) -> int:
    """The applet in your browser: a photo, its 3D face with sliders, files to download; Ctrl-C ends it."""
    from importlib.util import find_spec

    if missing := [name for name in ("ipywidgets", "plotly", "voila") if find_spec(name) is None]:
        raise RuntimeError(f"the applet needs {' and '.join(missing)}: pip install 'lprnet_utils[lab]'")
    from .applet import serve

    serve(options.port, not options.no_browser, options.weights)
    return 0


def train(options: argparse.Namespace) -> int:
    """Train a network on photos, synthetic or real, or go on with a run that was stopped."""
    from importlib.util import find_spec

    if find_spec("keras") is None:
        raise RuntimeError("training needs Keras and a backend of it: pip install 'lprnet_utils[train]'")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from . import networks
    from .batches import Mixture
    from .recipes import TrainingConfig
    from .training import Trainer

    config = TrainingConfig.load(options.config, options.set)
    mixed = 0 < config.synthetic < 1
    if config.synthetic and not options.shards:
        raise SystemExit(f"lprnet: recipe {options.config} takes synthetic photos: give --shards (lprnet synthesize)")
    if options.shards and not mixed and (options.photos or options.aflw_train):
        raise SystemExit("lprnet: with --shards, the photos would not be used: set the shards' share, synthetic = 0.5")
    with_photos = mixed or not options.shards
    photos = None
    if with_photos:
        photos = options.photos or _folder(options.aflw_train, "LPRNET_AFLW_TRAIN", "training photos")
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
    origin = {"start": _start(model, options.start) if options.start else None}
    origin["data"] = ["own photos" if options.photos else "AFLW"] * with_photos
    if options.shards:
        origin["data"].append("300W-LP" if (options.shards / "model.bin").exists() else "synthetic")
    trainer = Trainer(model, config, options.run, options.tensorboard, origin)
    size = model.input_shape[1]
    if options.shards:
        from .shards import Shards

        source, validation = Shards(options.shards, size), Shards(options.shards, size, held_out=True)
    if with_photos:
        real, validation = _fitted_photos(photos, config, options.labels, bool(options.photos), size)
        source = Mixture([real, source], [1 - config.synthetic, config.synthetic]) if mixed else real
    print(f"training from sample {trainer.sample} of {config.samples}; after Ctrl-C or a kill the same command goes on "
          f"from the last checkpoint, one every {config.checkpoint_every} samples", flush=True)  # fmt: skip
    best = trainer.run(source, validation, stop_after=options.stop_after)
    print(f"best held-out NME {best:.3f} %; weights in {options.run}")
    return 0


def _start(model, weights: str) -> dict[str, str | list[str]]:
    """Begin with the weights of an earlier run, or with a finished file; returns what is known of these."""
    if weights.endswith(".h5"):
        model.load_weights(weights)
        return {"weights": weights}
    from .export import load_litert
    from .inference import read_metadata, read_weights

    data = read_weights(weights)[1]
    load_litert(model, data)
    known = read_metadata(data, weights)
    terms = "licence", "training_data", "notices"
    return {"weights": weights} | {name: known[name] for name in terms if name in known}


def _fitted_photos(folder: Path, config, labels: Path | None, own: bool, size: int) -> list:
    """Real photos with fitted maps, AFLW's or one's own: those to train on and those held out."""
    import numpy as np

    from .datasets import AFLWTrain, FittedPhotos, expressive, fit_photos
    from .own_photos import PhotoFolder

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

    from . import shards

    total = -(-options.samples // shards.SHARD)
    bar = partial(tqdm, total=total, unit="shard")
    shards.synthesize(options.folder, options.samples, options.seed, options.workers, bar, options.dask)
    print(f"{total * shards.SHARD} pairs in {options.folder}")
    return 0


def convert_300wlp(options: argparse.Namespace) -> int:
    """Turn 300W-LP and the Basel Face Model into training shards; killed, it goes on with those that are missing."""
    from tqdm import tqdm

    from .face_model import MorphableModel
    from .shards import convert_300wlp

    source = _folder(options.source, "LPRNET_300WLP", "copy of 300W-LP")
    basel = MorphableModel.from_basel(*options.basel)
    convert_300wlp(source, options.folder, basel, options.workers, partial(tqdm, unit="shard"), options.dask)
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Measure a network by yaw: 68 landmarks on AFLW2000-3D, or the whole map on synthetic faces."""
    import numpy as np
    from tqdm import tqdm

    from .inference import LPRNet
    from .reports import print_evaluation, report_on_synthetic, write_report

    if options.synthetic is not None:
        net = LPRNet(options.weights, passes=options.passes)
        report_on_synthetic(net, options.weights, options.output, options.synthetic, options.seed)
        return 0
    from .assets import load_arrays
    from .datasets import AFLW2000
    from .own_photos import PhotoFolder
    from .protocols import evaluate_aflw2000, match_predictions

    if options.photos:
        data = PhotoFolder(options.photos)
    else:
        data = AFLW2000(_folder(options.aflw2000, "LPRNET_AFLW2000", "copy of AFLW2000-3D"), strict=False)
    what = str(options.predictions or options.weights)
    if options.predictions:
        report, predictions = match_predictions(*load_arrays(options.predictions, "names", "landmarks"), data)
    else:
        net = LPRNet(options.weights, passes=options.passes)
        bar = partial(tqdm, unit="photo", leave=False)
        report, predictions = evaluate_aflw2000(net, data, bar, options.detector)
    if options.photos:  # their depth and pose were fitted, not measured
        report = {name: value for name, value in report.items() if not name.startswith(("nme 3D", "pose"))}
    print(f"{what} on {report['photos']} photos of {data.folder.name}{', own detector' * options.detector}")
    if options.detector:
        print(f"faces found: {100 * (1 - report['missed'] / report['photos']):.1f} %")
    print_evaluation(report)
    report = {"weights": what, "detector": options.detector} | report
    drawn = write_report(report, options.output)
    np.savez(options.output / "predictions.npz", **predictions)
    print(f"report.json, predictions.npz{drawn} in {options.output}")
    for name, problem in report["problems"].items():
        print(f"lprnet: {name} left out: {problem}", file=sys.stderr)
    if report["problems"]:
        print(f"lprnet: {len(report['problems'])} photos could not be read", file=sys.stderr)
    return int(bool(report["problems"]) and not options.keep_going)


PHOTO_EXAMPLES = """examples:
  lprnet photo me.jpg -o out                         out/me.glb and out/me.overlay.jpg
  lprnet photo me.jpg -o out --avatar --html         a face to animate, and one to turn in the browser
  lprnet photo holiday -o faces --landmarks --pose   all photos in a folder; run it again to go on after a kill
  lprnet photo holiday -o faces --dask tcp://10.0.0.1:8786

exit status: 0 all photos done; 1 some could not be (they are named at the end, the others are done), or had no face
with --require-face; 2 nothing to do, or not as asked; 130 stopped by Ctrl-C
"""
VIDEO_EXAMPLES = """examples:
  lprnet video talk.mp4 faces.mp4                    landmarks on it, the face beside it
  lprnet video talk.mp4 faces.mp4 --overlay mesh --record faces.npz
  lprnet video talk.mp4 faces.csv                    only the numbers: landmarks, pose, expression of every frame

exit status: 0 done; 1 done, but no face, with --require-face; 2 IN cannot be read or OUT written; 130 stopped by Ctrl-C
"""


def parser() -> argparse.ArgumentParser:
    """The command line of ``lprnet``."""
    from .batch import KINDS, WRITERS
    from .video import OVERLAYS, TURNS

    top = argparse.ArgumentParser(prog="lprnet", description="3D faces from single photos.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    text = argparse.RawDescriptionHelpFormatter

    one = commands.add_parser(
        "photo", help="photos to 3D faces", description=photo.__doc__, epilog=PHOTO_EXAMPLES, formatter_class=text
    )
    one.add_argument("photos", type=Path, nargs="+", metavar="PHOTO", help="image files, or folders of them")
    one.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of what is made")
    files = one.add_argument_group("files of each face (without any: --glb --overlay)")
    for kind in KINDS:
        what = WRITERS[kind][1] if kind in WRITERS else "the photo with its landmarks"
        files.add_argument(f"--{kind}", action="store_true", help=what)
    _net_options(one)
    one.add_argument("--passes", type=int, default=1, help="2: look again, at an upright crop (%(default)s)")
    one.add_argument("--small", action="store_true", help="faces under a twentieth of the photo's height too; slower")
    one.add_argument("--require-face", action="store_true", help="exit with 1 if a photo has no face")
    _parallel_options(one)
    one.set_defaults(function=photo)

    one = commands.add_parser(
        "video", help="a video and its faces", description=video.__doc__, epilog=VIDEO_EXAMPLES, formatter_class=text
    )
    one.add_argument("video", type=Path, metavar="IN", help="any video that ffmpeg reads")
    one.add_argument("output", type=Path, metavar="OUT", help=".mp4, .mov, .m4v or .mkv; .csv or .npz: only numbers")
    one.add_argument("--overlay", choices=OVERLAYS, default="landmarks", help="what is drawn on it (%(default)s)")
    one.add_argument("--turn", choices=TURNS, default="sway", help="of the face beside it (%(default)s)")
    one.add_argument("--clay", action="store_true", help="that face without the video's colours")
    one.add_argument("--record", type=Path, metavar="FILE", help="a .csv or .npz of numbers for each face and frame")
    one.add_argument("--no-smoothing", action="store_true", help="every frame as the network sees it")
    one.add_argument("--fps", type=float, help="frames a second (those of IN)")
    one.add_argument("--height", type=int, help="shrink the output to so many pixels")
    one.add_argument("--require-face", action="store_true", help="exit with 1 if there is no face")
    _net_options(one)
    one.set_defaults(function=video)

    one = commands.add_parser("app", help="the applet, in the browser", description=app.__doc__)
    one.add_argument("--port", type=int, default=8866, help="of http://localhost (%(default)s, or the next free one)")
    one.add_argument("--no-browser", action="store_true", help="only print the address")
    _net_options(one, several=False)
    one.set_defaults(function=app)

    one = commands.add_parser("train", help="train a network", description=train.__doc__)
    one.add_argument("--config", default="published-wild", help="a bundled recipe or a TOML file (%(default)s)")
    one.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoints, log, weights")
    one.add_argument("--aflw-train", help="folder of training photos (else LPRNET_AFLW_TRAIN)")
    one.add_argument("--photos", type=Path, help="photos of your own instead, each with 68 points: anna.jpg, anna.pts")
    one.add_argument("--labels", type=Path, help="landmarks of the training photos from this file (scripts/relabel.py)")
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
    _parallel_options(one)
    one.set_defaults(function=synthesize)

    one = commands.add_parser("convert-300wlp", help="300W-LP to training data", description=convert_300wlp.__doc__)
    one.add_argument("folder", type=Path, help="gets the shards, and the registered Basel model")
    one.add_argument("--source", help="folder of 300W-LP (else LPRNET_300WLP)")
    one.add_argument("--basel", type=Path, nargs="+", required=True, help="BFM.mat, or Model_Shape.mat Model_Exp.mat")
    _parallel_options(one)
    one.set_defaults(function=convert_300wlp)

    one = commands.add_parser("evaluate", help="measure a network", description=evaluate.__doc__)
    one.add_argument("--aflw2000", help="folder of AFLW2000-3D's .jpg and .mat files (else LPRNET_AFLW2000)")
    one.add_argument("--photos", type=Path, help="photos of your own instead, each with 68 points: anna.jpg, anna.pts")
    _net_options(one, several=False)
    one.add_argument(
        "--synthetic",
        type=int,
        nargs="?",
        const=0,
        metavar="N",
        help="on synthetic photos instead: the bundled ones, or N made now",
    )
    one.add_argument("--seed", type=int, default=77, help="of the synthetic photos, not that of training (%(default)s)")
    one.add_argument(
        "--predictions", type=Path, help="a .npz of names and landmarks (n, 68, 2 or 3) instead of a network"
    )
    one.add_argument("--detector", action="store_true", help="end to end: find the faces; a missed one is a failure")
    one.add_argument(
        "--output", type=Path, default=Path("outputs/evaluation"), help="folder of the report (%(default)s)"
    )
    one.add_argument("--keep-going", action="store_true", help="exit with 0 although photos could not be read")
    one.add_argument("--passes", type=int, default=1, help="2: look again, at an upright crop (%(default)s)")
    one.set_defaults(function=evaluate)
    return top


def _net_options(one: argparse.ArgumentParser, several: bool = True) -> None:
    from .inference import DEFAULT_WEIGHTS

    choice = "open: free for any use; wild, published: for research only; or a .tflite file (%(default)s)"
    one.add_argument("--weights", default=DEFAULT_WEIGHTS, help=choice)
    if several:
        one.add_argument("--max-faces", type=int, metavar="N", help="only the N largest")


def _parallel_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    one.add_argument("--dask", metavar="ADDRESS", help="of a Dask cluster that does it instead; it must see the files")


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return options.function(options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        print(f"lprnet: {error}", file=sys.stderr)
        return 2
