"""lprnet synthesize and convert-300wlp: training data in shards."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from .options import add_parallel_options, folder_option


def synthesize(arguments: argparse.Namespace) -> int:
    """Make synthetic training pairs in shards. After a kill the same command makes the missing shards."""
    from tqdm import tqdm

    from ..datasets.shards import SHARD_SIZE
    from ..synthetic import synthesize

    shards = -(-arguments.samples // SHARD_SIZE)
    bar = partial(tqdm, total=shards, unit="shard")
    synthesize(arguments.folder, arguments.samples, arguments.seed, arguments.workers, bar, arguments.dask)
    print(f"{shards * SHARD_SIZE} pairs in {arguments.folder}")
    return 0


def convert_300wlp(arguments: argparse.Namespace) -> int:
    """Convert 300W-LP and the Basel Face Model to shards. After a kill the same command makes the missing shards."""
    from tqdm import tqdm

    from ..datasets.w300lp import convert_300wlp
    from ..morphable_model.readers import read_basel

    source = folder_option(arguments.source, "LPRNET_300WLP", "copy of 300W-LP")
    bar = partial(tqdm, unit="shard")
    convert_300wlp(source, arguments.folder, read_basel(*arguments.basel), arguments.workers, bar, arguments.dask)
    return 0


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet synthesize`` and ``convert-300wlp``."""
    parser = commands.add_parser("synthesize", help="make synthetic training data", description=synthesize.__doc__)
    parser.add_argument("folder", type=Path, help="for the shards, about 6 MB for 1,024 pairs each")
    parser.add_argument(
        "--samples", type=int, default=51_200, help="number of pairs, rounded up to shards (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    add_parallel_options(parser)
    parser.set_defaults(function=synthesize)

    parser = commands.add_parser("convert-300wlp", help="300W-LP to training data", description=convert_300wlp.__doc__)
    parser.add_argument("folder", type=Path, help="for the shards and the registered Basel model")
    parser.add_argument("--source", help="folder of 300W-LP (else LPRNET_300WLP)")
    parser.add_argument(
        "--basel", type=Path, nargs="+", required=True, help="BFM.mat, or Model_Shape.mat Model_Exp.mat"
    )
    add_parallel_options(parser)
    parser.set_defaults(function=convert_300wlp)
