"""Chapter 3: rendered photos of faces with exact position maps."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
