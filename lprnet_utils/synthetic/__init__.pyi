from .clips import look_around, nod, rendered_clip, rest, still, talk
from .faces import SyntheticFaces, synthesize
from .heldout import held_out_faces
from .props import background, developed, glasses
from .renderer import draw_head

__all__ = [
    "SyntheticFaces",
    "background",
    "developed",
    "draw_head",
    "glasses",
    "held_out_faces",
    "look_around",
    "nod",
    "rendered_clip",
    "rest",
    "still",
    "synthesize",
    "talk",
]
