"""How long a :class:`lprnet_utils.video.FaceTracker` takes for each frame."""

import time
from collections.abc import Callable, Iterable

import numpy as np

from ..common.arrays import Image
from ..reconstruction.lprnet import LPRNet
from .tracking import FaceTracker


def time_tracking(
    frames: Iterable[Image], net: LPRNet | None = None, fps: float = 30.0, expressions: bool = False,
    timer: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:  # fmt: skip
    """Milliseconds per frame that a :class:`FaceTracker` takes, without decoding, encoding and drawing.

    Parameters
    ----------
    frames : iterable of (H, W, 3) uint8
        The frames of one video, at least two (otherwise ValueError). The first is not counted.
    timer : callable
        ``time.process_time`` measures processor time, for a machine that has other work too.

    Returns
    -------
    dict
        ``total``: median time of a frame, landmarks included; ``mean``: mean of the same; ``total 95 %``: its 95th
        percentile; means of the parts ``detect``, ``network``, ``closer look``, ``check`` (confidence and next crop),
        ``smooth`` and ``expressions``; ``faces``: mean number of faces.
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
