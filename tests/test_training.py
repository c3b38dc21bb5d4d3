"""Loss by hand, batches that repeat, and runs that survive a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
from toy import ToySource, tiny_network

from lprnet_utils.batches import Mixture, make_batch
from lprnet_utils.recipes import TrainingConfig
from lprnet_utils.training import (
    CheckpointError,
    Muon,
    Trainer,
    learning_rate,
    load_checkpoint,
    map_loss,
    save_checkpoint,
)
from lprnet_utils.uv import SPAN, UVLayout, decode_map

CONFIG = TrainingConfig(
    samples=64, batch_size=8, warmup=16, checkpoint_every=16, validate_every=32, augmentation="wide", seed=3
)


def test_muon_makes_the_steps_of_matrices_orthogonal():
    """1 x 1 convolutions and dense layers alike; 3 x 3 kernels, biases and thin last layers are Adam's."""
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


def test_loss_by_hand():
    layout = UVLayout()
    rng = np.random.default_rng(0)
    truth = rng.random((2, 128, 128, 3)).astype(np.float32)
    predicted = truth.copy()
    predicted[0] += 0.01  # everywhere, so texels and landmarks are both off by 0.01
    predicted[1][~layout.mask] += 0.5  # outside the mesh: free
    for kind, penalty in (("l1", 0.01 * 100 * SPAN), ("l2", (0.01 * 100 * SPAN) ** 2)):
        loss = np.asarray(map_loss(layout, kind, landmark_weight=0.5)(truth, predicted))
        assert loss[0] == pytest.approx(1.5 * penalty, rel=1e-3)
        assert loss[1] == pytest.approx(0, abs=1e-5 * penalty)


def test_batches_depend_on_seed_and_number_only():
    source = ToySource(6)
    x, y = make_batch(source, CONFIG, 5)
    again = make_batch(source, CONFIG, 5)
    assert (x == again[0]).all() and (y == again[1]).all()
    assert (make_batch(source, CONFIG, 6)[0] != x).any()
    assert x.shape == y.shape == (8, 128, 128, 3) and x.dtype == y.dtype == np.float32
    assert x.min() >= 0 and x.max() <= 1


def test_a_mixture_draws_from_its_sources_by_their_shares():
    first, second = ToySource(6), ToySource(3, seed=1)
    second.cropped = True
    both = Mixture([first, second], [3, 1])
    assert len(both) == 9 and both.cropped.tolist() == [False] * 6 + [True] * 3
    assert both.weights[:6].sum() == pytest.approx(0.75) and both.weights.sum() == pytest.approx(1)
    for i, (source, row) in enumerate([(first, k) for k in range(6)] + [(second, k) for k in range(3)]):
        assert (both.image(i) == source.image(row)).all() and (both.landmarks(i) == source.landmarks(row)).all()
        assert (both.box(i) == source.box(row)).all()
    maps = both.maps([7, 2, 8])
    assert (maps == np.stack([second.maps([1])[0], first.maps([2])[0], second.maps([2])[0]])).all()
    with pytest.raises(ValueError, match="as many shares"):
        Mixture([first, second], [1])


def test_what_was_varied_when_made_is_only_mirrored():
    source = ToySource(1)
    source.cropped = True
    shown = source.image(0)[:128, :128]
    source.image = lambda i: shown
    crops = make_batch(source, CONFIG, 0)[0]
    for crop in crops:
        assert np.allclose(crop, shown / 255, atol=1e-6) or np.allclose(crop, shown[:, ::-1] / 255, atol=1e-6)


