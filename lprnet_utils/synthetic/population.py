"""The people of a set of synthetic photos, with whose mean face a network's faces are compared."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays
from ..datasets.shards import Sample
from ..evaluation.identity import MODES, aligned_error
from ..morphable_model.model import MorphableModel
from ..reconstruction.expressions import ShapeFitter
from ..uv.layout import UVLayout

EXPRESSION_CALLS = 3  # of the fit of an expression to a map, each with two rounds


@dataclass(frozen=True)
class Population:
    """The people of a set of synthetic photos: a face model for them, and the mean of their identities (K,)."""

    fitter: ShapeFitter
    mean: NDArray[np.float32]

    @classmethod
    def load(cls, name: str, size: int = 128) -> Self:
        """Those of a set of :func:`lprnet_utils.synthetic.held_out_faces`, ``makehuman`` or ``ict``."""
        model = MorphableModel.load()
        mean = np.zeros(len(model.identity), np.float32)
        if name == "makehuman":
            mean = read_bundled_arrays("face_statistics.npz")["mean"][: len(mean)].astype(np.float32)
            return cls(ShapeFitter.load(size), mean)
        # the mean of the scanned people, with our expressions and identity modes: theirs are slow to fit
        return cls(ShapeFitter(replace(model, mean=MorphableModel.load(name).mean), UVLayout(size)), mean)

    def nobody(self, position_map: Array) -> Array:
        """The texels (M, 3), in mm, of the mean identity with the expression of a map (N, N, 3)."""
        fitter, model = self.fitter, self.fitter.model
        known = replace(fitter.fit(position_map), identity=self.mean)
        known = replace(known, expression=np.zeros_like(known.expression))
        for _ in range(EXPRESSION_CALLS):
            known = fitter.fit_expression(position_map, known)
        vertices = model.vertices(self.mean, known.expression)
        return (fitter.layout.matrix @ vertices)[fitter.layout.texels]

    def measure(self, position_map: Array, sample: Sample) -> dict[str, Any]:
        """Errors in mm after alignment of a map and of nobody's face, and identities of the map and of the truth."""
        layout = self.fitter.layout
        true = sample.camera.unproject(layout.points(sample.position_map))
        points = layout.points(position_map) * [1, -1, 1]
        return {
            "map": aligned_error(points, true),
            "nobody": aligned_error(self.nobody(position_map), true),
            "identity": self.fitter.fit(position_map).identity[:MODES],
            "true identity": self.fitter.fit(sample.position_map).identity[:MODES],
        }
