"""Measure how long the closer look takes: a whole photo with it and without, in turn, and its networks alone.

    python scripts/benchmarks/closer_look_time.py

All runs on one thread. The machine's other work moves the ratio by some hundredths.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from lprnet_utils import LPRNet
from lprnet_utils.common import data_path
from lprnet_utils.common.images import read_image
from lprnet_utils.reconstruction.closer_look import CloserLooker

WARM_UP = 5


def medians(calls: list[Callable[[], object]], rounds: int) -> np.ndarray:
    """The median time of each call in milliseconds; they are made in turn."""
    times = np.empty((rounds + WARM_UP, len(calls)))
    for row in times:
        for k, call in enumerate(calls):
            start = time.perf_counter()
            call()
            row[k] = 1000 * (time.perf_counter() - start)
    return np.median(times[WARM_UP:], axis=0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    image = read_image(data_path("samples/astronaut.jpg"))
    nets, looker = [LPRNet(closer_look=look) for look in (False, True)], CloserLooker.load()
    without, with_it = medians([lambda net=net: net.reconstruct(image) for net in nets], options.rounds)
    print(f"a photo with one face: {without:.1f} ms without the closer look, {with_it:.1f} with it, "
          f"{with_it / without:.2f} times as long")  # fmt: skip
    (face,) = nets[1].reconstruct(image)
    (look,) = medians([lambda: looker(image, face.first_map)], options.rounds)
    print(f"the closer look alone: {look:.1f} ms")
    eye, _, mouth = looker.regions.all
    for region, network in ((eye, looker._eye), (mouth, looker._mouth)):
        crop = np.zeros((region.size, region.size, 3), np.float32)
        grid = np.zeros((len(region.grid), 3), np.float32)
        (alone,) = medians([lambda n=network, c=crop, g=grid: n(c, g)], options.rounds)
        print(f"its network for the {region.name.split()[-1]}: {alone:.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
