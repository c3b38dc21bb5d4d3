"""Annotated videos: overlay, 3D face, sound and record; errors leave no half-written file."""

import csv
import os
import shutil
import subprocess
import sys
import time
import weakref

import cv2
import numpy as np
import pytest
from data_files import ffmpeg, pattern_video

from lprnet_utils.common.files import UNFINISHED_PREFIX
from lprnet_utils.synthetic import rendered_clip
from lprnet_utils.video import VideoError, VideoFrames, VideoOptions, annotate, annotate_video, write_video

pytest.importorskip("av")


@pytest.fixture(scope="module")
def clip():
    return rendered_clip(12, (160, 120), 12, seed=3)


@pytest.fixture(scope="module")
def face_video(clip, tmp_path_factory):
    """One second of a talking face, 12 frames a second, with a tone."""
    folder = tmp_path_factory.mktemp("video")
    write_video((frame.image for frame in clip), folder / "silent.mp4", 12)
    sine = "sine=frequency=440:duration=1"
    ffmpeg("-i", folder / "silent.mp4", "-f", "lavfi", "-i", sine, "-c:v", "copy", folder / "talk.mp4")
    return folder / "talk.mp4"


def test_annotated_video_has_overlay_3d_face_and_sound(net, clip, face_video, tmp_path, capsys):
    out, numbers = tmp_path / "out.mp4", tmp_path / "out.npz"
    report = annotate_video(face_video, out, net, record=numbers)
    assert report.frames == report.frames_with_faces == 12 and report.faces == 1 and report.notes == []
    assert report.size == (160 + 120, 120) and "12/12" in capsys.readouterr().err, "a progress bar"
    result = VideoFrames(out)
    assert result.audio == "aac" and result.fps == 12 and result.duration == pytest.approx(1, abs=0.1)
    frames = list(result)
    assert len(frames) == 12 and frames[0].shape == (120, 280, 3)
    drawn = np.abs(frames[6][:, :160].astype(int) - clip[6].image).max(-1) > 60
    points = clip.landmarks(6)[0]
    (low, high), place = (points[:, 1::-1].min(0) - 4, points[:, 1::-1].max(0) + 4), np.argwhere(drawn)
    assert len(place) > 60 and ((place > low) & (place < high)).all(1).mean() > 0.9, "landmarks over the face"
    beside = [frame[:, 160:] for frame in frames]
    assert 0.2 < (beside[6] < 200).any(-1).mean() < 0.8, "a face on white"
    assert np.abs(beside[0].astype(int) - beside[6]).mean() > 3, "that turns"
    with np.load(numbers, allow_pickle=False) as record:
        assert record["frame"].tolist() == list(range(12)) and set(record["face"]) == {0} and record["fps"] == 12
        assert np.allclose(record["time"], np.arange(12) / 12)
        assert record["landmarks"].shape == record["raw_landmarks"].shape == (12, 68, 3)
        assert record["expression"].shape == (12, 51) and record["names"].shape == (51,)
        truth = np.stack([clip.landmarks(k)[0] for k in range(12)])
        assert np.abs(record["landmarks"] - truth)[..., :2].mean() < 3
        assert (record["confidence"][1:] > 0.8).all() and np.ptp(record["pose"][:, 1]) > 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "out.npz"]


def test_record_without_video(net, face_video, tmp_path):
    report = annotate_video(face_video, None, net, record=tmp_path / "out.csv", progress=False)
    assert report.size is None and report.frames == 12
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 and len(rows[0]) == 7 + 3 * 68 + 51
    assert [r["frame"] for r in rows] == [str(k) for k in range(12)] and float(rows[3]["time"]) == 0.25
    assert 0 <= float(rows[5]["jawOpen"]) <= 1 and 40 < float(rows[5]["x30"]) < 120


