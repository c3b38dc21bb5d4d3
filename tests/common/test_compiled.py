"""Compiled loops where no folder can be written."""

import os
import shutil
import subprocess
import sys

import pytest
from checkout import PACKAGE

from lprnet_utils.common.assets import data_root

SAVE = """
from lprnet_utils import LPRNet
from lprnet_utils.common import data_path
LPRNet().reconstruct(data_path("samples/astronaut.jpg"))[0].save("face.glb")
"""


@pytest.mark.slow
def test_a_read_only_package_without_a_home_writes_a_mesh(tmp_path):
    # a file in the place of each cache folder stops even the administrator, who may write into read-only folders
    copy = tmp_path / "site" / "lprnet_utils"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "data"))
    (copy / "data").symlink_to(data_root(), target_is_directory=True)
    for folder in [copy, *(path for path in copy.iterdir() if path.is_dir() and not path.is_symlink())]:
        (folder / "__pycache__").write_text("")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA", "XDG", "IPYTHON"))}
    environment |= {"HOME": os.devnull, "PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", SAVE], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "face.glb").stat().st_size > 100_000
