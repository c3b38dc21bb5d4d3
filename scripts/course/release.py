"""Make the files of a release, and try each as a user would.

    python scripts/course/release.py [--output dist]        (or: make release)

1. The version is the same in the package, CITATION.cff, web/package.json and CHANGELOG.md.
2. A wheel and an sdist are built in an empty folder, and ``twine check`` reads their metadata.
3. Each is installed in a clean environment outside the checkout. There README's snippet turns the bundled photo into a
   3D face, word by word, and so does ``lprnet photo``.

It tags and uploads nothing, and takes about five minutes. CONTRIBUTING.md says what to do next.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from clean_environment import ROOT, CleanEnvironment

PHOTO = ROOT / "data" / "samples" / "astronaut.jpg"


def versions() -> dict[str, str]:
    """The version by the file that states it."""

    def found(name: str, pattern: str) -> str:
        match = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        if match is None:
            raise SystemExit(f"{name} states no version")
        return match[1]

    return {
        "lprnet_utils/__init__.py": found("lprnet_utils/__init__.py", r'^__version__ = "(.+)"'),
        "CITATION.cff": found("CITATION.cff", r"^version: (.+)"),
        "CHANGELOG.md": found("CHANGELOG.md", r"^## \[(\d.*?)\]"),
        "web/package.json": json.loads((ROOT / "web" / "package.json").read_text(encoding="utf-8"))["version"],
    }


def one_version() -> str:
    """The version, if all files agree."""
    stated = versions()
    if len(set(stated.values())) != 1:
        raise SystemExit("the versions differ: " + ", ".join(f"{name} {v}" for name, v in stated.items()))
    return next(iter(stated.values()))


def snippet() -> str:
    """README's first piece of Python."""
    return re.search(r"```python\n(.+?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]


def build(output: Path) -> list[Path]:
    """Build wheel and sdist into a new folder, and check their metadata."""
    shutil.rmtree(output, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(output), str(ROOT)], check=True)
    files = sorted(output.iterdir())
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *map(str, files)], check=True)
    return files


def try_out(file: Path, version: str) -> None:
    """Install a file in a clean environment; README's snippet and the command make a 3D face there."""
    with tempfile.TemporaryDirectory() as folder:
        clean = CleanEnvironment(Path(folder).resolve(), sys.executable)
        clean.pip(f"pip install of {file.name}", "install", str(file))
        shutil.copy(PHOTO, clean.folder / "photo.jpg")
        told = clean.run("README's snippet", "python", "-c", snippet(), output=True)
        if not told.endswith("1 faces\n") or not (clean.folder / "face0.glb").is_file():
            raise SystemExit(f"{file.name}: README's snippet said {told!r}")
        clean.run("lprnet photo", "lprnet", "photo", "photo.jpg", "-o", "out", "--glb", "--overlay")
        made = sorted(path.suffix for path in (clean.folder / "out").iterdir())
        stated = clean.run("lprnet --version", "lprnet", "--version", output=True)
        if ".glb" not in made or version not in stated:
            raise SystemExit(f"{file.name}: made {made}, and says that it is {stated!r}")
    print(f"{file.name}, {file.stat().st_size / 1e6:.1f} MB: README's snippet and lprnet photo made a 3D face")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    output = parser.parse_args().output
    version = one_version()
    files = build(output)
    if sorted(file.suffix for file in files) != [".gz", ".whl"]:
        raise SystemExit(f"a wheel and an sdist were to be built, not {', '.join(file.name for file in files)}")
    if not (ROOT / "web" / "dist" / "page" / "index.html").is_file():
        print("Without the web page: run make web first, if the wheel shall carry it")
    for file in files:
        try_out(file, version)
    print(f"Version {version} is ready in {output}. To tag it: git tag -a v{version} -m 'L-PRNet {version}'")


if __name__ == "__main__":
    main()
