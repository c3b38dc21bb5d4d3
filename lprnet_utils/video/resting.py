"""What a person's face at rest looks like to the closer look, learned over a video."""

import math

from ..reconstruction.expressions import weight_beside

RISE_SECONDS, FALL_SECONDS = 20.0, 0.5  # in which a resting weight follows a weight above it, and one below it
MAX_RESTING = 0.3  # a larger weight is an expression, however long it lasts
GAZE = "eyeLook"  # weights of a direction, which has no rest


class RestingFace:
    """The weight of each expression that a person has at rest: one that keeps coming back, and is small.

    A face whose mouth points up at rest is a small smile to a network. After some seconds it counts as 0.
    """

    def __init__(self) -> None:
        self.weights: dict[str, float] = {}

    def update(self, seen: dict[str, float], dt: float) -> dict[str, float]:
        """Learn from the weights of a frame, ``dt`` seconds after the last; the same beside the face at rest."""
        out = {}
        for name, weight in seen.items():
            rest = self.weights.get(name, 0.0)
            if not name.startswith(GAZE):
                share = 1 - math.exp(-dt / (RISE_SECONDS if weight > rest else FALL_SECONDS))
                rest = self.weights[name] = min(rest + share * (weight - rest), MAX_RESTING)
            out[name] = weight_beside(weight, rest)
        return out
