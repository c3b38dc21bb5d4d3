"""Size, cost and output of the networks."""

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


def random_crops(size=128):
    return np.random.default_rng(0).random((2, size, size, 3), np.float32)


def test_lprnet_has_its_published_size_shape_and_range():
    network = lprnet()
    assert network.count_params() == 4_484_867
    assert round(count_multiply_adds(network) / 1e6, 1) == 384.3
    out = network.predict_on_batch(random_crops())
    assert out.shape == (2, 128, 128, 3) and out.min() >= 0 and out.max() <= 1
    assert lprnet(64).output_shape == (None, 64, 64, 3)


def test_prnet_has_its_published_size_shape_and_range():
    network = prnet()
    trained = sum(int(np.prod(w.shape)) for w in network.trainable_weights)
    assert round(trained / 1e6, 2) == 13.35 and round(count_multiply_adds(network) / 1e9, 2) == 4.13
    assert network.output_shape == (None, 256, 256, 3)
    out = prnet(64).predict_on_batch(random_crops(64))
    assert out.shape == (2, 64, 64, 3) and out.min() >= 0 and out.max() <= 1


@pytest.mark.parametrize("build", [lprnet, prnet, lprnet_lite, head_angle_network])
def test_a_wrong_size_is_refused(build):
    with pytest.raises(ValueError, match="multiple of 32"):
        build(100)


def test_lprnet_lite_keeps_its_budget_and_starts_at_the_mean_face(layout):
    lite = lprnet_lite()
    assert lite.count_params() <= 2_000_000 and count_multiply_adds(lite) <= 60_000_000
    out = lite.predict_on_batch(random_crops())
    assert out.shape == (2, 128, 128, 3)
    landmarks, mean = layout.landmarks(decode_map(out[0])), layout.landmarks(layout.mean_map)
    box = np.ptp(landmarks, axis=0)[:2]
    assert abs(128 / box.mean() - 1.5) < 0.02, "the mean face fills the crop as a labelled face does"
    assert np.abs(landmarks[[36, 45, 30, 8], 0] - [37.3, 89.7, 63.5, 63.5]).max() < 1.5
    relative = (landmarks - landmarks.mean(0)) / box.mean()
    relative -= (mean - mean.mean(0)) * [1, -1, 1] / np.ptp(mean, axis=0)[:2].mean()
    assert np.abs(relative).max() < 0.02
    assert np.abs(np.diff(out[0], n=2, axis=0)).max() < 0.02, "no checkerboard before training either"


@pytest.mark.slow
def test_parts_of_lprnet_lite_can_be_left_out():
    crops, layout = random_crops(64), UVLayout(64)
    whole = lprnet_lite(64)
    start = layout.landmarks(decode_map(whole.predict_on_batch(crops)[0]))
    for options in ({"code": 0}, {"posed": False}, {"code": 0, "posed": False}, {"normalised": False}):
        network = lprnet_lite(64, **options)
        out = network.predict_on_batch(crops)
        assert out.shape == (2, 64, 64, 3) and network.count_params() < whole.count_params()
        at_the_mean = np.abs(layout.landmarks(decode_map(out[0])) - start).max() < 1
        assert at_the_mean == options.get("posed", True)


def test_multiply_adds_by_hand():
    inputs = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same")(inputs)  # 4 x 4 outputs, 9 x 2 x 5 each
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)  # 4 x 4 outputs, 9 x 5
    x = keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(x)  # 4 x 4 inputs, 9 x 5 x 4
    x = keras.layers.SeparableConv2D(6, 3, strides=2, padding="same")(x)  # 4 x 4 outputs, 9 x 4 + 4 x 6
    x = keras.layers.Dense(7)(keras.layers.Flatten()(keras.layers.ReLU()(x)))  # 96 x 7
    assert count_multiply_adds(keras.Model(inputs, x)) == 16 * 90 + 16 * 45 + 16 * 180 + 16 * 60 + 672


@pytest.mark.parametrize(("ours", "theirs", "options", "rtol", "atol"), [
    (BatchNormalization, keras.layers.BatchNormalization, {"epsilon": 1e-3}, 1e-3, 2e-4),
    (Conv2D, keras.layers.Conv2D, {"filters": 4, "kernel_size": 1, "use_bias": False}, 1e-5, 1e-4),
    (Conv2D, keras.layers.Conv2D, {"filters": 4, "kernel_size": 1, "use_bias": True}, 1e-5, 1e-4),
])  # fmt: skip
def test_layers_train_as_those_of_keras(ours, theirs, options, rtol, atol):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the fast layers are TensorFlow's")
    import tensorflow as tf

    x = tf.constant(np.random.default_rng(0).normal(2, 3, (4, 6, 5, 3)).astype(np.float32))
    results = []
    for kind in (ours, theirs):
        layer, rng = kind(**options), np.random.default_rng(1)
        layer.build(x.shape)
        layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y**3)
        gradients = tape.gradient(loss, [x, *[v.value for v in layer.trainable_variables]])
        layer.trainable = False  # a frozen layer uses its moving statistics, also in training
        results.append([y, *gradients, *layer.get_weights(), layer(x, training=True)])
    for one, other in zip(*results, strict=True):
        assert np.allclose(one, other, rtol, atol)


def test_both_networks_together_keep_the_budget():
    """The head-angle network sees the crop at 32 x 32 pixels."""
    angle_network = head_angle_network()
    assert count_multiply_adds(angle_network) + count_multiply_adds(lprnet_lite()) <= 60_000_000
    crops = random_crops()
    blocks = crops.reshape(2, 32, 4, 32, 4, 3).mean((2, 4)).repeat(4, 1).repeat(4, 2)
    same = angle_network.predict_on_batch(crops), angle_network.predict_on_batch(blocks)
    assert same[0].shape == (2, 2) and np.allclose(*same, atol=1e-5)
