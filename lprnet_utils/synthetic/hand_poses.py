"""Random poses of a right hand: how far fingers bend and spread, and where the thumb goes."""

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..morphable_model.posed import PosedModel

# how far index, middle, ring and little finger are bent, 0 (straight) to 1 (in the fist); how far the fingers spread;
# and the thumb: 0 beside the hand, 1 before the palm, 2 bent over the fingers
POSES: dict[str, tuple[tuple[float, float, float, float], float, float]] = {
    "open": ((0.0, 0.0, 0.0, 0.0), 0.1, 0.1),
    "spread": ((0.0, 0.0, 0.0, 0.0), 1.0, -0.2),
    "relaxed": ((0.25, 0.32, 0.38, 0.4), 0.1, 0.5),
    "fist": ((1.0, 1.0, 1.0, 1.0), -0.4, 2.0),
    "thumb up": ((1.0, 1.0, 1.0, 1.0), -0.4, -0.3),
    "point": ((0.0, 1.0, 1.0, 1.0), 0.0, 1.6),
    "two": ((0.0, 0.0, 1.0, 1.0), 0.6, 1.7),
    "three": ((0.0, 0.0, 0.0, 1.0), 0.5, 1.6),
    "horns": ((0.0, 1.0, 1.0, 0.0), 0.3, 1.7),
    "telephone": ((1.0, 1.0, 1.0, 0.0), 0.2, -0.3),
    "pinch": ((0.55, 0.15, 0.1, 0.05), 0.3, 1.2),
    "grip": ((0.55, 0.55, 0.55, 0.55), 0.0, 1.0),
}
CLOSED = np.array([82.0, 98.0, 62.0])  # degrees that a finger's three joints bend in a fist
FANNED = np.array([11.0, 2.0, -8.0, -17.0])  # degrees toward the thumb of fully spread fingers
# (bend, spread) of the thumb's first joint and bend of the two others, at 0, 1 and 2, in degrees
THUMB = np.array([[0.0, 0.0, 0.0, 0.0], [6.0, 38.0, 18.0, 20.0], [24.0, 34.0, 34.0, 52.0]])
HOOKED, FLAT = np.array([0.1, 1.0, 1.1]), np.array([1.0, 0.1, 0.1])  # shares of CLOSED of other ways to bend
JOINT_NOISE = 6.0  # degrees
# lowest and highest bend of the joints of a finger, and of the thumb
LIMITS = np.array([[-18.0, 92.0], [-2.0, 108.0], [-4.0, 78.0]])
THUMB_LIMITS = np.array([[-14.0, 40.0], [-8.0, 55.0], [-12.0, 78.0]])
FOREARM = np.array([22.0, 9.0, 14.0]), np.array([55.0, 22.0, 40.0])  # deviation and limit of its three angles


def sample_pose(rng: np.random.Generator) -> tuple[str, NDArray[np.float32]]:
    """The name of a pose, and angles (17, 3) in degrees of the bones of the hand model.

    A third of the poses are as named, to some degrees, and a third lie between two of them. In the rest each finger
    bends on its own, and the name is ``free``.
    """
    names = list(POSES)
    name = names[int(rng.integers(len(names)))]
    curl, spread, thumb = (np.array(v, float) for v in POSES[name])
    kind = rng.random()
    if kind > 2 / 3:
        name = "free"
        curl = np.clip(rng.uniform(-0.1, 1.1) + rng.normal(0, 0.35, 4), 0, 1)
        spread, thumb = np.array(rng.uniform(-0.4, 1)), np.array(rng.uniform(-0.3, 2))
    elif kind > 1 / 3:
        other = POSES[names[int(rng.integers(len(names)))]]
        share = rng.uniform(0, 0.5)  # it keeps the name of the nearer one
        curl, spread, thumb = (
            (1 - share) * a + share * np.array(b) for a, b in zip((curl, spread, thumb), other, strict=True)
        )
    return name, bone_angles(rng, curl, float(spread), float(thumb))


def bone_angles(rng: np.random.Generator, curl: Array, spread: float, thumb: float) -> NDArray[np.float32]:
    """Angles (17, 3) of a hand, forearm and fingers, with some noise in each joint; see :data:`POSES`."""
    out = np.zeros((17, 3), np.float32)
    out[1] = np.clip(rng.normal(0, FOREARM[0]), -FOREARM[1], FOREARM[1])
    way = np.ones(3)
    if rng.random() < 0.25:
        share = rng.random()
        way = 1 - share + share * (HOOKED if rng.random() < 0.5 else FLAT)
    for f in range(4):
        bend = curl[f] * CLOSED * way + rng.normal(0, JOINT_NOISE, 3)
        first = 5 + 3 * f
        out[first : first + 3, 0] = np.clip(bend, *LIMITS.T)
        out[first, 1] = FANNED[f] * spread * (1 - 0.7 * curl[f]) + rng.normal(0, 2.5)
    low = min(max(int(np.floor(thumb)), 0), 1)
    place = THUMB[low] + (thumb - low) * (THUMB[low + 1] - THUMB[low]) + rng.normal(0, JOINT_NOISE, 4)
    out[2:5, 0] = np.clip(place[[0, 2, 3]], *THUMB_LIMITS.T)
    out[2, 1] = np.clip(place[1], -16, 52)
    out[2, 2] = rng.normal(0, 5)
    return out


def sample_coefficients(rng: np.random.Generator, model: PosedModel) -> tuple[str, NDArray[np.float32]]:
    """The name of a pose, and the coefficients of a random hand in it: shape, then angles."""
    shape = np.clip(rng.normal(0, 1, len(model.shape)), -2.5, 2.5)
    name, angles = sample_pose(rng)
    return name, np.r_[shape, angles.ravel()].astype(np.float32)
