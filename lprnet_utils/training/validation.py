"""How far a network is off on held-out photos, from one pass over each."""

import keras
import numpy as np

from ..datasets.sources import Source
from ..evaluation.metrics import point_errors
from ..geometry.crop import crop_matrix, invert_similarity, transform_points, warp_image
from ..uv.encoding import decode_map
from ..uv.maps import MapLayout

VALIDATION_BATCH = 32


def nme_per_photo(model: keras.Model, source: Source, layout: MapLayout) -> list[float]:
    """2D NME in % of the landmarks of each photo, from one pass over a crop around the labelled box."""
    errors = []
    for start in range(0, len(source), VALIDATION_BATCH):
        indices = range(start, min(start + VALIDATION_BATCH, len(source)))
        matrices = [crop_matrix(source.box(i), layout.size) for i in indices]
        crops = np.stack([warp_image(source.image(i), m, layout.size) for i, m in zip(indices, matrices, strict=True)])
        codes = np.asarray(model.predict_on_batch(crops.astype(np.float32) / 255))  # (B, N, N, 3)
        for i, matrix, code in zip(indices, matrices, codes, strict=True):
            points = transform_points(invert_similarity(matrix), layout.landmarks(decode_map(code)))
            true = source.landmarks(i)
            # for a face this is landmark_nme; other charts have other landmarks
            errors.append(float(100 * point_errors(points, true).mean() / np.sqrt(np.ptp(true[:, :2], 0).prod())))
    return errors


def mean_nme(model: keras.Model, source: Source, layout: MapLayout) -> float:
    """Mean 2D NME, in %, of a network on held-out photos with labelled landmarks; the layout has the network's size."""
    return float(np.mean(nme_per_photo(model, source, layout)))
