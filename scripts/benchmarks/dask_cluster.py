"""Check work on a Dask cluster of this machine, one of whose workers is killed, and time it; see docs/distributed.md.

    python scripts/benchmarks/dask_cluster.py [--photos 40]

Shards of generated pairs, and 3D faces of photos, are made by one process, by three workers, and by three of which one
is killed after a quarter of the work. Printed are the times, and whether all files are the same. Three workers on two
cores share them: the times say what a cluster costs here, not how it grows.
"""

import argparse
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).parents[2]
PATHS = f"{ROOT}{os.pathsep}{ROOT / 'scripts/benchmarks'}"
ENVIRONMENT = os.environ | {"PYTHONPATH": PATHS, "OPENBLAS_NUM_THREADS": "1"}
SHARDS, SHARD_PAIRS = 12, 8  # made on the cluster
WORKERS = 3


def free_address() -> str:
    """An address of this machine with a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def small_shard(path: Path, number: int) -> None:
    """A shard of few generated pairs."""
    from lprnet_utils.common import write_checked
    from lprnet_utils.datasets import pack
    from lprnet_utils.synthetic.folders import faces_of_thread

    cv2.setNumThreads(1)
    faces = faces_of_thread(3)
    pairs = pack(faces.sample(number * SHARD_PAIRS + k) for k in range(SHARD_PAIRS))
    write_checked(path, pairs | {"model": np.array("mixed")})  # as lprnet synthesize does, but fewer


@contextmanager
def cluster() -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """The address and the worker processes of a Dask cluster on this machine."""
    address = free_address()
    host, port = address.split(":")
    quiet = {"env": ENVIRONMENT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--host", host, "--port", port]
    started = [subprocess.Popen(dask, **quiet)]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://{address}", "--nthreads", "1"]
    worker += ["--no-nanny", "--no-dashboard", "--local-directory", tempfile.gettempdir()]
    started += [subprocess.Popen(worker, **quiet) for _ in range(WORKERS)]
    try:
        from dask.distributed import Client

        with Client(f"tcp://{address}", timeout=60) as client:
            client.wait_for_workers(WORKERS, timeout=60)
        yield f"tcp://{address}", started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def digest(folder: Path, pattern: str) -> dict[str, str]:
    """Hashes of the files in a folder, by name."""
    files = [path for path in sorted(folder.glob(pattern)) if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Killer:
    """Passes results on, and kills a worker after so many of them; ``worker`` None kills nobody."""

    def __init__(self, worker: subprocess.Popen | None, after: int):
        self.worker, self.after = worker, after

    def __call__(self, results: Iterator, total: int = 0) -> Iterator:
        for number, result in enumerate(results):
            if self.worker is not None and number == self.after:
                self.worker.kill()
            yield result


def compare(what: str, count: int, pattern: str, work: Callable[[Path, str | None, Callable], None]) -> None:
    """Do the same work alone, on the cluster, and on one whose worker is killed after a quarter of it."""
    with tempfile.TemporaryDirectory() as name:
        alone = Path(name) / "alone"
        began = time.perf_counter()
        work(alone, None, Killer(None, 0))
        seconds, files = time.perf_counter() - began, digest(alone, pattern)
        print(f"{what}, one process: {seconds:.1f} s, {count / seconds:.2f} a second, {len(files)} files", flush=True)
        for killed in (False, True):
            folder = Path(name) / f"killed-{killed}"
            with cluster() as (address, workers):
                began = time.perf_counter()
                work(folder, address, Killer(workers[0] if killed else None, count // 4))
                seconds = time.perf_counter() - began
                if [worker.poll() is None for worker in workers] != [not killed, *[True] * (WORKERS - 1)]:
                    raise SystemExit("other workers ended than those that were killed")
            same = "the same files" if digest(folder, pattern) == files else "OTHER FILES"
            lost_one = ", one of them killed" if killed else ""
            print(
                f"{what}, {WORKERS} workers{lost_one}: {seconds:.1f} s, {count / seconds:.2f} a second, {same}",
                flush=True,
            )


def on_cluster(count: int) -> None:
    """Shards and photos on a cluster."""

    from lprnet_utils.commands.photos import PhotoOptions, process_photos
    from lprnet_utils.datasets.shards import fill_folder
    from lprnet_utils.synthetic import rendered_clip

    def shards(folder: Path, address: str | None, watched: Callable) -> None:
        fill_folder(folder, SHARDS, small_shard, 1, watched, address)

    compare(f"shards of {SHARD_PAIRS} pairs", SHARDS, "shard-*.bin", shards)
    with tempfile.TemporaryDirectory() as name:
        for k, frame in enumerate(rendered_clip(count, (320, 240), 1, seed=3)):
            cv2.imwrite(f"{name}/{k:03d}.png", frame.image[..., ::-1])

        def photos(folder: Path, address: str | None, watched: Callable) -> None:
            wanted = PhotoOptions(kinds=("glb", "landmarks", "pose", "overlay"))
            report = process_photos([name], folder, wanted, 1, address, watched)
            assert report.done == count and not report.failed, report

        compare("photos", count, "*.*", photos)


def main() -> None:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("--photos", type=int, default=40)
    on_cluster(parser.parse_args().photos)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    from dask_cluster import main as run  # workers import the functions by this name, not from __main__

    run()
