"""Run all notebooks on Colab's packages: its versions in a fresh environment, the bootstrap cell, every cell after it.

    python3.13 scripts/course/check_colab.py        (or: make test-colab)

``scripts/course/colab_packages.txt`` says what Colab holds. Of that the environment gets what the notebooks ask for, at
Colab's versions. Then the bootstrap cell runs to the letter, git taking this checkout's tracked files for the published
ones. It may add packages and put moviepy 2 over 1; whatever else it changed would break Colab's own front end,
or need a restart. At last the applet's tests run, for its widgets are those of Colab's ipywidgets 7. What is not tried:
Colab's front end, which runs nowhere else.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from clean_environment import ROOT, CleanEnvironment, bootstrap_cell, published_ref

PACKAGES = ROOT / "scripts" / "colab_packages.txt"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OWN = "lprnet-utils"
REPLACED = {"moviepy"}  # by the bootstrap cell
UNTOUCHED = "ipython", "ipykernel", "ipywidgets", "plotly", "numpy", "tensorflow", "keras"  # to be named in the log
SLOWEST = 60  # seconds that the bootstrap may take
OLDEST = (3, 12)  # Python for which all of Colab's packages have releases


def asked_for() -> set[str]:
    """Names of all packages that the notebooks ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["train"], *extras["notebooks"]]
    return {re.match(r"[\w.-]+", line)[0] for line in lines} - {project["name"]}


def main() -> None:
    if sys.version_info[:2] < OLDEST:
        raise SystemExit(
            f"Colab's packages are for Python 3.13, some have none for {sys.version.split()[0]}: "
            "name another one, make test-colab COLAB_PYTHON=/path/to/python3.13"
        )
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder).resolve())


def check(folder: Path) -> None:
    known = dict(re.findall(r"^([\w.-]+)==(\S+)$", PACKAGES.read_text(encoding="utf-8"), re.MULTILINE))
    clean = CleanEnvironment(folder, sys.executable)
    clean.pip("installing Colab's pip", "install", *(f"{name}=={known[name]}" for name in ("pip", "setuptools")))
    # pytest, which Colab holds too, for the applet's tests
    names = sorted((asked_for() | {"ipykernel", "nbclient", "pytest"}) & set(known))
    clean.pip("installing Colab's packages", "install", *names, "--constraint", str(PACKAGES))
    before = clean.packages()

    clean.publish_checkout(published_ref(NOTEBOOKS[0]))
    start = time.perf_counter()
    install = folder / "bootstrap.py"
    install.write_text(f"from IPython import get_ipython\nget_ipython().run_cell({bootstrap_cell(NOTEBOOKS[0])!r})\n")
    clean.run("the bootstrap cell", "ipython", "--no-banner", str(install))
    seconds = time.perf_counter() - start
    after = clean.packages()
    if OWN not in after:
        raise SystemExit("the bootstrap cell ran, but did not install the package")
    changed = {name: (version, after.get(name)) for name, version in before.items() if after.get(name) != version}
    added = sorted(set(after) - set(before) - {OWN})
    print(f"Python {sys.version.split()[0]}; the bootstrap cell took {seconds:.0f} s")
    print("as before:", ", ".join(f"{name} {after[name]}" for name in UNTOUCHED if after[name] == before[name]))
    print("changed:", ", ".join(f"{name} {old} to {new}" for name, (old, new) in changed.items()) or "nothing")
    print("added:", ", ".join(f"{name} {after[name]}" for name in added), flush=True)
    if others := set(changed) - REPLACED:
        raise SystemExit(f"the bootstrap cell changed Colab's {', '.join(sorted(others))}")
    if seconds > SLOWEST:
        raise SystemExit(f"the bootstrap cell took {seconds:.0f} s: more than {SLOWEST}")

    clean.variables["LPRNET_OUTPUT"] = str(folder / "outputs")
    clean.execute("the notebooks", *(Path(shutil.copy(path, folder / path.name)) for path in NOTEBOOKS))
    tests = [str(ROOT / "tests" / name) for name in ("test_applet.py", "test_plots.py")]
    options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "-c", os.devnull, "--rootdir", str(folder)]
    clean.run("the applet's tests", "pytest", *options, *tests)


if __name__ == "__main__":
    main()
