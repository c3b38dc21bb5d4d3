"""Video files: frames out of them, one by one at a constant rate, and frames into them, with sound.

moviepy brings ffmpeg, reads what a file says of itself and encodes. Frames are decoded here, because its reader takes a
variable frame rate for a constant one, and does not turn upright what a phone recorded on its side.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..common.arrays import Image
from ..common.files import check_ending, whole_file

ENDINGS = (".mp4", ".mov", ".m4v", ".mkv")
COPIED = ("aac", "mp3", "ac3", "eac3", "alac")  # sound that these files hold as it is; other kinds become AAC
USUAL_RATE, RATES = 30.0, (0.2, 240.0)  # frames a second: where a file names none, or one outside these bounds


class VideoError(ValueError):
    """A video file cannot be read or written; the message names the file and says why."""


class VideoFrames:
    """The frames of a video file, decoded one after the other at a constant rate.

    Phones and screen recorders write variable rates: of those, frames are repeated or left out, so that each is shown
    when it was. What was recorded with the camera on its side is turned upright; pixels that are not square are made
    square.

    Parameters
    ----------
    path : path
    fps : float, optional
        Frames a second to read at; the file's own mean by default.

    Attributes
    ----------
    fps : float
    duration : float or None
        Seconds, as the file says.
    audio : str or None
        Kind of its sound.
    notes : list of str

    Raises
    ------
    VideoError
        If the file is missing, is no video, or is damaged: when it is opened, or when the damage is reached.
    """

    def __init__(self, path: str | Path, fps: float | None = None):
        self.path, self.notes = Path(path), []
        if not self.path.is_file():
            raise VideoError(f"there is no video file {self.path}")
        if fps is not None and not RATES[0] <= fps <= RATES[1]:
            raise VideoError(f"a frame rate lies between {RATES[0]} and {RATES[1]} frames a second, got {fps}")
        about = self._about()
        if not about.get("video_found"):
            raise VideoError(f"{self.path} holds no video")
        own = about.get("video_fps") or 0.0
        if fps is None and not RATES[0] <= own <= RATES[1]:
            self.notes.append(f"the file gives no usable frame rate ({own:g}): {USUAL_RATE:g} frames a second")
            own = USUAL_RATE
        self.fps = round(fps or own, 2)  # to the digits that the encoder is told
        self.duration: float | None = about.get("duration")
        self.audio = self._kind_of_sound() if about.get("audio_found") else None

    def __len__(self) -> int:
        """How many frames there should be, by the file's duration; 0 where that is unknown."""
        return max(round((self.duration or 0.0) * self.fps), 0)

    def _about(self) -> dict[str, Any]:
        parse = _moviepy("video.io.ffmpeg_reader").ffmpeg_parse_infos
        try:
            try:
                return parse(str(self.path))
            except OSError as error:
                if "duration" not in str(error) and "Duration: N/A" not in str(error):
                    raise
                return parse(str(self.path), check_duration=False)  # recordings of web pages do not know theirs
        except Exception as error:  # moviepy raises whatever its parser trips over
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = next((line for line in reversed(lines) if "rror" not in line), lines[-1] if lines else "?")
            raise VideoError(f"{self.path} is not a video that ffmpeg can read ({reason})") from error

    def _kind_of_sound(self) -> str:
        """The one thing that moviepy does not tell: the codec of the first sound track."""
        command = [_moviepy("config").FFMPEG_BINARY, "-hide_banner", "-nostdin", "-i", str(self.path.absolute())]
        said = subprocess.run(command, capture_output=True).stderr.decode(errors="replace")
        found = re.search(r"Stream #0:.*?Audio: (\w+)", said)
        return found[1] if found else "unknown"

    def __iter__(self) -> Iterator[Image]:
        """Frames (H, W, 3) uint8 RGB; they are not to be written into."""
        square = "scale=w='if(gt(sar,0),max(1,round(iw*sar)),iw)':h=ih,setsar=1"
        command = [_moviepy("config").FFMPEG_BINARY, "-v", "error", "-nostdin", "-i", str(self.path.absolute())]
        # each frame as a PPM picture tells its own size, after ffmpeg has turned it upright
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
        # damage to a few frames is shown as well as it goes; a file that ends early is not taken for whole
        if not count or process.returncode or (complaint and count < 0.98 * len(self) - 1):
            after = f"after {count} of {len(self)} frames " if count else ""
            reason = complaint.splitlines()[-1] if complaint else "no frame could be decoded"
            raise VideoError(f"{self.path} is damaged or incomplete {after}({reason})")
        if complaint:
            self.notes.append(f"parts of {self.path.name} are damaged ({complaint.splitlines()[-1]})")


def _read_ppm(stream: IO[bytes]) -> Image | None:
    """The next picture of a stream of binary PPM, or None at its end."""
    if stream.readline().strip() != b"P6":
        return None
    width, height = map(int, stream.readline().split())
    stream.readline()  # 255
    data = stream.read(3 * width * height)
    return np.frombuffer(data, np.uint8).reshape(height, width, 3) if len(data) == 3 * width * height else None


def _moviepy(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"moviepy.{module}")
    except ImportError as error:
        raise VideoError(f"videos need moviepy 2, which is not installed ({error}): pip install moviepy") from error


def write_video(frames: Iterable[Image], path: str | Path, fps: float, sound: VideoFrames | None = None) -> list[str]:
    """Encode frames as H.264, with the sound of another video.

    Parameters
    ----------
    frames : iterable of (H, W, 3) uint8
        All of one size. Encoders need even sides: an odd one gets a row or column more, its last one repeated.
    path : path
        Ends in .mp4, .mov, .m4v or .mkv.
    fps : float
        Frames a second.
    sound : VideoFrames, optional
        Whose sound goes along, as it is if its kind fits, else as AAC.

    Returns
    -------
    list of str
        What was done to the frames.

    Raises
    ------
    VideoError
        If there is no frame, or ffmpeg cannot write the file. No half-written file is left by any error.
    ValueError
        For another ending.
    FileNotFoundError
        If there is no such folder.
    """
    path = check_ending(path, ENDINGS)
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise VideoError(f"there is no frame to write into {path}")
    height, width = first.shape[:2]
    margin = ((0, height % 2), (0, width % 2), (0, 0))
    notes = []
    if height % 2 or width % 2:
        padded = f"{width + width % 2} x {height + height % 2}"
        notes = [f"{width} x {height} pixels are padded to {padded}: encoders need even sides"]
    options = {"ffmpeg_params": ["-map", "0:v:0", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]}
    if sound is not None and sound.audio:
        options["ffmpeg_params"] += ["-map", "1:a:0"]
        options |= {"audiofile": str(sound.path.absolute()), "audio_codec": "copy" if sound.audio in COPIED else "aac"}
    make = _moviepy("video.io.ffmpeg_writer").FFMPEG_VideoWriter
    with whole_file(path) as part:
        writer = make(str(part.absolute()), (width + width % 2, height + height % 2), fps, **options)
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