@pytest.mark.parametrize("options", [
    VideoOptions(overlay="mesh", turn="pose"),
    VideoOptions(overlay="pose", turn="none"),
    VideoOptions(overlay="none", photo_colors=False),
])  # fmt: skip
def test_overlay_and_turn_options(net, face_video, tmp_path, options):
    report = annotate_video(face_video, tmp_path / "out.mkv", net, options, progress=False)
    assert report.size == ((160 if options.turn == "none" else 280), 120)
    first = next(iter(VideoFrames(tmp_path / "out.mkv")))
    difference = np.abs(first[:, :160].astype(int) - next(iter(VideoFrames(face_video)))).mean()
    assert difference < 4 if options.overlay == "none" else difference > 4


def test_odd_sides_are_padded_and_reported(net, tmp_path):
    odd = pattern_video(tmp_path / "odd.mkv", "-c:v", "ffv1", size="63x49")
    report = annotate_video(odd, tmp_path / "out.mp4", net, VideoOptions(turn="none"), progress=False)
    assert report.size == (64, 50)
    assert report.notes == ["63 x 49 pixels are padded to 64 x 50: encoders need even sides"]
    assert [frame.shape for frame in VideoFrames(tmp_path / "out.mp4")] == [(50, 64, 3)] * 10


def test_video_without_a_face_and_video_of_one_frame(net, clip, tmp_path):
    nobody = pattern_video(tmp_path / "nobody.mp4")
    report = annotate_video(nobody, tmp_path / "out.mp4", net, record=tmp_path / "out.npz", progress=False)
    assert (report.frames, report.frames_with_faces, report.faces) == (10, 0, 0)
    with np.load(tmp_path / "out.npz") as record:
        assert record["landmarks"].shape == (0, 68, 3)
    write_video([clip[0].image], tmp_path / "one.mp4", 25)
    report = annotate_video(tmp_path / "one.mp4", tmp_path / "out.mp4", net, progress=False)
    assert report.frames == report.frames_with_faces == 1 and len(list(VideoFrames(tmp_path / "out.mp4"))) == 1


@pytest.mark.slow
def test_4k_video(net, clip, tmp_path):
    large = [cv2.resize(clip[k].image, (3840, 2160), interpolation=cv2.INTER_CUBIC) for k in range(2)]
    write_video(large, tmp_path / "large.mp4", 25)
    for height, width in ((2160, 3840), (720, 1280)):
        options = VideoOptions(height=height)
        report = annotate_video(tmp_path / "large.mp4", tmp_path / "out.mp4", net, options, progress=False)
        assert report.size == (width + height, height) and report.frames_with_faces == 2


def test_sound_is_copied_or_converted(net, face_video, tmp_path):
    for kind, codec, expected in (("mkv", "flac", "aac"), ("mp4", "libmp3lame", "mp3")):
        source = tmp_path / f"sound.{kind}"
        ffmpeg("-i", face_video, "-c:v", "copy", "-c:a", codec, source)
        annotate_video(source, tmp_path / "out.mp4", net, progress=False)
        out = VideoFrames(tmp_path / "out.mp4")
        assert out.audio == expected and out.duration == pytest.approx(1, abs=0.15)


