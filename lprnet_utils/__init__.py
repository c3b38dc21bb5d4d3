"""A 3D face from one photo: morphable face model, UV position maps, networks, inference.

The public names are imported when they are first used, so that ``import lprnet_utils`` costs nothing. Each folder does
the same; its ``__init__.pyi`` lists its public names and the file of each.
"""

import lazy_loader

__version__ = "1.0.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
