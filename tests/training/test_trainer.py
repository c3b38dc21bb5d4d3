"""Training runs: they resume after a kill, and refuse another recipe, network or photos."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import keras
import numpy as np
import pytest
from checkout import ROOT
from processes import another_process_in
from toy import ToySource, tiny_network

from lprnet_utils import networks
from lprnet_utils.common.files import (
    CheckpointError,
    InUseError,
    load_checkpoint,
    only_process,
    save_checkpoint,
)
from lprnet_utils.training import Trainer, TrainingConfig

ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests/helpers'}"}  # of subprocesses
CONFIG = TrainingConfig(samples=64, batch_size=8, warmup=16, checkpoint_every=16, validate_every=32, seed=3)


def run(folder, config=CONFIG, **options):
    keras.utils.set_random_seed(1)
    trainer = Trainer(tiny_network(), config, folder)
    trainer.run(ToySource(6), ToySource(2, seed=9), **options)
    return trainer


def test_a_stopped_run_ends_as_an_uninterrupted_one(tmp_path):
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
    run(tmp_path, stop_after=5)
    path = tmp_path / "checkpoint.bin"
    path.write_bytes(path.read_bytes()[:1000])
    damaged = path.read_bytes()
    trainer = Trainer(tiny_network(), CONFIG, tmp_path)
    assert trainer.step == 4 and "truncated" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match="seed"):
        Trainer(tiny_network(), replace(CONFIG, seed=4), tmp_path)
    previous = tmp_path / "checkpoint.bin.previous"
    good = previous.read_bytes()
    trainer.save()
    assert previous.read_bytes() == good, "the next write does not replace the good one with the damaged one"
    assert (tmp_path / "checkpoint.bin.damaged").read_bytes() == damaged, "the damaged one is kept for inspection"
    previous.unlink()
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="truncated"):
        Trainer(tiny_network(), CONFIG, tmp_path)


def test_a_run_resumes_only_with_the_same_network_and_photos(tmp_path):
    run(tmp_path, stop_after=3)
    inputs = keras.Input((128, 128, 3))
    other = keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs))
    with pytest.raises(CheckpointError, match="another network"):
        Trainer(other, CONFIG, tmp_path)
    with pytest.raises(CheckpointError, match="a run on other photos: 6 to train on and 2 held out, not 7 and 2"):
        Trainer(tiny_network(), CONFIG, tmp_path).run(ToySource(7), ToySource(2, seed=9))
    assert run(tmp_path).step == 8


def test_a_loss_or_weights_that_are_not_finite_stop_the_run_with_the_last_good_checkpoint(tmp_path, monkeypatch):
    run(tmp_path, stop_after=3)
    good, broken = (tmp_path / "checkpoint.bin").read_bytes(), ToySource(6)
    for k, position_map in enumerate(broken._maps):
        broken._maps[k] = position_map * np.nan
    trainer = Trainer(tiny_network(), CONFIG, tmp_path)
    with pytest.raises(RuntimeError, match="the loss is nan at step 3: lower the learning rate; the last good check"):
        trainer.run(broken, ToySource(2, seed=9))
    assert (tmp_path / "checkpoint.bin").read_bytes() == good
    # the update of a step breaks the weights, but its own loss was finite; a validation comes before the checkpoint
    assert CONFIG.validate_every // CONFIG.batch_size == 4, "as the step that breaks"
    trainer = Trainer(tiny_network(), CONFIG, tmp_path)

    def break_weights(*_):
        trainer.model.set_weights([w * np.inf for w in trainer.average])
        for average in trainer._average:
            average *= np.inf
        return 1.0

    monkeypatch.setattr(trainer, "_train", break_weights)
    with pytest.raises(RuntimeError, match="weights are not finite after step 4.*the last good checkpoint is kept"):
        trainer.run(ToySource(6), ToySource(2, seed=9))
    assert (tmp_path / "checkpoint.bin").read_bytes() == good and not (tmp_path / "last.weights.h5").exists()
    trainer = Trainer(tiny_network(), CONFIG, tmp_path / "new")
    with pytest.raises(RuntimeError, match="the loss is nan at step 0.*there is no checkpoint yet"):
        trainer.run(broken, ToySource(2, seed=9))


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError(),
              ValueError("OOM when allocating tensor with shape[512,64,64,96]")]
)  # fmt: skip
def test_full_memory_is_explained(tmp_path, monkeypatch, error):
    trainer = Trainer(tiny_network(), CONFIG, tmp_path)

    def fail(*_):
        raise error

    monkeypatch.setattr(trainer, "_train", fail)
    with pytest.raises(RuntimeError, match="the memory is full: lower batch_size .*--keep"):
        trainer.run(ToySource(6), ToySource(2, seed=9))


def test_the_run_says_how_long_it_will_take(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("lprnet_utils.training.trainer.SECONDS_TO_TELL", 0.05)
    run(tmp_path)
    printed = capsys.readouterr()
    assert re.search(r"\d+ images a second: \d+ seconds to go", printed.out + printed.err)


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    trainer = Trainer(tiny_network(), CONFIG, tmp_path)
    with another_process_in(tmp_path):
        files = sorted(path.name for path in tmp_path.iterdir())
        with pytest.raises(InUseError, match="another process works in"):
            Trainer(tiny_network(), CONFIG, tmp_path)
        with pytest.raises(InUseError, match="another process works in"):
            trainer.run(ToySource(6), ToySource(2, seed=9))
        assert sorted(path.name for path in tmp_path.iterdir()) == files
    run(tmp_path, stop_after=3)
    before = (tmp_path / "checkpoint.bin").read_bytes()
    with pytest.raises(CheckpointError, match="has gone on with the run"):
        trainer.run(ToySource(6), ToySource(2, seed=9))
    assert (tmp_path / "checkpoint.bin").read_bytes() == before
    with only_process(tmp_path):  # as lprnet train does
        assert run(tmp_path).step == 8


def test_the_log_has_each_line_once(tmp_path):
    """Even after a kill before the first checkpoint, and for more than a million samples."""
    run(tmp_path / "first", stop_after=4)
    line = (tmp_path / "first" / "log.csv").read_text()
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "log.csv").write_text(line)  # from a run without a checkpoint
    run(tmp_path / "second", stop_after=4)
    assert [r.split(",")[0] for r in (tmp_path / "second" / "log.csv").read_text().splitlines()] == ["sample", "32"]
    config = replace(CONFIG, samples=3_000_024, batch_size=1_000_008, validate_every=1_000_008)
    trainer = Trainer(tiny_network(), config, tmp_path / "third")
    trainer.log.append({"sample": 1_000_008, "loss": 1 / 3})
    trainer.step = 1
    trainer.save()
    Trainer(tiny_network(), config, tmp_path / "third")
    assert (tmp_path / "third" / "log.csv").read_text().splitlines()[1:] == ["1000008,0.333333,,,,"]


def test_checkpoints_of_an_older_version_and_of_an_interrupted_write_are_read(tmp_path):
    run(tmp_path, stop_after=5)
    path = tmp_path / "checkpoint.bin"
    arrays, info = load_checkpoint(path)
    del info["config"]["similarity_weight"]  # as before there was this setting
    (tmp_path / "older").mkdir()
    save_checkpoint(tmp_path / "older" / path.name, arrays, info)
    assert Trainer(tiny_network(), CONFIG, tmp_path / "older").step == 5
    # killed while it wrote
    (tmp_path / ".part-x-checkpoint.bin").write_bytes(path.read_bytes()[:777])
    assert Trainer(tiny_network(), CONFIG, tmp_path).step == 5
    # killed between the two renames
    path.unlink()
    assert Trainer(tiny_network(), CONFIG, tmp_path).step == 4


RESUME = """
import os
import signal
import sys
from pathlib import Path
import keras
from keras import layers
from toy import ToySource
from lprnet_utils.networks import BatchNormalization
from lprnet_utils.training import TrainingConfig
from lprnet_utils.training.trainer import Trainer, TrainingLog
folder = Path(sys.argv[1])
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    tf.config.experimental.enable_op_determinism()
config = TrainingConfig(samples=28, batch_size=4, warmup=8, optimizer="muon", learning_rate=4e-3,
                        checkpoint_every=12, validate_every=8, average=0.9, seed=3)
