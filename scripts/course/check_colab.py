"""Run all notebooks on Colab's package versions, in a new environment.

    python3.13 scripts/course/check_colab.py        (or: make test-colab)

1. The environment gets the packages that the notebooks ask for, at the versions of Colab that
   ``scripts/course/colab_packages.txt`` lists.
2. The bootstrap cell of a notebook runs unchanged; git takes this checkout's tracked files for the published ones. The
   cell may add packages. Any change to a package of Colab could break Colab's own front end or need a restart, so it
   fails the check.
3. All notebooks run, and the tests of the applet and the figures, because Colab has ipywidgets 7.

Colab's front end is not tested: it runs nowhere else. The check takes about ten minutes.
"""

import os
import re
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clean_environment import ROOT, CleanEnvironment, bootstrap_cell, published_ref

PACKAGES = ROOT / "scripts" / "course" / "colab_packages.txt"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TESTS = "viewer/test_applet.py", "viewer/test_figures.py", "evaluation/test_plots.py"
PROJECT = "lprnet-utils"
LOGGED = "ipython", "ipykernel", "ipywidgets", "plotly", "numpy", "tensorflow", "keras"  # if they stay as they were
MAX_BOOTSTRAP_SECONDS = 60
OLDEST_PYTHON = (3, 12)  # for which all of Colab's packages have releases


def required(project: dict[str, Any], extra: str) -> Iterator[str]:
    """The requirements of an extra, and of other extras of the project that it names: ``project[one,another]``."""
    for line in project["optional-dependencies"][extra]:
        if others := re.match(rf"{project['name']}\[(.*)\]", line):
            for other in others[1].split(","):
                yield from required(project, other)
        else:
            yield line


def colab_environment(folder: Path) -> CleanEnvironment:
    """An environment with Colab's versions of the packages that the notebooks ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *required(project, "notebooks")]
    asked = {re.match(r"[\w.-]+", line)[0] for line in lines}
    known = dict(re.findall(r"^([\w.-]+)==(\S+)$", PACKAGES.read_text(encoding="utf-8"), re.MULTILINE))
    clean = CleanEnvironment(folder, sys.executable)
    clean.pip("installing Colab's pip", "install", *(f"{name}=={known[name]}" for name in ("pip", "setuptools")))
    # Colab has pytest too
    names = sorted((asked | {"ipykernel", "nbclient", "pytest"}) & set(known))
    clean.pip("installing Colab's packages", "install", *names, "--constraint", str(PACKAGES))
    return clean


def run_bootstrap_cell(clean: CleanEnvironment, folder: Path) -> None:
    """Run the bootstrap cell, and fail if it changes Colab's packages or takes too long."""
    before = clean.packages()
    clean.publish_checkout(published_ref(NOTEBOOKS[0]))
    start = time.perf_counter()
    install = folder / "bootstrap.py"
    install.write_text(f"from IPython import get_ipython\nget_ipython().run_cell({bootstrap_cell(NOTEBOOKS[0])!r})\n")
    clean.run("the bootstrap cell", "ipython", "--no-banner", str(install))
    seconds = time.perf_counter() - start
    after = clean.packages()
    if PROJECT not in after:
        raise SystemExit("the bootstrap cell ran, but did not install the package")
    changed = {name: (version, after.get(name)) for name, version in before.items() if after.get(name) != version}
    added = sorted(set(after) - set(before) - {PROJECT})
    print(f"Python {sys.version.split()[0]}; the bootstrap cell took {seconds:.0f} s")
    print("as before:", ", ".join(f"{name} {after[name]}" for name in LOGGED if after[name] == before[name]))
    print("changed:", ", ".join(f"{name} {old} to {new}" for name, (old, new) in changed.items()) or "nothing")
    print("added:", ", ".join(f"{name} {after[name]}" for name in added), flush=True)
    if changed:
        raise SystemExit(f"the bootstrap cell changed Colab's {', '.join(sorted(changed))}")
    if seconds > MAX_BOOTSTRAP_SECONDS:
        raise SystemExit(f"the bootstrap cell took {seconds:.0f} s: more than {MAX_BOOTSTRAP_SECONDS}")


def main() -> None:
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise SystemExit(
            f"Colab has Python 3.13, and some of its packages have no release for {sys.version.split()[0]}: "
            "name another Python, make test-colab COLAB_PYTHON=/path/to/python3.13"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        clean = colab_environment(folder)
        run_bootstrap_cell(clean, folder)
        clean.variables["LPRNET_OUTPUT"] = str(folder / "outputs")
        clean.execute("the notebooks", *(Path(shutil.copy(path, folder)) for path in NOTEBOOKS))
        tests = ROOT / "tests"
        options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder)]
        options += ["--import-mode=importlib", "-o", f"pythonpath={tests / 'helpers'}"]
        clean.run("the tests of applet and figures", "pytest", *options, *(str(tests / test) for test in TESTS))


if __name__ == "__main__":
    main()
