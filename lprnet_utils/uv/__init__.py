"""Chapter 2: the UV layout, in which a face is a picture of positions."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
