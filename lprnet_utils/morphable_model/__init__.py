"""Chapter 1: a morphable face model, fitted to landmarks and brought onto other models."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
