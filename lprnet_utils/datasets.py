"""Training and evaluation data: photos with landmarks, and the position maps fitted to them."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .assets import DatasetError, load_arrays, read_mat
from .face_model import MorphableModel
from .fitting import Fits, fit_landmarks, graft_parts
from .geometry import Camera, rotation_matrix
from .images import ImageError, read_image
from .uv import UVLayout

Array = NDArray[np.floating]

# The mirror counterpart of each of the 68 iBUG landmarks.
_PAIRS = [(i, 16 - i) for i in range(8)] + [(i, 43 - i) for i in range(17, 22)] + [(31, 35), (32, 34)]
_PAIRS += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54), (49, 53), (50, 52), (55, 59)]
_PAIRS += [(56, 58), (60, 64), (61, 63), (65, 67)]
MIRROR_68 = np.arange(68)
for _a, _b in _PAIRS:
    MIRROR_68[[_a, _b]] = _b, _a

HELD_OUT = 20  # one duplicate group in so many is kept out of training
# Points of MediaPipe's mesh at landmarks 36 to 67: eyes, then lips
MESH_LANDMARKS = [33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17]
MESH_LANDMARKS += [84, 181, 78, 82, 13, 312, 308, 317, 14, 87]
# lids and lips: their landmarks, and what holds them in place: the corners, which people have marked, and the middle
_EYES = [(tuple(range(k, k + 6)), ((k,), (k + 3,), tuple(range(k, k + 6)))) for k in (36, 42)]
PARTS = [*_EYES, (tuple(range(48, 68)), ((48,), (54,), tuple(range(60, 68))))]
MESH_ERROR = 5.0  # of a mesh against the human points, in % of the face's box, up to which its lids and lips are taken
MESH_YAW = 50.0  # and degrees
# What each of AFLW's 21 human points is, in terms of the 68: their mean. The ears (12, 16) are not among these.
AFLW_POINTS: list[tuple[int, ...]] = [
    (17,),
    (19,),
    (21,),
    (22,),
    (24,),
    (26,),
    (36,),
    tuple(range(36, 42)),
    (39,),
    (42,),
]
AFLW_POINTS += [tuple(range(42, 48)), (45,), (2,), (31,), (30,), (35,), (14,), (48,), tuple(range(60, 68)), (54,), (8,)]
AFLW_EARS = 12, 16
TRUST = {2: 1.0, 1: 0.3, 0: 0.0}  # by the quality flag of the labels


def landmark_box(landmarks: ArrayLike) -> Array:
    """Box (..., 4) = (x0, y0, x1, y1) of the extremes of landmarks (..., 68, 2 or 3)."""
    xy = np.asarray(landmarks, float)[..., :2]
    return np.concatenate([xy.min(-2), xy.max(-2)], -1)


def openness(landmarks: ArrayLike) -> tuple[Array, Array]:
    """How far the eyes (mean of both) and the mouth are open: height by width of lids and inner lips.

    Parameters
    ----------
    landmarks : (..., 68, 2 or 3)

    Returns
    -------
    eyes, mouth : (...)
        An open eye has about 0.3, a shut mouth 0.05. Two coordinates do for a face seen from the front; of a turned
        one the widths are foreshortened. The eye aspect ratio is of Soukupova and Cech, CVWW 2016.
    """
    points = np.asarray(landmarks, float)

    def length(a: int, b: int) -> Array:
        return np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1)

    eyes = [(length(k + 1, k + 5) + length(k + 2, k + 4)) / (2 * length(k, k + 3)) for k in (36, 42)]
    return (eyes[0] + eyes[1]) / 2, length(62, 66) / length(60, 64)


def expressive(landmarks: ArrayLike) -> NDArray[np.bool_]:
    """Faces (...) whose mouth is wide open or whose eyes are shut, which few photos show."""
    eyes, mouth = openness(landmarks)
    return (eyes < 0.15) | (mouth > 0.4)


class AFLWTrain:
    """The real photos: 18,606 crops of AFLW with 68 landmarks (pseudo-labels corrected by human points).

    Research use only; the folder is described in its own README and never ships with the project.

    Parameters
    ----------
    folder : path
        Holds ``labels.npz``, ``lm68_fused.npz``, ``mp478.npz`` and ``crops-0.npz`` to ``crops-2.npz``.
    lids_and_lips : bool
        Take the shape of eyes and lips from the meshes of ``mp478.npz`` where these agree with the human points; the
        other landmarks draw closed eyes open.
    labels : path, optional
        Take the landmarks from another file in the place of ``lm68_fused.npz``, as ``scripts/relabel.py`` writes.

    Attributes
    ----------
    landmarks : (n, 68, 3) float32
        Pixels of each 120 x 120 crop; z toward the camera, of mean 0.
    yaw : (n,) float32
        Degrees.
    trust : (n,) float32
        0 (bad labels, left out) to 1.
    held_out : (n,) bool
        Photos to choose by: whole duplicate groups, never trained on.
    """

    def __init__(self, folder: str | Path, lids_and_lips: bool = True, labels: str | Path | None = None):
        self.folder = Path(folder)
        names = "shard", "offset", "length", "quality", "dup_group", "pose", "mp_nme19"
        self._shard, self._offset, self._length, quality, group, pose, error = load_arrays(
            self.folder / "labels.npz", *names
        )
        centipixel, spread = load_arrays(Path(labels or self.folder / "lm68_fused.npz"), "lm68_centipixel", "spread")
        self.landmarks = centipixel.astype(np.float32) / 100
        self.yaw = pose[:, 1]
        if lids_and_lips:
            good = (error <= MESH_ERROR) & (np.abs(self.yaw) < MESH_YAW)
            xy = graft_parts(self.landmarks[..., :2], self._meshes(), PARTS, self.yaw, good)
            self.landmarks[..., :2] = xy
        # where the labels' maker disagrees with itself on mirrored and shifted crops, they are worth less
        steadiness = np.clip(2.5 / np.maximum(spread, 1e-3), 0.2, 1.0)
        self.trust = (np.array([TRUST[int(q)] for q in quality]) * steadiness).astype(np.float32)
        # a multiplicative hash, so that the choice does not follow the order of the groups
        self.held_out = (group.astype(np.uint64) * np.uint64(2654435761) >> np.uint64(7)) % HELD_OUT == 0

    def __len__(self) -> int:
        return len(self.landmarks)

    def human_points(self) -> tuple[Array, list[tuple[int, ...]]]:
        """What people have marked without the ears, (n, 19, 2) in pixels, NaN where none; and as what of the 68."""
        keep = [k for k in range(len(AFLW_POINTS)) if k not in AFLW_EARS]
        return load_arrays(self.folder / "labels.npz", "pts21")[0][:, keep], [AFLW_POINTS[k] for k in keep]

    def _meshes(self) -> Array:
        """The x and y of MediaPipe's meshes (n, 68, 2) where the landmarks of lids and lips are; NaN where none is."""
        arrays = load_arrays(self.folder / "mp478.npz", "rows", "mean", "coef", "coef_step", "basis")
        rows, mean, coefficients, step, basis = arrays
        columns = (3 * np.array(MESH_LANDMARKS)[:, None] + [0, 1]).ravel()
        out = np.full((len(self), 68, 2), np.nan, np.float32)
        out[rows, 36:] = (mean[columns] + (coefficients * step) @ basis[:, columns]).reshape(len(rows), -1, 2)
        return out

    @cached_property
    def _bytes(self) -> list[NDArray[np.uint8]]:
        return [load_arrays(self.folder / f"crops-{s}.npz", "data")[0] for s in range(3)]

    def image(self, i: int) -> NDArray[np.uint8]:
        """Photo i, (120, 120, 3) uint8 RGB."""
        data = self._bytes[self._shard[i]][self._offset[i] : self._offset[i] + self._length[i]]
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if picture is None:
            raise DatasetError(f"photo {i} of {self.folder} is not a readable JPEG")
        return picture[..., ::-1]


