from .accessories import glasses
from .clips import look_around, nod, rendered_clip, rest, still, talk
from .effects import background, simulate_camera
from .faces import SyntheticFaces
from .folders import synthesize
from .hands import SyntheticHands
from .heldout import held_out_faces
from .renderer import Surface, draw_head
from .whole_heads import SyntheticHeads

__all__ = [
    "Surface",
    "SyntheticFaces",
    "SyntheticHands",
    "SyntheticHeads",
    "background",
    "draw_head",
    "glasses",
    "held_out_faces",
    "look_around",
    "nod",
    "rendered_clip",
    "rest",
    "simulate_camera",
    "still",
    "synthesize",
    "talk",
]
