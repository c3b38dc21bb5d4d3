"""The generator that the bundled weights are trained on: more shapes, lights and places than the plain one."""

import numpy as np

from ..common.arrays import Array
from ..geometry.shading import Light
from .appearance import VariedAppearance
from .effects import background
from .faces import SyntheticFaces
from .scans import MixedHead, MixedPeople
from .surroundings import Surroundings

PLACE_SHARE = 0.5  # of the photos that are lit by a real place
PLACE_SEEN_SHARE = 0.8  # of these, with the same place behind the person
LAMP_SHARE = 0.5  # of these, with a lamp besides


class MixedFaces(SyntheticFaces):
    """An unlimited source of synthetic photos, as :class:`lprnet_utils.synthetic.SyntheticFaces`.

    Half of the people have the shapes of scanned people (:class:`MixedPeople`), half of the photos the light of real
    places. Coefficients are those of ``MorphableModel.load("mixed")``.
    """

    def __init__(self, seed: int = 0, size: int = 128):
        super().__init__(seed, size, MixedHead(), MixedPeople())
        self.appearance = VariedAppearance(self.head, self.landmark_weights)

    def scene(self, rng: np.random.Generator) -> tuple[Light, Array]:
        """The light, and the picture (N, N, 3) behind the person in linear light."""
        light = Light.sample(rng)
        if rng.random() >= PLACE_SHARE:
            return light, background(rng, self.size)
        place = Surroundings.sample(rng)
        sky = place.harmonics() * np.exp(rng.normal(0, 0.25)) * (1 + rng.normal(0, 0.06, 3))
        light = Light(sky, light.lamp, light.color * (rng.random() < LAMP_SHARE), light.gloss)
        seen = rng.random() < PLACE_SEEN_SHARE
        return light, (place.background if seen else background)(rng, self.size)
