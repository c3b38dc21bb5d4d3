"""What every other folder may use: bundled files, pictures, whole files, weights files, many jobs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
