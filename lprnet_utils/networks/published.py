"""The published networks, L-PRNet and PRNet."""

from __future__ import annotations

import keras
from keras import layers

from .layers import BatchNormalization, check_size

# (stride, width) of L-PRNet's separable convolutions, and widths of its transposed convolutions
LPRNET_ENCODER = ((2, 64), (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), (1, 512))
LPRNET_DECODER = (512, 256, 128, 64, 32)

# (width, stride) of PRNet's residual blocks, and of its transposed convolutions
PRNET_ENCODER = ((32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))
PRNET_DECODER = ((512, 1), (256, 2), (256, 1), (256, 1), (128, 2), (128, 1), (128, 1), (64, 2), (64, 1), (64, 1),
                 (32, 2), (32, 1), (16, 2), (16, 1), (3, 1), (3, 1))  # fmt: skip


def lprnet(size: int = 128, name: str = "lprnet") -> keras.Model:
    """Build the published L-PRNet: a MobileNet-like encoder and a shallow decoder of transposed convolutions.

    It has 4,484,867 parameters, the statistics of batch normalisation included, and needs 384.3 M multiply-adds at
    128 x 128.

    Parameters
    ----------
    size : int
        Side of the crop and of the position map, a multiple of 32.

    Returns
    -------
    keras.Model
        From RGB crops (B, size, size, 3), 0 to 1, to encoded position maps (B, size, size, 3), 0 to 1.

    Raises
    ------
    ValueError
        If the size is no multiple of 32.

    Examples
    --------
    >>> lprnet().count_params()
    4484867
    """
    check_size(size)

    def normalised(x, relu=True):
        x = BatchNormalization(epsilon=1e-3)(x)
        return layers.ReLU()(x) if relu else x

    inputs = keras.Input((size, size, 3))
    x = normalised(layers.Conv2D(32, 3, strides=2, padding="same")(inputs))
    for stride, width in LPRNET_ENCODER:
        x = normalised(layers.DepthwiseConv2D(3, strides=stride, padding="same")(x))
        x = normalised(layers.Conv2D(width, 1)(x))
    for k, width in enumerate(LPRNET_DECODER):
        x = layers.Conv2DTranspose(width, 3, strides=2, padding="same")(x)
        x = normalised(x, relu=k >= 2)
    x = layers.Conv2DTranspose(3, 3, padding="same")(x)
    outputs = layers.Activation("sigmoid", dtype="float32")(x)  # also under a half-precision policy
    return keras.Model(inputs, outputs, name=name)


def prnet(size: int = 256, name: str = "prnet") -> keras.Model:
    """Build PRNet for comparison: residual encoder and decoder of transposed convolutions, as in its code.

    Parameters
    ----------
    size : int
        Side of the crop and of the position map, a multiple of 32.

    Returns
    -------
    keras.Model
        From RGB crops (B, size, size, 3), 0 to 1, to PRNet's position maps (B, size, size, 3), 0 to 1.

    Raises
    ------
    ValueError
        If the size is no multiple of 32.

    References
    ----------
    Feng et al., ECCV 2018, section 3.2, and ``predictor.py`` of https://github.com/yfeng95/PRNet.
    """
    check_size(size)

    def normalised(x):
        return layers.ReLU()(BatchNormalization(epsilon=1e-3)(x))

    def convolution(x, width, kernel=1, stride=1):
        return layers.Conv2D(width, kernel, strides=stride, padding="same", use_bias=False)(x)

    inputs = keras.Input((size, size, 3))
    x = normalised(convolution(inputs, 16, 4))
    for width, stride in PRNET_ENCODER:
        same = stride == 1 and x.shape[-1] == width
        shortcut = x if same else convolution(x, width, 1, stride)
        y = normalised(convolution(x, width // 2))
        y = normalised(convolution(y, width // 2, 4, stride))
        x = normalised(layers.Add()([convolution(y, width), shortcut]))
    for width, stride in PRNET_DECODER:
        x = normalised(layers.Conv2DTranspose(width, 4, strides=stride, padding="same", use_bias=False)(x))
    x = layers.Conv2DTranspose(3, 4, padding="same", use_bias=False)(x)
    outputs = layers.Activation("sigmoid", dtype="float32")(BatchNormalization(epsilon=1e-3)(x))
    return keras.Model(inputs, outputs, name=name)
