"""The people of the close-ups: many at rest with closed lips, and with inner corners of the eyes near the nose."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from ..common.arrays import Array
from ..geometry.mesh import vertex_normals
from ..morphable_model.model import MorphableModel
from .eyes import Lids
from .mixed_people import RESTING, MixedPeople

PARTED_LIPS, SEALED_SHARE = 3.0, 0.8  # mm between lips below which most lips are closed, and the share of these
SEALED_GAP = (-0.2, 0.2)  # mm, mean and deviation
# Without weak expressions, a network takes every faint smile for the mouth of somebody at rest
WEAK, WEAK_SHARE = (0.1, 0.8), 0.6
# Ranges of a smile whose parts vary alone: lips may show teeth though their corners hardly move. Each part but the
# first is there or not
SOFT_SMILE = {"mouthSmile*": (0.1, 0.6), "mouthUpperUp*": (0.0, 0.5), "mouthLowerDown*": (0.0, 0.4),
              "jawOpen": (0.0, 0.15), "mouthDimple*": (0.0, 0.4), "mouthStretch*": (0.0, 0.25),
              "mouthPress*": (0.0, 0.25), "cheekSquint*": (0.0, 0.5), "eyeSquint*": (0.0, 0.4)}  # fmt: skip
PART_SHARE = 0.5  # of its parts
# Faces at rest differ more where a closer look would take brows, full lips or a wide mouth for an expression, and less
# in how the corners of their mouths point up
CLOSE_RESTING = RESTING | {
    "browDown*": 0.14, "browInnerUp": 0.16, "browOuterUp*": 0.14, "cheekSquint*": 0.08, "eyeWide*": 0.12,
    "mouthDimple*": 0.06, "mouthStretch*": 0.08, "mouthPucker": 0.1, "mouthRollLower": 0.14, "mouthRollUpper": 0.12,
    "mouthUpperUp*": 0.08, "mouthLowerDown*": 0.08, "noseSneer*": 0.06, "mouthSmile*": 0.07,
}  # fmt: skip
FIRST_RESTING = RESTING | {"mouthSmile*": 0.06}
# mm by which the inner corners lie nearer to the nose than MakeHuman's, whose eyes are 22 mm wide where pupils are 56
# mm apart. Adults have about 29 and 62
CORNER_SHIFT, CORNER_RANGE = (2.8, 1.1), (0.0, 5.5)
CORNER_DOWN = 0.25  # mm down for each mm toward the nose
CORNER_REACH = 6.0  # mm, of the Gaussian with which the skin around follows


class ClosePeople(MixedPeople):
    """The people of the mixed generator; :class:`.close_faces.CloseHead` takes one more coefficient, the first."""

    posed_share, odd_share = 0.5, 0.12
    resting = CLOSE_RESTING
    soft_smile_share = 0.35  # of the expressions

    def __init__(self):
        super().__init__()
        mean, modes = self.mixed.mean, np.concatenate([self.mixed.identity, self.mixed.expression])
        *_, lips = Lids.of(self.model)
        self._gap, self._gap_modes = lips.gap(mean), lips.gap(modes)
        self._jaw = self.count + self._places["jawOpen"]

    def draw_as_at_first(self) -> None:
        """From now on draw the people of the first version, so that tables compare and tests know them by number."""
        self.soft_smile_share, self.resting = 0.0, FIRST_RESTING

    def sample(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], dict]:
        """The inner corners' shift in mm, then the mixed model's weights (1 + K + E,), and the labels.

        The label ``shown`` has the expression weights (E,), 0 to 1, beside the person's own face at rest.
        """
        identity, labels = self.draw_identity(rng)
        rest, shown = self.at_rest(rng), self.shown_expression(rng)
        out, labels["shown"] = self.join(identity, rest + shown), shown.clip(0, 1)
        gap = self._gap + out @ self._gap_modes
        if gap < PARTED_LIPS and rng.random() < SEALED_SHARE:
            out[self._jaw] += (rng.normal(*SEALED_GAP) - gap) / self._gap_modes[self._jaw]
            labels["shown"][self._places["jawOpen"]] = 0.0
        shift = np.clip(rng.normal(*CORNER_SHIFT), *CORNER_RANGE)
        return np.r_[shift, out].astype(np.float32), labels

    def posed_expression(self, rng: np.random.Generator) -> Array:
        """Weights (E,) of an expression of any strength; each weak one is as common as a strong one."""
        if self.soft_smile_share and rng.random() < self.soft_smile_share:
            first, *parts = SOFT_SMILE
            kept = [first, *(part for part in parts if rng.random() < PART_SHARE)]
            return self.weights_within(rng, {name: SOFT_SMILE[name] for name in kept})
        return super().posed_expression(rng) * (rng.uniform(*WEAK) if rng.random() < WEAK_SHARE else 1.0)

    def look(self, coefficients: NDArray[np.float32], gaze: Array) -> NDArray[np.float32]:
        """The coefficients of a person who looks in a direction, pitch and yaw in degrees: the lids follow."""
        return np.r_[coefficients[:1], super().look(coefficients[1:], gaze)]


def inner_corner_mode(model: MorphableModel) -> NDArray[np.float32]:
    """How vertices (V, 3) of a face move along its surface while both inner corners move by 1 mm toward the nose."""
    mean = model.mean.astype(float)
    normals = vertex_normals(model.mean.astype(np.float32), model.triangles)
    right, left, _ = Lids.of(model)
    out = np.zeros_like(mean)
    for corner, toward in ((right.upper[-1], 1), (left.upper[0], -1)):
        away = np.linalg.norm(mean - mean[corner], axis=1)
        moved = np.exp(-((away / CORNER_REACH) ** 2))[:, None] * [toward, -CORNER_DOWN]
        front = (away < 4 * CORNER_REACH) & (normals[:, 2] > 0.2)
        height = LinearNDInterpolator(mean[front, :2], mean[front, 2])
        rows = np.flatnonzero(away < 2.5 * CORNER_REACH)
        step = CORNER_SHIFT[0]
        rise = height(mean[rows, :2] + step * moved[rows]) - height(mean[rows, :2])
        out[rows] += np.c_[moved[rows], np.nan_to_num(rise) / step]
    return out.astype(np.float32)
