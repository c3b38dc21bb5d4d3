"""Write the badges into the first cell of each notebook: open it in Colab, read it on the site.

    python scripts/course/badges.py notebooks/*.ipynb

They stand below the title, in place of those that were there. Where a notebook has them already, nothing is written.
"""

import argparse
import json
import re
from pathlib import Path

from pages import ADDRESS, COLAB

SITE_BADGE = re.compile(r" ?\[!\[Read it on the site\]\([^)]*\)\]\([^)]*\)")
BADGE = re.compile(r"\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)\s*")
COLAB_PICTURE = "https://colab.research.google.com/assets/colab-badge.svg"
SITE_PICTURE = "https://img.shields.io/badge/read_it-on_the_site-1f6feb"


def badges(name: str) -> str:
    """The line of badges of the notebook with this name, without its ending."""
    colab = f"[![Open in Colab]({COLAB_PICTURE})]({COLAB}/{name}.ipynb)"
    return f"{colab} [![Read it on the site]({SITE_PICTURE})]({ADDRESS}/notebooks/{name}.html)"


def with_badges(cell: str, name: str) -> str:
    """The text of a first cell, which begins with a title, with its badges below the title."""
    title, _, rest = cell.partition("\n")
    if not title.startswith("# "):
        raise SystemExit(f"{name}: the first cell begins with {title!r}, not with a title")
    return f"{title}\n\n{badges(name)}\n\n{BADGE.sub('', rest).strip()}\n".rstrip("\n")


def update(path: Path) -> bool:
    """Write the badges of a notebook; whether anything changed."""
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    first = notebook["cells"][0]
    old = "".join(first["source"])
    new = with_badges(old, path.stem)
    if new == old:
        return False
    first["source"] = new.splitlines(keepends=True)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", type=Path, nargs="+")
    for path in parser.parse_args().notebooks:
        print(f"{path.name}: {'written' if update(path) else 'as they were'}")


if __name__ == "__main__":
    main()
