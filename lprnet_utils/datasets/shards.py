"""Training pairs on disk: shards of compressed crops with the parameters of their faces.

A shard keeps what a map is made from (coefficients and camera, half a kilobyte), not the map (200 kB): one product with
the face model's basis brings it back. A shard is a SHA-256 and an ``.npz``, written beside its place and renamed, so a
kill leaves a whole shard or none. Whatever reads numpy arrays can read them; nothing here needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.assets import DatasetError
from ..common.files import read_checked, remove_unfinished
from ..common.parallel import run_jobs
from ..geometry.camera import Camera
from ..morphable_model.fitting import Fits
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout

SHARD = 1024  # pairs in a shard
QUALITY = 95  # of the crops' JPEG


def pack(samples: Iterable[Sample], quality: int = QUALITY) -> dict[str, NDArray]:
    """Arrays of one shard.

    Returns
    -------
    dict
        ``data`` (bytes of all JPEGs), ``offset`` (n + 1), ``coefficients`` (n, K + E), ``rotation`` (n, 3, 3),
        ``scale`` (n), ``translation`` (n, 3).
    """
    blobs, rows = [], []
    for s in samples:
        done, blob = cv2.imencode(".jpg", s.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise DatasetError(f"a crop of shape {s.image.shape} could not be encoded")
        blobs.append(blob.ravel())
        rows.append((s.coefficients, s.camera.rotation, s.camera.scale, s.camera.translation))
    names = "coefficients", "rotation", "scale", "translation"
    columns = {n: np.array(c, np.float32) for n, c in zip(names, zip(*rows, strict=True), strict=True)}
    return {"data": np.concatenate(blobs), "offset": np.cumsum([0, *map(len, blobs)]), **columns}


def fill_folder(folder: str | Path, count: int, make: Callable, workers: int, bar: Callable, dask: str | None) -> None:
    """Make the shards of a folder that are not there, or not whole."""
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder)
    paths = {k: folder / f"shard-{k:05d}.bin" for k in range(count)}
    jobs = [(path, k) for k, path in paths.items() if not is_whole(path)]
    for _ in bar(run_jobs(make, jobs, workers, dask)):
        pass


def is_whole(path: Path) -> bool:
    """Whether a shard is there and its checksum agrees."""
    try:
        read_checked(path)
    except DatasetError:
        return False
    return True


class Shards:
    """Pairs (crop, position map) of a folder of shards: a source for :class:`lprnet_utils.training.Trainer`.

    Parameters
    ----------
    folder : path
    size : int
        N; crops that were made in another size are enlarged or made smaller.
    held_out : bool
        The last shard alone, to choose by; otherwise all others.

    Attributes
    ----------
    cropped : bool
        The images are the network's crops already, not photos with room around.
    fits : Fits
    weights : (n,) array
        Ones.

    Raises
    ------
    DatasetError
        Naming a shard that is missing, truncated or altered.
    """

    def __init__(self, folder: str | Path, size: int = 128, held_out: bool = False):
        paths = sorted(Path(folder).glob("shard-*.bin"))
        if len(paths) < 2:
            raise DatasetError(f"{folder} holds {len(paths)} shards, at least two are needed (one is held out)")
        for k, path in enumerate(paths):
            expected = path.with_name(f"shard-{k:05d}.bin")
            if path != expected:
                raise DatasetError(f"{expected} is missing: the command that made the others fills the gap")
        shards = [read_checked(path) for path in (paths[-1:] if held_out else paths[:-1])]
        self._data = [s["data"] for s in shards]
        self._place = [
            (k, a, b) for k, s in enumerate(shards) for a, b in zip(s["offset"], s["offset"][1:], strict=False)
        ]
        self.cropped = bool(shards[0].get("cropped", True))
        joined = [np.concatenate([s[n] for s in shards]) for n in ("coefficients", "rotation", "scale", "translation")]
        self.fits = Fits(*joined)
        self.size, self.layout = size, UVLayout(size)
        stored = len(self._stored(0))
        if self.cropped and stored != size:  # pixel centres are at whole numbers
            zoom = np.float32(size / stored)
            place = (self.fits.translation + [0.5, 0.5, 0]) * zoom - [0.5, 0.5, 0]
            self.fits = replace(self.fits, scale=self.fits.scale * zoom, translation=place.astype(np.float32))
        model = MorphableModel.load()
        if (Path(folder) / "model.bin").exists():
            own = read_checked(Path(folder) / "model.bin")
            model = replace(model, **{n: own[n] for n in ("mean", "identity", "expression")})
        self._mean, self._basis = model.position_basis(self.layout)
        read = self.layout.landmark_matrix
        self._marks = read @ self._mean, np.stack([read @ direction for direction in self._basis])
        self.weights = np.ones(len(self))

    def __len__(self) -> int:
        return len(self._place)

    def _stored(self, i: int) -> Image:
        shard, start, end = self._place[i]
        return cv2.imdecode(self._data[shard][start:end], cv2.IMREAD_COLOR)[..., ::-1]

    def image(self, i: int) -> Image:
        """Crop i, (N, N, 3) uint8 RGB; or, not ``cropped`` yet, the photo around it."""
        picture = self._stored(i)
        if not self.cropped or len(picture) == self.size:
            return picture
        how = cv2.INTER_AREA if len(picture) > self.size else cv2.INTER_LINEAR
        return cv2.resize(picture, (self.size, self.size), interpolation=how)

    def landmarks(self, i: int) -> Array:
        """Its 68 landmarks (68, 3), pixels of the crop; z with an arbitrary zero."""
        return self.fits[[i]].evaluate(*self._marks)[0]

    def box(self, i: int) -> Array:
        """The box (4,) of its landmarks."""
        xy = self.landmarks(i)[:, :2]
        return np.r_[xy.min(0), xy.max(0)]

    def maps(self, indices: ArrayLike) -> NDArray[np.float32]:
        """Position maps (B, N, N, 3), z of mean 0 over the valid texels."""
        maps = self.fits[np.asarray(indices)].evaluate(self._mean, self._basis)
        maps = maps.reshape(-1, self.size, self.size, 3)
        return self.layout.centre_depth(maps)

    def __iter__(self) -> Iterator[tuple[Image, NDArray[np.float32]]]:
        """Pairs in their order."""
        for i in range(len(self)):
            yield self.image(i), self.maps([i])[0]


@dataclass(frozen=True)
class Sample:
    """One synthetic photo.

    Attributes
    ----------
    image : (N, N, 3) uint8
    position_map : (N, N, 3) float32
        In pixels of the image.
    coefficients : (K + E,) float32
    camera : Camera
    labels : dict
        What is known of the face: MakeHuman's settings where they were sampled, ``skin``, ``tone`` (mean luminance of
        the unlit skin, 0 to 1), what is worn, ``yaw`` in degrees before the picture was turned in its plane.
    depth : (N, N) float32, optional
        z of the person in pixels, with the zero of the map, -inf beside; a hand before the camera is not in it.
    normals : (N, N, 3) float32, optional
        Of the bare head, camera's frame, y up; 0 beside.
    visible : (N, N) bool, optional
        Texels of the map that the camera sees, not behind the head itself, hair, hat, a frame or the picture's edge.
    """

    image: Image
    position_map: NDArray[np.float32]
    coefficients: Array
    camera: Camera
    labels: dict[str, float | str]
    depth: NDArray[np.float32] | None = None
    normals: NDArray[np.float32] | None = None
    visible: NDArray[np.bool_] | None = None
