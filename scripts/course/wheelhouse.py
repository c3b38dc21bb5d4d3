"""Fill a folder from which a class installs the course without the internet.

    python scripts/course/wheelhouse.py [--output outputs/wheelhouse] [--extra lab]        (or: make wheelhouse)

The folder ``class`` gets the wheels of the package (its data and weights are inside) and of all that it needs, in the
tested versions; the students' notebooks; and ``install.py``, which makes an environment from them. ``solutions`` beside
it is for the teacher. Copy ``class`` to a stick or a server in the room; each person runs ``python install.py`` in it.

The wheels are those for this computer's system and Python. For a room with others, run the same command on one computer
of each kind and put all wheels into one folder. It downloads about 1 GB, and takes a few minutes.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from student_notebooks import write_notebooks

ROOT = Path(__file__).resolve().parents[2]
INSTALLER = Path(__file__).with_name("install_offline.py")


def download(wheels: Path, extra: str) -> None:
    """Put the wheel of this checkout and of everything that it needs with an extra into a folder."""
    wheels.mkdir(parents=True, exist_ok=True)
    for old in wheels.glob("lprnet_utils-*.whl"):
        old.unlink()
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(ROOT)], check=True)
    (own,) = wheels.glob("lprnet_utils-*.whl")
    limits = ["--constraint", str(ROOT / "constraints.txt"), "--find-links", str(wheels)]
    # a wheel for each: those that have only sources would need a compiler in the room
    command = [*pip, "wheel", "--quiet", "--wheel-dir", str(wheels), *limits, f"{own}[{extra}]"]
    subprocess.run(command, check=True)


def fill(output: Path, extra: str) -> Path:
    """Fill the folder for the class, and the teacher's beside it; the former is returned."""
    room = output / "class"
    room.mkdir(parents=True, exist_ok=True)
    write_notebooks(sorted((ROOT / "notebooks").glob("*.ipynb")), room / "notebooks", output / "solutions")
    shutil.copy(ROOT / "constraints.txt", room)
    text = INSTALLER.read_text(encoding="utf-8").replace('EXTRA = "lab"', f'EXTRA = "{extra}"')
    (room / "install.py").write_text(text, encoding="utf-8")
    return room


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "wheelhouse")
    parser.add_argument("--extra", default="lab", help="what is installed: lab, for all chapters; quickstart, for 0")
    options = parser.parse_args()
    room = fill(options.output, options.extra)
    download(room / "wheels", options.extra)
    size = sum(path.stat().st_size for path in room.rglob("*") if path.is_file())
    print(
        f"{room}: {len(list((room / 'wheels').iterdir()))} wheels, {size / 1e9:.2f} GB, Python {sys.version.split()[0]}"
    )
    print("Copy it into the room. Each person runs there: python install.py")


if __name__ == "__main__":
    main()
