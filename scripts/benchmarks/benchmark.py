"""Measure the times that the course states; write ``docs/benchmark.json``, and from it ``docs/speed.md`` and
the part of ``docs/benchmark.md`` about speed. ``benchmark_gpu.py`` measures the networks on a GPU, where there is one.

    make benchmark                                       # the same as without options
    python scripts/benchmarks/benchmark.py --table       # measures nothing: the pages from docs/benchmark.json
    python scripts/benchmarks/benchmark.py --only video  # measures one part, keeps the other parts' numbers

Everything runs on one thread unless stated otherwise. Things that are compared take turns; the ratio of their medians
counts, because machines differ. Each is called twice in a row, and the second call counts: the first is slower, because
of the others that ran before it. ``benchmark_peers.py`` installs and times the packages of others; where one cannot be
installed, the table says so. It takes under ten minutes.
"""

import os

if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported

import argparse
import json
import platform
import re
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import benchmark_gpu
import benchmark_table
import cv2
import numpy as np
from benchmark_peers import PEERS, compare_packages

from lprnet_utils import Face, LPRNet, MorphableModel, UVLayout
from lprnet_utils.common import read_image
from lprnet_utils.common.assets import data_root
from lprnet_utils.common.litert import read_weights
from lprnet_utils.geometry import crop_matrix, rasterize, transform_points, warp_image
from lprnet_utils.geometry.crop import invert_similarity
from lprnet_utils.reconstruction.lprnet import face_likelihood
from lprnet_utils.synthetic import SyntheticFaces, rendered_clip
from lprnet_utils.uv import decode_map
from lprnet_utils.video import time_tracking

ROOT = Path(__file__).resolve().parents[2]
PHOTO = data_root() / "samples" / "astronaut.jpg"
PACKAGES = ("ai-edge-litert", "tensorflow", "keras", "numpy", "scipy", "opencv-python-headless", "numba", "trimesh")
LANDMARK_MODEL = "mediapipe/modules/face_landmark/face_landmark.tflite"

Numbers = dict[str, Any]


