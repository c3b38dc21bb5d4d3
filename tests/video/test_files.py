"""Frames of video files: constant rate, upright, square pixels; and files of frames."""

import socket
from contextlib import suppress
from fractions import Fraction
from threading import Thread

import av
import numpy as np
import pytest
from data_files import ffmpeg, pattern_video
from scipy.io import wavfile

from lprnet_utils.video import VideoError, VideoFrames, write_video


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


def raw_frames(path, size=(48, 64)):
    """The frames of a file as the program ffmpeg decodes them."""
    raw = path.with_suffix(".rgb")
    ffmpeg("-i", path, "-pix_fmt", "rgb24", "-f", "rawvideo", raw)
    return np.fromfile(raw, np.uint8).reshape(-1, *size, 3)


@pytest.mark.parametrize("options", [
    ("-c:v", "libx264", "-pix_fmt", "yuv420p10le"),
    ("-c:v", "libx265", "-pix_fmt", "yuv422p12le", "-x265-params", "log-level=none"),
    ("-c:v", "prores_ks", "-pix_fmt", "yuv444p10le"),
    ("-c:v", "ffv1", "-pix_fmt", "gbrp16le"),
    ("-c:v", "ffv1", "-pix_fmt", "gray12le"),
    ("-c:v", "libx264", "-pix_fmt", "yuvj420p"),
], ids=lambda options: options[-1] if "log" not in options[-1] else options[3])  # fmt: skip
def test_frames_agree_with_ffmpeg_at_any_depth(tmp_path, options):
    path = pattern_video(tmp_path / "deep.mkv", *options)
    expected, frames = raw_frames(path), list(VideoFrames(path))
    assert len(frames) == len(expected) == 10
    assert np.abs(np.int16(frames) - expected).mean() < 2


def test_hdr_is_said_not_to_be_tone_mapped(tmp_path):
    tags = "setparams=color_trc=arib-std-b67:color_primaries=bt2020:colorspace=bt2020nc"
    stored = "log-level=none:transfer=arib-std-b67:colorprim=bt2020:colormatrix=bt2020nc"
    options = "-vf", tags, "-c:v", "libx265", "-x265-params", stored, "-pix_fmt", "yuv420p10le"
    path = pattern_video(tmp_path / "hdr.mp4", *options, size="128x96")
    frames = VideoFrames(path)
    assert frames.notes == ["hdr.mp4 is HDR (HLG): its colours are not tone-mapped"] and len(list(frames)) == 10


def test_transparent_pixels_are_white(tmp_path):
    half = "format=rgba,colorchannelmixer=aa=0.5"
    path = pattern_video(tmp_path / "clear.mov", "-vf", half, "-c:v", "qtrle", "-pix_fmt", "argb")
    opaque = pattern_video(tmp_path / "opaque.mov", "-c:v", "qtrle", "-pix_fmt", "rgb24")
    frames = zip(VideoFrames(path), VideoFrames(opaque), strict=True)
    assert all(np.abs(clear - (255 + one.astype(int)) / 2).max() < 3 for clear, one in frames)


