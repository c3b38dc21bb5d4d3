"""lprnet evaluate: a network on AFLW2000-3D, or on synthetic faces."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .options import add_network_options, folder_option

if TYPE_CHECKING:
    from ..reconstruction.lprnet import LPRNet


def report_on_synthetic(net: LPRNet, weights: str, folder: Path, count: int = 0, seed: int = 77) -> None:
    """Measure a network on the bundled synthetic faces, or on ``count`` made now; print and write what comes of it."""
    from tqdm import tqdm

    from ..evaluation.protocols import evaluate_synthetic
    from ..evaluation.reports import print_synthetic, write_report
    from ..synthetic.faces import SyntheticFaces
    from ..synthetic.heldout import KINDS, held_out_faces

    if count:
        faces = SyntheticFaces(seed, net.size)
        sets = {f"seed {seed}": (faces.sample(k) for k in range(count))}
    else:
        sets = {kind: held_out_faces(kind) for kind in KINDS}
    reports = {}
    for name, samples in sets.items():
        total = count or len(samples)
        reports[name] = evaluate_synthetic(net, tqdm(samples, total=total, unit="photo", leave=False))
        print_synthetic(f"{weights} on {total} synthetic photos, {name}", reports[name])
    write_report({"weights": weights, "sets": reports}, folder)
    print(f"report.json in {folder}")


def evaluate(options: argparse.Namespace) -> int:
    """Measure a network by yaw: 68 landmarks on AFLW2000-3D, or the whole map on synthetic faces."""
    from tqdm import tqdm

    from ..evaluation.reports import print_evaluation, write_report
    from ..reconstruction.lprnet import LPRNet

    if options.synthetic is not None:
        net = LPRNet(options.weights, passes=options.passes)
        report_on_synthetic(net, options.weights, options.output, options.synthetic, options.seed)
        return 0
    from ..common.assets import load_arrays
    from ..common.files import save_arrays
    from ..datasets.aflw import AFLW2000
    from ..datasets.photo_folder import PhotoFolder
    from ..evaluation.protocols import evaluate_aflw2000, match_predictions

    if options.photos:
        data = PhotoFolder(options.photos)
    else:
        data = AFLW2000(folder_option(options.aflw2000, "LPRNET_AFLW2000", "copy of AFLW2000-3D"), strict=False)
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
    save_arrays(predictions, options.output / "predictions.npz")
    print(f"report.json, predictions.npz{drawn} in {options.output}")
    for name, problem in report["problems"].items():
        print(f"lprnet: {name} left out: {problem}", file=sys.stderr)
    if report["problems"]:
        print(f"lprnet: {len(report['problems'])} photos could not be read", file=sys.stderr)
    return int(bool(report["problems"]) and not options.keep_going)


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet evaluate``."""
    one = commands.add_parser("evaluate", help="measure a network", description=evaluate.__doc__)
    one.add_argument("--aflw2000", help="folder of AFLW2000-3D's .jpg and .mat files (else LPRNET_AFLW2000)")
    one.add_argument("--photos", type=Path, help="photos of your own instead, each with 68 points: anna.jpg, anna.pts")
    add_network_options(one, several=False)
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
