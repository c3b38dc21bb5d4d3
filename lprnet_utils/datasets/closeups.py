"""Close-ups of eyes and mouths for the closer look: crops with the first map's points and the true ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..common.assets import DatasetError, existing_folder
from ..common.files import read_checked
from ..geometry.crop import warp_image
from ..uv.layout import UVLayout
from ..uv.regions import Frame, Region, Regions

MARGIN = 1.75  # of a stored crop: times as wide as the region's, so that training can shift and turn it
PATCH_QUALITY = 95  # of the JPEGs
COLUMNS = "first", "true", "iris", "gaze", "seen", "yaw", "expression"
KINDS = {"eye": (0, 1), "mouth": (2,)}  # regions of each network


@dataclass(frozen=True)
class CloseUp:
    """One region of one face, in coordinates of the region's crop, see :mod:`lprnet_utils.uv.regions`."""

    patch: Image  # (n, n, 3), n of the region's :func:`patch_size`
    first: Array  # (P, 3) the first map's points on the region's grid
    true: Array  # (P, 3)
    iris: Array  # (3,) x, y and radius; 0 for the mouth
    gaze: Array  # (3,) unit vector: the crop's right and down, and toward the camera; 0 for the mouth
    seen: float  # share of the region's texels that the camera sees
    yaw: float  # degrees of the head
    expression: Array  # (E,) weights, 0 to 1, of what the region shows, see REGION_EXPRESSIONS


def patch_size(region: Region) -> int:
    """Side of the stored crops of a region in pixels."""
    return round(MARGIN * region.size)


def patch_of(image: Image, region: Region, frame: Frame) -> Image:
    """The stored crop (n, n, 3) of a region."""
    return warp_image(image, frame.matrix(patch_size(region), MARGIN), patch_size(region))


def pack_closeups(faces: Iterable[list[CloseUp]]) -> dict[str, NDArray]:
    """Arrays of a shard, for each network: JPEGs of the patches, and a row of each column for each region."""
    kept: dict[str, list[CloseUp]] = {kind: [] for kind in KINDS}
    for face in faces:
        for kind, numbers in KINDS.items():
            kept[kind] += [face[k] for k in numbers]
    arrays: dict[str, NDArray] = {}
    for kind, closeups in kept.items():
        quality = [cv2.IMWRITE_JPEG_QUALITY, PATCH_QUALITY]
        blobs = [cv2.imencode(".jpg", c.patch[..., ::-1], quality)[1].ravel() for c in closeups]
        arrays |= {f"{kind} data": np.concatenate(blobs), f"{kind} offset": np.cumsum([0, *map(len, blobs)])}
        for name in COLUMNS:
            arrays[f"{kind} {name}"] = np.array([getattr(c, name) for c in closeups], np.float16)
    return arrays


class CloseUps:
    """The close-ups of one kind, ``eye`` or ``mouth``, in a folder of shards; the last shard is held out.

    DatasetError names a shard that is missing, truncated or altered, or of another layout.
    """

    def __init__(self, folder: str | Path, kind: str, held_out: bool = False):
        paths = sorted(existing_folder(folder).glob("shard-*.bin"))
        if len(paths) < 2:
            raise DatasetError(f"{folder} holds too few shards ({len(paths)}): two are needed, one of them to hold out")
        paths = paths[-1:] if held_out else paths[:-1]
        self._hold([self._read(path, kind) for path in paths], kind, str(paths[0]))

    @classmethod
    def of_faces(cls, faces: Iterable[list[CloseUp]], kind: str) -> Self:
        """The close-ups of one kind of these faces, as a shard has them."""
        made = cls.__new__(cls)
        made._hold([pack_closeups(faces)], kind, "what was made")
        return made

    def _hold(self, shards: list[dict[str, NDArray]], kind: str, name: str) -> None:
        """Keep shards, the first of which has a name for errors."""
        self._data = [s[f"{kind} data"] for s in shards]
        self._spans = [(k, a, b) for k, s in enumerate(shards) for a, b in pairwise(s[f"{kind} offset"])]
        columns = {name: np.concatenate([s[f"{kind} {name}"] for s in shards]) for name in COLUMNS}
        points = len(Regions(UVLayout()).all[KINDS[kind][0]].grid)
        if columns["true"].shape[1] != points:
            raise DatasetError(
                f"{name} has {columns['true'].shape[1]} points of each {kind}, not {points}: make "
                "the shards again with this version"
            )
        self.columns: dict[str, Any] = columns

    @staticmethod
    def _read(path: Path, kind: str) -> dict[str, NDArray]:
        shard = read_checked(path)
        if f"{kind} data" not in shard:
            raise DatasetError(f"{path} holds no close-ups: `lprnet synthesize --generator close` makes them")
        return shard

    def __len__(self) -> int:
        return len(self._spans)

    def patch(self, i: int) -> Image:
        """The stored crop of close-up i, (n, n, 3)."""
        shard, start, end = self._spans[i]
        return cv2.imdecode(self._data[shard][start:end], cv2.IMREAD_COLOR)[..., ::-1]
