"""Our own networks in pure Keras 3, which train on TensorFlow, JAX and torch alike."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from ..geometry.crop import crop_side
from ..uv.encoding import SPAN
from ..uv.layout import UVLayout
from .layers import BatchNormalization, Conv2D, check_size

# (stride, width, expansion, blocks) of the encoder's stages; each halves the side
LITE_STAGES = ((2, 24, 4, 2), (2, 48, 4, 2), (2, 96, 4, 3), (2, 160, 4, 3))


def _posed_mean_face(code, size: int):
    """The mean face under an affine map, as encoded positions (B, s, s, 3) less 1/2, from a code (B, c).

    A dense layer reads the twelve numbers of the affine map from the code. Position, size and pose of the face make up
    most of a position map, and these numbers express them directly.
    """
    layout = UVLayout(2 * size)
    mean = layout.mean_map.reshape(size, 2, size, 2, 3).mean((1, 3)).reshape(-1, 3)
    landmarks = layout.landmarks(layout.mean_map)
    low, high = landmarks.min(0), landmarks.max(0)
    side = crop_side(np.r_[low[:2], high[:2]])  # mm
    basis = np.c_[(mean - (low + high) / 2) / side, np.ones(len(mean))]  # (s * s, 4)
    # Adam moves all weights equally far, and these move the whole face: a small unit slows them; exact in float16
    unit = 1 / 16
    kernel = unit * np.einsum("ti,jk->ijtk", basis, np.eye(3)).reshape(12, -1)  # (12, s * s * 3)
    start = np.vstack([np.diag([1, -1, 1]) / SPAN, np.zeros(3)]) / unit  # upright and frontal, centred in the crop
    pose = layers.Dense(12, dtype="float32")
    mixing = layers.Dense(kernel.shape[1], use_bias=False, trainable=False, dtype="float32")
    out = layers.Reshape((size, size, 3), dtype="float32")(mixing(pose(code)))
    pose.set_weights([pose.get_weights()[0], start.ravel()])
    mixing.set_weights([kernel])
    return out


def lprnet_lite(
    size: int = 128, name: str = "lprnet_lite", code: int = 192, posed: bool = True, normalised: bool = True
) -> keras.Model:
    """Build our network: an encoder of inverted residuals, and a decoder that alternates upsampling and convolution.

    A position map is smooth, so the decoder works at up to half of the map's side and upsamples bilinearly, which
    leaves no checkerboards. All operations are built into LiteRT.

    Parameters
    ----------
    size : int
        Side of the crop and of the position map, a multiple of 32.
    code : int
        Length of the code of the whole face between encoder and decoder. With 0 there is no code, and the decoder
        works on the cells of the encoder.
    posed : bool
        Predict an affine map of the mean face, twelve numbers, so that the decoder predicts only the difference.
    normalised : bool
        Use batch normalisation. Without it the layers have biases instead. This suits finished weights with folded
        normalisation, such as those of a LiteRT file, and trains nearly twice as fast on a CPU.

    Returns
    -------
    keras.Model
        From RGB crops (B, size, size, 3), 0 to 1, to encoded position maps (B, size, size, 3), about 0 to 1.

    Raises
    ------
    ValueError
        If the size is no multiple of 32.

    References
    ----------
    Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018; Odena et al., "Deconvolution
    and Checkerboard Artifacts", Distill 2016.

    Examples
    --------
    >>> network = lprnet_lite(64)
    >>> network.output_shape
    (None, 64, 64, 3)
    """
    check_size(size)

    def normalise(x, relu=True):
        x = BatchNormalization()(x) if normalised else x
        return layers.ReLU()(x) if relu else x

    def pointwise(x, width, relu=True):
        return normalise(Conv2D(width, 1, use_bias=not normalised)(x), relu)

    def depthwise(x, stride=1):
        return normalise(layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=not normalised)(x))

    def inverted_residual(x, width, expansion, stride=1):
        y = pointwise(depthwise(pointwise(x, expansion * x.shape[-1]), stride), width, relu=False)
        return layers.Add()([x, y]) if stride == 1 and x.shape[-1] == width else y

    inputs = keras.Input((size, size, 3))
    x = normalise(Conv2D(16, 3, strides=2, padding="same", use_bias=not normalised)(inputs))
    x = pointwise(depthwise(x), 16, relu=False)
    for stride, width, expansion, blocks in LITE_STAGES:
        for k in range(blocks):
            x = inverted_residual(x, width, expansion, stride if k == 0 else 1)
    # a face's position in the picture differs from that in the chart, so one code of the whole face connects the two
    grid = size // 32
    if code:
        face_code = layers.Dense(code, activation="relu")(layers.Flatten()(pointwise(x, 96)))
        x = layers.Reshape((grid, grid, 128))(layers.Dense(grid * grid * 128, activation="relu")(face_code))
    else:
        x = pointwise(x, 128)
        face_code = layers.GlobalAveragePooling2D()(x)
    for width in (128, 96, 64, 24):  # sides 8, 16, 32, 64 of 128
        x = layers.UpSampling2D(2, interpolation="bilinear")(pointwise(x, width))
        x = depthwise(x) if width < 128 else inverted_residual(x, width, 2)
    small = keras.initializers.RandomNormal(stddev=1e-3)
    # the last layers compute in float32 under any policy
    x = layers.Conv2D(3, 1, kernel_initializer=small, dtype="float32")(x)
    if posed:
        x = layers.Add(dtype="float32")([x, _posed_mean_face(face_code, size // 2)])
    # a layer of its own: as part of earlier numbers, 0.5 would cost these precision in float16
    x = layers.Rescaling(1.0, offset=0.5, dtype="float32")(x)
    outputs = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32")(x)
    return keras.Model(inputs, outputs, name=name)


def head_angle_network(size: int = 128, name: str = "head_angle") -> keras.Model:
    """Build a small network that tells how far the head in a crop leans, at a hundredth of the cost of the other.

    Parameters
    ----------
    size : int
        Side of the crop, a multiple of 32. The network reduces the crop to a quarter of the side first.

    Returns
    -------
    keras.Model
        From RGB crops (B, size, size, 3), 0 to 1, to (B, 2): sine and cosine of the head's angle, clockwise from
        upright. An uncertain answer is shorter than 1.

    Raises
    ------
    ValueError
        If the size is no multiple of 32.
    """
    check_size(size)

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
