"""From a photo and a box to the position map of a head or a hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.assets import data_path
from ..common.images import read_image
from ..common.litert import LiteRTModel, read_metadata, read_weights
from ..geometry.camera import Camera
from ..geometry.crop import crop_matrix, invert_similarity, transform_points, warp_image
from ..uv.charts import ChartLayout
from ..uv.encoding import check_span, decode_map

if TYPE_CHECKING:
    import trimesh

    from ..reconstruction.face import Face

BUNDLED = ("head", "hand")  # weights in ``data/body``


@dataclass(frozen=True)
class BodyPart:
    """A head or a hand of a photo in 3D.

    Attributes
    ----------
    position_map : (N, N, 3) float32
        In the photo frame: pixels of the photo, y down, z toward the camera with a mean of 0.
    box : (4,) array
        The box (x0, y0, x1, y1) that it was found in.
    image : (H, W, 3) uint8
        The photo; of a left hand, its mirror image.
    layout : ChartLayout
    """

    position_map: NDArray[np.float32]
    box: Array
    image: Image
    layout: ChartLayout

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """The chart's landmarks (L, 3), in the photo frame: 21 of a hand, 79 of a head, 68 of them the face's."""
        return self.layout.landmarks(self.position_map)

    @property
    def vertices(self) -> NDArray[np.float32]:
        """The skin (W, 3) in the photo frame, closed where the chart has seams."""
        return self.layout.skin[0] @ self.layout.flat(self.position_map)

    @property
    def triangles(self) -> NDArray[np.int32]:
        """Triangles (T, 3) that join the ``vertices``, counter-clockwise from outside where y points up."""
        return self.layout.skin[1]

    @cached_property
    def camera(self) -> Camera:
        """The camera that best projects the mean shape onto the map. Of a bent hand it is a rough one."""
        return self.layout.camera(self.position_map)

    def mesh(self) -> trimesh.Trimesh:
        """The surface as a mesh in mm, y up, without its pose: turned as the mean shape stands."""
        import trimesh

        return trimesh.Trimesh(self.camera.unproject(self.vertices), self.triangles, process=False)


class BodyNet:
    """A network from a crop to the position map of a head or a hand.

    It does not find heads or hands in a photo: boxes are given. :func:`head_box` makes one from a face that
    :class:`lprnet_utils.LPRNet` found.

    Parameters
    ----------
    weights : str or path
        ``head`` or ``hand``, or a ``.tflite`` file of ``lprnet export`` with such a chart.
    threads : int

    Attributes
    ----------
    layout : ChartLayout
    size : int
        Side of the crops and position maps.
    metadata : dict
        Licence, training data and recipe of the weights.

    Raises
    ------
    AssetError
        If the weights are missing, truncated or altered.

    Examples
    --------
    >>> net = BodyNet("hand")
    >>> part = net.reconstruct(np.zeros((200, 300, 3), np.uint8), (40, 30, 160, 170))
    >>> part.position_map.shape == (net.size, net.size, 3), part.landmarks.shape
    (True, (21, 3))
    """

    def __init__(self, weights: str | Path = "head", threads: int = 1):
        path = data_path(f"body/{weights}.tflite") if weights in BUNDLED else weights
        name, data = read_weights(Path(path))
        self.metadata = read_metadata(data, name)
        check_span(self.metadata, name)
        if (chart := self.metadata.get("chart", "face")) == "face":
            raise ValueError(f"{name} is a network of the face: open it with LPRNet")
        self._network = LiteRTModel(data, name, threads)
        self.size = self._network.input_shape[1]
        self.layout = ChartLayout(chart, self.size)

    def predict(self, crop: Image) -> NDArray[np.float32]:
        """The position map (N, N, 3), in pixels of the crop, of a crop (N, N, 3) uint8."""
        if np.shape(crop) != (self.size, self.size, 3):
            raise ValueError(f"the crop must have shape {(self.size, self.size, 3)}, got {np.shape(crop)}")
        return decode_map(self._network(np.asarray(crop, np.float32) / 255)[0])

    def reconstruct(self, image: Any, box: ArrayLike, angle: float = 0.0, left: bool = False) -> BodyPart:
        """The head or hand in a box of a photo.

        Parameters
        ----------
        image : path, bytes, PIL image or array
            See :func:`lprnet_utils.common.read_image`.
        box : (4,) numbers
            (x0, y0, x1, y1) around the whole head, or around the hand from the wrist on, in pixels of the photo.
        angle : float
            Degrees by which it is turned clockwise from upright (of a hand: fingers up); the crop turns it back.
        left : bool
            For a left hand: the photo is mirrored, since the network knows right ones. Box and angle belong to the
            photo as it is, the result to its mirror image.

        Raises
        ------
        ImageError, ValueError
            If it is not an image, or the box is not four finite numbers with x0 < x1 and y0 < y1.
        """
        picture, box = read_image(image), np.asarray(box, float)
        if left:
            picture, angle = np.ascontiguousarray(picture[:, ::-1]), -angle
            box = np.array([picture.shape[1] - 1, 0, picture.shape[1] - 1, 0]) + box[[2, 1, 0, 3]] * [-1, 1, -1, 1]
        matrix = crop_matrix(box, self.size, angle)
        position_map = self.predict(warp_image(picture, matrix, self.size))
        position_map = transform_points(invert_similarity(matrix), position_map)
        return BodyPart(self.layout.centre_depth(position_map.astype(np.float32)), box, picture, self.layout)


def head_box(face: Face) -> Array:
    """The box (4,) around the whole head of a face, in pixels of its photo.

    It goes round the face's landmarks, and round the places of the skull where the face's camera sees a mean head.
    """
    layout = ChartLayout("head")
    skull = face.pose.camera.project(layout.landmarks(layout.mean_map))[:, :2]
    points = np.concatenate([skull, face.landmarks[:, :2]])
    return np.r_[points.min(0), points.max(0)]
