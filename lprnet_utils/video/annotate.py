"""Videos: the faces followed and drawn, a turning 3D face beside them, sound kept, and numbers for every frame.

Frames come and go one by one, so a long video takes no more memory than a short one.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from ..common.arrays import Image
from ..common.files import check_ending, save_arrays, whole_file
from ..reconstruction.draw import draw_landmarks, draw_mesh, draw_pose_box
from ..reconstruction.lprnet import LPRNet
from .files import ENDINGS, VideoError, VideoFrames, write_video
from .panel import COLORS, Panel
from .tracking import FaceTracker, TrackedFace

__all__ = [
    "FaceTracker", "TrackedFace", "VideoError", "VideoFrames", "VideoReport", "annotate_video", "draw_overlay",
    "time_tracking", "write_video",
]  # fmt: skip
RECORDS = (".csv", ".npz")
OVERLAYS = ("landmarks", "mesh", "pose", "none")
TURNS = ("sway", "pose", "none")


@dataclass
class VideoReport:
    """What :func:`annotate_video` did.

    Attributes
    ----------
    frames : int
    fps : float
        Frames a second of the output: constant.
    size : (width, height)
        Of the output's picture; None where no video was written.
    faces : int
        Different ids.
    frames_with_faces : int
    notes : list of str
        What whoever watches it should know: padding, a frame rate that was assumed, damage.
    """

    frames: int = 0
    fps: float = 0.0
    size: tuple[int, int] | None = None
    faces: int = 0
    frames_with_faces: int = 0
    notes: list[str] = field(default_factory=list)


# ---- what each frame tells, in numbers


class Record:
    """Rows of numbers, one a face and frame, kept in a file of fixed-size rows until they are written: a .csv or .npz.

    Both hold ``frame``, ``time`` (s), ``face`` (id), ``confidence``, ``pose`` (pitch, yaw, roll in degrees),
    ``landmarks`` (68, 3) in pixels of the frame and ``expression`` (51 weights, by ARKit's names). An .npz has
    ``raw_landmarks``, those before smoothing, ``names`` and ``fps`` as well.
    """

    def __init__(self, names: tuple[str, ...], fps: float, spool: IO[bytes]):
        self.names, self.fps, self._spool = names, fps, spool
        single = np.float32
        self.kind = np.dtype([
            ("frame", np.int32), ("time", np.float64), ("face", np.int32), ("confidence", single), ("pose", single, 3),
            ("landmarks", single, (68, 3)), ("raw_landmarks", single, (68, 3)), ("expression", single, len(names)),
        ])  # fmt: skip

    def add(self, frame: int, faces: list[TrackedFace]) -> None:
        """The faces of a frame."""
        for found in faces:
            face, pose = found.face, found.face.pose
            angles, weights = (pose.pitch, pose.yaw, pose.roll), found.coefficients.expression
            values = frame, frame / self.fps, found.id, face.confidence, angles
            row = np.array([(*values, face.landmarks, found.raw_landmarks, weights)], self.kind)
            self._spool.write(row.tobytes())

    def write(self, path: Path) -> None:
        """All rows into a file."""
        self._spool.flush()
        empty = not os.fstat(self._spool.fileno()).st_size
        rows = np.empty(0, self.kind) if empty else np.memmap(self._spool, self.kind, "r")
        if path.suffix.lower() == ".npz":
            arrays = {name: rows[name] for name in self.kind.names}
            save_arrays(arrays | {"names": np.array(self.names), "fps": np.array(self.fps)}, path)
            return
        with whole_file(path) as part:
            points = [f"{axis}{k}" for k in range(68) for axis in "xyz"]
            with open(part, "w", newline="", encoding="utf-8") as file:
                out = csv.writer(file)
                out.writerow(["frame", "time", "face", "confidence", "pitch", "yaw", "roll", *points, *self.names])
                for r in rows:
                    numbers = [f"{v:.3f}" for v in (*r["pose"], *r["landmarks"].ravel(), *r["expression"])]
                    out.writerow([r["frame"], f"{r['time']:.4f}", r["face"], f"{r['confidence']:.3f}", *numbers])


def draw_overlay(frame: Image, faces: list[TrackedFace], overlay: str = "landmarks") -> Image:
    """A frame (H, W, 3) with its faces drawn over it, each in a colour of its id; see ``OVERLAYS``."""
    draw = {"landmarks": draw_landmarks, "mesh": draw_mesh, "pose": draw_pose_box}.get(overlay)
    for found in faces if draw else ():
        frame = draw(frame, found.face, color=COLORS[found.id % len(COLORS)])
    return frame


def annotate_video(
    source: str | Path, target: str | Path | None, net: LPRNet | None = None, overlay: str = "landmarks",
    turn: str = "sway", photo: bool = True, record: str | Path | None = None, max_faces: int | None = None,
    smooth: bool = True, fps: float | None = None, height: int | None = None, progress: bool = True,
) -> VideoReport:  # fmt: skip
    """The same video with its faces drawn over it, a turning 3D face beside it, and its sound.

    Parameters
    ----------
    source : path
        Any video that ffmpeg reads.
    target : path, optional
        Ends in .mp4, .mov, .m4v or .mkv; None: only the record.
    net : LPRNet, optional
    overlay : str
        ``landmarks``, ``mesh``, ``pose`` (a box) or ``none``.
    turn : str
        The face beside it: ``sway``, turned slowly to both sides; ``pose``, turned like the head; ``none``.
    photo : bool
        In the colours of the frames, see :class:`Skin`, instead of plain clay.
    record : path, optional
        A .csv or .npz of numbers for every face and frame, see :class:`Record`.
    max_faces, smooth
        See :class:`lprnet_utils.video.FaceTracker`.
    fps : float, optional
        Frames a second of the output; the file's own mean by default.
    height : int, optional
        Shrink the output to this height; the faces are followed in the full frames all the same.
    progress : bool
        With a progress bar on stderr.

    Returns
    -------
    VideoReport

    Raises
    ------
    VideoError
        If the source is missing, no video, or damaged, or the target cannot be written. Neither target nor record is
        touched then, and no half-written file is left.
    ValueError
        For an unknown ending, overlay or turn, or if there is nothing to write.
    FileNotFoundError
        If there is no such folder.
    """
    from tqdm import tqdm

    for name, value, known in (("overlay", overlay, OVERLAYS), ("turn", turn, TURNS)):
        if value not in known:
            raise ValueError(f"{name} is one of {', '.join(known)}, not {value!r}")
    if target is None and record is None:
        raise ValueError("there is nothing to write: give a target, a record or both")
    if height is not None and height < 16:
        raise ValueError(f"the output is at least 16 pixels high, got {height}")
    frames, paths = VideoFrames(source, fps), []
    for path, known in ((target, ENDINGS), (record, RECORDS)):
        paths.append(None if path is None else check_ending(path, known))
        if paths[-1] is not None and paths[-1].resolve() == frames.path.resolve():
            raise VideoError(f"{paths[-1]} is the video that is read: write into another file")
    tracker = FaceTracker(net, max_faces, smooth, expressions=record is not None)
    report, ids = VideoReport(fps=frames.fps), set()
    with tempfile.TemporaryFile(dir=paths[1].parent if paths[1] else None) as spool:
        names = tracker.expression_names
        rows = Record(names, frames.fps, spool) if paths[1] else None

        def pictures() -> Iterator[Image]:
            panel = None
            for k, frame in enumerate(tqdm(frames, total=len(frames) or None, unit="frame", disable=not progress)):
                faces = tracker(frame, 1 / frames.fps)
                report.frames, report.frames_with_faces = k + 1, report.frames_with_faces + bool(faces)
                ids.update(found.id for found in faces)
                if rows:
                    rows.add(k, faces)
                if paths[0] is None:
                    continue
                drawn = draw_overlay(frame, faces, overlay)
                if height is not None and height < len(drawn):
                    size = max(round(drawn.shape[1] * height / len(drawn)), 1), height
                    drawn = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
                if turn != "none":
                    panel = panel or Panel(len(drawn), turn, photo)
                    drawn = np.concatenate([drawn, panel.draw(faces, k / frames.fps)], 1)
                report.size = drawn.shape[1] + drawn.shape[1] % 2, len(drawn) + len(drawn) % 2
                yield drawn

        if paths[0] is None:
            for _ in pictures():
                pass
        else:
            frames.notes += write_video(pictures(), paths[0], frames.fps, frames)
        if rows:
            rows.write(paths[1])
    report.faces, report.notes = len(ids), frames.notes
    return report


def time_tracking(
    frames: Iterable[Image], net: LPRNet | None = None, fps: float = 30.0, expressions: bool = False,
    timer: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:  # fmt: skip
    """Median milliseconds a frame of the tracker's own work, without decoding, encoding or drawing.

    Parameters
    ----------
    frames : iterable of (H, W, 3) uint8
        Of one video; the first is not counted.
    net, fps, expressions
        Of the tracker.
    timer : callable
        ``time.process_time`` for the processor's time, on a machine that has other work too.

    Returns
    -------
    dict
        ``total``: median of all of it, landmarks included; ``mean``; its 95th percentile ``total 95 %``; means of the
        parts ``detect``, ``network``, ``check`` (confidence and next crop), ``smooth``, ``expressions``; ``faces``:
        mean number of faces.
    """
    tracker = FaceTracker(net, expressions=expressions)
    tracker.timer = timer
    totals, parts, faces = [], [], []
    for frame in frames:
        start = timer()
        found = tracker(frame, 1 / fps)
        for tracked in found:
            tracked.face.landmarks  # noqa: B018
        totals.append(timer() - start)
        parts.append(list(tracker.seconds.values()))
        faces.append(len(found))
    if len(totals) < 2:
        raise ValueError(f"{len(totals)} frames are too few to time: at least 2 are needed")
    out = {"total": float(np.median(totals[1:])), "mean": float(np.mean(totals[1:]))}
    out["total 95 %"] = float(np.quantile(totals[1:], 0.95))
    out |= dict(zip(tracker.seconds, np.mean(parts[1:], 0).tolist(), strict=True))
    return {name: 1000 * value for name, value in out.items()} | {"faces": float(np.mean(faces[1:]))}
