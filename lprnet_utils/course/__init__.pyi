from .checking import NotYet, check
from .drawing import block_diagram, link_points, number_landmarks, quiet, show_gif, tiles

__all__ = ["NotYet", "block_diagram", "check", "link_points", "number_landmarks", "quiet", "show_gif", "tiles"]
