from .avatar import Avatar
from .files import write_avatar
from .hair import hair_styles
from .shape import HeadShape
from .visemes import VISEMES

__all__ = ["Avatar", "HeadShape", "VISEMES", "hair_styles", "write_avatar"]
