"""Read the frames of a video file one by one at a constant rate, and write frames into a file, with sound.

PyAV, the Python binding of ffmpeg's libraries, decodes and encodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from importlib import import_module
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..common.arrays import Image
from ..common.extras import install_name
from ..common.files import atomic_write, check_ending

VIDEO_FORMATS = {".mp4": "mp4", ".mov": "mov", ".m4v": "mp4", ".mkv": "matroska"}  # ffmpeg's names
VIDEO_ENDINGS = tuple(VIDEO_FORMATS)
COPIED_AUDIO_CODECS = ("aac", "mp3", "ac3", "eac3", "alac")  # copied unchanged; other audio is converted to AAC
MIN_FPS, MAX_FPS = 0.2, 240.0
DEFAULT_FPS = 30.0  # if the rate of a file is missing or outside these bounds
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}  # transfer characteristics of ITU-T H.273
BT709 = 1  # ITU-T H.273's number of the colours of high-definition video


class VideoError(ValueError):
    """A video file cannot be read or written; the message names the file and says why."""


class VideoFrames:
    """The frames of a video file, decoded one after the other at a constant rate.

    Phones and screen recorders write variable rates. Their frames are repeated or left out, so that each is shown at
    the right time. A video that was recorded with the camera on its side is rotated, pixels that are not square are
    made square, and transparent ones are shown over white. ``len`` is the expected number of frames by the file's
    duration, or 0 if that is unknown.

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
        An assumed frame rate, HDR colours, or damage.

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
        with open_media(self.path) as container:
            stream = self._video_stream(container)
            file_fps = float(stream.average_rate or 0)
            if fps is None and not MIN_FPS <= file_fps <= MAX_FPS:
                self.notes.append(f"no usable frame rate in the file ({file_fps:g}): {DEFAULT_FPS:g} a second are read")
                file_fps = DEFAULT_FPS
            self.fps = float(fps or file_fps)
            seconds = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / 1e6
            self.duration = float(seconds) or None
            sound = _sound_stream(container)
            self.audio = sound.codec_context.codec.canonical_name if sound else None
            if kind := HDR_TRANSFERS.get(stream.codec_context.color_trc):
                self.notes.append(f"{self.path.name} is HDR ({kind}): its colours are not tone-mapped")

    def __len__(self) -> int:
        return max(round((self.duration or 0.0) * self.fps), 0)

    def _video_stream(self, container: Any) -> Any:
        """The first video track that is not the picture of a song's cover."""
        cover = _pyav().stream.Disposition.attached_pic
        for stream in container.streams.video:
            if not stream.disposition & cover:
                if stream.codec_context is None:
                    raise VideoError(f"{self.path} is not a video that ffmpeg can read (no decoder for its codec)")
                return stream
        raise VideoError(f"{self.path} holds no video")

    def __iter__(self) -> Iterator[Image]:
        """Frames (H, W, 3) uint8 RGB, read-only."""
        damage: list[str] = []  # what was wrong, the last thing last
        count, shown = 0, None
        with open_media(self.path) as container:
            stream = self._video_stream(container)
            stream.thread_type = "AUTO"
            convert = _Converter(stream.sample_aspect_ratio)
            index = stream.index_entries
            if index and index[len(index) - 1].pos >= self.path.stat().st_size:  # ffmpeg ends there without an error
                damage.append("the file ends before its last frame")
            # a frame is shown until the next one starts; None stands for the end of the video
            for frame, seconds in self._timed(container, stream, damage):
                until = math.floor(seconds * self.fps + 0.5)
                while shown is not None and count < (until if frame else max(until, 1)):
                    yield convert(shown)
                    count += 1
                shown = frame
        # a few damaged frames are accepted, but not a file that ends early
        if not count or (damage and count < 0.98 * len(self) - 1):
            after = f"after {count} of {len(self)} frames " if count else ""
            reason = damage[-1] if damage else "no frame could be decoded"
            raise VideoError(f"{self.path} is damaged or incomplete {after}({reason})")
        if damage:
            self.notes.append(f"parts of {self.path.name} are damaged ({damage[-1]})")

    def _timed(self, container: Any, stream: Any, damage: list[str]) -> Iterator[tuple[Any, float]]:
        """Decoded frames and the second at which each is shown; at the end None and the second at which the last ends.

        Reasons of errors are added to ``damage``.
        """
        origin = (container.start_time or 0) / 1e6
        errors, end = (_pyav().error.FFmpegError, OSError), 0.0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode()
            except errors as error:
                damage.append(error.strerror or str(error))
                continue
            if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
                damage.append("a frame is corrupt")
            for frame in frames:
                start = end if frame.time is None else frame.time - origin
                length = frame.duration * frame.time_base if frame.duration else 1 / self.fps
                end = start + float(length)
                yield frame, start
        yield None, end


