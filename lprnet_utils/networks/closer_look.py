"""The networks of the closer look: from a small crop around an eye or the mouth to a better piece of the map."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from ..common.arrays import Array
from ..morphable_model.seen_expressions import REGION_EXPRESSIONS
from ..uv.regions import EYE, MOUTH
from .layers import BatchNormalization, Conv2D

EXTRAS = 7  # after the points: iris x, y and radius, gaze x, y, z, confidence before its sigmoid
STAGES = ((16, 0), (40, 1), (64, 1), (64, 1))  # width, and residual convolutions after the one that halves the sides
MAX_GRID = 8  # sides are not halved further; the last stage is for crops whose grid is still larger
GRID_NUMBERS = 768  # that the dense layer sees
EYE_POINTS, MOUTH_POINTS = 622, 1000  # of the regions' grids
CONTEXT_LIMIT = 4.0  # standard deviations


def closer_look_network(
    points: int, size: int, expressions: int, context: int = 16, modes: int = 40, name: str = "closer_look",
    normalised: bool = True,
) -> keras.Model:  # fmt: skip
    """Build a network that sees a region again and moves the points that a first map has there.

    Inputs: a crop (B, size, size, 3), 0 to 1, and the region's points (B, points, 3) of the first map, in coordinates
    of the crop, see :mod:`lprnet_utils.uv.regions`. Output (B, 3 points + 7 + expressions): how far each point moves,
    what :mod:`lprnet_utils.reconstruction.closer_look` calls extras, and weights of expressions. The points enter as
    ``context`` numbers and move by ``modes`` modes, two linear layers that :func:`set_modes` sets and no training
    changes.

    The encoder consists of plain convolutions, because a processor trains them about three times as fast as inverted
    residuals of :func:`lprnet_lite`. It ends with a grid, so that the dense layer behind it knows where in the crop
    something is. ``size`` is a multiple of 32. ``normalised`` is that of :func:`lprnet_lite`.
    """

    def convolution(x, width, stride=1, kernel=3):
        x = Conv2D(width, kernel, strides=stride, padding="same", use_bias=not normalised)(x)
        return layers.ReLU()(BatchNormalization()(x) if normalised else x)

    crop = keras.Input((size, size, 3), name="crop")
    before = keras.Input((points, 3), name="points")
    x = crop
    for width, blocks in STAGES:
        if x.shape[1] > MAX_GRID or x.shape[-1] != width:
            x = convolution(x, width, stride=2 if x.shape[1] > MAX_GRID else 1)
        for _ in range(blocks):
            x = layers.Add()([x, convolution(x, width)])
    x = layers.Flatten()(convolution(x, round(GRID_NUMBERS / (x.shape[1] * x.shape[2])), kernel=1))
    known = layers.Dense(context, trainable=False, dtype="float32", name="context")(layers.Flatten()(before))
    known = ops.clip(known, -CONTEXT_LIMIT, CONTEXT_LIMIT)
    # leaky, so that no unit can die: with a plain ReLU one training stood still after 60,000 samples
    x = layers.Dense(128, activation="leaky_relu")(layers.Concatenate()([x, known]))
    moved = layers.Dense(modes, dtype="float32", name="weights")(x)
    moved = layers.Dense(3 * points, trainable=False, dtype="float32", name="modes")(moved)
    extras = layers.Dense(EXTRAS, dtype="float32", name="extras")(x)
    weights = layers.Dense(expressions, dtype="float32", name="expressions")(x)
    return keras.Model([crop, before], layers.Concatenate(dtype="float32")([moved, extras, weights]), name=name)


def closer_eye(normalised: bool = True) -> keras.Model:
    """The network for an eye and its brow; the left ones are mirrored."""
    expressions = len(REGION_EXPRESSIONS[0])
    return closer_look_network(EYE_POINTS, EYE.size, expressions, 12, 36, "closer_eye", normalised)


def closer_mouth(normalised: bool = True) -> keras.Model:
    """The network for the mouth and the nose's wings."""
    expressions = len(REGION_EXPRESSIONS[2])
    return closer_look_network(MOUTH_POINTS, MOUTH.size, expressions, 16, 32, "closer_mouth", normalised)


def set_modes(model: keras.Model, before: Array, moves: Array) -> dict[str, float]:
    """Set the linear layers of a network from examples: points (n, P, 3) before, and how far they should move.

    Returns the shares of the variance that the context and the modes hold.
    """
    context, modes = model.get_layer("context"), model.get_layer("modes")
    mean, rows, deviation, seen = _components(before, context.units)
    context.set_weights([rows.T / deviation, -mean @ (rows.T / deviation)])
    mean, rows, deviation, moved = _components(moves, modes.kernel.shape[0])
    modes.set_weights([rows * deviation[:, None], mean])
    return {"context": seen, "modes": moved}


def _components(values: Array, count: int) -> tuple[Array, Array, Array, float]:
    """Mean (m,), main components (count, m), their deviations, and their share of the variance, of values (n, ...)."""
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    mean = flat.mean(0)
    _, lengths, rows = np.linalg.svd(flat - mean, full_matrices=False)
    share = float((lengths[:count] ** 2).sum() / (lengths**2).sum())
    return mean, rows[:count], lengths[:count] / np.sqrt(len(flat)), share
