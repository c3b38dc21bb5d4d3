from .annotate import VideoOptions, annotate_video, draw_overlay
from .files import VideoError, VideoFrames, write_video
from .panel import render_rotated
from .smoothing import OneEuro
from .timing import time_tracking
from .tracking import SHAPE_CHANGE_MM, FaceTracker

__all__ = [
    "SHAPE_CHANGE_MM",
    "FaceTracker",
    "OneEuro",
    "VideoError",
    "VideoFrames",
    "VideoOptions",
    "annotate_video",
    "draw_overlay",
    "render_rotated",
    "time_tracking",
    "write_video",
]