class FittedPhotos:
    """Photos with the face model fitted to their landmarks: a source of (image, position map) pairs.

    Parameters
    ----------
    photos : AFLWTrain
        Or anything with ``landmarks`` and ``image(i)``.
    rows : (n,) int
        Which of its photos.
    fits : Fits
        Of these rows.
    weights : (n,) float
        How often each is drawn, relative to the others.
    """

    cropped = False

    def __init__(self, photos: AFLWTrain, rows: ArrayLike, fits: Fits, weights: ArrayLike, size: int = 128):
        self.photos, self.rows, self.fits = photos, np.asarray(rows), fits
        self.weights = np.asarray(weights, float)
        self.size = size
        self._mean, self._basis = MorphableModel.load().position_basis(UVLayout(size))

    def __len__(self) -> int:
        return len(self.rows)

    def image(self, i: int) -> NDArray[np.uint8]:
        """Photo i of the source, (h, w, 3) uint8 RGB."""
        return self.photos.image(self.rows[i])

    def landmarks(self, i: int) -> Array:
        """Its 68 labelled landmarks (68, 3), pixels."""
        return self.photos.landmarks[self.rows[i]]

    def box(self, i: int) -> Array:
        """The box (4,) of its landmarks."""
        return landmark_box(self.landmarks(i))

    def maps(self, indices: ArrayLike) -> NDArray[np.float32]:
        """Position maps (B, N, N, 3) in pixels of the photos, z of mean 0 over the valid texels."""
        maps = self.fits[np.asarray(indices)].evaluate(self._mean, self._basis)
        return maps.reshape(-1, self.size, self.size, 3)