append = TrainingLog.append
def append_or_die(log, row):
    if row["sample"] == 4 * config.batch_size:
        os.kill(os.getpid(), signal.SIGKILL)
    append(log, row)
def network():
    inputs = keras.Input((128, 128, 3))
    x = BatchNormalization()(layers.Conv2D(16, 5, strides=8, padding="same")(inputs))
    x = BatchNormalization()(layers.Conv2D(24, 1)(layers.DepthwiseConv2D(3, padding="same")(x)))
    x = layers.UpSampling2D(8, interpolation="bilinear")(layers.Conv2D(3, 1)(layers.ReLU()(x)))
    return keras.Model(inputs, x)
def part(name, tensorboard=False, **options):
    keras.utils.set_random_seed(1)
    Trainer(network(), config, folder / name, tensorboard).run(ToySource(6), ToySource(2, seed=9), **options)
if sys.argv[2] == "begin":
    part("whole", tensorboard=keras.backend.backend() == "tensorflow")
    TrainingLog.append = append_or_die
    part("parts")
part("parts", stop_after=2)
part("parts")
"""


def resumed(tmp_path, backend):
    """Checkpoints of an uninterrupted run, and of one killed after its fourth step, one step after a checkpoint.

    At that moment the validation of the step has saved the best weights, but its line of the log is not written yet.
    """
    environment = ENVIRONMENT | {"KERAS_BACKEND": backend}
    for action, expected in (("begin", -signal.SIGKILL), ("resume", 0)):
        command = [sys.executable, "-c", RESUME, tmp_path, action]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == expected, done.stderr[-2000:]
    return (load_checkpoint(tmp_path / name / "checkpoint.bin") for name in ("whole", "parts"))


def numbers(path):
    """All arrays of a Keras weights file."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


