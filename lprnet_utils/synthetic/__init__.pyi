from .accessories import glasses
from .backgrounds import background
from .camera_effects import simulate_camera
from .clips import look_around, nod, rendered_clip, rest, still, talk
from .faces import SyntheticFaces
from .heldout import held_out_faces
from .renderer import Surface, draw_head
from .shards import synthesize

__all__ = [
    "Surface",
    "SyntheticFaces",
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
