"""The networks, in pure Keras 3: they train on TensorFlow, JAX and torch alike."""

from __future__ import annotations

import keras
from keras import layers

ENCODER = ((2, 64), (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), (1, 512))  # stride, width
DECODER = (512, 256, 128, 64, 32)


class BatchNormalization(layers.BatchNormalization):
    """Keras' batch normalisation, which on TensorFlow trains through the fused kernel (1.2 times the speed).

    It keeps the name of its parent because weight files are keyed by it: files fit both, on every backend.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise (B, H, W, C) over all but the channels."""
        if not training or keras.backend.backend() != "tensorflow" or self.compute_dtype != "float32":
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
    outputs = layers.Conv2DTranspose(3, 3, padding="same", activation="sigmoid")(x)
    return keras.Model(inputs, outputs, name=name)


def count_multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of one image: convolutions and dense layers only, without bias, batch norm or activation.

    A transposed convolution counts every product of an input value with a weight, as a convolution counts every
    product that makes an output value.
    """
    total = 0
    for layer in model._flatten_layers(include_self=False):
        if not hasattr(layer, "kernel"):
            continue
        kernel = tuple(layer.kernel.shape)
        if isinstance(layer, layers.Conv2DTranspose):
            positions = layer.input.shape[1] * layer.input.shape[2]
            total += positions * kernel[0] * kernel[1] * kernel[2] * kernel[3]
        elif isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
            positions = layer.output.shape[1] * layer.output.shape[2]
            total += positions * kernel[0] * kernel[1] * kernel[2] * kernel[3]
        elif isinstance(layer, layers.Dense):
            total += kernel[0] * kernel[1]
    return int(total)
