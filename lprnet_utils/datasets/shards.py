"""Training pairs on disk: shards of compressed crops with the parameters of their faces.

A shard holds the coefficients and the camera of each face (half a kilobyte), not its position map (200 kB). One product
with the face model's basis restores the map. A shard is a SHA-256 and an ``.npz``. It is written under another name
and then renamed, so a killed run leaves a whole shard or none. Reading shards does not need TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.assets import DatasetError, existing_folder
from ..common.files import make_folder, only_process, read_checked, remove_unfinished
from ..common.parallel import check_cluster, run_jobs
from ..geometry.camera import Camera
from ..geometry.crop import resize_square
from ..morphable_model.fitting import Fits
from .sources import Source
from .surfaces import load_surface

SHARD_SIZE = 1024  # pairs in a shard
JPEG_QUALITY = 95  # of the crops
FIT_ARRAYS = "coefficients", "rotation", "scale", "translation"  # names in the file


@dataclass(frozen=True)
class Sample:
    """One synthetic photo."""

    image: Image  # (N, N, 3) uint8
    position_map: NDArray[np.float32]  # (N, N, 3), in pixels of the image
    coefficients: Array  # (K + E,)
    camera: Camera
    # MakeHuman's settings where they were sampled, ``skin``, ``tone`` (mean luminance of the unlit skin, 0 to 1),
    # accessories, and ``yaw`` in degrees before the photo was rotated in its plane
    labels: dict[str, float | str]
    # (N, N), z of the person in pixels, with the zero of the map, -inf elsewhere; without a hand or an obstacle
    depth: NDArray[np.float32] | None = None
    # (N, N, 3), of the head without hair, x right, y up, z toward the camera; 0 elsewhere
    normals: NDArray[np.float32] | None = None
    # (N, N), texels inside the picture, and not behind the head, hair, a hat or the frame of glasses
    visible: NDArray[np.bool_] | None = None


def pack(samples: Iterable[Sample], quality: int = JPEG_QUALITY) -> dict[str, NDArray]:
    """Arrays of one shard, with photos as JPEGs of a quality of 0 to 100. DatasetError if one cannot be encoded.

    They are ``data`` (bytes of all JPEGs), ``offset`` (n + 1), ``coefficients`` (n, K + E), ``rotation`` (n, 3, 3),
    ``scale`` (n) and ``translation`` (n, 3).

    Examples
    --------
    >>> from lprnet_utils.datasets import pack
    >>> from lprnet_utils.synthetic import SyntheticFaces
    >>> faces = SyntheticFaces(seed=0)
    >>> arrays = pack(faces.sample(k) for k in range(3))
    >>> arrays["coefficients"].shape, len(arrays["offset"])
    ((3, 131), 4)
    """
    blobs, rows = [], []
    for s in samples:
        done, blob = cv2.imencode(".jpg", s.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise DatasetError(f"a crop of shape {s.image.shape} could not be encoded")
        blobs.append(blob.ravel())
        rows.append((s.coefficients, s.camera.rotation, s.camera.scale, s.camera.translation))
    columns = {n: np.array(c, np.float32) for n, c in zip(FIT_ARRAYS, zip(*rows, strict=True), strict=True)}
    return {"data": np.concatenate(blobs), "offset": np.cumsum([0, *map(len, blobs)]), **columns}


def fill_folder(folder: str | Path, count: int, make: Callable, workers: int, bar: Callable, dask: str | None) -> None:
    """Make ``shard-00000.bin`` and so on where they are missing or damaged, by calls of ``make(path, number)``.

    InUseError if another process makes shards in this folder: both would do the same work.
    """
    folder = Path(folder).absolute()
    check_cluster(dask)
    make_folder(folder)
    with only_process(folder):
        remove_unfinished(folder)
        paths = {k: folder / f"shard-{k:05d}.bin" for k in range(count)}
        jobs = [(path, k) for k, path in paths.items() if not is_whole(path)]
        for _ in bar(run_jobs(make, jobs, workers, dask)):
            pass


def check_maker(folder: str | Path, marks: dict[str, int | str]) -> None:
    """DatasetError if a folder has shards that do not carry these marks, such as seed and generator, of their maker."""
    if first := next(filter(is_whole, sorted(Path(folder).glob("shard-*.bin"))), None):
        shard = read_checked(first)
        made = {name: shard[name].item() for name in marks if name in shard}
        if made != marks:
            old, new = (", ".join(f"{k} {v!r}" for k, v in m.items()) or "neither" for m in (made, marks))
            raise DatasetError(f"{first} was made with {old}, not with {new}: take another folder, or these")


def is_whole(path: Path) -> bool:
    """Whether a shard exists and its checksum agrees."""
    try:
        read_checked(path)
    except DatasetError:
        return False
    return True


class Shards(Source):
    """Pairs (crop, position map) of a folder of shards: a source for :class:`lprnet_utils.training.Trainer`.

    DatasetError names a shard that is missing, truncated or altered.

    Parameters
    ----------
    folder : path
    size : int
        N, side of crops and maps; stored crops of another size are resized.
    held_out : bool
        Use the last shard alone, for validation; otherwise all the others.

    Attributes
    ----------
    cropped : bool
        True if the images are crops for the network, False if they are photos with a margin around the face.
    fits : Fits
        Coefficients and cameras, in pixels of the images.
    surface : Surface
        The shapes of the pairs, see :mod:`lprnet_utils.datasets.surfaces`.
    layout : MapLayout
    weights : (n,) array
        All 1: each pair is drawn equally often.
    """

    def __init__(self, folder: str | Path, size: int = 128, held_out: bool = False):
        paths = sorted(existing_folder(folder).glob("shard-*.bin"))
        if len(paths) < 2:
            raise DatasetError(f"{folder} holds too few shards ({len(paths)}): two are needed, one of them to hold out")
        for k, path in enumerate(paths):
            expected = path.with_name(f"shard-{k:05d}.bin")
            if path != expected:
                raise DatasetError(f"{expected} is missing: the command that made the others fills the gap")
        self._read(paths[-1:] if held_out else paths[:-1], size)

    @property
    def symmetric(self) -> bool:
        """Whether the mirror image of a pair is a pair too. Of a right hand it is not."""
        return self.layout.symmetric

    @classmethod
    def of_files(cls, paths: list[Path], size: int = 128) -> Self:
        """The pairs of these shards alone."""
        shards = cls.__new__(cls)
        shards._read(paths, size)
        return shards

    def _read(self, paths: list[Path], size: int) -> None:
        shards = [read_checked(path) for path in paths]
        for path, shard in zip(paths, shards, strict=True):
            if "data" not in shard:
                raise DatasetError(f"{path} holds no crops of faces; close-ups are for closer-eye and closer-mouth")
        self._data = [s["data"] for s in shards]
        # shard, start and end of each JPEG
        self._spans = [(k, a, b) for k, s in enumerate(shards) for a, b in pairwise(s["offset"])]
        self.cropped = bool(shards[0].get("cropped", True))
        for path, shard in zip(paths, shards, strict=True):
            count, first = (s["coefficients"].shape[1] for s in (shard, shards[0]))
            if count != first:
                raise DatasetError(
                    f"{path} has {count} coefficients a face, those before it {first}: another version of lprnet_utils "
                    "made one of them; make all again in a new folder"
                )
        self.fits = Fits(*(np.concatenate([s[n] for s in shards]) for n in FIT_ARRAYS))
        self.size = size
        stored = len(self._stored(0))
        if self.cropped and stored != size:
            self.fits = self.fits.resized(size / stored)
        self.model_name = _shard_model_name(shards, paths)
        own = paths[0].parent / "model.bin"  # of a model that does not ship with the package, such as the Basel one
        stamp = own.stat().st_mtime_ns if own.exists() else None
        self.surface = load_surface(paths[0].parent, self.model_name, size, stamp)
        self.layout = self.surface.layout
        if self.surface.count != self.fits.coefficients.shape[1]:
            found = self.fits.coefficients.shape[1]
            raise DatasetError(f"{paths[0]} has {found} coefficients a face, not {self.surface.count}")
        self.weights = np.ones(len(self))

    def __len__(self) -> int:
        return len(self._spans)

    def _stored(self, i: int) -> Image:
        shard, start, end = self._spans[i]
        return cv2.imdecode(self._data[shard][start:end], cv2.IMREAD_COLOR)[..., ::-1]

    @property
    def linear(self) -> tuple[Array, Array]:
        """Mean (N*N, 3) and basis (K + E, N*N, 3) of the maps; ValueError for a model with a skeleton."""
        return self.surface.linear

    def image(self, i: int) -> Image:
        """Crop i, (N, N, 3) uint8 RGB; the photo with its margin if not ``cropped``."""
        picture = self._stored(i)
        return resize_square(picture, self.size) if self.cropped else picture

    def landmarks(self, i: int) -> Array:
        """Landmarks (L, 3) of crop i, in its pixels; z has an arbitrary zero. A face has 68."""
        return self.surface.landmarks(self.fits[[i]])[0]

    def maps(self, indices: ArrayLike) -> NDArray[np.float32]:
        """Position maps (B, N, N, 3) in pixels of the images, with mean z 0 over the valid texels."""
        maps = self.surface.texels(self.fits[np.asarray(indices)])
        return self.layout.centre_depth(maps.reshape(-1, self.size, self.size, 3))

    def __iter__(self) -> Iterator[tuple[Image, NDArray[np.float32]]]:
        """The pairs in their order."""
        for i in range(len(self)):
            yield self.image(i), self.maps([i])[0]


def _shard_model_name(shards: list[dict[str, NDArray]], paths: list[Path]) -> str:
    """The name of the face model of the coefficients in shards. DatasetError if they have several."""
    names = [str(shard.get("model", "makehuman")) for shard in shards]
    for path, name in zip(paths, names, strict=True):
        if name != names[0]:
            raise DatasetError(f"{path} is of the face model {name!r}, those before it of {names[0]!r}")
    return names[0]
