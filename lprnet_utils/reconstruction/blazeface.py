"""The BlazeFace network: anchors, decoding, suppression, and the roll of a head from its keypoints.

BlazeFace (Bazarevsky et al., 2019, arXiv 1907.05047) is MediaPipe's face detector. MediaPipe's graphs
``face_detection_back_desktop_live.pbtxt`` and ``face_detection_short_range_common.pbtxt`` define the anchors, the
decoding and the suppression.
"""

import copy
import math

import numpy as np

from ..common.arrays import Array, Image
from ..common.assets import read_asset
from ..common.litert import LiteRTModel
from ..geometry.crop import invert_similarity, warp_levels
from ..geometry.landmarks import overlap

# The six keypoints are left eye, right eye, nose tip, mouth, left ear, right ear (left and right in the image).
MIRRORED_KEYPOINTS = np.array([1, 0, 2, 3, 5, 4])  # the mirror counterpart of each keypoint
SAME_FACE_IOU = 0.3  # boxes with a higher intersection over union belong to one face
GREY = 127  # about the 0 of the network's input, -1 to 1
NOSE_WEIGHT = 0.58  # fitted by scripts/calibration/fit_detector_boxes.py to the head poses of training photos


def anchors(size: int, strides: tuple[int, ...]) -> Array:
    """Centres (n, 2) of BlazeFace's anchors in input pixels; the input spans 0 to ``size``.

    Layers of the same stride share one grid and add two anchors per cell each. All anchors have the same size.
    """
    grids = []
    for stride in dict.fromkeys(strides):
        centres = (np.arange(size // stride) + 0.5) * stride
        grid = np.stack(np.meshgrid(centres, centres), -1).reshape(-1, 2)
        grids.append(np.repeat(grid, 2 * strides.count(stride), 0))
    return np.concatenate(grids)


def suppress(points: Array, scores: Array) -> list[tuple[float, Array]]:
    """Average overlapping boxes by their scores: a list of (highest score, points (8, 2)), best first.

    The points (n, 8, 2) are the upper left and lower right corner of the box and six keypoints.
    """
    order = np.argsort(-scores, kind="stable")
    points, scores = points[order], scores[order]
    found = []
    while len(scores):
        same = overlap(points[:, :2].reshape(-1, 4), points[0, :2].ravel()) > SAME_FACE_IOU
        same[0] = True
        found.append((float(scores[0]), np.average(points[same], axis=0, weights=scores[same])))
        points, scores = points[~same], scores[~same]
    return found


class BlazeFace:
    """One BlazeFace network, applied to one crop of a photo. Threads that share it wait for one another.

    ``back`` sees 256 pixels and finds faces down to a twentieth of the crop, ``short`` sees 128 pixels.
    """

    MODELS = {"back": (256, (16, 32, 32, 32)), "short": (128, (8, 16, 16, 16))}

    def __init__(self, model: str = "back", threads: int = 1):
        if model not in self.MODELS:
            raise ValueError(f"no face detector {model!r}; there are {', '.join(self.MODELS)}")
        self.size, strides = self.MODELS[model]
        self._anchors = anchors(self.size, strides)
        name = f"detection/blazeface_{model}.tflite"
        self._network = LiteRTModel(read_asset(name), name, threads)
        self._framed = False

    def framed(self) -> "BlazeFace":
        """The same network; it sees grey beyond the photo's edge, where otherwise the edge's pixels are repeated.

        The streaks of repeated pixels hide a face that the edge cuts.
        """
        other = copy.copy(self)  # shares the interpreter
        other._framed = True
        return other

    def detect(self, image: Image, matrix: Array, min_score: float = 0.5) -> list[tuple[float, Array]]:
        """The faces in the crop that a matrix (2, 3) cuts out of a photo, as :func:`suppress` lists them.

        The points are in pixels of the **crop**.
        """
        crop = warp_levels(image, matrix, self.size)
        if self._framed:
            crop[beyond_photo(image, matrix, self.size)] = GREY
        outputs = self._network(crop / np.float32(127.5) - 1)
        raw, logits = (next(output for output in outputs if output.shape[-1] == last) for last in (16, 1))
        logits = logits[:, 0].astype(float)
        scores = 1 / (1 + np.exp(-np.clip(logits, -100, 100)))
        good = (scores >= min_score) & (raw[:, 2:4] > 0).all(1)
        raw, scores = raw[good].astype(float), scores[good]
        # Offsets from the anchor: centre, width and height, six keypoints. Half a pixel: the network counts
        # from the edge of the first pixel, we count from its centre.
        half = raw[:, None, 2:4] / 2
        points = raw.reshape(-1, 8, 2)[:, [0, 0, 2, 3, 4, 5, 6, 7]] + self._anchors[good, None] - 0.5
        points[:, :2] += np.concatenate([-half, half], 1)
        return suppress(points, scores)


def beyond_photo(image: Image, matrix: Array, size: int) -> Array:
    """Which pixels (size, size) of a crop lie beyond the photo; the matrix (2, 3) maps the photo to the crop."""
    inverse = invert_similarity(matrix)
    columns, rows = np.arange(size), np.arange(size)[:, None]
    x, y = (a * columns + b * rows + shift for a, b, shift in inverse)
    height, width = image.shape[:2]
    return (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)


def roll_from_keypoints(keypoints: Array) -> float:
    """Clockwise roll of a head in the picture plane, in degrees, from its six keypoints (6, 2).

    The line from the eyes to the mouth points straight down for a frontal face only. In profile the mouth lies in
    front of the eyes, and the line leans by 14 degrees. The position of the nose corrects for this.
    """
    eyes = keypoints[:2].mean(0)
    down = keypoints[3] - eyes - NOSE_WEIGHT * (keypoints[2] - eyes)
    return math.degrees(math.atan2(-down[0], down[1]))
