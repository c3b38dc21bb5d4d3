"""Measure how much each part of the training recipe and of the network matters: short trainings with one change each.

    lprnet synthesize runs/synthetic --samples 26624
    LPRNET_AFLW_TRAIN=... python scripts/benchmarks/ablation.py runs/synthetic runs/ablation

Each row trains the recipe ``lite-yardstick`` for 25,600 synthetic photos with one change, by the command that the table
shows; without the real photos their rows are left out. The numbers are 2D NME of 68 landmarks on the held-out shard
and, where the real photos are given, on 600 of their held-out photos (mean of the three bins of yaw).

Each training has one core, and a run that was killed continues. Writes ``docs/ablation.md``. The fourteen trainings
take about four hours on two cores.
"""

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
from lprnet_utils.training import TrainingConfig, mean_nme
from lprnet_utils.training.validation import nme_per_photo

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
    """The command that trains one row; a training on real photos alone takes no shards."""
    sets = [word for change in (*BASE, *changes) for word in ("--set", change)]
    synthetic = [] if "synthetic = 0" in changes else ["--shards", str(shards)]
    return ["lprnet", "train", "--config", "lite-yardstick", *sets, *synthetic, "--run", str(run)]


def train_all(folders: dict[str, Path], shards: Path, numbers: list[int]) -> None:
    """Train the rows, one at a time on each core; the log of a row goes beside its folder."""
    cores: Queue = Queue()
    for core in numbers:
        cores.put(core)

    def train(name: str) -> None:
        core, run = cores.get(), folders[name]
        pin = ["taskset", "-c", str(core)] if sys.platform == "linux" else []
        program, *rest = command(ROWS[name], shards, run)
        words = [*pin, str(Path(sys.executable).with_name(program)), *rest]
        try:
            with open(run.with_suffix(".txt"), "a", encoding="utf-8") as log:
                subprocess.run(words, check=True, stdout=log, stderr=log, env=os.environ | ONE_CORE)
        finally:
            cores.put(core)

    with ThreadPoolExecutor(len(numbers)) as pool:
        jobs = [pool.submit(train, name) for name in folders]
    for job in jobs:
        job.result()  # raises the error of a training


def network_of(run: Path, changes: list[str]) -> keras.Model:
    """The trained network of a row, with the average of its weights at the end."""
    config = TrainingConfig.load("lite-yardstick", [*BASE, *changes])
    model = getattr(networks, config.network)(**config.network_options)
    model.load_weights(run / "last.weights.h5")
    return model


def real_photos(folder: Path) -> FittedPhotos:
    """600 of the held-out real photos."""
    photos = AFLWTrain(folder)
    rows = np.flatnonzero(photos.held_out & (photos.trust > 0))
    rows = np.random.default_rng(0).choice(rows, min(600, len(rows)), replace=False)
    return FittedPhotos(photos, rows, fit_photos(photos.landmarks[rows], UVLayout.of_labels()), np.ones(len(rows)))


def errors_of(model: keras.Model, shards: Shards, real: FittedPhotos | None) -> list[float]:
    """NME in % on the synthetic photos and, where there are any, on the real ones."""
    layout = UVLayout()
    errors = [mean_nme(model, shards, layout)]
    if real:
        by_yaw = summarise_by_yaw(nme_per_photo(model, real, layout), real.photos.yaw[real.rows])
        errors.append(by_yaw["mean of bins"])
    return errors


def table(errors: dict[str, list[float]]) -> str:
    """The rows as a Markdown table, with the changes of each."""
    lines = ["| change | synthetic | real | by |", "|---|---|---|---|"]
    for name, values in errors.items():
        cells = " | ".join([f"{e:.2f}" for e in values] + [""] * (2 - len(values)))
        changes = " ".join(f"`--set '{change}'`" for change in ROWS[name]) or "nothing"
        changes += ", without `--shards`" * ("synthetic = 0" in ROWS[name])
        lines.append(f"| {name} | {cells} | {changes} |")
    return "\n".join(lines)


def head(errors: dict[str, list[float]]) -> str:
    """The text above the table."""
    luck = " and ".join(f"{abs(a - b):.2f}" for a, b in zip(*list(errors.values())[:2], strict=True))
    return (
        "# What each part is worth\n\nMade by `scripts/benchmarks/ablation.py`, which says what the columns are: "
        "NME in % on held-out photos, synthetic and real. Every row is\n\n    "
        + " ".join(f"'{w}'" if " " in w else w for w in command([], Path("SHARDS"), Path("RUN")))
        + "\n\nwith the changes of its last column. The first two rows differ by luck alone, by "
        + f"{luck}: runs this short (0.2 % of the\nsamples that the bundled weights have seen) "
        + "do not tell apart what differs by no more.\n\n"
    )


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
    train_all(folders, options.shards, options.cores)

    shards = Shards(options.shards, held_out=True)
    real = real_photos(options.aflw_train) if options.aflw_train else None
    errors = {name: errors_of(network_of(folder, ROWS[name]), shards, real) for name, folder in folders.items()}
    options.output.write_text(head(errors) + table(errors) + "\n", encoding="utf-8")
    print(table(errors))


if __name__ == "__main__":
    main()
