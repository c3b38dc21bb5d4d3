"""Other processes that tests need."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import psutil

HOLD = """
import sys, time
from pathlib import Path
from lprnet_utils.common.files import only_process
with only_process(Path(sys.argv[1])):
    print("here", flush=True)
    time.sleep(600)
"""


@contextmanager
def another_process_in(folder):
    """A process that works in a folder meanwhile."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"here\n"
        yield
    finally:
        process.kill()
        process.communicate()


def running_in_session(session):
    """Processes of a session that have not ended (``Popen(..., start_new_session=True)`` begins one)."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, PermissionError, psutil.Error):
            pass  # it has ended, or is another user's
    return found


def end_session(leader):
    """Kill what is left of a session, for a test that failed."""
    for pid in running_in_session(leader.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    leader.wait()


def wait_until(condition, seconds):
    """Wait until a condition is true; AssertionError if it is not within some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} seconds"
        time.sleep(0.02)
