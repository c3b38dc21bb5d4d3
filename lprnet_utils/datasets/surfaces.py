"""From stored coefficients and cameras to position maps: what a shard does not store."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError
from ..common.files import read_checked
from ..morphable_model.fitting import Fits
from ..morphable_model.model import MorphableModel
from ..morphable_model.posed import PosedModel
from ..morphable_model.whole_head import load_whole_head
from ..uv.charts import load_layout
from ..uv.maps import MapLayout
from .sources import landmark_basis

POSED = ("hand",)  # models with a skeleton, each with a chart of its name


class Surface(Protocol):
    """The shapes of the samples of a shard."""

    layout: MapLayout
    count: int  # coefficients of a sample

    @property
    def linear(self) -> tuple[Array, Array]:
        """Mean (N*N, 3) and basis (count, N*N, 3) of the maps. ValueError if the shapes are not linear."""

    def texels(self, fits: Fits) -> NDArray[np.float32]:
        """Positions (n, N*N, 3) of the texels of each sample, in its picture."""

    def landmarks(self, fits: Fits) -> NDArray[np.float32]:
        """Landmarks (n, L, 3) of each sample."""


class LinearSurface:
    """Shapes of a morphable model: ``mean`` (N*N, 3) and ``basis`` (K + E, N*N, 3) of the maps."""

    def __init__(self, layout: MapLayout, model: MorphableModel):
        self.layout = layout
        self.mean, self.basis = layout.position_basis(model)
        self.count = len(self.basis)
        self._landmarks = landmark_basis(layout, self.mean, self.basis)

    @property
    def linear(self) -> tuple[Array, Array]:
        """Mean (N*N, 3) and basis (count, N*N, 3) of the maps."""
        return self.mean, self.basis

    def texels(self, fits: Fits) -> NDArray[np.float32]:
        """Positions (n, N*N, 3) of the texels of each sample, in its picture."""
        return fits.evaluate(self.mean, self.basis)

    def landmarks(self, fits: Fits) -> NDArray[np.float32]:
        """Landmarks (n, L, 3) of each sample."""
        return fits.evaluate(*self._landmarks)


class PosedSurface:
    """Shapes of a model with a skeleton."""

    def __init__(self, layout: MapLayout, model: PosedModel):
        self.layout, self.model, self.count = layout, model, model.count

    @property
    def linear(self) -> tuple[Array, Array]:
        """ValueError: joints turn."""
        raise ValueError("the maps of a model with a skeleton are not linear: train on the processor")

    def texels(self, fits: Fits) -> NDArray[np.float32]:
        """Positions (n, N*N, 3) of the texels of each sample, in its picture."""
        vertices = fits.project(self.model.vertices(fits.coefficients)).astype(np.float32)
        side_by_side = np.ascontiguousarray(vertices.transpose(1, 0, 2)).reshape(vertices.shape[1], -1)
        return (self.layout.matrix @ side_by_side).reshape(-1, len(vertices), 3).transpose(1, 0, 2)

    def landmarks(self, fits: Fits) -> NDArray[np.float32]:
        """Landmarks (n, L, 3) of each sample."""
        return np.stack([self.layout.landmark_matrix @ texels for texels in self.texels(fits)])


@lru_cache(maxsize=2)  # a stream reads many shards one by one
def load_surface(folder: Path, name: str, size: int, stamp: int | None) -> Surface:
    """The surface of shards of a model, for maps of a side. DatasetError for an unknown model.

    ``stamp`` is the time of the model in the folder, None without one.
    """
    if name in POSED:
        return PosedSurface(load_layout(name, size), PosedModel.load(name))
    if name == "head":
        return LinearSurface(load_layout("head", size), load_whole_head())
    try:
        model = MorphableModel.load(name)
    except ValueError as error:
        raise DatasetError(f"{folder} was made with another version of lprnet_utils: {error}") from error
    if stamp is not None:
        arrays = read_checked(folder / "model.bin")
        model = replace(model, **{n: arrays[n] for n in ("mean", "identity", "expression")})
    return LinearSurface(load_layout("face", size), model)
