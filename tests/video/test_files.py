"""Frames of video files: constant rate, upright, square pixels; and files of frames."""

import numpy as np
import pytest
from data_files import ffmpeg, pattern_video

from lprnet_utils.video import VideoError, VideoFrames, write_video

pytest.importorskip("moviepy")


def test_variable_frame_rate_keeps_its_timing(tmp_path):
    source = tmp_path / "variable.mp4"  # a second with ten frames, then a second with forty
    join = "[1:v]negate[n];[0:v][n]concat=n=2:v=1:a=0"
    slow, fast = (f"testsrc=size=64x48:rate={rate}:duration=1" for rate in (10, 40))
    ffmpeg("-f", "lavfi", "-i", slow, "-f", "lavfi", "-i", fast, "-filter_complex", join, "-fps_mode", "vfr", source)
    frames = VideoFrames(source)
    assert frames.fps == pytest.approx(25, abs=2), "the mean rate"
    images = list(frames)
    assert len(images) == pytest.approx(2 * frames.fps, abs=1)
    corner = [int(image[2, 2].mean()) for image in images]  # black in the first second, negated in the second one
    assert len([c for c in corner if c < 128]) == pytest.approx(len(images) / 2, abs=1.5)
    assert len(list(VideoFrames(source, fps=5))) == pytest.approx(10, abs=1)


def test_rotated_video_and_non_square_pixels(tmp_path):
    upright = pattern_video(tmp_path / "a.mp4", "-pix_fmt", "yuv420p")
    ffmpeg("-display_rotation", "90", "-i", upright, "-c", "copy", tmp_path / "turned.mp4")
    first = next(iter(VideoFrames(tmp_path / "turned.mp4")))
    assert first.shape == (64, 48, 3)
    assert np.abs(first.astype(int) - np.rot90(next(iter(VideoFrames(upright))))).mean() < 3
    wide = pattern_video(tmp_path / "wide.mp4", "-vf", "setsar=3/2")
    assert next(iter(VideoFrames(wide))).shape == (48, 96, 3)


@pytest.mark.parametrize(("frames", "reason"), [
    ([], "no frame to write"),
    ([np.zeros((48, 64, 3), np.uint8), np.zeros((48, 66, 3), np.uint8)], "the first is"),
], ids=["none", "two sizes"])  # fmt: skip
def test_bad_frames_are_refused(tmp_path, frames, reason):
    with pytest.raises(VideoError, match=reason):
        write_video(frames, tmp_path / "out.mp4", 25)
    assert list(tmp_path.iterdir()) == []
