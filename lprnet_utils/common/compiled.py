"""Numba's compiler, with its results on disk where that is possible."""

from collections.abc import Callable

import numba


def compiled(function: Callable) -> Callable:
    """Compile a function on first use. The result is kept on disk, unless no folder for it can be written."""
    try:
        return numba.njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # a read-only package, and no writable home: numba has no place for its cache
        return numba.njit(error_model="numpy")(function)
