"""Chapter 5: recipes, batches, losses, and a run that survives a kill."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
