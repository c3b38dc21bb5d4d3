"""Find faces in two stages, and estimate the box of their 68 landmarks.

The coarse stage runs BlazeFace on the whole photo or on tiles of it and yields candidates. The fine stage runs the
small BlazeFace network on a crop around each candidate. It rejects false alarms, and it measures how far the face is
turned and where its box is: the coarse stage is too inaccurate for small faces, and it does not notice when a face is
upside down.

If no face is found, a last pass looks for one that the photo's edge cuts. Both stages then see grey beyond the edge.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..common.arrays import Array, Image
from ..common.assets import read_asset
from ..common.images import read_image
from ..geometry.crop import invert_similarity, transform_points, view_matrix
from ..geometry.landmarks import overlap
from .blazeface import SAME_FACE_IOU, BlazeFace, roll_from_keypoints

MIN_COARSE_SCORE = 0.3  # of a candidate: small faces score low in the coarse stage and high in the fine stage
TRACKED_COARSE_SCORE = 0.7  # stands in for the coarse score of a face that the previous frame showed
MIN_SCORE = 0.58  # mean score of the two stages
MIN_TURNED_SCORE = 0.65  # the same for a face turned by over 45 degrees: rare, and many textures look like one
MIN_CUT_SCORE = 0.54  # the same for a face that the photo's edge cuts: less of it is there to see
MAX_CUT_ROLL = 30.0  # degrees: what is turned further at the edge is seldom a face
MIN_CUT = 0.1, 0.05  # of a side: so far a cut face's candidate box, and its landmarks' box, reach beyond the photo
CUT_VIEW_SCALE = 1.5  # side of the coarse stage's view for cut faces in longer sides of the photo
SURELY_UPRIGHT_SCORE = 0.75  # a face that scores this much in an upright crop needs no other crops
MAX_UPRIGHT_ROLL = 10.0  # degrees: a smaller roll is not corrected
FINE_CROP_SCALE = 2.5  # side of the fine stage's crop in sides of the candidate's box
SMALL_FACE_SHARE = 0.12  # of the photo's longer side: if no face is larger, tiles may show still smaller ones
MIN_TILE_SIDE = 384  # pixels
TILE_OVERLAP = 0.3  # share of a tile's side that the next tile covers too


@dataclass(frozen=True)
class Detection:
    """A face in a photo.

    If the face is turned, ``box`` is its box after turning it upright about the box's centre, so that
    ``crop_matrix(box, angle=angle)`` shows it upright. The keypoints are left eye, right eye, nose tip, mouth, left ear
    and right ear; left and right are those of the image if the face is upright.
    """

    box: Array  # (x0, y0, x1, y1): the estimated box of the 68 landmarks in pixels; it may reach beyond the photo
    score: float  # the mean score of the two stages: 0.58 to 1, or from 0.54 if the photo's edge cuts the face
    keypoints: Array  # (6, 2) in pixels of the photo
    angle: float  # clockwise roll of the face in the photo in degrees, -180 to 180; 0 if it is less than 10


class Candidate(NamedTuple):
    """A box that the coarse stage found, in pixels of the photo."""

    score: float
    centre: Array  # (2,)
    side: float


class FaceDetector:
    """Finds faces in a photo, with the box for the network's crop.

    Parameters
    ----------
    model : {"back", "short"}
        The network of the coarse stage: ``back`` for photos, ``short``, smaller and faster, for a face near
        the camera.
    threads : int

    Raises
    ------
    ValueError, AssetError
        If ``model`` is another name; if a bundled file is missing, truncated or altered.

    Examples
    --------
    >>> from lprnet_utils.common import data_path
    >>> (face,) = FaceDetector().detect(data_path("samples/astronaut.jpg"))
    >>> face.box.round().tolist(), face.angle
    ([178.0, 87.0, 270.0, 175.0], 0.0)
    """

    def __init__(self, model: str = "back", threads: int = 1):
        self._coarse = BlazeFace(model, threads)
        self._fine = self._coarse if model == "short" else BlazeFace("short", threads)
        self._box_map = np.array(json.loads(read_asset("detection/boxes.json"))["map"])

    def detect(self, image: Any, small: bool = False) -> list[Detection]:
        """Find the faces in a photo that are at least a twentieth of its height: a list, largest first.

        Parameters
        ----------
        image : path, bytes, PIL image or array
            See :func:`lprnet_utils.common.read_image`; ImageError if it is not an image.
        small : bool
            Search tiles of the photo for smaller faces too, down to about 20 pixels, such as a crowd in a stadium.
            A large photo takes a second.
        """
        image = read_image(image)
        found: list[Detection] = []
        seen: list[list[Candidate]] = []
        for candidates in coarse_passes(self._coarse, image):
            self._add_confirmed(found, image, candidates)
            if found:
                break
            seen.append(candidates)
        else:
            found = self._find_cut_faces(image, [*seen[0], *seen[1]])  # of the two upright passes
        # people who are upside down in the photo are seldom alone, and an upright pass finds only some of them
        for quarter_turn in {90 * round(f.angle / 90) % 360 for f in found} - {0}:
            self._add_confirmed(found, image, detect_in_photo(self._coarse, image, quarter_turn))
        side = max(image.shape[:2]) / 2
        while small and side >= MIN_TILE_SIDE:
            self._add_confirmed(found, image, detect_in_tiles(self._coarse, image, side))
            side /= 2
        return sorted(found, key=lambda f: -(f.box[2:] - f.box[:2]).prod())

    def redetect(self, image: Image, box: Array) -> Detection | None:
        """The face near its box (4,) in the previous frame, or None; uses the fine stage alone: a sixth of the cost."""
        box = np.asarray(box, float)
        candidate = Candidate(TRACKED_COARSE_SCORE, (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).mean()))
        return self._confirm(image, candidate)

    def _add_confirmed(self, found: list[Detection], image: Image, candidates: Iterable[Candidate]) -> None:
        """Extend ``found`` by the candidates that the fine stage confirms and that are not in it yet."""
        for candidate in sorted(candidates, key=lambda c: -c.side):
            boxes = np.reshape([f.box for f in found], (-1, 4))
            half = candidate.side / 2
            if (overlap(boxes, np.r_[candidate.centre - half, candidate.centre + half]) > 2 * SAME_FACE_IOU).any():
                continue  # a face that is already found: skip the fine stage
            face = self._confirm(image, candidate)
            if face and not (overlap(boxes, face.box) > SAME_FACE_IOU).any():
                found.append(face)

    def _find_cut_faces(self, image: Image, candidates: list[Candidate]) -> list[Detection]:
        """The upright faces that the photo's edge cuts, from candidates of other passes and of a wider view."""
        wider = detect_in_photo(self._coarse.framed(), image, scale=CUT_VIEW_SCALE)
        cut = [c for c in [*candidates, *wider] if share_beyond(image, c.centre, c.side) >= MIN_CUT[0]]
        confirmed = [face for c in cut if (face := self._confirm(image, c, cut=True))]
        found: list[Detection] = []
        for face in sorted(confirmed, key=lambda f: -f.score):
            boxes = np.reshape([f.box for f in found], (-1, 4))
            if not (overlap(boxes, face.box) > SAME_FACE_IOU).any():
                found.append(face)
        return found

    def _confirm(self, image: Image, candidate: Candidate, cut: bool = False) -> Detection | None:
        net = self._fine.framed() if cut else self._fine
        fine = refine_candidate(net, image, candidate.centre, candidate.side)
        if fine is None:
            return None
        score = (candidate.score + fine.score) / 2
        min_score = MIN_CUT_SCORE if cut else MIN_SCORE if abs(fine.angle) <= 45 else MIN_TURNED_SCORE
        if score < min_score or (cut and abs(fine.angle) > MAX_CUT_ROLL):
            return None
        features, centre, side = box_regression_features(fine.points)
        box = (features @ self._box_map * side).reshape(2, 2) + centre
        middle = crop_to_photo(fine.matrix, box.mean(0))
        half = (box[1] - box[0]) / 2 / math.hypot(*fine.matrix[0, :2])
        if not (half > 0).all():  # the keypoints are not those of a face
            return None
        if cut and share_beyond(image, middle, 2 * half) < MIN_CUT[1]:
            return None
        keypoints = crop_to_photo(fine.matrix, fine.points[2:])
        return Detection(np.r_[middle - half, middle + half], score, keypoints, fine.angle)


