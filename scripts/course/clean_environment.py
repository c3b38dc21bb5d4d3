"""A clean virtual environment outside the checkout, for ``check_install.py`` and ``check_colab.py``.

In it the published install commands install this checkout instead of the published repository.
"""

import json
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = re.search(r'^Repository = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
# runs notebooks in the environment's own kernel and prints how long each takes; stops at the first that fails
EXECUTE_NOTEBOOKS = """
import sys, time
from pathlib import Path
import nbformat
from nbclient import NotebookClient

for path in map(Path, sys.argv[1:]):
    start, notebook = time.perf_counter(), nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=1200, kernel_name="python3", extra_arguments=["--log-level=ERROR"])
    client.store_widget_state = True  # an Output widget needs it while it runs
    client.execute()
    print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)
"""


def bootstrap_cell(path: Path) -> str:
    """The source of a notebook's cell that installs the package."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (source,) = [source for source in sources if "pip install" in source]
    return source


def published_ref(path: Path) -> str:
    """Branch or tag of the repository that a notebook's bootstrap cell installs."""
    return re.search(rf"git\+{re.escape(REPOSITORY)}@([\w./-]+)", bootstrap_cell(path))[1]


class CleanEnvironment:
    """A virtual environment, made by ``python`` in an empty ``folder``; commands run in that folder."""

    def __init__(self, folder: Path, python: str):
        self.folder = folder
        environment = folder / "environment"
        subprocess.run([python, "-m", "venv", str(environment)], check=True)
        self.binaries = environment / ("Scripts" if os.name == "nt" else "bin")
        # the settings of the caller's shell for Python and its packages must not reach the environment
        self.variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "JUPYTER_PATH")}
        self.variables |= {
            "VIRTUAL_ENV": str(environment),
            "PATH": f"{self.binaries}{os.pathsep}{os.environ.get('PATH', '')}",
            "PLOTLY_RENDERER": "plotly_mimetype",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # IPython's debugger says that it cannot step into frozen modules
        }

    def run(self, step: str, *command: str, output: bool = False) -> str:
        """Run a command of the environment; ``step`` names it in the error message."""
        words, stdout = [str(self.binaries / command[0]), *command[1:]], subprocess.PIPE if output else None
        done = subprocess.run(words, cwd=self.folder, env=self.variables, stdout=stdout, text=True)
        if done.returncode:
            raise SystemExit(f"clean environment: failed at {step}")
        return done.stdout or ""

    def pip(self, step: str, *arguments: str) -> None:
        """Run a pip command quietly."""
        self.run(step, "python", "-m", "pip", arguments[0], "--quiet", *arguments[1:])

    def packages(self) -> dict[str, str]:
        """Versions of the installed packages, by name."""
        listed = json.loads(self.run("pip list", "python", "-m", "pip", "list", "--format", "json", output=True))
        return {re.sub(r"[-_.]+", "-", row["name"]).lower(): row["version"] for row in listed}

    def publish_checkout(self, ref: str) -> None:
        """Make git take this checkout's tracked files for the branch or tag ``ref`` of the published repository.

        Git itself replaces the address, so that an install command runs unchanged.
        """

        def git(*arguments: str) -> str:
            return subprocess.check_output(["git", *arguments], cwd=ROOT, text=True).strip()

        copy = self.folder / "published.git"
        # changes that are not committed yet are included
        who = "-c", "user.name=check", "-c", "user.email=check@localhost"
        state = git(*who, "stash", "create") or git("rev-parse", "HEAD")
        git("clone", "--quiet", "--bare", str(ROOT), str(copy))
        kind = "tags" if re.fullmatch(r"v[\d.]+", ref) else "heads"
        git("--git-dir", str(copy), "update-ref", f"refs/{kind}/{ref}", state)
        count = int(self.variables.get("GIT_CONFIG_COUNT", 0))
        self.variables["GIT_CONFIG_COUNT"] = str(count + 1)
        self.variables[f"GIT_CONFIG_KEY_{count}"] = f"url.{copy.as_uri()}.insteadOf"
        self.variables[f"GIT_CONFIG_VALUE_{count}"] = REPOSITORY

    def execute(self, step: str, *notebooks: Path) -> None:
        """Run notebooks top to bottom, in the environment's own kernel."""
        self.run(step, "python", "-c", EXECUTE_NOTEBOOKS, *map(str, notebooks))
