"""Make an environment from the wheels in this folder, without the internet.

    python install.py [FOLDER]

FOLDER is where the environment and a copy of the notebooks go; ``l-prnet`` in your home folder by default. It takes a
few minutes, and 3 GB.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXTRA = "lab"


def main() -> None:
    arguments = sys.argv[1:]
    if arguments and arguments[0].startswith("-"):
        raise SystemExit(__doc__)
    folder = Path(arguments[0] if arguments else Path.home() / "l-prnet").resolve()
    own = sorted((HERE / "wheels").glob("lprnet_utils-*.whl"))
    if not own:
        raise SystemExit(f"{HERE / 'wheels'} has no wheel of lprnet_utils: copy the whole folder")
    print(f"Making an environment in {folder / 'environment'}")
    venv.create(folder / "environment", with_pip=True)
    binaries = folder / "environment" / ("Scripts" if sys.platform == "win32" else "bin")
    command = [str(binaries / "python"), "-m", "pip", "install", "--no-index", "--find-links", str(HERE / "wheels")]
    command += ["--constraint", str(HERE / "constraints.txt"), "--isolated", "--disable-pip-version-check"]
    if subprocess.run([*command, "--quiet", f"{own[-1]}[{EXTRA}]"]).returncode:
        version = ".".join(map(str, sys.version_info[:2]))
        raise SystemExit(
            f"The wheels may be for another Python than {version}, or for another system: ask your teacher"
        )
    if not (folder / "notebooks").exists():  # what somebody has written there is kept
        shutil.copytree(HERE / "notebooks", folder / "notebooks")
    if EXTRA == "lab":
        print("Ready. To open the notebooks:")
        print(f"  {binaries / 'jupyter'} lab --notebook-dir {folder / 'notebooks'}")
    else:
        print(f"Ready. The commands are in {binaries}, the notebooks in {folder / 'notebooks'}. To try it:")
        print(f"  {binaries / 'lprnet'} photo PHOTO -o OUT --glb")


if __name__ == "__main__":
    main()
