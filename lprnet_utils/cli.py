"""The command ``lprnet``: the package's functions for whoever does not write Python."""

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


def train(options: argparse.Namespace) -> int:
    """Train a network on photos, synthetic or real, or go on with a run that was stopped."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from . import networks
    from .batches import Mixture
    from .recipes import TrainingConfig
    from .training import Trainer

    config = TrainingConfig.load(options.config, options.set)
    mixed = 0 < config.synthetic < 1
    if config.synthetic and not options.shards:
        raise SystemExit(f"lprnet: recipe {options.config} takes synthetic photos: give --shards (lprnet synthesize)")
    with_photos = mixed or not options.shards
    photos = _folder(options.aflw_train, "LPRNET_AFLW_TRAIN", "training photos") if with_photos else None
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
    if options.start:
        _start(model, options.start)
    trainer = Trainer(model, config, options.run, options.tensorboard)
    if options.shards:
        from .shards import Shards

        source, validation = Shards(options.shards), Shards(options.shards, held_out=True)
    if with_photos:
        real, validation = _fitted_photos(photos, config, options.labels)
        source = Mixture([real, source], [1 - config.synthetic, config.synthetic]) if mixed else real
    print(f"training from sample {trainer.sample} of {config.samples}; Ctrl-C or a kill loses nothing", flush=True)
    best = trainer.run(source, validation, stop_after=options.stop_after)
    print(f"best held-out NME {best:.3f} %; weights in {options.run}")
    return 0


def _start(model, weights: str) -> None:
    """Begin with the weights of an earlier run, or with a finished file."""
    if weights.endswith(".h5"):
        model.load_weights(weights)
        return
    from .export import load_litert
    from .inference import read_weights

    load_litert(model, read_weights(weights)[1])


def _fitted_photos(folder: Path, config, labels: Path | None = None) -> list:
    """Real photos with fitted maps: those to train on and those held out."""
    import numpy as np

    from .datasets import AFLWTrain, FittedPhotos, expressive, fit_photos

    photos, sources = AFLWTrain(folder, labels=labels), []
    for chosen in (~photos.held_out, photos.held_out):
        rows = np.flatnonzero(chosen & (photos.trust > 0))
        print(f"fitting the face model to {len(rows)} photos", flush=True)
        weights = photos.trust[rows] if config.trust else np.ones(len(rows))
        weights = weights * np.where(np.abs(photos.yaw[rows]) > 60, config.profile_weight, 1.0)  # rare and hard
        weights = weights * np.where(expressive(photos.landmarks[rows]), config.expressive_weight, 1.0)
        sources.append(FittedPhotos(photos, rows, fit_photos(photos, rows), weights))
    return sources


def synthesize(options: argparse.Namespace) -> int:
    """Make synthetic training pairs, as shards; killed, it goes on with the shards that are missing."""
    from tqdm import tqdm

    from . import shards

    total = -(-options.samples // shards.SHARD)
    shards.synthesize(
        options.folder, options.samples, options.seed, options.workers, lambda r: tqdm(r, total=total, unit="shard")
    )
    print(f"{total * shards.SHARD} pairs in {options.folder}")
    return 0


def convert_300wlp(options: argparse.Namespace) -> int:
    """Turn 300W-LP and the Basel Face Model into training shards; killed, it goes on with those that are missing."""
    from tqdm import tqdm

    from .face_model import MorphableModel
    from .shards import convert_300wlp

    source = _folder(options.source, "LPRNET_300WLP", "copy of 300W-LP")
    basel = MorphableModel.from_basel(*options.basel)
    convert_300wlp(source, options.folder, basel, options.workers, lambda r: tqdm(r, unit="shard"))
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Measure a network by yaw: 68 landmarks on AFLW2000-3D, or the whole map on synthetic faces."""
    import numpy as np
    from tqdm import tqdm

    from .inference import LPRNet

    if options.synthetic is not None:
        return _evaluate_synthetic(LPRNet(options.weights, passes=options.passes), options)
    from .assets import load_arrays
    from .datasets import AFLW2000
    from .protocols import evaluate_aflw2000, match_predictions

    data = AFLW2000(_folder(options.aflw2000, "LPRNET_AFLW2000", "copy of AFLW2000-3D"), strict=False)
    what = str(options.predictions or options.weights)
    if options.predictions:
        report, predictions = match_predictions(*load_arrays(options.predictions, "names", "landmarks"), data)
    else:
        net = LPRNet(options.weights, passes=options.passes)
        bar = partial(tqdm, unit="photo", leave=False)
        report, predictions = evaluate_aflw2000(net, data, bar, options.detector)
    print(f"{what} on {report['photos']} photos of {data.folder.name}{', own detector' * options.detector}")
    if options.detector:
        print(f"faces found: {100 * (1 - report['missed'] / report['photos']):.1f} %")
    print("2D NME, 68 landmarks, % of sqrt(width x height) of the true landmarks' box")
    for name, value in report["nme"].items():
        print(f"  {name:18s}{value:8.3f}")
    low, high = report["interval"]
    print(f"mean of bins on other photos of this kind: {low:.2f} to {high:.2f} (95 %, bootstrap)")
    if report["missed"]:
        print(f"with {report['missed']} missed at 100 %: mean of bins {report['nme over all']['mean of bins']:.3f}")
    print(f"CED to 10 %: area {report['area']:.4f}, failures {100 * report['failures']:.2f} %")
    for name in (n for n in ("nme 3D, mean z", "nme 3D, minimum z") if n in report):
        bins, photos = report[name]["mean of bins"], report[name]["mean over photos"]
        print(f"{name}: mean of bins {bins:.3f}, over photos {photos:.3f}")
    if "pose" in report:
        angles = ", ".join(f"{name} {value:.2f}" for name, value in report["pose"].items() if name != "photos")
        print(f"pose, degrees, {report['pose']['photos']} photos: {angles}")
    if "flip" in report:
        print(f"photo against its mirror image: {report['flip']:.3f} %")
    report = {"weights": what, "detector": options.detector} | report
    drawn = _write_report(report, options.output)
    np.savez(options.output / "predictions.npz", **predictions)
    print(f"report.json, predictions.npz{drawn} in {options.output}")
    for name, problem in report["problems"].items():
        print(f"lprnet: {name} left out: {problem}", file=sys.stderr)
    if report["problems"]:
        print(f"lprnet: {len(report['problems'])} photos could not be read", file=sys.stderr)
    return int(bool(report["problems"]) and not options.keep_going)