class _Converter:
    """Converts decoded frames to (H, W, 3) uint8: upright, opaque, with square pixels, all of the first one's size."""

    def __init__(self, ratio: Fraction | None):
        self.ratio = ratio or 1  # width to height of a stored pixel
        self.shape: tuple[int, ...] | None = None
        self._format, self._graph = None, None

    def __call__(self, frame: Any) -> Image:
        transposed, flip_columns, flip_rows = _orientation(frame)
        kind = frame.width, frame.height, frame.format.name, transposed
        if kind != self._format:  # some streams change their size or format in between
            self._format, self._graph = kind, self._build_graph(frame, transposed)
        self._graph.push(frame)
        image = self._graph.pull().to_ndarray()
        if image.shape[2] == 4:
            colour, alpha = image[..., :3].astype(np.uint16), image[..., 3:].astype(np.uint16)
            image = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
        image = image.swapaxes(0, 1) if transposed else image
        image = np.ascontiguousarray(image[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1])
        image.flags.writeable = False
        self.shape = self.shape or image.shape
        return image

    def _build_graph(self, frame: Any, transposed: bool) -> Any:
        """A graph of ffmpeg's filters: what the program ffmpeg would use, with the same colours to the last bit."""
        width, height = max(round(frame.width * self.ratio), 1), frame.height
        if self.shape:
            height, width = self.shape[1::-1] if transposed else self.shape[:2]
        clear = any(component.is_alpha for component in frame.format.components)
        graph = _pyav().filter.Graph()
        size = {"width": frame.width, "height": frame.height, "format": frame.format, "time_base": frame.time_base}
        chain = [graph.add_buffer(**size), graph.add("scale", f"w={width}:h={height}")]
        chain += [graph.add("format", "rgba" if clear else "rgb24"), graph.add("buffersink")]
        for one, following in pairwise(chain):
            one.link_to(following)
        graph.configure()
        return graph


def _orientation(frame: Any) -> tuple[bool, bool, bool]:
    """How to turn a frame upright: exchange rows and columns, then mirror the columns, then the rows.

    The display matrix (ISO/IEC 14496-12, 8.5.2) maps a stored pixel (x, y) to (a x + c y, b x + d y).
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    (a, b, _), (c, d, _), _ = np.frombuffer(bytes(matrix), np.int32).astype(float).reshape(3, 3)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


def _sound_stream(container: Any) -> Any | None:
    """The first sound track that can be decoded."""
    return next((track for track in container.streams.audio if track.codec_context), None)


def _pyav() -> Any:
    try:
        return import_module("av")
    except ImportError as error:
        raise VideoError(f"videos need PyAV, which is not installed: pip install {install_name('av')}") from error


@contextmanager
def open_media(path: Path) -> Iterator[Any]:
    """Open a video or sound file for reading; VideoError if that fails.

    ffmpeg gets the open file, and no protocol to open anything else: a playlist leads to no other file and no server.
    """
    av = _pyav()
    try:
        file = open(path, "rb")
    except OSError as error:
        raise VideoError(f"{path} cannot be read ({error.strerror})") from error
    with file:
        try:
            container = av.open(file, options={"protocol_whitelist": "none"}, metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            # OSError: in a tiny file ffmpeg looks before the start
            reason = getattr(error, "strerror", None) or error
            raise VideoError(f"{path} is not a video that ffmpeg can read ({reason})") from error
        with container:
            yield container


def write_video(frames: Iterable[Image], path: str | Path, fps: float, sound: str | Path | None = None) -> list[str]:
    """Encode frames as H.264, with the sound of another file.

    Parameters
    ----------
    frames : iterable of (H, W, 3) uint8
        All of the same size. Encoders need even sides: an odd side is padded by repeating its last row or column.
    path : path
        Ends in .mp4, .mov, .m4v or .mkv.
    fps : float
    sound : path, optional
        A video or sound file; its first sound track is copied if the new file can hold it, otherwise converted to AAC.

    Returns
    -------
    list of str
        Notes: padding, and sound that is missing or damaged.

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
    notes = []
    if size != (width, height):
        notes = [f"{width} x {height} pixels are padded to {size[0]} x {size[1]}: encoders need even sides"]
    av = _pyav()
    with atomic_write(path) as part, ExitStack() as opened:
        try:
            kind = VIDEO_FORMATS[path.suffix.lower()]
            options = {"movflags": "+faststart"}
            container = opened.enter_context(av.open(str(part.absolute()), "w", format=kind, options=options))
            picture = _add_picture(container, size, fps)
            source = opened.enter_context(open_media(Path(sound))) if sound is not None else None
            track = _SoundTrack(source, container, notes)
            for number, frame in enumerate(chain([first], frames)):
                if frame.shape != first.shape:
                    raise VideoError(f"a frame of {path} is {frame.shape}, the first is {first.shape}")
                container.mux(picture.encode(_yuv(frame, number, picture)))
                track.write_until(number / fps)
            container.mux(picture.encode())
            track.write_until(math.inf)
            opened.close()  # completes the file
        except av.error.FFmpegError as error:
            raise VideoError(f"{path} could not be written: {error.strerror}") from error
    return notes


