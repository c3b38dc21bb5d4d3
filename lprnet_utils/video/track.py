"""Tracks: which face of a frame continues which face of the frame before, judged by place and size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Array
from ..geometry.landmarks import box_size, overlap
from ..reconstruction.expressions import Coefficients
from .smoothing import OneEuro

# The One-Euro filter of a whole position map. Chosen on rendered clips as in tests/video/test_tracking.py: after the
# first third of a second a still face with sensor noise trembles 4 to 6 times less. A nod is two fifths of a frame
# late.
FILTER_MIN_CUTOFF_HZ = 0.3
FILTER_BETA = 12.0  # Hz for a speed of one face size per second
FILTER_SPEED_CUTOFF_HZ = 1.0

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
        self.id = number
        self.confirmed_at = time  # when the detector last saw the face; for a lost track, when it was lost
        self.age = 0.0  # seconds since the face was found
        self.crop: Array | None = None  # matrix (2, 3) of the crop in the next frame
        self.shape: Array | None = None  # points (P, 3) in the face frame
        self.box: Array | None = None  # (4,) around the landmarks of the last frame
        self.coefficients: Coefficients | None = None
        self.identity_samples = 0  # number of frames in the mean identity
        self._filter = OneEuro(FILTER_MIN_CUTOFF_HZ, FILTER_BETA, FILTER_SPEED_CUTOFF_HZ)

    def restart(self) -> None:
        """Forget the movement so far: the next position map is not smoothed toward the last one."""
        self._filter.reset()
        self.age = 0.0

    def smooth(self, position_map: ArrayLike, dt: float) -> Array:
        """The position map, smoothed over time."""
        # all frames of a young track weigh the same, as in a mean: the first one is as noisy as the others
        self._filter.min_cutoff = max(FILTER_MIN_CUTOFF_HZ, 1 / (2 * math.pi * max(self.age, 1e-3)))
        return self._filter(position_map, dt, box_size(self.box))


class TrackList:
    """The tracks of a video. Times are in seconds since the first frame."""

    def __init__(self) -> None:
        self.active: list[Track] = []
        self.time = 0.0
        self._lost: list[Track] = []
        self._count = 0

    def advance(self, dt: float) -> None:
        """Go to the next frame, and forget the tracks that were lost long before it."""
        self.time += dt
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

    def find_or_create(self, box: Array) -> Track:
        """The track of a face that was lost near this box, or a new track. The caller adds it to ``active``."""
        centre, size = (box[:2] + box[2:]) / 2, box_size(box)
        low, high = REAPPEARANCE_SIZE_RATIO
        distance = [np.linalg.norm((t.box[:2] + t.box[2:]) / 2 - centre) / size for t in self._lost]
        similar_size = [low < box_size(t.box) / size < high for t in self._lost]
        for k in np.argsort(distance):
            if similar_size[k] and distance[k] < MAX_REAPPEARANCE_DISTANCE:
                track = self._lost.pop(k)
                track.restart()
                track.confirmed_at = self.time
                return track
        self._count += 1
        return Track(self._count - 1, self.time)
