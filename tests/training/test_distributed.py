"""The program in docs/distributed.md trains as the page says."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lprnet_utils.common import write_checked
from lprnet_utils.datasets import pack
from lprnet_utils.synthetic import SyntheticFaces

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_two_processes_learn_the_same_as_one(tmp_path):
    pytest.importorskip("jax", reason="JAX is not installed: pip install jax")
    page = (ROOT / "docs/distributed.md").read_text(encoding="utf-8")
    (program,) = (block for block in re.findall(r"```python\n(.+?)```", page, re.DOTALL) if "sys.argv" in block)
    (tmp_path / "distributed.py").write_text(program, encoding="utf-8")
    faces = SyntheticFaces(3)
    for k in range(2):
        arrays = pack(faces.sample(8 * k + i) for i in range(8))
        write_checked(tmp_path / f"shard-{k:05d}.bin", arrays)
    environment = os.environ | {"SAMPLES": "32", "PYTHONPATH": str(ROOT)}
    losses, weights = {}, {}
    for processes in (1, 2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        output = tmp_path / str(processes)
        output.mkdir()
        command = [sys.executable, tmp_path / "distributed.py", address, str(processes)]
        started = [
            subprocess.Popen(
                [*command, str(k), tmp_path, output], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            for k in range(processes)
        ]
        texts = [p.communicate(timeout=400)[0].decode() for p in started]
        assert [p.returncode for p in started] == [0] * processes, texts[0][-2000:]
        losses[processes] = [float(re.search(r"loss ([\d.]+)\n*$", t)[1]) for t in texts]
        import h5py

        weights[processes] = []
        for path in sorted(output.glob("*.h5")):
            with h5py.File(path) as file:
                found = []
                file.visititems(lambda _, x, found=found: found.append(x[()]) if isinstance(x, h5py.Dataset) else None)
                weights[processes].append(np.concatenate([w.ravel() for w in found]))
    assert losses[2][0] == losses[2][1] and (weights[2][0] == weights[2][1]).all(), "the same in both"
    assert losses[2][0] == pytest.approx(losses[1][0], rel=1e-3), "and as in one"
