"""Jobs give the same results on one core, on several cores and on a cluster."""

import os
import signal
import subprocess
import sys
from functools import partial

import cv2
import numpy as np
import pytest
from processes import end_session, running_in_session, wait_until

from lprnet_utils.commands.main import main
from lprnet_utils.commands.photos import PhotoOptions, process_photos
from lprnet_utils.common import parallel, write_checked
from lprnet_utils.common.parallel import run_jobs
from lprnet_utils.datasets import pack
from lprnet_utils.datasets.shards import fill_folder
from lprnet_utils.synthetic import rendered_clip
from lprnet_utils.synthetic.folders import faces_of_thread

JOBS = [(k, 3) for k in range(50)]
RESULTS = sorted(k // 3 for k in range(50))


def divide(a, b):
    return a // b


def die(k):
    os._exit(1)


@pytest.fixture(scope="module")
def cluster():
    """A Dask cluster of two worker processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="the cluster extra is not installed")
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as running:
        yield running.scheduler_address


def test_jobs_on_one_core_and_on_two():
    for workers in (1, 2):
        assert sorted(run_jobs(divide, JOBS, workers)) == RESULTS
        with pytest.raises(ZeroDivisionError):
            list(run_jobs(divide, [(1, 0)], workers))
    with pytest.raises(ValueError, match="at least one worker"):
        list(run_jobs(divide, JOBS, 0))


def test_a_worker_that_dies_is_reported():
    with pytest.raises(RuntimeError, match="a worker process died.*run the same command again"):
        list(run_jobs(die, [(k,) for k in range(4)], 2))


def test_a_missing_cluster_is_reported(monkeypatch):
    pytest.importorskip("distributed", reason="the cluster extra is not installed")
    monkeypatch.setattr(parallel, "DASK_TIMEOUT_SECONDS", 1)
    with pytest.raises(RuntimeError, match="no Dask scheduler answers at tcp://127.0.0.1:9"):
        list(run_jobs(divide, [(1, 1)], dask="tcp://127.0.0.1:9"))


def test_a_cluster_gives_the_same_results(cluster):
    assert sorted(run_jobs(divide, JOBS, dask=cluster)) == RESULTS


def test_photos_on_a_cluster(cluster, tmp_path, capsys):
    folder, here, there = tmp_path / "in", tmp_path / "here", tmp_path / "there"
    folder.mkdir()
    for k, frame in enumerate(rendered_clip(6, (160, 120), 1, seed=3)):
        cv2.imwrite(str(folder / f"{k}.png"), frame.image[..., ::-1])
    (folder / "broken.png").touch()
    assert process_photos([folder], here, PhotoOptions("open", kinds=("landmarks",))).done == 6
    assert main(["photo", str(folder), "-o", str(there), "--landmarks", "--weights", "open", "--dask", cluster]) == 1
    assert "6 photos done; 6 faces" in capsys.readouterr().out
    for path in here.glob("*.txt"):
        assert np.array_equal(np.loadtxt(path), np.loadtxt(there / path.name))


def small_shard(path, number, seed):
    """A shard of three samples. A test cannot change ``SHARD_SIZE`` in a worker process."""
    faces = faces_of_thread(seed)
    write_checked(path, pack(faces.sample(number * 3 + k) for k in range(3)))


@pytest.mark.slow
def test_shards_on_a_cluster(cluster, tmp_path):
    for folder, workers, dask in (("here", 1, None), ("two", 2, None), ("there", 1, cluster)):
        fill_folder(tmp_path / folder, 2, partial(small_shard, seed=2), workers, iter, dask)
    for name in ("shard-00000.bin", "shard-00001.bin"):
        data = {(tmp_path / folder / name).read_bytes() for folder in ("here", "two", "there")}
        assert len(data) == 1, "the same bytes wherever the shards are made"


PARENT = """
import os, signal, sys, time
from pathlib import Path
from lprnet_utils.common.parallel import run_jobs
def write(folder, number):
    with open(Path(folder) / str(os.getpid()), "w") as file:
        for k in range(600):
            print(k, file=file, flush=True)
            time.sleep(0.05)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)) if sys.argv[2] == "exit" else None
list(run_jobs(write, [(sys.argv[1], k) for k in range(2)], 2))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of Windows are others")
@pytest.mark.parametrize(("number", "handled"), [("SIGKILL", "no"), ("SIGTERM", "no"), ("SIGTERM", "exit")])
def test_workers_end_with_their_parent(number, handled, tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path, handled], start_new_session=True)
    try:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2, 60)
        workers = [int(path.name) for path in tmp_path.iterdir()]
        assert set(workers) < set(running_in_session(parent.pid))
        parent.send_signal(getattr(signal, number))
        parent.wait(timeout=10)
        wait_until(lambda: not running_in_session(parent.pid), 5)
    finally:
        end_session(parent)
