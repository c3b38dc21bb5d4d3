from .architectures import (
    LITE_STAGES,
    PRNET_DECODER,
    PRNET_ENCODER,
    head_angle_network,
    lprnet,
    lprnet_lite,
    prnet,
)
from .closer_look import closer_eye, closer_mouth
from .export import export_closer_look, export_litert, load_litert, time_litert
from .layers import BatchNormalization, count_multiply_adds, layer_multiply_adds
from .onnx_export import export_onnx
from .stored_weights import smaller_file, store_weights

__all__ = [
    "BatchNormalization",
    "LITE_STAGES",
    "PRNET_DECODER",
    "PRNET_ENCODER",
    "closer_eye",
    "closer_mouth",
    "count_multiply_adds",
    "export_closer_look",
    "export_litert",
    "export_onnx",
    "layer_multiply_adds",
    "load_litert",
    "lprnet",
    "lprnet_lite",
    "prnet",
    "smaller_file",
    "store_weights",
    "time_litert",
    "head_angle_network",
]