def fit_photos(photos: AFLWTrain, rows: ArrayLike) -> Fits:
    """Fit the bundled face model to the landmarks of some photos (a minute for 18,000)."""
    model, layout = MorphableModel.load(), UVLayout()
    mean, basis = model.position_basis(layout)
    read = layout.landmark_matrix
    points = np.stack([read @ direction for direction in basis])
    fits = fit_landmarks(read @ mean, points, len(model.identity), photos.landmarks[np.asarray(rows)])
    # t_z: the mean z of the map over the valid texels is 0
    valid = layout.mask.ravel()
    shape = mean[valid].mean(0) + np.einsum("nc,cd->nd", fits.coefficients, basis[:, valid].mean(1))
    fits.translation[:, 2] = -fits.scale * np.einsum("nj,nj->n", fits.rotation[:, 2], shape)
    return fits


class AFLW2000:
    """AFLW2000-3D (Zhu et al., CVPR 2016): photos with 68 3D landmarks and a pose, for evaluation.

    Parameters
    ----------
    folder : path
        Holds ``imageNNNNN.jpg`` and ``imageNNNNN.mat``.

    strict : bool
        Raise for a broken file; otherwise leave its photo out and name it in ``problems``.

    Attributes
    ----------
    names : list of str
    landmarks : (n, 68, 3)
        0-based pixels (the files count from 1), y down; z toward the camera with an arbitrary zero.
    angles : (n, 3)
        pitch, yaw, roll in degrees.
    problems : dict
        What is wrong, by the photo's name.

    Raises
    ------
    DatasetError
        If there is no photo, or a file is missing or broken.
    """

    def __init__(self, folder: str | Path, strict: bool = True):
        self.folder = Path(folder)
        names = sorted({p.stem for p in self.folder.glob("*") if p.suffix in (".mat", ".jpg")})
        self.problems: dict[str, str] = {}
        labels = {}
        for name in names:
            try:
                labels[name] = self._read(name)
            except DatasetError as error:
                if strict:
                    raise
                self.problems[name] = str(error)
        if not labels:
            first = next(iter(self.problems.values()), "is it the folder of AFLW2000-3D?")
            raise DatasetError(f"{self.folder} holds no photo with its .mat file: {first}")
        self.names = list(labels)
        self.landmarks, self.angles = (np.array(columns) for columns in zip(*labels.values(), strict=True))

    def _read(self, name: str) -> tuple[Array, Array]:
        """Landmarks (68, 3) and angles (3,) of a photo."""
        path = self.folder / f"{name}.mat"
        if not path.with_suffix(".jpg").is_file():
            raise DatasetError(f"{path.with_suffix('.jpg')} is missing")
        points, pose = read_mat(path, "pt3d_68", "Pose_Para")
        if points.shape != (3, 68) or pose.size < 7:
            raise DatasetError(f"{path}: pt3d_68 {points.shape} and Pose_Para {pose.shape} should be (3, 68), (1, 7)")
        return points.T - [1, 1, 0], np.rad2deg(pose.ravel()[:3])

    def __len__(self) -> int:
        return len(self.names)

    def select(self, rows: list[int]) -> AFLW2000:
        """Some of the photos."""
        part = copy(self)
        part.names = [self.names[i] for i in rows]
        part.landmarks, part.angles = self.landmarks[rows], self.angles[rows]
        return part

    def image(self, i: int) -> NDArray[np.uint8]:
        """Photo i, (450, 450, 3) uint8 RGB."""
        path = self.folder / f"{self.names[i]}.jpg"
        try:
            return read_image(path)
        except ImageError as error:
            raise DatasetError(str(error)) from error


