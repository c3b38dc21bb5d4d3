"""What a large job costs: photos and pairs a second, bytes on the disk, and how the list of jobs grows.

    python scripts/benchmarks/many_photos.py [speed] [list] [dask] [--workers 1 2] [--sizes 1000 10000 100000]

``speed`` makes the usual files of two bundled photos again and again, and shards of generated pairs, with one worker
and with two. The first results do not count: a worker needs seconds to start, however long it then works. ``list``
runs ``lprnet photo`` on so many photos, twice, and prints memory and seconds of the processor, which other programs
change little. It replaces only the 3D reconstruction, by something that makes empty files. Finding and naming the
photos, notes and report are the real ones.
``dask`` counts the empty jobs that a scheduler hands out. Without a choice of parts it does all three, and computes
from them, and from nothing else, what one and ten million photos would take.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from dask_cluster import PATHS, SHARD_PAIRS, WORKERS, cluster, small_shard

PHOTOS, SHARDS = 24, 8  # in a measurement of the speed
ENDINGS = ".glb", ".overlay.jpg"  # of the usual files of a photo
IN_ONE_COMMAND = 100_000  # photos, in the plan
PLANNED_WORKERS = 100
EMPTY_JOBS = 2000  # for a Dask scheduler


class Clock:
    """Passes results on and measures how many come in a second, without the first one of each worker."""

    def __init__(self, workers: int):
        self.workers, self.times = workers, []

    def __call__(self, results: Iterator, total: int = 0) -> Iterator:
        for result in results:
            self.times.append(time.perf_counter())
            yield result

    @property
    def rate(self) -> float:
        """Results a second."""
        counted = self.times[self.workers - 1 :]
        return (len(counted) - 1) / (counted[-1] - counted[0])


def bytes_in(folder: Path, hidden: bool) -> int:
    """Bytes of all files in a folder, or only of those in its hidden folders."""
    files = (path for path in folder.rglob("*") if path.is_file())
    inside = ((path, path.relative_to(folder).parts) for path in files)
    return sum(path.stat().st_size for path, parts in inside if hidden == any(p.startswith(".") for p in parts))


def speed(numbers: list[int]) -> dict[str, float]:
    """Print and return photos and pairs a second, and bytes of each."""
    from lprnet_utils.commands.photos import process_photos
    from lprnet_utils.common import data_path
    from lprnet_utils.datasets.shards import fill_folder

    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        photos = Path(name) / "photos"
        photos.mkdir()
        for k in range(PHOTOS):
            source = data_path(f"samples/{('astronaut', 'grace_hopper')[k % 2]}.jpg")
            (photos / f"{k:03d}.jpg").write_bytes(source.read_bytes())
        for workers in numbers:
            clock, folder = Clock(workers), Path(name) / f"faces-{workers}"
            report = process_photos([photos], folder, None, workers, None, clock)
            if report.done != PHOTOS or report.faces < PHOTOS:
                raise SystemExit(f"not all photos have a face: {report}")
            found[f"photos {workers}"] = clock.rate
            found["photo bytes"] = bytes_in(folder, hidden=False) / PHOTOS
            found["note bytes"] = bytes_in(folder, hidden=True) / PHOTOS
            print(f"photos, workers: {workers}, {clock.rate:.2f} a second", flush=True)
            found["worker's photos"] = clock.rate / workers  # in a plan, all cores are busy: that of the most workers
        print(f"a photo: {found['photo bytes'] / 1e3:.0f} kB of files, {found['note bytes']:.0f} bytes of note")
        for workers in numbers:
            clock, folder = Clock(workers), Path(name) / f"shards-{workers}"
            fill_folder(folder, SHARDS, small_shard, workers, clock, None)
            found[f"pairs {workers}"] = clock.rate * SHARD_PAIRS
            found["pair bytes"] = bytes_in(folder, hidden=False) / (SHARDS * SHARD_PAIRS)
            print(f"generated pairs, workers: {workers}, {found[f'pairs {workers}']:.2f} a second", flush=True)
        print(f"a generated pair: {found['pair bytes'] / 1e3:.1f} kB")
    return found


def listed(source: Path, folder: Path) -> None:
    """Run ``lprnet photo`` without its reconstruction; print the core's seconds and the megabytes as JSON."""
    from lprnet_utils.commands import photos
    from lprnet_utils.commands.photo_notes import PhotoJob, fingerprint, write_note

    def noted(job: PhotoJob, options: photos.PhotoOptions, settings: dict) -> tuple[Path, int, str]:
        job.files_folder.mkdir(parents=True, exist_ok=True)
        files = [Path(job.name).name + ending for ending in ENDINGS]
        for name in files:
            (job.files_folder / name).touch()
        note = {"photo": fingerprint(job.photo), "settings": settings, "faces": 1}
        write_note(job, note, options.noted_kinds, files)
        return job.photo, 1, ""

    photos.process_photo, started = noted, []

    def bar(results: Iterator, total: int = 0) -> Iterator:
        started.append(time.process_time())
        return results

    photos._net(photos.PhotoOptions())  # what every run has, however few photos
    before, began = _megabytes(), time.process_time()
    report = photos.process_photos([source], folder, None, 1, None, bar)
    ended = time.process_time()
    first = started[0] if started else ended
    numbers = {"before": first - began, "jobs": ended - first, "megabytes": _megabytes() - before}
    print(json.dumps(numbers | {"done": report.done, "skipped": report.skipped}))


