"""Synthetic close-ups: what a closer look at a rendered face has to find, beside what a first network found."""

import numpy as np

from ..common.arrays import Array
from ..datasets.closeups import CloseUp, patch_of
from ..geometry.camera import Camera
from ..morphable_model.seen_expressions import REGION_EXPRESSIONS
from ..reconstruction.lprnet import DEFAULT_WEIGHTS, LPRNet
from ..uv.regions import Frame, Regions
from .close_faces import PICTURE_SIZE, CloseFaces, CloseTruth


class SyntheticCloseUps:
    """An unlimited source of close-ups, three of each face: the right eye, the left eye and the mouth.

    ``weights`` are those of the network that makes the first map.
    """

    def __init__(self, seed: int = 0, weights: str = DEFAULT_WEIGHTS):
        self.faces, self.network = CloseFaces(seed), LPRNet(weights, closer_look=False)
        self.regions = Regions(self.network.layout)
        zoom = self.network.size / PICTURE_SIZE
        self._matrix = np.array([[zoom, 0, (zoom - 1) / 2], [0, zoom, (zoom - 1) / 2]])  # pixel centres are whole

    def sample(self, number: int) -> list[CloseUp]:
        """The three close-ups of face ``number``."""
        (sample, truth), layout = self.faces.sample_with_truth(number), self.regions.layout
        found = layout.centre_depth(self.network.predict_map(sample.image, self._matrix))
        camera, first, true = layout.camera(found), layout.flat(found), layout.flat(sample.position_map)
        closeups, weights = [], dict(zip(self.faces.model.expression_names, sample.labels["shown"], strict=True))
        for k, region in enumerate(self.regions.all):
            frame = region.frame(first, camera)
            iris, gaze = np.zeros(3), np.zeros(3)
            if k < 2:
                iris = np.r_[frame.into(truth.iris[k])[:2], truth.radius / frame.side]
                gaze = gaze_in_crop(frame, sample.camera, truth.gaze[k])
            patch, yaw = patch_of(sample.image, region, frame), float(sample.labels["yaw"])
            points = (frame.into(flat[region.grid]) for flat in (first, true))
            seen, shown = self._seen(k, truth, sample.labels), np.array([weights[n] for n in REGION_EXPRESSIONS[k]])
            closeups.append(CloseUp(patch, *points, iris, gaze, seen, yaw, shown))
        return closeups

    def _seen(self, k: int, truth: CloseTruth, labels: dict) -> float:
        """The share of a region's core that is seen; eyes behind dark glasses are not."""
        region = self.regions.all[k]
        hidden = k < 2 and "dark glasses" in labels
        return 0.0 if hidden else float(truth.visible.ravel()[region.texels][region.core].mean())


def gaze_in_crop(frame: Frame, camera: Camera, gaze: Array) -> Array:
    """A direction (3,) of the head's frame in a crop: its right and down, and toward the camera."""
    seen = camera.rotation @ gaze * [1, -1, 1]
    return np.r_[frame.axes @ seen[:2], seen[2]]
