from .metrics import (
    NORMALISERS,
    YAW_BINS,
    confidence_interval,
    cumulative_error,
    jitter,
    lag,
    landmark_nme,
    normaliser,
    point_errors,
    pose_errors,
    summarise_by_yaw,
    surface_error,
)
from .people import MarkedPeople, offsets_from_people
from .protocols import evaluate_aflw2000, evaluate_synthetic, landmark_report
from .readout import benchmark_landmarks
from .reports import draw_ced, draw_on_face

__all__ = [
    "MarkedPeople",
    "NORMALISERS",
    "YAW_BINS",
    "benchmark_landmarks",
    "confidence_interval",
    "cumulative_error",
    "draw_ced",
    "draw_on_face",
    "evaluate_aflw2000",
    "evaluate_synthetic",
    "jitter",
    "lag",
    "landmark_nme",
    "landmark_report",
    "normaliser",
    "offsets_from_people",
    "point_errors",
    "pose_errors",
    "summarise_by_yaw",
    "surface_error",
]