@pytest.mark.walk
def test_resume_is_exact_to_the_bit(tmp_path):
    """On TensorFlow's CPU with deterministic operations and Muon: weights, averages, statistics, moments, best NME."""
    (whole, one), (parts, other) = resumed(tmp_path, "tensorflow")
    assert one["step"] == other["step"] == 7 and one["best"] == other["best"]
    assert whole.keys() == parts.keys() and len(whole) > 40
    for name in whole:
        assert (whole[name] == parts[name]).all(), name
    for name in ("best.weights.h5", "last.weights.h5"):
        best, again = (numbers(tmp_path / part / name) for part in ("whole", "parts"))
        assert len(best) > 10 and best.keys() == again.keys()
        assert all((best[key] == again[key]).all() for key in best), name
    rows = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("whole", "parts")]
    speed = 3  # this column differs
    logs = [[",".join(c for k, c in enumerate(row.split(",")) if k != speed) for row in log] for log in rows]
    assert logs[0] == logs[1] and [row.split(",")[0] for row in logs[0]] == ["sample", "8", "16", "24", "28"]
    assert list((tmp_path / "whole/tensorboard").glob("events.out.tfevents.*"))


@pytest.mark.slow
def test_resume_on_jax_is_equal_to_rounding(tmp_path):
    pytest.importorskip("jax", reason="JAX is not installed: pip install jax")
    (whole, one), (parts, other) = resumed(tmp_path, "jax")
    assert one["step"] == other["step"] == 7
    for name in whole:
        assert np.allclose(whole[name], parts[name], rtol=1e-4, atol=1e-5), name


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_float32_results(precision, tmp_path):
    """Under half precision, weights, positions and results stay float32, and the checkpoint resumes."""
    config = replace(CONFIG, precision=precision, samples=16, batch_size=4, learning_rate=3e-3, warmup=4)
    keras.config.set_dtype_policy(precision)
    try:
        for name in ("lprnet_lite", "lprnet"):
            net = getattr(networks, name)(128)
            assert net.layers[-1].compute_dtype == "float32" != net.layers[1].compute_dtype, name
            positions = [layer for layer in net.layers[1:] if layer.output.shape[-1] in (3, 12)]
            if name == "lprnet_lite":  # bfloat16 has only three digits, too few for positions
                assert len(positions) == 6 and {layer.compute_dtype for layer in positions} == {"float32"}
            assert {w.dtype for w in net.get_weights()} == {np.dtype("float32")}
        trainer = Trainer(networks.lprnet_lite(128), config, tmp_path)
        trainer.run(ToySource(4), ToySource(1), stop_after=2)
        again = Trainer(networks.lprnet_lite(128), config, tmp_path)
        assert again.step == 2 and again.model.predict_on_batch(np.zeros((1, 128, 128, 3), np.float32)).dtype == "f4"
        again.run(ToySource(4), ToySource(1))
        assert again.step == 4
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.slow
def test_sigkill_loses_nothing(tmp_path):
    """A run that writes a checkpoint at every step resumes after each kill at a random moment."""
    script = (
        "import sys\n"
        "from toy import ToySource, tiny_network\n"
        "from lprnet_utils.training import Trainer, TrainingConfig\n"
        "c = TrainingConfig(samples=100000, batch_size=2, checkpoint_every=2, validate_every=10**6)\n"
        "t = Trainer(tiny_network(), c, sys.argv[1])\n"
        "print('resumed', t.step, flush=True)\n"
        "t.run(ToySource(2), ToySource(1))\n"
    )
    command, path = [sys.executable, "-c", script, tmp_path], tmp_path / "checkpoint.bin"
    rng, steps = np.random.default_rng(0), []
    for _ in range(3):
        options = {"env": ENVIRONMENT, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        process = subprocess.Popen(command, **options)
        # a run that was killed between two renames first says that it uses the previous checkpoint
        steps.append(int(next(line for line in process.stdout if line.startswith("resumed")).split()[1]))
        end = time.monotonic() + 90
        before = path.stat().st_mtime_ns if path.exists() else 0
        while (not path.exists() or path.stat().st_mtime_ns == before) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
    info = load_checkpoint(path if path.exists() else path.with_name("checkpoint.bin.previous"))[1]
    assert steps[0] == 0 and steps[0] < steps[1] < steps[2] <= info["step"]
