"""The mesh of a face in metres, as a trimesh and as arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.images import sample_colors

if TYPE_CHECKING:
    import trimesh

    from .face import Face


def to_trimesh(face: Face, colors: bool, texture: int | None, frontal: bool, membrane: bool) -> trimesh.Trimesh:
    """See :meth:`lprnet_utils.Face.mesh`."""
    import trimesh

    texels, triangles = face.layout.mesh(membrane)
    points = texel_points(face, texels)
    vertices = photo_to_metres(face, frontal)(points)
    if texture is None:
        vertex_colors = sample_colors(face.image, points) if colors else None
        return trimesh.Trimesh(vertices, triangles, vertex_colors=vertex_colors, process=False)
    from .mesh_files import textured

    return textured(vertices, triangles, texel_uv(face, texels), face.texture(texture))


def mesh_arrays(face: Face, frontal: bool, membrane: bool) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file, see :meth:`lprnet_utils.Face.save`."""
    to_metres = photo_to_metres(face, frontal)
    texels, triangles = face.layout.mesh(membrane)
    points = texel_points(face, texels)
    offset = to_metres(np.zeros((1, 3)))[0]
    metres_to_photo = np.linalg.inv((to_metres(np.eye(3)) - offset).T)
    return {
        "vertices": to_metres(points).astype(np.float32),
        "triangles": triangles,
        "colors": sample_colors(face.image, points),
        "visible": face.texels_visible.ravel()[texels],
        "uv": texel_uv(face, texels),
        "landmarks": to_metres(face.landmarks).astype(np.float32),
        "landmarks_visible": face.landmarks_visible,
        "pose": np.array([face.pose.pitch, face.pose.yaw, face.pose.roll]),
        "camera": np.c_[metres_to_photo, -metres_to_photo @ offset],
    }


def texel_points(face: Face, texels: NDArray[np.intp]) -> NDArray[np.float32]:
    """Points (n, 3) of some texels (n,) in the photo frame."""
    return np.asarray(face.position_map, np.float32).reshape(-1, 3)[texels]


def texel_uv(face: Face, texels: NDArray[np.intp]) -> NDArray[np.float32]:
    """UV coordinates (n, 2) of some texels (n,)."""
    return face.layout.texel_uv.reshape(-1, 3)[texels, :2]


def photo_to_metres(face: Face, frontal: bool) -> Callable[[Array], Array]:
    """The affine map of points (n, 3) from the photo frame to metres, see :meth:`lprnet_utils.Face.mesh`."""
    camera, middle = face.pose.camera, face.layout.points(face.position_map).mean(0)
    if frontal:
        centre = camera.unproject(middle)
        return lambda points: (camera.unproject(points) - centre) / 1000
    return lambda points: (points - middle) * np.array([1.0, -1.0, 1.0]) / camera.scale / 1000
