"""The part of ``docs/benchmark.md`` about speed, from ``docs/benchmark.json``; ``benchmark.py`` calls it.

python scripts/benchmarks/benchmark.py --table      # writes the part again, in under a second
"""

from pathlib import Path
from typing import Any

PRECISIONS = ("float32", "float16", "int8")
NETWORKS = {
    "prnet": "PRNet (its cost only: its weights are not available)",
    "lprnet": "`lprnet`, as published",
    "lprnet_lite": "`lprnet_lite`, ours",
}
SUBJECTS = {
    "lprnet": ("L-PRNet, `open`", "68 points in 3D and the dense map"),
    "mediapipe": ("MediaPipe", "468 points in 3D"),
    "dlib": ("dlib", "68 points in 2D, faces from 80 pixels"),
}
PHOTO_PARTS = "detect", "crop", "network", "closer look", "mesh"
# parts of a frame, and their names on the page
FRAME_PARTS = {name: name for name in ("detect", "network", "closer look", "check", "smooth", "landmarks")}
FRAME_PARTS["network"] = "crop, network and map"
KERAS_STEP = "network alone, Keras' step"
INT8_COST = "moves the points of open by, pixels of the crop"

Report = dict[str, Any]


def number(value: float) -> str:
    """A number with three digits: 0.123, 1.23, 12.3, 1,230."""
    return f"{value:#.3g}" if value < 99.95 else f"{float(f'{value:.3g}'):,.0f}"


def megabytes(value: float | None) -> str:
    """Memory, or a question mark where the system did not report it."""
    return "?" if value is None else number(value)


def markdown_table(rows: list[tuple[str, ...]]) -> str:
    """A table whose first row is its head."""
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def gpu_inference(gpu: list[Report]) -> Report:
    """The newest run on a GPU that has times of the networks."""
    return [run for run in gpu if "inference" in run][-1]


def network_table(networks: Report, gpu: list[Report]) -> str:
    heads = ("network", "parameters", "multiply-adds", "MB", "ms, 1 thread", "ms, 2 threads", "times as fast as PRNet")
    rows, on_gpu = [(*heads, "GPU: ms, 1 / 64 faces")], gpu_inference(gpu)["inference"]
    for name, title in NETWORKS.items():
        costs = networks[name]
        cells = [" / ".join(number(costs[p][column]) for p in PRECISIONS) for column in heads[3:6]]
        ratio = costs["float32"].get("times as fast as prnet, 1 thread")
        work = costs["parameters"] / 1e6, costs["multiply-adds"] / 1e6
        cells += [number(ratio) if ratio else "1", " / ".join(number(on_gpu[name][f"ms, batch {b}"]) for b in (1, 64))]
        rows.append((title, *(f"{number(w)} M" for w in work), *cells))
    return markdown_table(rows)


def training_table(gpu: list[Report]) -> str:
    """Images a second of trainings on GPUs, by their parts."""
    parts = KERAS_STEP, "network alone", "batches alone", "together"
    rows = [("GPU", "software, precision", *parts, "conditions", "measured by")]
    for run in gpu:
        for precision, rates in run.get("training", {}).items():
            cells = (f"{rates[part]:,.0f}" if part in rates else "" for part in parts)
            rows.append((run["device"], f"{run['software']}, {precision}", *cells, run["conditions"], run["by"]))
    return markdown_table(rows)


def peer_table(peers: Report) -> str:
    """Table of L-PRNet and packages of others; the start is from the import to the face in the first photo."""
    rows = [("package", "from a photo to", "ms", "times L-PRNet's", "start, s", "peak memory, MB", "model files, MB")]
    for name, (title, points) in SUBJECTS.items():
        found = peers[name]
        if "photo, ms" not in found:
            rows.append((title, points, found["status"], "", "", "", ""))
            continue
        cells = (
            number(found["photo, ms"]),
            number(found["photo, ms"] / peers["lprnet"]["photo, ms"]),
            number(sum(found[f"{part}, ms"] for part in ("import", "load", "first photo")) / 1000),
            megabytes(found["peak memory, MB"]),
            number(found["model files, MB"]),
        )
        rows.append((title if name == "lprnet" else f"{title} {found['version']}", points, *cells))
    return markdown_table(rows)


