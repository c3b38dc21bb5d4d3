"""Write ``data/checksums.json``: the SHA-256 of the bundled files that are verified on loading."""

from __future__ import annotations

import json
from pathlib import Path

from lprnet_utils.assets import sha256

DATA = Path(__file__).resolve().parents[1] / "data"
VERIFIED = ("*.npz", "*.tflite")


def main() -> None:
    files = sorted(p for pattern in VERIFIED for p in DATA.rglob(pattern))
    table = {p.relative_to(DATA).as_posix(): sha256(p.read_bytes()) for p in files}
    (DATA / "checksums.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    print(f"{len(table)} checksums")


if __name__ == "__main__":
    main()
