"""The points of a benchmark's labels, read from a dense map. They are for measuring, and no part of a reconstruction.

The labels of AFLW2000-3D are the vertices of another face model, fitted to points of other makers. Their 68 points lie
elsewhere on the face than those that people mark, by an offset that depends on the face and its pose. A readout learns
this offset from the labels of training photos: it takes up where the labels have their points, and the steady errors of
one network besides. The map stays as it is.

Method: a similarity brings the map into the frame of the mean face. The main components of its shape and of its pose
predict the offsets of the 68 points there by ridge regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import AssetError, checksums, read_bundled_arrays
from ..common.files import save_arrays
from ..geometry.camera import Camera
from ..uv.layout import UVLayout

if TYPE_CHECKING:
    from ..reconstruction.face import Face

FITTING_COMMAND = "python scripts/calibration/fit_readout.py"
TEXELS = 500  # that describe a shape
COMPONENTS = 250  # of the shapes; chosen on held-out photos of AFLW, as the next two
MODE_SHAPES = 4000  # about as many shapes have their components computed
RIDGE = 0.1  # relative to the variance of the features, which is 1
DROPPED_SHARE = 0.08  # of the photos whose labels are farthest from the map: most of these are wrong


@dataclass(frozen=True)
class HeadFrame:
    """Maps in the frame of the mean face: their cameras, landmarks (n, 68, 3), and chosen texels (n, T, 3)."""

    cameras: list[Camera]
    landmarks: Array
    texels: Array

    @classmethod
    def of(cls, maps: list[Array], layout: UVLayout) -> HeadFrame:
        """Align maps in the photo frame to the mean face by their 68 landmarks."""
        rest, chosen = layout.landmarks(layout.mean_map), _chosen_texels(layout)
        points = [layout.landmarks(m) for m in maps]
        cameras = [Camera.fit(rest, p) for p in points]
        landmarks = np.array([c.unproject(p) for c, p in zip(cameras, points, strict=True)])
        texels = np.array([c.unproject(layout.flat(m)[chosen]) for c, m in zip(cameras, maps, strict=True)])
        return cls(cameras, landmarks, texels)

    def turns(self) -> Array:
        """Functions (n, 7) of the head's turn: about the sines of yaw and pitch."""
        a, b = np.array([camera.rotation[:2, 2] for camera in self.cameras]).T
        return np.stack([a, b, abs(a), a * a, b * b, abs(a) * b, a * b], 1)


def _chosen_texels(layout: UVLayout) -> NDArray[np.intp]:
    valid = np.flatnonzero(layout.mask.ravel())
    return valid[:: len(valid) // TEXELS]


class Readout:
    """Reads the labels' 68 points from maps of one network; :meth:`fit` learns it."""

    ARRAYS = "mean", "components", "feature_mean", "feature_scale", "weights", "offset"

    def __init__(self, layout: UVLayout, **arrays: Array):
        self.layout, self.arrays = layout, arrays

    @classmethod
    def fit(cls, maps: list[Array], labels: ArrayLike, layout: UVLayout, components: int = COMPONENTS) -> Readout:
        """Learn from maps (N, N, 3) of photos and their labels (n, 68, 3), both in the photo frame.

        The z of the labels may have any zero.
        """
        frame = HeadFrame.of(maps, layout)
        labels = np.array(labels, float)
        labels[..., 2] += (
            np.array([layout.landmarks(m)[:, 2].mean() for m in maps])[:, None] - labels[..., 2].mean(1)[:, None]
        )
        wanted = np.array([c.unproject(p) for c, p in zip(frame.cameras, labels, strict=True)]) - frame.landmarks
        miss = np.linalg.norm(wanted, axis=-1).mean(1)
        kept = miss <= np.quantile(miss, 1 - DROPPED_SHARE)
        shapes = frame.texels.reshape(len(labels), -1)[kept]
        mean = shapes.mean(0)
        some = shapes[:: max(len(shapes) // MODE_SHAPES, 1)]
        _, deviation, modes = np.linalg.svd(some - mean, full_matrices=False)
        scaled = modes[:components] / deviation[:components, None] * np.sqrt(len(some))
        features = _features(shapes, mean, scaled, frame.turns()[kept])
        middle, spread = features.mean(0), features.std(0) + 1e-9
        x = (features - middle) / spread
        y = wanted[kept].reshape(len(x), -1)
        offset = y.mean(0)
        weights = np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ (y - offset))
        return cls(layout, **dict(zip(cls.ARRAYS, (mean, scaled, middle, spread, weights, offset), strict=True)))

    def __call__(self, maps: list[Array]) -> NDArray[np.float32]:
        """Points (n, 68, 3) of maps (N, N, 3), in the photo frame."""
        frame, a = HeadFrame.of(maps, self.layout), self.arrays
        features = _features(frame.texels.reshape(len(maps), -1), a["mean"], a["components"], frame.turns())
        moved = a["offset"] + (features - a["feature_mean"]) / a["feature_scale"] @ a["weights"]
        points = frame.landmarks + moved.reshape(-1, 68, 3)
        return np.array([c.project(p) for c, p in zip(frame.cameras, points, strict=True)], np.float32)

    def save(self, path: str | Path) -> None:
        """Write the readout as ``.npz``, the large arrays as float16."""
        large = "components", "weights"
        small = {n: a.astype(np.float16 if n in large else np.float32) for n, a in self.arrays.items()}
        save_arrays(small, Path(path))

    @classmethod
    def load(cls, weights: str) -> Readout:
        """The bundled readout of bundled weights, by name. AssetError if there is none."""
        return _load(weights)

    @classmethod
    def find(cls, weights: str) -> Readout | None:
        """The bundled readout of weights, or None if there is none."""
        return cls.load(weights) if f"readouts/{weights}.npz" in checksums() else None


@lru_cache(maxsize=4)
def _load(weights: str) -> Readout:
    name = f"readouts/{weights}.npz"
    if name not in checksums():
        raise AssetError(
            f"there is no readout of the benchmark's points for the weights {weights!r}; with AFLW's training photos, "
            f"`{FITTING_COMMAND} {weights}` makes one"
        )
    arrays = {key: value.astype(np.float32) for key, value in read_bundled_arrays(name).items()}
    return Readout(UVLayout.of_labels(), **arrays)


def _features(shapes: Array, mean: Array, components: Array, turns: Array) -> Array:
    """Features (n, F): components of the shapes (n, 3 T), functions of the pose (n, 7), and some products of both."""
    c = (shapes - mean) @ components.T
    return np.concatenate([c, turns, c * turns[:, 2:3], c * turns[:, :1]], 1)


def benchmark_landmarks(face: Face, weights: str = "open") -> NDArray[np.float32]:
    """The 68 points (68, 3) of a face where the labels of AFLW2000-3D have them, in pixels of the photo.

    ``face.landmarks`` are where people mark them. Use these points only to compare with the benchmark's labels, and say
    so: other methods' figures are not read in this way.

    Parameters
    ----------
    face : Face
    weights : str
        The bundled weights that made the face.

    Raises
    ------
    AssetError
        If these weights have no readout. The message names the command that makes one.
    """
    return Readout.load(weights)([face.first_map])[0]