def medians(repeats: int, **jobs: Callable[[], object]) -> dict[str, float]:
    """Median seconds of each job, called twice in its turn: the second call is timed."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            job()
            start = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - start)
    return {name: float(np.median(t)) for name, t in times.items()}


def milliseconds(seconds: dict[str, float]) -> Numbers:
    return {f"{name}, ms": 1000 * s for name, s in seconds.items()}


def compare(repeats: int, **jobs: Callable[[], object]) -> Numbers:
    """Times of two jobs, and how many times as fast the first one is."""
    seconds = medians(repeats, **jobs)
    quick, slow = seconds.values()
    return milliseconds(seconds) | {"times as fast": slow / quick}


def rounded(value: Any) -> Any:
    """Numbers with a fraction, in nested dictionaries too, rounded to four digits: more digits are noise."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def machine() -> Numbers:
    """The machine and the versions that the numbers depend on, without anything that identifies the owner."""
    cpus = Path("/proc/cpuinfo")
    name = re.search(r"^model name\s*:\s*(.+)", cpus.read_text(), re.MULTILINE) if cpus.is_file() else None
    return {
        "processor": name[1].strip() if name else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


# ---- networks


def network_costs(repeats: int) -> Numbers:
    """Costs of the three networks in three precisions. They are untrained: weights do not change the cost."""
    import keras

    from lprnet_utils import networks
    from lprnet_utils.networks.export import convert_litert

    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {precision: {} for precision in benchmark_table.PRECISIONS}
        for name in ("prnet", "lprnet", "lprnet_lite"):
            keras.utils.set_random_seed(0)
            model = getattr(networks, name)()
            crops = np.random.default_rng(0).random((2, *model.input_shape[1:]), np.float32)
            rows[name] = {"parameters": model.count_params(), "multiply-adds": networks.count_multiply_adds(model)}
            for precision, paths in files.items():
                paths[name] = Path(folder) / f"{name}-{precision}.tflite"
                paths[name].write_bytes(convert_litert(model, precision, crops))
                rows[name][precision] = {"MB": paths[name].stat().st_size / 1e6}
        # the networks of one precision take turns, because their times are compared
        for precision, paths in files.items():
            for threads, label in ((1, "1 thread"), (2, "2 threads")):
                for name, seconds in networks.time_litert(paths, threads, repeats).items():
                    rows[name][precision][f"ms, {label}"] = 1000 * seconds
    for precision in files:
        add_ratios({name: costs[precision] for name, costs in rows.items()})
    rows["lprnet_lite"]["int8"][benchmark_table.INT8_COST] = int8_difference()
    return rows


def add_ratios(costs: dict[str, Numbers]) -> None:
    """Add how many times as fast each network is as the larger ones."""
    for other, names in (("prnet", ("lprnet", "lprnet_lite")), ("lprnet", ("lprnet_lite",))):
        for name in names:
            for label in ("1 thread", "2 threads"):
                ratio = costs[other][f"ms, {label}"] / costs[name][f"ms, {label}"]
                costs[name][f"times as fast as {other}, {label}"] = ratio


def int8_difference(count: int = 32) -> float:
    """Mean pixels of the crop by which the int8 version of the bundled weights moves their points."""
    from lprnet_utils.networks import export_litert, load_litert, lprnet_lite

    model = lprnet_lite(normalised=False)
    load_litert(model, read_weights("open")[1])
    faces = SyntheticFaces(seed=1)
    crops = np.stack([faces.sample(k).image for k in range(count)]).astype(np.float32) / 255
    with tempfile.TemporaryDirectory() as folder:
        return export_litert(model, Path(folder) / "open.tflite", {}, crops, "int8")["difference"]


# ---- a photo, and the packages of others


def photo_parts(repeats: int) -> Numbers:
    """Times from a photo in memory to its face in 3D: part by part, and as the one call that a user makes."""
    net, image = LPRNet("open"), read_image(PHOTO)
    layout = UVLayout(net.size, net.metadata.get("landmark_uv"))
    found = net.detector.detect(image)[0]
    matrix = crop_matrix(found.box, net.size, found.angle)
    crop = warp_image(image, matrix, net.size)
    code, (face,) = net.predict_uv(crop), net.reconstruct(image)

    def mesh() -> None:
        position_map = transform_points(invert_similarity(matrix), layout.smooth(decode_map(code)))
        position_map[..., 2] -= position_map[layout.mask][:, 2].mean()
        face_likelihood(position_map, layout)
        use(Face(position_map.astype(np.float32), 1.0, found.box, image, layout))

    seconds = medians(
        repeats,
        detect=lambda: net.detector.detect(image),
        crop=lambda: warp_image(image, crop_matrix(found.box, net.size, found.angle), net.size),
        network=lambda: net.predict_uv(crop),
        **{"closer look": lambda: net.look_closer(image, face.first_map)},
        mesh=mesh,
        whole=lambda: use(net.reconstruct(image)[0]),
    )
    height, width = image.shape[:2]
    return {"width": width, "height": height} | milliseconds(seconds)


def video_parts(frames: int = 150) -> Numbers:
    """Times of a frame of a video on one core, without decoding and encoding.

    The rendered clip shows somebody who talks and looks around. Processor time is measured: on one thread it equals the
    clock's time, if nothing else runs.
    """
    clip, net = rendered_clip(frames, (640, 480), seed=3), LPRNet("open")
    images = [frame.image for frame in clip]
    seconds = time_tracking(images, net, clip.fps, timer=time.process_time)
    more = time_tracking(images, net, clip.fps, expressions=True, timer=time.process_time)
    parts = {f"{part}, ms": seconds[part] for part in benchmark_table.FRAME_PARTS if part in seconds}
    width, height = clip.size
    # the rest of the mean: the landmarks, and the reading of the frame
    parts |= {"landmarks, ms": max(seconds["mean"] - sum(parts.values()), 0.0), "whole, ms": seconds["mean"]}
    parts |= {"95 % of the frames within, ms": seconds["total 95 %"], "expressions, ms": more["expressions"]}
    return {"width": width, "height": height, "frames": frames, "faces": seconds["faces"]} | parts


def use(face: Face) -> tuple:
    """Compute the parts of a face that most users read: they are computed when first read."""
    return face.landmarks, face.vertices, face.colors


def networks_alone(repeats: int) -> Numbers:
    """Times of MediaPipe's landmark model and of the bundled weights, where MediaPipe is installed."""
    from lprnet_utils.networks import time_litert

    theirs = next(PEERS.rglob(LANDMARK_MODEL), None)
    if theirs is None:
        return {"status": "Without MediaPipe its network cannot be timed alone."}
    ours = data_root() / "weights" / "open.tflite"
    seconds = time_litert({"mediapipe": theirs, "lprnet_lite": ours}, 1, repeats)
    return milliseconds(seconds) | {"mediapipe over lprnet_lite": seconds["mediapipe"] / seconds["lprnet_lite"]}


# ---- position maps, rendering, synthetic photos


def triangle_loop(vertices: np.ndarray, uv: np.ndarray, triangles: np.ndarray, size: int) -> np.ndarray:
    """A position map (size, size, 3) by a plain loop over the triangles, in numpy."""
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


def uv_mapping(repeats: int) -> Numbers:
    """Times from the mesh to its position map: the sparse matrix and the loop."""
    model, layout = MorphableModel.load(), UVLayout()
    jobs = {
        "sparse matrix": lambda: layout.vertices_to_map(model.mean),
        "triangle by triangle": lambda: triangle_loop(model.mean, model.uv, model.triangles, 128),
    }
    return compare(repeats, **jobs)


def renderer(repeats: int) -> Numbers:
    """Times of a depth map of 128 x 128 pixels: the z-buffer and trimesh's ray cast."""
    import trimesh

    model = MorphableModel.load()
    points = model.mean * [0.6, -0.6, 0.6] + [64, 64, 0]
    mesh = trimesh.Trimesh(points, model.triangles, process=False)
    grid = np.stack(np.meshgrid(np.arange(128), np.arange(128)), -1).reshape(-1, 2)
    rays = np.c_[grid, np.full(len(grid), 500.0)], np.tile([0.0, 0, -1], (len(grid), 1))
    jobs = {
        "z-buffer": lambda: rasterize(points, model.triangles, 128, 128),
        "ray cast": lambda: mesh.ray.intersects_first(*rays),
    }
    return compare(repeats, **jobs)


def synthetic_rate(count: int = 256) -> float:
    faces = SyntheticFaces(seed=0)
    faces.sample(0)
    start = time.perf_counter()
    for k in range(32, 32 + count):  # whole blocks, so that the work a block shares counts
        faces.sample(k)
    return count / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmark.json")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--processes", type=int, default=5, help="for each package (%(default)s)")
    parser.add_argument("--table", action="store_true", help="measure nothing: write the pages from the output file")
    parser.add_argument("--only", metavar="PART", help="measure this part, and keep the numbers of the others")
    options = parser.parse_args()
    begun = time.perf_counter()
    kept = options.table or options.only
    report = json.loads(options.output.read_text(encoding="utf-8")) if kept else {"machine": machine()}
    if options.table:
        benchmark_table.write_tables(ROOT, report, benchmark_gpu.known_runs())
        return
    cv2.setNumThreads(1)
    steps = {
        "peers": lambda: compare_packages(PHOTO, options.processes),
        "photo": lambda: photo_parts(4 * options.repeats),
        "video": video_parts,
        "uv mapping": lambda: uv_mapping(options.repeats),
        "renderer": lambda: renderer(3),
        "synthetic samples a second, 1 thread": synthetic_rate,
        "networks": lambda: network_costs(4 * options.repeats),
        "networks alone": lambda: networks_alone(4 * options.repeats),
    }
    if options.only:
        if options.only not in steps:
            parser.error(f"there is no part {options.only!r}; there are {', '.join(steps)}")
        steps = {options.only: steps[options.only]}
    for name, step in steps.items():
        start = time.perf_counter()
        report[name] = step()
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    start_numbers = ("import, ms", "load, ms", "first photo, ms", "peak memory, MB")
    report["start"] = {key: report["peers"]["lprnet"][key] for key in start_numbers}
    report = rounded(report)
    text = json.dumps(report, indent=2)
    options.output.write_text(text + "\n", encoding="utf-8")
    print(text)
    print(f"{time.perf_counter() - begun:.0f} s in all")
    if not options.only:
        benchmark_gpu.measure_backends(["torch", "jax"], [])
    if options.output == parser.get_default("output"):
        benchmark_table.write_tables(ROOT, report, benchmark_gpu.known_runs())


if __name__ == "__main__":
    main()
