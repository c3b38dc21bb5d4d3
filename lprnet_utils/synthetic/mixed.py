"""The generator that the bundled weights are trained on: more shapes, lights and places than the plain one."""

import numpy as np

from ..common.arrays import Array
from ..geometry.shading import Light
from ..uv.layout import UVLayout
from .appearance import VariedAppearance
from .effects import background
from .faces import SyntheticFaces
from .mixed_people import FreePeople, MixedPeople
from .scans import MixedHead
from .surroundings import Surroundings

PLACE_SHARE = 0.5  # of the photos that are lit by a real place
PLACE_SEEN_SHARE = 0.8  # of these, with the same place behind the person
LAMP_SHARE = 0.5  # of these, with a lamp besides
GAZE_DEVIATION = (8.0, 14.0)  # degrees, up and aside, of the others' gaze from the head's front
MAX_GAZE = (25.0, 35.0)  # degrees


class MixedFaces(SyntheticFaces):
    """An unlimited source of synthetic photos, as :class:`lprnet_utils.synthetic.SyntheticFaces`.

    Half of the people have the shapes of scanned people (:class:`MixedPeople`), half of the photos the light of real
    places. Coefficients are those of ``MorphableModel.load("mixed")``.
    """

    drawn_people: type[MixedPeople] = MixedPeople
    into_camera_share = 0.5  # of the people, who look there as far as their eyes turn

    def __init__(
        self, seed: int = 0, size: int = 128, head: MixedHead | None = None, layout: UVLayout | None = None
    ):  # fmt: skip
        super().__init__(seed, size, head or MixedHead(), self.drawn_people(), layout or UVLayout(size))
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

    def gaze(self, rng: np.random.Generator, number: int) -> Array:
        """Pitch and yaw (2,) of a sample's eyes, in degrees from the head's front."""
        if rng.random() >= self.into_camera_share:
            return np.clip(rng.normal(0, GAZE_DEVIATION), *np.multiply.outer([-1, 1], MAX_GAZE))
        x, y, z = self.pose(self.picture_rng(number))[1][2]  # the camera's direction in the head's frame
        toward = np.degrees([np.arctan2(y, max(z, 0.1)), np.arcsin(np.clip(-x, -1, 1))])
        return np.clip(toward + rng.normal(0, 2, 2), *np.multiply.outer([-1, 1], MAX_GAZE))


class FreeFaces(MixedFaces):
    """The same without a statistic of photos (:class:`FreePeople`), but for the landmarks, which crops go round."""

    drawn_people = FreePeople
