"""Work on a device: compiled on JAX, beside the training on CUDA; and what to do if its memory is full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import keras

Tensor = Any  # of the backend
FULL = "out of memory", "resource_exhausted", "oom when allocating"  # in errors of torch, JAX and TensorFlow


def on_cuda() -> bool:
    """Whether Keras runs on torch, and torch has a CUDA device."""
    if keras.backend.backend() != "torch":
        return False
    import torch

    return torch.cuda.is_available()


def free_device_memory() -> int | None:
    """Free bytes on the accelerator; None if there is none, or it does not say."""
    if on_cuda():
        import torch

        return torch.cuda.mem_get_info()[0]
    if keras.backend.backend() == "jax":
        import jax

        stats = jax.devices()[0].memory_stats() or {}
        if "bytes_limit" in stats:
            return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    return None


def compiled(function: Callable) -> Callable:
    """A function of tensors, perhaps in tuples and dictionaries; on JAX compiled, once for each set of shapes."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


@contextmanager
def explain_full_memory() -> Iterator[None]:
    """RuntimeError that names the settings that need less, if the memory of the device, or of the machine, is full."""
    try:
        yield
    except Exception as error:
        text = str(error).lower()  # each backend has a class of its own
        if not isinstance(error, MemoryError) and not any(w in text for w in FULL):
            raise
        raise RuntimeError(
            "the memory is full: lower batch_size (--set 'batch_size = ...'), or keep fewer there (--stream with "
            "a lower --keep); both need a new --run"
        ) from error


@contextmanager
def beside_the_training() -> Iterator[Callable]:
    """Make tensors on a CUDA stream of their own, so that copies to the device do not wait for the training.

    Gives a function to call with the tensors at the end; it waits for them, and returns them.
    """
    if not on_cuda():
        yield lambda *tensors: tensors
        return
    import torch

    stream = _stream()
    with torch.cuda.stream(stream), torch.no_grad():

        def use(*tensors: Tensor) -> tuple[Tensor, ...]:
            stream.synchronize()
            for tensor in tensors:
                tensor.record_stream(torch.cuda.default_stream())
            return tensors

        yield use


@lru_cache(maxsize=1)
def _stream() -> Any:
    import torch

    torch.cuda.synchronize()  # what was made so far, such as room for photos, is there before this stream uses it
    return torch.cuda.Stream()
