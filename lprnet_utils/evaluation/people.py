"""Do the landmarks lie where people see them? Measured on faces on which people marked points.

The faces are from the Face Research Lab London Set (DeBruine and Jones, 2017, CC BY 4.0); 12 of the 102 are bundled.
They are for teaching and measuring: no weights are trained on them. The places of the landmarks were chosen by looking
at the face model. After a look at these faces, some were moved by one or two millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.arrays import Array, Image
from ..common.assets import DatasetError, data_path, existing_folder, load_arrays, read_bundled_arrays
from ..common.images import read_image
from ..geometry.landmarks import EYES

if TYPE_CHECKING:
    from ..reconstruction.face import Face
    from ..reconstruction.lprnet import LPRNet

# Landmark: points of the set at the same place, and their weights. The lids have three points where iBUG has two.
_SAME_PLACE: dict[int, list[tuple[int, float]]] = {
    33: [(55, 1)], 36: [(18, 1)], 37: [(19, 0.62), (20, 0.38)], 38: [(20, 0.64), (21, 0.36)], 39: [(22, 1)],
    40: [(29, 0.64), (30, 0.36)], 41: [(28, 0.62), (29, 0.38)], 42: [(23, 1)], 43: [(24, 0.36), (25, 0.64)],
    44: [(25, 0.38), (26, 0.62)], 45: [(27, 1)], 46: [(32, 0.38), (33, 0.62)], 47: [(31, 0.36), (32, 0.64)],
    48: [(87, 1)], 49: [(88, 1)], 50: [(89, 1)], 51: [(90, 1)], 52: [(91, 1)], 53: [(92, 1)], 54: [(93, 1)],
    55: [(108, 1)], 56: [(107, 1)], 57: [(106, 1)], 58: [(105, 1)], 59: [(104, 1)], 61: [(95, 1)], 62: [(96, 1)],
    63: [(97, 1)], 65: [(102, 1)], 66: [(101, 1)], 67: [(100, 1)],
}  # fmt: skip
_PUPILS = [0, 1]
POINTS_FILE = "london-points.npz"
SPLITS = 10  # of the people, at random, into those who choose points and those on whom they are measured


class MarkedPeople:
    """The bundled faces with the points that people marked on them.

    Attributes
    ----------
    names : list of str
    landmarks : (n, 68, 2) array
        Pixels; NaN for a landmark that is not among the marked points (jaw, brows, bridge of the nose).
    pupils : (n, 2, 2) array
        The middles of the right and the left pupil.

    Examples
    --------
    >>> people = MarkedPeople()
    >>> people.image(0).shape, people.landmarks.shape
    ((512, 512, 3), (12, 68, 2))
    """

    def __init__(self) -> None:
        file = read_bundled_arrays("people/points.npz")
        self.folder = data_path("people/points.npz").parent
        self.names: list[str] = file["names"].tolist()
        self.landmarks, self.pupils = file["landmarks"], file["pupils"]

    def __len__(self) -> int:
        return len(self.names)

    def image(self, i: int) -> Image:
        """Photo i, (512, 512, 3) uint8 RGB."""
        return read_image(self.folder / self.names[i])


class WholeSet(MarkedPeople):
    """All 102 neutral faces: a folder of pictures, and ``london-points.npz`` beside it. DatasetError if these lack.

    ``points`` (n, 189, 2) are all that people marked.
    """

    def __init__(self, folder: str | Path):
        self.folder = existing_folder(folder)
        names, points = load_arrays(self.folder.parent / POINTS_FILE, "names", "points")
        if points.ndim != 3 or not (marked := np.isfinite(points).all((1, 2))).any():
            raise DatasetError(f"{self.folder.parent / POINTS_FILE} has no marked faces")
        self.names, points = names[marked].tolist(), points[marked]
        self.points = points
        self.pupils = points[:, _PUPILS]
        self.landmarks = np.full((len(points), 68, 2), np.nan)
        for landmark, places in _SAME_PLACE.items():
            self.landmarks[:, landmark] = sum(weight * points[:, place] for place, weight in places)


def scatter_about_people(dense: Array, points: Array, seed: int = 0) -> tuple[Array, Array]:
    """How far dense points scatter about those that people marked, wherever their mean place is.

    Half of the people choose, for each marked point, the dense point that is nearest on average, and its mean offset;
    the other half are measured; ten times. Nothing of a network is fitted by that.

    Parameters
    ----------
    dense : (n, D, 2) array
        Points of n faces, in pixels.
    points : (n, P, 2) array
        What people marked; the first two are the pupils.

    Returns
    -------
    scatter, distance : (P,) arrays
        Root mean square distance from the place that was chosen, and mean distance of that place from the marked point,
        both in % of the distance between the pupils.
    """
    unit = np.linalg.norm(points[:, 0] - points[:, 1], axis=-1)[:, None, None]
    found, marked = (np.asarray(p - points[:, :1], float) / unit for p in (dense, points))
    rng, scatter, distance = np.random.default_rng(seed), [], []
    for _ in range(SPLITS):
        order = rng.permutation(len(marked))
        choose, measure = order[: len(order) // 2], order[len(order) // 2 :]
        wanted, mean = marked[choose].mean(0), found[choose].mean(0)
        away = np.linalg.norm(wanted[:, None] - mean[None], axis=-1)
        nearest = away.argmin(1)
        miss = marked[measure] - found[measure][:, nearest] - (wanted - mean[nearest])
        scatter.append(np.sqrt((miss**2).sum(-1).mean(0)))
        distance.append(away.min(1))
    return 100 * np.mean(scatter, 0), 100 * np.mean(distance, 0)


def reconstruct_people(net: LPRNet, people: MarkedPeople) -> list[Face]:
    """The face of each photo. DatasetError if one is not found."""
    found = [net.reconstruct(people.image(i)) for i in range(len(people))]
    if missed := [name for name, faces in zip(people.names, found, strict=True) if not faces]:
        raise DatasetError(f"no face was found in {', '.join(missed)}")
    return [faces[0] for faces in found]


def offsets_from_people(faces: Sequence[Face], people: MarkedPeople) -> dict[str, Any]:
    """How far landmarks and pupils of faces (n of them) lie from the points that people marked.

    Directions are along the line through the pupils (to the right in the picture) and across it (down).

    Returns
    -------
    dict
        ``landmarks`` (68, 2): mean offset in % of the box (square root of its area), NaN without a marked point.
        ``scatter`` (68,): root mean square of what is left without that mean, in % of the distance of the pupils.
        ``pupils`` (2,): mean offset of the map's pupils, of both eyes, in % of their distance. ``eyes`` and ``people's
        eyes`` (2,): the middle of the twelve points of the lids, from the pupils, for the faces and as people marked
        them.
    """
    found = np.array([face.landmarks[:, :2] for face in faces], float)
    pupils = np.array([face.layout.pupils(face.position_map)[:, :2] for face in faces], float)
    box = np.sqrt(np.prod(np.ptp(found, axis=1), axis=1))
    between = people.pupils[:, 1] - people.pupils[:, 0]
    distance = np.linalg.norm(between, axis=1)
    right = between / distance[:, None]
    axes = np.stack([right, right[:, ::-1] * [-1, 1]], 1)  # (n, 2, 2): to the right, down

    def off(points: Array, marked: Array, unit: Array) -> Array:
        return 100 * np.einsum("n...k,njk->n...j", points - marked, axes) / unit.reshape(-1, *[1] * (points.ndim - 1))

    middle = people.pupils.mean(1)
    scatter = off(found, people.landmarks, distance)
    return {
        "landmarks": off(found, people.landmarks, box).mean(0),
        "scatter": np.sqrt(((scatter - scatter.mean(0)) ** 2).sum(-1).mean(0)),
        "pupils": off(pupils, people.pupils, distance).mean((0, 1)),
        "eyes": off(found[:, EYES].mean(1), middle, distance).mean(0),
        "people's eyes": off(people.landmarks[:, EYES].mean(1), middle, distance).mean(0),
    }
