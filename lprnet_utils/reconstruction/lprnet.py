"""``LPRNet``: from a photo to 3D faces, by LiteRT; neither TensorFlow nor numba is imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.assets import AssetError
from ..common.images import Image, read_image
from ..common.litert import read_glance, read_metadata, read_weights
from ..geometry.camera import Camera
from ..geometry.crop import crop_matrix, invert_similarity, transform_points, view_matrix, warp_image
from ..uv.encoding import check_span, decode_map
from ..uv.layout import UVLayout
from .detection import FaceDetector
from .face import Face

DEFAULT_WEIGHTS = "open"  # of everything that takes weights; free for any use
UNDER_NOSE, WHOLE = 33, 1.25  # the landmark down to which a shape is judged, and what makes up for the rest
UNLIKELY = (20.0, 2.1)  # the doubt of weights that bring none (`published`), see face_likelihood
LEAST_CONFIDENCE = 0.4  # loses hardly a face and stops most of the false alarms of the detector
TURNED = 35.0  # degrees in the picture's plane, from which a head is turned upright before the network looks at it
SURE = 0.85  # length of the glance's answer, 0 to 1, below which it is not believed: most heads are upright


class LPRNet:
    """A network that turns photos into 3D faces.

    Parameters
    ----------
    weights : str or Path
        Bundled weights by name, or the path of a file that ``lprnet_utils.networks`` exported. ``open``, the default:
        trained on synthetic photos alone, **free for any use**. ``wild``: trained on real photos too, more accurate,
        **for research only**. ``published``: the published architecture, slower, **for research only**. README has the
        error of each.
    threads : int
        CPU threads of the network and the detector.
    passes : int
        2: look again, at a crop around the landmarks that the first look found, turned so that the face is upright.
        Better where the box or the head was far off, and twice the time.
    glance : bool
        Where the weights bring a glance (see :func:`lprnet_utils.networks.upright`), show the network a head that is
        turned in the picture's plane by 35 degrees or more upright, still in one pass.

    Attributes
    ----------
    metadata : dict
        Of the weights: encoding, licence, training data, accuracy.

    Raises
    ------
    AssetError
        If the weights are missing, truncated or altered.
    """

    def __init__(self, weights: str | Path = DEFAULT_WEIGHTS, threads: int = 1, passes: int = 1, glance: bool = True):
        if passes < 1:
            raise ValueError(f"the network needs at least one pass, got {passes}")
        name, data = read_weights(weights)
        self.metadata = read_metadata(data, name)
        check_span(self.metadata, name)
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._network = Interpreter(model_content=data, num_threads=threads)
            self._network.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise AssetError(f"{name} cannot be run by LiteRT: {error}") from error
        self._input = self._network.get_input_details()[0]
        self._output = self._network.get_output_details()[0]
        self.size = int(self._input["shape"][1])
        self._glance = None
        if glance and (model := read_glance(data)):
            self._glance = Interpreter(model_content=model, num_threads=1)
            self._glance.allocate_tensors()
        self._layout = UVLayout(self.size, self.metadata.get("landmark_uv"))
        self._doubt = tuple(self.metadata.get("doubt", UNLIKELY))
        self._threads, self._passes = threads, passes
        self._detector: FaceDetector | None = None

    @property
    def detector(self) -> FaceDetector:
        """The face detector, made on first use."""
        if self._detector is None:
            self._detector = FaceDetector(threads=self._threads)
        return self._detector

    def reconstruct(self, image: Any, max_faces: int | None = None, small: bool = False) -> list[Face]:
        """Every face in a photo, largest first; an empty list where there is none.

        Parameters
        ----------
        image : path, bytes, PIL image or array
            See :func:`lprnet_utils.common.read_image`.
        max_faces : int, optional
            Stop after the largest so many.
        small : bool
            Look for faces under a twentieth of the photo's height too, in tiles: see
            :meth:`lprnet_utils.reconstruction.detection.FaceDetector.detect`. A large photo takes a second.

        Returns
        -------
        list of Face
            ``confidence`` is the detector's score times the likelihood that the shape is a face's; below 0.4 it is
            taken for none.

        Raises
        ------
        ImageError
            If it is not an image.
        ValueError
            For max_faces under 1.
        """
        if max_faces is not None and max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, or None for all faces; got {max_faces}")
        return [face for _, face in islice(self._faces(read_image(image), small), max_faces)]

    def reconstruct_in_box(self, image: Any, box: ArrayLike, angle: float = 0.0) -> Face:
        """The face in a box (x0, y0, x1, y1) around its 68 landmarks; no detector.

        Parameters
        ----------
        image : path, bytes, PIL image or array
        box : (4,) numbers
            In pixels of the photo; may reach outside it.
        angle : float
            Degrees by which the face is turned clockwise, if it is far from upright.

        Raises
        ------
        ValueError
            If the box is not finite, empty, or wholly outside the photo.
        """
        image = read_image(image)
        matrix = crop_matrix(box, self.size, angle)
        height, width = image.shape[:2]
        x0, y0, x1, y1 = np.asarray(box, float)
        if x1 < 0 or y1 < 0 or x0 > width - 1 or y0 > height - 1:
            raise ValueError(f"the box {[x0, y0, x1, y1]} lies outside the photo of {width} x {height} pixels")
        return self._reconstruct(image, box, self._turned_upright(image, box, matrix, angle), 1.0)

    def reconstruct_in_boxes(self, images: Iterable[Any], boxes: Iterable[ArrayLike]) -> list[Face]:
        """:meth:`reconstruct_in_box` for many photos, one box each.

        Raises
        ------
        ValueError
            If there are not as many boxes as images.
        """
        images, boxes = list(images), list(boxes)
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images and {len(boxes)} boxes were given: one box an image is needed")
        return [self.reconstruct_in_box(i, b) for i, b in zip(images, boxes, strict=True)]

    def detect_face(self, image: Any) -> Image | None:
        """The crop (128, 128, 3) uint8 of the largest face, turned upright; None where there is no face."""
        image = read_image(image)
        for matrix, _ in self._faces(image):
            return warp_image(image, matrix, self.size)
        return None

    def predict_uv(self, crop: Any) -> NDArray[np.float32]:
        """The encoded position map (128, 128, 3) of a crop (128, 128, 3), in 0 to 1 on the face.

        ``lprnet_utils.uv.decode_map`` turns it into pixels of the crop. What it says of texels outside the face's chart
        (``UVLayout().mask``) means nothing.

        Raises
        ------
        ValueError
            If the crop has another size.
        """
        crop = read_image(crop)
        if crop.shape != (self.size, self.size, 3):
            raise ValueError(f"a crop is ({self.size}, {self.size}, 3), got {crop.shape}; see detect_face")
        values = crop[None].astype(np.float32) / 255
        self._network.set_tensor(self._input["index"], values)
        self._network.invoke()
        return self._network.get_tensor(self._output["index"])[0].copy()

    def visualize_pcl(self, uv_map: ArrayLike, size: int = 512) -> tuple[Image, NDArray[np.float32]]:
        """A picture of an encoded map as a point cloud, and its points.

        Returns
        -------
        frame : (size, size, 3) uint8
            The points of the face's surface over the crop's square, nearer ones lighter and in front.
        points : (N*N, 3) float32
            All texels in pixels of the crop, z toward the camera.
        """
        points = decode_map(uv_map).reshape(-1, 3)
        seen = points[self._layout.mask.ravel()]
        seen = seen[np.argsort(seen[:, 2])]
        shade = np.interp(seen[:, 2], (seen[0, 2], seen[-1, 2]), (0, 1))[:, None]
        colors = ((1 - shade) * [40, 50, 110] + shade * [255, 235, 190]).astype(np.uint8)
        xy = (seen[:, :2] + 0.5) * (size / self.size) - 0.5
        frame = np.full((size, size, 3), 255, np.uint8)
        dot = max(round(size / self.size / 2), 1)
        for dy in range(-dot, dot + 1):
            for dx in range(-dot, dot + 1):
                column, row = np.rint(xy[:, 0] + dx).astype(int), np.rint(xy[:, 1] + dy).astype(int)
                inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
                frame[row[inside], column[inside]] = colors[inside]
        return frame, points

    def _faces(self, image: Image, small: bool = False) -> Iterator[tuple[NDArray, Face]]:
        """What the detector finds and the network confirms, largest first, each with the matrix of its crop."""
        for found in self.detector.detect(image, small):
            matrix = crop_matrix(found.box, self.size, found.angle)
            matrix = self._turned_upright(image, found.box, matrix, found.angle)
            face = self._reconstruct(image, found.box, matrix, found.score)
            if face.confidence >= LEAST_CONFIDENCE:
                yield matrix, face

    def _reconstruct(self, image: Image, box: ArrayLike, matrix: NDArray, score: float) -> Face:
        position_map = self._position_map(image, matrix)
        for _ in range(self._passes - 1):
            position_map = self._position_map(image, self._upright(position_map))
        position_map[..., 2] -= position_map[self._layout.mask][:, 2].mean()
        likelihood = face_likelihood(position_map, self._layout, self._doubt)
        box = np.asarray(box, float)
        return Face(position_map.astype(np.float32), score * likelihood, box, image, self._layout)

    def _position_map(self, image: Image, matrix: NDArray) -> NDArray:
        """What the network makes of a crop, in pixels of the photo."""
        code = self.predict_uv(warp_image(image, matrix, self.size))
        return transform_points(invert_similarity(matrix), self._layout.smooth(decode_map(code)))

    def _turned_upright(self, image: Image, box: ArrayLike, matrix: NDArray, angle: float) -> NDArray:
        """The crop of a box in which the head is upright, if a glance at its crop (2, 3) says that it is not.

        The box is taken for that of the mean face seen from the front, turned by as much: its upright box follows.
        """
        if self._glance is None:
            return matrix
        crop = warp_image(image, matrix, self.size)
        self._glance.set_tensor(self._glance.get_input_details()[0]["index"], crop[None].astype(np.float32) / 255)
        self._glance.invoke()
        sine, cosine = self._glance.get_tensor(self._glance.get_output_details()[0]["index"])[0]
        more = float(np.degrees(np.arctan2(sine, cosine)))
        if abs(more) < TURNED or np.hypot(sine, cosine) < SURE:
            return matrix
        flat = self._layout.landmarks(self._layout.mean_map)[:, :2] * [1.0, -1.0]
        turn = view_matrix([0, 0], 1, 1, -more)[:, :2]  # by ``more``, clockwise
        low, high = flat.min(0), flat.max(0)
        turned = flat @ turn.T
        box = np.asarray(box, float)
        scale = (box[2:] - box[:2]).sum() / np.ptp(turned, axis=0).sum()
        # from the middle of the turned face's box to that of the upright face's, in the crop's frame, then the photo's
        shift = turn @ (low + high) / 2 - (turned.min(0) + turned.max(0)) / 2
        shift = view_matrix([0, 0], 1, 1, -angle)[:, :2] @ shift * scale
        centre, half = (box[:2] + box[2:]) / 2 + shift, scale * (high - low) / 2
        return crop_matrix(np.r_[centre - half, centre + half], self.size, angle + more)

    def _upright(self, position_map: NDArray) -> NDArray:
        """The crop in which the face of a map stands upright, around its own landmarks."""
        mean, points = (self._layout.points(m)[::7] for m in (self._layout.mean_map, position_map))
        up = Camera.fit(mean, points).rotation[:2, 1]
        angle = np.degrees(np.arctan2(up[0], up[1]))
        turned = view_matrix([0, 0], 1, 1, angle)
        xy = transform_points(turned, self._layout.landmarks(position_map)[:, :2])
        low, high = xy.min(0), xy.max(0)
        centre = transform_points(invert_similarity(turned), (low + high) / 2)
        return crop_matrix(np.r_[centre - (high - low) / 2, centre + (high - low) / 2], self.size, float(angle))


def shape_distance(position_map: NDArray, layout: UVLayout) -> float:
    """How far a map's shape is from a face's, in mm: from the mean face, and from its own mirror image.

    A face differs from the mean face by a few percent of its size, and its two sides by less. Shown something else, a
    network averages its doubts into shapes that are flat, torn or lopsided. The distance is taken after similarity
    alignment, that of the two sides in the head's frame, and the two are added. What lies above the mouth is measured,
    times 1.25, which makes it about the distance of a whole face at rest: a mouth that is wide open moves a third of
    the face, and the face is no less one.
    """
    texels = layout.texels[::7]
    front = layout.mean_map.reshape(-1, 3)
    texels = texels[front[texels, 1] > layout.landmarks(layout.mean_map)[UNDER_NOSE, 1]]
    row, column = np.divmod(texels, layout.size)
    points = np.asarray(position_map, np.float32).reshape(-1, 3)
    here, there, mean = points[texels], points[row * layout.size + layout.size - 1 - column], front[texels]
    camera = Camera.fit(mean, here)
    distance = WHOLE * np.linalg.norm(camera.project(mean) - here, axis=1).mean() / camera.scale
    sides = camera.unproject(here) - camera.unproject(there) * [-1.0, 1.0, 1.0]
    return float(distance + np.linalg.norm(sides, axis=1).mean())


def face_likelihood(position_map: NDArray, layout: UVLayout, doubt: tuple[float, float] = UNLIKELY) -> float:
    """How much a map looks like a face, 0 to 1, from its :func:`shape_distance` alone.

    ``doubt`` is the distance at which a shape is as likely a face as not, and the width of the doubt, mm: that of the
    network's metadata, where it has one.
    """
    return float(1 / (1 + np.exp((shape_distance(position_map, layout) - doubt[0]) / doubt[1])))
