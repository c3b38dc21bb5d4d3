"""The shape of a person's head at rest, from one photo or from several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.face import Face
from ..reconstruction.identity import IdentityEstimator
from .shape import HeadShape

LEVEL_LOOKS, LEVEL_LOOK = ("eyeLookDown", "eyeLookUp"), 0.4  # weights below it belong to the face at rest


@dataclass(frozen=True)
class PersonShape:
    """How a person's head differs from the mean one.

    ``identity`` (K,) is estimated over all photos (:class:`.IdentityEstimator`); ``neutral`` (W, 3) is the skin with
    it, in mm. ``details`` (W, 3) are what the maps of the photos, each without its own expression, have besides, on
    average: on the face itself, and falling off smoothly around it. ``seen`` (E,) are the weights in the first photo.
    """

    identity: NDArray[np.float32]
    neutral: NDArray[np.float32]
    details: NDArray[np.float32]
    seen: NDArray[np.float64]

    @classmethod
    def of(cls, faces: Sequence[Face]) -> Self:
        """The shape of the person whom all these faces show; ValueError if there is none."""
        identity = IdentityEstimator.load()(faces)
        shape, maps = HeadShape.load(), [_at_rest(face) for face in faces]
        neutral, points = shape.neutral(identity), np.mean([points for points, _ in maps], 0)
        return cls(identity, neutral, shape.spread_details(points - neutral[: len(points)]), maps[0][1])

    @property
    def skin(self) -> NDArray[np.float32]:
        """Vertices (W, 3) in mm of the face frame."""
        return self.neutral + self.details


def _at_rest(face: Face) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vertices (V, 3) of a face without its expression, in mm, and the weights (E,) of that expression."""
    fitted, model = face.coefficients, HeadShape.load().model
    seen = np.where(fitted.supported, fitted.expression, 0)
    for name in LEVEL_LOOKS:  # who looks a little down or up into the camera has such lids at rest
        seen[[n.startswith(name) and seen[k] < LEVEL_LOOK for k, n in enumerate(model.expression_names)]] = 0
    points = fitted.camera.unproject(face.layout.map_to_vertices(face.position_map))
    return points - np.tensordot(seen, model.expression, 1), seen