def crop_to_photo(matrix: Array, points: Array) -> Array:
    """Points of a crop in pixels of the photo; the matrix (2, 3) maps the photo to the crop."""
    return transform_points(invert_similarity(matrix), points)


def wrap_degrees(angle: float) -> float:
    """The same angle in -180 to 180 degrees."""
    return (angle + 180) % 360 - 180


def box_regression_features(points: Array) -> tuple[Array, Array, float]:
    """Features (13,) for the landmarks' box, and centre (2,) and side of the detector's box, from its points (8, 2).

    The features are 1 and the keypoints relative to the box's centre in units of its side.
    """
    centre, side = points[:2].mean(0), float((points[1] - points[0]).mean())
    return np.r_[1.0, ((points[2:] - centre) / side).ravel()], centre, side


# ---- coarse stage


def coarse_passes(net: BlazeFace, image: Image) -> Iterator[list[Candidate]]:
    """Candidates of the coarse stage, one list per pass; the caller stops after the first pass with a face."""
    height, width = image.shape[:2]
    extent = max(width, height)
    found = detect_in_photo(net, image)
    # An oblong photo is reduced more than its shorter side needs. If its faces are small, search square tiles too.
    has_large_face = any(candidate.side > SMALL_FACE_SHARE * extent for candidate in found)
    if not has_large_face and extent > 1.2 * min(width, height) >= net.size:
        found += detect_in_tiles(net, image, min(width, height))
    yield found
    # At half the size, for a face that fills the photo; then turned.
    for angle, scale in ((0, 2), (90, 1), (-90, 1), (180, 1)):
        yield detect_in_photo(net, image, angle, scale)