@dataclass(frozen=True)
class Fit300W:
    """What a file of 300W-LP says of its photo.

    Attributes
    ----------
    shape : (199,), expression : (29,)
        Raw coefficients of the Basel model, to be divided by its ``deviations``.
    camera : Camera
        From mm of the Basel model's own frame to 0-based pixels of the photo, y down.
    points : (68, 2) or None
        The 300-W landmarks in 0-based pixels, left and right as in the picture; None where the file has none that fit.
    """

    shape: Array
    expression: Array
    camera: Camera
    points: Array | None


class W300LP:
    """300W-LP (Zhu et al., CVPR 2016): photos of 300-W turned to profile, with fits of the Basel Face Model.

    Research use only: http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm has the 122,450 files.

    Parameters
    ----------
    folder : path
        Holds ``AFW``, ``HELEN``, ``IBUG``, ``LFPW`` and their ``_Flip`` twins, or the pairs themselves.

    Attributes
    ----------
    paths : list of Path
        The ``.mat`` files, sorted.

    Raises
    ------
    DatasetError
        If there is none.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        subsets = [self.folder / (name + flip) for name in ("AFW", "HELEN", "IBUG", "LFPW") for flip in ("", "_Flip")]
        found = [p for s in subsets if s.is_dir() for p in s.glob("*.mat")] or list(self.folder.glob("*.mat"))
        self.paths = sorted(found)
        if not self.paths:
            raise DatasetError(f"{self.folder} holds no .mat file; is it the folder of 300W-LP?")

    def __len__(self) -> int:
        return len(self.paths)

    def image(self, i: int) -> NDArray[np.uint8]:
        """Photo i, (450, 450, 3) uint8 RGB."""
        try:
            return read_image(self.paths[i].with_suffix(".jpg"))
        except ImageError as error:
            raise DatasetError(str(error)) from error

    def fit(self, i: int, height: int = 450) -> Fit300W:
        """The fit of photo i, whose picture has the given height.

        The traps: pixels count from 1 and y points up (``y := height + 1 - y``), the model is in micrometres, mirrored
        files keep left and right of the landmarks' order, and files turned by 300W-LP (``_1`` and higher) carry the
        landmarks of the photo before it was turned.
        """
        path = self.paths[i]
        shape, expression, pose = read_mat(path, "Shape_Para", "Exp_Para", "Pose_Para")
        sizes = shape.size, expression.size, pose.size
        if sizes[0] != 199 or sizes[1] != 29 or sizes[2] < 7:
            raise DatasetError(f"{path}: Shape_Para, Exp_Para, Pose_Para hold {sizes} numbers, not 199, 29 and 7")
        pitch, yaw, roll, tx, ty, tz, scale = pose.ravel()[:7]
        camera = Camera(
            rotation_matrix(*np.rad2deg([pitch, yaw, roll])), 1000 * scale, np.array([tx - 1, height - ty, tz])
        )
        points = None
        if path.stem.endswith("_0"):
            try:
                points = read_mat(path, "pt2d")[0].T - 1
            except DatasetError as error:
                if "has no field" not in str(error):
                    raise
            if points is not None and points.shape != (68, 2):
                raise DatasetError(f"{path}: pt2d has shape {points.T.shape}, not (2, 68)")
            if points is not None and path.parent.name.endswith("_Flip"):
                points = points[MIRROR_68]
        return Fit300W(shape.ravel(), expression.ravel(), camera, points)
