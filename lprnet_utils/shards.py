"""Training pairs on disk: shards of compressed crops with the parameters of their faces.

A shard keeps what a map is made from (coefficients and camera, half a kilobyte), not the map (200 kB): one product with
the face model's basis brings it back. A shard is a SHA-256 and an ``.npz``, written beside its place and renamed, so a
kill leaves a whole shard or none. Whatever reads numpy arrays can read them; nothing here needs TensorFlow.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .assets import DatasetError
from .checkpoints import read_checked, write_checked
from .datasets import W300LP
from .face_model import MorphableModel
from .fitting import Fits
from .geometry import Camera
from .images import Image, crop_matrix, warp_image
from .parallel import run_jobs
from .registration import register
from .synthetic import Sample, SyntheticFaces
from .uv import UVLayout

Array = NDArray[np.floating]

SHARD = 1024  # pairs in a shard
QUALITY = 95  # of the crops' JPEG
STORED, MARGIN = 192, 1.4  # photos are cut this many times wider than a crop, to leave augmentation its room


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


def synthesize(
    folder: str | Path, count: int, seed: int = 0, workers: int = 1, bar: Callable = iter, dask: str | None = None
) -> None:
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
    dask : str, optional
        Address of a Dask cluster that does it instead, see :func:`lprnet_utils.parallel.run_jobs`.

    Raises
    ------
    DatasetError
        If the folder holds shards of another seed.
    """
    if first := next(filter(is_whole, sorted(Path(folder).glob("shard-*.bin"))), None):
        made = int(read_checked(first).get("seed", seed))
        if made != seed:
            raise DatasetError(f"{first} was made with seed {made}, not {seed}: take another folder, or that seed")
    _fill(folder, -(-count // SHARD), partial(_synthesize_shard, seed=seed), workers, bar, dask)


def convert_300wlp(
    source: str | Path, folder: str | Path, basel: MorphableModel, workers: int = 1, bar: Callable = iter,
    dask: str | None = None,
) -> None:  # fmt: skip
    """Turn 300W-LP into shards: photos cut around the face, and the Basel model's coefficients.

    The Basel model is registered to the bundled topology (20 seconds) and kept beside the shards, as ``model.bin``: it
    must not be passed on. What is there already and whole is kept, so a killed conversion goes on.

    Parameters
    ----------
    source : path
        See :class:`lprnet_utils.datasets.W300LP`.
    folder : path
    basel : MorphableModel
        From :meth:`MorphableModel.from_basel`.
    workers, bar, dask : see :func:`synthesize`

    Raises
    ------
    DatasetError
        Naming the file and field that is not what it should be.
    """
    data, folder = W300LP(Path(source).absolute()), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not is_whole(folder / "model.bin"):
        found = register(basel.mean, basel.triangles, basel.mean[basel.landmark_vertices])
        model, (rotation, shift) = found.carry(basel), found.frame
        arrays = {n: getattr(model, n) for n in ("mean", "identity", "expression", "deviations")}
        write_checked(folder / "model.bin", arrays | {"rotation": rotation, "shift": shift})
    make = partial(_convert_shard, data=data, model=folder.absolute() / "model.bin")
    _fill(folder, -(-len(data) // SHARD), make, workers, bar, dask)


def _convert_shard(path: Path, number: int, data: W300LP, model: Path) -> None:
    arrays = read_checked(model)
    layout = UVLayout()
    read = layout.landmark_matrix @ layout.matrix
    basis = np.concatenate([arrays["identity"], arrays["expression"]])
    marks = np.stack([read @ direction for direction in basis])
    samples = []
    for i in range(number * SHARD, min((number + 1) * SHARD, len(data))):
        photo = data.image(i)
        fit = data.fit(i, photo.shape[0])
        coefficients = np.r_[fit.shape, fit.expression] / arrays["deviations"]
        # the camera speaks of the model as it was: v = (upright + shift) @ rotation
        turn = fit.camera.rotation @ arrays["rotation"].T
        moved = fit.camera.translation + fit.camera.scale * (turn @ arrays["shift"]) * [1, -1, 1]
        points = Camera(turn, fit.camera.scale, moved).project(
            read @ arrays["mean"] + np.tensordot(coefficients, marks, 1)
        )
        matrix = crop_matrix(np.r_[points[:, :2].min(0), points[:, :2].max(0)], STORED)
        zoom = np.hypot(*matrix[0, :2]) / MARGIN
        matrix = np.c_[matrix[:, :2] / MARGIN, (matrix[:, 2] - STORED / 2 + 0.5) / MARGIN + STORED / 2 - 0.5]
        place = np.r_[matrix[:, :2] @ moved[:2] + matrix[:, 2], moved[2] * zoom]
        camera = Camera(turn, fit.camera.scale * zoom, place)
        samples.append(Sample(warp_image(photo, matrix, STORED), np.empty(0), coefficients, camera, {}))
    write_checked(path, pack(samples) | {"cropped": np.array(False)})


def _fill(folder: str | Path, count: int, make: Callable, workers: int, bar: Callable, dask: str | None) -> None:
    """Make the shards of a folder that are not there, or not whole."""
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
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


_own = threading.local()  # of each thread: a generator is not for several at once, and a Dask worker may have them


def _generator(seed: int) -> SyntheticFaces:
    if getattr(_own, "seed", None) != seed:
        _own.faces, _own.seed = SyntheticFaces(seed), seed
    return _own.faces


def _synthesize_shard(path: Path, number: int, seed: int) -> None:
    cv2.setNumThreads(1)
    faces = _generator(seed)
    pairs = pack(faces.sample(number * SHARD + k) for k in range(SHARD))
    write_checked(path, pairs | {"seed": np.array(seed)})


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
        maps[..., 2] -= maps[:, self.layout.mask, 2].mean(1)[:, None, None]
        return maps

    def __iter__(self) -> Iterator[tuple[Image, NDArray[np.float32]]]:
        """Pairs in their order."""
        for i in range(len(self)):
            yield self.image(i), self.maps([i])[0]
