"""What a command does with its console and with the system's signals."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

# the reader of a pipe is gone (on Windows: EINVAL), or the terminal is
READER_IS_GONE = errno.EPIPE, errno.EINVAL, errno.EIO
TERMINATED = 143  # exit status of a command that was stopped by SIGTERM: 128 and the signal's number


class Console:
    """An output stream whose reader may go away (``lprnet photo ... | head``): the work goes on, unread."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, if anyone still reads."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._discard(error)
            return len(text)

    def flush(self) -> None:
        """Flush what was written, if anyone still reads."""
        try:
            self._stream.flush()
        except OSError as error:
            self._discard(error)

    def _discard(self, error: OSError) -> None:
        """Send all further output nowhere, so that Python's own flush at its end does not fail either."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        if error.errno not in READER_IS_GONE:
            raise error  # the disk is full, for example


@contextmanager
def console() -> Iterator[None]:
    """Let a command print any name on any console, whether its reader stays or not."""
    before = sys.stdout, sys.stderr
    for stream in before:
        with suppress(AttributeError):  # None without a console, or an object of another kind
            stream.reconfigure(errors="backslashreplace")  # for characters that the console's code page lacks
    sys.stdout, sys.stderr = (stream if stream is None else Console(stream) for stream in before)
    try:
        yield
    finally:
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = before
        for stream in streams:
            if stream is not None:
                stream.flush()


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does: its unfinished files are removed. A second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():  # only there can a handler be set
        yield
        return

    def end(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
