"""How an avatar moves over time, as an animation of its .glb file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..common.arrays import Array
from ..geometry.camera import rotation_matrix
from .eyes import SIDES
from .gltf import FLOAT, Glb
from .visemes import VISEMES

if TYPE_CHECKING:
    from .avatar import Avatar

NECK_SHARE = 0.4  # of the head's turn; the rest is the head's own


@dataclass(frozen=True)
class Motion:
    """What a head does at some times, between which it moves evenly.

    ``times`` (T,) are in seconds and rise; ``poses`` (T, 3) are pitch, yaw and roll in degrees; ``weights`` (T, E) are
    those of :attr:`.Avatar.names`. ValueError if there is no time, or if the lengths differ.
    """

    times: NDArray[np.float32]
    poses: NDArray[np.float32]
    weights: NDArray[np.float32]

    def __post_init__(self) -> None:
        lengths = {len(self.times), len(self.poses), len(self.weights)}
        if len(lengths) > 1 or not len(self.times):
            raise ValueError(f"a motion has a pose and weights for each of its times; got {sorted(lengths)} of them")
        if (np.diff(self.times) <= 0).any():
            raise ValueError("the times of a motion rise")


@dataclass(frozen=True)
class MovedNodes:
    """Numbers of the nodes of a file that a motion moves."""

    morphed: list[int]  # meshes with morph targets
    neck: int
    head: int
    eyes: dict[str, int]  # by side


def add_motion(glb: Glb, avatar: Avatar, motion: Motion, nodes: MovedNodes) -> None:
    """Add the animation ``Motion`` to a file: morph targets, neck and head, and both eyes."""
    start = float(motion.times[0])
    times = np.asarray(motion.times - start, np.float32)
    when = glb.accessor(times, FLOAT, None, min=[0.0], max=[float(times[-1])])
    samplers, channels = [], []

    def animate(values: Array, path: str, *targets: int) -> None:
        output = glb.accessor(values, FLOAT, None)
        samplers.append({"input": when, "output": output, "interpolation": "LINEAR"})
        channels.extend({"sampler": len(samplers) - 1, "target": {"node": n, "path": path}} for n in targets)

    weights = np.c_[motion.weights, np.zeros((len(times), len(VISEMES)))]
    animate(weights.ravel(), "weights", *nodes.morphed)
    whole = Rotation.from_matrix([rotation_matrix(*pose) for pose in motion.poses])
    neck = Rotation.from_rotvec(NECK_SHARE * whole.as_rotvec())
    animate(_quaternions(neck), "rotation", nodes.neck)
    animate(_quaternions(neck.inv() * whole), "rotation", nodes.head)
    turns = np.array([avatar.eye_rotations(row) for row in motion.weights])
    for k, side in enumerate(SIDES):
        animate(_quaternions(Rotation.from_matrix(turns[:, k])), "rotation", nodes.eyes[side])
    glb.add("animations", {"name": "Motion", "samplers": samplers, "channels": channels})


def _quaternions(rotations: Rotation) -> NDArray[np.float64]:
    """Rotations as x, y, z, w (T, 4), each on the side of the one before: players go the short way between them."""
    values = rotations.as_quat()
    for k in range(1, len(values)):
        if values[k] @ values[k - 1] < 0:
            values[k] = -values[k]
    return values