TEXT = """
All in one run on {cores} cores ({processor}, Python {python}, LiteRT {litert}); medians. The ratios count
more than the milliseconds: yours is another machine. `make benchmark` measures it all again in under ten minutes, and
writes this part of the page.

{networks}

MB and ms: float32 / float16 / int8. "Times as fast" is float32 on one thread, where `lprnet_lite` is {over_lprnet}
times as fast as `lprnet`. The bundled weights are float16. int8 is the smallest, and moves the points of `open` by
{int8_cost} pixels of the crop on average. The GPU's column is of another machine: {gpu}, {gpu_software},
measured by {gpu_by}. [Speed](speed.md) says more, and how fast training goes.

**A photo** of {width} x {height} pixels, one thread: {parts}
(the map in the photo, its check, landmarks, vertices, colours); the whole {whole} ms. **Start**, one core: import
{import_} s, load {load} s, first photo {first} s; memory peaks at {memory} MB.

**A frame of a video** of {video_size} pixels, one core, on average: {video_parts};
the whole {video_whole} ms, 95 of 100 frames within {video_most} ms, without decoding and encoding. Expression weights
take {expressions} ms more.

{peers}

The same photo, each package in processes of its own, on one core; start is from the import to the first face. Here our
face is read for its landmarks alone, without vertices and colours.
{alone}

**In the course**: one sparse matrix makes a mesh's position map {uv} times as fast as a loop over its triangles in
numpy; the z-buffer draws a face {renderer} times as fast as trimesh casts its rays; one thread makes {synthetic}
synthetic photos a second.
"""
ALONE = """
The networks alone, LiteRT, one thread: MediaPipe's face landmark model {theirs} ms, ours {ours} ms; theirs takes
{ratio} times as long. Ours takes less time here, beside another small network, than among the work of a photo.
"""


PAGE = """
# How fast the networks are, on processors and on GPUs

The table that the original L-PRNet left open: PRNet, L-PRNet as published, and ours.

{networks}

Processor: {processor}, LiteRT {litert}, float32 / float16 / int8, one face at a time. GPU: {gpu}, {gpu_software},
float32, from crops on the GPU to maps on the GPU; measured by {gpu_by}. For one face, the time goes into starting
some hundred computations one after the other, whatever their size; a network with more layers takes longer. With 64
faces at once the sums themselves count: `lprnet_lite` does {lite_faces} faces a second,
`lprnet` {lprnet_faces} and PRNet {prnet_faces}.

## Training

Images a second of `lprnet_lite` on crops of 128 pixels, batches of 512:

{training}

"Network alone" is a step on one batch that lies on the GPU: forward pass, gradients and update; "Keras' step" the same
with Keras' own training step. "Batches alone" is how fast batches are made, "together" the whole training.

What Keras loses on torch is time in Python: each plain number in its step (momenta, rates, epsilons) is copied to the
GPU, and each copy waits for all that was computed before. The step of `lprnet train` does the same arithmetic without
a copy (`lprnet_utils/training/torch_step.py`). In one run that was {gain} times as fast ({conditions}).
Busy processors slow both: starting a step's computations is the processor's work. What has no figure has not been
measured.

[Training on several machines](distributed.md) has a page of its own.

## Measure it again

`make benchmark` measures the processor, and the networks on a GPU where torch or JAX finds one. With training:

    lprnet synthesize runs/synthetic --samples 20480 --workers 8
    python scripts/benchmarks/benchmark_gpu.py --shards runs/synthetic
    python scripts/benchmarks/benchmark.py --table

The figures are in `docs/benchmark.json` and `docs/benchmark_gpu.json`. This page and
[the benchmark](benchmark.md) are made from them.
"""


