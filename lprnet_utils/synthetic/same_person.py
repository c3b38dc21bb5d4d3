"""Several photos of each person: to find out how much of an identity photos tell."""

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from .faces import BLOCK_SIZE
from .mixed import MixedFaces
from .mixed_people import MixedPeople

STREAM = 77  # of the random numbers that draw who it is, apart from those that draw the photos


class _OnePerson(MixedPeople):
    """One of the people of a seed, with ever new expressions."""

    def __init__(self, seed: int):
        super().__init__()
        self.seed, self.number = seed, 0

    def sample(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], dict]:
        """As :meth:`.MixedPeople.sample`, always with the identity of person ``number``, and the same face at rest."""
        own = np.random.default_rng([STREAM, self.seed, self.number])
        identity, labels = self.draw_identity(own)
        return self.join(identity, self.at_rest(own) + self.shown_expression(rng)), labels


class SamePersonFaces(MixedFaces):
    """Photos as of :class:`.MixedFaces`, at most 32 of each person: expression, light and pose differ."""

    def __init__(self, seed: int = 0, size: int = 128):
        super().__init__(seed, size)
        self.people = self._person = _OnePerson(seed)

    def photos(self, person: int, count: int) -> list:
        """The first photos (samples, at most 32) of a person, counted from 0."""
        if not 0 < count <= BLOCK_SIZE:
            raise ValueError(f"there are 1 to {BLOCK_SIZE} photos of a person; {count} were asked for")
        return [self.sample(BLOCK_SIZE * person + k) for k in range(count)]

    def block(self, number: int) -> tuple[Array, tuple[dict, ...], Array]:
        """A block of samples shows one person."""
        self._person.number = number
        return super().block(number)
