from .encoding import SPAN, decode_map, encode_map, fraction_outside, mirror_map
from .layout import MEMBRANE, OUTSIDE, SURFACE, UVLayout, texel_matrix
from .prnet import PRNetLayout
from .registration import register_model

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
