"""What the machine can do that ``benchmark_web.py`` measures on, and what the network asks of it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "a processor")
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    widest = next((flag for flag in ("avx512f", "avx2", "avx") if flag in flags), None)
    return f"{name}, {os.cpu_count()} logical cores{f', {widest.upper()}' if widest else ''}"


def blas_rates() -> dict[str, float]:
    """Multiply-adds in a nanosecond of a product of matrices, with vectors of 512, 256 and 128 bits, on one thread.

    They are those of an undisturbed product: one in ten is faster. They tell how much of the distance between native
    code and WASM, whose vectors have 128 bits, lies in the processor.
    """
    script = (
        "import numpy, time\na = numpy.ones((256, 256), 'f4'); t = []\n"
        "for _ in range(200):\n s = time.perf_counter(); a @ a; t.append(time.perf_counter() - s)\n"
        "print(256**3 / numpy.quantile(t, 0.1) / 1e9)"
    )
    rates = {}
    for bits, core in ((512, "SkylakeX"), (256, "Haswell"), (128, "Nehalem")):
        environment = os.environ | {"OPENBLAS_CORETYPE": core, "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode == 0:
            rates[str(bits)] = float(done.stdout)
    return rates


def multiply_adds() -> int:
    """Multiply-adds of the network `open` for one crop; its kind is `lprnet_lite`."""
    from lprnet_utils.networks import count_multiply_adds, lprnet_lite

    return count_multiply_adds(lprnet_lite())
