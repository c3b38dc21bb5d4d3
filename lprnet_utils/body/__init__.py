"""Chapter 10: position maps beyond the face, of a whole head and of a hand."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
