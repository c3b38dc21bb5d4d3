"""The networks, in pure Keras 3: they train on TensorFlow, JAX and torch alike."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from ..geometry.crop import crop_side
from ..uv.encoding import SPAN
from ..uv.layout import UVLayout
from .layers import BatchNormalization, Conv2D

# stages of the encoder: (stride, width, expansion, blocks); each halves the side
LITE = ((2, 24, 4, 2), (2, 48, 4, 2), (2, 96, 4, 3), (2, 160, 4, 3))


def _posed_mean(code, size: int):
    """The mean face under an affine map of twelve numbers read from the code (B, c).

    The result (B, s, s, 3) are encoded positions less 1/2. Where a face is, how large and how turned, is most of what
    a position map says; twelve numbers say it at once.
    """
    layout = UVLayout(2 * size)
    mean = layout.mean_map.reshape(size, 2, size, 2, 3).mean((1, 3)).reshape(-1, 3)
    marks = layout.landmarks(layout.mean_map)
    low, high = marks.min(0), marks.max(0)
    side = crop_side(np.r_[low[:2], high[:2]])  # mm
    basis = np.c_[(mean - (low + high) / 2) / side, np.ones(len(mean))]  # (s s, 4)
    # a small unit: Adam moves every weight as far, and these twelve move the whole face; exact in half precision
    unit = 1 / 16
    kernel = unit * np.einsum("ti,jk->ijtk", basis, np.eye(3)).reshape(12, -1)
    start = np.vstack([np.diag([1, -1, 1]) / SPAN, np.zeros(3)]) / unit  # upright, from the front, in the middle
    pose = layers.Dense(12, dtype="float32")
    mixing = layers.Dense(kernel.shape[1], use_bias=False, trainable=False, dtype="float32")
    out = layers.Reshape((size, size, 3), dtype="float32")(mixing(pose(code)))
    pose.set_weights([pose.get_weights()[0], start.ravel()])
    mixing.set_weights([kernel])
    return out


def lprnet_lite(
    size: int = 128, name: str = "lprnet_lite", code: int = 192, posed: bool = True, normalised: bool = True
) -> keras.Model:
    """Our own network: inverted residuals, and a decoder that enlarges between convolutions instead of with them.

    A position map is smooth, so the decoder works at up to half of the map's side and enlarges bilinearly: no
    checkerboards. No operation needs more than LiteRT's built-in ones.

    Parameters
    ----------
    size : int
        Side of the crop and of the position map, a multiple of 32.
    code : int
        Numbers that describe the whole face between encoder and decoder. 0: none, the cells of the picture go on as
        those of the chart.
    posed : bool
        Move the mean face by twelve numbers read from the code, and let the decoder say only what differs.
    normalised : bool
        With batch normalisation. False: with biases instead, for finished weights that have it folded in, as a LiteRT
        file does; they go on training nearly twice as fast on a CPU.

    Returns
    -------
    keras.Model
        (B, size, size, 3) RGB in 0 to 1 to (B, size, size, 3) encoded position map, about 0 to 1.

    References
    ----------
    Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018; Odena et al., "Deconvolution
    and Checkerboard Artifacts", Distill 2016.
    """
    if size % 32:
        raise ValueError(f"the encoder halves the crop five times: its side must be a multiple of 32, not {size}")

    def finished(x, relu=True):
        x = BatchNormalization()(x) if normalised else x
        return layers.ReLU()(x) if relu else x

    def pointwise(x, width, relu=True):
        return finished(Conv2D(width, 1, use_bias=not normalised)(x), relu)

    def depthwise(x, stride=1):
        return finished(layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=not normalised)(x))

    def inverted_residual(x, width, expansion, stride=1):
        y = pointwise(depthwise(pointwise(x, expansion * x.shape[-1]), stride), width, relu=False)
        return layers.Add()([x, y]) if stride == 1 and x.shape[-1] == width else y

    inputs = keras.Input((size, size, 3))
    x = finished(Conv2D(16, 3, strides=2, padding="same", use_bias=not normalised)(inputs))
    x = pointwise(depthwise(x), 16, relu=False)
    for stride, width, expansion, blocks in LITE:
        for k in range(blocks):
            x = inverted_residual(x, width, expansion, stride if k == 0 else 1)
    # from the picture's plane to the chart's nothing stays in place: one code of the whole face lies between them
    grid = size // 32
    if code:
        whole = layers.Dense(code, activation="relu")(layers.Flatten()(pointwise(x, 96)))
        x = layers.Reshape((grid, grid, 128))(layers.Dense(grid * grid * 128, activation="relu")(whole))
    else:
        x = pointwise(x, 128)
        whole = layers.GlobalAveragePooling2D()(x)
    for width in (128, 96, 64, 24):  # sides 8, 16, 32, 64 of 128
        x = layers.UpSampling2D(2, interpolation="bilinear")(pointwise(x, width))
        x = depthwise(x) if width < 128 else inverted_residual(x, width, 2)
    small = keras.initializers.RandomNormal(stddev=1e-3)
    # the last layers compute in whole precision under any policy
    x = layers.Conv2D(3, 1, kernel_initializer=small, dtype="float32")(x)
    if posed:
        x = layers.Add(dtype="float32")([x, _posed_mean(whole, size // 2)])
    # apart, so that half precision rounds none of the numbers before by it
    x = layers.Rescaling(1.0, offset=0.5, dtype="float32")(x)
    outputs = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32")(x)
    return keras.Model(inputs, outputs, name=name)


def head_angle_network(size: int = 128, name: str = "head_angle") -> keras.Model:
    """A small network that tells from a crop how far the head leans; it costs a hundredth of the other.

    Parameters
    ----------
    size : int
        Side of the crop, a multiple of 32; it looks at a picture of a quarter of that.

    Returns
    -------
    keras.Model
        (B, size, size, 3) RGB in 0 to 1 to (B, 2): sine and cosine of the angle, clockwise from upright, as
        :func:`lprnet_utils.uv.layout.up_direction` has it; shorter than 1 where it is in doubt.
    """
    if size % 32:
        raise ValueError(f"the crop is halved five times: its side must be a multiple of 32, not {size}")

    def block(x, width, stride):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(BatchNormalization(momentum=0.95)(x))
        return layers.ReLU()(BatchNormalization(momentum=0.95)(Conv2D(width, 1, use_bias=False)(x)))

    inputs = keras.Input((size, size, 3))
    x = layers.AveragePooling2D(4)(inputs)
    x = Conv2D(12, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(BatchNormalization(momentum=0.95)(x))
    for width, stride in ((16, 1), (32, 2), (48, 1), (64, 2)):
        x = block(x, width, stride)
    x = layers.Dense(48, activation="relu")(layers.Flatten()(x))
    outputs = layers.Dense(2, dtype="float32")(x)
    return keras.Model(inputs, outputs, name=name)
