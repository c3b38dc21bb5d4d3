"""Thousands of damaged pictures: each is read, or refused by an ImageError, in little time and memory."""

import os
import subprocess
import sys

import pytest

PICTURES, PROCESSES = 3000, 2
MAX_MEGABYTES, MAX_SECONDS = 1500, 10

WORKER = """
import faulthandler, sys, warnings
import numpy as np
from benchmark_peers import peak_megabytes
from damaged_pictures import originals, damaged
from lprnet_utils.common import ImageError, read_image

warnings.simplefilter("error")  # none of Pillow's reaches the user
first, last, step, seconds = map(int, sys.argv[1:])
pictures, kinds = originals(), {"read": 0, "refused": 0}
for number in range(first, last, step):
    print(number, file=sys.stderr, flush=True)
    faulthandler.dump_traceback_later(seconds, exit=True)  # even from within a decoder that never returns
    try:
        image = read_image(damaged(pictures[number % len(pictures)], number))
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size
        kinds["read"] += 1
    except ImageError:
        kinds["refused"] += 1
    faulthandler.cancel_dump_traceback_later()
print(kinds["read"], kinds["refused"], round(peak_megabytes()))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Windows does not tell a process its peak of memory in this way")
def test_damaged_pictures(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    workers = []
    for first in range(PROCESSES):
        words = [sys.executable, "-c", WORKER, *map(str, (first, PICTURES, PROCESSES, MAX_SECONDS))]
        log = open(tmp_path / f"{first}.log", "w+")
        workers.append((subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=log, text=True), log))
    read = refused = 0
    for worker, log in workers:
        output = worker.communicate()[0]
        log.seek(0)
        complaint = log.read()[-1500:]
        log.close()
        assert worker.returncode == 0, f"at the picture with the last number:\n{complaint}"
        found = list(map(int, output.split()))
        read, refused = read + found[0], refused + found[1]
        assert found[2] < MAX_MEGABYTES
    assert read + refused == PICTURES and min(read, refused) > PICTURES / 5, "both happen"
