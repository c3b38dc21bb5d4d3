"""What is kept of each face between two frames of a video, and which faces there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array
from ..geometry.landmarks import box_size, overlap
from ..reconstruction.expressions import Coefficients
from .person import Person, View
from .resting import RestingFace
from .smoothing import OneEuro

if TYPE_CHECKING:
    from ..reconstruction.closer_look import CloserLook

# The One-Euro filter of a whole position map. Chosen on rendered clips as in tests/video/test_tracking.py: after the
# first third of a second a still face with sensor noise trembles 4 to 6 times less. A nod is two fifths of a frame
# late.
FILTER_MIN_CUTOFF_HZ = 0.3
FILTER_BETA = 12.0  # Hz for a speed of one face size per second
FILTER_SPEED_CUTOFF_HZ = 1.0
YOUNG_BETA = 3.0  # beta is larger by this factor at the start of a track, and falls to the above over
YOUNG_SECONDS = 0.3
EXPRESSION_SCALE = 0.1  # face sizes that a change of a weight by 1 counts as in the same filter
GAZE_SCALE = 0.3  # face sizes that a change of the gaze's direction by 1 counts as in the same filter

# Overlaps are intersections over unions of two landmark boxes.
SAME_FACE_OVERLAP = 0.3  # a detected face with a larger overlap is the face of that track
DUPLICATE_OVERLAP = 0.6  # two tracks with a larger overlap follow the same face
MAX_REAPPEARANCE_DISTANCE = 1.0  # in face sizes: how far a lost face may have moved
REAPPEARANCE_SIZE_RATIO = (0.6, 1.6)  # how much it may have changed its size
MAX_UNCONFIRMED_SECONDS = 3.0  # a track is dropped if the detector has not seen its face for longer
MAX_LOST_SECONDS = 1.0  # a face that is found again within this time keeps its id


class Track:
    """The state of one face between two frames."""

    def __init__(self, number: int, time: float):
        self.id, self.look = number, 0
        self.confirmed_at = time  # when the detector last saw the face; for a lost track, when it was lost
        self.age = 0.0  # seconds since the face was found
        self.crop: Array | None = None  # matrix (2, 3) of the crop in the next frame
        self.person = Person()
        self.shape: Array | None = None  # points (P, 3) in the face frame
        self.box: Array | None = None  # (4,) around the landmarks of the last frame
        self.coefficients: Coefficients | None = None
        self.resting = RestingFace()
        self.identity_samples = 0  # number of frames in the mean identity
        self._filter = OneEuro(FILTER_MIN_CUTOFF_HZ, FILTER_BETA, FILTER_SPEED_CUTOFF_HZ)
        self._iris_filter, self._gaze_filter, self._expression_filter = (
            OneEuro(FILTER_MIN_CUTOFF_HZ, FILTER_BETA, FILTER_SPEED_CUTOFF_HZ) for _ in range(3)
        )

    def restart(self) -> None:
        """Forget the movement so far: the next position map is not smoothed toward the last one."""
        for each in (self._filter, self._iris_filter, self._gaze_filter, self._expression_filter):
            each.reset()
        self.age = 0.0

    def start_anew(self) -> None:
        """Forget all that was averaged."""
        self.restart()
        self.identity_samples, self.resting = 0, RestingFace()
        self.look += 1

    def smooth(self, position_map: ArrayLike, dt: float) -> Array:
        """The position map, smoothed over time."""
        # all frames of a young track weigh the same, as in a mean: the first one is as noisy as the others; but a head
        # that moves is followed closely, because a mean would be late
        self._filter.min_cutoff = max(FILTER_MIN_CUTOFF_HZ, 1 / (2 * math.pi * max(self.age, 1e-3)))
        self._filter.beta = FILTER_BETA * (1 + YOUNG_BETA * max(1 - self.age / YOUNG_SECONDS, 0))
        return self._filter(position_map, dt, box_size(self.box))

    def smooth_look(self, look: CloserLook, dt: float) -> CloserLook:
        """Irises, gaze and expressions, smoothed over time. What was not seen before counts as 0 there."""
        seen = np.isfinite(look.expressions)
        # in pixels: the box trembles too, and places in its size would tremble the more, the farther from the corner
        irises = self._iris_filter(look.irises, dt, box_size(self.box))
        gaze = self._gaze_filter(GAZE_SCALE * look.gaze, dt)
        gaze /= np.linalg.norm(gaze, axis=1, keepdims=True)
        weights = EXPRESSION_SCALE * np.where(seen, look.expressions, 0)
        expressions = np.where(seen, self._expression_filter(weights, dt) / EXPRESSION_SCALE, np.nan)
        return replace(look, irises=irises, gaze=gaze, expressions=expressions)


class TrackList:
    """The tracks of a video. Times are in seconds since the first frame."""

    def __init__(self) -> None:
        self.active: list[Track] = []
        self.time = self.dt = 0.0
        self._lost: list[Track] = []
        self._count = 0

    def advance(self, dt: float) -> None:
        """Go to the next frame, and forget the tracks that were lost long before it."""
        self.time, self.dt = self.time + dt, dt
        self._lost = [track for track in self._lost if self.time - track.confirmed_at <= MAX_LOST_SECONDS]

    def lose(self, track: Track) -> None:
        """Stop following a track. Its id is kept for a while."""
        self.active.remove(track)
        track.confirmed_at = self.time
        self._lost.append(track)

    def drop_duplicate(self, track: Track, older: Sequence[Track]) -> bool:
        """Drop a track that follows the same face as an older one. True if it was dropped."""
        if not (overlap([other.box for other in older], track.box) > DUPLICATE_OVERLAP).any():
            return False
        self.active.remove(track)
        return True

    def confirm(self, box: Array) -> bool:
        """Note that the detector sees a face in a box. False if no track follows this face."""
        known = [track for track in self.active if overlap([track.box], box)[0] > SAME_FACE_OVERLAP]
        for track in known:
            track.confirmed_at = self.time
        return bool(known)

    def drop_unconfirmed(self) -> None:
        """Drop the tracks that the detector has not confirmed for too long."""
        self.active = [track for track in self.active if self.time - track.confirmed_at <= MAX_UNCONFIRMED_SECONDS]

    def replace(self, track: Track) -> Track:
        """A new track in the place of one whose face is another person's now."""
        new = self._create()
        new.person.doubt = track.person.doubt
        self.active[self.active.index(track)] = new
        return new

    def _create(self) -> Track:
        self._count += 1
        return Track(self._count - 1, self.time)

    def find_or_create(self, box: Array, view: View) -> Track:
        """The track of this person's face that was lost near this box, or a new track, added to the active ones."""
        centre, size = (box[:2] + box[2:]) / 2, box_size(box)
        low, high = REAPPEARANCE_SIZE_RATIO
        distance = [np.linalg.norm((t.box[:2] + t.box[2:]) / 2 - centre) / size for t in self._lost]
        for k in np.argsort(distance):
            similar_size = low < box_size(self._lost[k].box) / size < high
            near = distance[k] < MAX_REAPPEARANCE_DISTANCE
            if similar_size and near and not self._lost[k].person.has_left(view, True):
                track = self._lost.pop(k)
                track.restart()
                track.confirmed_at = self.time
                break
        else:
            track = self._create()
        self.active.append(track)
        return track
