"""Sources of training pairs: photos with fitted position maps, and mixtures of several sources."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError, existing_folder
from ..common.images import ImageError, read_image
from ..geometry.landmarks import landmark_box
from ..morphable_model.fitting import Fits, fit_landmarks
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout

HELD_OUT_INTERVAL = 20  # one photo (or group of duplicates) in 20 is kept out of training
MAX_COORDINATE = 1e6  # pixels
MIN_SPREAD_RATIO = 0.02  # of 68 points, across to along: those of a face seen from the side have 0.3 and more


class Source(Protocol):
    """What the trainer asks of pairs such as :class:`lprnet_utils.datasets.FittedPhotos`, in pixels of the photos."""

    weights: Array  # (n,): how often each pair is drawn, relative to the others
    cropped: Any  # bool, or (n,) of bool: the photo is a crop that was augmented when it was made
    size: int  # N, side of the position maps
    symmetric: bool = True  # whether the mirror image of a pair is a pair too

    def __len__(self) -> int: ...

    def draw(self, rng: np.random.Generator, count: int, number: int, batch_size: int) -> NDArray[np.intp]:
        """Rows (count,) of batch ``number``, by their weights."""
        return rng.choice(len(self), count, p=self.weights / self.weights.sum())

    def image(self, i: int) -> NDArray[np.uint8]:
        """Photo i, (h, w, 3) uint8 RGB."""

    def box(self, i: int) -> Array:
        """The box (4,) of its landmarks."""
        return landmark_box(self.landmarks(i))

    def landmarks(self, i: int) -> Array:
        """Its labelled landmarks (68, 2 or 3)."""

    def maps(self, indices: Array) -> Array:
        """Position maps (B, N, N, 3), z of mean 0 over the valid texels."""


def read_photo(path: Path) -> NDArray[np.uint8]:
    """A photo of a data set, (h, w, 3) uint8 RGB. DatasetError if it cannot be read."""
    try:
        return read_image(path)
    except ImageError as error:
        raise DatasetError(str(error)) from error


def check_points(points: Array, path: Path) -> None:
    """DatasetError if the points (68, 2 or 3) in a file are far from any picture, in one place or on one line of it."""
    if not (np.abs(points) < MAX_COORDINATE).all():
        raise DatasetError(f"{path}: a coordinate of its points is {np.abs(points).max():.3g} pixels")
    across, along = np.linalg.svd(points[:, :2] - points[:, :2].mean(0), compute_uv=False)[::-1]
    if not across > MIN_SPREAD_RATIO * along:
        raise DatasetError(f"{path}: its 68 points are in one place, or on one line: no face has such points")


class PhotoFiles:
    """Photos in a folder, each with a file of labels: the base of ``AFLW2000`` and ``PhotoFolder``."""

    suffix = ""  # of the photos' files, where their names do not have it
    arrays: tuple[str, ...]  # names of the attributes that have a row for each photo

    def _read_labels(self, folder: str | Path, names: list[str], strict: bool, missing: str, hint: str) -> list[Any]:
        """The labels by ``_read(name)`` of each photo that has good ones."""
        self.folder = existing_folder(folder)
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
            first = next(iter(self.problems.values()), hint)
            raise DatasetError(f"{folder} holds no photo with {missing} ({first})")
        self.names = list(labels)
        return list(labels.values())

    def __len__(self) -> int:
        return len(self.names)

    def select(self, rows: list[int]) -> Self:
        """A data set with these photos alone."""
        part = copy(self)
        part.names = [self.names[i] for i in rows]
        for name in self.arrays:
            setattr(part, name, getattr(self, name)[rows])
        return part

    def image(self, i: int) -> NDArray[np.uint8]:
        """Photo i, (h, w, 3) uint8 RGB, upright."""
        return read_photo(self.folder / (self.names[i] + self.suffix))


class FittedPhotos(Source):
    """Photos with the face model fitted to their landmarks: a :class:`Source` of (image, position map) pairs.

    ``photos`` is a :class:`lprnet_utils.datasets.AFLWTrain`, a PhotoFolder or another object with ``landmarks``
    (m, 68, 3) and ``image(i)``. The photos in the n ``rows`` are used, ``fits`` is the face model fitted to them, see
    :func:`fit_photos`, and ``weights`` (n,) tell how often each is drawn, relative to the others. ``size`` is N, the
    side of the position maps.
    """

    cropped = False

    def __init__(self, photos: Any, rows: ArrayLike, fits: Fits, weights: ArrayLike, size: int = 128):
        self.photos, self.rows, self.fits = photos, np.asarray(rows), fits
        self.weights = np.asarray(weights, float)
        self.size = size
        self.mean, self.basis = UVLayout(size).position_basis(MorphableModel.load())

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def linear(self) -> tuple[Array, Array]:
        """Mean (N*N, 3) and basis (K + E, N*N, 3) of the maps."""
        return self.mean, self.basis

    def image(self, i: int) -> NDArray[np.uint8]:
        """Photo i, (h, w, 3) uint8 RGB."""
        return self.photos.image(self.rows[i])

    def landmarks(self, i: int) -> Array:
        """Its labelled landmarks (68, 2 or 3)."""
        return self.photos.landmarks[self.rows[i]]

    def maps(self, indices: ArrayLike) -> NDArray[np.float32]:
        """Position maps (B, N, N, 3), z of mean 0 over the valid texels."""
        maps = self.fits[np.asarray(indices)].evaluate(self.mean, self.basis)
        return maps.reshape(-1, self.size, self.size, 3)


def landmark_basis(layout: UVLayout, mean: Array, basis: Array) -> tuple[Array, Array]:
    """Mean (68, 3) and basis (K + E, 68, 3) of the landmarks, from those of the texels."""
    return layout.landmark_matrix @ mean, np.stack([layout.landmark_matrix @ direction for direction in basis])


def fit_photos(landmarks: ArrayLike, layout: UVLayout | None = None) -> Fits:
    """Fit the bundled face model to the landmarks (n, 68, 3) of photos, in a minute for 18,000.

    The landmarks are in the photo frame, and z may have any zero. The fits' position maps have mean z 0. ``layout`` has
    the landmarks where the photos' labels have them: by default where people mark them, ``UVLayout.of_labels()`` for
    the labels of AFLW.
    """
    model, layout = MorphableModel.load(), layout or UVLayout()
    mean, basis = layout.position_basis(model)
    fits = fit_landmarks(*landmark_basis(layout, mean, basis), len(model.identity), landmarks)
    # choose t_z such that the mean z over the valid texels is 0
    valid = layout.mask.ravel()
    shape = mean[valid].mean(0) + np.einsum("nc,cd->nd", fits.coefficients, basis[:, valid].mean(1))
    fits.translation[:, 2] = -fits.scale * np.einsum("nj,nj->n", fits.rotation[:, 2], shape)
    return fits


class Mixture:
    """Several sources together, with the share of the samples from each, up to a common factor."""

    def __init__(self, sources: list[Source], shares: list[float]):
        if len(sources) != len(shares) or min(shares) < 0 or sum(shares) <= 0:
            raise ValueError(f"{len(sources)} sources need as many shares, none negative: {shares}")
        self.sources, self.shares = sources, np.array(shares, float) / sum(shares)

    def __len__(self) -> int:
        return sum(map(len, self.sources))

    def counts(self, total: int) -> list[int]:
        """How many of ``total`` samples each source gives: by its share, and together exactly as many."""
        exact = self.shares * total
        counts = np.floor(exact).astype(int)
        counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
        return counts.tolist()
