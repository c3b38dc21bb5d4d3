"""A program that runs LiteRT models once with zeros: a damaged model can crash LiteRT, hang it, or fill the memory.

:func:`lprnet_utils.common.litert.read_weights` starts it, with the lengths of the models as arguments and their bytes
as input. It prints shape and type of their inputs and outputs, or ends with an error.
"""

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

MAX_EXTRA_BYTES, MAX_SECONDS = 1 << 30, 5  # of memory and of processor time, beyond what the imports took


def main() -> None:
    """Run the models."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    data, kinds = sys.stdin.buffer.read(), []
    _limit()
    for length in map(int, sys.argv[1:]):
        model, data = data[:length], data[length:]
        interpreter = Interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        for detail in inputs:
            interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
        interpreter.invoke()
        kinds.append([[_kind(detail) for detail in details] for details in (inputs, outputs)])
    print(json.dumps(kinds))


def _kind(detail: dict[str, Any]) -> list[int | str]:
    """Shape and type of a tensor, such as ``[1, 128, 128, 3, "float32"]``."""
    return [*(int(n) for n in detail["shape"]), detail["dtype"].__name__]


def _limit() -> None:
    """Bound memory and time of this process, where the system can (not on Windows)."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        memory = pages * resource.getpagesize() + MAX_EXTRA_BYTES
        seconds = int(time.process_time()) + MAX_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
