"""lprnet video: videos, records, and the exit status."""

import sys

import numpy as np
import pytest

from lprnet_utils.commands.main import main
from lprnet_utils.synthetic import rendered_clip
from lprnet_utils.video import write_video

pytest.importorskip("av")


def test_video_with_and_without_a_face(tmp_path, capsys):
    face = rendered_clip(1, (160, 120), 1, seed=3)[0].image
    source = tmp_path / "in.mp4"
    write_video([face] * 3, source, 10)
    assert main(["video", str(source), str(tmp_path / "out.mp4"), "--weights", "open", "--clay"]) == 0
    assert "1 face, in 3 of 3 frames" in capsys.readouterr().out and (tmp_path / "out.mp4").is_file()
    assert main(["video", str(source), str(tmp_path / "out.csv"), "--weights", "open"]) == 0
    assert (tmp_path / "out.csv").read_text().count("\n") == 4
    write_video([np.full((48, 64, 3), 99, np.uint8)] * 3, source, 10)
    arguments = ["video", str(source), str(tmp_path / "b.mp4"), "--weights=open", f"--record={tmp_path / 'b.npz'}"]
    assert main(arguments) == 0 and main([*arguments, "--require-face"]) == 1
    source.write_bytes(b"no video")
    assert main(["video", str(source), str(tmp_path / "c.mp4"), "--weights", "open"]) == 2
    assert "in.mp4 is not a video" in capsys.readouterr().err and not (tmp_path / "c.mp4").exists()


@pytest.mark.parametrize(("words", "offered"), [
    (["x.txt"], ".mp4, .mov, .m4v, .mkv, .csv, .npz, .glb"),
    (["x.txt", "--record", "x.csv"], ".mp4, .mov, .m4v, .mkv"),
    (["x.csv", "--record", "y.csv"], ".mp4, .mov, .m4v, .mkv"),
])  # fmt: skip
def test_a_wrong_ending_offers_those_that_can_be_written(words, offered, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_video([np.full((48, 64, 3), 99, np.uint8)], tmp_path / "in.mp4", 10)
    assert main(["video", "in.mp4", *words, "--weights", "open"]) == 2
    assert f"choose one of {offered}\n" in capsys.readouterr().err and len(list(tmp_path.iterdir())) == 1


def test_without_pyav_the_command_says_what_to_install(tmp_path, monkeypatch, capsys):
    (tmp_path / "in.mp4").write_bytes(b"a video")
    monkeypatch.setitem(sys.modules, "av", None)  # importing it fails
    assert main(["video", str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4"), "--weights", "open"]) == 2
    assert "videos need PyAV, which is not installed" in (message := capsys.readouterr().err)
    assert "pip install" in message and [p.name for p in tmp_path.iterdir()] == ["in.mp4"]
