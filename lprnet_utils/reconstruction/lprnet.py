"""``LPRNet``: from a photo to 3D faces with LiteRT. Importing it loads neither TensorFlow nor numba."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.images import read_image
from ..common.litert import LiteRTModel, read_head_angle_network, read_metadata, read_weights
from ..geometry.crop import crop_matrix, invert_similarity, transform_points, view_matrix, warp_image, warp_levels
from ..geometry.landmarks import landmark_box
from ..uv.encoding import check_span, decode_map
from ..uv.layout import UVLayout
from .detection import FaceDetector
from .face import Face
from .likelihood import DISTANCE_CURVE, face_likelihood

if TYPE_CHECKING:
    from .closer_look import CloserLook, CloserLooker

DEFAULT_WEIGHTS = "open"  # for the whole package; free for any use
MIN_CONFIDENCE = 0.4  # rejects most false alarms of the detector and hardly any face
MAX_BOX_RATIO = 100  # of a given box to the photo
MAX_THREADS = 1024  # LiteRT would start any number
MIN_LEAN_DEGREES = 35.0  # in the picture plane: a head that leans less is not turned
MIN_ANSWER_LENGTH = 0.85  # of the head-angle network's (sine, cosine), 0 to 1: a shorter answer is too uncertain


class LPRNet:
    """A network that turns photos into 3D faces. Several threads may share one.

    Parameters
    ----------
    weights : str or Path
        Bundled weights by name, or the path of a file that ``lprnet_utils.networks`` exported. ``open``, the default:
        trained on synthetic photos alone, **free for any use**. ``wild``: trained on real photos too, more accurate,
        **for research only**. ``published``: the published architecture, slower, **for research only**; its landmarks
        are good, but its mesh is wrinkled. docs/benchmark.md has the error of each.
    threads : int
        CPU threads of the network and the detector.
    passes : int
        2: run the network again, on an upright crop around the landmarks of the first pass. This helps if the box is
        inaccurate or the head leans far. The detector and the closer look still run once.
    closer_look : bool or path, optional
        Look again at brows, eyes, nose and mouth, at the photo's own resolution: they move to where they are seen, and
        the face knows its expression better, and where its eyes look (:attr:`.Face.gaze`). This takes a quarter
        more time.
        By default for weights with the landmarks where people mark them, such as ``open``; points of the others would
        move away from where labels have them. A path: a folder with networks of your own, ``eye.tflite`` and
        ``mouth.tflite``. Only maps of 128 x 128 texels have a closer look.
    turn_upright : bool
        Turn a head that leans by 35 degrees or more upright before the first pass, if the weights bring a head-angle
        network (see :func:`lprnet_utils.networks.head_angle_network`).

    Attributes
    ----------
    metadata : dict
        Encoding, licence, training data and accuracy of the weights.
    size : int
        Side of the crops and position maps.
    layout : UVLayout

    Raises
    ------
    AssetError, ValueError
        If the weights are missing, truncated or altered; if they make no maps of faces; if ``passes`` or ``threads`` is
        less than 1.

    Examples
    --------
    >>> from lprnet_utils.common import data_path
    >>> faces = LPRNet().reconstruct(data_path("samples/astronaut.jpg"))
    >>> len(faces), faces[0].landmarks.shape
    (1, (68, 3))
    """

    def __init__(
        self, weights: str | Path = DEFAULT_WEIGHTS, threads: int = 1, passes: int = 1, turn_upright: bool = True,
        closer_look: bool | str | Path | None = None,
    ):  # fmt: skip
        if not isinstance(passes, Integral) or passes < 1:
            raise ValueError(f"the network needs at least one pass, a whole number, got {passes}")
        if not isinstance(threads, Integral) or not 1 <= threads <= MAX_THREADS:
            raise ValueError(f"threads are a whole number from 1 to {MAX_THREADS}, got {threads}")
        name, data = read_weights(weights)
        self.metadata = read_metadata(data, name)
        check_span(self.metadata, name)
        if (chart := self.metadata.get("chart", "face")) != "face":
            raise ValueError(f"{name} makes maps of another surface ({chart}): open it with lprnet_utils.body.BodyNet")
        self._network = LiteRTModel(data, name, threads)
        self.size = self._network.input_shape[1]
        self.layout = UVLayout(self.size, self.metadata.get("landmark_uv"))
        head_angle_model = read_head_angle_network(data) if turn_upright else None
        self._head_angle = HeadAngle(head_angle_model) if head_angle_model else None
        self._threads, self._passes = threads, passes
        if closer_look is None:
            closer_look = self.layout.landmarks_of_people
        self._closer_looker = self._load_closer_looker(closer_look) if closer_look else None

    def _load_closer_looker(self, source: str | Path | bool) -> CloserLooker | None:
        from .closer_look import MAP_SIZE, CloserLooker  # with scipy's sparse matrices, which take a while to import

        return CloserLooker.load(None if source is True else source, self._threads) if self.size == MAP_SIZE else None

    @cached_property
    def detector(self) -> FaceDetector:
        """The face detector, created on first use."""
        return FaceDetector(threads=self._threads)

    def reconstruct(
        self, image: Any, max_faces: int | None = None, small: bool = False, closer_look: bool = True
    ) -> list[Face]:
        """Reconstruct every face in a photo: a list of faces, largest first, empty if there is none.

        The ``confidence`` of a face is the detector's score times the likelihood that the shape is that of a face;
        detections below 0.4 are dropped.

        Parameters
        ----------
        image : path, bytes, PIL image or array
            See :func:`lprnet_utils.common.read_image`.
        max_faces : int, optional
            Reconstruct only the largest faces, at most this many.
        small : bool
            Find faces under a twentieth of the photo's height too, see :meth:`.FaceDetector.detect`. Takes a second.
        closer_look : bool
            Without it the faces are those of the first maps, also where this network looks closer.

        Raises
        ------
        ImageError, ValueError
            If it is not an image; if ``max_faces`` is less than 1.
        """
        if max_faces is not None and not (isinstance(max_faces, Integral) and max_faces >= 1):
            raise ValueError(f"max_faces must be at least 1, or None for all faces; got {max_faces}")
        return [face for _, face in islice(self._faces(_read_copy(image), small, closer_look), max_faces)]

    def reconstruct_in_box(self, image: Any, box: ArrayLike, angle: float = 0.0, closer_look: bool = True) -> Face:
        """Reconstruct the face in a box (x0, y0, x1, y1) around its 68 landmarks, without the detector.

        Parameters
        ----------
        image : path, bytes, PIL image or array
        box : (4,) numbers
            In pixels of the photo; it may extend beyond the photo.
        angle : float
            Clockwise roll of the face in degrees, if it is far from upright.
        closer_look : bool
            As in :meth:`reconstruct`.

        Raises
        ------
        ValueError
            If the box is empty, not finite, completely outside the photo, or over 100 times as large.
        """
        image = _read_copy(image)
        crop_matrix(box)  # raises ValueError for a bad box
        height, width = image.shape[:2]
        x0, y0, x1, y1 = corners = np.asarray(box, float).tolist()
        if x1 < 0 or y1 < 0 or x0 > width - 1 or y0 > height - 1:
            raise ValueError(f"the box {corners} lies outside the photo of {width} x {height} pixels")
        if not 1 <= x1 - x0 + y1 - y0 <= MAX_BOX_RATIO * (width + height):
            raise ValueError(f"the box {corners} does not fit a face in a photo of {width} x {height} pixels")
        return self._reconstruct(image, box, angle, 1.0, closer_look)[1]

    def reconstruct_in_boxes(self, images: Iterable[Any], boxes: Iterable[ArrayLike]) -> list[Face]:
        """:meth:`reconstruct_in_box` for many photos with one box each; ValueError if their numbers differ."""
        images, boxes = list(images), list(boxes)
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images and {len(boxes)} boxes were given; each image needs one box")
        return [self.reconstruct_in_box(i, b) for i, b in zip(images, boxes, strict=True)]

    def detect_face(self, image: Any) -> Image | None:
        """The crop (128, 128, 3) uint8 of the largest face, turned upright; None if there is no face."""
        image = read_image(image)
        for matrix, _ in self._faces(image, closer_look=False):
            return warp_image(image, matrix, self.size)
        return None

    def predict_uv(self, crop: Any) -> NDArray[np.float32]:
        """The encoded position map (128, 128, 3) of a crop; its values are 0 to 1 on the face.

        :func:`lprnet_utils.uv.decode_map` decodes it to crop pixels. Ignore texels outside ``UVLayout().mask``.
        ValueError if the crop is not (128, 128, 3).
        """
        crop = read_image(crop)
        if crop.shape != (self.size, self.size, 3):
            raise ValueError(f"a crop is ({self.size}, {self.size}, 3), got {crop.shape}; see detect_face")
        return self._predict(crop)

    def _predict(self, crop: NDArray) -> NDArray[np.float32]:
        return self._network(np.asarray(crop, np.float32) / 255)[0]

    def predict_map(self, image: Image, matrix: ArrayLike) -> NDArray:
        """The position map (N, N, 3) in the photo frame, of the crop that a matrix (2, 3) cuts out of the photo.

        See :func:`lprnet_utils.geometry.crop_matrix`.
        """
        code = self._predict(warp_levels(image, matrix, self.size))
        return transform_points(invert_similarity(matrix), self.layout.smooth(decode_map(code)))

    def look_closer(self, image: Image, position_map: NDArray) -> tuple[NDArray, CloserLook | None]:
        """A map (N, N, 3) in the photo frame with eyes, nose and mouth where the photo shows them, and what was seen.

        The same map and None if this network does not look closer.
        """
        if self._closer_looker is None:
            return position_map, None
        position_map, look = self._closer_looker(image, position_map)
        return self.layout.centre_depth(position_map) if look.confidence.any() else position_map, look

    def upright_crop(self, position_map: ArrayLike) -> NDArray:
        """The matrix (2, 3) from the photo to a crop around the map's landmarks that shows the face upright."""
        up = self.layout.camera(position_map).rotation[:2, 1]
        angle = float(np.degrees(np.arctan2(up[0], up[1])))
        turned = view_matrix([0, 0], 1, 1, angle)
        box = landmark_box(transform_points(turned, self.layout.landmarks(position_map)[:, :2]))
        centre = transform_points(invert_similarity(turned), (box[:2] + box[2:]) / 2)
        half = (box[2:] - box[:2]) / 2
        return crop_matrix(np.r_[centre - half, centre + half], self.size, angle)

    def likelihood(self, position_map: ArrayLike) -> float:
        """Likelihood, 0 to 1, that a map shows a face, with the curve of these weights."""
        return face_likelihood(position_map, self.layout, tuple(self.metadata.get("doubt", DISTANCE_CURVE)))

    def visualize_pcl(self, uv_map: ArrayLike, size: int = 512) -> tuple[Image, NDArray[np.float32]]:
        """Draw an encoded position map as a point cloud.

        Returns the picture (size, size, 3) uint8 of the face's surface in the crop, and the points (N*N, 3) float32 of
        all texels in pixels of the crop, z toward the camera.
        """
        from .draw import draw_points

        points = decode_map(uv_map).reshape(-1, 3)
        return draw_points((points[self.layout.mask.ravel()] + [0.5, 0.5, 0]) * (size / self.size), size), points

    def _faces(self, image: Image, small: bool = False, closer_look: bool = True) -> Iterator[tuple[NDArray, Face]]:
        """Detected faces that the network confirms, largest first, each with the matrix of its crop."""
        for found in self.detector.detect(image, small):
            matrix, face = self._reconstruct(image, found.box, found.angle, found.score, closer_look)
            if face.confidence >= MIN_CONFIDENCE:
                yield matrix, face

    def _reconstruct(
        self, image: Image, box: ArrayLike, angle: float, score: float, closer_look: bool
    ) -> tuple[NDArray, Face]:
        """The matrix of the crop of a box, turned so that the head is upright, and the face in it."""
        matrix = crop_matrix(box, self.size, angle)
        if self._head_angle and (lean := self._head_angle(warp_image(image, matrix, self.size))):
            matrix = crop_matrix(upright_box(box, angle, lean, self.layout), self.size, angle + lean)
        position_map = self.predict_map(image, matrix)
        for _ in range(self._passes - 1):
            position_map = self.predict_map(image, self.upright_crop(position_map))
        self.layout.centre_depth(position_map)
        confidence = score * self.likelihood(position_map)
        position_map, look = self.look_closer(image, position_map) if closer_look else (position_map, None)
        box = np.asarray(box, float)
        return matrix, Face(position_map.astype(np.float32), confidence, box, image, self.layout, look)


