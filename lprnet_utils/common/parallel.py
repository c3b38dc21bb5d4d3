"""Many like jobs, on the cores of this machine or on a Dask cluster, through joblib."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from typing import Any

PATIENCE = 10  # seconds for a Dask scheduler to answer


def run_jobs(
    function: Callable, jobs: Iterable[tuple[Any, ...]], workers: int = 1, dask: str | None = None
) -> Iterator[Any]:
    """Call a function once for each job; the results as they come, in no order.

    Parameters
    ----------
    function : callable
        That another process can import.
    jobs : iterable of tuple
        Its arguments.
    workers : int
        Processes; 1: none besides this one.
    dask : str, optional
        Address of a Dask scheduler, ``tcp://host:8786``: its workers do the jobs, and ``workers`` is not used. They
        need this package, and the files under the same paths.

    Raises
    ------
    ValueError
        If there is no worker to be.
    RuntimeError
        If a worker process died (killed, or out of memory), if there is no such cluster, or Dask is not installed.
    """
    if workers < 1:
        raise ValueError(f"at least one worker is needed, got {workers}")
    if dask is not None:
        yield from _on_cluster(function, jobs, dask)
    elif workers == 1:
        for job in jobs:
            yield function(*job)
    else:
        from joblib import Parallel, delayed

        try:
            yield from Parallel(workers, return_as="generator_unordered")(delayed(function)(*job) for job in jobs)
        except BrokenExecutor as error:
            raise RuntimeError(
                "a worker process died, perhaps for want of memory; what is done is kept: run the same command again, "
                "with fewer workers"
            ) from error


def _on_cluster(function: Callable, jobs: Iterable[tuple[Any, ...]], address: str) -> Iterator[Any]:
    from joblib import Parallel, delayed, parallel_config

    try:
        from dask.distributed import Client
    except ImportError as error:
        raise RuntimeError("a Dask cluster needs Dask: pip install distributed") from error
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"no Dask scheduler answers at {address}: {error}") from error
    with client, parallel_config("dask", client=client):
        yield from Parallel(return_as="generator_unordered")(delayed(function)(*job) for job in jobs)
