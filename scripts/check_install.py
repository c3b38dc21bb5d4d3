"""Install the project the way Colab does, in a clean environment outside the checkout, and use it.

    python scripts/check_install.py [--constraints constraints.txt]        (or: make test-install)

1. A new virtual environment and one plain ``pip install`` of the repository, with nothing but its own dependencies at
   their newest: the data and the weights must come along, and a photo must become a 3D face.
2. The package is removed, a notebook kernel is put beside it (Colab has one), and the quickstart runs from its first
   cell: its bootstrap cell must install the package, here from this checkout in place of the published address.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "00_quickstart.ipynb"
ADDRESS = re.compile(r"git\+https://[^\s\"']+")
RESULTS = ("overlay.png", "face.html", "face.glb", "face.obj")

PHOTO_TO_FACE = """
import sys
from importlib.util import find_spec
from pathlib import Path

import lprnet_utils
from lprnet_utils import LPRNet
from lprnet_utils.assets import data_root

assert Path(sys.prefix) in data_root().parents, f"the data is read from {data_root()}, not from the installed package"
photo = next(data_root().glob("samples/astronaut.*"))
faces = LPRNet().reconstruct(photo)
assert len(faces) == 1 and faces[0].landmarks.shape == (68, 3), faces
faces[0].mesh().export("face.glb")
assert Path("face.glb").stat().st_size > 100_000
for name in ("tensorflow", "matplotlib", "plotly", "IPython"):
    assert find_spec(name) is None, f"a plain install brought {name}"
print(f"plain install {lprnet_utils.__version__}: {photo.name} became a 3D face")
"""

EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=1200, kernel_name="python3", extra_arguments=["--log-level=ERROR"]).execute()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--constraints", type=Path, help="versions for the notebook's part; default: the newest")
    constraints = parser.parse_args().constraints
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder).resolve(), constraints and constraints.resolve())


def check(folder: Path, constraints: Path | None) -> None:
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    # what the caller's shell says about Python and its packages must not reach the clean environment
    variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "JUPYTER_PATH")}
    variables |= {
        "VIRTUAL_ENV": str(environment),
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
        "PLOTLY_RENDERER": "plotly_mimetype",
    }

    def run(step: str, *command: str) -> None:
        done = subprocess.run([str(binaries / command[0]), *command[1:]], cwd=folder, env=variables, check=False)
        if done.returncode:
            raise SystemExit(f"clean environment: failed at {step}")

    def pip(step: str, *arguments: str) -> None:
        run(step, "python", "-m", "pip", arguments[0], "--quiet", *arguments[1:])

    pip("the plain pip install of the repository", "install", str(ROOT))
    run("a photo to a 3D face, after a plain install", "python", "-c", PHOTO_TO_FACE)
    run("the command lprnet", "lprnet", "--help")

    if constraints:
        variables["PIP_CONSTRAINT"] = str(constraints)
    pip("removing the package", "uninstall", "--yes", "lprnet_utils")
    pip("installing a notebook kernel", "install", "ipykernel", "nbclient")
    (folder / NOTEBOOK.name).write_text(from_checkout(NOTEBOOK), encoding="utf-8")
    results = folder / "results"
    variables["LPRNET_OUTPUT"] = str(results)
    run(f"{NOTEBOOK.name}, its bootstrap cell or one after it", "python", "-c", EXECUTE, NOTEBOOK.name)
    missing = [name for name in RESULTS if not (results / name).is_file()]
    if missing:
        raise SystemExit(f"{NOTEBOOK.name} ran in the clean environment, but did not write {', '.join(missing)}")
    print(f"bootstrap cell and notebook: {NOTEBOOK.name} ran in the clean environment, Python {sys.version.split()[0]}")


def from_checkout(path: Path) -> str:
    """The notebook with its bootstrap cell pointed at this checkout instead of the published repository."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    changed = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            source, count = ADDRESS.subn(ROOT.as_uri(), "".join(cell["source"]))
            cell["source"], changed = source, changed + count
    if changed != 1:
        raise SystemExit(f"{path.name}: expected one cell that installs from git+https://..., found {changed}")
    return json.dumps(notebook)


if __name__ == "__main__":
    main()
