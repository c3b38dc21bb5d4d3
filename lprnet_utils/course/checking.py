"""Does an answer to an exercise do what was asked? Each chapter has a module with one test for each exercise.

``check("01-2", mirrored)`` calls ``chapter_01.exercise_2(mirrored, rng)``. That function tries the learner's function
on new random inputs and raises ``NotYet``, by ``expect``, with a message that says what was wrong on which input. It
may return a sentence, which is printed after "Right.".
"""

from __future__ import annotations

import copy
import os
import secrets
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LONGEST = 200  # characters of an error's message that are shown


class NotYet(AssertionError):
    """An answer that is not right yet. The message says what is missing."""


def check(exercise: str, answer: Any) -> None:
    """Test the answer to an exercise, such as ``"01-2"``: chapter 1, exercise 2.

    It prints "Right." or "Not yet: ..." with what is missing, so that a notebook goes on. The inputs are new each time.

    Raises
    ------
    NotYet
        If the answer is not right and the environment variable ``LPRNET_STRICT`` is 1.
    """
    chapter, number = exercise.split("-")
    test = getattr(import_module(f".chapter_{chapter}", __package__), f"exercise_{number}")
    seed = secrets.randbits(32)
    try:
        try:
            with np.errstate(all="ignore"):
                comment = test(answer, np.random.default_rng(seed))
        except NotYet:
            raise
        except Exception as error:  # an answer of a kind that the test did not foresee
            raise NotYet(f"the check cannot read your answer: {told(error)}") from error
    except NotYet as error:
        if os.environ.get("LPRNET_STRICT", "0") not in ("", "0"):
            error.add_note(f"exercise {exercise}, with the random inputs of seed {seed}")
            raise
        print(f"Not yet: {error}")
    else:
        print(f"Right. {comment}" if comment else "Right.")


def expect(truth: Any, message: str) -> None:
    """Raise ``NotYet`` with the message if something is not true."""
    if not truth:
        raise NotYet(message)


def call(answer: Callable[..., Any], *inputs: Any) -> Any:
    """Call the learner's function with copies of the inputs.

    Raises
    ------
    NotYet
        If it is no function, fails, returns nothing or changes its inputs.
    """
    if not callable(answer):
        raise NotYet("give the check your function itself, without brackets behind its name")
    given, name = copy.deepcopy(inputs), getattr(answer, "__name__", "your function")
    asked = f"{name}({', '.join(map(described, inputs))})"
    try:
        result = answer(*given)
    except Exception as error:
        line = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.name == name]
        where = f" in line {line[-1]} of its cell" if line else ""
        raise NotYet(f"{asked} fails{where}: {told(error)}") from error
    if result is None:
        raise NotYet(f"{asked} returns nothing: its last line should begin with return")
    for before, after in zip(inputs, given, strict=True):
        if isinstance(before, np.ndarray) and not np.array_equal(before, after, equal_nan=before.dtype.kind in "fc"):
            raise NotYet(f"{asked} changes the array that it is given: work on a copy")
    return result


def array_of(value: ArrayLike, shape: tuple[int, ...], what: str = "the result") -> NDArray[np.float64]:
    """The value as an array of floats.

    Raises
    ------
    NotYet
        If it is not one of that shape, or has a value that is not finite.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise NotYet(f"{what} should be numbers, not {described(value)}") from None
    wanted = f"have the shape {shape}" if shape else "be one number"
    expect(array.shape == shape, f"{what} should {wanted}, not {described(array)}")
    expect(np.isfinite(array).all(), f"{what} has values that are not finite numbers")
    return array


def told(error: Exception) -> str:
    """The kind of an error and the beginning of its message."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text if len(text) <= LONGEST else text[:LONGEST] + ' ...'}"


def described(value: Any) -> str:
    """A few words for a value: a number, a short array, or the shape of a long one."""
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, np.ndarray):
        if value.size > 8:
            return f"an array of shape {value.shape}"
        return np.array2string(value, precision=4, separator=", ").replace("\n", "")
    if isinstance(value, bool | int | np.integer | str) or value is None:
        return repr(value)
    if isinstance(value, list | tuple) and len(value) <= 12:
        return f"[{', '.join(map(described, value))}]"
    return f"a {type(value).__name__}"
