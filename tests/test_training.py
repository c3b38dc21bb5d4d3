"""Loss by hand, batches that repeat, and runs that survive a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import keras
import numpy as np
import pytest
from toy import ToySource, tiny_network

from lprnet_utils import UVLayout
from lprnet_utils.common.files import CheckpointError, load_checkpoint, save_checkpoint
from lprnet_utils.datasets.sources import Mixture
from lprnet_utils.training import Trainer, TrainingConfig, learning_rate, map_loss
from lprnet_utils.training.batches import make_batch
from lprnet_utils.training.optimizer import Muon
from lprnet_utils.uv import SPAN, decode_map

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


def test_loss_of_the_similarity_by_hand():
    """A face shifted, grown and turned costs what it was shifted, grown and turned; a change of shape costs nothing."""
    layout = UVLayout()
    truth = (layout.mean_map * [0.5, -0.5, 0.5] / (SPAN * 128) + 0.5).astype(np.float32)
    points = layout.landmarks(truth)[:, :2]
    radius = np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean())

    def extra(predicted):
        with_, without = (
            float(map_loss(layout, "l1", 1.0, weight)(truth[None], predicted[None].astype(np.float32))[0])
            for weight in (1.0, 0.0)
        )
        return (with_ - without) / (100 * SPAN)

    assert extra(truth + [0.01, -0.02, 0.5]) == pytest.approx(0.03 / 4, rel=1e-3)
    centre = np.r_[points.mean(0), 0.5]
    assert extra((truth - centre) * 1.03 + centre) == pytest.approx(0.03 * radius / 4, rel=1e-3)
    turn = np.array([[0, 0.02, 0], [-0.02, 0, 0], [0, 0, 0]])
    assert extra(truth + (truth - centre) @ turn) == pytest.approx(0.02 * radius / 4, rel=1e-3)
    deeper = truth.copy()
    deeper[..., 2] = 0.5 + 1.2 * (deeper[..., 2] - 0.5)
    assert extra(deeper) == pytest.approx(0, abs=1e-6)


def test_losses_of_edges_and_wing_by_hand():
    layout = UVLayout()
    rng = np.random.default_rng(0)
    truth = rng.random((1, 128, 128, 3)).astype(np.float32)
    unit = 100 * SPAN

    def loss(predicted, kind="l1", edge_weight=0.0):
        return float(map_loss(layout, kind, 0.0, 0.0, edge_weight)(truth, predicted.astype(np.float32))[0]) / unit

    shifted = truth + 0.01
    assert loss(shifted, edge_weight=5.0) == pytest.approx(loss(shifted), rel=1e-3), "no edge changes"
    ramp = np.arange(128)[None, None, :, None] * np.float32(0.001)  # every edge along u is longer by 0.001, in x, y, z
    inner = layout.mask[:, 1:] & layout.mask[:, :-1], layout.mask[1:] & layout.mask[:-1]
    share = inner[0].sum() / (inner[0].sum() + inner[1].sum())
    assert loss(truth + ramp, edge_weight=5.0) - loss(truth + ramp) == pytest.approx(5 * 0.001 * share, rel=1e-2)
    w, epsilon = 0.04 / SPAN, 0.008 / SPAN
    small, large = 0.5 * w, 3 * w
    assert loss(truth + small, "wing") == pytest.approx(w * np.log(1 + small / epsilon), rel=1e-3)
    assert loss(truth + large, "wing") == pytest.approx(large - w + w * np.log(1 + w / epsilon), rel=1e-3)


def test_loss_of_the_gaps_between_lids_and_lips_by_hand():
    layout = UVLayout()
    truth = np.random.default_rng(0).random((1, 128, 128, 3)).astype(np.float32)

    def extra(predicted):
        with_gaps, without = (
            float(map_loss(layout, gap_weight=w)(truth, predicted.astype(np.float32))[0]) for w in (3.0, 0.0)
        )
        return (with_gaps - without) / (100 * SPAN)

    assert extra(truth + 0.01) == pytest.approx(0, abs=1e-6), "a shift opens nothing"
    ramp = np.arange(128)[None, :, None, None] * np.float32(0.001) * np.array([0, 1, 0])
    points = layout.landmarks(np.broadcast_to(ramp[0], (128, 128, 3)))[:, 1]
    pairs = [(37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65)]  # iBUG's upper and lower
    grown = np.mean([abs(points[a] - points[b]) for a, b in pairs])
    assert grown > 0.001 and extra(truth + ramp) == pytest.approx(3 * grown / 3, rel=1e-2), "y, of x, y and z"


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
    original = TrainingConfig.load("published-original")
    epoch = original.samples / 15
    assert [learning_rate(original, int(e * epoch)) for e in (0, 4.9, 5, 10, 14.9)] == [
        1e-4,
        1e-4,
        5e-5,
        2.5e-5,
        2.5e-5,
    ]


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
    for wrong in ('samples = "many"', "samples = 1.5", "loss = 1", "network_options = 3", "learning_rate = true"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match="is of type"):
            TrainingConfig.load(path)
    for wrong in ("batch_size = 0", "samples = -5", "validate_every = 0"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match="is at least 1"):
            TrainingConfig.load(path)
    with pytest.raises(ValueError, match="network_options has cod; lprnet_lite takes size, code"):
        TrainingConfig.load("lite-open", ["network_options = {cod = 0}"])
    with pytest.raises(ValueError, match="network_options has normalised; lprnet takes size"):
        TrainingConfig.load("lite-wild-more", ['network = "lprnet"'])
    path.write_text("samples = 10\nlearning_rate = 1")
    changed = TrainingConfig.load(path, ['loss = "l2"', "network_options = {size = 64}"])
    assert (changed.samples, changed.loss, changed.network_options) == (10, "l2", {"size": 64})
    with pytest.raises(ValueError, match="'loss = l2' is not valid TOML"):
        TrainingConfig.load(path, ["loss = l2"])


def test_recipes_know_what_each_network_takes():
    import inspect

    from lprnet_utils import networks
    from lprnet_utils.training.recipes import NETWORK_OPTIONS

    for name, options in NETWORK_OPTIONS.items():
        parameters = set(inspect.signature(getattr(networks, name)).parameters)
        assert set(options) == parameters - {"name"}


def test_checkpoint_round_trip_and_damage(tmp_path):
    path = tmp_path / "checkpoint.bin"
    with pytest.raises(CheckpointError, match="checkpoint.bin is missing"):
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
    damaged = path.read_bytes()
    trainer = Trainer(tiny_network(), CONFIG, tmp_path)
    assert trainer.step == 4 and "truncated" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match="seed"):
        Trainer(tiny_network(), replace(CONFIG, seed=4), tmp_path)
    previous = tmp_path / "checkpoint.bin.previous"
    good = previous.read_bytes()
    trainer.save()
    assert previous.read_bytes() == good, "the next write does not put the damaged one into the place of the good one"
    assert (tmp_path / "checkpoint.bin.damaged").read_bytes() == damaged, "which is kept, for whoever wants to look"
    previous.unlink()
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="truncated"):
        Trainer(tiny_network(), CONFIG, tmp_path)


def test_a_run_goes_on_with_its_own_network_and_photos_only(tmp_path):
    run(tmp_path, stop_after=3)
    inputs = keras.Input((128, 128, 3))
    other = keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs))
    with pytest.raises(CheckpointError, match="another network"):
        Trainer(other, CONFIG, tmp_path)
    with pytest.raises(CheckpointError, match="a run on 6 photos and 2 held out, not 7 and 2"):
        Trainer(tiny_network(), CONFIG, tmp_path).run(ToySource(7), ToySource(2, seed=9))
    assert run(tmp_path).step == 8


def test_the_log_has_each_line_once(tmp_path):
    """Also after a kill before the first checkpoint, and past a million samples."""
    from dataclasses import replace

    run(tmp_path / "first", stop_after=4)
    line = (tmp_path / "first" / "log.csv").read_text()
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "log.csv").write_text(line)  # of a run that left no checkpoint
    run(tmp_path / "second", stop_after=4)
    assert [r.split(",")[0] for r in (tmp_path / "second" / "log.csv").read_text().splitlines()] == ["sample", "32"]
    config = replace(CONFIG, samples=3_000_024, batch_size=1_000_008, validate_every=1_000_008)
    trainer = Trainer(tiny_network(), config, tmp_path / "third")
    trainer._log({"sample": 1_000_008, "loss": 1 / 3})
    trainer.step = 1
    trainer.save()
    Trainer(tiny_network(), config, tmp_path / "third")
    assert (tmp_path / "third" / "log.csv").read_text().splitlines()[1:] == ["1000008,0.333333,,,,"]


def test_an_interrupted_write_leaves_the_checkpoint(tmp_path):
    """Killed in the middle of writing, or between its two renames."""
    run(tmp_path, stop_after=5)
    path = tmp_path / "checkpoint.bin"
    (tmp_path / "checkpoint.bin.part").write_bytes(path.read_bytes()[:777])
    assert Trainer(tiny_network(), CONFIG, tmp_path).step == 5
    path.unlink()
    assert Trainer(tiny_network(), CONFIG, tmp_path).step == 4


def test_a_checkpoint_from_before_a_setting_was_known(tmp_path):
    run(tmp_path, stop_after=5)
    path = tmp_path / "checkpoint.bin"
    arrays, info = load_checkpoint(path)
    del info["config"]["similarity_weight"]
    save_checkpoint(path, arrays, info)
    assert Trainer(tiny_network(), CONFIG, tmp_path).step == 5


RESUME = """
import sys; sys.path[:0] = sys.argv[3:]
import os
import signal
import keras
import numpy as np
from pathlib import Path
from toy import ToySource
from keras import layers
from lprnet_utils.networks import BatchNormalization
from lprnet_utils.training import TrainingConfig
from lprnet_utils.training import Trainer
folder = Path(sys.argv[1])
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    tf.config.experimental.enable_op_determinism()
config = TrainingConfig(samples=28, batch_size=4, warmup=8, optimizer="muon", learning_rate=4e-3,
                        checkpoint_every=12, validate_every=8, average=0.9, seed=3)
