"""A folder of your own photos with 68 points each, for training and evaluation.

The points are those of 300-W, in iBUG's order. A file has their place in the photo alone: the depth comes from the face
model.
"""

from __future__ import annotations

from copy import copy
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError
from ..common.images import ImageError, read_image
from ..geometry.camera import rotation_angles
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout
from .sources import HELD_OUT_INTERVAL, fit_photos, landmark_basis

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
POINT_SUFFIXES = (".pts", ".landmarks.txt", ".txt")  # of the file beside a photo, in order of preference
DEPTH_ITERATIONS = 3


def read_points(path: str | Path) -> Array:
    """68 points (68, 2) in 0-based pixels from a file; DatasetError if it has another content.

    A ``.pts`` file has the format of 300-W: points between braces, pixels counted from 1. Any other file is a text of
    68 lines ``x y`` or ``x y z``, as ``lprnet photo --landmarks`` writes them, pixels counted from 0. z is ignored.
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
    """A folder of photos, each with a file of the 68 points of one face.

    ``anna.jpg`` goes with ``anna.pts``, ``anna.landmarks.txt`` or ``anna.txt``, see :func:`read_points`. Photos without
    points are ignored. Subfolders are searched too.

    Parameters
    ----------
    folder : path
    strict : bool
        Raise for a broken file; otherwise leave its photo out and name it in ``problems``.

    Attributes
    ----------
    names : list of str
        Paths of the photos, relative to the folder.
    landmarks : (n, 68, 3) float32
        0-based pixels; z toward the camera, with mean 0, from the face model fitted to the points.
    angles : (n, 3)
        pitch, yaw, roll in degrees, of that fit.
    yaw : (n,)
    trust : (n,) float32
        All 1: points that were set by hand are trusted.
    held_out : (n,) bool
        One photo in twenty, at least one, for validation. The choice follows from the photos' names.
    problems : dict
        Name of each photo that was left out, and the reason.

    Raises
    ------
    DatasetError
        If there is no photo with points, or a file is broken.
    """

    def __init__(self, folder: str | Path, strict: bool = False):
        self.folder = Path(folder)
        self.problems: dict[str, str] = {}
        found: dict[str, Array] = {}
        for path in sorted(p for p in self.folder.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES):
            point_files = [path.with_suffix(end) for end in POINT_SUFFIXES if path.with_suffix(end).is_file()]
            if not point_files:
                continue
            name = path.relative_to(self.folder).as_posix()
            try:
                found[name] = read_points(point_files[0])
                self._check_inside(path, found[name])
            except DatasetError as error:
                if strict:
                    raise
                found.pop(name, None)
                self.problems[name] = str(error)
        if not found:
            expected = f"anna.jpg needs anna{POINT_SUFFIXES[0]} or anna{POINT_SUFFIXES[2]}"
            reason = next(iter(self.problems.values()), expected)
            raise DatasetError(f"{self.folder} holds no photo with a file of 68 points ({reason})")
        self.names = list(found)
        self.landmarks, self.angles = fit_depth(np.stack(list(found.values())))
        self.yaw = self.angles[:, 1]
        self.trust = np.ones(len(found), np.float32)
        order = np.argsort([sha256(name.encode()).hexdigest() for name in self.names])
        self.held_out = np.zeros(len(found), bool)
        self.held_out[order[: max(round(len(found) / HELD_OUT_INTERVAL), 1)]] = True

    @staticmethod
    def _check_inside(path: Path, points: Array) -> None:
        """Raise if most points are outside the photo: they have another origin, or belong to another photo."""
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
        """A folder with these photos alone."""
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


def fit_depth(points: ArrayLike) -> tuple[NDArray[np.float32], Array]:
    """Landmarks (n, 68, 3) with mean z 0, and pose (n, 3) in degrees, for points (n, 68, 2) of photos.

    The depth is first that of the mean face, and then that of the face model fitted to the points with the last depth.
    """
    points = np.asarray(points, float)
    layout = UVLayout()
    mean, basis = landmark_basis(layout, *layout.position_basis(MorphableModel.load()))
    landmarks = np.concatenate([points, np.stack([_mean_face_depth(xy, mean) for xy in points])[..., None]], 2)
    for _ in range(DEPTH_ITERATIONS):
        fits = fit_photos(landmarks)
        landmarks[..., 2] = fits.evaluate(mean, basis)[..., 2]
        landmarks[..., 2] -= landmarks[..., 2].mean(1, keepdims=True)
    return landmarks.astype(np.float32), np.array([rotation_angles(r) for r in fits.rotation])


def _mean_face_depth(points: Array, mean: Array) -> Array:
    """Z (68,) of the mean face (68, 3) in the pose that explains the points (68, 2) best.

    The least squares fit of an affine camera, then the rotation nearest to it.
    """
    centred = mean - mean.mean(0)
    flipped = (points - points.mean(0)) * [1, -1]
    left, scales, right = np.linalg.svd(np.linalg.lstsq(centred, flipped, rcond=None)[0].T, full_matrices=False)
    rows = left @ right
    return scales.mean() * centred @ np.cross(rows[0], rows[1])
