from .morphable_model.model import MorphableModel
from .reconstruction.face import Face
from .reconstruction.lprnet import LPRNet
from .uv.layout import UVLayout

__version__: str
__all__ = ["Face", "LPRNet", "MorphableModel", "UVLayout"]
