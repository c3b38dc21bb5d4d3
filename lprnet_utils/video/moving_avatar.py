"""The main face of a video as a head that moves as it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..common.files import write_files
from ..reconstruction.face import Face
from .files import VideoError
from .tracking import TrackedFace
from .tracks import MAX_LOST_SECONDS

KEPT_FRAMES = 10  # of each face, from which its shape is estimated: more tell little more
CALM_DEGREES = 40.0  # an expression weight of 1 makes a frame as bad for the colours as so many degrees from the front


@dataclass
class _Followed:
    """One face over the video."""

    times: list[float] = field(default_factory=list)
    poses: list[tuple[float, float, float]] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    kept: list[Face] = field(default_factory=list)
    stride: int = 1  # every so many frames one is kept

    def add(self, time: float, found: TrackedFace) -> None:
        if len(self.times) % self.stride == 0:
            self.kept.append(found.face)
            if len(self.kept) == 2 * KEPT_FRAMES:  # spread over the whole video, however long it is
                self.kept, self.stride = self.kept[::2], 2 * self.stride
        pose, fitted = found.face.pose, found.coefficients
        self.times.append(time)
        self.poses.append((pose.pitch, pose.yaw, pose.roll))
        self.weights.append(np.where(fitted.supported, fitted.expression, 0).astype(np.float32))


class MovingAvatar:
    """Collects the faces of a video's frames; :meth:`write` makes a head of the one that is seen longest."""

    def __init__(self) -> None:
        self._faces: dict[int, _Followed] = {}

    def add(self, time: float, faces: list[TrackedFace]) -> None:
        """Add the faces of a frame at a time in seconds; they must have expression weights."""
        for found in faces:
            self._faces.setdefault(found.id, _Followed()).add(time, found)
        # faces hold their frames: those of a crowd that walks by would fill the memory
        longest = self._longest()
        for number, face in list(self._faces.items()):
            if face is not longest and time - face.times[-1] > MAX_LOST_SECONDS:
                del self._faces[number]

    def _longest(self) -> _Followed | None:
        """The face that was seen in most frames, the first of several."""
        return max(self._faces.values(), key=lambda face: len(face.times), default=None)

    def write(self, path: Path, texture: int = 1024) -> None:
        """Write the .glb file; VideoError if the video has no face.

        The frame that shows the face most frontally and calmly gives the colours, and it and others give the shape.
        """
        # with the renderer, which takes a while to import
        from ..avatar import Avatar
        from ..avatar.files import glb_of
        from ..avatar.motion import Motion

        followed = self._longest()
        if followed is None:
            raise VideoError("no face was found in the video, so there is no head to write")
        faces = sorted(followed.kept, key=_unlike_a_portrait)[:KEPT_FRAMES]
        avatar = Avatar(faces[0], texture, others=faces[1:])
        weights = np.zeros((len(followed.times), len(avatar.names)), np.float32)
        weights[:, : len(followed.weights[0])] = followed.weights
        motion = Motion(np.array(followed.times, np.float32), np.array(followed.poses, np.float32), weights)
        write_files({path: glb_of(avatar, weights[0], motion)})


def _unlike_a_portrait(face: Face) -> float:
    """Degrees from the front, and what an expression adds to them."""
    fitted = face.coefficients
    shown = np.where(fitted.supported, fitted.expression, 0).max()
    return abs(face.pose.yaw) + abs(face.pose.pitch) + CALM_DEGREES * float(shown)
