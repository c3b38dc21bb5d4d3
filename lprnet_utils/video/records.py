"""A table of landmarks, pose and expression for each face in each frame, as a .csv or .npz file."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import IO

import numpy as np

from ..common.files import atomic_write, save_arrays
from .tracking import TrackedFace

RECORD_ENDINGS = (".csv", ".npz")


class FaceRecord:
    """Rows of numbers, one for each face in each frame. A temporary file holds them until they are written.

    The columns are ``frame``, ``time`` (s), ``face`` (id), ``confidence``, ``pose`` (pitch, yaw, roll in degrees),
    ``landmarks`` (68, 3) in the photo frame and ``expression`` (weights, by their ARKit names). An .npz also has
    ``raw_landmarks``, those before smoothing, ``names`` of the expressions and ``fps``.
    """

    def __init__(self, expression_names: tuple[str, ...], fps: float, file: IO[bytes]):
        self._names, self._fps, self._file = expression_names, fps, file
        single = np.float32
        self._row = np.dtype([
            ("frame", np.int32), ("time", np.float64), ("face", np.int32), ("confidence", single), ("pose", single, 3),
            ("landmarks", single, (68, 3)), ("raw_landmarks", single, (68, 3)),
            ("expression", single, len(expression_names)),
        ])  # fmt: skip

    def add(self, frame: int, faces: list[TrackedFace]) -> None:
        """Add the faces of a frame."""
        for found in faces:
            face, pose = found.face, found.face.pose
            values = frame, frame / self._fps, found.id, face.confidence, (pose.pitch, pose.yaw, pose.roll)
            row = (*values, face.landmarks, found.raw_landmarks, found.coefficients.expression)
            self._file.write(np.array([row], self._row).tobytes())

    def write(self, path: Path) -> None:
        """Write all rows into a .csv or .npz file."""
        self._file.flush()
        empty = not os.fstat(self._file.fileno()).st_size
        rows = np.empty(0, self._row) if empty else np.memmap(self._file, self._row, "r")
        if path.suffix.lower() == ".npz":
            arrays = {name: rows[name] for name in self._row.names}
            save_arrays(arrays | {"names": np.array(self._names), "fps": np.array(self._fps)}, path)
        else:
            self._write_csv(rows, path)

    def _write_csv(self, rows: np.ndarray, path: Path) -> None:
        points = [f"{axis}{k}" for k in range(68) for axis in "xyz"]
        with atomic_write(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["frame", "time", "face", "confidence", "pitch", "yaw", "roll", *points, *self._names])
            for row in rows:
                numbers = [f"{v:.3f}" for v in (*row["pose"], *row["landmarks"].ravel(), *row["expression"])]
                out.writerow([row["frame"], f"{row['time']:.4f}", row["face"], f"{row['confidence']:.3f}", *numbers])
