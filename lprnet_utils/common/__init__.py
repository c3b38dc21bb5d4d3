"""Helpers for all folders: bundled files, images, atomic writes, weights files and parallel jobs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
