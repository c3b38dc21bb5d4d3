"""The skin of a whole head as a morphable model: the bundled face, and skull, ears and neck that follow it."""

from functools import lru_cache

import numpy as np

from ..common.assets import read_bundled_arrays, read_sparse
from .model import MorphableModel, transform_basis


@lru_cache(maxsize=1)
def load_whole_head() -> MorphableModel:
    """MakeHuman's head with the identity and expression of the bundled face model, read once: do not write into it.

    Its vertices are those of the face model, then those of skull, ears, neck and the inside of the mouth
    (``data/avatar.npz``), welded along the border of the face; its triangles are those of the face with the membrane.
    """
    face, file = MorphableModel.load(), read_bundled_arrays("avatar.npz")
    coarse, around = read_bundled_arrays("face_model.npz"), read_bundled_arrays("head.npz")
    mean = np.concatenate([coarse["mean"], around["mean"], file["extra_mean"]]).astype(np.float32)
    rows = read_sparse(file, "matrix", len(mean))
    directions = np.concatenate([coarse["identity"], coarse["expression"]])
    directions = np.concatenate([directions, around["basis"], file["extra_basis"]], 1).astype(np.float32)
    beyond = transform_basis(rows, directions)
    count = len(face.identity)
    return MorphableModel(
        mean=np.concatenate([face.mean, rows @ mean]).astype(np.float32),
        identity=np.concatenate([face.identity, beyond[:count]], 1),
        expression=np.concatenate([face.expression, beyond[count:]], 1),
        expression_names=face.expression_names,
        triangles=face.triangles,
        membrane=face.membrane,
    )
