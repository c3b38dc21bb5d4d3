"""The log of a training run."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, TextIO

from ..common.files import atomic_write

COLUMNS = ("sample", "loss", "learning_rate", "images_per_second", "nme", "outside")


class TrainingLog:
    """``log.csv`` in the folder of a run. With ``tensorboard``, the values also go into its folder ``tensorboard``."""

    def __init__(self, folder: Path, tensorboard: bool = False):
        self.path = folder / "log.csv"
        self._board = None
        if tensorboard:
            from tensorboard.summary import Writer

            self._board = Writer(str(folder / "tensorboard"))

    def append(self, row: dict[str, Any]) -> None:
        """Add a line with the values of some or all ``COLUMNS``, and flush it for TensorBoard."""
        new = not self.path.exists()
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            _write_rows(file, [row], header=new)
        if self._board:
            for name, value in row.items():
                if name != "sample":
                    self._board.add_scalar(name, float(value), step=int(row["sample"]))
            self._board.flush()

    def truncate(self, sample: int) -> None:
        """Drop the lines after this sample: a run that resumes from a checkpoint logs them again."""
        if not self.path.exists():
            return
        with open(self.path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if int(float(row["sample"])) <= sample]
        if not rows:
            self.path.unlink()
            return
        with atomic_write(self.path) as part, open(part, "w", newline="", encoding="utf-8") as file:
            _write_rows(file, rows, header=True)


def _write_rows(file: TextIO, rows: list[dict[str, Any]], header: bool) -> None:
    writer = csv.DictWriter(file, COLUMNS)
    if header:
        writer.writeheader()
    writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)


def duration(seconds: float) -> str:
    """A time in words.

    Examples
    --------
    >>> duration(50), duration(3000), duration(30_000)
    ('50 seconds', '50 minutes', '8.3 hours')
    """
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"
