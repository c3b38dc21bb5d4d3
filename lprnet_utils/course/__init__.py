"""What the notebooks need apart from the topic itself: checks of the exercises, and helpers for figures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
