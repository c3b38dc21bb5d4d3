"""Measure how much the generator and parts of the recipe are worth: trainings with one change each, two seeds of each.

    lprnet synthesize runs/plain --generator plain --samples 102400
    lprnet synthesize runs/mixed --generator mixed --samples 102400
    lprnet synthesize runs/free --generator free --samples 102400
    LPRNET_AFLW_TRAIN=... python scripts/benchmarks/ablation.py runs/plain runs/mixed runs/ablation --free runs/free

Each training is the recipe ``lite-cpu`` with 300,000 samples of 64 x 64 pixels and the changes of its row. It has one
core, and one that was killed goes on when the command is repeated. Rows that have ended are measured, and their table
in ``docs/ablation.md`` is written:

- real: 2D NME in % of the 68 landmarks on held-out photos of AFLW, mean of the three bins of yaw
- readout: the same of points that a linear readout learned on 3,000 training photos, so that it does not count where
  the landmarks are on the map
- synthetic, scans: NME on the bundled held-out faces of MakeHuman's shapes and of ICT-FaceKit's scanned ones
- shape: distance in mm on the scanned ones after a similarity alignment

Without AFLW's training photos the first two columns are empty. ``--rows`` chooses some rows. A training takes about
an hour on one core.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmark_table import with_block

from lprnet_utils import LPRNet, UVLayout
from lprnet_utils.common.files import write_json
from lprnet_utils.datasets import AFLWTrain
from lprnet_utils.evaluation import evaluate_synthetic, landmark_nme, summarise_by_yaw
from lprnet_utils.evaluation.readout import Readout
from lprnet_utils.geometry import landmark_box
from lprnet_utils.synthetic import held_out_faces

ROOT = Path(__file__).resolve().parents[2]
SIZE = 64  # side of crops and maps: a quarter of the pixels, so that a training is done in about an hour
RECIPE, BASE = "lite-cpu", ["samples = 300000", "validate_every = 100000", f"network_options = {{size = {SIZE}}}"]
SEEDS = 0, 1
READOUT_PHOTOS, HELD_OUT_PHOTOS, COMPONENTS = 3000, 1000, 100
COLUMNS = "real", "readout", "synthetic", "scans", "shape mm"
VARIED = 'crop_augmentation = "synthetic"'


@dataclass(frozen=True)
class Row:
    """A training: the generator of its photos, and the changes of the recipe."""

    generator: str
    changes: tuple[str, ...] = ()


ROWS = {
    "former generator, pictures as rendered": Row("plain", ('crop_augmentation = "none"',)),
    "mixed generator, pictures as rendered": Row("mixed", ('crop_augmentation = "none"',)),
    "former generator, pictures varied": Row("plain", (VARIED,)),
    "mixed generator, pictures varied": Row("mixed", (VARIED,)),
    "the same, and a loss of the shape": Row("mixed", (VARIED, "shape_weight = 4")),
    "the same as the fourth, but Adam": Row("mixed", (VARIED, 'optimizer = "adam"', "learning_rate = 2e-3")),
    "the same as the fourth, without a code": Row("mixed", (VARIED, f"network_options = {{size = {SIZE}, code = 0}}")),
    "the same as the fourth, mean face of free sources": Row("free", (VARIED,)),
}
ONE_CORE = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def command(row: Row, seed: int, shards: dict[str, Path], run: Path) -> list[str]:
    """The command of a training."""
    sets = [word for change in (*BASE, *row.changes, f"seed = {seed}") for word in ("--set", change)]
    return ["lprnet", "train", "--config", RECIPE, *sets, "--shards", str(shards[row.generator]), "--run", str(run)]


def run_logged(words: list[str], log: Path) -> None:
    """Run a command of this environment on one core, with its output in a file."""
    program = str(Path(sys.executable).with_name(words[0]))
    with open(log, "a", encoding="utf-8") as file:
        subprocess.run([program, *words[1:]], check=True, stdout=file, stderr=file, env=os.environ | ONE_CORE)


def measure(row: Row, seed: int, shards: dict[str, Path], run: Path, photos: AFLWTrain | None) -> None:
    """Train, export and measure one network, once; what is found is kept beside its run."""
    if kept(row, run) is None:
        run_logged(command(row, seed, shards, run), run.with_suffix(".txt"))
        weights = run.with_suffix(".tflite")
        run_logged(["lprnet", "export", "--run", str(run), "-o", str(weights)], run.with_suffix(".txt"))
        net = LPRNet(weights, closer_look=False)
        found = real_errors(net, photos) if photos else {}
        by_set = {name: evaluate_synthetic(net, held_out_faces(name, SIZE)) for name in ("makehuman", "ict")}
        found |= {
            "synthetic": by_set["makehuman"]["nme"]["mean of bins"],
            "scans": by_set["ict"]["nme"]["mean of bins"],
        }
        found["shape mm"] = by_set["ict"]["aligned mm"]["mean of bins"]
        write_json({"recipe": recipe(row)} | found, run.with_suffix(".json"))


def recipe(row: Row) -> str:
    """What a kept measurement belongs to."""
    return " ".join((row.generator, *BASE, *row.changes))


def kept(row: Row, run: Path) -> dict[str, Any] | None:
    """What was measured of a run before; None if nothing was. SystemExit if that was another row's recipe."""
    path = run.with_suffix(".json")
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    if found.get("recipe") != recipe(row):
        raise SystemExit(f"{path} is of another recipe than this row's: move the run away, so that it is made anew")
    return found


