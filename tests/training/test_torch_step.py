"""The step on torch equals Keras' own, and copies no number to the device. Torch is not among the requirements."""

import os
import subprocess
import sys

import pytest
from checkout import ROOT

pytest.importorskip("torch", reason="torch is not installed: pip install torch")

SETUP = """
import sys
import keras
import numpy as np
import torch
from keras import layers
from toy import ToySource
from lprnet_utils.networks import lprnet_lite
from lprnet_utils.training import Trainer, TrainingConfig, map_loss
from lprnet_utils.training.optimizer import Muon
from lprnet_utils.training.torch_step import TorchStep
from lprnet_utils.uv import UVLayout
assert keras.backend.backend() == "torch"
torch.set_num_threads(2)
layout, rng = UVLayout(64), np.random.default_rng(0)
x = rng.random((4, 64, 64, 3), np.float32)
y = (0.5 + 0.003 * layout.mean_map + rng.normal(0, 0.01, (4, 64, 64, 3))).astype(np.float32)
loss = map_loss(layout, "l1", 8.0, 1.0, 0.5, 1.0, 4.0)
def network(optimizer):
    keras.utils.set_random_seed(0)
    model = lprnet_lite(64)
    model.compile(optimizer(1e-3, global_clipnorm=1.0), loss)
    model.optimizer.build(model.trainable_variables)
    return model
"""

UPDATE = """
for optimizer in (Muon, keras.optimizers.Adam):
    models = [network(optimizer) for _ in range(2)]
    before = models[0].get_weights()
    step = TorchStep(models[0], loss)
    for k in range(3):
        shapes = [v.shape for v in models[0].trainable_variables]
        gradients = [torch.as_tensor(rng.normal(0, 0.02, shape).astype(np.float32)) for shape in shapes]
        for variable, gradient in zip(models[0].trainable_variables, gradients):
            variable.value.grad = gradient.clone()
        rate = 1e-3 * (k + 1)
        step._update(*torch.tensor(step.numbers(rate, 0.5, k)))
        models[1].optimizer.learning_rate = rate
        models[1].optimizer.apply(gradients, models[1].trainable_variables)
    for a, b in zip(*(m.get_weights() for m in models)):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-6), abs(a - b).max()
    for a, b in zip(*(m.optimizer.variables[2:] for m in models)):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-7), abs(np.array(a) - np.array(b)).max()
    moved = sum(np.abs(a - b).mean() for a, b in zip(models[1].get_weights(), before))
    average = sum(np.abs(a.numpy() - b).mean() for a, b in zip(step.average, before))
    assert 0.5 * moved < average < 0.9 * moved, (average, moved)
"""

NORMALISATION = """
from lprnet_utils.networks.layers import BatchNormalization
x = torch.as_tensor(rng.normal(1, 3, (5, 6, 7, 8)).astype(np.float32))
found = []
for layer in (BatchNormalization(momentum=0.9), layers.BatchNormalization(momentum=0.9)):
    layer.build(x.shape)
    layer.gamma.assign(np.linspace(0.5, 2, 8))
    inputs = x.clone().requires_grad_()
    outputs = layer(inputs, training=True)
    (outputs**3).sum().backward()
    arrays = outputs, inputs.grad, layer.gamma.value.grad, layer.moving_mean.value, layer.moving_variance.value
    found.append([a.detach().numpy() for a in arrays])
for a, b in zip(*found):
    assert np.allclose(a, b, rtol=1e-4, atol=1e-4), abs(a - b).max()
"""

OTHER_LAYERS = """
from lprnet_utils.networks.layers import Rescaling, UpSampling2D
x = torch.as_tensor(rng.normal(1, 3, (2, 6, 7, 4)).astype(np.float32))
pairs = [(UpSampling2D(2, interpolation="bilinear"), layers.UpSampling2D(2, interpolation="bilinear")),
         (Rescaling(1.5, offset=0.5), layers.Rescaling(1.5, offset=0.5))]
for ours, theirs in pairs:
    found, expected = ours(x), theirs(x)
    assert found.shape == expected.shape and np.allclose(found, expected, atol=1e-5), type(ours)
"""

NO_COPIES = """
model = network(Muon)
step, copied, convert = TorchStep(model, loss), [], torch.as_tensor
def watched(value, *args, **options):
    if not isinstance(value, torch.Tensor):
        copied.append(value)
    return convert(value, *args, **options)
x, y = torch.as_tensor(x), torch.as_tensor(y)
torch.as_tensor = watched
step(x, y, 1e-3, 0.9, 0)
assert not copied, copied
keras.ops.clip(x, 0.0, 1.0)
assert copied, "Keras copies plain numbers so"
"""

TRAINING = """
config = TrainingConfig(samples=24, batch_size=4, warmup=8, optimizer="muon", learning_rate=4e-3, checkpoint_every=12,
                        validate_every=8, average=0.9, seed=3)
def part(name, **options):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((128, 128, 3))
    small = keras.layers.Conv2D(16, 5, strides=8, padding="same")(inputs)
    small = keras.layers.Conv2D(3, 1)(keras.layers.Conv2D(24, 1)(keras.layers.BatchNormalization()(small)))
    model = keras.Model(inputs, keras.layers.UpSampling2D(8, interpolation="bilinear")(small))
    trainer = Trainer(model, config, f"{sys.argv[1]}/{name}")
    trainer._step_on_torch = trainer._step_on_torch or TorchStep(model, map_loss(trainer.task.layout))
    trainer._average = trainer._step_on_torch.average
    trainer._resume()
    trainer.run(ToySource(6), ToySource(2, seed=9), **options)
    return trainer
whole = part("whole")
part("parts", stop_after=2)
parts = part("parts")
assert whole.step == parts.step == 6 and int(parts.optimizer.iterations) == 6
for a, b in zip(whole.average + whole.model.get_weights(), parts.average + parts.model.get_weights()):
    assert np.allclose(a, b, atol=1e-5)
"""


@pytest.mark.parametrize(
    "program",
    [UPDATE, NORMALISATION, OTHER_LAYERS, NO_COPIES, TRAINING],
    ids=["update", "normalisation", "layers", "no-copies", "training"],
)
def test_on_torch(program, tmp_path):
    environment = os.environ | {"KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": ""}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "helpers")))
    command = [sys.executable, "-c", SETUP + program, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
