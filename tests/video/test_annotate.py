"""Video files: whatever comes out of cameras and phones goes in, nothing half-written comes out."""

import csv
import shutil
import subprocess
import weakref

import numpy as np
import pytest

from lprnet_utils.synthetic import rendered_clip
from lprnet_utils.video import VideoError, VideoFrames, annotate, annotate_video, write_video

pytest.importorskip("moviepy")


@pytest.fixture(scope="module")
def clip():
    return rendered_clip(12, (160, 120), 12, seed=3)


def ffmpeg(*arguments):
    from moviepy.config import FFMPEG_BINARY

    command = [FFMPEG_BINARY, "-y", "-loglevel", "error", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def face_video(clip, tmp_path_factory):
    """One second of a talking face, 12 frames a second, with a tone."""
    folder = tmp_path_factory.mktemp("video")
    write_video((frame.image for frame in clip), folder / "silent.mp4", 12)
    sine = "sine=frequency=440:duration=1"
    ffmpeg("-i", folder / "silent.mp4", "-f", "lavfi", "-i", sine, "-c:v", "copy", folder / "talk.mp4")
    return folder / "talk.mp4"


def pattern(path, *options, size="64x48", rate=10, seconds=1):
    ffmpeg("-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}", *options, path)
    return path


def left_over(folder):
    """What lies in a folder besides finished files."""
    return [p.name for p in folder.iterdir() if p.name.startswith(".")]


def test_the_same_video_with_its_face_and_its_sound(net, clip, face_video, tmp_path, capsys):
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
    assert left_over(tmp_path) == []


def test_numbers_alone_as_a_table(net, face_video, tmp_path):
    report = annotate_video(face_video, None, net, record=tmp_path / "out.csv", progress=False)
    assert report.size is None and report.frames == 12
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 and len(rows[0]) == 7 + 3 * 68 + 51
    assert [r["frame"] for r in rows] == [str(k) for k in range(12)] and float(rows[3]["time"]) == 0.25
    assert 0 <= float(rows[5]["jawOpen"]) <= 1 and 40 < float(rows[5]["x30"]) < 120


@pytest.mark.parametrize("options", [
    {"overlay": "mesh", "turn": "pose"}, {"overlay": "pose", "turn": "none"}, {"overlay": "none", "photo": False},
])  # fmt: skip
def test_what_is_drawn_can_be_chosen(net, face_video, tmp_path, options):
    report = annotate_video(face_video, tmp_path / "out.mkv", net, progress=False, **options)
    assert report.size == ((160 if options.get("turn") == "none" else 280), 120)
    first = next(iter(VideoFrames(tmp_path / "out.mkv")))
    same = np.abs(first[:, :160].astype(int) - next(iter(VideoFrames(face_video)))).mean()
    assert same < 4 if options["overlay"] == "none" else same > 4


def test_odd_sizes_are_padded_and_said(net, tmp_path):
    frames = [np.full((49, 63, 3), 90, np.uint8)] * 3
    notes = write_video(frames, tmp_path / "odd.mp4", 10)
    assert notes == ["63 x 49 pixels are padded to 64 x 50: encoders need even sides"]
    assert [f.shape for f in VideoFrames(tmp_path / "odd.mp4")] == [(50, 64, 3)] * 3
    odd = pattern(tmp_path / "odd.mkv", "-c:v", "ffv1", size="63x49")
    report = annotate_video(odd, tmp_path / "out.mp4", net, turn="none", progress=False)
    assert report.size == (64, 50) and "padded" in report.notes[0]


def test_a_video_without_a_face_and_one_of_one_frame(net, clip, tmp_path):
    report = annotate_video(
        pattern(tmp_path / "nobody.mp4"), tmp_path / "out.mp4", net, record=tmp_path / "out.npz", progress=False
    )
    assert (report.frames, report.frames_with_faces, report.faces) == (10, 0, 0)
    with np.load(tmp_path / "out.npz") as record:
        assert record["landmarks"].shape == (0, 68, 3)
    write_video([clip[0].image], tmp_path / "one.mp4", 25)
    report = annotate_video(tmp_path / "one.mp4", tmp_path / "out.mp4", net, progress=False)
    assert report.frames == report.frames_with_faces == 1 and len(list(VideoFrames(tmp_path / "out.mp4"))) == 1


@pytest.mark.walk
def test_4k(net, clip, tmp_path):
    import cv2

    large = [cv2.resize(clip[k].image, (3840, 2160), interpolation=cv2.INTER_CUBIC) for k in range(2)]
    write_video(large, tmp_path / "large.mp4", 25)
    report = annotate_video(tmp_path / "large.mp4", tmp_path / "out.mp4", net, progress=False)
    assert report.size == (3840 + 2160, 2160) and report.frames_with_faces == 2
    report = annotate_video(tmp_path / "large.mp4", tmp_path / "out.mp4", net, height=720, progress=False)
    assert report.size == (1280 + 720, 720) and report.frames_with_faces == 2


def test_a_variable_frame_rate_keeps_its_time(tmp_path):
    """A second of ten frames, a second of forty: shown for as long as they were."""
    source = tmp_path / "variable.mp4"
    join = "[1:v]negate[n];[0:v][n]concat=n=2:v=1:a=0"
    slow, fast = (f"testsrc=size=64x48:rate={rate}:duration=1" for rate in (10, 40))
    ffmpeg("-f", "lavfi", "-i", slow, "-f", "lavfi", "-i", fast, "-filter_complex", join, "-fps_mode", "vfr", source)
    frames = VideoFrames(source)
    assert frames.fps == pytest.approx(25, abs=2), "the mean rate"
    images = list(frames)
    assert len(images) == pytest.approx(2 * frames.fps, abs=1)
    bright = [int(image[2, 2].mean()) for image in images]  # testsrc's corner is black
    assert len([b for b in bright if b < 128]) == pytest.approx(len(images) / 2, abs=1.5)
    assert len(list(VideoFrames(source, fps=5))) == pytest.approx(10, abs=1)


def test_a_phone_on_its_side_and_pixels_that_are_not_square(tmp_path):
    upright = pattern(tmp_path / "a.mp4", "-pix_fmt", "yuv420p")
    ffmpeg("-display_rotation", "90", "-i", upright, "-c", "copy", tmp_path / "turned.mp4")
    first = next(iter(VideoFrames(tmp_path / "turned.mp4")))
    assert first.shape == (64, 48, 3)
    assert np.abs(first.astype(int) - np.rot90(next(iter(VideoFrames(upright))))).mean() < 3
    wide = pattern(tmp_path / "wide.mp4", "-vf", "setsar=3/2")
    assert next(iter(VideoFrames(wide))).shape == (48, 96, 3)


def test_sound_of_every_kind(net, face_video, tmp_path):
    for kind, codec, expected in (("mkv", "flac", "aac"), ("mp4", "libmp3lame", "mp3")):
        source = tmp_path / f"sound.{kind}"
        ffmpeg("-i", face_video, "-c:v", "copy", "-c:a", codec, source)
        annotate_video(source, tmp_path / "out.mp4", net, progress=False)
        out = VideoFrames(tmp_path / "out.mp4")
        assert out.audio == expected and out.duration == pytest.approx(1, abs=0.15)


@pytest.mark.walk
def test_broken_files_are_named_and_leave_nothing(net, face_video, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name, data in (("empty.mp4", b""), ("text.mp4", b"hello, I am no video"), ("cut.mp4", b"")):
        (tmp_path / name).write_bytes(data)
    moov_first = tmp_path / "whole.mp4"
    long = pattern(tmp_path / "long.mkv", "-c:v", "libx264", "-g", "10", seconds=20, size="320x240")
    ffmpeg("-i", long, "-c", "copy", "-movflags", "+faststart", moov_first)
    data = moov_first.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    ffmpeg("-i", face_video, "-vn", tmp_path / "sound.mp3")
    for name, reason in (
        ("missing.mp4", "there is no video file"), ("empty.mp4", "not a video that ffmpeg can read"),
        ("text.mp4", "not a video that ffmpeg can read"), ("sound.mp3", "holds no video"),
        ("cut.mp4", r"damaged or incomplete after \d+ of 200 frames"),
    ):  # fmt: skip
        with pytest.raises(VideoError, match=reason) as caught:
            annotate_video(tmp_path / name, out / "a.mp4", net, record=out / "a.csv", progress=False)
        assert name in str(caught.value)
        assert list(out.iterdir()) == [], name


def test_an_error_on_the_way_leaves_what_was_there(net, face_video, tmp_path, monkeypatch):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"the old one")

    def fail(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(annotate, "draw_overlay", fail)
    with pytest.raises(KeyboardInterrupt):
        annotate_video(face_video, out, net, record=tmp_path / "a.npz", progress=False)
    assert out.read_bytes() == b"the old one" and [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_what_cannot_be_is_refused_beforehand(net, face_video, tmp_path):
    own = shutil.copy(face_video, tmp_path / "own.mp4")
    for bad, error, reason in (
        ({"target": own}, VideoError, "is the video that is read"),
        ({"target": tmp_path / "out.txt"}, ValueError, "ends in '.txt'; choose one of .mp4"),
        ({"target": tmp_path / "nowhere" / "out.mp4"}, FileNotFoundError, "there is no folder"),
        ({"target": None}, ValueError, "nothing to write"),
        ({"overlay": "stars"}, ValueError, "overlay is one of landmarks"),
        ({"turn": "spin"}, ValueError, "turn is one of"),
        ({"record": tmp_path / "out.json"}, ValueError, "choose one of .csv, .npz"),
        ({"fps": 0}, VideoError, "a frame rate lies between"),
        ({"height": 0}, ValueError, "at least 16 pixels"),
    ):
        with pytest.raises(error, match=reason):
            annotate_video(own, **({"target": tmp_path / "out.mp4", "net": net, "progress": False} | bad))
    with pytest.raises(VideoError, match="no frame to write"):
        write_video([], tmp_path / "out.mp4", 25)
    with pytest.raises(VideoError, match="the first is"):
        write_video([np.zeros((48, 64, 3), np.uint8), np.zeros((48, 66, 3), np.uint8)], tmp_path / "out.mp4", 25)
    assert [p.name for p in tmp_path.iterdir()] == ["own.mp4"]


def test_memory_does_not_grow_with_the_video(net, tmp_path, monkeypatch):
    """Frames are not kept: at most a few are alive at a time."""
    source = pattern(tmp_path / "long.mp4", seconds=4, rate=25)
    frames, most = [], []

    class Counted(annotate.FaceTracker):
        def __call__(self, frame, dt):
            frames.append(weakref.ref(frame))
            most.append(sum(known() is not None for known in frames))
            return super().__call__(frame, dt)

    monkeypatch.setattr(annotate, "FaceTracker", Counted)
    report = annotate_video(source, tmp_path / "out.mp4", net, progress=False)
    assert report.frames == len(frames) == 100 and max(most) < 6
