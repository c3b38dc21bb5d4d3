from .fitting import Fits, fit_landmarks
from .model import MorphableModel
from .readers import fetch_ict_kit, read_basel, read_ict_kit

__all__ = [
    "Fits",
    "MorphableModel",
    "fetch_ict_kit",
    "fit_landmarks",
    "read_basel",
    "read_ict_kit",
]
