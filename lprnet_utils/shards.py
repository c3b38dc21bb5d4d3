"""Training pairs on disk: shards of compressed crops with the parameters of their faces.

A shard keeps what a map is made from (coefficients and camera, half a kilobyte), not the map (200 kB): one product with
the face model's basis brings it back. A shard is a SHA-256 and an ``.npz``, written beside its place and renamed, so a
kill leaves a whole shard or none. Whatever reads numpy arrays can read them; nothing here needs TensorFlow.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .assets import DatasetError
from .face_model import MorphableModel
from .fitting import Fits
from .images import Image
from .synthetic import Sample, SyntheticFaces
from .uv import UVLayout

Array = NDArray[np.floating]

SHARD = 1024  # pairs in a shard
QUALITY = 95  # of the crops' JPEG


def write_checked(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays as a SHA-256 and an ``.npz``; a kill leaves what was there before, or the whole file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data = buffer.getvalue()
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        file.write(hashlib.sha256(data).digest() + data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def read_checked(path: Path) -> dict[str, NDArray]:
    """What :func:`write_checked` wrote.

    Raises
    ------
    DatasetError
        Naming the file if it is missing, truncated or altered.
    """
    if not path.is_file():
        raise DatasetError(f"{path} is missing")
    data = path.read_bytes()
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        raise DatasetError(f"{path} is truncated or altered: its checksum does not match its {len(data)} bytes")
    with np.load(io.BytesIO(data[32:]), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


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


def synthesize(folder: str | Path, count: int, seed: int = 0, workers: int = 1, bar: Callable = iter) -> None:
    """Fill a folder with synthetic pairs; what is there already and whole is kept, so a killed run goes on.

    Parameters
    ----------
    folder : path
    count : int
        Rounded up to whole shards of 1,024.
    seed : int
    workers : int
        Processes.
    bar : callable
        Wraps the iterator over shards, for a progress bar.
    """
    from joblib import Parallel, delayed

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {k: folder / f"shard-{k:05d}.bin" for k in range(-(-count // SHARD))}
    missing = [k for k, path in paths.items() if not is_whole(path)]
    jobs = (delayed(_synthesize_shard)(paths[k], k, seed) for k in missing)
    for _ in bar(Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)):
        pass


def is_whole(path: Path) -> bool:
    """Whether a shard is there and its checksum agrees."""
    try:
        read_checked(path)
    except DatasetError:
        return False
    return True


@lru_cache(maxsize=1)
def _generator(seed: int) -> SyntheticFaces:
    return SyntheticFaces(seed)


def _synthesize_shard(path: Path, number: int, seed: int) -> None:
    cv2.setNumThreads(1)
    faces = _generator(seed)
    write_checked(path, pack(faces.sample(number * SHARD + k) for k in range(SHARD)))


class Shards:
    """Pairs (crop, position map) of a folder of shards: a source for :class:`lprnet_utils.training.Trainer`.

    Parameters
    ----------
    folder : path
    size : int
        N.
    held_out : bool
        The last shard alone, to choose by; otherwise all others.

    Attributes
    ----------
    cropped : bool
        The images are the network's crops already.
    fits : Fits
    weights : (n,) array
        Ones.

    Raises
    ------
    DatasetError
        Naming a shard that is missing, truncated or altered.
    """

    cropped = True

    def __init__(self, folder: str | Path, size: int = 128, held_out: bool = False):
        paths = sorted(Path(folder).glob("shard-*.bin"))
        if len(paths) < 2:
            raise DatasetError(f"{folder} holds {len(paths)} shards, at least two are needed (one is held out)")
        shards = [read_checked(path) for path in (paths[-1:] if held_out else paths[:-1])]
        self._data = [s["data"] for s in shards]
        self._place = [
            (k, a, b) for k, s in enumerate(shards) for a, b in zip(s["offset"], s["offset"][1:], strict=False)
        ]
        joined = [np.concatenate([s[n] for s in shards]) for n in ("coefficients", "rotation", "scale", "translation")]
        self.fits = Fits(*joined)
        self.size, self.layout = size, UVLayout(size)
        model = MorphableModel.load()
        self._mean, self._basis = model.position_basis(self.layout)
        read = self.layout.landmark_matrix
        self._marks = read @ self._mean, np.stack([read @ direction for direction in self._basis])
        self.weights = np.ones(len(self))

    def __len__(self) -> int:
        return len(self._place)

    def image(self, i: int) -> Image:
        """Crop i, (N, N, 3) uint8 RGB."""
        shard, start, end = self._place[i]
        return cv2.imdecode(self._data[shard][start:end], cv2.IMREAD_COLOR)[..., ::-1]

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
        maps[..., 2] -= maps[:, self.layout.mask, 2].mean(1)[:, None, None]
        return maps

    def __iter__(self) -> Iterator[tuple[Image, NDArray[np.float32]]]:
        """Pairs in their order."""
        for i in range(len(self)):
            yield self.image(i), self.maps([i])[0]
