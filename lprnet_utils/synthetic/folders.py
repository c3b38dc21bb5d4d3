"""Folders of synthetic training pairs, in shards."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ..common.files import write_checked
from ..datasets.closeups import pack_closeups
from ..datasets.shards import SHARD_SIZE, check_maker, fill_folder, pack
from .closeups import SyntheticCloseUps
from .faces import SyntheticFaces
from .hands import SyntheticHands
from .mixed import FreeFaces, MixedFaces
from .whole_heads import SyntheticHeads

# the generators by name, the models of their coefficients, and what packs their samples into a shard
GENERATORS: dict[str, tuple[Callable, str, Callable]] = {
    "plain": (SyntheticFaces, "makehuman", pack),
    "mixed": (MixedFaces, "mixed", pack),
    "free": (FreeFaces, "mixed", pack),
    "close": (SyntheticCloseUps, "", pack_closeups),
    "head": (SyntheticHeads, "head", pack),
    "hand": (SyntheticHands, "hand", pack),
}


def synthesize(
    folder: str | Path, count: int, seed: int = 0, workers: int = 1, bar: Callable = iter, dask: str | None = None,
    generator: str = "mixed",
) -> None:  # fmt: skip
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
    generator : {"mixed", "free", "plain", "close", "head", "hand"}
        ``mixed`` has the shapes of scanned people and the light of real places besides those of ``plain``. ``free``
        is the same with a mean face of free sources, not of photos. ``close`` makes close-ups of eyes and mouths for
        the closer look, in shards of their own kind. ``head`` makes whole heads from all around, ``hand`` right hands.

    Raises
    ------
    DatasetError
        If the folder holds shards of another seed or generator.
    ValueError
        If there is no such generator.
    """
    if generator not in GENERATORS:
        raise ValueError(f"no generator {generator!r}; there are {', '.join(GENERATORS)}")
    check_maker(folder, {"seed": seed, "generator": generator})
    make = partial(_synthesize_shard, seed=seed, generator=generator)
    fill_folder(folder, -(-count // SHARD_SIZE), make, workers, bar, dask)


_per_thread = threading.local()  # threads cannot share a generator, and a Dask worker may have several of them


def faces_of_thread(seed: int, generator: str = "mixed") -> SyntheticFaces | SyntheticCloseUps | SyntheticHands:
    """The generator with this seed of the current thread."""
    if getattr(_per_thread, "made", None) != (seed, generator):
        _per_thread.faces, _per_thread.made = GENERATORS[generator][0](seed), (seed, generator)
    return _per_thread.faces


def _synthesize_shard(path: Path, number: int, seed: int, generator: str) -> None:
    cv2.setNumThreads(1)
    faces = faces_of_thread(seed, generator)
    _, model, pack_samples = GENERATORS[generator]
    pairs = pack_samples(faces.sample(number * SHARD_SIZE + k) for k in range(SHARD_SIZE))
    marks = {"seed": np.array(seed), "generator": np.array(generator), "model": np.array(model)}
    write_checked(path, pairs | marks)
