from .avatar import Avatar
from .draw import draw_avatar
from .files import write_avatar
from .hair import hair_styles
from .shape import HeadShape
from .visemes import VISEMES

__all__ = ["Avatar", "HeadShape", "VISEMES", "draw_avatar", "hair_styles", "write_avatar"]
