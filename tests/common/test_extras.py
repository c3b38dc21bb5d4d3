"""Packages that are missing are named with the extra that brings them, and docs/install.md lists all extras."""

import re
import tomllib

import pytest
from checkout import ROOT, text_of

from lprnet_utils.common.extras import install_name, what_to_install

EXTRAS = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["optional-dependencies"]


def test_the_smallest_extra_is_named(monkeypatch):
    assert install_name("plotly") == "'lprnet_utils[quickstart]'" and install_name("voila") == "'lprnet_utils[lab]'"
    assert install_name("distributed") == "'lprnet_utils[cluster]'" and install_name("unheard_of") == "unheard_of"
    broken = what_to_install(ImportError("libGL.so.1: cannot open shared object file", name="cv2"))
    assert broken.startswith("libGL.so.1: cannot open") and broken.endswith("pip install --force-reinstall cv2")
    with pytest.raises(ImportError, match="a mistake of ours"):
        what_to_install(ImportError("a mistake of ours", name="lprnet_utils.uv.nowhere"))


def test_the_table_of_extras_is_complete():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text_of(ROOT / "docs/install.md"), re.MULTILINE))
    assert list(rows) == list(EXTRAS)
    for extra, requirements in EXTRAS.items():
        text = "\n".join(requirements)
        names = sorted(set(re.findall(r"^[\w-]+", text, re.MULTILINE)) - {"lprnet_utils"})
        others = [f"`{name}`" for listed in re.findall(r"^lprnet_utils\[(.+)\]", text) for name in listed.split(",")]
        expected = f"all of {' and '.join(others)}; " if others else ""
        assert rows[extra] == expected + ", ".join(names)
