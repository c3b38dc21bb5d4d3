"""A reconstructed face: everything that one position map and its photo tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .geometry import Camera
from .images import Image, sample_colors
from .uv import UVLayout

if TYPE_CHECKING:
    import trimesh

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Pose:
    """Head pose in degrees, and the camera that goes with it."""

    pitch: float
    yaw: float
    roll: float
    camera: Camera

    @property
    def matrix(self) -> Array:
        """The 3x4 matrix from mm of the face frame to pixels of the photo."""
        return self.camera.matrix


@dataclass(frozen=True)
class Face:
    """One face of a photo in 3D.

    ``position_map``, ``landmarks`` and ``vertices`` are in pixels of the photo (x right, y down, z toward the camera
    with the same scale and mean 0), a left-handed frame; :meth:`frontal` and :meth:`mesh` are right-handed, y up.

    Attributes
    ----------
    position_map : (N, N, 3) float32
    confidence : float
        0 to 1: that there is a face at all, see :meth:`lprnet_utils.LPRNet.reconstruct`.
    box : (4,) array
        The box (x0, y0, x1, y1) that the network was shown.
    image : (H, W, 3) uint8
        The photo.
    layout : UVLayout
        Of the position map.
    """

    position_map: Array
    confidence: float
    box: Array
    image: Image = field(repr=False)
    layout: UVLayout = field(repr=False)

    @cached_property
    def landmarks(self) -> NDArray[np.float32]:
        """The 68 iBUG landmarks (68, 3) in pixels of the photo."""
        return self.layout.landmarks(self.position_map)

    @property
    def vertices(self) -> NDArray[np.float32]:
        """Vertices (M, 3) of the dense mesh in pixels of the photo: the surface texels of the map."""
        return self.layout.points(self.position_map)

    @property
    def triangles(self) -> NDArray[np.int32]:
        """Triangles (T, 3) into ``vertices``; eyes and mouth are open."""
        return self.layout.triangles

    @cached_property
    def colors(self) -> Image:
        """Colour (M, 3) uint8 of the photo under each vertex, seen or not: see :attr:`visible`."""
        return sample_colors(self.image, self.vertices)

    @cached_property
    def visible(self) -> NDArray[np.bool_]:
        """Which vertices (M,) the camera sees: not hidden behind another part of the face."""
        from .rasterizer import vertex_visibility

        size = float(np.ptp(self.vertices[:, 1]))
        # at about 150 cells a face the buffer matches the map's own resolution, whatever the photo's
        cell = size / 150
        return vertex_visibility(self.vertices / cell, self.triangles, tolerance=3.0, resolution=1.0)

    @cached_property
    def pose(self) -> Pose:
        """Head pose: the camera that best projects the mean face onto the map (all surface texels)."""
        mean = self.layout.points(self.layout.mean_map)
        camera = Camera.fit(mean, self.vertices)
        return Pose(*camera.angles, camera)

    def frontal(self) -> Array:
        """Vertices (M, 3) without pose: mm of the face frame (right-handed, y up), the size of the mean face."""
        return self.pose.camera.unproject(self.vertices)

    def mesh(self, colors: bool = True) -> trimesh.Trimesh:
        """The face as a trimesh, to look at or to ``export("face.glb")``, ``.obj``, ``.ply``.

        In the pose of the photo; metres, as glTF asks, at the size of the mean face; y up, right-handed, triangles
        counter-clockwise from outside, the origin in the middle of the face.

        Parameters
        ----------
        colors : bool
            With the photo's colour at each vertex.
        """
        import trimesh

        flip = np.array([1.0, -1.0, 1.0])
        vertices = (self.vertices - self.vertices.mean(0)) * flip / self.pose.camera.scale / 1000
        return trimesh.Trimesh(vertices, self.triangles, vertex_colors=self.colors if colors else None, process=False)
