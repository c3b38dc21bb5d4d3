"""Where the project is published: its repository, the branch of the notebooks, and the site."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
REPOSITORY = URLS["Repository"]
OWNER, NAME = REPOSITORY.removeprefix("https://github.com/").split("/")
BRANCH = re.fullmatch(r".+/tree/([\w.-]+)/notebooks", URLS["Course"])[1]
ADDRESS = f"https://{OWNER}.github.io/{NAME}"  # GitHub's pages
COLAB = f"https://colab.research.google.com/github/{OWNER}/{NAME}/blob/{BRANCH}/notebooks"