def _add_picture(container: Any, size: tuple[int, int], fps: float) -> Any:
    """The H.264 track of a new file."""
    stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.thread_type = "FRAME"  # PyAV's own choice, slices, gives other bits from run to run
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = _pyav().video.reformatter.ColorRange.MPEG
    return stream


def _yuv(image: Image, number: int, stream: Any) -> Any:
    """An image as the frame of this number, padded to the size of the stream."""
    margin = ((0, stream.height - image.shape[0]), (0, stream.width - image.shape[1]), (0, 0))
    if any(after for _, after in margin):
        image = np.pad(image, margin, "edge")
    frame = _pyav().VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
    frame.pts, frame.time_base = number, 1 / stream.codec_context.framerate
    return frame


class _SoundTrack:
    """The first sound track of a video, copied or converted into a new file while its pictures are written."""

    def __init__(self, source: Any, container: Any, notes: list[str]):
        self.source, self.container, self.notes = source, container, notes
        packets: Iterator[Any] = iter(())
        if source is not None:
            self.track = _sound_stream(source)
            if self.track is None:
                notes.append("the file for the sound has no sound that can be decoded")
            elif self.track.codec_context.codec.canonical_name in COPIED_AUDIO_CODECS:
                packets = self._copied()
            else:
                packets = self._converted()
        self.packets = packets
        self.waiting = next(packets, None)  # the generator adds the track, which must precede the first picture

    def write_until(self, seconds: float) -> None:
        """Write the sound up to a time: players want pictures and their sound close together in a file."""
        while self.waiting is not None and self.waiting.pts * self.waiting.time_base <= seconds:
            self.container.mux(self.waiting)
            self.waiting = next(self.packets, None)

    def _read(self) -> Iterator[Any]:
        """Packets of the source. Its clock starts at 0, like the new file's."""
        origin = round((self.source.start_time or 0) / 1e6 / self.track.time_base)
        packets = self.source.demux(self.track)
        while True:
            try:
                packet = next(packets, None)
            except _pyav().error.FFmpegError as error:
                self.notes.append(f"a part of the sound is damaged and left out ({error.strerror})")
                return
            if packet is None:
                return
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - origin, packet.dts - origin
            yield packet

    def _copied(self) -> Iterator[Any]:
        stream = self.container.add_stream_from_template(self.track)
        for packet in self._read():
            if packet.dts is not None:
                packet.stream = stream
                yield packet

    def _converted(self) -> Iterator[Any]:
        context = self.track.codec_context
        rates = _pyav().Codec("aac", "w").audio_rates
        stream = self.container.add_stream("aac", rate=context.rate if context.rate in rates else rates[-1])
        # the channels of a .wav file have no names
        stream.layout = {1: "mono", 2: "stereo"}.get(context.layout.nb_channels, context.layout)
        damaged = 0
        for packet in self._read():
            try:
                for frame in packet.decode():
                    yield from stream.encode(frame)
            except _pyav().error.FFmpegError:
                damaged += 1
        yield from stream.encode()
        if damaged:
            self.notes.append(f"{damaged} parts of the sound are damaged and left out")