class Killed(Trainer):
    def _log(self, row, path=None):
        if self.step == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._log(row, path)
def network():
    inputs = keras.Input((128, 128, 3))
    x = BatchNormalization()(layers.Conv2D(16, 5, strides=8, padding="same")(inputs))
    x = BatchNormalization()(layers.Conv2D(24, 1)(layers.DepthwiseConv2D(3, padding="same")(x)))
    x = layers.UpSampling2D(8, interpolation="bilinear")(layers.Conv2D(3, 1)(layers.ReLU()(x)))
    return keras.Model(inputs, x)
def part(name, kind=Trainer, tensorboard=False, **options):
    keras.utils.set_random_seed(1)
    kind(network(), config, folder / name, tensorboard).run(ToySource(6), ToySource(2, seed=9), **options)
if sys.argv[2] == "begin":
    part("whole", tensorboard=keras.backend.backend() == "tensorflow")
    part("parts", Killed)
part("parts", stop_after=2)
part("parts")
"""


def resumed(tmp_path, backend):
    """Checkpoints of a run in one piece, and of one killed after its fourth step, a step after its last checkpoint.

    At that moment the step's evaluation has kept its weights as the best and not yet written its line of the log.
    """
    here = Path(__file__).resolve()
    environment = os.environ | {"KERAS_BACKEND": backend}
    for turn, expected in (("begin", -signal.SIGKILL), ("go on", 0)):
        command = [sys.executable, "-c", RESUME, str(tmp_path), turn, str(here.parent), str(here.parents[1])]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == expected, done.stderr[-2000:]
    return (load_checkpoint(tmp_path / name / "checkpoint.bin") for name in ("whole", "parts"))


def numbers(path):
    """All arrays of a Keras weights file."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def test_resume_is_exact_to_the_bit(tmp_path):
    """With Muon, on TensorFlow's CPU with deterministic operations: weights, averages, statistics, moments, best."""
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
    drop = [[",".join(c for k, c in enumerate(row.split(",")) if k != 3) for row in log] for log in rows]  # the rate
    assert drop[0] == drop[1] and [row.split(",")[0] for row in drop[0]] == ["sample", "8", "16", "24", "28"]
    assert list((tmp_path / "whole/tensorboard").glob("events.out.tfevents.*"))


