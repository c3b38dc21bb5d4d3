"""How far the networks for heads and hands are off on synthetic photos that no training used, beside the mean pose.

    python scripts/benchmarks/body_error.py            # both bundled networks, 1,000 photos each: two minutes
    python scripts/benchmarks/body_error.py hand --weights hand.tflite --photos 300

Errors are mean distances over the surface, in mm. "placed" compares it as it lies in the crop, "aligned" after the best
scale, rotation and shift. The mean pose is placed in the middle of the crop, of a hand from its back or its palm as the
photo shows it, or laid over the true surface by the best scale, rotation and shift ("turned"). The crop goes round the
box of the true landmarks.
"""

import argparse
from collections.abc import Callable

from lprnet_utils.body import BodyNet, measure, summarise
from lprnet_utils.body.baseline import view_of
from lprnet_utils.synthetic import SyntheticHands, SyntheticHeads

SEED = 77  # that of no training
PHOTOS = {"head": SyntheticHeads, "hand": SyntheticHands}
GROUPS: dict[str, list[Callable]] = {
    "head": [view_of],
    "hand": [lambda row: row["pose"], lambda row: row["side"]],
}
COLUMNS = ("photos", "placed", "mean placed", "ratio placed", "aligned", "mean turned", "ratio turned")


def table(kind: str, weights: str, count: int) -> str:
    """The errors of a network as rows of a Markdown table."""
    net = BodyNet(weights)
    made = PHOTOS[kind](SEED)
    rows = measure(net.predict, net.layout, (made.sample(k) for k in range(count)))
    lines = [f"| {kind} | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
    for group in GROUPS[kind]:
        for name, found in summarise(rows, group).items():
            if name == "all" and group is not GROUPS[kind][-1]:
                continue
            numbers = [f"{found[c]:.2f}" if "ratio" in c else f"{found[c]:.1f}" for c in COLUMNS[1:]]
            lines.append(f"| {name} | {found['photos']} | {' | '.join(numbers)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="head, hand (both)")
    parser.add_argument("--weights", help="a .tflite file instead of the bundled one")
    parser.add_argument("--photos", type=int, default=1000, help="(%(default)s)")
    arguments = parser.parse_args()
    for kind in arguments.kinds or PHOTOS:
        print(table(kind, arguments.weights or kind, arguments.photos), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
