"""Read the frames of a video file one by one at a constant rate, and write frames into a file, with sound.

moviepy brings ffmpeg, reads the metadata of a file and encodes. Frames are decoded here, because moviepy's reader takes
a variable frame rate for a constant one, and does not rotate videos that a phone recorded on its side.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..common.arrays import Image
from ..common.files import atomic_write, check_ending

VIDEO_ENDINGS = (".mp4", ".mov", ".m4v", ".mkv")
COPIED_AUDIO_CODECS = ("aac", "mp3", "ac3", "eac3", "alac")  # copied unchanged; other audio is converted to AAC
MIN_FPS, MAX_FPS = 0.2, 240.0
DEFAULT_FPS = 30.0  # if the rate of a file is missing or outside these bounds


class VideoError(ValueError):
    """A video file cannot be read or written; the message names the file and says why."""


class VideoFrames:
    """The frames of a video file, decoded one after the other at a constant rate.

    Phones and screen recorders write variable rates. Their frames are repeated or left out, so that each is shown at
    the right time. A video that was recorded with the camera on its side is rotated. Pixels that are not square are
    made square. ``len`` is the expected number of frames by the file's duration, or 0 if that is unknown.

    Parameters
    ----------
    path : path
    fps : float, optional
        Frames per second to read; by default the mean rate of the file.

    Attributes
    ----------
    duration : float or None
        Seconds, according to the file.
    audio : str or None
        Codec of the first sound track.
    notes : list of str
        An assumed frame rate, or damage.

    Raises
    ------
    VideoError
        If the file is missing, damaged or not a video. Some damage is noticed only when a frame is read.
    """

    def __init__(self, path: str | Path, fps: float | None = None):
        self.path, self.notes = Path(path), []
        if not self.path.is_file():
            raise VideoError(f"there is no video file {self.path}")
        if fps is not None and not MIN_FPS <= fps <= MAX_FPS:
            raise VideoError(f"a frame rate lies between {MIN_FPS} and {MAX_FPS} frames a second, got {fps}")
        metadata = self._read_metadata()
        if not metadata.get("video_found"):
            raise VideoError(f"{self.path} holds no video")
        file_fps = metadata.get("video_fps") or 0.0
        if fps is None and not MIN_FPS <= file_fps <= MAX_FPS:
            self.notes.append(f"the file gives no usable frame rate ({file_fps:g}): {DEFAULT_FPS:g} frames a second")
            file_fps = DEFAULT_FPS
        self.fps = round(fps or file_fps, 2)  # the encoder takes two decimals
        self.duration: float | None = metadata.get("duration")
        self.audio = self._audio_codec() if metadata.get("audio_found") else None

    def __len__(self) -> int:
        return max(round((self.duration or 0.0) * self.fps), 0)

    def _read_metadata(self) -> dict[str, Any]:
        parse = _moviepy("video.io.ffmpeg_reader").ffmpeg_parse_infos
        try:
            try:
                return parse(str(self.path))
            except OSError as error:
                if "duration" not in str(error) and "Duration: N/A" not in str(error):
                    raise
                return parse(str(self.path), check_duration=False)  # recordings of web pages have none
        except Exception as error:  # moviepy's parser raises many kinds of errors
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = next((line for line in reversed(lines) if "rror" not in line), lines[-1] if lines else "?")
            raise VideoError(f"{self.path} is not a video that ffmpeg can read ({reason})") from error

    def _audio_codec(self) -> str:
        """The codec of the first sound track, which moviepy does not read."""
        command = [_moviepy("config").FFMPEG_BINARY, "-hide_banner", "-nostdin", "-i", str(self.path.absolute())]
        output = subprocess.run(command, capture_output=True).stderr.decode(errors="replace")
        found = re.search(r"Stream #0:.*?Audio: (\w+)", output)
        return found[1] if found else "unknown"

    def __iter__(self) -> Iterator[Image]:
        """Frames (H, W, 3) uint8 RGB, read-only."""
        square = "scale=w='if(gt(sar,0),max(1,round(iw*sar)),iw)':h=ih,setsar=1"
        command = [_moviepy("config").FFMPEG_BINARY, "-v", "error", "-nostdin", "-i", str(self.path.absolute())]
        # a PPM picture contains its own size, which is only known after ffmpeg has rotated the frame
        command += ["-map", "0:v:0", "-vf", f"{square},fps=fps={self.fps}:start_time=0"]
        command += ["-f", "image2pipe", "-c:v", "ppm", "-"]
        count = 0
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, bufsize=1 << 20)
            try:
                while (frame := _read_ppm(process.stdout)) is not None:
                    count += 1
                    yield frame
                process.wait()
            finally:
                process.kill()
                process.stdout.close()
                process.wait()
            log.seek(0)
            complaint = log.read().decode(errors="replace").strip()
        # a few damaged frames are accepted, but not a file that ends early
        if not count or process.returncode or (complaint and count < 0.98 * len(self) - 1):
            after = f"after {count} of {len(self)} frames " if count else ""
            reason = complaint.splitlines()[-1] if complaint else "no frame could be decoded"
            raise VideoError(f"{self.path} is damaged or incomplete {after}({reason})")
        if complaint:
            self.notes.append(f"parts of {self.path.name} are damaged ({complaint.splitlines()[-1]})")


def _read_ppm(stream: IO[bytes]) -> Image | None:
    """The next picture in a stream of binary PPM pictures, or None at its end."""
    if stream.readline().strip() != b"P6":
        return None
    width, height = map(int, stream.readline().split())
    stream.readline()  # the largest value, 255
    data = stream.read(3 * width * height)
    return np.frombuffer(data, np.uint8).reshape(height, width, 3) if len(data) == 3 * width * height else None


def _moviepy(module: str) -> Any:
    try:
        return import_module(f"moviepy.{module}")
    except ImportError as error:
        raise VideoError(f"videos need moviepy 2, which is not installed ({error}): pip install moviepy") from error


def write_video(frames: Iterable[Image], path: str | Path, fps: float, sound: VideoFrames | None = None) -> list[str]:
    """Encode frames as H.264, with the sound of another video.

    Parameters
    ----------
    frames : iterable of (H, W, 3) uint8
        All of the same size. Encoders need even sides: an odd side is padded by repeating its last row or column.
    path : path
        Ends in .mp4, .mov, .m4v or .mkv.
    fps : float
    sound : VideoFrames, optional
        The video to take the sound from. It is copied if the file can hold it, and converted to AAC otherwise.

    Raises
    ------
    VideoError
        If there is no frame, or ffmpeg cannot write the file. No error leaves a half-written file.
    ValueError
        For another ending.
    FileNotFoundError
        If the folder does not exist.
    """
    path = check_ending(path, VIDEO_ENDINGS)
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise VideoError(f"there is no frame to write into {path}")
    height, width = first.shape[:2]
    size = width + width % 2, height + height % 2
    margin = ((0, height % 2), (0, width % 2), (0, 0))
    notes = []
    if size != (width, height):
        notes = [f"{width} x {height} pixels are padded to {size[0]} x {size[1]}: encoders need even sides"]
    options = {"ffmpeg_params": ["-map", "0:v:0", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]}
    if sound is not None and sound.audio:
        options["ffmpeg_params"] += ["-map", "1:a:0"]
        codec = "copy" if sound.audio in COPIED_AUDIO_CODECS else "aac"
        options |= {"audiofile": str(sound.path.absolute()), "audio_codec": codec}
    open_writer = _moviepy("video.io.ffmpeg_writer").FFMPEG_VideoWriter
    with atomic_write(path) as part:
        writer = open_writer(str(part.absolute()), size, fps, **options)
        process = writer.proc
        try:
            for frame in chain([first], frames):
                if frame.shape != first.shape:
                    raise VideoError(f"a frame of {path} is {frame.shape}, the first is {first.shape}")
                writer.write_frame(np.pad(frame, margin, "edge") if notes else frame)
            process.stdin.close()
            complaint = process.stderr.read().decode(errors="replace").strip()
            if process.wait() or not part.stat().st_size:
                raise VideoError(f"{path} could not be written: {complaint or 'ffmpeg gave no reason'}")
        except OSError as error:
            raise VideoError(f"{path} could not be written: {str(error).strip()}") from error
        finally:
            process.kill()
            with suppress(OSError):
                writer.close()
    return notes
