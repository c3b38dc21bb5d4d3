"""Geometry and rendering: camera, meshes, crops, landmarks, z-buffer and light."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
