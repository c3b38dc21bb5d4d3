"""The folder for a room without the internet: students' notebooks, solutions apart, an installer that needs nothing."""

import subprocess
import sys

import nbformat
import pytest
import wheelhouse
from checkout import NOTEBOOKS
from student_notebooks import has_tag


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheelhouse")
    return folder, wheelhouse.fill(folder, "quickstart")


def test_the_class_gets_notebooks_without_solutions_and_the_teacher_the_solutions(filled):
    folder, room = filled
    copies = sorted((room / "notebooks").iterdir())
    assert [path.name for path in copies] == [path.name for path in NOTEBOOKS]
    for path in copies:
        cells = nbformat.read(path, as_version=4).cells
        assert not any(has_tag(cell, "solution") or cell.get("outputs") for cell in cells)
    assert sorted(path.stem for path in (folder / "solutions").iterdir()) == [path.stem for path in NOTEBOOKS]
    assert not list(room.rglob("*.md")), "no solution is in the folder of the class"


def test_the_installer_needs_no_package_and_says_what_is_missing(filled):
    _, room = filled
    text = (room / "install.py").read_text(encoding="utf-8")
    assert 'EXTRA = "quickstart"' in text and '"--no-index"' in text
    told = subprocess.run([sys.executable, "-I", "-S", room / "install.py", room / "x"], capture_output=True, text=True)
    assert told.returncode == 1 and "has no wheel of lprnet_utils" in told.stderr
    assert not (room / "x").exists()
