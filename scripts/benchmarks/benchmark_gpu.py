"""Measure training and inference on a GPU, for docs/training-speed.md; write ``docs/benchmark_gpu.json``.

    lprnet synthesize runs/synthetic --samples 20480 --workers 8
    python scripts/benchmarks/benchmark_gpu.py runs/synthetic --backends torch jax

Each backend is measured in a process of its own. It must be installed beside Keras; TensorFlow is not needed. Times
are medians. Training is of ``lprnet_lite`` by the recipe ``lite-open``: the network's step alone on one batch that
stays on the device, the making of batches alone, and both together, as in ``lprnet train``. Inference is from crops on
the device to position maps on the device.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"prnet": 256, "lprnet": 128, "lprnet_lite": 128}
BATCHES = (1, 64)


def wait() -> None:
    """Wait until the device has done everything."""
    import keras

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
        if hasattr(result, "block_until_ready"):
            result.block_until_ready()
        wait()
        times.append((time.perf_counter() - start) / inner)
    return float(np.median(times[1:]))


def inference(repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a batch, of each network."""
    import keras
    from keras import ops

    from lprnet_utils import networks
    from lprnet_utils.training.compiled import compiled

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
            import torch

            with torch.no_grad():
                graph = compiled(lambda x, _=(), m=model: m(x, training=False))
            run = torch.no_grad()(lambda x, g=graph: g(x))
        for batch in BATCHES:
            x = ops.convert_to_tensor(np.random.default_rng(0).random((batch, size, size, 3), np.float32))
            for _ in range(4):
                run(x)
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
        start, before = time.perf_counter(), trainer.step
        trainer.run(stream, stream.held_out, stop_after=20)
        start, before = time.perf_counter(), trainer.step
        trainer.run(stream, stream.held_out, stop_after=20 * repeats)
        rates["together"] = (trainer.step - before) * batch / (time.perf_counter() - start)
    return rates


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All of one backend, in this process."""
    import keras

    from lprnet_utils.training.device import accelerator

    backend = keras.backend.backend()
    report: dict[str, Any] = {"device": accelerator() or "processor", "keras": version("keras")}
    report[backend] = version(backend)
    if not options.training_only:
        report["inference"] = inference(options.repeats)
    for precision in options.precisions:
        report[f"training, {precision}"] = training(options.shards, options.batch, precision, options.repeats)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--backends", nargs="+", default=["torch"])
    parser.add_argument("--precisions", nargs="+", default=["mixed_bfloat16", "float32"])
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--training-only", action="store_true", help="no inference")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmark_gpu.json")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # one backend, in this process
    options = parser.parse_args()
    if options.here:
        print("REPORT " + json.dumps(measure(options)), flush=True)
        return
    report = {}
    for backend in options.backends:
        command = [sys.executable, __file__, *sys.argv[1:], "--here"]
        environment = os.environ | {"KERAS_BACKEND": backend}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("REPORT ")]
        report[backend] = json.loads(lines[0].removeprefix("REPORT ")) if lines else {"failed": done.returncode}
        print(backend, json.dumps(report[backend], indent=1), flush=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
