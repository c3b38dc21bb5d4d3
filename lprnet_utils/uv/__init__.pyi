from .encoding import SPAN, decode_map, encode_map, fraction_outside, mirror_map
from .layout import UVLayout
from .prnet import PRNetLayout
from .registration import register_model
from .texels import MEMBRANE, OUTSIDE, SURFACE, texel_matrix

__all__ = [
    "MEMBRANE",
    "OUTSIDE",
    "PRNetLayout",
    "SPAN",
    "SURFACE",
    "UVLayout",
    "decode_map",
    "encode_map",
    "fraction_outside",
    "mirror_map",
    "register_model",
    "texel_matrix",
]
