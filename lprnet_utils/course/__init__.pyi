from .checking import NotYet, check
from .drawing import link_points, number_landmarks, quiet, tiles

__all__ = ["NotYet", "check", "link_points", "number_landmarks", "quiet", "tiles"]
