from .applet import FaceApplet
from .avatar import PRESETS, Avatar, draw_avatar, write_avatar
from .effects import paint, relight, swap_face
from .explorer import explorer_figure
from .figures import add_gaze, decimated, face_figure, show, texel_grid

__all__ = [
    "Avatar",
    "FaceApplet",
    "PRESETS",
    "add_gaze",
    "decimated",
    "draw_avatar",
    "explorer_figure",
    "face_figure",
    "paint",
    "relight",
    "show",
    "swap_face",
    "texel_grid",
    "write_avatar",
]
