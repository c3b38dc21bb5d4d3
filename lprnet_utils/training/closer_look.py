"""Training of the closer look: batches of close-ups, the loss, and what is measured on held-out ones.

A close-up knows the first map's error. A batch varies it: it is scaled, another face's error is added, the first map
is tilted, and the face is shifted, turned and scaled as a whole. The crop follows the first map, as it does on photos.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops
from scipy.spatial.transform import Rotation

from ..common.arrays import Array, Image
from ..datasets.augmentation import AUGMENTATIONS
from ..datasets.closeups import KINDS, MARGIN, CloseUps, patch_size
from ..datasets.pictures import PictureChange
from ..geometry.landmarks import MOUTH, NOSTRILS, RIGHT_EYE
from ..morphable_model.seen_expressions import MIRRORED_MOUTH, REGION_EXPRESSIONS
from ..networks.closer_look import set_modes
from ..reconstruction.closer_look import CONFIDENCE, EXTRAS_MIDDLE, EXTRAS_UNIT, GAZE, IRIS
from ..uv.layout import UVLayout
from ..uv.regions import MIRROR, Regions
from .recipes import TrainingConfig

OWN_ERROR, OTHER_ERROR = (0.4, 1.3), (-0.5, 0.5)  # factors of the first map's error, and of another face's
SCALE, TURN, SHIFT = 0.04, 3.0, 0.025  # standard deviations: of the logarithm, degrees, and the crop's side
# Standard deviation in degrees, up and aside. A first map errs more in the pose of people in photos than of rendered
# ones, and a network that believes it finds that people who look into the camera look where their heads point
TILT = 5.0
CHANGED_SHARE = 0.6  # of the crops, whose pictures are varied
SEEN_RANGE = (0.35, 0.65)  # shares of a region that is seen, for a confidence of 0 and of 1
FEATURE_MM, FEATURE_WEIGHT = 3.0, 4.0  # points this near to the landmarks count more, up to 1 + 4 times
MODE_EXAMPLES = 4096
MOUTH_AND_NOSTRILS = [*range(68)[NOSTRILS], *range(68)[MOUTH]]
EXPRESSION_WEIGHT = {"eye": 8.0, "mouth": 3.0}  # of the sum over a region's expressions
IRIS_WEIGHT, GAZE_WEIGHT, CONFIDENCE_WEIGHT, HIDDEN_WEIGHT = 0.5, 4.0, 0.5, 0.1


@dataclass(frozen=True)
class Examples:
    """A batch in coordinates of its crops."""

    crops: Array  # (B, n, n, 3), 0 to 1
    first: Array  # (B, P, 3)
    true: Array  # (B, P, 3)
    iris: Array  # (B, 3)
    gaze: Array  # (B, 3)
    seen: Array  # (B,) the confidence that is wanted, 0 to 1
    expression: Array  # (B, E)

    @property
    def inputs(self) -> list[Array]:
        """What the network takes."""
        return [self.crops, self.first]

    @property
    def targets(self) -> Array:
        """What it should answer, (B, 3 P + 7 + E)."""
        moved = (self.true - self.first).reshape(len(self.crops), -1)
        extras = np.c_[self.iris, self.gaze, self.seen, self.expression]
        return np.concatenate([moved, extras], 1).astype(np.float32)


class CloseUpTask:
    """What a network of the closer look learns: batches, loss and error, for ``eye`` or ``mouth``."""

    error_name = "error"

    def __init__(self, kind: str, config: TrainingConfig):
        self.kind, self.config, self.layout = kind, config, UVLayout()
        self.expressions = REGION_EXPRESSIONS[KINDS[kind][0]]
        regions = Regions(self.layout)
        self.region = region = regions.all[KINDS[kind][0]]
        flat = self.layout.flat(self.layout.mean_map)
        # weights (P,) of the grid's points whose mean is about the middle of the crop
        self._middle = np.asarray(region.middle[region.texels] @ region.spread).ravel()
        marks = self.layout.landmark_matrix[RIGHT_EYE if kind == "eye" else MOUTH_AND_NOSTRILS] @ flat
        distance = np.linalg.norm(flat[region.grid][:, None] - marks[None], axis=2).min(1)
        window = np.zeros(len(flat), np.float32)
        window[region.texels] = region.window
        weights = window[region.grid] * (1 + FEATURE_WEIGHT * np.exp(-((distance / FEATURE_MM) ** 2)))
        self.weights = (weights / weights.sum()).astype(np.float32)  # (P,)
        self.setting = AUGMENTATIONS[config.crop_augmentation].scaled(config.strength)

    def examples(self, data: CloseUps, rows: Array, rng: np.random.Generator | None) -> Examples:
        """Close-ups ``rows``, varied by a random generator, or as they are."""
        c, count = data.columns, len(rows)
        first, true = (c[name][rows].astype(np.float32) for name in ("first", "true"))
        stored = np.einsum("p,bpd->bd", self._middle, first)  # 0, but for the grid's interpolation
        scale, angle, shift = np.ones(count), np.zeros(count), np.zeros((count, 2))
        if rng:
            other = rng.integers(len(data), size=count)
            error = (first - true) * rng.uniform(*OWN_ERROR, (count, 1, 1))
            error += (c["first"][other].astype(np.float32) - c["true"][other]) * rng.uniform(
                *OTHER_ERROR, (count, 1, 1)
            )
            first = self._tilted(true + error, rng)
            scale, angle = np.exp(rng.normal(0, SCALE, count)), np.deg2rad(rng.normal(0, TURN, count))
            shift = rng.normal(0, SHIFT, (count, 2))
        middle = np.einsum("p,bpd->bd", self._middle, first) - stored
        corner = middle[:, :2] + shift  # the crop's centre in the stored crop
        cosine, sine = np.cos(angle), np.sin(angle)
        turn = np.stack([cosine, -sine, sine, cosine], 1).reshape(-1, 2, 2)

        def into(points: Array) -> Array:
            flat = np.einsum("bij,bpi->bpj", turn, points[..., :2] - corner[:, None])
            return np.concatenate([flat, points[..., 2:] - middle[:, None, 2:]], 2) / scale[:, None, None]

        placed = (first - middle[:, None]).astype(np.float32)  # a first map that lies elsewhere moves its crop along
        target = into(true)
        iris, gaze = c["iris"][rows].astype(float), c["gaze"][rows].astype(float)
        if self.kind == "eye":
            place = into(np.c_[iris[:, :2], np.zeros(count)][:, None])[:, 0, :2]
            iris = np.c_[place, iris[:, 2] / scale]
            gaze[:, :2] = np.einsum("bij,bi->bj", turn, gaze[:, :2])
        crops = np.stack(
            [self._crop(data.patch(i), turn[k] * scale[k], corner[k], rng) for k, i in enumerate(rows.tolist())]
        )
        low, high = SEEN_RANGE
        seen = np.clip((c["seen"][rows].astype(float) - low) / (high - low), 0, 1)
        found = Examples(
            crops.astype(np.float32) / np.float32(255), placed, target.astype(np.float32), iris, gaze, seen,
            c["expression"][rows].astype(np.float32),
        )  # fmt: skip
        return self._some_mirrored(found, rng) if rng and self.region.mirror is not None else found

    def _tilted(self, points: Array, rng: np.random.Generator) -> Array:
        """Points (B, P, 3) that are rotated out of the picture about the middle of each crop."""
        middle = np.einsum("p,bpd->bd", self._middle, points)[:, None]
        rotation = Rotation.from_euler("xy", rng.normal(0, TILT, (len(points), 2)), degrees=True).as_matrix()
        return (points - middle) @ rotation + middle

    def _crop(self, patch: Image, turn: Array, corner: Array, rng: np.random.Generator | None) -> Image:
        """The crop (n, n, 3) from a stored one, by a turn (2, 2) and the place of its centre there."""
        size, stored = self.region.size, patch_size(self.region)
        unit = stored / MARGIN
        linear = turn * (unit / size)
        shift = corner * unit + (stored - 1) / 2 - linear @ np.full(2, (size - 1) / 2)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(patch, np.c_[linear, shift], (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        if rng and rng.random() < CHANGED_SHARE:
            change = PictureChange.draw(rng, self.setting, size)
            crop = change.apply(crop) if change else crop
        return crop

    def _some_mirrored(self, found: Examples, rng: np.random.Generator) -> Examples:
        """The same with every second mouth mirrored, at random."""
        flip = np.flatnonzero(rng.random(len(found.crops)) < 0.5)
        found.crops[flip] = found.crops[flip, :, ::-1]
        for points in (found.first, found.true):
            points[flip] = points[flip][:, self.region.mirror] * MIRROR
        found.expression[flip] = found.expression[flip][:, MIRRORED_MOUTH]
        return found

    def make_batch(self, source: CloseUps, number: int) -> tuple[list[Array], Array]:
        """Inputs and targets of batch ``number``: the same for the same number."""
        rng = np.random.default_rng([self.config.seed, number])
        found = self.examples(source, rng.integers(len(source), size=self.config.batch_size), rng)
        return found.inputs, found.targets

    def prepare(self, model: keras.Model, source: CloseUps) -> None:
        """Set the linear layers of a new network from varied close-ups."""
        rng = np.random.default_rng([self.config.seed, 1, 1])
        found = self.examples(source, rng.integers(len(source), size=MODE_EXAMPLES), rng)
        set_modes(model, found.first, found.true - found.first)

    def outside(self, targets: Any) -> float:
        """None of the targets is out of reach."""
        return 0.0

    def error(self, model: keras.Model, validation: CloseUps) -> float:
        """Mean error in the picture on held-out close-ups, in % of the crop's side."""
        return self.measure(model, validation)["after"]

    def loss(self) -> Callable[[Any, Any], Any]:
        """The loss between targets and answers (B, 3 P + 7 + E): 1 is about a mean error of 1 % of the crop's side."""
        points, is_eye, count = len(self.weights), float(self.kind == "eye"), len(self.expressions)
        extras, expressions = slice(3 * points, -count), slice(-count, None)
        factor = EXPRESSION_WEIGHT[self.kind]
        weights = ops.convert_to_tensor(self.weights[:, None] * np.float32([1, 1, 0.5]))

        def loss(true: Any, found: Any) -> Any:
            difference = ops.reshape(found[:, : 3 * points] - true[:, : 3 * points], (-1, points, 3))
            known, answer = true[:, extras], found[:, extras]
            seen = known[:, CONFIDENCE]
            out = 100 * ops.sum(ops.abs(difference) * weights, axis=(1, 2))
            answer = answer * EXTRAS_UNIT + EXTRAS_MIDDLE
            iris = 100 * ops.mean(ops.abs(answer[:, IRIS] - known[:, IRIS]), axis=1)
            gaze = ops.sqrt(ops.sum((answer[:, GAZE] - known[:, GAZE]) ** 2, axis=1) + 1e-4)
            out = out + is_eye * (IRIS_WEIGHT * iris + GAZE_WEIGHT * gaze)
            # squares lead to means; absolute differences would lead to medians, which are 0 for all weak expressions
            out = out + factor * ops.sum((true[:, expressions] - found[:, expressions]) ** 2, axis=1)
            doubt = answer[:, CONFIDENCE]
            cross_entropy = ops.maximum(doubt, 0.0) - doubt * seen + ops.log(1 + ops.exp(-ops.abs(doubt)))
            return (HIDDEN_WEIGHT + (1 - HIDDEN_WEIGHT) * seen) * out + CONFIDENCE_WEIGHT * cross_entropy

        return loss

    def measure(self, model: keras.Model, data: CloseUps, count: int = 2048) -> dict[str, float]:
        """Errors of a network on close-ups as they are: of what is seen well, and how confident it is.

        ``before`` and ``after`` are mean errors in the picture in % of the crop's side; ``gaze`` and ``gaze aside``
        median angles in degrees, at up to 20 degrees of yaw and at 35 to 55; ``iris`` as ``before``; ``expressions``
        the mean correlation of the weights with the true ones.
        """
        rows = np.arange(min(count, len(data)))
        found, points = self.examples(data, rows, None), len(self.weights)
        answer = model.predict(found.inputs, verbose=0, batch_size=256)
        moved = found.first + answer[:, : 3 * points].reshape(-1, points, 3)
        extras, shown = np.split(answer[:, 3 * points :], [len(EXTRAS_UNIT)], 1)
        extras = extras * EXTRAS_UNIT + EXTRAS_MIDDLE
        good, hidden = found.seen == 1, found.seen == 0

        def error(points_found: Array) -> float:
            miss = np.linalg.norm((points_found - found.true)[good][..., :2], axis=2)
            return float(100 * (miss * self.weights).sum(1).mean())

        confidence = 1 / (1 + np.exp(-extras[:, CONFIDENCE]))
        if not good.any():
            raise ValueError("none of the held-out close-ups shows its region well: there is nothing to measure")
        out = {"before": error(found.first), "after": error(moved), "confident": float(confidence[good].mean())}
        pairs = zip(shown[good].T, found.expression[good].T, strict=True)
        with np.errstate(invalid="ignore"):  # of a weight that never varies
            out["expressions"] = float(np.mean([np.nan_to_num(np.corrcoef(*pair)[0, 1]) for pair in pairs]))
        if hidden.any():
            out["confident if hidden"] = float(confidence[hidden].mean())
        if self.kind == "eye":
            gaze, wanted = (g / np.linalg.norm(g, axis=1, keepdims=True) for g in (extras[:, GAZE], found.gaze))
            angle = np.degrees(np.arccos(np.clip((gaze * wanted).sum(1), -1, 1)))
            yaw = np.abs(data.columns["yaw"][rows].astype(float))
            for name, part in (("gaze", good & (yaw < 20)), ("gaze aside", good & (yaw > 35) & (yaw < 55))):
                if part.any():
                    out[name] = float(np.median(angle[part]))
            out["iris"] = float(100 * np.linalg.norm((extras[:, :2] - found.iris[:, :2])[good], axis=1).mean())
        return out
