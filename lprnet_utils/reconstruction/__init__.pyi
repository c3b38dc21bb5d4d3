from .detection import FaceDetector
from .draw import crop_around_face, draw_gaze, draw_landmarks, draw_mesh, draw_pose_box
from .expressions import ShapeFitter
from .face import Face
from .likelihood import shape_distance
from .lprnet import DEFAULT_WEIGHTS, LPRNet
from .mesh_files import save_mesh

__all__ = [
    "DEFAULT_WEIGHTS",
    "Face",
    "FaceDetector",
    "LPRNet",
    "ShapeFitter",
    "crop_around_face",
    "draw_gaze",
    "draw_landmarks",
    "draw_mesh",
    "draw_pose_box",
    "save_mesh",
    "shape_distance",
]
