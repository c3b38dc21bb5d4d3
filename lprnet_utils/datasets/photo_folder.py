"""Photos of one's own with 68 points beside each: read, given depth and fitted, for training and evaluation.

The points are what 300-W's are (iBUG's order), in the picture; how near each lies to the camera is not known, and comes
from the face model.
"""

from __future__ import annotations

from copy import copy
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError
from ..common.images import ImageError, read_image
from ..geometry.camera import rotation_angles
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout
from .sources import HELD_OUT, fit_photos

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
POINTS = (".pts", ".landmarks.txt", ".txt")  # endings of what may lie beside a picture, in this order
ROUNDS = 3  # of depth from the fit and fit with that depth in turn


def read_points(path: str | Path) -> Array:
    """68 points (68, 2) in 0-based pixels from a file.

    A ``.pts`` is of 300-W's kind: the points between braces, pixels counted from 1. Another is a text of 68 lines
    ``x y``, or ``x y z`` as ``lprnet photo --landmarks`` writes it (z is left), pixels counted from 0.

    Raises
    ------
    DatasetError
        If it holds something else.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".pts":
            text = text[text.index("{") + 1 : text.index("}")]
        points = np.array([line.replace(",", " ").split()[:2] for line in text.split("\n") if line.strip()], float)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is no file of points: {error}") from error
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise DatasetError(f"{path} should hold 68 points, x and y a line; its shape is {points.shape}")
    return points - 1.0 if path.suffix.lower() == ".pts" else points


class PhotoFolder:
    """A folder of photos, each with a file of its face's 68 points beside it.

    ``anna.jpg`` goes with ``anna.pts``, ``anna.landmarks.txt`` or ``anna.txt``, see :func:`read_points`; of a photo
    with several faces one has points. Pictures without points are left alone. Folders within are searched too.

    Parameters
    ----------
    folder : path
    strict : bool
        Raise for a broken file; otherwise leave its photo out and name it in ``problems``.

    Attributes
    ----------
    names : list of str
        Of the photos, relative to the folder.
    landmarks : (n, 68, 3) float32
        0-based pixels; z toward the camera, of mean 0, from the face model fitted to the points.
    angles : (n, 3)
        pitch, yaw, roll in degrees, of that fit.
    yaw : (n,)
    trust : (n,) float32
        All 1: who sets points by hand is believed.
    held_out : (n,) bool
        One in twenty, at least one, to choose by and never to train on. Which, is decided by the photo's name.
    problems : dict
        What is wrong, by the photo's name.

    Raises
    ------
    DatasetError
        If there is no photo with points, or a file is broken.
    """

    def __init__(self, folder: str | Path, strict: bool = False):
        self.folder = Path(folder)
        self.problems: dict[str, str] = {}
        found: dict[str, Array] = {}
        for path in sorted(p for p in self.folder.rglob("*") if p.suffix.lower() in PICTURES):
            beside = [path.with_suffix(end) for end in POINTS if path.with_suffix(end).is_file()]
            if not beside:
                continue
            name = path.relative_to(self.folder).as_posix()
            try:
                found[name] = read_points(beside[0])
                self._check(path, found[name])
            except DatasetError as error:
                if strict:
                    raise
                found.pop(name, None)
                self.problems[name] = str(error)
        if not found:
            first = next(iter(self.problems.values()), f"beside anna.jpg lies anna{POINTS[0]}, or anna{POINTS[2]}")
            raise DatasetError(f"{self.folder} holds no photo with a file of 68 points ({first})")
        self.names = list(found)
        self.landmarks, self.angles = with_depth(np.stack(list(found.values())))
        self.yaw = self.angles[:, 1]
        self.trust = np.ones(len(found), np.float32)
        order = np.argsort([sha256(name.encode()).hexdigest() for name in self.names])
        self.held_out = np.zeros(len(found), bool)
        self.held_out[order[: max(round(len(found) / HELD_OUT), 1)]] = True

    @staticmethod
    def _check(path: Path, points: Array) -> None:
        """The points must lie on the photo, at least mostly: else they count from somewhere else, or are another's."""
        try:
            height, width = read_image(path).shape[:2]
        except ImageError as error:
            raise DatasetError(str(error)) from error
        inside = ((points > -1) & (points < [width, height])).all(1)
        if inside.mean() < 0.5:
            raise DatasetError(f"{path} has {width} x {height} pixels, and {(~inside).sum()} of its points lie outside")

    def __len__(self) -> int:
        return len(self.names)

    def select(self, rows: list[int]) -> PhotoFolder:
        """Some of the photos."""
        part = copy(self)
        part.names = [self.names[i] for i in rows]
        for name in ("landmarks", "angles", "yaw", "trust", "held_out"):
            setattr(part, name, getattr(self, name)[rows])
        return part

    def image(self, i: int) -> NDArray[np.uint8]:
        """Photo i, (H, W, 3) uint8 RGB, upright."""
        try:
            return read_image(self.folder / self.names[i])
        except ImageError as error:
            raise DatasetError(str(error)) from error


def with_depth(points: ArrayLike) -> tuple[NDArray[np.float32], Array]:
    """Landmarks (n, 68, 3) of mean depth 0, and pose (n, 3) in degrees, of points (n, 68, 2) in pictures.

    At first the depth is that of the mean face, as an affine camera sees it (a linear least squares problem, then the
    nearest rotation); then of the model fitted to points and depth, a few times.
    """
    points = np.asarray(points, float)
    layout, model = UVLayout(), MorphableModel.load()
    mean, basis = model.position_basis(layout)
    read = layout.landmark_matrix
    mean, basis = read @ mean, np.stack([read @ direction for direction in basis])
    front = mean - mean.mean(0)
    landmarks = np.zeros((*points.shape[:2], 3))
    for k, xy in enumerate(points):
        seen = (xy - xy.mean(0)) * [1, -1]
        left, sizes, right = np.linalg.svd(np.linalg.lstsq(front, seen, rcond=None)[0].T, full_matrices=False)
        rows = left @ right
        landmarks[k] = np.c_[xy, sizes.mean() * front @ np.cross(rows[0], rows[1])]
    for _ in range(ROUNDS):
        fits = fit_photos(SimpleNamespace(landmarks=landmarks), np.arange(len(points)))
        landmarks[..., 2] = fits.evaluate(mean, basis)[..., 2]
        landmarks[..., 2] -= landmarks[..., 2].mean(1, keepdims=True)
    return landmarks.astype(np.float32), np.array([rotation_angles(r) for r in fits.rotation])
