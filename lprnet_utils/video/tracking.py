"""Faces from frame to frame: found once, then followed by their own landmarks, steady and with an id each.

Detection costs several times what the network does, so a face is looked for only where none is known: in the next frame
its crop lies around the landmarks of the last one. Nothing here reads video files; see
:mod:`lprnet_utils.video.annotate`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..common.images import read_image
from ..geometry.camera import Camera
from ..geometry.crop import view_matrix, view_parameters
from ..geometry.landmarks import box_size, landmark_box, overlap
from ..reconstruction.expressions import Coefficients, ShapeFitter
from ..reconstruction.face import Face
from ..reconstruction.lprnet import LEAST_CONFIDENCE, LPRNet
from .smoothing import OneEuro

# Chosen on rendered clips, as in tests/video/test_tracking.py: after the first third of a second a still face with
# noise trembles 4 to 6 times less; a nod comes two fifths of a frame late.
MIN_CUTOFF, BETA, D_CUTOFF = 0.3, 12.0, 1.0

# mm by which the shape, pose taken off, changes between two frames: up to 1 of a face that moves fast, 2.4 and more
# where it is suddenly gone. At the first number two frames agree by half; the second is the width of the doubt.
CHANGE = (2.2, 0.4)
DOUBTFUL = 0.5  # confidence below which the detector has to see the face too
SLACK = 0.02  # of its side that a crop lets the face move in it: a still face is seen in one and the same crop
SETTLING = 2  # further looks at a new face: its crop should not move any more because of how it was found
SEARCH = 0.2  # seconds between two looks at the whole frame while no face is known
LOOK_AROUND = 1.0  # ... while some are: for others, and to make sure of these
UNSEEN = 3.0  # seconds after which a face that the detector has not seen is given up
REMEMBERED = 1.0  # seconds for which a lost face keeps its id
SAME = 0.6  # overlap of two tracks that have run onto one face
JUMP = 0.25  # of the face's size: beyond it a face found again is not smoothed toward
LEARNING = 0.5  # seconds over which the identity is averaged before it is held


@dataclass(frozen=True)
class TrackedFace:
    """A face in one frame of a video.

    Attributes
    ----------
    id : int
        The same as long as the face is followed, and for a second after it was lost; from 0. Nobody is recognised:
        who comes back later is somebody new.
    face : Face
        Smoothed. ``face.confidence`` is the likelihood that the map is a face's
        (:meth:`lprnet_utils.LPRNet.likelihood`) times the agreement with the last frame: how
        little the shape changed, apart from its pose. Below 0.5 the detector has to see the face too, or it is lost; if
        it does, its score stands for the likelihood, which doubts unusual shapes, such as a mouth that is wide open.
    raw_landmarks : (68, 3) float32
        Before smoothing, in pixels of the frame.
    coefficients : Coefficients, optional
        Expression weights and identity, the latter held after half a second; if they were asked for.
    """

    id: int
    face: Face
    raw_landmarks: NDArray[np.float32]
    coefficients: Coefficients | None = None


class _Track:
    """What is kept of one face between frames."""

    def __init__(self, number: int, filter_: OneEuro, clock: float):
        self.id, self.filter, self.confirmed, self.age = number, filter_, clock, 0.0
        self.matrix: Array | None = None  # of the next crop
        self.shape: Array | None = None  # in mm, without pose
        self.box: Array | None = None
        self.known: Coefficients | None = None
        self.learned = 0

    def restart(self) -> None:
        self.filter.reset()
        self.age = 0.0


class FaceTracker:
    """Follows the faces of a video, a webcam or any other sequence of frames.

    >>> tracker = FaceTracker()
    >>> for frame in frames:
    ...     for tracked in tracker(frame, 1 / 30):
    ...         print(tracked.id, tracked.face.pose.yaw)

    Parameters
    ----------
    net : LPRNet, optional
        One on one thread by default.
    max_faces : int, optional
        Follow no more than so many, the largest.
    smooth : bool
        With the One-Euro filter, on the whole position map.
    expressions : bool
        Fit expression weights to each face and frame as well.
    look_around : float, optional
        Seconds between two looks at the whole frame for further faces; None: never while one is followed.

    Attributes
    ----------
    seconds : dict
        Time of the parts of the last frame: ``detect``, ``network``, ``check``, ``smooth``, ``expressions``.
    """

    def __init__(
        self, net: LPRNet | None = None, max_faces: int | None = None, smooth: bool = True, expressions: bool = False,
        look_around: float | None = LOOK_AROUND,
    ):  # fmt: skip
        if max_faces is not None and max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, or None for all faces; got {max_faces}")
        self.net = net or LPRNet()
        self._layout = self.net.layout
        self._mean = self._layout.points(self._layout.mean_map)[::7]
        self._max, self._smooth, self._look_around = max_faces, smooth, look_around
        self._fitter = ShapeFitter.load(self.net.size) if expressions else None
        self.seconds: dict[str, float] = {}
        self.timer: Callable[[], float] = time.perf_counter
        self.reset()

    @property
    def expression_names(self) -> tuple[str, ...]:
        """ARKit's names of the expression weights; none where they are not fitted."""
        return self._fitter.model.expression_names if self._fitter else ()

    def reset(self) -> None:
        """Forget all faces: another video begins."""
        self._tracks: list[_Track] = []
        self._lost: list[_Track] = []
        self._clock, self._looked, self._count = 0.0, -math.inf, 0

    def __call__(self, frame: Any, dt: float) -> list[TrackedFace]:
        """The faces of the next frame, in the order of their ids.

        Parameters
        ----------
        frame : path, bytes, PIL image or array
            See :func:`lprnet_utils.common.read_image`; an array (H, W, 3) uint8 is not copied, and the faces refer to
            it.
        dt : float
            Seconds since the last frame; frames may be unevenly spaced.

        Raises
        ------
        ImageError
            If it is not an image.
        ValueError
            If dt is not positive.
        """
        if not dt > 0:
            raise ValueError(f"dt is the time since the last frame in seconds, more than 0; got {dt}")
        image = read_image(frame)
        self.seconds = dict.fromkeys(("detect", "network", "check", "smooth", "expressions"), 0.0)
        self._clock += dt
        self._lost = [t for t in self._lost if self._clock - t.confirmed <= REMEMBERED]
        seen: list[tuple[_Track, Array, float]] = []
        lost = False
        for track in list(self._tracks):
            followed = self._follow(track, image)
            if followed is None:
                self._lose(track)
                lost = True
            elif (overlap([t.box for t, *_ in seen], track.box) > SAME).any():
                self._tracks.remove(track)  # the older one has it
            else:
                seen.append((track, *followed))
        pause = SEARCH if not self._tracks else self._look_around
        if lost or (pause is not None and self._clock - self._looked >= pause - 1e-9):
            seen += self._search(image)
            kept = {id(t) for t in self._tracks}
            seen = [s for s in seen if id(s[0]) in kept]
        return [self._finish(*s, image, dt) for s in sorted(seen, key=lambda s: s[0].id)]

    # ---- following

    def _follow(self, track: _Track, image: Image) -> tuple[Array, float] | None:
        """Map and confidence of a known face in the next frame; None if it is lost."""
        position_map = self._timed("network", self.net.predict_map, image, track.matrix)
        likelihood, agreement, shape = self._timed("check", self._judge, position_map, track.shape)
        confidence = likelihood * agreement
        if confidence < DOUBTFUL:
            found = self._timed("detect", self.net.detector.look_again, image, track.box)
            if found is None:
                return None
            track.confirmed = self._clock
            confidence = found.score * agreement
            if agreement < 0.5:  # it is elsewhere in the crop, or there is another one; else only its shape is unusual
                face = self._timed("network", self.net.reconstruct_in_box, image, found.box, found.angle)
                position_map, confidence = face.position_map, face.confidence * found.score
                if confidence < LEAST_CONFIDENCE:
                    return None
                shape = self._judge(position_map, None)[2]
                corner = landmark_box(self._layout.landmarks(position_map))[:2]
                if np.linalg.norm(corner - track.box[:2]) > JUMP * box_size(track.box):
                    track.restart()
        track.shape = shape
        track.box = landmark_box(self._layout.landmarks(position_map))
        return position_map, confidence

    def _judge(self, position_map: Array, before: Array | None) -> tuple[float, float, Array]:
        """Likelihood of a map and its agreement with the shape before, 0 to 1, and its shape in mm, without pose."""
        likelihood = self.net.likelihood(position_map)
        points = self._layout.points(position_map)[::7]
        shape = Camera.fit(self._mean, points).unproject(points)
        if before is None:
            return likelihood, 1.0, shape
        change = float(np.linalg.norm(shape - before, axis=1).mean())
        return likelihood, 1 / (1 + math.exp(min((change - CHANGE[0]) / CHANGE[1], 50))), shape

    def _lose(self, track: _Track) -> None:
        self._tracks.remove(track)
        track.confirmed = self._clock
        self._lost.append(track)

    # ---- finding

    def _search(self, image: Image) -> list[tuple[_Track, Array, float]]:
        """Look at the whole frame: new faces, and known ones that are not there."""
        self._looked = self._clock
        new = []
        for face in self._timed("detect", self.net.reconstruct, image, self._max):
            box = landmark_box(face.landmarks)
            known = [t for t in self._tracks if overlap([t.box], box)[0] > 0.3]
            for track in known:
                track.confirmed = self._clock
            if known or (self._max is not None and len(self._tracks) >= self._max):
                continue
            track = self._named(box)
            position_map = face.position_map
            for _ in range(SETTLING):  # upright around its own landmarks: so it will be seen from now on
                track.matrix = self.net.upright_crop(position_map)
                position_map = self._timed("network", self.net.predict_map, image, track.matrix)
            track.shape = self._judge(position_map, None)[2]
            track.box = landmark_box(self._layout.landmarks(position_map))
            self._tracks.append(track)
            new.append((track, position_map, face.confidence))
        for track in [t for t in self._tracks if self._clock - t.confirmed > UNSEEN]:
            self._tracks.remove(track)
        return new

    def _named(self, box: Array) -> _Track:
        """A track for a face that was found: that of a face lost nearby a moment ago, or a new one."""
        centre, size = (box[:2] + box[2:]) / 2, box_size(box)
        distance = [np.linalg.norm((t.box[:2] + t.box[2:]) / 2 - centre) / size for t in self._lost]
        alike = [0.6 < box_size(t.box) / size < 1.6 for t in self._lost]
        near = [k for k in np.argsort(distance) if alike[k] and distance[k] < 1]
        if near:
            track = self._lost.pop(near[0])
            track.restart()
            track.confirmed = self._clock
            return track
        self._count += 1
        return _Track(self._count - 1, OneEuro(MIN_CUTOFF, BETA, D_CUTOFF), self._clock)

    # ---- what is handed out

    def _finish(self, track: _Track, position_map: Array, confidence: float, image: Image, dt: float) -> TrackedFace:
        raw = self._layout.landmarks(position_map)
        smoothed = self._timed("smooth", self._smoothed, track, position_map, dt)
        track.matrix = self._timed("check", self._next_crop, track.matrix, smoothed)
        face = Face(smoothed, confidence, track.box, image, self._layout)
        if self._fitter is not None:
            self._timed("expressions", self._fit, track, smoothed)
        track.age += dt
        return TrackedFace(track.id, face, raw, track.known)

    def _smoothed(self, track: _Track, position_map: Array, dt: float) -> NDArray[np.float32]:
        if self._smooth:
            # of a young track all frames weigh alike, as in a mean: its first one is as noisy as any other
            track.filter.min_cutoff = max(MIN_CUTOFF, 1 / (2 * math.pi * max(track.age, 1e-3)))
            position_map = track.filter(position_map, dt, box_size(track.box))
        smoothed = np.asarray(position_map, np.float32).copy()
        return self._layout.centre_depth(smoothed)

    def _next_crop(self, matrix: Array, position_map: Array) -> Array:
        """The upright crop around a map's landmarks, moved from the last one only as far as the slack does not reach.

        A network's answer depends a little on where in the crop a face lies. Without slack the crop would follow each
        answer and each answer the crop, and a still face would swim.
        """
        wanted = self.net.upright_crop(position_map)
        (centre, side, angle), (old, old_side, old_angle) = (
            view_parameters(m, self.net.size) for m in (wanted, matrix)
        )
        way = centre - old
        length = max(float(np.linalg.norm(way)), 1e-9)
        centre = old + way * (_beyond(length, SLACK * old_side) / length)
        side = old_side * math.exp(_beyond(math.log(side / old_side), SLACK))
        turn = (angle - old_angle + 180) % 360 - 180
        return view_matrix(centre, side, self.net.size, old_angle + _beyond(turn, math.degrees(2 * SLACK)))

    def _fit(self, track: _Track, position_map: Array) -> None:
        """Expression weights; identity is the mean of the first frames' and then held."""
        if track.learned and track.age >= LEARNING:
            track.known = self._fitter.fit_expression(position_map, track.known)
            return
        found = self._fitter.fit(position_map)
        if track.learned:
            mean = track.known.identity + (found.identity - track.known.identity) / (track.learned + 1)
            found = self._fitter.fit_expression(position_map, replace(found, identity=mean))
        track.known, track.learned = found, track.learned + 1

    def _timed(self, part: str, function: Callable, *arguments: Any) -> Any:
        start = self.timer()
        try:
            return function(*arguments)
        finally:
            self.seconds[part] += self.timer() - start


def _beyond(value: float, slack: float) -> float:
    """What of a movement goes beyond the slack."""
    return math.copysign(max(abs(value) - slack, 0.0), value)
