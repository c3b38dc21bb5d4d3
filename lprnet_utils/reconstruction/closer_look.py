"""A closer look at eyes and mouth: crops at the photo's own resolution correct the map, and show irises and gaze."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..common.assets import AssetError, read_asset
from ..common.litert import LiteRTModel, read_weights
from ..geometry.camera import similarity_alignment
from ..geometry.crop import warp_levels
from ..morphable_model.seen_expressions import REGION_EXPRESSIONS, SEEN_EXPRESSIONS, join_regions
from ..uv.layout import UVLayout
from ..uv.regions import Frame, Region, Regions

# units and middles of what follows the points in a network's answer: iris x, y and radius, gaze, confidence
EXTRAS_UNIT = np.float32([0.1, 0.1, 0.05, 1, 1, 1, 1])
EXTRAS_MIDDLE = np.float32([0, 0, 0.09, 0, 0, 0, 0])
IRIS, GAZE, CONFIDENCE = slice(0, 3), slice(3, 6), 6
SIDE_RANGE = (20.0, 36.0)  # pixels of the photo that a crop is wide: nothing is trusted, and all
CONFIDENCE_RANGE = (0.35, 0.75)  # of the network: the first map stays, and the answer counts fully
# of the shift, turn and scale in the picture between the first map's regions and the corrected ones: how much of it the
# rest of the face takes over. On 500 training photos of AFLW jaws gain 2 %; from 0.5 to 0.8 it hardly matters
FOLLOW = 0.6
FOLLOW_STEP = 4  # they are fitted to every fourth texel of the regions' cores: brows move for themselves

FOLDER = "closer_look"  # of the bundled networks
FILES = "eye.tflite", "mouth.tflite"
MAP_SIZE = 128  # of the maps that it corrects


@dataclass(frozen=True)
class CloserLook:
    """What a closer look found at the right eye, the left eye and the mouth."""

    confidence: Array  # (3,) 0 to 1: how far the map was moved to what was seen; 0 leaves it exactly as it was
    irises: Array  # (2, 3): x and y of the centre, and the radius, in pixels of the photo
    gaze: Array  # (2, 3): unit vectors, x to the photo's right, y up, z toward the camera
    first_map: NDArray[np.float32]  # (N, N, 3) the position map before the closer look
    expressions: Array  # (43,): weights, 0 to 1, of SEEN_EXPRESSIONS; NaN for those whose region is not seen
    joined: bool = False  # with the weights of a fit to the first map, see ShapeFitter.join

    @property
    def weights(self) -> dict[str, float]:
        """The weights of the expressions that are seen, by name."""
        return {n: float(w) for n, w in zip(SEEN_EXPRESSIONS, self.expressions, strict=True) if np.isfinite(w)}


class CloserLooker:
    """Looks again at maps of 128 x 128 texels, by LiteRT models for an eye and the mouth.

    Several threads may share one.

    AssetError if LiteRT cannot run a model, or a model is not for these regions.
    """

    def __init__(self, eye: bytes, mouth: bytes, threads: int = 1):
        self.regions = Regions(UVLayout(MAP_SIZE))  # with people's landmarks, as in training, for all weights
        right, _, lips = self.regions.all
        cores = [region.texels[region.core] for region in self.regions.all]
        self._cores = np.unique(np.concatenate(cores))[::FOLLOW_STEP]
        of_eye, _, of_mouth = map(len, REGION_EXPRESSIONS)
        self._eye = _model(eye, "the network for eyes", right, of_eye, threads)
        self._mouth = _model(mouth, "the network for the mouth", lips, of_mouth, threads)

    @classmethod
    def load(cls, folder: str | Path | None = None, threads: int = 1) -> Self:
        """The bundled networks, or those of a folder with ``eye.tflite`` and ``mouth.tflite``."""
        if folder is None:
            return cls(*(read_asset(f"{FOLDER}/{name}") for name in FILES), threads)
        return cls(*(read_weights(Path(folder) / name)[1] for name in FILES), threads)

    def __call__(self, image: Image, position_map: NDArray[np.float32]) -> tuple[NDArray[np.float32], CloserLook]:
        """The corrected map (N, N, 3) of a face in a photo, and what was seen."""
        first, camera = self.regions.layout.flat(position_map), self.regions.layout.camera(position_map)
        moves, weights = np.zeros_like(first), np.zeros(len(first), np.float32)
        irises, gaze, confidence = np.zeros((2, 3)), np.tile([0.0, 0.0, 1.0], (2, 1)), np.zeros(3)
        expressions = []
        for k, region in enumerate(self.regions.all):
            frame = region.frame(first, camera)
            points, extras, shown = self._look(image, region, frame, first)
            expressions.append(shown)
            confidence[k] = trust(float(extras[CONFIDENCE]), frame.side)
            if confidence[k]:
                weight = np.float32(confidence[k]) * region.window
                moves[region.texels] = region.spread @ frame.turn(points) * weight[:, None]  # no two regions overlap
                weights[region.texels] = weight
            if k < 2:
                irises[k] = np.r_[frame.out(np.r_[extras[:2], 0])[:2], max(extras[2], 0) * frame.side]
                gaze[k] = _unit(np.r_[frame.axes.T @ extras[GAZE][:2] * [1, -1], extras[GAZE][2]])
        moved = first + moves
        if confidence.all():
            share = np.float32(FOLLOW * confidence.prod()) * np.maximum(1 - weights, 0)
            turn, shift = self._shared_move(first, moves, weights)
            for k in range(2):
                moved[:, k] += share * (first[:, 0] * turn[0, k] + first[:, 1] * turn[1, k] + shift[k])
        look = CloserLook(confidence, irises, gaze, position_map, join_regions(expressions, confidence))
        return moved.reshape(position_map.shape), look

    def _shared_move(self, first: Array, moves: Array, weights: Array) -> tuple[Array, Array]:
        """The similarity that the weighted moves of regions have in common.

        A point (2,) moves by its product with the matrix (2, 2), and by the shift (2,).
        """
        rows = self._cores
        before, total = first[rows, :2], weights[rows]
        scale, rotation, shift = similarity_alignment(before, before + moves[rows, :2] / total[:, None], total)
        return (scale * rotation.T - np.eye(2)).astype(np.float32), shift.astype(np.float32)

    def _look(self, image: Image, region: Region, frame: Frame, first: Array) -> tuple[Array, Array, Array]:
        """How far a region's grid (P, 3) moves, in coordinates of its crop, the extras (7,) and expressions (E,)."""
        crop = warp_levels(image, frame.matrix(region.size), region.size) / np.float32(255)
        grid = frame.into(first[region.grid]).astype(np.float32)
        answer = (self._mouth if region.name == "mouth" else self._eye)(crop, grid)[0]
        moves, extras, shown = np.split(answer, np.cumsum([3 * len(region.grid), len(EXTRAS_UNIT)]))
        return moves.reshape(-1, 3), extras * EXTRAS_UNIT + EXTRAS_MIDDLE, shown


def _model(data: bytes, name: str, region: Region, expressions: int, threads: int) -> LiteRTModel:
    """A model for a region. AssetError if it takes other crops or points, or answers another number of expressions."""
    model, points = LiteRTModel(data, name, threads), len(region.grid)
    expected = [(1, region.size, region.size, 3), (1, points, 3), (1, 3 * points + len(EXTRAS_UNIT) + expressions)]
    if model.shapes != expected:
        raise AssetError(f"{name} takes and gives {model.shapes}, not {expected}: made for other regions or versions")
    return model


def trust(answer: float, side: float) -> float:
    """How far, 0 to 1, an answer counts, by its confidence before the sigmoid and the crop's side in pixels."""
    sure = 1 / (1 + np.exp(-np.clip(answer, -30, 30)))
    steps = ((sure, CONFIDENCE_RANGE), (side, SIDE_RANGE))
    return float(np.prod([np.clip((value - low) / (high - low), 0, 1) for value, (low, high) in steps]))


def _unit(vector: Array) -> Array:
    return vector / max(float(np.linalg.norm(vector)), 1e-6)
