"""Keras layers that train faster on TensorFlow or torch, and the cost of layers in multiply-adds."""

import keras
import numpy as np
from keras import layers, ops


class BatchNormalization(layers.BatchNormalization):
    """Keras' batch normalisation, trained with one fused kernel on TensorFlow (1.2 times the speed) and on torch.

    Weight files use the class name as a key, so the name is that of the parent class: files fit both classes.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise (B, H, W, C) over all axes but the channels."""
        backend = keras.backend.backend()
        if training and self.trainable:
            if backend == "torch" and self.compute_dtype != "float16":
                return self._train_on_torch(inputs)
            if backend == "tensorflow" and self.compute_dtype == "float32":
                return self._train_on_tensorflow(inputs)
        return super().call(inputs, training=training, mask=mask)

    def _train_on_tensorflow(self, inputs):
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], inputs.dtype)
        variance *= (count - 1) / count  # the kernel returns the unbiased estimate, Keras uses the biased one
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + tf.stop_gradient(new) * (1 - self.momentum))
        return outputs

    def _train_on_torch(self, inputs):
        import torch

        gamma, beta = (ops.cast(v, "float32") for v in (self.gamma, self.beta))
        outputs, mean, inverse = torch.native_batch_norm(
            inputs.movedim(-1, 1), gamma, beta, None, None, True, 0.0, self.epsilon
        )
        if inputs.device.type != "meta":  # Keras asks for the shape of the output alone
            with torch.no_grad():
                self.moving_mean.value.lerp_(mean, 1 - self.momentum)
                self.moving_variance.value.lerp_(inverse**-2 - self.epsilon, 1 - self.momentum)
        return outputs.movedim(1, -1)


class UpSampling2D(layers.UpSampling2D):
    """Keras' upsampling, which on torch stays in half precision (Keras converts to float32 and back)."""

    def call(self, inputs):
        """Enlarge (B, H, W, C)."""
        if keras.backend.backend() != "torch" or self.interpolation != "bilinear":
            return super().call(inputs)
        import torch

        sizes = {"scale_factor": tuple(float(s) for s in self.size), "mode": "bilinear", "align_corners": False}
        return torch.nn.functional.interpolate(inputs.movedim(-1, 1), **sizes).movedim(1, -1)


class Rescaling(layers.Rescaling):
    """Keras' rescaling by plain numbers, which on torch would be copied to the device at every step."""

    def call(self, inputs):
        """Scale and offset an array of any shape."""
        return ops.cast(inputs, self.compute_dtype) * self.scale + self.offset


class Conv2D(layers.Conv2D):
    """Keras' convolution; on TensorFlow it trains 1 x 1 kernels as a matrix product (gradients 1.6 times as fast).

    The name is that of the parent class for the same reason as with :class:`BatchNormalization`.
    """

    def call(self, inputs, training=None):
        """Convolve (B, H, W, C)."""
        pointwise = self.kernel_size == self.strides == (1, 1)
        if not training or not pointwise or keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        # each pixel is a row; Eigen's matrix product is faster than oneDNN's gradients of 1 x 1 kernels
        rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
        rows = ops.matmul(rows, ops.reshape(self.kernel, self.kernel.shape[-2:]))
        if self.use_bias:
            rows = ops.add(rows, self.bias)
        return ops.reshape(rows, (-1, *inputs.shape[1:-1], self.filters))


def layer_multiply_adds(layer: keras.Layer) -> int:
    """Count the multiply-adds of one layer for one image: of convolutions and dense layers, without their bias.

    A transposed convolution counts every product of an input value and a weight.
    """
    if isinstance(layer, layers.SeparableConv2D):  # Keras makes no ``kernel`` of its two
        work = np.prod(layer.depthwise_kernel.shape) + np.prod(layer.pointwise_kernel.shape)
        return int(work) * layer.output.shape[1] * layer.output.shape[2]
    if not hasattr(layer, "kernel"):
        return 0
    work = int(np.prod(layer.kernel.shape))
    if isinstance(layer, layers.Conv2DTranspose):
        return work * layer.input.shape[1] * layer.input.shape[2]
    if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
        return work * layer.output.shape[1] * layer.output.shape[2]
    return work if isinstance(layer, layers.Dense) else 0


def count_multiply_adds(model: keras.Model) -> int:
    """Count the multiply-adds of a network for one image, see :func:`layer_multiply_adds`.

    Examples
    --------
    >>> inputs = keras.Input((8, 8, 2))
    >>> count_multiply_adds(keras.Model(inputs, layers.Conv2D(5, 3, padding="same")(inputs)))  # 8 * 8 * 3 * 3 * 2 * 5
    5760
    """
    return sum(map(layer_multiply_adds, model._flatten_layers(include_self=False)))
