"""Faces in a sequence of frames: each is detected once, then followed by its own landmarks, smoothed, with an id.

Detection takes several times as long as the network. So the detector runs only while no face is known, and now and then
to find further faces. A known face is read from a crop around its landmarks of the last frame. This module does not
read video files; :mod:`lprnet_utils.video.annotate` does.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..common.images import read_image
from ..geometry.crop import view_matrix, view_parameters
from ..geometry.landmarks import box_size, landmark_box
from ..reconstruction.detection import Detection
from ..reconstruction.expressions import Coefficients, ShapeFitter
from ..reconstruction.face import Face
from ..reconstruction.lprnet import MIN_CONFIDENCE, LPRNet
from .person import View, ViewPoints
from .tracks import Track, TrackList

# Mean distance between the shapes of a face in two frames, without pose. A face that moves fast has up to 1 mm; where
# the face is suddenly gone it is 2.4 mm and more. The agreement of two frames is a logistic function of it.
SHAPE_CHANGE_MM = 2.2  # where the agreement is a half
SHAPE_CHANGE_WIDTH_MM = 0.4  # scale of the logistic function
SHAPE_TEXEL_STEP = 7  # every seventh texel is compared
REDETECT_CONFIDENCE = 0.5  # below it the detector has to see the face too
MIN_AGREEMENT = 0.5  # below it the face is reconstructed anew in the detector's box
RESTART_DISTANCE = 0.25  # in face sizes: a face that jumped further is not smoothed toward its old place
CROP_SLACK = 0.02  # share of the crop's side that a face may move before its crop does
SETTLING_PASSES = 2  # for a new face, so that its crop no longer depends on the detector's box
LOST_SEARCH_INTERVAL_SECONDS = 0.2  # between two searches of the whole frame while no face is known
SEARCH_INTERVAL_SECONDS = 1.0  # the same while faces are known: to find others, and to confirm these
IDENTITY_SECONDS = 0.5  # the identity is averaged over this time and then kept


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """A face in one frame of a video.

    A face keeps its id while it is followed, and if it is found again within a second. If another person takes its
    place, as after a cut, that person gets a new id (:mod:`lprnet_utils.video.person`). Two people who look alike are
    hard to tell from one person in a new light. Then the id stays, but ``look`` counts on, and the smoothing, the
    identity and the colours of the 3D face start anew. Somebody who comes back later gets a new id.

    ``face.confidence`` is the likelihood that the position map is a face's (:meth:`lprnet_utils.LPRNet.likelihood`)
    times the agreement of its shape with that of the last frame. Below 0.5 the face is lost, unless the detector sees
    it too. Then its score replaces the likelihood, which is low for unusual shapes such as a wide-open mouth.
    """

    id: int  # counted from 0
    face: Face  # smoothed
    raw_landmarks: NDArray[np.float32]  # (68, 3) before smoothing, in the photo frame
    raw_map: NDArray[np.float32]  # (N, N, 3) before smoothing: it fits the frame's colours best
    coefficients: Coefficients | None = None  # if asked for; the identity is constant after half a second
    look: int = 0  # counted from 0 for each id; a new one where the face suddenly looks as if it were another person's


class FaceTracker:
    """Follows the faces in a video, a webcam or any other sequence of frames.

    Parameters
    ----------
    net : LPRNet, optional
        A new one with one thread by default.
    max_faces : int, optional
        Follow only this many faces, the largest ones.
    smooth : bool
        Smooth the whole position map with the One-Euro filter.
    expressions : bool
        Also fit expression weights to each face in each frame.
    search_interval : float, optional
        Seconds between two searches of the whole frame for further faces. None: no search while a face is followed.

    Attributes
    ----------
    seconds : dict
        Time that each part of the last frame took, see :func:`time_tracking`.

    Examples
    --------
    >>> from lprnet_utils.synthetic import rendered_clip
    >>> clip, tracker = rendered_clip(3, (320, 240), seed=3), FaceTracker()
    >>> [[tracked.id for tracked in tracker(frame.image, 1 / clip.fps)] for frame in clip]
    [[0], [0], [0]]
    """

    def __init__(
        self, net: LPRNet | None = None, max_faces: int | None = None, smooth: bool = True, expressions: bool = False,
        search_interval: float | None = SEARCH_INTERVAL_SECONDS,
    ):  # fmt: skip
        if max_faces is not None and max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, or None for all faces; got {max_faces}")
        self.net = net or LPRNet()
        self._layout = self.net.layout
        self._view_points = ViewPoints(self._layout, SHAPE_TEXEL_STEP)
        self._max_faces, self._smooth, self._search_interval = max_faces, smooth, search_interval
        self._fitter = ShapeFitter.load(self.net.size) if expressions else None
        self.seconds: dict[str, float] = {}
        self.timer: Callable[[], float] = time.perf_counter
        self.reset()

    @property
    def expression_names(self) -> tuple[str, ...]:
        """ARKit names of the expression weights; empty if they are not fitted."""
        return self._fitter.model.expression_names if self._fitter else ()

    def reset(self) -> None:
        """Forget all faces, before another video."""
        self._tracks, self._last_search = TrackList(), -math.inf

    def __call__(self, frame: Any, dt: float) -> list[TrackedFace]:
        """The faces in the next frame, ``dt`` seconds (more than 0) after the last one, in the order of their ids.

        For what a frame may be, and ImageError, see :func:`lprnet_utils.common.read_image`. The faces keep the frame.
        An array that can be written to is copied first, because a webcam's buffer soon holds another frame.
        """
        if not dt > 0:
            raise ValueError(f"dt is the time since the last frame in seconds, more than 0; got {dt}")
        image = read_image(frame)
        if isinstance(frame, np.ndarray) and frame.flags.writeable and np.may_share_memory(image, frame):
            image = image.copy()
        self.seconds = dict.fromkeys(("detect", "network", "closer look", "check", "smooth", "expressions"), 0.0)
        tracks = self._tracks
        tracks.advance(dt)
        followed: list[tuple[Track, Array, float]] = []
        lost = False
        for track in list(tracks.active):
            result = self._follow(track, image)
            if result is None:
                tracks.lose(track)
                lost = True
            elif not tracks.drop_duplicate(result[0], [older for older, *_ in followed]):
                followed.append(result)
        interval = self._search_interval if tracks.active else LOST_SEARCH_INTERVAL_SECONDS
        if lost or (interval is not None and tracks.time - self._last_search >= interval - 1e-9):
            followed += self._search(image)
            tracks.drop_unconfirmed()
            followed = [entry for entry in followed if entry[0] in tracks.active]
        return [self._finish(*entry, image, dt) for entry in sorted(followed, key=lambda entry: entry[0].id)]

    def _follow(self, track: Track, image: Image) -> tuple[Track, Array, float] | None:
        """Track, position map and confidence of a known face in the next frame; None if the face is lost.

        If the face is another person's, the track is a new one.
        """
        position_map = self._timed("network", self.net.predict_map, image, track.crop)
        view = self._timed("check", self._view, image, track.crop, position_map)
        likelihood, agreement = self._timed("check", self._assess, position_map, view, track.shape)
        confidence = likelihood * agreement
        other_person = self._timed("check", track.person.has_left, view)
        if confidence < REDETECT_CONFIDENCE or other_person:
            found = self._timed("detect", self.net.detector.redetect, image, track.box)
            if found is None:
                return None
            track.confirmed_at = self._tracks.time
            confidence = found.score * agreement
            if agreement < MIN_AGREEMENT or other_person:  # the face has moved in the crop, or it is another face
                return self._reconstruct_anew(track, image, found, other_person)
        self._note(track, position_map, view)
        return track, position_map, confidence

    def _reconstruct_anew(
        self, track: Track, image: Image, found: Detection, other_person: bool
    ) -> tuple[Track, Array, float] | None:
        """The same as :meth:`_follow`, for a face that the detector has found again."""
        face = self._timed("network", self.net.reconstruct_in_box, image, found.box, found.angle, closer_look=False)
        position_map, confidence = face.position_map, face.confidence * found.score
        if confidence < MIN_CONFIDENCE:
            return None
        view = self._timed("check", self._view, image, self.net.upright_crop(position_map), position_map)
        corner = landmark_box(self._layout.landmarks(position_map))[:2]
        if self._timed("check", track.person.has_left, view, not other_person):
            track = self._tracks.replace(track)
            position_map, track.crop, view = self._settle(image, position_map)
        elif np.linalg.norm(corner - track.box[:2]) > RESTART_DISTANCE * box_size(track.box):
            track.restart()
        self._note(track, position_map, view)
        return track, position_map, confidence

    def _view(self, image: Image, crop: Array, position_map: Array) -> View:
        return View(image, crop, self.net.size, position_map, self._view_points)

    def _assess(self, position_map: Array, view: View, last_shape: Array) -> tuple[float, float]:
        """Likelihood of a map and agreement of its shape with the last one, both 0 to 1."""
        change = float(np.linalg.norm(view.shape - last_shape, axis=1).mean())
        agreement = 1 / (1 + math.exp(min((change - SHAPE_CHANGE_MM) / SHAPE_CHANGE_WIDTH_MM, 50)))
        return self.net.likelihood(position_map), agreement

    def _settle(self, image: Image, position_map: Array) -> tuple[Array, Array, View]:
        """The map of a new face in its own upright crop, that crop, and the view of it."""
        for _ in range(SETTLING_PASSES):
            crop = self.net.upright_crop(position_map)
            position_map = self._timed("network", self.net.predict_map, image, crop)
        return position_map, crop, self._view(image, crop, position_map)

    def _note(self, track: Track, position_map: Array, view: View) -> None:
        """Keep the place and the view of a track's face; if it may be another person's, nothing else is kept."""
        if track.person.may_have_left:
            track.start_anew()
        track.box = landmark_box(self._layout.landmarks(position_map))
        track.shape = view.shape
        track.person.remember(view, self._tracks.time, self._tracks.dt)

    def _search(self, image: Image) -> list[tuple[Track, Array, float]]:
        """Detect faces in the whole frame, and confirm known tracks. Returns tracks, maps and confidences of others."""
        self._last_search = self._tracks.time
        new = []
        # without a closer look: a track is followed by its first maps
        for face in self._timed("detect", self.net.reconstruct, image, self._max_faces, closer_look=False):
            box = landmark_box(face.landmarks)
            known = self._tracks.confirm(box)
            if known or (self._max_faces is not None and len(self._tracks.active) >= self._max_faces):
                continue
            position_map, crop, view = self._settle(image, face.position_map)
            track = self._tracks.find_or_create(box, view)
            track.crop = crop
            self._note(track, position_map, view)
            new.append((track, position_map, face.confidence))
        return new

    def _finish(self, track: Track, position_map: Array, confidence: float, image: Image, dt: float) -> TrackedFace:
        """Smooth a map, choose the crop of the next frame, and fit expressions if asked for."""
        position_map, look = self._timed("closer look", self.net.look_closer, image, position_map)
        raw = self._layout.landmarks(position_map)
        smoothed = self._timed("smooth", self._smoothed, track, position_map, dt)
        track.crop = self._timed("check", self._next_crop, track.crop, smoothed)
        if look and self._fitter:
            look = self._timed("expressions", self._fitter.join, look)
        if look and self._smooth:
            look = self._timed("smooth", track.smooth_look, look, dt)
        face = Face(smoothed, confidence, track.box, image, self._layout, look)
        if self._fitter:
            self._timed("expressions", self._fit, track, face, dt)
        track.age += dt
        return TrackedFace(track.id, face, raw, position_map, track.coefficients, track.look)

    def _smoothed(self, track: Track, position_map: Array, dt: float) -> NDArray[np.float32]:
        smoothed = track.smooth(position_map, dt) if self._smooth else position_map
        return self._layout.centre_depth(np.array(smoothed, np.float32))

    def _next_crop(self, matrix: Array, position_map: Array) -> Array:
        """The last crop, moved toward the upright crop around a map's landmarks by what exceeds the slack.

        The network's output depends slightly on the place of the face in the crop. Without slack the crop would react
        to each output and each output to the crop, and a still face would drift.
        """
        centre, side, angle = view_parameters(self.net.upright_crop(position_map), self.net.size)
        old_centre, old_side, old_angle = view_parameters(matrix, self.net.size)
        movement = centre - old_centre
        length = max(float(np.linalg.norm(movement)), 1e-9)
        centre = old_centre + movement * (_excess(length, CROP_SLACK * old_side) / length)
        side = old_side * math.exp(_excess(math.log(side / old_side), CROP_SLACK))
        rotation = (angle - old_angle + 180) % 360 - 180
        return view_matrix(centre, side, self.net.size, old_angle + _excess(rotation, math.degrees(2 * CROP_SLACK)))

    def _fit(self, track: Track, face: Face, dt: float) -> None:
        """Fit expression weights. The identity is the mean over the first frames, and then constant."""
        position_map, seen = face.position_map, track.resting.update(face.seen_expressions, dt)
        if track.identity_samples and track.age >= IDENTITY_SECONDS:
            track.coefficients = self._fitter.fit_expression(position_map, track.coefficients, seen)
            return
        found = self._fitter.fit(position_map, seen)
        if track.identity_samples:
            last = track.coefficients.identity
            mean = last + (found.identity - last) / (track.identity_samples + 1)
            found = self._fitter.fit_expression(position_map, replace(found, identity=mean), seen)
        track.coefficients, track.identity_samples = found, track.identity_samples + 1

    def _timed(self, part: str, function: Callable, *arguments: Any, **options: Any) -> Any:
        """Call a function and add its time to a part of the frame's ``seconds``."""
        start = self.timer()
        try:
            return function(*arguments, **options)
        finally:
            self.seconds[part] += self.timer() - start


def _excess(value: float, slack: float) -> float:
    """The part of a movement that exceeds the slack."""
    return math.copysign(max(abs(value) - slack, 0.0), value)
