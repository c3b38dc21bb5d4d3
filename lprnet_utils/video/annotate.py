"""Draw the faces of a video over it, a turning 3D face beside it, keep its sound, and record numbers of each frame.

Frames are handled one by one, so a long video needs no more memory than a short one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ..common.arrays import Image
from ..common.files import check_ending
from ..reconstruction.draw import draw_landmarks, draw_mesh, draw_pose_box
from ..reconstruction.lprnet import LPRNet
from .files import VIDEO_ENDINGS, VideoError, VideoFrames, write_video
from .panel import TRACK_COLORS, Panel
from .records import RECORD_ENDINGS, FaceRecord
from .tracking import FaceTracker, TrackedFace

OVERLAYS = ("landmarks", "mesh", "pose", "none")
TURNS = ("sway", "pose", "none")
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
    smooth : bool
        See :class:`lprnet_utils.video.FaceTracker`.
    max_faces : int, optional
        Follow only this many faces, the largest ones.
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
    """What :func:`annotate_video` did.

    Attributes
    ----------
    frames : int
    fps : float
        Frames per second of the output, which are constant.
    size : (width, height)
        Pixels of the output; None if no video was written.
    faces : int
        Number of different ids.
    frames_with_faces : int
    notes : list of str
        Padding, an assumed frame rate, or damage in the source.
    """

    frames: int = 0
    fps: float = 0.0
    size: tuple[int, int] | None = None
    faces: int = 0
    frames_with_faces: int = 0
    notes: list[str] = field(default_factory=list)


def draw_overlay(frame: Image, faces: list[TrackedFace], overlay: str = "landmarks") -> Image:
    """A frame (H, W, 3) with its faces drawn over it, each in the colour of its id; see :class:`VideoOptions`."""
    draw = {"landmarks": draw_landmarks, "mesh": draw_mesh, "pose": draw_pose_box}.get(overlay)
    for found in faces if draw else ():
        frame = draw(frame, found.face, color=TRACK_COLORS[found.id % len(TRACK_COLORS)])
    return frame


def annotate_video(
    source: str | Path, target: str | Path | None, net: LPRNet | None = None, options: VideoOptions | None = None,
    record: str | Path | None = None, progress: bool = True,
) -> VideoReport:  # fmt: skip
    """Write a video with its faces drawn over it, a turning 3D face beside it, and its sound.

    Parameters
    ----------
    source : path
        Any video that ffmpeg can read.
    target : path, optional
        Ends in .mp4, .mov, .m4v or .mkv. None: write only the record.
    net : LPRNet, optional
    options : VideoOptions, optional
    record : path, optional
        A .csv or .npz file of numbers for each face in each frame: frame, time, id, confidence, pose, landmarks and
        expression weights.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    VideoReport

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
    if target is None and record is None:
        raise ValueError("there is nothing to write: give a target, a record or both")
    frames = VideoFrames(source, options.fps)
    target = _output_path(target, VIDEO_ENDINGS, frames.path)
    record = _output_path(record, RECORD_ENDINGS, frames.path)
    tracker = FaceTracker(net, options.max_faces, options.smooth, expressions=record is not None)
    report = VideoReport(fps=frames.fps)
    with tempfile.TemporaryFile(dir=record.parent if record else None) as file:
        rows = FaceRecord(tracker.expression_names, frames.fps, file) if record else None
        tracked = _track_frames(frames, tracker, rows, report, progress)
        if target is None:
            for _ in tracked:
                pass
        else:
            frames.notes += write_video(_draw_frames(tracked, options, report), target, frames.fps, frames)
        if rows:
            rows.write(record)
    report.notes = frames.notes
    return report


def _output_path(path: str | Path | None, endings: tuple[str, ...], source: Path) -> Path | None:
    """The path of an output, checked; it must not be the source."""
    if path is None:
        return None
    path = check_ending(path, endings)
    if path.resolve() == source.resolve():
        raise VideoError(f"{path} is the video that is read: write into another file")
    return path


def _track_frames(
    frames: VideoFrames, tracker: FaceTracker, rows: FaceRecord | None, report: VideoReport, progress: bool
) -> Iterator[tuple[Image, list[TrackedFace]]]:
    """Each frame and its faces, which are counted and recorded."""
    from tqdm import tqdm

    ids = set()
    for k, frame in enumerate(tqdm(frames, total=len(frames) or None, unit="frame", disable=not progress)):
        faces = tracker(frame, 1 / frames.fps)
        ids.update(found.id for found in faces)
        report.frames, report.faces = k + 1, len(ids)
        report.frames_with_faces += bool(faces)
        if rows:
            rows.add(k, faces)
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
