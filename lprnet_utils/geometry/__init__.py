"""Cameras, meshes, crops, landmarks, the z-buffer and light: what later folders compute with."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
