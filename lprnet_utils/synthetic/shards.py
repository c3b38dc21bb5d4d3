"""Folders of synthetic training pairs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ..common.assets import DatasetError
from ..common.files import read_checked, write_checked
from ..datasets.shards import SHARD_SIZE, fill_folder, is_whole, pack
from .faces import SyntheticFaces


def synthesize(
    folder: str | Path, count: int, seed: int = 0, workers: int = 1, bar: Callable = iter, dask: str | None = None
) -> None:
    """Fill a folder with shards of synthetic pairs. Whole shards are kept, so a killed run can be continued.

    Parameters
    ----------
    folder : path
    count : int
        Pairs, rounded up to whole shards of 1,024.
    seed : int
    workers : int
        Processes.
    bar : callable
        Wraps the iterator over shards, for a progress bar.
    dask : str, optional
        Address of a Dask cluster that does the work instead, see :func:`lprnet_utils.common.parallel.run_jobs`.

    Raises
    ------
    DatasetError
        If the folder holds shards of another seed.
    """
    if first := next(filter(is_whole, sorted(Path(folder).glob("shard-*.bin"))), None):
        made = int(read_checked(first).get("seed", seed))
        if made != seed:
            raise DatasetError(f"{first} was made with seed {made}, not {seed}: take another folder, or that seed")
    fill_folder(folder, -(-count // SHARD_SIZE), partial(_synthesize_shard, seed=seed), workers, bar, dask)


_per_thread = threading.local()  # threads cannot share a generator, and a Dask worker may have several of them


def faces_of_thread(seed: int) -> SyntheticFaces:
    """The generator with this seed of the current thread."""
    if getattr(_per_thread, "seed", None) != seed:
        _per_thread.faces, _per_thread.seed = SyntheticFaces(seed), seed
    return _per_thread.faces


def _synthesize_shard(path: Path, number: int, seed: int) -> None:
    cv2.setNumThreads(1)
    faces = faces_of_thread(seed)
    pairs = pack(faces.sample(number * SHARD_SIZE + k) for k in range(SHARD_SIZE))
    write_checked(path, pairs | {"seed": np.array(seed)})
