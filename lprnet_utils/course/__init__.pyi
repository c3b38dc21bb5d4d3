from .checking import NotYet, check
from .drawing import link_points, quiet, tiles

__all__ = ["NotYet", "check", "link_points", "quiet", "tiles"]