def test_resume_on_jax_is_equal_to_rounding(tmp_path):
    pytest.importorskip("jax", reason="JAX is not installed: pip install jax")
    (whole, one), (parts, other) = resumed(tmp_path, "jax")
    assert one["step"] == other["step"] == 7
    for name in whole:
        assert np.allclose(whole[name], parts[name], rtol=1e-4, atol=1e-5), name


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_ends_in_whole_numbers(precision, tmp_path):
    """Under half precision weights, places and results stay float32, and the checkpoint resumes."""
    from dataclasses import replace

    from lprnet_utils import networks

    config = replace(CONFIG, precision=precision, samples=16, batch_size=4, learning_rate=3e-3, warmup=4)
    keras.config.set_dtype_policy(precision)
    try:
        for name in ("lprnet_lite", "lprnet"):
            net = getattr(networks, name)(128)
            assert net.layers[-1].compute_dtype == "float32" != net.layers[1].compute_dtype, name
            places = [layer for layer in net.layers[1:] if layer.output.shape[-1] in (3, 12)]
            if name == "lprnet_lite":  # bfloat16 has three digits: none of its places goes through it
                assert len(places) == 6 and {layer.compute_dtype for layer in places} == {"float32"}
            assert {w.dtype for w in net.get_weights()} == {np.dtype("float32")}
        trainer = Trainer(networks.lprnet_lite(128), config, tmp_path)
        trainer.run(ToySource(4), ToySource(1), stop_after=2)
        again = Trainer(networks.lprnet_lite(128), config, tmp_path)
        assert again.step == 2 and again.model.predict_on_batch(np.zeros((1, 128, 128, 3), np.float32)).dtype == "f4"
        again.run(ToySource(4), ToySource(1))
        assert again.step == 4
    finally:
        keras.config.set_dtype_policy("float32")


def test_sigkill_loses_nothing(tmp_path):
    """Killed at random moments, while it writes a checkpoint at every step, a run always goes on."""
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from toy import ToySource, tiny_network\n"
        "from lprnet_utils.training.recipes import TrainingConfig\n"
        "from lprnet_utils.training.trainer import Trainer\n"
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
