"""A type checker finds the package typed, and its lazy names have their types."""

import subprocess
import sys

import pytest
from checkout import PACKAGE

USER = """
from lprnet_utils import LPRNet, MorphableModel
from lprnet_utils.geometry import Camera
from lprnet_utils.video import write_video

reveal_type(LPRNet().reconstruct("photo.jpg"))
reveal_type(LPRNet().reconstruct("photo.jpg")[0].pose)
reveal_type(MorphableModel.load())
reveal_type(Camera)
reveal_type(write_video)
LPRNet().reconstruct("photo.jpg")[0].no_such_thing
"""
EXPECTED = (
    "list[lprnet_utils.reconstruction.face.Face]",
    "lprnet_utils.reconstruction.face.Pose",
    "lprnet_utils.morphable_model.model.MorphableModel",
    "lprnet_utils.geometry.camera.Camera",
    "def (frames: ",
)


def mypy(folder, *arguments):
    """The lines that mypy prints, without its summary, in a folder without settings."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.slow
def test_mypy_finds_types_in_a_program_that_uses_the_package(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed: pip install mypy")
    (tmp_path / "user.py").write_text(USER)
    *revealed, error = mypy(tmp_path, "user.py")
    assert len(revealed) == len(EXPECTED), revealed
    for line, wanted in zip(revealed, EXPECTED, strict=True):
        assert "Revealed type is" in line and wanted in line.replace("builtins.", "")
    assert 'error: "Face" has no attribute "no_such_thing"' in error


@pytest.mark.slow
def test_mypy_accepts_the_stubs(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed: pip install mypy")
    stubs = sorted(PACKAGE.rglob("*.pyi"))
    assert len(stubs) > 10
    assert mypy(tmp_path, "--strict", "--follow-imports=silent", *stubs) == []
