"""The people of the mixed generator.

Their shapes vary as MakeHuman's and ICT-FaceKit's do, by amounts that are chosen here. A face at rest is the neutral
face with small weights of many expressions, and the lids follow the gaze. Their mean shape is a statistic of photos.
"""

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..morphable_model.gaze import look_weights
from ..morphable_model.model import MorphableModel
from .people import People

SCANNED_SHARE = 0.5  # of the people: mainly ICT-FaceKit's modes
SCANNED_MEAN = (0.0, 1.2)  # how far their mean is from MakeHuman's to ICT-FaceKit's
OWN_VARIATION = (0.0, 0.6)  # their factor on MakeHuman's modes
SCANNED_VARIATION = (0.6, 1.2)  # range of the scanned modes' standard deviation
SETTINGS_SHARE = 0.5  # of the others: by MakeHuman's settings (age, sex, ...); the rest by its modes
MODE_VARIATION = (0.5, 1.1)  # range of the standard deviation of MakeHuman's modes
# Standard deviation of the weights of a face at rest, in units of RESTING_FACTOR, each on both sides ("*") of the face.
# They have both signs, because MakeHuman's neutral face is one among others
RESTING = {
    "eyeBlink*": 0.09, "eyeWide*": 0.1, "eyeSquint*": 0.12, "browDown*": 0.1, "browInnerUp": 0.12, "browOuterUp*": 0.1,
    "cheekPuff": 0.06, "jawForward": 0.06, "jawOpen": 0.05, "mouthFrown*": 0.08, "mouthLeft": 0.05, "mouthRight": 0.05,
    "mouthPress*": 0.1, "mouthPucker": 0.06, "mouthRollLower": 0.08, "mouthRollUpper": 0.06, "mouthShrugLower": 0.1,
    "mouthShrugUpper": 0.08, "mouthSmile*": 0.1, "mouthUpperUp*": 0.06, "mouthLowerDown*": 0.06,
}  # fmt: skip
RESTING_FACTOR = 1.25
# Means of these weights, where they are not 0. With them the lids of close-ups stand 3.3 mm above and 5.5 mm below the
# pupils' centres, which are 56 mm apart in this model. Clinical means are about 4.2 and 5.3 mm, at 62 mm
RESTING_MEAN = {"eyeBlink*": -0.03, "eyeSquint*": 0.1}
# What a lid moves more, for each degree that its eye looks up, than MakeHuman's eyeLook shapes move it, as a weight of
# eyeBlink. Lids follow their eyes nearly all the way (W. Becker and A. Fuchs, Lid-eye coordination during vertical gaze
# changes in man and monkey, Journal of Neurophysiology 60, 1988)
LIDS_FOLLOW = -0.012
WEIGHT_RANGE = (-0.3, 1.1)  # of all expressions


class MixedPeople(People):
    """Draws people of the mixed model: half of them mainly by the modes of scans."""

    posed_share, odd_share = 0.6, 0.25  # of the people, who show an expression, and who pull a face
    resting = RESTING

    def __init__(self):
        super().__init__(MorphableModel.load())
        self.mixed = MorphableModel.load("mixed")
        self.own, self.count = len(self.model.identity), len(self.mixed.identity)
        self.mean = self.statistics["mean"][: self.own]
        self._places = {name: k for k, name in enumerate(self.model.expression_names)}

    def sample(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], dict]:
        """Identity and expression weights (K + E,) of the mixed model, and the labels of people drawn by settings."""
        identity, labels = self.draw_identity(rng)
        return self.join(identity, self.at_rest(rng) + self.shown_expression(rng)), labels

    @staticmethod
    def join(identity: Array, expression: Array) -> NDArray[np.float32]:
        """Weights (K + E,) of the mixed model, expressions within what the model can show."""
        return np.r_[identity, np.clip(expression, *WEIGHT_RANGE)].astype(np.float32)

    def draw_identity(self, rng: np.random.Generator) -> tuple[Array, dict]:
        """Identity weights (K,) of the mixed model, and the labels of people drawn by settings."""
        identity, scanned = np.zeros(self.count), rng.random() < SCANNED_SHARE
        if scanned:  # the share of the way from our mean face to that of the scanned people
            identity[self.own] = rng.uniform(*SCANNED_MEAN)
        labels = self._vary(rng, identity, scanned)
        # MakeHuman's average is flatter than people: without this mean, scanned faces came out 0.4 mm worse
        identity[: self.own] += self.mean * (1 - min(float(identity[self.own]), 1.0))  # a float leaves it in float32
        return identity, labels

    def _vary(self, rng: np.random.Generator, identity: Array, scanned: bool) -> dict:
        """Fill in how somebody differs from the mean face, and return the labels."""
        if scanned:
            identity[: self.own] = self._own_modes(rng) * rng.uniform(*OWN_VARIATION)
            modes = rng.standard_normal(self.count - self.own - 1)
            identity[self.own + 1 :] = modes * rng.uniform(*SCANNED_VARIATION)
            return {"scan": 1.0}
        if rng.random() < SETTINGS_SHARE:
            identity[: self.own], labels = self.by_settings(rng)
            return labels
        identity[: self.own] = self._own_modes(rng)
        return {}

    def shown_expression(self, rng: np.random.Generator) -> Array:
        """Weights (E,) that a person adds to the face at rest; 0 for those who show nothing."""
        out = np.zeros(len(self._places))
        if rng.random() < self.posed_share:
            out += self.posed_expression(rng)
        if rng.random() < self.odd_share:
            out += self.odd_expression(rng)
        return out

    def look(self, coefficients: NDArray[np.float32], gaze: Array) -> NDArray[np.float32]:
        """The coefficients of a person who looks in a direction, pitch and yaw in degrees: the lids follow.

        ``gaze`` is (2,), or (2, 2) of the right and the left eye.
        """
        out = coefficients.copy()
        expression = out[self.count :]
        for name, weight in look_weights(gaze).items():
            expression[self._places[name]] += np.float64(weight)  # rounded once
        for side, pitch in zip(("Right", "Left"), np.broadcast_to(gaze, (2, 2))[:, 0], strict=True):
            expression[self._places[f"eyeBlink{side}"]] += LIDS_FOLLOW * pitch
        return out

    def _own_modes(self, rng: np.random.Generator) -> Array:
        return rng.standard_normal(self.own) * rng.uniform(*MODE_VARIATION)

    def at_rest(self, rng: np.random.Generator) -> Array:
        """Expression weights (E,) of a face that shows nothing."""
        out = np.zeros(len(self._places))
        for name, deviation in self.resting.items():
            value = RESTING_MEAN.get(name, 0.0) + rng.normal(0, deviation) * RESTING_FACTOR
            for side in ("Left", "Right") if "*" in name else ("",):
                out[self._places[name.replace("*", side)]] = value * np.exp(rng.normal(0, 0.2))
        return out


class FreePeople(MixedPeople):
    """The same people without a statistic of photos: all means lie between MakeHuman's and the scanned people's."""

    def draw_identity(self, rng: np.random.Generator) -> tuple[Array, dict]:
        """Identity weights (K,) of the mixed model, and the labels of people drawn by settings."""
        identity = np.zeros(self.count)
        identity[self.own] = rng.uniform(*SCANNED_MEAN)
        return identity, self._vary(rng, identity, rng.random() < SCANNED_SHARE)
