"""The networks, in pure Keras 3: they train on TensorFlow, JAX and torch alike."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from .uv import SPAN, UVLayout

ENCODER = ((2, 64), (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), (1, 512))  # stride, width
DECODER = (512, 256, 128, 64, 32)


class BatchNormalization(layers.BatchNormalization):
    """Keras' batch normalisation, which on TensorFlow trains through the fused kernel (1.2 times the speed).

    It keeps the name of its parent because weight files are keyed by it: files fit both, on every backend.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise (B, H, W, C) over all but the channels."""
        usual = keras.backend.backend() != "tensorflow" or self.compute_dtype != "float32"
        if usual or not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], inputs.dtype)
        variance *= (count - 1) / count  # the kernel gives the unbiased estimate, Keras keeps the biased one
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + tf.stop_gradient(new) * (1 - self.momentum))
        return outputs


class Conv2D(layers.Conv2D):
    """Keras' convolution, whose 1 x 1 kind trains on TensorFlow as a product of matrices (its gradients: 1.6 times).

    It keeps the name of its parent for the reason that :class:`BatchNormalization` does.
    """

    def call(self, inputs, training=None):
        """Convolve (B, H, W, C)."""
        plain = self.kernel_size == self.strides == (1, 1)
        if not training or not plain or keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        # each pixel is a row; oneDNN takes the usual path for the gradients of 1 x 1 kernels, Eigen's product is faster
        rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
        rows = ops.matmul(rows, ops.reshape(self.kernel, self.kernel.shape[-2:]))
        if self.use_bias:
            rows = ops.add(rows, self.bias)
        return ops.reshape(rows, (-1, *inputs.shape[1:-1], self.filters))


def lprnet(size: int = 128, name: str = "lprnet") -> keras.Model:
    """The published L-PRNet: a MobileNet-like encoder and a shallow transposed-convolution decoder.

    4,484,867 parameters with the statistics of batch normalisation, 384.3 M multiply-adds at 128 x 128.

    Parameters
    ----------
    size : int
        Side of the crop and of the position map, a multiple of 32.

    Returns
    -------
    keras.Model
        (B, size, size, 3) RGB in 0 to 1 to (B, size, size, 3) encoded position map in 0 to 1.
    """
    if size % 32:
        raise ValueError(f"the encoder halves the crop five times: its side must be a multiple of 32, not {size}")

    def normalised(x, relu=True):
        x = BatchNormalization(epsilon=1e-3)(x)
        return layers.ReLU()(x) if relu else x

    inputs = keras.Input((size, size, 3))
    x = normalised(layers.Conv2D(32, 3, strides=2, padding="same")(inputs))
    for stride, width in ENCODER:
        x = normalised(layers.DepthwiseConv2D(3, strides=stride, padding="same")(x))
        x = normalised(layers.Conv2D(width, 1)(x))
    for k, width in enumerate(DECODER):
        x = layers.Conv2DTranspose(width, 3, strides=2, padding="same")(x)
        x = normalised(x, relu=k >= 2)
    x = layers.Conv2DTranspose(3, 3, padding="same")(x)
    outputs = layers.Activation("sigmoid", dtype="float32")(x)  # whole also where training computes in half precision
    return keras.Model(inputs, outputs, name=name)


# PRNet's: (width, stride) of the residual blocks, and of the transposed convolutions
PRNET_ENCODER = ((32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))
PRNET_DECODER = ((512, 1), (256, 2), (256, 1), (256, 1), (128, 2), (128, 1), (128, 1), (64, 2), (64, 1), (64, 1),
                 (32, 2), (32, 1), (16, 2), (16, 1), (3, 1), (3, 1))  # fmt: skip


def prnet(size: int = 256, name: str = "prnet") -> keras.Model:
    """PRNet's residual encoder and transposed-convolution decoder, as in its code, for comparison.

    Parameters
    ----------
    size : int
        Side of the crop and of the position map, a multiple of 32.

    Returns
    -------
    keras.Model
        (B, size, size, 3) RGB in 0 to 1 to (B, size, size, 3) in 0 to 1.

    References
    ----------
    Feng et al., ECCV 2018, section 3.2, and ``predictor.py`` of https://github.com/yfeng95/PRNet.
    """
    if size % 32:
        raise ValueError(f"the encoder halves the crop five times: its side must be a multiple of 32, not {size}")

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
    side = 1.5 * (high - low)[:2].mean()  # of the design's crop, mm
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


def upright(size: int = 128, name: str = "upright") -> keras.Model:
    """A glance at a crop that tells how far the head is turned in the picture's plane; a hundredth of the cost.

    Parameters
    ----------
    size : int
        Side of the crop, a multiple of 32; it looks at a picture of a quarter of that.

    Returns
    -------
    keras.Model
        (B, size, size, 3) RGB in 0 to 1 to (B, 2): sine and cosine of the angle, clockwise from upright, as
        :func:`lprnet_utils.uv.up_direction` has it; shorter than 1 where it is in doubt.
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


def layer_multiply_adds(layer: keras.Layer) -> int:
    """Multiply-adds of one layer for one image: convolutions and dense layers, without bias; others count nothing.

    A transposed convolution counts every product of an input value with a weight, as a convolution counts every
    product that makes an output value.
    """
    if not hasattr(layer, "kernel"):
        return 0
    work = int(np.prod(layer.kernel.shape))
    if isinstance(layer, layers.Conv2DTranspose):
        return work * layer.input.shape[1] * layer.input.shape[2]
    if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
        return work * layer.output.shape[1] * layer.output.shape[2]
    return work if isinstance(layer, layers.Dense) else 0


def count_multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of one image: convolutions and dense layers only, without bias, batch norm or activation."""
    return sum(map(layer_multiply_adds, model._flatten_layers(include_self=False)))