def _read_copy(source: Any) -> Image:
    """The image of a source, never a view of the caller's array: faces keep it, and the caller may change the array."""
    image = read_image(source)
    return image.copy() if isinstance(source, np.ndarray) and np.may_share_memory(image, source) else image


class HeadAngle:
    """The lean of the head in a crop, by the small network that some weights bring."""

    def __init__(self, model: bytes):
        self._model = LiteRTModel(model, "the head-angle network")

    def __call__(self, crop: Image) -> float:
        """Clockwise lean in degrees; 0 if it is small or the network is uncertain, because most heads are upright."""
        sine, cosine = self._model(crop.astype(np.float32) / 255)[0]
        lean = float(np.degrees(np.arctan2(sine, cosine)))
        return lean if abs(lean) >= MIN_LEAN_DEGREES and np.hypot(sine, cosine) >= MIN_ANSWER_LENGTH else 0.0


def upright_box(box: ArrayLike, angle: float, lean: float, layout: UVLayout) -> Array:
    """The landmarks' box of a leaning face after turning it upright, for :func:`lprnet_utils.geometry.crop_matrix`.

    The crop turns the photo by ``angle`` already; ``lean`` is the clockwise lean that is left in it. The box is
    computed as if the face were the mean face, seen from the front with the same lean.
    """
    flat = layout.landmarks(layout.mean_map)[:, :2] * [1.0, -1.0]
    turn = view_matrix([0, 0], 1, 1, -lean)[:, :2]  # by the lean, clockwise
    low, high = flat.min(0), flat.max(0)
    leaning = flat @ turn.T
    box = np.asarray(box, float)
    scale = (box[2:] - box[:2]).sum() / np.ptp(leaning, axis=0).sum()
    # from the middle of the leaning face's box to the middle of the upright one: in the crop, then in the photo
    shift = turn @ (low + high) / 2 - (leaning.min(0) + leaning.max(0)) / 2
    shift = view_matrix([0, 0], 1, 1, -angle)[:, :2] @ shift * scale
    centre, half = (box[:2] + box[2:]) / 2 + shift, scale * (high - low) / 2
    return np.r_[centre - half, centre + half]
