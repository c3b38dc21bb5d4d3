"""A folder of your own photos with 68 points each, for training and evaluation.

The points are those of 300-W, in iBUG's order. A file has their place in the photo alone: the depth comes from the face
model.
"""

from __future__ import annotations

import codecs
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError
from ..common.images import readable_endings, unreadable_endings
from ..geometry.camera import rotation_angles
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout
from .sources import HELD_OUT_INTERVAL, PhotoFiles, check_points, fit_photos, landmark_basis, read_photo

POINT_SUFFIXES = (".pts", ".landmarks.txt", ".txt")  # of the file beside a photo, in order of preference
DEPTH_ITERATIONS = 3
MAX_POINT_FILE_BYTES = 1_000_000  # 68 lines need far less


def read_points(path: str | Path) -> Array:
    """68 points (68, 2) in 0-based pixels from a file; DatasetError if it has another content.

    A ``.pts`` file has the format of 300-W: points between braces, pixels counted from 1. Any other file is a text of
    68 lines ``x y`` or ``x y z``, as ``lprnet photo --landmarks`` writes them, pixels counted from 0. z is ignored.
    """
    path = Path(path)
    pts = path.suffix.lower() == ".pts"
    points = np.array([_point(line, path, number) for number, line in _point_lines(path, pts)])
    if points.shape != (68, 2):
        raise DatasetError(f"{path} should hold 68 points, x and y a line; it has {len(points)}")
    check_points(points, path)
    return points - 1.0 if pts else points


def _point_lines(path: Path, pts: bool) -> list[tuple[int, str]]:
    """The lines of a file that have a point, numbered from 1."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} is no file of points: {error}") from error
    if len(data) > MAX_POINT_FILE_BYTES:
        raise DatasetError(f"{path} is no file of points: it has {len(data):,} bytes")
    # Windows' editor begins a text with a byte-order mark
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    lines = data.decode("utf-16" if wide else "utf-8-sig", errors="replace").splitlines()
    first, last = 0, len(lines)
    if pts:
        first, last = (next((k for k, line in enumerate(lines) if brace in line), None) for brace in "{}")
        if first is None or last is None:
            raise DatasetError(f"{path} is no file of points: a .pts file has them between the braces {{ and }}")
        lines[first] = lines[first].split("{")[1]
        lines[last] = lines[last].split("}")[0]
        last += 1
    return [(k + 1, lines[k]) for k in range(first, last) if lines[k].strip()]


def _point(line: str, path: Path, number: int) -> list[float]:
    """X and y in a line of a file of points."""
    words = line.replace(",", " ").split()
    try:
        point = [float(word) for word in words]
    except ValueError:
        point = []
    if len(point) not in (2, 3) or not np.isfinite(point).all():
        raise DatasetError(f"{path}, line {number}: {line.strip()[:60]!r} should be x and y, or x, y and z")
    return point[:2]


class PhotoFolder(PhotoFiles):
    """A folder of photos, each with a file of the 68 points of one face.

    ``anna.jpg`` goes with ``anna.pts``, ``anna.landmarks.txt`` or ``anna.txt``, see :func:`read_points`; or with
    ``anna_jpg.landmarks.txt``, as ``lprnet photo`` calls it if there is an ``anna.png`` too. Photos without points are
    left out, and named in ``without_points``. Subfolders are searched too. DatasetError if there is no photo with
    points. A broken file raises it too if ``strict``, and so does a file that could be of two photos; otherwise these
    photos are left out, and ``problems`` has their names and the reasons.

    Attributes
    ----------
    names, without_points : list of str
        Paths of the photos that have points, and of those that have none, relative to the folder.
    landmarks : (n, 68, 3) float32
        0-based pixels; z toward the camera, with mean 0, from the face model fitted to the points.
    angles, yaw : (n, 3), (n,)
        pitch, yaw, roll in degrees, of that fit; yaw alone.
    trust : (n,) float32
        All 1: points that were set by hand are trusted.
    held_out : (n,) bool
        One photo in twenty, at least one, for validation. The choice follows from the photos' names.
    """

    arrays = "landmarks", "angles", "yaw", "trust", "held_out"

    def __init__(self, folder: str | Path, strict: bool = False):
        endings = {*readable_endings(), *unreadable_endings()}  # the latter are named among the problems
        photos = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in endings)
        files = {p.relative_to(folder).as_posix(): _point_file(p) for p in photos}
        names = [name for name, file in files.items() if file]
        self.without_points = [name for name, file in files.items() if not file]
        self._files, self._photos_of = files, Counter(files.values())  # one file of points is not of two photos
        hint = f"anna.jpg needs anna{POINT_SUFFIXES[0]} or anna{POINT_SUFFIXES[2]}"
        points = self._read_labels(folder, names, strict, "a file of 68 points", hint)
        self.landmarks, self.angles = fit_depth(np.stack(points))
        self.yaw = self.angles[:, 1]
        self.trust = np.ones(len(self), np.float32)
        order = np.argsort([sha256(name.encode()).hexdigest() for name in self.names])
        self.held_out = np.zeros(len(self), bool)
        self.held_out[order[: max(round(len(self) / HELD_OUT_INTERVAL), 1)]] = True

    def _read(self, name: str) -> Array:
        """Points (68, 2) of a photo. If most lie outside, they have another origin, or belong to another photo."""
        path = self.folder / name
        file = self._files[name]
        if self._photos_of[file] > 1:
            own = f"{path.stem}_{path.suffix[1:]}{POINT_SUFFIXES[2]}"
            raise DatasetError(
                f"{file} may be of {path.name} or of another photo beside it: call it {own} if it is this"
            )
        points = read_points(file)
        height, width = read_photo(path).shape[:2]
        inside = ((points > -1) & (points < [width, height])).all(1)
        if inside.mean() < 0.5:
            raise DatasetError(f"{path} has {width} x {height} pixels, and {(~inside).sum()} of its points lie outside")
        return points


def _point_file(photo: Path) -> Path | None:
    own = (photo.with_name(f"{photo.stem}_{photo.suffix[1:]}{end}") for end in POINT_SUFFIXES)
    return next(filter(Path.is_file, (*own, *map(photo.with_suffix, POINT_SUFFIXES))), None)


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
