"""README.md's part about speed, written from ``docs/benchmark.json``. ``benchmark.py`` measures and calls this module.

python scripts/benchmarks/benchmark.py --table      # writes the part again, in under a second
"""

from pathlib import Path
from typing import Any

BLOCK_START, BLOCK_END = "<!-- benchmark -->", "<!-- /benchmark -->"
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
# parts of a frame, and their names in README.md
FRAME_PARTS = {name: name for name in ("detect", "network", "check", "smooth", "landmarks")}
FRAME_PARTS["network"] = "crop, network and map"
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


def network_table(networks: Report) -> str:
    heads = ("network", "parameters", "multiply-adds", "MB", "ms, 1 thread", "ms, 2 threads", "times as fast as PRNet")
    rows = [heads]
    for name, title in NETWORKS.items():
        costs = networks[name]
        cells = [" / ".join(number(costs[p][column]) for p in PRECISIONS) for column in heads[3:6]]
        ratio = costs["float32"].get("times as fast as prnet, 1 thread")
        work = costs["parameters"] / 1e6, costs["multiply-adds"] / 1e6
        rows.append((title, *(f"{number(w)} M" for w in work), *cells, number(ratio) if ratio else "1"))
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

MB and ms: float32 / float16 / int8. The last column is float32 on one thread, where `lprnet_lite` is {over_lprnet}
times as fast as `lprnet`. The bundled weights are float16. int8 is the smallest, and moves the points of `open` by
{int8_cost} pixels of the crop on average.

**A photo** of {width} x {height} pixels, one thread: {parts}
(the map in the photo, its check, landmarks, vertices, colours); the whole {whole} ms. **Start**, one core: import
{import_} s, load {load} s, first photo {first} s; memory peaks at {memory} MB.

**A frame of a video** of {video_size} pixels, one core, on average: {video_parts};
the whole {video_whole} ms, 95 of 100 frames within {video_most} ms, without decoding and encoding. Expression weights
take {expressions} ms more.

{peers}

The same photo, each package in processes of its own, on one core; start is from the import to the first face.
{alone}

**In the course**: one sparse matrix makes a mesh's position map {uv} times as fast as a loop over its triangles in
numpy; the z-buffer draws a face {renderer} times as fast as trimesh casts its rays; one thread makes {synthetic}
synthetic photos a second.
"""
ALONE = """
The networks alone, LiteRT, one thread: MediaPipe's face landmark model {theirs} ms, ours {ours} ms; theirs takes
{ratio} times as long.
"""


def block(report: Report) -> str:
    """Text of README.md between the marks, from the content of ``docs/benchmark.json``."""
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
        networks=network_table(report["networks"]),
        over_lprnet=number(lite["float32"]["times as fast as lprnet, 1 thread"]),
        int8_cost=number(lite["int8"][INT8_COST]),
        width=photo["width"],
        height=photo["height"],
        parts=", ".join(f"{part} {number(photo[f'{part}, ms'])} ms" for part in ("detect", "crop", "network", "mesh")),
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


def with_block(text: str, content: str) -> str:
    """The text of README.md with new content between the marks, which must be there once each and in order."""
    before, opened, rest = text.partition(BLOCK_START)
    _, closed, after = rest.partition(BLOCK_END)
    if not (opened and closed) or BLOCK_START in rest or BLOCK_END in before + after:
        raise ValueError(f"README.md needs {BLOCK_START} and, after it, {BLOCK_END}, once each")
    return f"{before}{BLOCK_START}\n{content}\n{BLOCK_END}{after}"


def write_block(readme: Path, report: Report) -> None:
    """Write the report's numbers into README.md."""
    readme.write_text(with_block(readme.read_text(encoding="utf-8"), block(report)), encoding="utf-8")
