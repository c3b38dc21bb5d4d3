from .camera import Camera, rotation_angles, rotation_distance, rotation_matrix, similarity_alignment
from .crop import crop_matrix, transform_points, warp_image
from .landmarks import LANDMARK_LINES, MIRRORED_LANDMARKS, landmark_box
from .mesh import border_loops, surface_angles, vertex_normals
from .rasterizer import interpolate, rasterize, vertex_visibility
from .shading import SH_CONSTANTS, Light, render_mesh, sh_basis

__all__ = [
    "Camera",
    "LANDMARK_LINES",
    "Light",
    "MIRRORED_LANDMARKS",
    "SH_CONSTANTS",
    "border_loops",
    "crop_matrix",
    "interpolate",
    "landmark_box",
    "rasterize",
    "render_mesh",
    "rotation_angles",
    "rotation_distance",
    "rotation_matrix",
    "sh_basis",
    "similarity_alignment",
    "surface_angles",
    "transform_points",
    "vertex_normals",
    "vertex_visibility",
    "warp_image",
]