def _megabytes() -> float:
    """The most memory that this process has had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


def lists(sizes: list[int]) -> dict[str, float]:
    """Print how the list of jobs grows; return the numbers of the longest one, for each photo."""
    print("| photos | until the first job | notes and empty files | memory, MB | again: all are done |")
    print("|---|---|---|---|---|")
    environment, found = os.environ | {"PYTHONPATH": PATHS}, {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            source, folder = Path(name) / "photos", Path(name) / "faces"
            source.mkdir()
            for k in range(size):
                (source / f"IMG_{k:07d}.jpg").touch()
            command = [sys.executable, __file__, "--listed", source, folder]
            first, again = (json.loads(subprocess.check_output(command, env=environment)) for _ in range(2))
            if (first["done"], again["skipped"]) != (size, size):
                raise SystemExit(f"not all photos were listed: {first}, {again}")
            row = f"| {size:,} | {first['before']:.1f} | {first['jobs']:.1f} | {first['megabytes']:.0f} |"
            print(f"{row} {again['before']:.1f} |", flush=True)
            found = {key: (first[key] + again[key] * (key == "before")) / size for key in ("before", "megabytes")}
    return found


def handed_out() -> dict[str, float]:
    """Print and return how many jobs a second a Dask scheduler of this machine hands out, if they take no time."""
    from lprnet_utils.common.parallel import run_jobs

    with cluster() as (address, _):
        began = time.perf_counter()
        done = sum(1 for _ in run_jobs(abs, ((k,) for k in range(EMPTY_JOBS)), 1, address))
        rate = done / (time.perf_counter() - began)
    print(f"a Dask scheduler: {rate:.0f} empty jobs a second, with {WORKERS} workers")
    return {"jobs": rate}


def plan(speeds: dict[str, float], lengths: dict[str, float]) -> None:
    """Print what large jobs would take by these numbers."""
    print(
        f"| photos | hours of one worker | of {PLANNED_WORKERS} workers | files, TB | notes, GB | "
        "commands | memory of each, MB |"
    )
    print("|---|---|---|---|---|---|---|")
    for photos in (1_000_000, 10_000_000):
        hours = photos / speeds["worker's photos"] / 3600
        files, notes = photos * speeds["photo bytes"] / 1e12, photos * speeds["note bytes"] / 1e9
        commands, memory = photos // IN_ONE_COMMAND, IN_ONE_COMMAND * lengths["megabytes"]
        row = f"| {photos:,} | {hours:,.0f} | {hours / PLANNED_WORKERS:,.1f} | {files:.2f} | {notes:.1f} |"
        print(f"{row} {commands} | {memory:.0f} |")


def main() -> None:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("parts", nargs="*", help="speed, list, dask; without any, all, and the plan")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--listed", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.listed:
        listed(*given.listed)
        return
    parts: dict[str, Callable] = {
        "list": partial(lists, given.sizes),  # first: on Linux a process's highest memory begins with its parent's
        "speed": partial(speed, given.workers),
        "dask": handed_out,
    }
    if unknown := set(given.parts) - set(parts):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(parts)}")
    found = {name: work() for name, work in parts.items() if name in (given.parts or parts)}
    if len(found) == len(parts):
        plan(found["speed"], found["list"])


if __name__ == "__main__":
    main()
