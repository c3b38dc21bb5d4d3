"""Write the SHA-256 of the bundled files into ``data/checksums.json`` and into the rows of ``data/README.md``.

Weights files of ``lprnet export`` also state the SHA-256 of their networks themselves, by which a copy is recognised
as damaged. This script adds it to older files that do not: only their description changes, the networks do not.

    python scripts/assets/update_checksums.py

``data/checksums.json`` lists the files that are verified whenever they are loaded; ``data/README.md`` lists all files.
Run this after every script that builds bundled data. It takes a second.
"""

import argparse
import json
import re
from pathlib import Path

from lprnet_utils.common.assets import sha256
from lprnet_utils.common.files import write_files
from lprnet_utils.common.litert import read_head_angle_network, read_metadata
from lprnet_utils.common.weights_archive import pack, unpack

DATA = Path(__file__).resolve().parents[2] / "data"
VERIFIED = ("*.npz", "*.tflite", "detection/*.json", "*sha256.txt", "skins/*", "expressions.csv")


def state_sha256(path: Path) -> None:
    """Let a weights file state the SHA-256 of its networks. A file that does so already stays as it is."""
    data = path.read_bytes()
    description = read_metadata(data, str(path))
    if "sha256" not in description:
        network = data[: unpack(data, str(path))[0]]
        write_files({path: pack(network, description, read_head_angle_network(data) or b"")})


def main() -> None:
    for path in sorted((DATA / "weights").glob("*.tflite")):
        state_sha256(path)
    files = sorted(
        (p for pattern in VERIFIED for p in DATA.rglob(pattern)), key=lambda p: p.relative_to(DATA).as_posix()
    )
    table = {p.relative_to(DATA).as_posix(): sha256(p.read_bytes()) for p in files}
    (DATA / "checksums.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")

    readme = DATA / "README.md"

    def refreshed(row: re.Match) -> str:
        path = DATA / row[2]
        return f"{row[1]}{sha256(path.read_bytes())}{row[3]}" if path.is_file() else row[0]

    text = readme.read_text(encoding="utf-8")
    text = re.sub(r"^(\| *`([^`]+)` *\|.*\| *`)[0-9a-f]+(` *\|)$", refreshed, text, flags=re.MULTILINE)
    readme.write_text(text, encoding="utf-8")
    print(f"{len(table)} files are verified on loading")


if __name__ == "__main__":
    # --help must not write anything
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
