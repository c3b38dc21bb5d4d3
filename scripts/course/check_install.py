"""Install the project as a new user does, in a clean environment outside the checkout, and use it.

    python scripts/course/check_install.py [--constraints constraints.txt]        (or: make test-install)

1. A new virtual environment and one plain ``pip install`` of the repository, with the newest releases of its own
   dependencies and nothing else: data, weights, licences and types must be installed too, and a photo must become a 3D
   face.
2. The package is removed, a notebook kernel is installed, and the quickstart runs from its first cell: its bootstrap
   cell must install the package. The cell runs unchanged; git takes this checkout's tracked files for the published
   ones. ``make test-colab`` does the same with Colab's own packages and all notebooks.

It takes two minutes.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from clean_environment import ROOT, CleanEnvironment, published_ref

NOTEBOOK = ROOT / "notebooks" / "00_quickstart.ipynb"
RESULTS = ("overlay.png", "face.html", "face.glb", "face.obj")

PHOTO_TO_FACE = """
import sys
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

import lprnet_utils
from lprnet_utils import LPRNet
from lprnet_utils.common.assets import data_root

assert Path(sys.prefix) in data_root().parents, f"the data is read from {data_root()}, not from the installed package"
installed = [path.as_posix() for path in files("lprnet_utils")]
licences = [path.partition("/licenses/")[2] for path in installed if "dist-info/licenses/" in path]
for text in ("LICENSE", "CC0-1.0.txt", "MIT-ICT-FaceKit.txt", "Apache-2.0.txt", "Research-Only.txt"):
    assert any(name.endswith(text) for name in licences), f"no licence text {text} among {licences}"
assert "lprnet_utils/py.typed" in installed, "type checkers take the package for untyped"
photo = next(data_root().glob("samples/astronaut.*"))
faces = LPRNet().reconstruct(photo)
assert len(faces) == 1 and faces[0].landmarks.shape == (68, 3), faces
faces[0].mesh().export("face.glb")
assert Path("face.glb").stat().st_size > 100_000
for name in ("tensorflow", "matplotlib", "plotly", "IPython"):
    assert find_spec(name) is None, f"a plain install brought {name}"
print(f"plain install {lprnet_utils.__version__}: {photo.name} became a 3D face")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--constraints", type=Path, help="versions for the notebook; default: the newest")
    constraints = parser.parse_args().constraints
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder).resolve(), constraints and constraints.resolve())


def check(folder: Path, constraints: Path | None) -> None:
    """Make the environment in an empty folder and run both parts."""
    clean = CleanEnvironment(folder, sys.executable)
    clean.pip("the plain pip install of the repository", "install", str(ROOT))
    clean.run("a photo to a 3D face, after a plain install", "python", "-c", PHOTO_TO_FACE)
    clean.run("the command lprnet", "lprnet", "--help")

    if constraints:
        clean.variables["PIP_CONSTRAINT"] = str(constraints)
    clean.pip("removing the package", "uninstall", "--yes", "lprnet_utils")
    clean.pip("installing a notebook kernel", "install", "ipykernel", "nbclient")
    clean.publish_checkout(published_ref(NOTEBOOK))
    results = folder / "results"
    clean.variables["LPRNET_OUTPUT"] = str(results)
    copy = Path(shutil.copy(NOTEBOOK, folder))
    clean.execute(f"{NOTEBOOK.name}, its bootstrap cell or one after it", copy)
    if missing := [name for name in RESULTS if not (results / name).is_file()]:
        raise SystemExit(f"{NOTEBOOK.name} ran in the clean environment, but did not write {', '.join(missing)}")
    print(f"bootstrap cell and notebook: {NOTEBOOK.name} ran in the clean environment, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
