"""Synthetic photos of heads from all around, with exact position maps of the whole head."""

import numpy as np

from ..common.arrays import Array
from ..geometry.camera import rotation_matrix
from ..morphable_model.whole_head import load_whole_head
from ..uv.charts import load_layout
from ..uv.layout import UVLayout
from .faces import SyntheticFaces
from .people import sample_picture_rotation

ALL_AROUND_SHARE = 0.6  # of the photos, seen from any side; the others from near the front
YAW_DEVIATION, PITCH_DEVIATION = 40.0, 14.0  # degrees


class SyntheticHeads(SyntheticFaces):
    """An unlimited source of synthetic photos, as :class:`SyntheticFaces`, with maps of the whole head, hair aside.

    The people are the same, but they are seen from all around, also from behind, and the crop goes round the whole
    head.

    Examples
    --------
    >>> from lprnet_utils.synthetic import SyntheticHeads
    >>> sample = SyntheticHeads(seed=0).sample(3)
    >>> sample.image.shape, sample.position_map.shape
    ((128, 128, 3), (128, 128, 3))
    """

    most_hidden = 1.0  # from behind, hair hides all of the face

    def __init__(self, seed: int = 0, size: int = 128):
        super().__init__(seed, size, layout=UVLayout(size))
        self.layout = load_layout("head", size)
        self.crop_weights = self.layout.landmark_matrix @ self.layout.matrix
        whole = load_whole_head()
        self._mean = whole.mean
        directions = np.concatenate([whole.identity, whole.expression])
        self._basis = directions.reshape(len(directions), -1)

    def surface(self, coefficients: Array, vertices: Array) -> Array:
        """The vertices (V, 3) of the whole head's skin."""
        return self._mean + (np.asarray(coefficients, np.float32) @ self._basis).reshape(-1, 3)

    def pose(self, rng: np.random.Generator) -> tuple[float, Array]:
        """Rotation of the picture in degrees, and the head's pose (3, 3)."""
        picture_rotation = sample_picture_rotation(rng)
        yaw = rng.uniform(-180, 180) if rng.random() < ALL_AROUND_SHARE else rng.normal(0, YAW_DEVIATION)
        pitch = np.clip(rng.normal(-3, PITCH_DEVIATION), -50, 50)
        return picture_rotation, rotation_matrix(pitch, yaw, rng.normal(0, 7))
