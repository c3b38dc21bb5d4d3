"""Models of a body's parts that bend at joints: a skeleton, and skin that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays

POSED_MODELS = ("hand", "body")


@dataclass(frozen=True)
class PosedModel:
    """A mesh whose shape is linear and whose pose is that of a skeleton: linear blend skinning.

    Its coefficients are those of the shape (K), in standard deviations, then three angles in degrees for each bone
    (3 J): bending, spreading and turning about the bone's own ``axes``.

    Attributes
    ----------
    mean, shape : (V, 3) and (K, V, 3) arrays
        Vertices of the mean shape in the rest pose, in mm, and the directions of shape.
    joints, joint_shape : (J, 3) and (K, J, 3) arrays
        Where each bone begins, and how it moves with the shape.
    parents : (J,) int
        The bone that each bone hangs on, -1 for the root. A bone comes after its parent.
    axes : (J, 3, 3) array
        Unit vectors about which each bone bends, spreads and turns.
    weights : (V, J) array
        How much each vertex follows each bone; each row sums to 1.
    triangles : (T, 3) int
    bones : tuple of str

    References
    ----------
    N. Magnenat-Thalmann, R. Laperriere, D. Thalmann, Joint-dependent local deformations for hand animation and object
    grasping, Graphics Interface 1988.

    Examples
    --------
    >>> hand = PosedModel.load("hand")
    >>> rest = hand.vertices(np.zeros((1, hand.count)))
    >>> rest.shape == (1, len(hand.mean), 3) and bool(np.allclose(rest[0], hand.mean, atol=1e-3))
    True
    """

    mean: NDArray[np.float32]
    shape: NDArray[np.float32]
    joints: NDArray[np.float32]
    joint_shape: NDArray[np.float32]
    parents: NDArray[np.int8]
    axes: NDArray[np.float32]
    weights: NDArray[np.float32]
    triangles: NDArray[np.int32]
    bones: tuple[str, ...]

    @classmethod
    @lru_cache(maxsize=4)
    def load(cls, name: str) -> Self:
        """A bundled model, read once: do not write into it. ValueError for another name.

        ``hand`` is a right hand with a part of the forearm, in the axes of its back: y along the fingers, z out of the
        back. ``body`` is a whole body of average shape that stands upright and looks along z.
        """
        if name not in POSED_MODELS:
            raise ValueError(f"no posed model {name!r}; there are {', '.join(POSED_MODELS)}")
        file = read_bundled_arrays(f"{name}.npz")
        joints = len(file["parents"])  # the file has the tips of the fingers after them
        weights = file["weights"].astype(np.float32)
        return cls(
            file["mean"], file["shape"].astype(np.float32), file["joints"][:joints], file["joint_shape"][:, :joints],
            file["parents"], file["axes"], weights / weights.sum(1, keepdims=True),
            file["triangles"].astype(np.int32), tuple(file["bones"].tolist()),
        )  # fmt: skip

    @property
    def count(self) -> int:
        """How many coefficients the model has: K + 3 J."""
        return len(self.shape) + 3 * len(self.bones)

    def vertices(self, coefficients: ArrayLike) -> NDArray[np.float32]:
        """Vertices (B, V, 3), in mm of the model's frame, of coefficients (B, K + 3 J); ValueError for other shapes."""
        c = np.asarray(coefficients, np.float32)
        if c.ndim != 2 or c.shape[1] != self.count:
            raise ValueError(f"coefficients have shape {c.shape}, this model takes (B, {self.count})")
        k = len(self.shape)
        rest, joints = (
            mean + (c[:, :k] @ directions.reshape(k, mean.size)).reshape(len(c), *mean.shape)
            for mean, directions in ((self.mean, self.shape), (self.joints, self.joint_shape))
        )
        moves = self.bone_matrices(joints, c[:, k:].reshape(len(c), -1, 3))  # (B, J, 3, 4)
        blended = (self.weights @ moves.reshape(len(c), len(self.bones), 12)).reshape(len(c), -1, 3, 4)
        return (blended[..., :3] @ rest[..., None])[..., 0] + blended[..., 3]

    def bone_matrices(self, joints: Array, angles: Array) -> NDArray[np.float32]:
        """Motion (B, J, 3, 4) of each bone from the rest pose, for joints (B, J, 3) and angles (B, J, 3) in degrees."""
        turns = np.radians(angles)
        local = _rotations(self.axes[:, 0], turns[..., 0])
        for axis in (1, 2):
            local = _rotations(self.axes[:, axis], turns[..., axis]) @ local
        out = np.empty((*turns.shape[:2], 3, 4), np.float32)
        for bone, parent in enumerate(self.parents):
            pivot = joints[:, bone]
            linear = local[:, bone]
            shift = pivot - (linear @ pivot[..., None])[..., 0]
            if parent >= 0:
                above = out[:, parent]
                shift = (above[..., :3] @ shift[..., None])[..., 0] + above[..., 3]
                linear = above[..., :3] @ linear
            out[:, bone, :, :3], out[:, bone, :, 3] = linear, shift
        return out


def _rotations(axes: Array, angles: Array) -> Array:
    """Rotations (B, J, 3, 3) about unit axes (J, 3) by angles (B, J) in radians."""
    from scipy.spatial.transform import Rotation  # takes a while to import

    turns = Rotation.from_rotvec((np.asarray(angles)[..., None] * axes).reshape(-1, 3))
    return turns.as_matrix().reshape(*angles.shape, 3, 3)
