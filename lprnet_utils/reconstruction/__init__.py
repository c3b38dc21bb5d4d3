"""Chapter 0: from a photo to 3D faces, and into files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
