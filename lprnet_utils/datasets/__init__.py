"""Chapters 3 and 5: photos with known faces, made ready for training."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
