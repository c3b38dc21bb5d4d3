"""Measure inference and training on a GPU; write ``docs/benchmark_gpu.json`` and, from it, tables of README and docs.

    lprnet synthesize runs/synthetic --samples 20480 --workers 8
    python scripts/benchmarks/benchmark_gpu.py --backends torch jax --shards runs/synthetic
    python scripts/benchmarks/benchmark.py --table      # the tables

``make benchmark`` runs it without training for each backend that has a GPU. Each backend is measured in a process of
its own. It must be installed beside Keras; TensorFlow is not needed. Times are medians. Inference is in float32, from
crops on the device to position maps on the device, compiled on JAX. Training is of ``lprnet_lite`` by the recipe
``lite-open``: the network's step alone on one batch that stays on the device, by Keras and as ``lprnet train`` does it,
the making of batches alone, and both together (with the start of a training and a checkpoint).
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "docs" / "benchmark_gpu.json"
MARK = "MEASURED "  # before the result of a process
SIZES = {"prnet": 256, "lprnet": 128, "lprnet_lite": 128}
BATCHES = (1, 64)


def wait(result: Any) -> None:
    """Wait until the device has computed a result."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        jax.block_until_ready(result)
    if keras.backend.backend() == "torch":
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()


def median_seconds(job: Callable[[], Any], repeats: int, inner: int = 1) -> float:
    """Median seconds of a job; ``inner`` calls are timed together. The first call is not measured."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        for _ in range(inner):
            result = job()
        wait(result)
        times.append((time.perf_counter() - start) / inner)
    return float(np.median(times[1:]))


def inference(repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a batch, of each network."""
    import keras
    from keras import ops

    from lprnet_utils import networks

    rows: dict[str, dict[str, float]] = {}
    for name, size in SIZES.items():
        model = getattr(networks, name)(size)
        rows[name] = {"parameters": model.count_params()}
        if keras.backend.backend() == "jax":
            import jax

            weights = [[v.value for v in vs] for vs in (model.trainable_variables, model.non_trainable_variables)]
            compiled = jax.jit(lambda x, t, n, m=model: m.stateless_call(t, n, x, training=False)[0])
            run = lambda x, c=compiled, w=weights: c(x, *w)  # noqa: E731
        else:
            run = lambda x, m=model: m(x, training=False)  # noqa: E731
            if keras.backend.backend() == "torch":
                import torch

                run = torch.no_grad()(run)
        for batch in BATCHES:
            x = ops.convert_to_tensor(np.random.default_rng(0).random((batch, size, size, 3), np.float32))
            rows[name][f"ms, batch {batch}"] = 1000 * median_seconds(lambda: run(x), repeats, inner=10)  # noqa: B023
    return rows


def training(shards: Path, batch: int, precision: str, repeats: int) -> dict[str, float]:
    """Images a second of the parts of a training."""
    import tempfile

    import keras

    from lprnet_utils.datasets.shard_stream import ShardStream
    from lprnet_utils.networks import lprnet_lite
    from lprnet_utils.training import TrainingConfig
    from lprnet_utils.training.device import DeviceMixture
    from lprnet_utils.training.trainer import Trainer

    keras.config.set_dtype_policy(precision)
    lines = [f"batch_size = {batch}", f'precision = "{precision}"', "samples = 1000000000", "validate_every=1000000000"]
    config = TrainingConfig.load("lite-open", [*lines, "checkpoint_every = 1000000000", "learning_rate = 1e-4"])
    stream = ShardStream(shards, 128, begin=4, keep=16)
    make = DeviceMixture(stream, config, 128)
    for _ in range(5):
        crops, codes = make(0)
    rates = {"batches alone": batch / median_seconds(lambda: make(1), repeats)}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(lprnet_lite(), config, folder, on_device=True)
        if keras.backend.backend() == "torch":
            seconds = median_seconds(lambda: trainer.model.train_on_batch(crops, codes), min(repeats, 5))
            rates["network alone, Keras' step"] = batch / seconds
        step = lambda: trainer._train(crops, codes, 1e-4)  # noqa: E731
        for _ in range(4):
            step()
        rates["network alone"] = batch / median_seconds(step, repeats, inner=10)
        trainer.run(stream, stream.held_out, stop_after=20)
        start, before = time.perf_counter(), trainer.step
        trainer.run(stream, stream.held_out, stop_after=20 * repeats)
        rates["together"] = (trainer.step - before) * batch / (time.perf_counter() - start)
    return rates


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All of one backend, in this process; empty without a GPU."""
    import keras

    from lprnet_utils.training.device import accelerator

    backend, device = keras.backend.backend(), accelerator()
    if device is None:
        return {}
    run: dict[str, Any] = {"device": device, "software": f"Keras {version('keras')} on {backend} {version(backend)}"}
    run |= {"conditions": options.conditions, "by": f"this command, {date.today()}"}
    run["inference"] = inference(options.repeats)
    if options.shards:
        run["training"] = {p: training(options.shards, options.batch, p, options.repeats) for p in options.precisions}
    return run


def measured(backend: str, words: list[str]) -> dict[str, Any]:
    """What a process of its own measures for a backend; empty if the backend, or a GPU for it, is missing."""
    command = [sys.executable, __file__, *words, "--here"]
    done = subprocess.run(command, env=os.environ | {"KERAS_BACKEND": backend}, stdout=subprocess.PIPE, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode:
        print(f"{backend}: the measurement failed with status {done.returncode}", flush=True)
    return json.loads(lines[0].removeprefix(MARK)) if lines else {}


def merged(runs: list[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs with a new one; one on the same device and software, under the same conditions, becomes part of it."""
    keys = "device", "software", "conditions"
    same = [run for run in runs if all(run[key] == new[key] for key in keys)]
    for old in same:
        training = old.get("training", {}) | new.get("training", {})
        new = old | new | ({"training": training} if training else {})
    return [run for run in runs if run not in same] + [new]


def known_runs(path: Path = OUTPUT) -> list[dict[str, Any]]:
    """The runs in a file; the oldest come first."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def measure_backends(backends: list[str], words: list[str], output: Path = OUTPUT) -> int:
    """Measure backends with the words of a command line, and add what was measured to a file; returns how many."""
    count = 0
    for backend in backends:
        run = measured(backend, words)
        print(backend, json.dumps(run, indent=1) if run else "has no GPU here, or is not installed", flush=True)
        if run:
            output.write_text(json.dumps(merged(known_runs(output), run), indent=2) + "\n", encoding="utf-8")
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, help="five shards at least; without them no training is measured")
    parser.add_argument("--backends", nargs="+", default=["torch", "jax"])
    parser.add_argument("--precisions", nargs="+", default=["mixed_bfloat16", "float32"])
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--conditions", default="nothing else ran", help="said in the tables (%(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # one backend, in this process
    options = parser.parse_args()
    if options.here:
        print(MARK + json.dumps(measure(options)), flush=True)
        return
    measure_backends(options.backends, sys.argv[1:], options.output)


if __name__ == "__main__":
    main()
