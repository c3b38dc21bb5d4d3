"""lprnet evaluate: a network on AFLW2000-3D, on your own photos, or on synthetic faces."""

import argparse
import sys
from functools import partial
from pathlib import Path

from tqdm import tqdm

from .options import AT_LEAST_1, SEED, add_command, add_shared, counted, folder_option, new_folder, tell_left_out

# options for a network on photos, and for photos alone, with the values that change nothing
OF_A_NETWORK = {"closer_look": (None,), "detector": (False,), "passes": (1,)}
OF_PHOTOS = OF_A_NETWORK | {
    "closer_look": (None, False),
    **dict.fromkeys(("predictions", "photos", "aflw2000"), (None,)),
}
NEW_SEED = 78  # of new synthetic photos


def evaluate(arguments: argparse.Namespace) -> int:
    """Measure a network by yaw: 68 landmarks on AFLW2000-3D, or the whole position map on synthetic faces."""
    if arguments.synthetic is not None:
        return _evaluate_on_synthetic(arguments)
    _refuse(arguments, {"seed": (NEW_SEED,)}, "is of new synthetic photos: it goes with --synthetic N")
    if arguments.photos:
        _refuse(arguments, {"aflw2000": (None,)}, "and --photos are two sets of photos: give one of them")
    if arguments.predictions:
        _refuse(arguments, OF_A_NETWORK, "is for a network, and --predictions has its points already")
    from ..common.assets import load_arrays
    from ..common.files import save_arrays
    from ..datasets.aflw import AFLW2000
    from ..datasets.photo_folder import PhotoFolder
    from ..evaluation.protocols import evaluate_aflw2000, match_predictions
    from ..evaluation.readout import Readout
    from ..evaluation.reports import print_evaluation, write_report
    from ..reconstruction.lprnet import LPRNet

    if arguments.photos:
        data = PhotoFolder(arguments.photos)
    else:
        ways = "--aflw2000 FOLDER, --photos FOLDER or --synthetic"
        data = AFLW2000(folder_option(arguments.aflw2000, "LPRNET_AFLW2000", "copy of AFLW2000-3D", ways), strict=False)
    what = str(arguments.predictions or arguments.weights)
    if arguments.predictions:
        report, predictions = match_predictions(*load_arrays(arguments.predictions, "names", "landmarks"), data)
        _make_folder(arguments.output)
    else:
        net = LPRNet(arguments.weights, passes=arguments.passes, closer_look=arguments.closer_look)
        _make_folder(arguments.output)
        bar = partial(tqdm, unit="photo", leave=False)
        readout = None if arguments.photos else Readout.find(arguments.weights)
        report, predictions = evaluate_aflw2000(net, data, bar, arguments.detector, readout)
    if arguments.photos:  # their depth and pose were fitted, not measured
        report = {name: value for name, value in report.items() if not name.startswith(("nme 3D", "pose"))}
    photos = f"{counted(report['photos'], 'photo')} of {data.folder.name}"
    print(f"{what} on {photos}{', own detector' * arguments.detector}")
    if arguments.detector:
        print(f"faces found: {100 * (1 - report['missed'] / report['photos']):.1f} %")
    print_evaluation(report)
    report = {"weights": what, "detector": arguments.detector} | report
    figures = write_report(report, arguments.output)
    save_arrays(predictions, arguments.output / "predictions.npz")
    print(f"report.json, predictions.npz{figures} in {arguments.output}")
    tell_left_out(data, report["problems"])
    if report["problems"]:
        print(f"lprnet: {counted(len(report['problems']), 'photo')} left out", file=sys.stderr)
    return int(bool(report["problems"]) and not arguments.keep_going)


def _evaluate_on_synthetic(arguments: argparse.Namespace) -> int:
    """Measure a network on the bundled synthetic faces, or on newly made ones. Prints and writes a report."""
    from ..evaluation.protocols import evaluate_synthetic
    from ..evaluation.reports import print_synthetic, write_report
    from ..reconstruction.lprnet import LPRNet
    from ..synthetic.faces import SyntheticFaces
    from ..synthetic.heldout import HELD_OUT_FILES, HELD_OUT_SEED, TRAINING_SEED, held_out_faces
    from ..synthetic.population import Population

    _refuse(arguments, OF_PHOTOS, "is for photos: on synthetic crops the network alone is measured, in one pass")
    count, seed = arguments.synthetic, arguments.seed
    if not count:
        _refuse(arguments, {"seed": (NEW_SEED,)}, "is of new synthetic photos: say how many, --synthetic N")
    if seed in (HELD_OUT_SEED, TRAINING_SEED):
        which = "the bundled photos" if seed == HELD_OUT_SEED else "those of lprnet synthesize without --seed"
        raise ValueError(f"--seed {seed} would make {which}: take another one")
    net = LPRNet(arguments.weights)
    _make_folder(arguments.output)
    if count:
        faces = SyntheticFaces(seed, net.size)
        sets = {f"seed {seed}": (faces.sample(k) for k in range(count))}
        populations = {f"seed {seed}": Population.load("makehuman", net.size)}
    else:
        sets = {kind: held_out_faces(kind, net.size) for kind in HELD_OUT_FILES}
        populations = {kind: Population.load(kind, net.size) for kind in HELD_OUT_FILES}
    reports = {}
    for name, samples in sets.items():
        total = count or len(samples)
        bar = tqdm(samples, total=total, unit="photo", leave=False)
        reports[name] = evaluate_synthetic(net, bar, populations[name])
        print_synthetic(f"{arguments.weights} on {counted(total, 'synthetic photo')}, {name}", reports[name])
    write_report({"weights": arguments.weights, "sets": reports}, arguments.output)
    print(f"report.json in {arguments.output}")
    return 0


def _refuse(arguments: argparse.Namespace, options: dict[str, tuple], reason: str) -> None:
    """ValueError if one of these options, which are of no use here, has another value than these."""
    for option, allowed in options.items():
        if getattr(arguments, option) not in allowed:
            raise ValueError(f"--{option.replace('_', '-')} {reason}")


def _make_folder(folder: Path) -> None:
    """Make the folder of the report before the work begins: it may be impossible."""
    from ..common.files import make_folder, remove_unfinished

    make_folder(folder)
    remove_unfinished(folder)


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet evaluate``."""
    parser = add_command(commands, "evaluate", evaluate, "measure a network")
    add = parser.add_argument
    add("--aflw2000", help="folder of AFLW2000-3D's .jpg and .mat files (else LPRNET_AFLW2000)")
    add("--photos", type=Path, help="your own photos instead, each with 68 points: anna.jpg, anna.pts")
    add_shared(parser, "--weights")
    bundled_or_new = "use synthetic photos instead: the bundled ones, or N new ones"
    add("--synthetic", type=AT_LEAST_1, nargs="?", const=0, metavar="N", help=bundled_or_new)
    new = "seed of the N new photos, not that of training, nor 77, that of the bundled ones (%(default)s)"
    add("--seed", type=SEED, default=NEW_SEED, help=new)
    add("--predictions", type=Path, help="a .npz of names and landmarks (n, 68, 2 or 3) instead of a network")
    add("--detector", action="store_true", help="also detect the faces; a missed one is a failure")
    add("--output", type=new_folder, default=Path("outputs/evaluation"), help="folder of the report (%(default)s)")
    add("--keep-going", action="store_true", help="exit with 0 even if photos were left out")
    add_shared(parser, "--passes", "--closer-look")
