"""Size, cost and output of the networks."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest

from lprnet_utils import UVLayout
from lprnet_utils.networks import (
    BatchNormalization,
    count_multiply_adds,
    head_angle_network,
    lprnet,
    lprnet_lite,
    prnet,
)
from lprnet_utils.networks.layers import Conv2D
from lprnet_utils.uv import decode_map


@pytest.fixture(scope="module")
def network():
    return lprnet()


def test_parameters_and_multiply_adds_are_the_published_ones(network):
    assert network.count_params() == 4_484_867
    assert round(count_multiply_adds(network) / 1e6, 1) == 384.3


def test_shapes_and_range(network):
    out = network.predict(np.random.default_rng(0).random((2, 128, 128, 3), np.float32), verbose=0)
    assert out.shape == (2, 128, 128, 3) and out.min() >= 0 and out.max() <= 1
    assert lprnet(64).output_shape == (None, 64, 64, 3)
    with pytest.raises(ValueError, match="multiple of 32"):
        lprnet(100)


def test_lprnet_lite_keeps_its_budget_and_starts_at_the_mean_face():
    lite = lprnet_lite()
    assert lite.count_params() <= 2_000_000 and count_multiply_adds(lite) <= 60_000_000
    crops = np.random.default_rng(0).random((2, 128, 128, 3), np.float32)
    out = np.asarray(lite.predict_on_batch(crops))
    assert out.shape == (2, 128, 128, 3)
    layout = UVLayout()
    landmarks, mean = layout.landmarks(decode_map(out[0])), layout.landmarks(layout.mean_map)
    box = np.ptp(landmarks, axis=0)[:2]
    assert abs(128 / box.mean() - 1.5) < 0.02, "the mean face fills the crop as a labelled face does"
    assert np.abs(landmarks[[36, 45, 30, 8], 0] - [37.3, 89.7, 63.5, 63.5]).max() < 1.5
    relative = (landmarks - landmarks.mean(0)) / box.mean() - (mean - mean.mean(0)) * [1, -1, 1] / np.ptp(mean, axis=0)[
        :2
    ].mean()
    assert np.abs(relative).max() < 0.02
    assert np.abs(np.diff(out[0], n=2, axis=0)).max() < 0.02, "no checkerboard before training either"
    with pytest.raises(ValueError, match="multiple of 32"):
        lprnet_lite(100)


@pytest.mark.parametrize("bias", [False, True])
def test_pointwise_convolution_trains_as_that_of_keras(bias):
    """The matrix product has the outputs and gradients of the convolution."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 7, 6)).astype(np.float32)
    ours, theirs = Conv2D(4, 1, use_bias=bias), keras.layers.Conv2D(4, 1, use_bias=bias)
    found = []
    for layer in (ours, theirs):
        layer.build(x.shape)
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()] if layer is ours else found[0][0])
        with tf.GradientTape() as tape:
            y = layer(x, training=True) if layer is ours else layer(x)
            total = tf.reduce_sum(y**2)
        found.append((layer.get_weights(), y.numpy(), *tape.gradient(total, layer.trainable_weights)))
    for a, b in zip(found[0][1:], found[1][1:], strict=True):
        assert np.allclose(a, b, rtol=1e-5, atol=1e-4)


def test_parts_of_lprnet_lite_can_be_left_out():
    crops = np.zeros((1, 64, 64, 3), np.float32)
    start = UVLayout(64).landmarks(decode_map(np.asarray(lprnet_lite(64).predict_on_batch(crops))[0]))
    for options in ({"code": 0}, {"posed": False}, {"code": 0, "posed": False}, {"normalised": False}):
        network = lprnet_lite(64, **options)
        out = np.asarray(network.predict_on_batch(crops))
        assert out.shape == (1, 64, 64, 3) and network.count_params() < lprnet_lite(64).count_params()
        at_the_mean = np.abs(UVLayout(64).landmarks(decode_map(out[0])) - start).max() < 1
        assert at_the_mean == options.get("posed", True)


def test_prnet_has_its_published_size():
    network = prnet()
    trained = sum(int(np.prod(w.shape)) for w in network.trainable_weights)
    assert round(trained / 1e6, 2) == 13.35 and round(count_multiply_adds(network) / 1e9, 2) == 4.13
    assert network.output_shape == (None, 256, 256, 3)
    out = np.asarray(prnet(64).predict_on_batch(np.zeros((1, 64, 64, 3), np.float32)))
    assert out.shape == (1, 64, 64, 3) and 0 <= out.min() and out.max() <= 1
    with pytest.raises(ValueError, match="multiple of 32"):
        prnet(100)


def test_multiply_adds_by_hand():
    inputs = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same")(inputs)  # 4 x 4 outputs, 9 x 2 x 5 each
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)  # 4 x 4 outputs, 9 x 5
    x = keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(x)  # 4 x 4 inputs, 9 x 5 x 4
    x = keras.layers.Dense(7)(keras.layers.Flatten()(keras.layers.ReLU()(x)))  # 256 x 7
    assert count_multiply_adds(keras.Model(inputs, x)) == 16 * 90 + 16 * 45 + 16 * 180 + 1792


def test_fused_batch_normalisation_trains_as_that_of_keras():
    """It has the output, gradients and moving statistics of the parent class."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the fused kernel is TensorFlow's")
    import tensorflow as tf

    x = tf.constant(np.random.default_rng(0).normal(2, 3, (4, 6, 5, 3)).astype(np.float32))
    results = []
    for kind in (keras.layers.BatchNormalization, BatchNormalization):
        layer = kind(epsilon=1e-3)
        layer.build(x.shape)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y**3)
        gradients = tape.gradient(loss, [x, *[v.value for v in layer.trainable_variables]])
        layer.trainable = False  # a frozen layer uses its moving statistics, also in training
        frozen = layer(x, training=True).numpy()
        weights = [np.array(w) for w in layer.get_weights()]
        results.append([y.numpy(), *[g.numpy() for g in gradients], *weights, frozen])
    for one, other in zip(*results, strict=True):
        assert np.allclose(one, other, rtol=1e-3, atol=2e-4)


def test_both_networks_together_keep_the_budget():
    """They need at most 60 M multiply-adds, and the head-angle network sees the crop at 32 x 32 pixels."""
    angle_network = head_angle_network()
    assert count_multiply_adds(angle_network) + count_multiply_adds(lprnet_lite()) <= 60_000_000
    crops = np.random.default_rng(0).random((2, 128, 128, 3), np.float32)
    blocks = crops.reshape(2, 32, 4, 32, 4, 3).mean((2, 4)).repeat(4, 1).repeat(4, 2)
    same = angle_network.predict_on_batch(crops), angle_network.predict_on_batch(blocks)
    assert same[0].shape == (2, 2) and np.allclose(*same, atol=1e-5)
    with pytest.raises(ValueError, match="multiple of 32"):
        head_angle_network(100)
