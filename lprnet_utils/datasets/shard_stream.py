"""Shards that are read while a network trains on them: while they are still made, or more than the memory holds."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.assets import DatasetError, existing_folder
from ..common.files import write_files
from ..morphable_model.fitting import Fits
from .shards import FIT_ARRAYS, SHARD_SIZE, Shards
from .sources import Source

POLL_SECONDS = 0.5  # between two looks for a shard
SETTLE_SECONDS = 30.0  # after its last change, for which a damaged shard may still be in the making
PASSES = 8  # how often a photo is drawn, on average, before another takes its place
MARGIN = 4  # shards kept beyond the newest ones: batches that other threads are making may use them


class ShardStream(Source):
    """Pairs of a folder of shards, of which the newest are kept in memory. A batch is drawn from what is there then.

    Shards are taken up in their order as soon as they are there. If ``keep`` of them are there, each further one
    replaces the oldest, after its photos have been drawn often enough; after the last one the first ones follow again.
    Shard 0 is held out, and a last shard with fewer pairs than the others is left out. Rows count the pairs in the
    order in which they were taken up.

    Parameters
    ----------
    folder : path
    size : int
        N, side of crops and maps.
    begin : int
        Shards that must be there at the beginning. They are waited for.
    keep : int
        Shards that are kept.
    record : path, optional
        A file that gets a line for each shard: the batch from which it is used, and its number. A stream with the same
        file gives the same batches again, so that a training that was killed goes on as it would have.

    Attributes
    ----------
    held_out : Shards
        The pairs of shard 0.
    stop : int
        How many shards have been taken up. On going on with a record, those before the kept ones are not read.

    Raises
    ------
    DatasetError
        If a shard is damaged and does not change any more, has another face model than shard 0, or is named by the
        record and missing.
    """

    def __init__(
        self, folder: str | Path, size: int = 128, begin: int = 16, keep: int = 500, record: Path | None = None
    ):
        self.folder, self.size, self.keep = existing_folder(folder), size, max(keep, begin)
        self._model_name: str | None = None
        self.held_out = self._read(0, wait=True)
        self.surface, self.cropped = self.held_out.surface, self.held_out.cropped
        self.symmetric = self.held_out.symmetric
        self._record, self._lock = record, threading.Lock()
        lines = self._recorded()
        # of each shard that was taken up: the first batch, and the number of the file
        self._since, self._files = ([int(line.split(",")[k]) for line in lines] for k in range(2))
        self.stop, self._highest = 0, -1  # the highest batch so far
        self._short: set[int] = set()
        self._kept: dict[int, Shards] = {}  # replaced as a whole: other threads read it
        if not self._files:
            for file in range(1, begin + 1):
                shards = self._read(file, wait=True)
                if len(shards) != SHARD_SIZE:
                    raise DatasetError(f"{self._path(file)} holds {len(shards)} pairs, not {SHARD_SIZE}")
                self._kept[file - 1] = shards
            self._since, self._files = [0] * begin, [*range(1, begin + 1)]
            if record is not None:  # at once: a run that is killed before this begins anew, with as many shards
                lines = [f"keep {self.keep}", *(f"0,{file}" for file in self._files)]
                write_files({record: "".join(f"{line}\n" for line in lines).encode()})
        for file in self._files[-self.keep :]:
            if not self._path(file).exists():
                raise DatasetError(f"{self._path(file)} is missing, and {record} names it")

    def __len__(self) -> int:
        return len(self._files) * SHARD_SIZE

    @staticmethod
    def kept_before(record: Path) -> int | None:
        """How many shards a stream with this record keeps; None if there is no record."""
        words = record.read_text(encoding="utf-8").split()[:2] if record.exists() else []
        return int(words[1]) if words[:1] == ["keep"] and len(words) == 2 and words[1].isdigit() else None

    def _recorded(self) -> list[str]:
        """The lines of the record, after its first one, which says how many shards are kept."""
        if self._record is None or not self._record.exists():
            return []
        text = self._record.read_text(encoding="utf-8")
        if not text.endswith("\n"):  # killed while a line was written
            text = text[: text.rfind("\n") + 1]
            self._record.write_text(text, encoding="utf-8")
        if not text:
            return []
        first, *lines = text.splitlines()
        if first != f"keep {self.keep}":
            raise DatasetError(
                f"{self._record} began with {first!r}, not {self.keep}, so its batches would not be the same: give "
                "--keep as then, or leave it out"
            )
        return lines

    def window(self, number: int, batch_size: int) -> tuple[int, int]:
        """The rows, from the first to before the second, of which batch ``number`` is made."""
        with self._lock:
            if number > self._highest:  # what batches before it are made of has been said
                self._take_up(number, batch_size)
                self._highest = number
            stop = bisect_right(self._since, number)
            if stop > self.stop:
                low = max(stop - self.keep - MARGIN, 0)
                missing = {k: self._read(self._files[k]) for k in range(low, stop) if k not in self._kept}
                self._kept = {k: shards for k, shards in self._kept.items() if k >= low} | missing
                self.stop = stop
            return max(stop - self.keep, 0) * SHARD_SIZE, stop * SHARD_SIZE

    def draw(self, rng: np.random.Generator, count: int, number: int, batch_size: int) -> NDArray[np.intp]:
        """Rows (count,) of batch ``number``, each pair of its window equally often."""
        return rng.integers(*self.window(number, batch_size), size=count)

    @property
    def start(self) -> int:
        """The number of the first kept shard, in the order of taking up."""
        return max(self.stop - self.keep, 0)

    def _take_up(self, number: int, batch_size: int) -> None:
        """Note a further shard, from this batch on, if it is there and there is room, or the oldest has been used."""
        count, last, stay = len(self._files), self._since[-1], PASSES * SHARD_SIZE // batch_size
        full = count >= self.keep
        if number <= last or (full and number - last < stay):
            return
        new = count + 1 if not full else self._files[-1] + 1
        shards = self._read_if_there(new)
        if shards is None:
            if not full:
                return
            new = 1  # the folder holds no more: from the beginning again
            shards = self._read(new)
        self._kept = self._kept | {count: shards}
        self._note(number, new)

    def _read_if_there(self, file: int) -> Shards | None:
        """A shard; None if it does not exist, or has fewer pairs than the others."""
        if file in self._short or not self._path(file).exists():
            return None
        shards = self._read(file)
        if len(shards) == SHARD_SIZE:
            return shards
        self._short.add(file)
        return None

    def _note(self, number: int, file: int) -> None:
        self._since.append(number)
        self._files.append(file)
        if self._record is not None:
            with open(self._record, "a", encoding="utf-8") as record:
                record.write(f"{number},{file}\n")

    def _path(self, file: int) -> Path:
        return self.folder / f"shard-{file:05d}.bin"

    def _read(self, file: int, wait: bool = False) -> Shards:
        """A shard. One in the making is waited for, a missing one only if ``wait``."""
        path = self._path(file)
        while wait and not path.exists():
            time.sleep(POLL_SECONDS)
        while True:
            try:
                shards = Shards.of_files([path], self.size)
                break
            except DatasetError:
                if not path.exists() or time.time() - path.stat().st_mtime > SETTLE_SECONDS:
                    raise
                time.sleep(POLL_SECONDS)
        if self._model_name not in (None, shards.model_name):
            raise DatasetError(f"{path} is of the face model {shards.model_name!r}, shard 0 of {self._model_name!r}")
        self._model_name = shards.model_name
        return shards

    def shard(self, index: int) -> Shards:
        """A shard that was taken up, by its number in the order of taking up.

        It is read again if it is no longer kept: a thread can be so slow that the others have gone on by more than
        the margin.
        """
        shards = self._kept.get(index)
        if shards is None:
            if not 0 <= index < len(self._files):
                raise KeyError(f"shard {index} of the order of taking up: {len(self._files)} have been taken up")
            shards = self._read(self._files[index])
        return shards

    @property
    def linear(self) -> tuple[Array, Array]:
        """Mean (N*N, 3) and basis (K + E, N*N, 3) of the maps; ValueError for a model with a skeleton."""
        return self.surface.linear

    def image(self, i: int) -> Image:
        """Crop i, (N, N, 3) uint8 RGB."""
        return self.shard(i // SHARD_SIZE).image(i % SHARD_SIZE)

    def landmarks(self, i: int) -> Array:
        """Landmarks (68, 3) of crop i, in its pixels."""
        return self.shard(i // SHARD_SIZE).landmarks(i % SHARD_SIZE)

    def maps(self, indices: ArrayLike) -> NDArray[np.float32]:
        """Position maps (B, N, N, 3) in pixels of the images, with mean z 0 over the valid texels."""
        rows = [(self.shard(i // SHARD_SIZE).fits, i % SHARD_SIZE) for i in np.asarray(indices)]
        fits = Fits(*(np.stack([getattr(fits, name)[k] for fits, k in rows]) for name in FIT_ARRAYS))
        maps = self.surface.texels(fits).reshape(-1, self.size, self.size, 3)
        return self.held_out.layout.centre_depth(maps)
