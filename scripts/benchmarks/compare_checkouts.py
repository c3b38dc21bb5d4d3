"""Compare the speed of two checkouts of this repository, in turn on the same machine.

    git worktree add ../before COMMIT
    python scripts/benchmarks/compare_checkouts.py ../before . --rounds 10

Each round runs every part of ``benchmark.py`` once in each checkout, in separate processes, so that a busy moment
of the machine hits both. The table shows for each number the median of both and the ratio of the medians (above 1:
the second checkout is slower), with the spread of the ratio over the rounds. Ten rounds take about half an hour.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

PARTS = ("photo", "video", "uv mapping", "renderer", "synthetic samples a second, 1 thread", "networks")
RATE = "a second"  # in the name of a number that is better when it is larger


def run(checkout: Path, name: str, *options: str | Path) -> str:
    """Run a script, wherever the checkout has it, with the package of the checkout."""
    script = next((checkout / "scripts").rglob(name))
    environment = os.environ | {"PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "2"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else a checkout without .pyc files compiles at each import
    words = [sys.executable, str(script), *map(str, options)]
    done = subprocess.run(words, cwd=checkout, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{checkout}: {name} failed\n{done.stderr[-2000:]}")
    return done.stdout


def numbers(tree: object, name: str = "") -> dict[str, float]:
    """All times and rates in a report, by a path of names."""
    if isinstance(tree, dict):
        return {k: v for key, inner in tree.items() for k, v in numbers(inner, f"{name} / {key}").items()}
    timed = isinstance(tree, float | int) and (", ms" in name or RATE in name)
    return {name.removeprefix(" / "): float(tree)} if timed else {}


def measure(checkout: Path, parts: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "benchmark.json"
        output.write_bytes((checkout / "docs" / "benchmark.json").read_bytes())
        found = {}
        for part in parts:
            run(checkout, "benchmark.py", "--only", part, "--output", output)
            found |= numbers(json.loads(output.read_text(encoding="utf-8"))[part], part)
    photo = checkout / "data" / "samples" / "astronaut.jpg"
    started = json.loads(run(checkout, "benchmark_peers.py", "lprnet", photo).splitlines()[-1])
    return found | numbers(started, "start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    checkouts = options.before.resolve(), options.after.resolve()
    for checkout in checkouts:  # compiles what numba compiles, before anything is timed
        measure(checkout, options.parts)
    rounds = []
    for number in range(options.rounds):
        order = checkouts if number % 2 == 0 else checkouts[::-1]
        results = {checkout: measure(checkout, options.parts) for checkout in order}
        rounds.append([results[checkout] for checkout in checkouts])
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    print(f"{'':58s}{'before':>10s}{'after':>10s}{'ratio':>8s}   middle half of the rounds")
    for name in rounds[0][0]:
        if name not in rounds[0][1]:
            continue
        before, after = (np.array([pair[k][name] for pair in rounds]) for k in (0, 1))
        slower = before / after if RATE in name else after / before
        low, high = np.percentile(slower, [25, 75])
        ratio = np.median(before) / np.median(after) if RATE in name else np.median(after) / np.median(before)
        print(f"{name:58s}{np.median(before):10.3f}{np.median(after):10.3f}{ratio:8.3f}   {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
