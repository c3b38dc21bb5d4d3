"""Write the measured numbers of bundled weights into their card, and those of photos into ``docs/benchmark.md``.

    LPRNET_AFLW2000=... python scripts/course/model_card.py open wild

Runs ``lprnet evaluate`` on the bundled synthetic faces and, if its folder is given, on AFLW2000-3D, and replaces the
numbers in each table row of ``data/weights/README.md``. Every run uses the evaluation photos: write it down in
``docs/evaluation-log.md``. It takes a few minutes for each weights file.
"""

import argparse
import json
import os
import re
import tempfile
from pathlib import Path

from lprnet_utils.commands.main import main as lprnet
from lprnet_utils.evaluation.protocols import ERROR_NAMES

ROOT = Path(__file__).resolve().parents[2]
CARDS, PAGE = ROOT / "data" / "weights" / "README.md", ROOT / "docs" / "benchmark.md"
COLUMNS = "0-30", "30-60", "60-90", "mean of bins", "mean over photos"


def report(*arguments: str) -> dict:
    """The report that ``lprnet evaluate`` writes."""
    with tempfile.TemporaryDirectory() as folder:
        if lprnet(["evaluate", *arguments, "--output", folder]):
            raise SystemExit("lprnet evaluate failed")
        return json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))


def replaced(text: str, row: str, values: list[str]) -> str:
    """The text with other numbers in the table row that begins with ``row``, which must be there once."""
    new, count = re.subn(
        rf"^\| {re.escape(row)} \|.*$", lambda _: f"| {' | '.join([row, *values])} |", text, flags=re.M
    )
    if count != 1:
        raise SystemExit(f"{count} rows '| {row} |' where there should be one")
    return new


def with_dense_numbers(card: str, sets: dict) -> str:
    """A card with the numbers of the bundled synthetic faces."""
    for kind, ending in (("makehuman", ""), ("ict", ", scans")):
        for name in ERROR_NAMES:
            for face, errors in (("", sets[kind]), ("mean face, ", sets[kind]["mean face"])):
                card = replaced(card, face + name + ending, [f"{errors[name][c]:.2f}" for c in COLUMNS])
    for kind, row in sets["makehuman"]["people"].items():
        card = replaced(card, kind, [str(row["photos"]), f"{row['mm']:.2f}", f"{row['nme']:.2f}"])
    for kind, ending in (("makehuman", ""), ("ict", ", scans")):
        known = sets[kind]["identity"]
        card = replaced(card, "identity" + ending, [f"{known[n]:.2f}" for n in ("map", "nobody", "correlation")])
    rough = sets["makehuman"]["roughness"]
    stated = f"roughness {rough['prediction']:.2f} degrees (truth {rough['truth']:.2f})"
    return re.sub(r"roughness [\d.]+ degrees \(truth [\d.]+\)", stated, card)


def with_photo_numbers(card: str, photos: dict) -> str:
    """A card with the numbers of AFLW2000-3D."""
    if "nme by readout" in photos:
        card = replaced(card, "readout", [f"{photos['nme by readout'][c]:.2f}" for c in COLUMNS])
    figures = [f"{photos['nme'][c]:.2f}" for c in COLUMNS]
    row = f"| {' | '.join([*figures, format(photos['flip'], '.2f')])} |"
    return re.sub(r"^\| [\d. |]+ \|$", row, card, count=1, flags=re.M)


def update_page(name: str, photos: dict) -> None:
    """Replace the numbers of AFLW2000-3D in the row of these weights in docs/benchmark.md (README.md quotes two)."""
    text = PAGE.read_text(encoding="utf-8")
    row = re.search(rf"^\| (`{name}`[^|]*) \|[\d. |]+\| ([^|\d][^|]*) \|$", text, re.M)
    figures = " | ".join(f"{photos['nme'][c]:.2f}" for c in COLUMNS[:4])
    PAGE.write_text(text.replace(row[0], f"| {row[1]} | {figures} | {row[2]} |"), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--aflw2000", default=os.environ.get("LPRNET_AFLW2000"))
    options = parser.parse_args()
    for name in options.weights:
        dense = report("--synthetic", "--weights", name)["sets"]
        photos = report("--aflw2000", options.aflw2000, "--weights", name) if options.aflw2000 else None
        before, title, rest = CARDS.read_text(encoding="utf-8").partition(f"# Model card: `{name}.tflite`")
        if not title:
            raise SystemExit(f"{CARDS.name} has no card of {name}")
        card, following, after = rest.partition("\n# Model card:")
        if "| mm |" in card:
            card = with_dense_numbers(card, dense)
        if photos:
            card = with_photo_numbers(card, photos)
            update_page(name, photos)
        CARDS.write_text(before + title + card + following + after, encoding="utf-8")


if __name__ == "__main__":
    main()
