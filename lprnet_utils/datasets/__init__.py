"""Chapters 3 and 5: training photos with landmarks and position maps."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
