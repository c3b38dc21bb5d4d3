"""Find faces: BlazeFace, run by LiteRT, and the box of the 68 landmarks that its answer stands for.

BlazeFace (Bazarevsky et al., 2019, arXiv 1907.05047) is MediaPipe's detector. Its graphs,
``face_detection_back_desktop_live.pbtxt`` and ``face_detection_short_range_common.pbtxt``, give the anchors,
the decoding and the suppression that :class:`BlazeFace` follows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.arrays import Array, Image
from ..common.assets import read_asset
from ..common.images import read_image
from ..common.litert import LiteRTModel
from ..geometry.crop import invert_similarity, transform_points, view_matrix, warp_image
from ..geometry.landmarks import overlap

KEYPOINTS = ("left eye", "right eye", "nose tip", "mouth", "left ear", "right ear")  # image left and right
MIRROR = np.array([1, 0, 2, 3, 5, 4])  # the mirror counterpart of each keypoint
CANDIDATE = 0.3  # least score at the first look: small faces score low there, and high from close by
LEAST = 0.58  # least mean score of the two looks at a face
LEAST_TURNED = 0.65  # the same for a face turned by over 45 degrees: they are rare, and many textures look like one
SURE = 0.75  # a face that scores this much and seems upright is upright
UPRIGHT = 10.0  # degrees: a face that is turned by less is left as it is
NOSE = 0.58  # fitted by scripts/calibration/fit_detector_boxes.py to the head poses of training photos
LAST_SCORE = 0.7  # what a face that is followed scores at its first look: it was there in the last frame
CLOSE_UP = 2.5  # side of the second look in sides of the box found by the first
OVERLAP = 0.3  # two boxes that share more of their union are one face
CROWD = 0.12  # of the photo's longer side: where no face is larger, there may be some that are still smaller
TILE, LAP = 384, 0.3  # pixels of the smallest tiles; the share of its side by which a tile lies over the next one


class UnknownDetectorError(ValueError):
    """There is no detector of this name."""


@dataclass(frozen=True)
class Detection:
    """A face in a photo.

    Attributes
    ----------
    box : (4,) float64
        (x0, y0, x1, y1) in pixels of the photo: the estimated box of the 68 landmarks. Of a turned face it is
        the box that the face would have if it were turned upright about the box's centre, so that
        ``crop_matrix(box, angle=angle)`` shows it upright.
    score : float
        0 to 1, how sure the detector is: the mean of its two looks, at least 0.58.
    keypoints : (6, 2) float64
        Eyes, nose tip, mouth and ears in pixels of the photo: see ``KEYPOINTS``. Left and right are those of
        the image if the face is upright.
    angle : float
        Degrees by which the face is turned clockwise in the photo, -180 to 180; 0 for a face that is turned
        by less than 10.
    """

    box: Array
    score: float
    keypoints: Array
    angle: float


def anchors(size: int, strides: tuple[int, ...]) -> Array:
    """Centres (n, 2) of BlazeFace's anchors in input pixels, the input spanning 0 to ``size``.

    Layers of the same stride share one grid, each giving two anchors a cell; all anchors have the same size.
    """
    grids = []
    for stride in dict.fromkeys(strides):
        centres = (np.arange(size // stride) + 0.5) * stride
        grid = np.stack(np.meshgrid(centres, centres), -1).reshape(-1, 2)
        grids.append(np.repeat(grid, 2 * strides.count(stride), 0))
    return np.concatenate(grids)


def suppress(points: Array, scores: Array) -> list[tuple[float, Array]]:
    """Average boxes that overlap, weighted by their scores: a list of (score, points (8, 2)), best first.

    The points (n, 8, 2) are upper left and lower right corner of the box and six keypoints; the score of an average
    is the highest that went into it.
    """
    order = np.argsort(-scores, kind="stable")
    points, scores = points[order], scores[order]
    found = []
    while len(scores):
        same = overlap(points[:, :2].reshape(-1, 4), points[0, :2].ravel()) > OVERLAP
        same[0] = True
        found.append((float(scores[0]), np.average(points[same], axis=0, weights=scores[same])))
        points, scores = points[~same], scores[~same]
    return found


class BlazeFace:
    """One BlazeFace network: what it sees in one view of a photo.

    Not for use by several threads at once: make one each.

    Parameters
    ----------
    model : {"back", "short"}
        ``back``: 256 pixels, for photos; faces down to a twentieth of the picture. ``short``: 128 pixels, six
        times as fast, for a face near the camera.
    threads : int
        Threads of the interpreter.
    """

    MODELS = {"back": (256, (16, 32, 32, 32)), "short": (128, (8, 16, 16, 16))}

    def __init__(self, model: str = "back", threads: int = 1):
        if model not in self.MODELS:
            raise UnknownDetectorError(f"no face detector {model!r}; there are {', '.join(self.MODELS)}")
        self.size, strides = self.MODELS[model]
        self._anchors = anchors(self.size, strides)
        name = f"detection/blazeface_{model}.tflite"
        self._network = LiteRTModel(read_asset(name), name, threads)

    def look(self, image: Image, matrix: Array, least: float = 0.5) -> list[tuple[float, Array]]:
        """Faces in one view of a photo.

        Parameters
        ----------
        image : (H, W, 3) uint8
        matrix : (2, 3) array
            The view: a similarity from pixels of the photo to those of the network's input.
        least : float
            Least score.

        Returns
        -------
        list of (score, points (8, 2)), best first
            Corners of the box and keypoints, in pixels of the **view**.
        """
        view = warp_image(image, matrix, self.size)
        answers = self._network(view.astype(np.float32) / 127.5 - 1)
        raw, logits = (next(answer for answer in answers if answer.shape[-1] == last) for last in (16, 1))
        logits = logits[:, 0].astype(float)
        scores = 1 / (1 + np.exp(-np.clip(logits, -100, 100)))
        good = (scores >= least) & (raw[:, 2:4] > 0).all(1)
        raw, scores = raw[good].astype(float), scores[good]
        # Offsets from the anchor: centre, width and height, six keypoints. Half a pixel: the network counts
        # from the edge of the first pixel, we count from its centre.
        half = raw[:, None, 2:4] / 2
        points = raw.reshape(-1, 8, 2)[:, [0, 0, 2, 3, 4, 5, 6, 7]] + self._anchors[good, None] - 0.5
        points[:, :2] += np.concatenate([-half, half], 1)
        return suppress(points, scores)


def to_photo(matrix: Array, points: Array) -> Array:
    """Points of a view in pixels of the photo."""
    return transform_points(invert_similarity(matrix), points)


def roll(keypoints: Array) -> float:
    """Degrees by which a head is turned clockwise in the picture plane.

    From the eyes' middle to the mouth is downwards for a frontal face only: in profile, where the mouth is
    in front of the eyes, it leans by 14 degrees. The nose tells by how much.
    """
    eyes = keypoints[:2].mean(0)
    down = keypoints[3] - eyes - NOSE * (keypoints[2] - eyes)
    return math.degrees(math.atan2(-down[0], down[1]))


def wrap(angle: float) -> float:
    """The same angle in -180 to 180 degrees."""
    return (angle + 180) % 360 - 180


def box_features(points: Array) -> tuple[Array, Array, float]:
    """What the map to the box of the landmarks is linear in, with centre and side of the detector's box.

    The features (13,) are 1 and the keypoints, counted from the box's centre in units of its side; ``points`` (8, 2)
    are its corners and the keypoints.
    """
    centre, side = points[:2].mean(0), float((points[1] - points[0]).mean())
    return np.r_[1.0, ((points[2:] - centre) / side).ravel()], centre, side


class FaceDetector:
    """Faces in a photo, with the box that the network's crop is made from.

    A first look at the whole photo finds the faces. A second from close by, always by the small network,
    tells how far each is turned and where its landmarks' box is: the first look is too coarse for small
    faces, and it sees a face that is upside down without noticing.

    Parameters
    ----------
    model : {"back", "short"}
        The network of the first look, see :class:`BlazeFace`.
    threads : int
        Threads of the interpreter.

    Raises
    ------
    UnknownDetectorError
        For another name.
    AssetError
        If a bundled file is missing, truncated or altered.
    """

    def __init__(self, model: str = "back", threads: int = 1):
        self._far = BlazeFace(model, threads)
        self._near = self._far if model == "short" else BlazeFace("short", threads)
        self._box_map = np.array(json.loads(read_asset("detection/boxes.json"))["map"])

    def detect(self, image: Any, small: bool = False) -> list[Detection]:
        """Find the faces in a photo: those from a twentieth of its height up.

        Parameters
        ----------
        image : path, bytes, PIL image or array
            See :func:`lprnet_utils.common.read_image`.
        small : bool
            Look for smaller ones too, down to some 20 pixels, by going over the photo in tiles: a crowd in a stadium.
            A large photo takes a second.

        Returns
        -------
        list of Detection
            Largest first; empty where no face is found.

        Raises
        ------
        ImageError
            If it is not an image.
        """
        image = read_image(image)
        found: list[Detection] = []
        for candidates in search(self._far, image):
            self._add(found, image, candidates)
            if found:
                break
        # who hangs upside down in the picture is seldom alone, and an upright look sees only some
        for quarter in {90 * round(f.angle / 90) % 360 for f in found} - {0}:
            self._add(found, image, look_at_all(self._far, image, quarter))
        side = max(image.shape[:2]) / 2
        while small and side >= TILE:
            self._add(found, image, look_at_squares(self._far, image, side))
            side /= 2
        return sorted(found, key=lambda f: -(f.box[2:] - f.box[:2]).prod())

    def _add(self, found: list[Detection], image: Image, candidates: list[tuple[float, Array, float]]) -> None:
        """Those of the candidates that are faces from close by too, and none of ``found``, to it."""
        for score, centre, side in sorted(candidates, key=lambda c: -c[2]):
            boxes = np.reshape([f.box for f in found], (-1, 4))
            if (overlap(boxes, np.r_[centre - side / 2, centre + side / 2]) > 2 * OVERLAP).any():
                continue  # seen before, in another view: not worth the second look
            face = self._face(image, score, centre, side)
            if face and not (overlap(boxes, face.box) > OVERLAP).any():
                found.append(face)

    def look_again(self, image: Image, box: Array) -> Detection | None:
        """A face that was at a box (4,) of its landmarks a moment ago, if it is still there: a sixth of the cost."""
        box = np.asarray(box, float)
        return self._face(image, LAST_SCORE, (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).mean()))

    def _face(self, image: Image, score: float, centre: Array, side: float) -> Detection | None:
        view = look_closely(self._near, image, centre, side)
        if view is None:
            return None
        score = (score + view.score) / 2
        if score < (LEAST if abs(view.angle) <= 45 else LEAST_TURNED):
            return None
        features, centre, side = box_features(view.points)
        box = (features @ self._box_map * side).reshape(2, 2) + centre
        middle = to_photo(view.matrix, box.mean(0))
        half = (box[1] - box[0]) / 2 / math.hypot(*view.matrix[0, :2])
        if not (half > 0).all():  # keypoints that are no face's
            return None
        return Detection(
            box=np.r_[middle - half, middle + half],
            score=score,
            keypoints=to_photo(view.matrix, view.points[2:]),
            angle=view.angle,
        )


def search(net: BlazeFace, image: Image) -> Iterator[list[tuple[float, Array, float]]]:
    """Candidates in a photo as (score, centre, side), one list a way of looking, until the caller is content."""
    height, width = image.shape[:2]
    extent = max(width, height)
    found = look_at_all(net, image)
    # an oblong photo shrinks more than its height asks for: one of small faces is looked at by squares as well
    if not any(side > CROWD * extent for _, _, side in found) and extent > 1.2 * min(width, height) >= net.size:
        found += look_at_squares(net, image, min(width, height))
    yield found
    # From further away, for a face that fills the photo; turned.
    for angle, factor in ((0, 2), (90, 1), (-90, 1), (180, 1)):
        yield look_at_all(net, image, angle, factor)


def look_at_all(net: BlazeFace, image: Image, angle: float = 0.0, factor: float = 1.0) -> list:
    """Candidates in the whole photo, turned back by an angle, in a square so many times as large as its longer side."""
    height, width = image.shape[:2]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return _look_at_square(net, image, middle, factor * max(width, height), angle)


def look_at_squares(net: BlazeFace, image: Image, side: float) -> list[tuple[float, Array, float]]:
    """Candidates in all the squares of a side that cover a photo, each lying a little over the next."""
    starts = []
    for length in image.shape[1::-1]:
        count = max(math.ceil((length - LAP * side) / ((1 - LAP) * side) - 1e-6), 1)
        starts.append(np.linspace(0, length - side, count) if count > 1 else [(length - side) / 2])
    corners = [np.array([x, y]) for y in starts[1] for x in starts[0]]
    return [found for corner in corners for found in _look_at_square(net, image, corner + (side - 1) / 2, side)]


def _look_at_square(
    net: BlazeFace, image: Image, middle: Array, side: float, angle: float = 0.0
) -> list[tuple[float, Array, float]]:
    """Candidates in one square, turned back by an angle, as (score, centre, side) in pixels of the photo."""
    matrix = view_matrix(middle, side, net.size, angle)
    return [
        (score, to_photo(matrix, points[:2].mean(0)), (points[1] - points[0]).mean() * side / net.size)
        for score, points in net.look(image, matrix, CANDIDATE)
    ]


@dataclass(frozen=True)
class View:
    """A face seen from close by: box and keypoints (8, 2) in a view of the photo turned back by an angle."""

    score: float
    points: Array
    matrix: Array
    angle: float

    @property
    def turn(self) -> float:
        """Degrees by which the face is turned clockwise in the photo, as far as this view can tell."""
        return wrap(self.angle + roll(self.points[2:]))


def look_closely(net: BlazeFace, image: Image, centre: Array, side: float) -> View | None:
    """The best close view of a face found at a first look, turned upright if it has to be.

    ``centre`` (2,) and ``side`` are those of the detector's box, in pixels of the photo. None if from close by there
    is no face.
    """
    upright = _close_look(net, image, centre, side, 0.0)
    if upright and upright.score >= SURE and abs(upright.turn) < 30:
        best = upright
    else:
        # A face is seen at any angle, but its keypoints are right only in views less than about 75 degrees
        # off. The nearest view scores highest; an upright face has the benefit of the doubt.
        others = (_close_look(net, image, centre, side, a) for a in (45, 90, 135, 180, -135, -90, -45))
        views = [v for v in (upright, *others) if v]
        if not views:
            return None
        best = max(views, key=_plausibility)
    angle = best.turn if abs(best.turn) > UPRIGHT else 0.0
    if angle == 0 and upright:
        return upright
    # once more around where this view sees the face, which is better than where the first look saw it
    own = to_photo(best.matrix, best.points[:2].mean(0))
    return _close_look(net, image, centre, side, angle) or _close_look(net, image, own, side, angle) or best


def _plausibility(view: View) -> float:
    consistent = abs(wrap(view.turn - view.angle)) < 50
    return view.score + 0.1 * math.exp(-((view.turn / 40) ** 2) / 2) - (0 if consistent else 1)


def _close_look(net: BlazeFace, image: Image, centre: Array, side: float, angle: float) -> View | None:
    matrix = view_matrix(centre, CLOSE_UP * side, net.size, angle)
    middle, reach = (net.size - 1) / 2, net.size / CLOSE_UP / 2
    for score, points in net.look(image, matrix):
        if np.abs(points[:2].mean(0) - middle).max() < reach:  # not the face beside it
            return View(score, points, matrix, angle)
    return None
