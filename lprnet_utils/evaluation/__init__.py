"""Chapter 6: measures of accuracy, and the evaluation of a network."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
