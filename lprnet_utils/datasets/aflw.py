"""Real photos with 68 landmarks: AFLW to train on, AFLW2000-3D to evaluate on."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError, load_arrays, read_mat
from ..geometry.landmarks import INNER_LIPS, LEFT_EYE, MOUTH_CORNERS, OUTER_LIPS, RIGHT_EYE, numbers
from .labels import FacePart, graft_parts
from .sources import HELD_OUT_INTERVAL, PhotoFiles, check_points

# vertices of MediaPipe's mesh at landmarks 36 to 67: eyes, then lips
MESH_LANDMARKS = [33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17]
MESH_LANDMARKS += [84, 181, 78, 82, 13, 312, 308, 317, 14, 87]

# lids and lips; their anchors are the corners, which people have marked, and the middle
LIDS = [FacePart(numbers(eye), ((eye.start,), (eye.start + 3,), numbers(eye))) for eye in (RIGHT_EYE, LEFT_EYE)]
LIPS = FacePart(numbers(OUTER_LIPS) + numbers(INNER_LIPS), (*((k,) for k in MOUTH_CORNERS), numbers(INNER_LIPS)))
MAX_MESH_ERROR_PERCENT = 5.0  # of the face's box: meshes farther from the human points are not used
MAX_MESH_YAW_DEGREES = 50.0

# The landmarks that each of AFLW's 21 human points corresponds to: their mean. The ears correspond to none, so their
# entries (jaw) are not used.
AFLW_POINTS: list[tuple[int, ...]] = [(17,), (19,), (21,), (22,), (24,), (26,)]  # brows
AFLW_POINTS += [(36,), numbers(RIGHT_EYE), (39,), (42,), numbers(LEFT_EYE), (45,)]
AFLW_POINTS += [(2,), (31,), (30,), (35,), (14,), (48,), numbers(INNER_LIPS), (54,), (8,)]  # ears, nose, mouth, chin
AFLW_EARS = 12, 16
MAX_ANGLE_RADIANS = 1000  # some of AFLW2000-3D's fits are many turns off
TRUST_BY_QUALITY = {2: 1.0, 1: 0.3, 0: 0.0}  # by the quality flag of the labels


class AFLWTrain:
    """18,606 crops of AFLW with 68 landmarks: machine labels, corrected by human points.

    For research only. The folder has its own README and does not ship with the project.

    Parameters
    ----------
    folder : path
        Holds ``labels.npz``, ``lm68_fused.npz``, ``mp478.npz`` and ``crops-0.npz`` to ``crops-2.npz``.
    lids_and_lips : bool
        Take the shape of eyes and lips from the meshes of ``mp478.npz`` where these agree with the human points.
        Otherwise the landmarks of closed eyes are open.
    labels : path, optional
        A file to use instead of ``lm68_fused.npz``, such as ``scripts/calibration/relabel.py`` writes.

    Attributes
    ----------
    landmarks : (n, 68, 3) float32
        Pixels of each 120 x 120 crop; z toward the camera, with mean 0.
    yaw : (n,) float32
        Degrees.
    trust : (n,) float32
        Weight of each photo's labels, from 0 (bad, not to be used) to 1.
    held_out : (n,) bool
        Photos for validation: whole groups of duplicates.
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
            good = (error <= MAX_MESH_ERROR_PERCENT) & (np.abs(self.yaw) < MAX_MESH_YAW_DEGREES)
            xy = graft_parts(self.landmarks[..., :2], self._mesh_landmarks(), [*LIDS, LIPS], self.yaw, good)
            self.landmarks[..., :2] = xy
        # labels have less weight where the machine's results on mirrored and shifted crops differ
        steadiness = np.clip(2.5 / np.maximum(spread, 1e-3), 0.2, 1.0)
        self.trust = (np.array([TRUST_BY_QUALITY[int(q)] for q in quality]) * steadiness).astype(np.float32)
        # a multiplicative hash, so that the choice does not follow the order of the groups
        self.held_out = (group.astype(np.uint64) * np.uint64(2654435761) >> np.uint64(7)) % HELD_OUT_INTERVAL == 0

    def __len__(self) -> int:
        return len(self.landmarks)

    def human_points(self) -> tuple[Array, list[tuple[int, ...]]]:
        """Human points (n, 19, 2) without the ears, NaN where not marked, and the landmarks of each point."""
        keep = [k for k in range(len(AFLW_POINTS)) if k not in AFLW_EARS]
        return load_arrays(self.folder / "labels.npz", "pts21")[0][:, keep], [AFLW_POINTS[k] for k in keep]

    def _mesh_landmarks(self) -> Array:
        """Landmarks (n, 68, 2) of lids and lips from MediaPipe's meshes; NaN elsewhere."""
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


class AFLW2000(PhotoFiles):
    """AFLW2000-3D (Zhu et al., CVPR 2016): photos with 68 3D landmarks and a head pose, for evaluation.

    The folder holds ``imageNNNNN.jpg``, each of 450 x 450 pixels, and ``imageNNNNN.mat``. DatasetError if there is no
    photo. A missing or broken file raises it too if ``strict``; otherwise its photo is left out, and ``problems`` has
    its name and the reason.

    Attributes
    ----------
    names : list of str
    landmarks : (n, 68, 3)
        In the photo frame, with 0-based pixels (the files count from 1); z has an arbitrary zero.
    angles : (n, 3)
        pitch, yaw, roll in degrees.
    """

    suffix = ".jpg"
    arrays = "landmarks", "angles"

    def __init__(self, folder: str | Path, strict: bool = True):
        names = sorted({p.stem for p in Path(folder).glob("*") if p.suffix in (".mat", ".jpg")})
        labels = self._read_labels(folder, names, strict, "its .mat file", "is it the folder of AFLW2000-3D?")
        self.landmarks, self.angles = (np.array(columns) for columns in zip(*labels, strict=True))

    def _read(self, name: str) -> tuple[Array, Array]:
        """Landmarks (68, 3) and angles (3,) of a photo."""
        path = self.folder / f"{name}.mat"
        if not path.with_suffix(".jpg").is_file():
            raise DatasetError(f"{path.with_suffix('.jpg')} is missing")
        points, pose = read_mat(path, "pt3d_68", "Pose_Para")
        if points.shape != (3, 68) or pose.size < 7:
            raise DatasetError(f"{path}: pt3d_68 {points.shape} and Pose_Para {pose.shape} should be (3, 68), (1, 7)")
        check_points(points.T, path)
        if not (np.abs(pose.ravel()[:3]) <= MAX_ANGLE_RADIANS).all():
            raise DatasetError(f"{path}: Pose_Para begins with {pose.ravel()[:3]}, which are no angles in radians")
        return points.T - [1, 1, 0], np.rad2deg(pose.ravel()[:3])