def page(report: Report, gpu: list[Report]) -> str:
    """The text of ``docs/speed.md``."""
    run, machine = gpu_inference(gpu), report["machine"]
    faces = {name: number(64_000 / times["ms, batch 64"]) for name, times in run["inference"].items()}
    rates, conditions = next(
        (rates, run["conditions"])
        for run in gpu[::-1]
        for rates in run.get("training", {}).values()
        if {"network alone", KERAS_STEP} <= rates.keys()
    )
    return PAGE.lstrip().format(
        networks=network_table(report["networks"], gpu),
        processor=machine["processor"],
        litert=machine["packages"]["ai-edge-litert"],
        gpu=run["device"],
        gpu_software=run["software"],
        gpu_by=run["by"],
        lite_faces=faces["lprnet_lite"],
        lprnet_faces=faces["lprnet"],
        prnet_faces=faces["prnet"],
        training=training_table(gpu),
        gain=number(rates["network alone"] / rates[KERAS_STEP]),
        conditions=conditions,
    )


def block(report: Report, gpu: list[Report]) -> str:
    """Text of docs/benchmark.md between the marks, from ``docs/benchmark.json`` and ``docs/benchmark_gpu.json``."""
    run = gpu_inference(gpu)
    machine, photo, start, video = (report[k] for k in ("machine", "photo", "start", "video"))
    lite, alone = report["networks"]["lprnet_lite"], report["networks alone"]
    models = (
        alone["status"]
        if "status" in alone
        else ALONE.strip().format(
            theirs=number(alone["mediapipe, ms"]),
            ours=number(alone["lprnet_lite, ms"]),
            ratio=number(alone["mediapipe over lprnet_lite"]),
        )
    )
    return TEXT.strip().format(
        cores=machine["cores"],
        processor=machine["processor"],
        python=machine["python"],
        litert=machine["packages"]["ai-edge-litert"],
        networks=network_table(report["networks"], gpu),
        gpu=run["device"],
        gpu_software=run["software"],
        gpu_by=run["by"],
        over_lprnet=number(lite["float32"]["times as fast as lprnet, 1 thread"]),
        int8_cost=number(lite["int8"][INT8_COST]),
        width=photo["width"],
        height=photo["height"],
        parts=", ".join(f"{part} {number(photo[f'{part}, ms'])} ms" for part in PHOTO_PARTS),
        whole=number(photo["whole, ms"]),
        import_=number(start["import, ms"] / 1000),
        load=number(start["load, ms"] / 1000),
        first=number(start["first photo, ms"] / 1000),
        memory=megabytes(start["peak memory, MB"]),
        video_size=f"{video['width']} x {video['height']}",
        video_parts=", ".join(f"{told} {number(video[f'{part}, ms'])} ms" for part, told in FRAME_PARTS.items()),
        video_whole=number(video["whole, ms"]),
        video_most=number(video["95 % of the frames within, ms"]),
        expressions=number(video["expressions, ms"]),
        peers=peer_table(report["peers"]),
        alone=models,
        uv=number(report["uv mapping"]["times as fast"]),
        renderer=number(report["renderer"]["times as fast"]),
        synthetic=number(report["synthetic samples a second, 1 thread"]),
    )


def with_block(text: str, content: str, name: str) -> str:
    """The text of a page with new content between the marks of a name, which must be there once each and in order."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, opened, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (opened and closed) or start in rest or end in before + after:
        raise ValueError(f"the page needs {start} and, after it, {end}, once each")
    return f"{before}{start}\n{content}\n{end}{after}"


def write_tables(root: Path, report: Report, gpu: list[Report]) -> None:
    """Write the numbers into docs/benchmark.md and docs/speed.md of a checkout."""
    docs = root / "docs"
    text = (docs / "benchmark.md").read_text(encoding="utf-8")
    (docs / "benchmark.md").write_text(with_block(text, block(report, gpu), "benchmark"), encoding="utf-8")
    (docs / "speed.md").write_text(page(report, gpu), encoding="utf-8")
