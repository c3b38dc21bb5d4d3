"""Chapter 7: 3D faces to turn, to animate and to play with."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