MATRICES = {  # a, b, c, d of the display matrix, and the picture that a player shows
    (1, 0, 0, 1): lambda image: image,
    (0, 1, -1, 0): lambda image: np.rot90(image, -1),
    (-1, 0, 0, -1): lambda image: np.rot90(image, 2),
    (0, -1, 1, 0): lambda image: np.rot90(image, 1),
    (-1, 0, 0, 1): lambda image: image[:, ::-1],
    (1, 0, 0, -1): lambda image: image[::-1],
    (0, 1, 1, 0): lambda image: image.swapaxes(0, 1),
    (0, -1, -1, 0): lambda image: image[::-1, ::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("matrix", MATRICES)
def test_all_eight_orientations(tmp_path, matrix):
    upright = pattern_video(tmp_path / "a.mp4", "-pix_fmt", "yuv420p")
    data, (a, b, c, d) = bytearray(upright.read_bytes()), matrix
    # the matrix of the track header (ISO/IEC 14496-12, 8.3.2), 16.16 fixed point
    place = data.index(b"tkhd") + 4 + 40
    data[place : place + 20] = np.array([a << 16, b << 16, 0, c << 16, d << 16], ">i4").tobytes()
    (tmp_path / "turned.mp4").write_bytes(data)
    shown = next(iter(VideoFrames(tmp_path / "turned.mp4")))
    expected = MATRICES[matrix](next(iter(VideoFrames(upright))))
    assert shown.shape == expected.shape and (shown == expected).all()


def test_tracks_beside_the_picture_do_not_disturb(tmp_path):
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    (tmp_path / "font.ttf").write_bytes(bytes(100))
    timecode = pattern_video(tmp_path / "time.mov", "-pix_fmt", "yuv420p", "-timecode", "01:00:00:00")
    full = tmp_path / "full.mkv"
    title = "two\nlines, Stream #0:7: Video: none, \u5c71"
    ffmpeg("-i", timecode, "-i", tmp_path / "words.srt", "-map", "0:v", "-map", "1", "-attach", tmp_path / "font.ttf",
           "-metadata:s:t", "mimetype=application/x-truetype-font", "-metadata:s:v:0", "language=pt-BR",
           "-metadata", f"title={title}", "-c:v", "copy", full)  # fmt: skip
    cover = tmp_path / "cover.mp4"
    ffmpeg("-i", timecode, "-frames:v", "1", tmp_path / "cover.png")
    ffmpeg("-i", tmp_path / "cover.png", "-i", timecode, "-map", "0", "-map", "1:v", "-c", "copy",
           "-disposition:v:0", "attached_pic", cover)  # fmt: skip
    for path in (timecode, full, cover):
        frames = VideoFrames(path)
        assert len(list(frames)) == 10 and frames.fps == 10 and frames.notes == [], path.name


def test_a_name_with_a_colon_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pattern_video(tmp_path / "a.mp4").rename("12:30.mp4")
    assert len(list(VideoFrames("12:30.mp4"))) == 10


def test_a_playlist_leads_to_no_server_and_no_other_file(tmp_path):
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1", tmp_path / "secret.ts")
    asked = []

    def hang_up(server):
        with suppress(OSError):  # at the end the server is closed
            while True:
                connection, address = server.accept()
                asked.append(address)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=hang_up, args=(server,), daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        for name, target in (("web", address), ("local", tmp_path / "secret.ts"), ("relative", "secret.ts")):
            text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n"
            (tmp_path / f"{name}.m3u8").write_text(text)
            with pytest.raises(VideoError, match=r"(not a video that ffmpeg can read|holds no video|damaged)"):
                list(VideoFrames(tmp_path / f"{name}.m3u8"))
    assert asked == []


def test_the_rate_of_television_stays_exact(tmp_path):
    path = pattern_video(tmp_path / "ntsc.mp4", rate="30000/1001", seconds=2)
    write_video(VideoFrames(path), tmp_path / "out.mp4", VideoFrames(path).fps)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)


def test_a_file_that_ends_between_two_frames_is_incomplete(tmp_path):
    # the index is at the start of the file, and ffmpeg takes the missing rest for the end of the video
    write_video(VideoFrames(pattern_video(tmp_path / "a.mp4", seconds=3)), tmp_path / "whole.mp4", 10)
    with av.open(str(tmp_path / "whole.mp4")) as container:
        end = container.streams.video[0].index_entries[15].pos
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:end])
    with pytest.raises(VideoError, match=r"incomplete after \d+ of 30 frames \(the file ends before its last frame\)"):
        list(VideoFrames(tmp_path / "cut.mp4"))


@pytest.mark.parametrize("size", [(48, 64), (720, 1280)])
def test_colours_survive_writing(tmp_path, size):
    colors = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = np.kron(colors, np.ones((size[0] // 4, size[1] // 4, 1), np.uint8))
    write_video([image] * 3, tmp_path / "out.mp4", 25)
    back = next(iter(VideoFrames(tmp_path / "out.mp4")))
    step = size[0] // 4, size[1] // 4
    centres = back[step[0] // 2 :: step[0], step[1] // 2 :: step[1]]
    assert np.abs(centres.astype(int) - colors).max() < 12
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.colorspace == 1, "BT.709 is written into the file"


def test_sound_of_a_sound_file(tmp_path):
    rate = 44100
    tone = np.int16(20000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate))
    wavfile.write(tmp_path / "tone.wav", rate, tone)
    write_video([np.zeros((48, 64, 3), np.uint8)] * 10, tmp_path / "out.mp4", 10, tmp_path / "tone.wav")
    assert VideoFrames(tmp_path / "out.mp4").audio == "aac"
    with av.open(str(tmp_path / "out.mp4")) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(heard) == pytest.approx(rate, abs=3000)
    loudest = np.abs(np.fft.rfft(heard[: rate // 2])).argmax() * 2
    assert loudest == pytest.approx(440, abs=4)
    with pytest.raises(VideoError, match="missing.wav"):
        write_video([np.zeros((48, 64, 3), np.uint8)], tmp_path / "out.mp4", 10, tmp_path / "missing.wav")


@pytest.mark.parametrize(("frames", "reason"), [
    ([], "no frame to write"),
    ([np.zeros((48, 64, 3), np.uint8), np.zeros((48, 66, 3), np.uint8)], "the first is"),
], ids=["none", "two sizes"])  # fmt: skip
def test_bad_frames_are_refused(tmp_path, frames, reason):
    with pytest.raises(VideoError, match=reason):
        write_video(frames, tmp_path / "out.mp4", 25)
    assert list(tmp_path.iterdir()) == []