def test_batch_shows_the_face_where_the_map_says():
    """The toy photos have a bright dot at the nose tip, black elsewhere."""
    from dataclasses import replace

    source = ToySource(6)
    layout = UVLayout()
    x, y = make_batch(source, replace(CONFIG, augmentation="geometry"), 0)
    for crop, code in zip(x, y, strict=True):
        weight = crop[..., 0].astype(float)
        rows, columns = np.mgrid[0:128, 0:128]
        dot = [(weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()]
        assert np.abs(layout.landmarks(decode_map(code))[30, :2] - dot).max() < 0.3


def test_learning_rate_rises_and_falls_to_nothing():
    config = TrainingConfig(samples=1000, warmup=100, batch_size=10, learning_rate=0.1)
    rates = [learning_rate(config, s) for s in range(0, 1001, 10)]
    assert np.argmax(rates) == 10 and max(rates) == pytest.approx(0.1)
    assert rates[55] == pytest.approx(0.05, rel=0.01) and rates[-1] == pytest.approx(0, abs=1e-9)


def test_recipes_and_their_errors(tmp_path):
    assert TrainingConfig.load("published-wild").network == "lprnet"
    path = tmp_path / "r.toml"
    path.write_text("samples = 10\nsampels = 5\n")
    with pytest.raises(ValueError, match="sampels"):
        TrainingConfig.load(path)
    path.write_text("samples = = 3")
    with pytest.raises(ValueError, match="not valid TOML"):
        TrainingConfig.load(path)
    path.write_text('loss = "huber"')
    with pytest.raises(ValueError, match="one of l1, l2"):
        TrainingConfig.load(path)


def test_checkpoint_round_trip_and_damage(tmp_path):
    path = tmp_path / "checkpoint.bin"
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_checkpoint(path)
    save_checkpoint(path, {"a": np.arange(1000)}, {"step": 1})
    save_checkpoint(path, {"a": np.arange(1000) * 2}, {"step": 2})
    arrays, info = load_checkpoint(path)
    assert info["step"] == 2 and arrays["a"][3] == 6
    assert load_checkpoint(tmp_path / "checkpoint.bin.previous")[1]["step"] == 1
    data = path.read_bytes()
    for broken in (data[:-100], data[:500] + bytes([data[500] ^ 1]) + data[501:], b""):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match="truncated or altered"):
            load_checkpoint(path)


def run(folder, config=CONFIG, **options):
    keras.utils.set_random_seed(1)
    trainer = Trainer(tiny_network(), config, folder)
    trainer.run(ToySource(6), ToySource(2, seed=9), **options)
    return trainer


def test_a_stopped_run_ends_as_an_unbroken_one(tmp_path):
    whole = run(tmp_path / "whole")
    run(tmp_path / "parts", stop_after=3)
    parts = run(tmp_path / "parts")
    assert parts.step == whole.step == 8 and parts.best == pytest.approx(whole.best, rel=1e-3)
    for one, other in zip(whole.model.get_weights(), parts.model.get_weights(), strict=True):
        assert np.allclose(one, other, atol=1e-5)
    for name in ("best.weights.h5", "checkpoint.bin", "log.csv"):
        assert (tmp_path / "parts" / name).stat().st_size > 0
    logs = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("whole", "parts")]
    assert [row.split(",")[0] for row in logs[0]] == [row.split(",")[0] for row in logs[1]] == ["sample", "32", "64"]
    assert logs[0][0].endswith(",outside") and all(0 <= float(row.split(",")[-1]) <= 1 for row in logs[0][1:])
    best = tiny_network()
    best.load_weights(tmp_path / "whole" / "best.weights.h5")


def test_a_damaged_checkpoint_falls_back_and_another_recipe_is_refused(tmp_path, capsys):
    from dataclasses import replace

    run(tmp_path, stop_after=5)
    path = tmp_path / "checkpoint.bin"
    path.write_bytes(path.read_bytes()[:1000])
    trainer = Trainer(tiny_network(), CONFIG, tmp_path)
    assert trainer.step == 4 and "truncated" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match="seed"):
        Trainer(tiny_network(), replace(CONFIG, seed=4), tmp_path)
    (tmp_path / "checkpoint.bin.previous").unlink()
    with pytest.raises(CheckpointError, match="truncated"):
        Trainer(tiny_network(), CONFIG, tmp_path)


def test_sigkill_loses_nothing(tmp_path):
    """Killed at random moments, while it writes a checkpoint at every step, a run always goes on."""
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from toy import ToySource, tiny_network\n"
        "from lprnet_utils.recipes import TrainingConfig\n"
        "from lprnet_utils.training import Trainer\n"
        "c = TrainingConfig(samples=100000, batch_size=2, checkpoint_every=2, validate_every=10**6)\n"
        "t = Trainer(tiny_network(), c, sys.argv[1]); print('resumed', t.step, flush=True)\n"
        "t.run(ToySource(2), ToySource(1))\n"
    )
    here = Path(__file__).resolve()
    command = [sys.executable, "-c", script, str(tmp_path), str(here.parent), str(here.parents[1])]
    rng = np.random.default_rng(0)
    steps = []
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        # killed between two renames, the run says first that it goes on from the checkpoint before
        steps.append(int(next(line for line in process.stdout if line.startswith("resumed")).split()[1]))
        path = tmp_path / "checkpoint.bin"
        end = time.monotonic() + 90
        before = path.stat().st_mtime_ns if path.exists() else 0
        while (not path.exists() or path.stat().st_mtime_ns == before) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
    info = load_checkpoint(tmp_path / "checkpoint.bin" if (tmp_path / "checkpoint.bin").exists() else
                           tmp_path / "checkpoint.bin.previous")[1]  # fmt: skip
    assert steps[0] == 0 and steps[0] < steps[1] < steps[2] <= info["step"]
    assert json.dumps(info)
