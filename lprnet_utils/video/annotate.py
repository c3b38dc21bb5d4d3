"""Draw the faces of a video over it, a turning 3D face beside it, keep its sound, and record numbers of each frame.

Frames are handled one by one, so a long video needs no more memory than a short one.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import cv2
import numpy as np

from ..common.arrays import Image
from ..common.files import atomic_write, check_ending, remove_unfinished, save_arrays
from ..reconstruction.draw import draw_landmarks, draw_mesh, draw_pose_box
from ..reconstruction.lprnet import LPRNet
from .files import VIDEO_ENDINGS, VideoError, VideoFrames, write_video
from .panel import TRACK_COLORS, Panel
from .tracking import FaceTracker, TrackedFace

if TYPE_CHECKING:
    from .moving_avatar import MovingAvatar

OVERLAYS = ("landmarks", "mesh", "pose", "none")
TURNS = ("sway", "pose", "none")
RECORD_ENDINGS = (".csv", ".npz")
AVATAR_ENDINGS = (".glb",)
MIN_HEIGHT = 16  # pixels of the output


@dataclass(frozen=True)
class VideoOptions:
    """How :func:`annotate_video` follows and draws faces.

    Parameters
    ----------
    overlay : str
        What is drawn over each face: ``landmarks``, ``mesh``, ``pose`` (a box) or ``none``.
    turn : str
        The 3D face beside the video: ``sway`` turns it slowly to both sides, ``pose`` turns it like the head, ``none``
        leaves it out.
    photo_colors : bool
        Draw the 3D face in the colours of the frames instead of grey clay.
    smooth, max_faces
        See :class:`lprnet_utils.video.FaceTracker`.
    fps : float, optional
        Frames per second of the output; by default the mean rate of the file.
    height : int, optional
        Shrink the output to this height. The faces are followed in the full frames all the same.

    Raises
    ------
    ValueError
        For an unknown overlay or turn, or a height below 16 pixels.
    """

    overlay: str = "landmarks"
    turn: str = "sway"
    photo_colors: bool = True
    smooth: bool = True
    max_faces: int | None = None
    fps: float | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        for name, value, known in (("overlay", self.overlay, OVERLAYS), ("turn", self.turn, TURNS)):
            if value not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}, not {value!r}")
        if self.height is not None and self.height < MIN_HEIGHT:
            raise ValueError(f"the output is at least {MIN_HEIGHT} pixels high, got {self.height}")


@dataclass
class VideoReport:
    """What :func:`annotate_video` did."""

    frames: int = 0
    fps: float = 0.0  # of the output, constant
    size: tuple[int, int] | None = None  # width and height of the output in pixels; None if no video was written
    faces: int = 0  # number of different ids
    frames_with_faces: int = 0
    notes: list[str] = field(default_factory=list)  # padding, an assumed frame rate, or damage in the source


class FaceRecord:
    """The rows of the ``record`` of :func:`annotate_video`. A temporary file holds them until they are written."""

    def __init__(self, expression_names: tuple[str, ...], fps: float, file: IO[bytes]):
        self._names, self._fps, self._file = expression_names, fps, file
        single = np.float32
        self._row = np.dtype([
            ("frame", np.int32), ("time", np.float64), ("face", np.int32), ("confidence", single), ("pose", single, 3),
            ("landmarks", single, (68, 3)), ("raw_landmarks", single, (68, 3)),
            ("expression", single, len(expression_names)),
        ])  # fmt: skip

    def add(self, time: float, faces: list[TrackedFace]) -> None:
        """Add the faces of a frame at a time in seconds."""
        for found in faces:
            face, pose = found.face, found.face.pose
            values = round(time * self._fps), time, found.id, face.confidence, (pose.pitch, pose.yaw, pose.roll)
            row = (*values, face.landmarks, found.raw_landmarks, found.coefficients.expression)
            self._file.write(np.array([row], self._row).tobytes())

    def write(self, path: Path) -> None:
        """Write all rows into a .csv or .npz file."""
        self._file.flush()
        empty = not os.fstat(self._file.fileno()).st_size
        rows = np.empty(0, self._row) if empty else np.memmap(self._file, self._row, "r")
        if path.suffix.lower() == ".npz":
            arrays = {name: rows[name] for name in self._row.names}
            save_arrays(arrays | {"names": np.array(self._names), "fps": np.array(self._fps)}, path)
            return
        points = [f"{axis}{k}" for k in range(68) for axis in "xyz"]
        with atomic_write(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["frame", "time", "face", "confidence", "pitch", "yaw", "roll", *points, *self._names])
            for row in rows:
                numbers = [f"{v:.3f}" for v in (*row["pose"], *row["landmarks"].ravel(), *row["expression"])]
                out.writerow([row["frame"], f"{row['time']:.4f}", row["face"], f"{row['confidence']:.3f}", *numbers])


def draw_overlay(frame: Image, faces: list[TrackedFace], overlay: str = "landmarks") -> Image:
    """A frame (H, W, 3) with its faces drawn over it, each in the colour of its id; see :class:`VideoOptions`."""
    draw = {"landmarks": draw_landmarks, "mesh": draw_mesh, "pose": draw_pose_box}.get(overlay)
    for found in faces if draw else ():
        frame = draw(frame, found.face, color=TRACK_COLORS[found.id % len(TRACK_COLORS)])
    return frame


def annotate_video(
    source: str | Path, target: str | Path | None, net: LPRNet | None = None, options: VideoOptions | None = None,
    record: str | Path | None = None, progress: bool = True, avatar: str | Path | None = None,
) -> VideoReport:  # fmt: skip
    """Write a video with its faces drawn over it, a turning 3D face beside it, and its sound.

    Parameters
    ----------
    source : path
        Any video that ffmpeg can read.
    target : path, optional
        Ends in .mp4, .mov, .m4v or .mkv. None: write only the record or the avatar.
    net : LPRNet, optional
    options : VideoOptions, optional
    record : path, optional
        A .csv or .npz file with a row for each face in each frame: ``frame``, ``time`` (s), ``face`` (id),
        ``confidence``, ``pose`` (pitch, yaw, roll in degrees), ``landmarks`` (68, 3) in the photo frame and
        ``expression`` (weights, by their ARKit names). An .npz also has ``raw_landmarks``, those before smoothing,
        ``names`` of the expressions and ``fps``.
    progress : bool
        Show a progress bar on stderr.
    avatar : path, optional
        A .glb file with the head of the face that is seen longest, animated as it moves
        (:func:`lprnet_utils.avatar.write_avatar` says what such a file holds).

    Raises
    ------
    VideoError
        If the source is missing, damaged or not a video, or the target cannot be written. Existing files are left
        unchanged then, and no half-written file remains.
    ValueError
        For an unknown ending, or if there is nothing to write.
    FileNotFoundError
        If the folder of an output does not exist.
    """
    options = options or VideoOptions()
    if target is None and record is None and avatar is None:
        raise ValueError("there is nothing to write: give a target, a record or an avatar")
    frames = VideoFrames(source, options.fps)
    target = _output_path(target, VIDEO_ENDINGS, frames.path)
    record = _output_path(record, RECORD_ENDINGS, frames.path)
    avatar = _output_path(avatar, AVATAR_ENDINGS, frames.path)
    for folder in {path.resolve().parent for path in (target, record, avatar) if path}:
        remove_unfinished(folder)
    tracker = FaceTracker(net, options.max_faces, options.smooth, expressions=bool(record or avatar))
    report = VideoReport(fps=frames.fps)
    with tempfile.TemporaryFile(dir=record.parent if record else None) as file:
        rows = FaceRecord(tracker.expression_names, frames.fps, file) if record else None
        head = _moving_avatar() if avatar else None
        tracked = _track_frames(frames, tracker, [part for part in (rows, head) if part], report, progress)
        if target is None:
            for _ in tracked:
                pass
        else:
            sound = frames.path if frames.audio else None
            frames.notes += write_video(_draw_frames(tracked, options, report), target, frames.fps, sound)
        if rows:
            rows.write(record)
        if head:
            try:
                head.write(avatar)
            except VideoError as error:
                others = " and ".join(str(path) for path in (target, record) if path)
                raise VideoError(f"{error}; {others} is written" if others else str(error)) from error
    report.notes = frames.notes
    return report


def _moving_avatar() -> MovingAvatar:
    from .moving_avatar import MovingAvatar  # with the renderer, which takes a while to import

    return MovingAvatar()


def _output_path(path: str | Path | None, endings: tuple[str, ...], source: Path) -> Path | None:
    if path is None:
        return None
    path = check_ending(path, endings)
    if path.resolve() == source.resolve():
        raise VideoError(f"{path} is the video that is read: write into another file")
    if path.is_dir():
        raise VideoError(f"{path} is a folder: give the name of a file in it")
    return path


def _track_frames(
    frames: VideoFrames,
    tracker: FaceTracker,
    collectors: Sequence[FaceRecord | MovingAvatar],
    report: VideoReport,
    progress: bool,
) -> Iterator[tuple[Image, list[TrackedFace]]]:
    """Each frame and its faces, counted and recorded."""
    from tqdm import tqdm

    ids = set()
    for k, frame in enumerate(tqdm(frames, total=len(frames) or None, unit="frame", disable=not progress)):
        faces = tracker(frame, 1 / frames.fps)
        ids.update(found.id for found in faces)
        report.frames, report.faces = k + 1, len(ids)
        report.frames_with_faces += bool(faces)
        for collector in collectors:
            collector.add(k / frames.fps, faces)
        yield frame, faces


def _draw_frames(
    tracked: Iterable[tuple[Image, list[TrackedFace]]], options: VideoOptions, report: VideoReport
) -> Iterator[Image]:
    """The pictures of the output video."""
    panel = None
    for k, (frame, faces) in enumerate(tracked):
        picture = draw_overlay(frame, faces, options.overlay)
        if options.height is not None and options.height < len(picture):
            size = max(round(picture.shape[1] * options.height / len(picture)), 1), options.height
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        if options.turn != "none":
            panel = panel or Panel(len(picture), options.turn, options.photo_colors)
            picture = np.concatenate([picture, panel.draw(faces, k / report.fps)], 1)
        report.size = picture.shape[1] + picture.shape[1] % 2, len(picture) + len(picture) % 2
        yield picture
