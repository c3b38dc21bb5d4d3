"""Reader of 300W-LP and its fits of the Basel Face Model, and their conversion to shards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError, read_mat
from ..common.files import make_folder, only_process, read_checked, write_checked
from ..common.parallel import check_cluster
from ..geometry.camera import Camera, rotation_matrix
from ..geometry.crop import crop_matrix, warp_image
from ..geometry.landmarks import MIRRORED_LANDMARKS, landmark_box
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout
from ..uv.registration import register
from .shards import SHARD_SIZE, Sample, check_maker, fill_folder, is_whole, pack
from .sources import read_photo


@dataclass(frozen=True)
class Fit300W:
    """The fit of the Basel model to a photo of 300W-LP. Pixels count from 0."""

    shape: Array  # (199,), raw coefficients of the Basel model, to be divided by its ``deviations``
    expression: Array  # (29,), likewise
    camera: Camera  # from mm of the Basel model's own frame to the photo frame
    points: Array | None  # the 300-W landmarks (68, 2), numbered for this photo; None where the file has no valid ones


class W300LP:
    """300W-LP (Zhu et al., CVPR 2016): photos of 300-W turned to profile, with fits of the Basel Face Model.

    Research use only: http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm has the 122,450 files.

    The folder holds ``AFW``, ``HELEN``, ``IBUG``, ``LFPW`` and their ``_Flip`` twins, or the pairs of a ``.jpg`` and a
    ``.mat`` themselves; DatasetError if there is no ``.mat`` file. ``paths`` are the ``.mat`` files, sorted.
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
        return read_photo(self.paths[i].with_suffix(".jpg"))

    def fit(self, i: int, height: int = 450) -> Fit300W:
        """The fit of photo i, which has the given height in pixels.

        The files have these traps: pixels count from 1 and y points up (``y := height + 1 - y``); the model is in
        micrometres; landmarks of mirrored photos keep the order of the original; and files of faces that 300W-LP has
        turned (``_1`` and higher) hold the landmarks of the original photo.
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
                points = points[MIRRORED_LANDMARKS]
        return Fit300W(shape.ravel(), expression.ravel(), camera, points)


STORED_SIZE = 192  # pixels, side of the stored photos
MARKS = {"generator": "300w-lp"}  # what the shards say has made them
STORED_MARGIN = 1.4  # they are this many times wider than a crop, which leaves a margin for augmentation


def convert_300wlp(
    source: str | Path, folder: str | Path, basel: MorphableModel, workers: int = 1, bar: Callable = iter,
    dask: str | None = None,
) -> None:  # fmt: skip
    """Convert 300W-LP into shards: photos cut around the face, and the Basel model's coefficients.

    The Basel model is registered to the bundled topology (20 seconds) and kept with the shards as ``model.bin``, which
    must not be passed on. Whole shards are kept, so a killed conversion can be continued.

    The source is a folder as for :class:`W300LP`, the model comes from
    :func:`lprnet_utils.morphable_model.read_basel`, the other parameters are those of
    :func:`lprnet_utils.synthetic.synthesize`. DatasetError if a file or a field of it is wrong; the message names both.
    """
    data, folder = W300LP(Path(source).absolute()), Path(folder)
    check_cluster(dask)
    make_folder(folder)
    with only_process(folder):
        if not is_whole(folder / "model.bin"):
            check_maker(folder, MARKS)
            found = register(basel.mean, basel.triangles, basel.mean[basel.landmark_vertices])
            model, (rotation, shift) = found.transfer(basel), found.frame
            arrays = {n: getattr(model, n) for n in ("mean", "identity", "expression", "deviations")}
            write_checked(folder / "model.bin", arrays | {"rotation": rotation, "shift": shift})
    make = partial(_convert_shard, data=data, model=folder.absolute() / "model.bin")
    fill_folder(folder, -(-len(data) // SHARD_SIZE), make, workers, bar, dask)


def _convert_shard(path: Path, number: int, data: W300LP, model: Path) -> None:
    arrays = read_checked(model)
    layout = UVLayout()
    vertex_landmarks = layout.landmark_matrix @ layout.matrix
    basis = np.concatenate([arrays["identity"], arrays["expression"]])
    landmark_basis = vertex_landmarks @ arrays["mean"], np.stack([vertex_landmarks @ mode for mode in basis])
    rows = range(number * SHARD_SIZE, min((number + 1) * SHARD_SIZE, len(data)))
    samples = (_convert_photo(data, i, arrays, landmark_basis) for i in rows)
    write_checked(path, pack(samples) | {"cropped": np.array(False)} | {k: np.array(v) for k, v in MARKS.items()})


def _convert_photo(data: W300LP, i: int, model: dict[str, NDArray], landmark_basis: tuple[Array, Array]) -> Sample:
    """Photo i, cut around the face, with its coefficients and its camera for the registered model."""
    photo = data.image(i)
    fit = data.fit(i, photo.shape[0])
    coefficients = np.r_[fit.shape, fit.expression] / model["deviations"]
    # The camera is for the frame of the Basel model: v = (upright + shift) @ rotation.
    rotation = fit.camera.rotation @ model["rotation"].T
    translation = fit.camera.translation + fit.camera.scale * (rotation @ model["shift"]) * [1, -1, 1]
    mean, basis = landmark_basis
    landmarks = Camera(rotation, fit.camera.scale, translation).project(mean + np.tensordot(coefficients, basis, 1))
    matrix = crop_matrix(landmark_box(landmarks), STORED_SIZE)
    zoom = np.hypot(*matrix[0, :2]) / STORED_MARGIN
    shift = (matrix[:, 2] - STORED_SIZE / 2 + 0.5) / STORED_MARGIN + STORED_SIZE / 2 - 0.5
    matrix = np.c_[matrix[:, :2] / STORED_MARGIN, shift]
    moved = np.r_[matrix[:, :2] @ translation[:2] + matrix[:, 2], translation[2] * zoom]
    camera = Camera(rotation, fit.camera.scale * zoom, moved)
    return Sample(warp_image(photo, matrix, STORED_SIZE), np.empty(0), coefficients, camera, {})
