"""Does a network see who somebody is? Its faces are compared with nobody's: the mean face with the same expression.

Most of the error of a position map is place, size and pose. After alignment, a face of the right expression and no
identity at all comes close to the truth already. A network that recovers the person must be nearer.
"""

from typing import Any

import numpy as np

from ..common.arrays import Array
from ..geometry.camera import similarity_alignment

MODES = 10  # of the identity, the first ones, whose correlation is measured


def aligned_error(points: Array, true: Array) -> float:
    """Mean distance of points (n, 3) to the true ones (n, 3) after the best similarity, in the unit of these."""
    scale, rotation, shift = similarity_alignment(points, true)
    return float(np.linalg.norm(scale * points @ rotation.T + shift - true, axis=1).mean())


def summarise_identity(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over photos, ``map`` and ``nobody`` in mm and ``correlation``, of what ``Population.measure`` found.

    ``correlation`` is that of the first ten identity modes with the truth, over the photos, and the mean of these. The
    identities are those that the face model's fit finds in the map and in the true map.
    """
    found, true = (np.array([row[name] for row in rows], float) for name in ("identity", "true identity"))
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(found.T, true.T, strict=True)]
    errors = {name: float(np.mean([row[name] for row in rows])) for name in ("map", "nobody")}
    return errors | {"correlation": float(np.mean(correlations)), "photos": len(rows)}
