from .charts import ChartLayout, load_layout
from .encoding import SPAN, decode_map, encode_map, fraction_outside, mirror_map
from .layout import UVLayout, texel_matrix
from .maps import MEMBRANE, OUTSIDE, SURFACE
from .prnet import PRNetLayout
from .registration import register_model

__all__ = [
    "ChartLayout",
    "MEMBRANE",
    "OUTSIDE",
    "PRNetLayout",
    "SPAN",
    "SURFACE",
    "UVLayout",
    "decode_map",
    "encode_map",
    "fraction_outside",
    "load_layout",
    "mirror_map",
    "register_model",
    "texel_matrix",
]
