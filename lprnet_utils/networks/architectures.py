"""The networks in pure Keras 3, which train on TensorFlow, JAX and torch alike: L-PRNet, PRNet, and our own.

The side ``size`` of crops and position maps is a multiple of 32, because each network halves its input five times.
"""

import keras
import numpy as np
from keras import layers

from ..geometry.crop import crop_side
from ..uv.charts import load_layout
from ..uv.encoding import SPAN
from .layers import BatchNormalization, Conv2D, Rescaling, UpSampling2D

# (stride, width) of L-PRNet's separable convolutions, and widths of its transposed convolutions
LPRNET_ENCODER = ((2, 64), (1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), (1, 512))
LPRNET_DECODER = (512, 256, 128, 64, 32)

# (width, stride) of PRNet's residual blocks, and of its transposed convolutions
PRNET_ENCODER = ((32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))
PRNET_DECODER = ((512, 1), (256, 2), (256, 1), (256, 1), (128, 2), (128, 1), (128, 1), (64, 2), (64, 1), (64, 1),
                 (32, 2), (32, 1), (16, 2), (16, 1), (3, 1), (3, 1))  # fmt: skip

# (stride, width, expansion, blocks) of the stages of our encoder; each halves the side
LITE_STAGES = ((2, 24, 4, 2), (2, 48, 4, 2), (2, 96, 4, 3), (2, 160, 4, 3))


def _crops(size: int) -> keras.KerasTensor:
    """The input, RGB crops (B, size, size, 3)."""
    if size % 32:
        raise ValueError(f"the network halves the crop five times: its side must be a multiple of 32, not {size}")
    return keras.Input((size, size, 3))


def _normalise_relu(x, momentum: float = 0.99):
    return layers.ReLU()(BatchNormalization(momentum=momentum)(x))


def lprnet(size: int = 128, name: str = "lprnet") -> keras.Model:
    """Build the published L-PRNet: a MobileNet-like encoder and a shallow decoder of transposed convolutions.

    It maps RGB crops (B, size, size, 3), 0 to 1, to encoded position maps (B, size, size, 3), 0 to 1. It has 4,484,867
    parameters, the statistics of batch normalisation included, and needs 384.3 M multiply-adds at 128 x 128. ValueError
    if the size is no multiple of 32.

    Examples
    --------
    >>> lprnet().count_params()
    4484867
    """
    inputs = _crops(size)
    x = _normalise_relu(layers.Conv2D(32, 3, strides=2, padding="same")(inputs))
    for stride, width in LPRNET_ENCODER:
        x = _normalise_relu(layers.DepthwiseConv2D(3, strides=stride, padding="same")(x))
        x = _normalise_relu(layers.Conv2D(width, 1)(x))
    for k, width in enumerate(LPRNET_DECODER):
        x = layers.Conv2DTranspose(width, 3, strides=2, padding="same")(x)
        x = _normalise_relu(x) if k >= 2 else BatchNormalization()(x)
    x = layers.Conv2DTranspose(3, 3, padding="same")(x)
    outputs = layers.Activation("sigmoid", dtype="float32")(x)  # also under a half-precision policy
    return keras.Model(inputs, outputs, name=name)


