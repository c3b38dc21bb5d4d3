"""Parallel jobs on the cores of this machine or on a Dask cluster, through joblib."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, nullcontext
from typing import Any

from .extras import install_name

DASK_TIMEOUT_SECONDS = 10  # for a Dask scheduler to answer
PARENT_CHECK_SECONDS = 0.2  # between two looks at whether the parent of a worker still lives


def run_jobs(
    function: Callable, jobs: Iterable[tuple[Any, ...]], workers: int = 1, dask: str | None = None
) -> Iterator[Any]:
    """Call a function once for each job and yield the results in the order in which they are ready.

    A job holds the arguments of one call. Other processes must be able to import the function. ``workers`` is the
    number of processes; 1 uses only this one. ``dask`` is the address of a Dask scheduler, ``tcp://host:8786``: its
    workers do the jobs instead, and need this package and the files under the same paths. RuntimeError if a worker
    died or no scheduler answers. If this process is killed, its workers end too; those of a Dask cluster do not.
    """
    if workers < 1:
        raise ValueError(f"at least one worker is needed, got {workers}")
    if dask is None and workers == 1:
        for job in jobs:
            yield function(*job)
        return
    from joblib import Parallel, delayed

    try:
        with nullcontext() if dask is None else _dask_cluster(dask):
            options = {"n_jobs": workers, "initializer": _end_with, "initargs": (os.getpid(),)} if dask is None else {}
            parallel = Parallel(return_as="generator_unordered", **options)
            yield from parallel(delayed(function)(*job) for job in jobs)
    except BrokenExecutor as error:
        raise RuntimeError(
            "a worker process died, perhaps because there was too little memory; finished work is kept: run the same "
            "command again, with fewer workers"
        ) from error


def check_cluster(dask: str | None) -> None:
    """RuntimeError if Dask is missing or no scheduler answers at this address. Before the first file is made."""
    if dask is not None:
        with _dask_cluster(dask):
            pass


def _end_with(parent: int) -> None:
    """Let this worker process end when its parent does, however that ends: a killed one cannot tell its workers."""
    threading.Thread(target=_wait_and_exit, args=(parent,), daemon=True).start()


def _wait_and_exit(parent: int) -> None:
    if os.name == "nt":
        import _winapi

        try:
            handle = _winapi.OpenProcess(_winapi.SYNCHRONIZE, False, parent)
            _winapi.WaitForSingleObject(handle, _winapi.INFINITE)
        except OSError:
            pass  # it has ended already
    else:
        while os.getppid() == parent:  # an orphan gets another parent
            time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)


@contextmanager
def _dask_cluster(address: str) -> Iterator[None]:
    """Let joblib use the cluster of a Dask scheduler."""
    from joblib import parallel_config

    try:
        from dask.distributed import Client
    except ImportError as error:
        raise RuntimeError(f"a Dask cluster needs Dask: pip install {install_name('distributed')}") from error
    try:
        client = Client(address, timeout=DASK_TIMEOUT_SECONDS)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"no Dask scheduler answers at {address}: {error}") from error
    with client, parallel_config("dask", client=client):
        yield