@pytest.mark.walk
def test_broken_sources_are_named_in_errors_and_nothing_is_written(net, face_video, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_bytes(b"hello, I am no video")
    moov_first = tmp_path / "whole.mp4"
    long = pattern_video(tmp_path / "long.mkv", "-c:v", "libx264", "-g", "10", seconds=6, size="320x240")
    ffmpeg("-i", long, "-c", "copy", "-movflags", "+faststart", moov_first)
    data = moov_first.read_bytes()
    for name, size in (("cut.mp4", len(data) // 2), ("cut-late.mp4", len(data) * 3 // 4)):
        (tmp_path / name).write_bytes(data[:size])
    ffmpeg("-i", face_video, "-vn", tmp_path / "sound.mp3")
    for name, reason in (
        ("missing.mp4", "there is no video file"), ("empty.mp4", "not a video that ffmpeg can read"),
        ("text.mp4", "not a video that ffmpeg can read"), ("sound.mp3", "holds no video"),
        ("cut.mp4", r"damaged or incomplete after \d+ of 60 frames"),
        ("cut-late.mp4", r"damaged or incomplete after \d+ of 60 frames"),
    ):  # fmt: skip
        with pytest.raises(VideoError, match=reason) as caught:
            annotate_video(tmp_path / name, out / "a.mp4", net, record=out / "a.csv", progress=False)
        assert name in str(caught.value)
        assert list(out.iterdir()) == [], name


def test_an_error_while_drawing_leaves_the_old_file(net, face_video, tmp_path, monkeypatch):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"the old one")

    def fail(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(annotate, "draw_overlay", fail)
    with pytest.raises(KeyboardInterrupt):
        annotate_video(face_video, out, net, record=tmp_path / "a.npz", progress=False)
    assert out.read_bytes() == b"the old one" and [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(("bad", "error", "reason"), [
    ({"target": "own.mp4"}, VideoError, "is the video that is read"),
    ({"target": "out.txt"}, ValueError, "ends in '.txt'; choose one of .mp4"),
    ({"target": "nowhere/out.mp4"}, FileNotFoundError, "there is no folder"),
    ({"target": "folder.mp4"}, VideoError, "folder.mp4 is a folder: give the name of a file"),
    ({"target": None}, ValueError, "nothing to write"),
    ({"overlay": "stars"}, ValueError, "overlay is one of landmarks"),
    ({"turn": "spin"}, ValueError, "turn is one of"),
    ({"record": "out.json"}, ValueError, "choose one of .csv, .npz"),
    ({"fps": 0}, VideoError, "a frame rate lies between"),
    ({"height": 0}, ValueError, "at least 16 pixels"),
])  # fmt: skip
def test_bad_arguments_are_refused_before_anything_is_written(face_video, tmp_path, monkeypatch, bad, error, reason):
    shutil.copy(face_video, tmp_path / "own.mp4")
    (tmp_path / "folder.mp4").mkdir()
    monkeypatch.chdir(tmp_path)
    outputs = {"target": "out.mp4"} | {name: bad[name] for name in ("target", "record") if name in bad}
    with pytest.raises(error, match=reason):
        options = VideoOptions(**{name: value for name, value in bad.items() if name not in outputs})
        annotate_video("own.mp4", options=options, progress=False, **outputs)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.mp4", "own.mp4"]


def test_part_files_of_killed_runs_are_removed(net, clip, tmp_path):
    write_video([clip[0].image], tmp_path / "one.mp4", 25)
    for folder in ("videos", "numbers"):
        (tmp_path / folder).mkdir()
        part = tmp_path / folder / f"{UNFINISHED_PREFIX}x-old.mp4"
        part.write_bytes(b"half")
        os.utime(part, (1, 1))  # without locks (Windows) the age decides
    outputs = tmp_path / "videos" / "out.mp4", tmp_path / "numbers" / "out.npz"
    annotate_video(tmp_path / "one.mp4", outputs[0], net, record=outputs[1], progress=False)
    assert [list(path.parent.iterdir()) for path in outputs] == [[path] for path in outputs]


@pytest.mark.walk
@pytest.mark.skipif(os.name != "posix", reason="on Windows the parts of a killed run are kept for some minutes")
def test_a_killed_run_leaves_nothing_after_the_next_one(face_video, tmp_path):
    out = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "lprnet_utils.commands.main", "video", face_video, out]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None and not list(tmp_path.glob(f"{UNFINISHED_PREFIX}*")):
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert [p.name[:6] for p in tmp_path.iterdir()] == [UNFINISHED_PREFIX], "killed while it wrote"
    subprocess.run(command, check=True, capture_output=True)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"] and len(list(VideoFrames(out))) == 12


def test_at_most_a_few_frames_exist_at_a_time(net, tmp_path, monkeypatch):
    source = pattern_video(tmp_path / "long.mp4", seconds=4, rate=25)
    frames, most = [], []

    class Counted(annotate.FaceTracker):
        def __call__(self, frame, dt):
            frames.append(weakref.ref(frame))
            most.append(sum(known() is not None for known in frames))
            return super().__call__(frame, dt)

    monkeypatch.setattr(annotate, "FaceTracker", Counted)
    report = annotate_video(source, tmp_path / "out.mp4", net, progress=False)
    assert report.frames == len(frames) == 100 and max(most) < 6