def detect_in_photo(net: BlazeFace, image: Image, angle: float = 0.0, scale: float = 1.0) -> list[Candidate]:
    """Candidates in the whole photo, turned back by an angle, in a square of ``scale`` times its longer side."""
    height, width = image.shape[:2]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return _detect_in_square(net, image, middle, scale * max(width, height), angle)


def detect_in_tiles(net: BlazeFace, image: Image, side: float) -> list[Candidate]:
    """Candidates in overlapping square tiles of a side that cover the photo."""
    starts = []
    for length in image.shape[1::-1]:
        count = max(math.ceil((length - TILE_OVERLAP * side) / ((1 - TILE_OVERLAP) * side) - 1e-6), 1)
        starts.append(np.linspace(0, length - side, count) if count > 1 else [(length - side) / 2])
    corners = [np.array([x, y]) for y in starts[1] for x in starts[0]]
    return [found for corner in corners for found in _detect_in_square(net, image, corner + (side - 1) / 2, side)]


def share_beyond(image: Image, centre: Array, size: Array | float) -> float:
    """How far a box reaches beyond the photo, in shares of its mean side: negative if it lies within."""
    last = np.array(image.shape[1::-1]) - 1
    half = np.asarray(size) / 2
    return float(max((half - centre).max(), (centre + half - last).max()) / (2 * half.mean()))


def _detect_in_square(net: BlazeFace, image: Image, middle: Array, side: float, angle: float = 0.0) -> list[Candidate]:
    matrix = view_matrix(middle, side, net.size, angle)
    return [
        Candidate(score, crop_to_photo(matrix, points[:2].mean(0)), (points[1] - points[0]).mean() * side / net.size)
        for score, points in net.detect(image, matrix, MIN_COARSE_SCORE)
    ]


# ---- fine stage


@dataclass(frozen=True)
class CropDetection:
    """A face in a crop that turns the photo back by ``angle``."""

    score: float
    points: Array  # (8, 2): corners of the box, and keypoints, in the crop
    matrix: Array  # (2, 3): from the photo to the crop
    angle: float

    @property
    def roll(self) -> float:
        """Clockwise roll of the face in the photo in degrees, measured in this crop."""
        return wrap_degrees(self.angle + roll_from_keypoints(self.points[2:]))


def refine_candidate(net: BlazeFace, image: Image, centre: Array, side: float) -> CropDetection | None:
    """The face at a candidate's box, in a crop that shows it upright; None if the crops show no face."""
    upright = _detect_in_crop(net, image, centre, side, 0.0)
    if upright and upright.score >= SURELY_UPRIGHT_SCORE and abs(upright.roll) < 30:
        best = upright
    else:
        # The network finds a face at any angle, but its keypoints are right only if the crop turns the face to within
        # about 75 degrees of upright. The nearest crop scores highest; close scores favour an upright face.
        others = (_detect_in_crop(net, image, centre, side, a) for a in (45, 90, 135, 180, -135, -90, -45))
        found = [f for f in (upright, *others) if f]
        if not found:
            return None
        best = max(found, key=_plausibility)
    angle = best.roll if abs(best.roll) > MAX_UPRIGHT_ROLL else 0.0
    if angle == 0 and upright:
        return upright
    # if the face is lost at the exact angle, try again around the box of the best crop
    best_centre = crop_to_photo(best.matrix, best.points[:2].mean(0))
    return (
        _detect_in_crop(net, image, centre, side, angle)
        or _detect_in_crop(net, image, best_centre, side, angle)
        or best
    )


def _plausibility(found: CropDetection) -> float:
    """The score, a little higher for an upright face; keypoints far from upright in the crop cost 1."""
    consistent = abs(wrap_degrees(found.roll - found.angle)) < 50
    return found.score + 0.1 * math.exp(-((found.roll / 40) ** 2) / 2) - (0 if consistent else 1)


def _detect_in_crop(net: BlazeFace, image: Image, centre: Array, side: float, angle: float) -> CropDetection | None:
    """The best face near the middle of a crop around a box; faces beside it do not count."""
    matrix = view_matrix(centre, FINE_CROP_SCALE * side, net.size, angle)
    middle, max_distance = (net.size - 1) / 2, net.size / FINE_CROP_SCALE / 2
    for score, points in net.detect(image, matrix):
        if np.abs(points[:2].mean(0) - middle).max() < max_distance:
            return CropDetection(score, points, matrix, angle)
    return None
