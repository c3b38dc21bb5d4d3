"""Synthetic photos with exact position maps to evaluate on. They ship with the package and are never trained on.

``makehuman``: people of the face model that the training photos come from, with another seed. ``ict``: shapes of real
people, scanned for ICT-FaceKit, with the same heads, light and backgrounds. The weights ``open`` and ``wild`` were
trained on other mixtures of these shapes, ``published`` on none of them.
"""

import json
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.assets import AssetError, read_bundled_arrays
from ..datasets.shards import Sample, pack
from ..geometry.crop import resize_square
from ..morphable_model.fitting import Fits
from ..morphable_model.model import MorphableModel
from ..uv.layout import UVLayout
from .faces import SyntheticFaces
from .scans import ScannedHead, ScannedPeople

HELD_OUT_FILES = {"makehuman": "heldout/makehuman.npz", "ict": "heldout/ict.npz"}
STORED_SIZE = 128  # side of the bundled photos
HELD_OUT_SEED, TRAINING_SEED = 77, 0  # of the bundled sets, and of what the recipes train on


class ScannedFaces(SyntheticFaces):
    """Synthetic photos of ICT-FaceKit's people; their coefficients are those of ``MorphableModel.load("ict")``."""

    def __init__(self, seed: int = HELD_OUT_SEED, size: int = 128):
        head = ScannedHead()
        super().__init__(seed, size, head, ScannedPeople(head.model, head.scanned))


def pack_held_out(samples: Iterable[Sample]) -> dict[str, NDArray]:
    """Arrays of a bundled set: those of :func:`lprnet_utils.datasets.pack`, and the labels as JSON."""
    samples = list(samples)
    labels = [{k: round(v, 3) if isinstance(v, float) else v for k, v in s.labels.items()} for s in samples]
    return pack(samples) | {"labels": np.array(json.dumps(labels).encode())}


def held_out_faces(kind: str = "makehuman", size: int = 128) -> list[Sample]:
    """The bundled photos of one kind, with exact position maps and labels.

    Parameters
    ----------
    kind : {"makehuman", "ict"}
    size : int
        Side of photos and maps; the files hold photos of 128 x 128 pixels, which are resized.

    Raises
    ------
    ValueError
        If there is no such kind.
    AssetError
        If the file is missing, truncated or altered.
    """
    if kind not in HELD_OUT_FILES:
        raise ValueError(f"no bundled faces {kind!r}; there are {', '.join(HELD_OUT_FILES)}")
    file, layout = read_bundled_arrays(HELD_OUT_FILES[kind]), UVLayout(size)
    fits = Fits(*(file[name] for name in ("coefficients", "rotation", "scale", "translation")))
    if size != STORED_SIZE:
        fits = fits.resized(size / STORED_SIZE)
    maps = fits.evaluate(*layout.position_basis(MorphableModel.load(kind))).reshape(-1, layout.size, layout.size, 3)
    layout.centre_depth(maps)
    offset, labels = file["offset"], json.loads(bytes(file["labels"].item()))
    samples = []
    for k, position_map in enumerate(maps):
        picture = cv2.imdecode(file["data"][offset[k] : offset[k + 1]], cv2.IMREAD_COLOR)
        if picture is None:
            raise AssetError(f"photo {k} of {HELD_OUT_FILES[kind]} is not a readable JPEG")
        picture = resize_square(picture[..., ::-1], size)
        samples.append(Sample(picture, position_map, fits.coefficients[k], fits.camera(k), labels[k]))
    return samples
