"""Time what the course claims, side by side in one run, and write ``docs/benchmark.json``.

    make benchmark

One thread unless it says otherwise; what is compared is timed in turn, warm, and the ratio of the medians is what
counts: machines differ, and so do their moods.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.rasterizer import rasterize
from lprnet_utils.synthetic import SyntheticFaces

ROOT = Path(__file__).resolve().parents[1]


def medians(repeats: int, **jobs: Callable[[], object]) -> dict[str, float]:
    """Median seconds of each job, timed in turn after one unmeasured round."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for round_ in range(repeats + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if round_:
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(t)) for name, t in times.items()}


def triangle_loop(vertices: np.ndarray, uv: np.ndarray, triangles: np.ndarray, size: int) -> np.ndarray:
    """A position map one triangle at a time, in numpy: as one would first write it."""
    points = uv * size - 0.5
    out = np.zeros((size, size, 3))
    for t in triangles:
        a, b, c = points[t]
        low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c)).astype(int), 0)
        high = np.minimum(np.floor(np.maximum(np.maximum(a, b), c)).astype(int), size - 1)
        if (high < low).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
        v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
        inside = (u >= 0) & (v >= 0) & (u + v <= 1)
        weights = np.stack([u, v, 1 - u - v], -1)[inside]
        out[y[inside], x[inside]] = weights @ vertices[t]
    return out


def network_table(repeats: int) -> dict[str, dict[str, float]]:
    """The three networks, untrained: what they cost does not depend on their weights."""
    import keras

    from lprnet_utils import networks
    from lprnet_utils.export import export_litert, time_litert

    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name in ("prnet", "lprnet", "lprnet_lite"):
            keras.utils.set_random_seed(0)
            model = getattr(networks, name)()
            crops = np.random.default_rng(0).random((1, *model.input_shape[1:]), np.float32)
            half, files[name] = Path(folder) / f"{name}-16.tflite", Path(folder) / f"{name}.tflite"
            rows[name] = {
                "parameters": model.count_params(),
                "multiply-adds": networks.count_multiply_adds(model),
                "MB": round(export_litert(model, files[name], {}, crops, float16=False)["bytes"] / 1e6, 2),
                "MB, float16": round(export_litert(model, half, {}, crops)["bytes"] / 1e6, 2),
            }
            rows[name] |= gpu_milliseconds(model, repeats)
        for threads in (1, 2):
            for name, seconds in time_litert(files, threads, repeats).items():
                rows[name][f"ms, {threads} thread" + "s" * (threads > 1)] = round(1000 * seconds, 3)
    for name in ("lprnet", "lprnet_lite"):
        ratio = rows["prnet"]["ms, 1 thread"] / rows[name]["ms, 1 thread"]
        rows[name]["times as fast as prnet, 1 thread"] = round(ratio, 1)
    ratio = rows["lprnet"]["ms, 1 thread"] / rows["lprnet_lite"]["ms, 1 thread"]
    rows["lprnet_lite"]["times as fast as lprnet, 1 thread"] = round(ratio, 1)
    return rows


def gpu_milliseconds(model, repeats: int, batch: int = 32) -> dict[str, float]:
    """Milliseconds an image of Keras in batches on TensorFlow's first GPU; nothing where there is none."""
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return {}
    run = tf.function(lambda x: model(x, training=False))
    crops = tf.zeros((batch, *model.input_shape[1:]))
    seconds = medians(repeats, run=lambda: run(crops).numpy())["run"]
    return {f"ms an image on the GPU, batches of {batch}": round(1000 * seconds / batch, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmark.json")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    import trimesh

    faces = SyntheticFaces(seed=0)
    faces.sample(0)
    start = time.perf_counter()
    count = 256
    for k in range(32, 32 + count):
        faces.sample(k)
    rate = count / (time.perf_counter() - start)

    model, layout = MorphableModel.load(), UVLayout()
    uv_times = medians(
        options.repeats,
        matrix=lambda: layout.vertices_to_map(model.mean),
        loop=lambda: triangle_loop(model.mean, model.uv, model.triangles, 128),
    )
    points = model.mean * [0.6, -0.6, 0.6] + [64, 64, 0]
    mesh = trimesh.Trimesh(points, model.triangles, process=False)
    grid = np.stack(np.meshgrid(np.arange(128), np.arange(128)), -1).reshape(-1, 2)
    rays = np.c_[grid, np.full(len(grid), 500.0)], np.tile([0.0, 0, -1], (len(grid), 1))
    draw_times = medians(
        3,
        buffer=lambda: rasterize(points, model.triangles, 128, 128),
        rays=lambda: mesh.ray.intersects_first(*rays),
    )
    networks = network_table(4 * options.repeats)
    report = {
        "networks": networks,
        "synthetic samples a second, one thread": round(rate, 1),
        "UV map: per-triangle loop over sparse matrix": round(uv_times["loop"] / uv_times["matrix"]),
        "face at 128 x 128: trimesh's ray cast over the z-buffer": round(draw_times["rays"] / draw_times["buffer"]),
        "milliseconds": {
            name: round(1000 * t, 3)
            for name, t in (
                ("UV map by sparse matrix", uv_times["matrix"]),
                ("UV map by triangles", uv_times["loop"]),
                ("z-buffer", draw_times["buffer"]),
                ("ray cast", draw_times["rays"]),
            )
        },
    }
    options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
