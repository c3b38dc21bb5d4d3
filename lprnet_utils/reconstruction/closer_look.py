"""A closer look at eyes and mouth: crops at the photo's own resolution correct the map, and show irises and gaze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..common.litert import LiteRTModel
from ..geometry.crop import warp_image
from ..uv.layout import UVLayout
from ..uv.regions import CROP_SIZE, Frame, Region, Regions

# units and middles of what follows the points in a network's answer: iris x, y and radius, gaze, confidence
EXTRAS_UNIT = np.float32([0.1, 0.1, 0.05, 1, 1, 1, 1])
EXTRAS_MIDDLE = np.float32([0, 0, 0.09, 0, 0, 0, 0])
IRIS, GAZE, CONFIDENCE = slice(0, 3), slice(3, 6), 6
SIDE_RANGE = (20.0, 36.0)  # pixels of the photo that a crop is wide: nothing is trusted, and all
CONFIDENCE_RANGE = (0.35, 0.75)  # of the network: the first map stays, and the answer counts fully


@dataclass(frozen=True)
class CloserLook:
    """What a closer look found at the right eye, the left eye and the mouth."""

    confidence: Array  # (3,) 0 to 1: how far the map was moved to what was seen; 0 leaves it exactly as it was
    irises: Array  # (2, 3): x and y of the centre, and the radius, in pixels of the photo
    gaze: Array  # (2, 3): unit vectors, x to the photo's right, y up, z toward the camera


class CloserLooker:
    """Looks again at maps of a layout, by LiteRT models for an eye and the mouth; several threads may share one.

    AssetError if LiteRT cannot run a model.
    """

    def __init__(self, layout: UVLayout, eye: bytes, mouth: bytes, threads: int = 1):
        self.regions = Regions(layout)
        self._eye = LiteRTModel(eye, "the network for eyes", threads)
        self._mouth = LiteRTModel(mouth, "the network for the mouth", threads)

    def __call__(self, image: Image, position_map: NDArray[np.float32]) -> tuple[NDArray[np.float32], CloserLook]:
        """The corrected map (N, N, 3) of a face in a photo, and what was seen."""
        first, camera = self.regions.layout.flat(position_map), self.regions.camera(position_map)
        moved = np.array(first, np.float32)
        irises, gaze, confidence = np.zeros((2, 3)), np.tile([0.0, 0.0, 1.0], (2, 1)), np.zeros(3)
        for k, region in enumerate(self.regions.all):
            frame = region.frame(first, camera)
            points, extras = self._look(image, region, frame, first)
            confidence[k] = trust(float(extras[CONFIDENCE]), frame.side)
            if confidence[k]:
                shift = region.spread @ points
                shift = np.concatenate([shift[:, :2] @ frame.axes, shift[:, 2:]], 1) * frame.side
                moved[region.texels] += (confidence[k] * region.window[:, None] * shift).astype(np.float32)
            if k < 2:
                irises[k] = np.r_[frame.out(np.r_[extras[:2], 0])[:2], max(extras[2], 0) * frame.side]
                gaze[k] = _unit(np.r_[frame.axes.T @ extras[GAZE][:2] * [1, -1], extras[GAZE][2]])
        shape = position_map.shape
        return moved.reshape(shape), CloserLook(confidence, irises, gaze)

    def _look(self, image: Image, region: Region, frame: Frame, first: Array) -> tuple[Array, Array]:
        """How far a region's grid (P, 3) moves, in coordinates of its crop, and the extras (7,)."""
        crop = warp_image(image, frame.matrix(), CROP_SIZE).astype(np.float32) / np.float32(255)
        grid = frame.into(first[region.grid]).astype(np.float32)
        answer = (self._mouth if region.name == "mouth" else self._eye)(crop, grid)[0]
        points = 3 * len(region.grid)
        return answer[:points].reshape(-1, 3), answer[points:] * EXTRAS_UNIT + EXTRAS_MIDDLE


def trust(answer: float, side: float) -> float:
    """How far, 0 to 1, an answer counts, by its confidence before the sigmoid and the crop's side in pixels."""
    sure = 1 / (1 + np.exp(-np.clip(answer, -30, 30)))
    steps = ((sure, CONFIDENCE_RANGE), (side, SIDE_RANGE))
    return float(np.prod([np.clip((value - low) / (high - low), 0, 1) for value, (low, high) in steps]))


def _unit(vector: Array) -> Array:
    return vector / max(float(np.linalg.norm(vector)), 1e-6)
