from .annotate import annotate_video, draw_overlay, time_tracking
from .files import VideoError, VideoFrames, write_video
from .panel import draw_turned
from .smoothing import OneEuro
from .tracking import CHANGE, FaceTracker

__all__ = [
    "CHANGE",
    "FaceTracker",
    "OneEuro",
    "VideoError",
    "VideoFrames",
    "annotate_video",
    "draw_overlay",
    "draw_turned",
    "time_tracking",
    "write_video",
]
