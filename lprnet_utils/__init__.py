"""A 3D face from one photo: morphable face model, UV position maps, networks, inference.

The public names are imported when they are first used, so that ``import lprnet_utils`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .face import Face
    from .face_model import MorphableModel
    from .inference import LPRNet
    from .uv import UVLayout

__version__ = "0.1.0"
__all__ = ["Face", "LPRNet", "MorphableModel", "UVLayout", "__version__"]

_HOME = {"Face": "face", "LPRNet": "inference", "MorphableModel": "face_model", "UVLayout": "uv"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"lprnet_utils has no {name!r}; its public names are {', '.join(_HOME)}")
    value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
