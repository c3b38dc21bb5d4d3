"""Learning rate and the Muon optimizer."""

import keras
import numpy as np
import pytest

from lprnet_utils.training import TrainingConfig, learning_rate
from lprnet_utils.training.optimizer import Muon


def test_muon_makes_the_steps_of_matrices_orthogonal():
    """This holds for 1 x 1 convolutions and dense layers. Adam updates 3 x 3 kernels, biases and thin last layers."""
    rng = np.random.default_rng(0)
    shapes = {"point": (1, 1, 24, 32), "dense": (40, 20), "depth": (3, 3, 24, 1), "bias": (24,), "last": (1, 1, 24, 3)}
    variables = {n: keras.Variable(np.zeros(s, np.float32), name=n) for n, s in shapes.items()}
    muon = Muon(0.01, weight_decay=None, adam_weight_decay=None)
    gradients = [keras.ops.convert_to_tensor(rng.normal(size=s).astype(np.float32)) for s in shapes.values()]
    muon.apply(gradients, list(variables.values()))
    for name, shape in shapes.items():
        step = np.asarray(variables[name]).reshape(-1, shape[-1])
        if name in ("point", "dense"):
            sigma = np.linalg.svd(step, compute_uv=False) / (0.01 * 0.2 * max(shape[-2:]) ** 0.5)
            assert 0.5 < sigma.min() and sigma.max() < 1.5, "five Newton-Schulz steps bring all near 1"
        else:
            assert np.allclose(np.abs(step), 0.01, rtol=0.05), "the first step of Adam"


def test_learning_rate_rises_and_falls_to_zero():
    config = TrainingConfig(samples=1000, warmup=100, batch_size=10, learning_rate=0.1)
    rates = [learning_rate(config, s) for s in range(0, 1001, 10)]
    assert np.argmax(rates) == 10 and max(rates) == pytest.approx(0.1)
    assert rates[55] == pytest.approx(0.05, rel=0.01) and rates[-1] == pytest.approx(0, abs=1e-9)
    original = TrainingConfig.load("published-original")
    epoch = original.samples / 15
    rates = [learning_rate(original, int(e * epoch)) for e in (0, 4.9, 5, 10, 14.9)]
    assert rates == [1e-4, 1e-4, 5e-5, 2.5e-5, 2.5e-5]