def prnet(size: int = 256, name: str = "prnet") -> keras.Model:
    """Build PRNet for comparison: residual encoder and decoder of transposed convolutions, as in its code.

    It maps RGB crops (B, size, size, 3), 0 to 1, to PRNet's position maps (B, size, size, 3), 0 to 1. ValueError if the
    size is no multiple of 32. See Feng et al., ECCV 2018, section 3.2, and ``predictor.py`` of
    https://github.com/yfeng95/PRNet.
    """

    def convolution(x, width, kernel=1, stride=1):
        return layers.Conv2D(width, kernel, strides=stride, padding="same", use_bias=False)(x)

    inputs = _crops(size)
    x = _normalise_relu(convolution(inputs, 16, 4))
    for width, stride in PRNET_ENCODER:
        same = stride == 1 and x.shape[-1] == width
        shortcut = x if same else convolution(x, width, 1, stride)
        y = _normalise_relu(convolution(x, width // 2))
        y = _normalise_relu(convolution(y, width // 2, 4, stride))
        x = _normalise_relu(layers.Add()([convolution(y, width), shortcut]))
    for width, stride in PRNET_DECODER:
        x = _normalise_relu(layers.Conv2DTranspose(width, 4, strides=stride, padding="same", use_bias=False)(x))
    x = layers.Conv2DTranspose(3, 4, padding="same", use_bias=False)(x)
    outputs = layers.Activation("sigmoid", dtype="float32")(BatchNormalization()(x))
    return keras.Model(inputs, outputs, name=name)


def _posed_mean(code, size: int, chart: str):
    """The mean shape of a chart under an affine map, as encoded positions (B, s, s, 3) less 1/2, from a code (B, c).

    A dense layer reads the twelve numbers of the affine map from the code. Position, size and pose of the face make up
    most of a position map, and these numbers express them directly.
    """
    layout = load_layout(chart, 2 * size)
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
    size: int = 128, name: str = "lprnet_lite", code: int = 192, posed: bool = True, normalised: bool = True,
    chart: str = "face",
) -> keras.Model:  # fmt: skip
    """Build our network: an encoder of inverted residuals, and a decoder that alternates upsampling and convolution.

    It maps RGB crops (B, size, size, 3), 0 to 1, to encoded position maps (B, size, size, 3), about 0 to 1. A position
    map is smooth, so the decoder works at up to half of the map's side and upsamples bilinearly, which leaves no
    checkerboards. All operations are built into LiteRT. See Sandler et al., "MobileNetV2: Inverted Residuals and Linear
    Bottlenecks", CVPR 2018; Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016.

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
    chart : str
        What the maps show, see :func:`lprnet_utils.uv.load_layout`: its mean shape is the one that ``posed`` moves.

    Raises
    ------
    ValueError
        If the size is no multiple of 32.

    Examples
    --------
    >>> network = lprnet_lite(64)
    >>> network.output_shape
    (None, 64, 64, 3)
    """

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

    inputs = _crops(size)
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
        x = UpSampling2D(2, interpolation="bilinear")(pointwise(x, width))
        x = depthwise(x) if width < 128 else inverted_residual(x, width, 2)
    small = keras.initializers.RandomNormal(stddev=1e-3)
    # the last layers compute in float32 under any policy
    x = layers.Conv2D(3, 1, kernel_initializer=small, dtype="float32")(x)
    if posed:
        x = layers.Add(dtype="float32")([x, _posed_mean(face_code, size // 2, chart)])
    # a layer of its own: as part of earlier numbers, 0.5 would cost these precision in float16
    x = Rescaling(1.0, offset=0.5, dtype="float32")(x)
    outputs = UpSampling2D(2, interpolation="bilinear", dtype="float32")(x)
    return keras.Model(inputs, outputs, name=name)


def head_angle_network(size: int = 128, name: str = "head_angle") -> keras.Model:
    """Build a small network that tells how far the head in a crop leans, at a hundredth of the cost of the other.

    It maps RGB crops (B, size, size, 3), 0 to 1, to (B, 2): sine and cosine of the head's angle, clockwise from
    upright. An uncertain answer is shorter than 1. The network reduces the crop to a quarter of the side first.
    ValueError if the size is no multiple of 32.
    """
    inputs = _crops(size)
    x = layers.AveragePooling2D(4)(inputs)
    x = _normalise_relu(Conv2D(12, 3, strides=2, padding="same", use_bias=False)(x), momentum=0.95)
    for width, stride in ((16, 1), (32, 2), (48, 1), (64, 2)):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
        x = _normalise_relu(x, momentum=0.95)
        x = _normalise_relu(Conv2D(width, 1, use_bias=False)(x), momentum=0.95)
    x = layers.Dense(48, activation="relu")(layers.Flatten()(x))
    outputs = layers.Dense(2, dtype="float32")(x)
    return keras.Model(inputs, outputs, name=name)