def real_errors(net: LPRNet, photos: AFLWTrain) -> dict[str, float]:
    """2D NME in % on held-out photos: of the landmarks as they are, and of a readout's points."""
    rng = np.random.default_rng(0)
    groups = []
    for rows, count in ((~photos.held_out, READOUT_PHOTOS), (photos.held_out, HELD_OUT_PHOTOS)):
        chosen = np.flatnonzero(rows & (photos.trust > 0))
        groups.append(np.sort(rng.permutation(chosen)[:count]))
    learn, held = groups
    maps, held_maps = (
        [net.reconstruct_in_box(photos.image(int(i)), landmark_box(photos.landmarks[i])).position_map for i in rows]
        for rows in (learn, held)
    )
    readout = Readout.fit(maps, photos.landmarks[learn], UVLayout.of_labels(SIZE), COMPONENTS)
    points = {"real": np.array([net.layout.landmarks(m) for m in held_maps]), "readout": readout(held_maps)}
    return {
        name: summarise_by_yaw(landmark_nme(p, photos.landmarks[held]), photos.yaw[held])["mean of bins"]
        for name, p in points.items()
    }


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """The rows as a Markdown table: the mean of both seeds, and how far they are apart."""
    lines = [f"| photos and recipe | {' | '.join(COLUMNS)} | by |", "|---" * (len(COLUMNS) + 2) + "|"]
    for name, seeds in found.items():
        cells = []
        for column in COLUMNS:
            values = [report[column] for report in seeds if column in report]
            cells.append(f"{np.mean(values):.2f} ± {np.ptp(values) / 2:.2f}" if values else "")
        changes = " ".join(f"`--set '{change}'`" for change in ROWS[name].changes)
        lines.append(f"| {name} | {' | '.join(cells)} | {changes} |")
    return "\n".join(lines)


def block(found: dict[str, list[dict[str, float]]]) -> str:
    """The part of the page about these trainings."""
    sets = " ".join(f"--set '{change}'" for change in BASE)
    return (
        f"Each row is\n\n    lprnet train --config {RECIPE} {sets} --shards SHARDS --run RUN\n\n"
        "with the changes of its last column, on 102,400 photos of its generator. A cell has the mean of two seeds, "
        f"and how far each is from it.\n\n{table(found)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plain", type=Path, help="shards of the former generator")
    parser.add_argument("mixed", type=Path, help="shards of the mixed generator")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--free", type=Path, help="shards of the free generator, for the last row")
    parser.add_argument("--aflw-train", type=Path, default=os.environ.get("LPRNET_AFLW_TRAIN"))
    parser.add_argument("--rows", type=int, nargs="+", default=range(1, len(ROWS) + 1), help="their numbers (all)")
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time (2)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "ablation.md")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    photos = AFLWTrain(options.aflw_train) if options.aflw_train else None
    shards = {"plain": options.plain, "mixed": options.mixed, "free": options.free}
    if len(ROWS) in options.rows and not options.free:
        parser.error(f"row {len(ROWS)} needs --free")
    runs = {name: [options.runs / f"{number}-seed-{seed}" for seed in SEEDS] for number, name in enumerate(ROWS, 1)}

    def one(job: tuple[str, int]) -> None:
        name, seed = job
        measure(ROWS[name], seed, shards, runs[name][seed], photos)

    names = [name for number, name in enumerate(ROWS, 1) if number in options.rows]
    with ThreadPoolExecutor(options.processes) as pool:
        list(pool.map(one, [(name, seed) for name in names for seed in SEEDS]))
    known = {name: [kept(row, run) for run in runs[name]] for name, row in ROWS.items()}  # also of other rows
    found = {name: seeds for name, seeds in known.items() if None not in seeds}
    page = options.output.read_text(encoding="utf-8")
    options.output.write_text(with_block(page, block(found), "ablation"), encoding="utf-8")
    print(table(found))


if __name__ == "__main__":
    main()
