"""Chapter 1: the morphable face model, its fits to landmarks, and readers of other models."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
