"""What each part of the recipe and of the network is worth: short trainings that differ in one thing.

    lprnet synthesize runs/synthetic --samples 26624
    LPRNET_AFLW_TRAIN=... python scripts/benchmarks/ablation.py runs/synthetic runs/ablation

Each row trains the recipe ``lite-yardstick`` for 25,600 synthetic photos with one change, by the command that the table
shows; the rows of real photos are left out without these. Measured: 2D NME of 68 landmarks on the held-out shard and,
where the real photos are given, on 600 of their held-out ones (mean of the three bins of yaw). Each row has a core to
itself; killed, the command goes on. Writes ``docs/ablation.md``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import keras
import numpy as np

from lprnet_utils import UVLayout, networks
from lprnet_utils.datasets import AFLWTrain, FittedPhotos, Shards, fit_photos
from lprnet_utils.evaluation import summarise_by_yaw
from lprnet_utils.training import TrainingConfig, validate
from lprnet_utils.training.trainer import landmark_errors

ROOT = Path(__file__).resolve().parents[2]
BASE = ["samples = 25600", "validate_every = 25600"]
ROWS = {
    "as it is": [],
    "another seed": ["seed = 1"],
    "squares instead of absolute values": ['loss = "l2"'],
    "Wing loss": ['loss = "wing"'],
    "texels alone, no landmarks": ["landmark_weight = 0"],
    "the whole face's similarity too": ["similarity_weight = 3"],
    "the edges between texels too": ["edge_weight = 5"],
    "Adam instead of Muon": ['optimizer = "adam"', "learning_rate = 2e-3"],
    "real photos": ["synthetic = 0"],
    "real photos, profiles as they come": ["synthetic = 0", "profile_weight = 1"],
    "real photos, doubtful labels as they come": ["synthetic = 0", "trust = false"],
    "real and synthetic, half and half": ["synthetic = 0.5"],
    "no posed mean": ["network_options = {posed = false}"],
    "no code of the whole face": ["network_options = {code = 0}"],
}
ONE_CORE = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def command(changes: list[str], shards: Path, run: Path) -> list[str]:
    """The training of one row; one of real photos alone takes no shards."""
    sets = [word for change in (*BASE, *changes) for word in ("--set", change)]
    synthetic = [] if "synthetic = 0" in changes else ["--shards", str(shards)]
    return ["lprnet", "train", "--config", "lite-yardstick", *sets, *synthetic, "--run", str(run)]


def train(name: str, shards: Path, run: Path, cores: Queue) -> None:
    core = cores.get()
    pin = ["taskset", "-c", str(core)] if sys.platform == "linux" else []
    program, *rest = command(ROWS[name], shards, run)
    try:
        with open(run.with_suffix(".txt"), "a", encoding="utf-8") as log:
            called = [*pin, str(Path(sys.executable).with_name(program)), *rest]
            subprocess.run(called, check=True, stdout=log, stderr=log, env=os.environ | ONE_CORE)
    finally:
        cores.put(core)


def network_of(run: Path, changes: list[str]) -> keras.Model:
    """What a row has trained: the average of its weights, as it was at the end."""
    config = TrainingConfig.load("lite-yardstick", [*BASE, *changes])
    model = getattr(networks, config.network)(**config.network_options)
    model.load_weights(run / "last.weights.h5")
    return model


def real_photos(folder: Path) -> FittedPhotos:
    """Some of the held-out real photos."""
    photos = AFLWTrain(folder)
    rows = np.flatnonzero(photos.held_out & (photos.trust > 0))
    rows = np.random.default_rng(0).choice(rows, min(600, len(rows)), replace=False)
    return FittedPhotos(photos, rows, fit_photos(photos, rows), np.ones(len(rows)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--aflw-train", type=Path, default=os.environ.get("LPRNET_AFLW_TRAIN"))
    parser.add_argument("--cores", type=int, nargs="+", default=[0, 1], help="one run on each at a time (0 1)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "ablation.md")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    if options.aflw_train:
        os.environ["LPRNET_AFLW_TRAIN"] = str(options.aflw_train)
    names = [name for name in ROWS if options.aflw_train or not name.startswith("real")]
    folders = {name: options.runs / name.replace(" ", "-").replace(",", "") for name in names}
    cores: Queue = Queue()
    for core in options.cores:
        cores.put(core)
    with ThreadPoolExecutor(cores.qsize()) as pool:
        jobs = [pool.submit(train, name, options.shards, folder, cores) for name, folder in folders.items()]
        for job in jobs:
            job.result()
    shards, real = Shards(options.shards, held_out=True), None
    if options.aflw_train:
        real = real_photos(options.aflw_train)
    layout = UVLayout()
    lines, found = ["| change | synthetic | real | by |", "|---|---|---|---|"], []
    for name, folder in folders.items():
        model = network_of(folder, ROWS[name])
        errors = [validate(model, shards, layout)]
        if real:
            by_yaw = summarise_by_yaw(landmark_errors(model, real, layout), real.photos.yaw[real.rows])
            errors.append(by_yaw["mean of bins"])
        found.append(errors)
        cells = " | ".join([f"{e:.2f}" for e in errors] + [""] * (2 - len(errors)))
        changes = " ".join(f"`--set '{change}'`" for change in ROWS[name]) or "nothing"
        changes += ", without `--shards`" * ("synthetic = 0" in ROWS[name])
        lines.append(f"| {name} | {cells} | {changes} |")
    luck = " and ".join(f"{abs(a - b):.2f}" for a, b in zip(*found[:2], strict=True))
    head = (
        "# What each part is worth\n\nMade by `scripts/benchmarks/ablation.py`, which says what the columns are: "
        "NME in % on held-out photos, synthetic and real. Every row is\n\n    "
        + " ".join(f"'{w}'" if " " in w else w for w in command([], Path("SHARDS"), Path("RUN")))
        + "\n\nwith the changes of its last column. The first two rows differ by luck alone, by "
        + f"{luck}: runs this short (0.2 % of the\nsamples that the bundled weights have seen) "
        + "do not tell apart what differs by no more.\n\n"
    )
    options.output.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