def _write_report(report: dict, folder: Path) -> str:
    """Write a report as JSON, and its figures if matplotlib is there; says which figure it wrote."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if "ced" not in report:
        return ""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return " (no figures: matplotlib is not installed)"
    from .plots import draw_ced, draw_on_face

    figure = Figure((11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_ced(left, {"2D NME": report["ced"] | {k: report[k] for k in ("area", "failures")}})
    draw_on_face(right, report["landmarks"], "mean error of each landmark, % of the box")
    figure.savefig(folder / "report.png", dpi=100)
    return ", report.png"


def _evaluate_synthetic(net, options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from .heldout import KINDS, held_out_faces
    from .protocols import evaluate_synthetic
    from .synthetic import SyntheticFaces

    if options.synthetic:
        faces = SyntheticFaces(options.seed, net.size)
        sets = {f"seed {options.seed}": (faces.sample(k) for k in range(options.synthetic))}
    else:
        sets = {kind: held_out_faces(kind) for kind in KINDS}
    reports = {}
    for name, samples in sets.items():
        total = options.synthetic or len(samples)
        reports[name] = evaluate_synthetic(net, tqdm(samples, total=total, unit="photo", leave=False))
        _print_synthetic(f"{options.weights} on {total} synthetic photos, {name}", reports[name])
    _write_report({"weights": str(options.weights), "sets": reports}, options.output)
    print(f"report.json in {options.output}")
    return 0


def _print_synthetic(title: str, report: dict) -> None:
    print(title)
    columns = list(report["mm"])
    print(f"{'':18s}" + "".join(f"{c:>18s}" for c in columns))
    for name in ("mm", "95 % mm", "aligned mm", "nme"):
        print(f"  {name:16s}" + "".join(f"{report[name][c]:18.2f}" for c in columns))
    rough = report["roughness"]
    print(f"roughness {rough['prediction']:.2f} degrees, of the truth {rough['truth']:.2f}")
    print(f"normals are off by {report['normals']:.1f} degrees")
    print(f"{'':18s}{'photos':>18s}{'mm':>18s}{'nme':>18s}")
    for kind, row in report["people"].items():
        print(f"  {kind:16s}{row['photos']:18d}{row['mm']:18.2f}{row['nme']:18.2f}")


def parser() -> argparse.ArgumentParser:
    """The command line of ``lprnet``."""
    top = argparse.ArgumentParser(prog="lprnet", description="3D faces from single photos.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    one = commands.add_parser("train", help="train a network", description=train.__doc__)
    one.add_argument("--config", default="published-wild", help="a bundled recipe or a TOML file (%(default)s)")
    one.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoints, log, weights")
    one.add_argument("--aflw-train", help="folder of training photos (else LPRNET_AFLW_TRAIN)")
    one.add_argument("--labels", type=Path, help="landmarks of the training photos from this file (scripts/relabel.py)")
    one.add_argument(
        "--shards", type=Path, help="train on shards (lprnet synthesize), or mix them in as the recipe says"
    )
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
    one.add_argument("folder", type=Path, help="gets the shards, of 1,024 pairs and about 8 MB each")
    one.add_argument("--samples", type=int, default=51_200, help="how many pairs, rounded up to shards (%(default)s)")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    one.set_defaults(function=synthesize)

    one = commands.add_parser("convert-300wlp", help="300W-LP to training data", description=convert_300wlp.__doc__)
    one.add_argument("folder", type=Path, help="gets the shards, and the registered Basel model")
    one.add_argument("--source", help="folder of 300W-LP (else LPRNET_300WLP)")
    one.add_argument("--basel", type=Path, nargs="+", required=True, help="BFM.mat, or Model_Shape.mat Model_Exp.mat")
    one.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    one.set_defaults(function=convert_300wlp)

    one = commands.add_parser("evaluate", help="measure a network", description=evaluate.__doc__)
    one.add_argument("--aflw2000", help="folder of AFLW2000-3D's .jpg and .mat files (else LPRNET_AFLW2000)")
    one.add_argument("--weights", default="wild", help="bundled weights or a .tflite file (%(default)s)")
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
