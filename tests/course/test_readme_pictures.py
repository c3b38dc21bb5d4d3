"""The pictures of README.md are those that their script draws."""

import sys

import numpy as np
import pytest
import readme_pictures
from checkout import ROOT
from PIL import Image, ImageSequence

DOCS = ROOT / "docs"


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), float)


@pytest.mark.walk
def test_the_committed_pictures_are_drawn_by_the_script(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["readme_pictures.py", "--output", str(tmp_path), "strip", "pipeline"])
    readme_pictures.main()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipeline.png", "strip.jpg"]
    for path in tmp_path.iterdir():
        drawn, committed = pixels(path), pixels(DOCS / path.name)
        assert drawn.shape == committed.shape and np.abs(drawn - committed).mean() < 2, path.name


def test_the_moving_picture_turns_the_face_and_keeps_the_photo():
    with Image.open(DOCS / "turning.gif") as gif:
        frames = [np.asarray(frame.convert("RGB"), float) for frame in ImageSequence.Iterator(gif)]
        assert gif.info["loop"] == 0, "it turns for ever"
    assert len(frames) == readme_pictures.GIF_FRAMES
    side = readme_pictures.GIF_SIDE
    photo, face = np.stack(frames)[:, :, :side], np.stack(frames)[:, :, -side:]
    half = len(frames) // 2
    assert not np.ptp(photo[:half], axis=0).any(), "the photo does not flicker"
    assert (np.abs(np.diff(face, axis=0)).mean((1, 2, 3)) > 1).all(), "the face moves in every frame"


def test_a_picture_that_does_not_exist_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["readme_pictures.py", "portrait"])
    with pytest.raises(SystemExit):
        readme_pictures.main()
    assert "there is no picture portrait" in capsys.readouterr().err
