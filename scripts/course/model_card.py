"""Write the measured figures of bundled weights into their model card, and those of the photos into README.md.

    LPRNET_AFLW2000=... python scripts/course/model_card.py open wild

Runs ``lprnet evaluate`` on AFLW2000-3D, where it is given, and on the bundled synthetic faces, and replaces the numbers
of each table row that ``data/weights/README.md`` has. Every run is a look at the evaluation photos: write it down in
``docs/evaluation-log.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
from pathlib import Path

from lprnet_utils.commands.main import main as lprnet
from lprnet_utils.evaluation.protocols import DENSE

ROOT = Path(__file__).resolve().parents[2]
CARDS, README = ROOT / "data" / "weights" / "README.md", ROOT / "README.md"
COLUMNS = "0-30", "30-60", "60-90", "mean of bins", "mean over photos"


def report(*arguments: str) -> dict:
    """What ``lprnet evaluate`` writes."""
    with tempfile.TemporaryDirectory() as folder:
        if lprnet(["evaluate", *arguments, "--output", folder]):
            raise SystemExit("lprnet evaluate failed")
        return json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))


def replaced(text: str, row: str, values: list[str]) -> str:
    """The text with other numbers in the table row that begins with ``row``; it must be there."""
    new, count = re.subn(
        rf"^\| {re.escape(row)} \|.*$", lambda _: f"| {' | '.join([row, *values])} |", text, flags=re.M
    )
    if count != 1:
        raise SystemExit(f"{count} rows '| {row} |' where there should be one")
    return new


def dense_figures(card: str, sets: dict) -> str:
    """A card with the figures of the bundled synthetic faces."""
    for kind, ending in (("makehuman", ""), ("ict", ", scans")):
        for name in DENSE:
            for face, errors in (("", sets[kind]), ("mean face, ", sets[kind]["mean face"])):
                card = replaced(card, face + name + ending, [f"{errors[name][c]:.2f}" for c in COLUMNS])
    for kind, row in sets["makehuman"]["people"].items():
        card = replaced(card, kind, [str(row["photos"]), f"{row['mm']:.2f}", f"{row['nme']:.2f}"])
    rough = sets["makehuman"]["roughness"]
    stated = f"roughness {rough['prediction']:.2f} degrees (truth {rough['truth']:.2f})"
    return re.sub(r"roughness [\d.]+ degrees \(truth [\d.]+\)", stated, card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--aflw2000", default=os.environ.get("LPRNET_AFLW2000"))
    options = parser.parse_args()
    for name in options.weights:
        dense = report("--synthetic", "--weights", name)["sets"]
        photos = report("--aflw2000", options.aflw2000, "--weights", name) if options.aflw2000 else None
        text = CARDS.read_text(encoding="utf-8")
        start = text.index(f"# Model card: `{name}.tflite`")
        end = text.find("\n# Model card:", start)
        end = len(text) if end < 0 else end
        card = text[start:end]
        if "| mm |" in card:
            card = dense_figures(card, dense)
        if photos:
            figures = [f"{photos['nme'][c]:.2f}" for c in COLUMNS]
            card = re.sub(r"^\| [\d. |]+ \|$", f"| {' | '.join([*figures, format(photos['flip'], '.2f')])} |", card,
                          count=1, flags=re.M)  # fmt: skip
            readme = README.read_text(encoding="utf-8")
            row = re.search(rf"^\| (`{name}`[^|]*) \|[\d. |]+\| ([^|\d][^|]*) \|$", readme, re.M)
            readme = readme.replace(row[0], f"| {row[1]} | {' | '.join(figures[:4])} | {row[2]} |")
            README.write_text(readme, encoding="utf-8")
        CARDS.write_text(text[:start] + card + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
