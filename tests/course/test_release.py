"""The release's tool: it refuses versions that differ, and tries what README shows."""

import json

import pytest
import release
from checkout import ROOT, text_of

import lprnet_utils


def test_all_files_state_the_version_of_the_package():
    assert release.one_version() == lprnet_utils.__version__
    lock = json.loads(text_of(ROOT / "web" / "package-lock.json"))
    assert lock["version"] == lock["packages"][""]["version"] == lprnet_utils.__version__


@pytest.mark.parametrize("name", list(release.versions()))
def test_versions_that_differ_are_named(name, monkeypatch):
    stated = release.versions() | {name: "9.9.9"}
    monkeypatch.setattr(release, "versions", lambda: stated)
    with pytest.raises(SystemExit, match=f"{name} 9.9.9"):
        release.one_version()


def test_the_snippet_is_that_of_the_first_page():
    assert release.snippet() in text_of(ROOT / "README.md")
    compile(release.snippet(), "README.md", "exec")
