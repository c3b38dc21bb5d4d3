from .export import export_litert, load_litert, time_litert
from .layers import BatchNormalization, count_multiply_adds, layer_multiply_adds
from .lite import LITE_STAGES, head_angle_network, lprnet_lite
from .published import PRNET_DECODER, PRNET_ENCODER, lprnet, prnet

__all__ = [
    "BatchNormalization",
    "LITE_STAGES",
    "PRNET_DECODER",
    "PRNET_ENCODER",
    "count_multiply_adds",
    "export_litert",
    "layer_multiply_adds",
    "load_litert",
    "lprnet",
    "lprnet_lite",
    "prnet",
    "time_litert",
    "head_angle_network",
]
