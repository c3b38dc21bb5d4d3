"""A reconstructed face: everything that one position map and its photo tell.

What needs the z-buffer (visibility, pictures, textures) compiles it on first use, about a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.images import sample_colors
from ..geometry.camera import Camera
from ..uv.layout import UVLayout

if TYPE_CHECKING:
    import trimesh

    from .expressions import Coefficients


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
        """Vertices (M, 3) of the dense mesh in pixels of the photo: the valid texels of the map."""
        return self._points(self.layout.mesh()[0])

    @property
    def triangles(self) -> NDArray[np.int32]:
        """Triangles (T, 3) into ``vertices``; the membrane closes eyes and mouth, see :meth:`mesh`."""
        return self.layout.mesh()[1]

    def _points(self, texels: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.asarray(self.position_map, np.float32).reshape(-1, 3)[texels]

    @cached_property
    def colors(self) -> Image:
        """Colour (M, 3) uint8 of the photo under each vertex, seen or not: see :attr:`visible`."""
        return sample_colors(self.image, self.vertices)

    @cached_property
    def texels_visible(self) -> NDArray[np.bool_]:
        """Which texels (N, N) of the face the camera sees, those on the membrane of eyes and mouth included."""
        from ..uv.texture import texel_visibility

        return texel_visibility(self.position_map, self.layout)

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Which vertices (M,) the camera sees: not hidden behind another part of the face."""
        return self.texels_visible.ravel()[self.layout.mesh()[0]]

    @property
    def landmarks_visible(self) -> NDArray[np.bool_]:
        """Which of the 68 landmarks (68,) the camera sees; of a turned face, not those of the far jaw."""
        return self.layout.landmark_matrix @ self.texels_visible.ravel().astype(np.float32) > 0.5

    @cached_property
    def trust(self) -> NDArray[np.float32]:
        """How far the photo can be trusted to show each texel, (N, N), 0 to 1: less toward the face's outline."""
        from ..uv.texture import texel_trust

        return texel_trust(self.position_map, self.layout, self.image, self.texels_visible)

    @cached_property
    def pose(self) -> Pose:
        """Head pose: the camera that best projects the mean face onto the map (all surface texels)."""
        camera = Camera.fit(self.layout.points(self.layout.mean_map), self.layout.points(self.position_map))
        return Pose(*camera.angles, camera)

    def frontal(self) -> Array:
        """Vertices (M, 3) without pose: mm of the face frame (right-handed, y up), the size of the mean face."""
        return self.pose.camera.unproject(self.vertices)

    @cached_property
    def coefficients(self) -> Coefficients:
        """Who it is and what the face does: identity and expression weights of the bundled model, fitted to the map."""
        from .expressions import ShapeFitter

        return ShapeFitter.load(self.layout.size).fit(self.position_map)

    def texture(self, size: int = 256, fill: bool = True) -> Image:
        """The photo's colours in the UV layout: (size, size, 3) uint8.

        Parameters
        ----------
        size : int
            Side in texels, 2 to 8192, whatever the map's own.
        fill : bool
            With what the camera does not see taken from the other side of the face, see
            :func:`lprnet_utils.uv.texture.fill_texture`; without, it is black: see :meth:`texture_mask`.

        Raises
        ------
        ValueError
            For another size.
        """
        from ..uv.texture import fill_texture, photo_to_texture, texel_normals

        colors = photo_to_texture(self.image, self.position_map, self.layout, size)
        if not fill:
            return np.where(self.texture_mask(size)[..., None], np.rint(colors), 0).astype(np.uint8)
        return fill_texture(colors, self.trust, texel_normals(self.position_map, self.layout)[..., 2], self.layout)

    def texture_mask(self, size: int = 256) -> NDArray[np.bool_]:
        """Which texels (size, size) of :meth:`texture` the photo itself shows."""
        from ..uv.texture import enlarge

        return (enlarge(self.trust, size) > 0.5) & (enlarge(self.layout.mask, size) > 0.5)

    def draw(self, values: ArrayLike) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
        """Values of the texels, (N, N, C), over the part of the photo where the face is, hidden parts hidden.

        Eyes and mouth are closed by the membrane. Returns the part (h, w, C) float32, NaN beside the face, and the rows
        and columns of the photo that it stands for: cheap in a large photo.
        """
        from ..geometry.rasterizer import draw_values

        values = np.asarray(values, np.float32).reshape(self.layout.size**2, -1)
        points = self.position_map.reshape(-1, 3)
        return draw_values(points, self.layout.closed_triangles, values, *self.image.shape[:2])

    def depth_map(self) -> NDArray[np.float32]:
        """Depth (H, W): z in pixels of the photo, toward the camera, mean 0 over the texels; NaN beside the face."""
        return self._picture(self.position_map[..., 2:], np.nan)[..., 0]

    def region(self) -> NDArray[np.bool_]:
        """Which pixels (H, W) of the photo show the face; eyes and mouth belong to it."""
        return np.isfinite(self.depth_map())

    def pncc(self) -> NDArray[np.float32]:
        """Projected normalised coordinate code (H, W, 3), 0 to 1: where on the mean face each pixel lies; 0 beside it.

        Each of x, y, z of the mean face is scaled to 0 to 1 and drawn like a colour (Zhu et al., Face alignment across
        large poses, CVPR 2016, section 3.2; there on the Basel mean face).
        """
        mean = self.layout.points(self.layout.mean_map)
        low, high = mean.min(0), mean.max(0)
        return self._picture(np.clip((self.layout.mean_map - low) / (high - low), 0, 1), 0.0)

    def uv_coordinates(self) -> NDArray[np.float32]:
        """Where in the UV layout each pixel lies: (H, W, 3) with u to the right, v down, 0 to 1, and 1 on the face.

        Beside the face all three are 0. Texel (row, column) of a texture of side S is at u S - 1/2, v S - 1/2.
        """
        return self._picture(self.layout.texel_uv, 0.0)

    def _picture(self, values: Array, beside: float) -> NDArray[np.float32]:
        drawn, region = self.draw(values)
        out = np.full((*self.image.shape[:2], drawn.shape[-1]), beside, np.float32)
        out[region] = np.where(np.isnan(drawn), np.float32(beside), drawn)
        return out

    def mesh(
        self, colors: bool = True, texture: int | None = None, frontal: bool = False, membrane: bool = True
    ) -> trimesh.Trimesh:
        """The face as a trimesh, to look at or to ``export("face.glb")``; :meth:`save` writes files with less thought.

        Metres, as glTF asks, at the size of the mean face; y up, right-handed, triangles counter-clockwise from
        outside, the origin in the middle of the face.

        Parameters
        ----------
        colors : bool
            With the photo's colour at each vertex (where there is no texture).
        texture : int, optional
            With a :meth:`texture` of this side instead. trimesh's v points up, as in an .obj file; it turns v for glTF.
        frontal : bool
            Without the pose; else as in the photo.
        membrane : bool
            With the skin that closes eyes and mouth, on which the photo's eyes and teeth appear. Without it they are
            holes, for eyeballs and teeth of one's own.
        """
        import trimesh

        texels, triangles = self.layout.mesh(membrane)
        points = self._points(texels)
        vertices = self._metres(frontal)(points)
        if texture is None:
            seen = sample_colors(self.image, points) if colors else None
            return trimesh.Trimesh(vertices, triangles, vertex_colors=seen, process=False)
        from .mesh_files import textured

        return textured(vertices, triangles, self._uv(texels), self.texture(texture))

    @property
    def uv(self) -> NDArray[np.float32]:
        """Place (M, 2) of the vertices in the UV layout, u right, v down, 0 to 1."""
        return self._uv(self.layout.mesh()[0])

    def _uv(self, texels: NDArray[np.intp]) -> NDArray[np.float32]:
        return self.layout.texel_uv.reshape(-1, 3)[texels, :2]

    def save(self, path: str | Path, texture: int | None = 512, frontal: bool = False, membrane: bool = True) -> Path:
        """Write the face into a file of the kind that its ending names: .glb, .obj, .ply or .npz.

        All are in the frame of :meth:`mesh`: metres, y up, right-handed.

        Parameters
        ----------
        path : path
            ``.glb``: one file, for three.js, Blender, phones. ``.obj``: with ``.mtl`` and ``.png`` of the same name
            beside it. ``.ply``: always with a colour at each vertex. ``.npz``: arrays ``vertices`` (M, 3),
            ``triangles`` (T, 3), ``colors`` (M, 3), ``visible`` (M,), ``uv`` (M, 2; v down), ``landmarks`` (68, 3),
            ``landmarks_visible`` (68,), ``pose`` (pitch, yaw, roll in degrees), ``camera`` (3, 4): from the file's
            vertices to pixels of the photo.
        texture : int, optional
            Side of the texture of ``.glb`` and ``.obj``; None: a colour at each vertex.
        frontal : bool
            Without the pose.
        membrane : bool
            With the skin that closes eyes and mouth, see :meth:`mesh`.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ValueError
            For another ending.
        FileNotFoundError
            If there is no such folder. No half-written file is left by any error.
        """
        from ..common.files import check_ending, save_arrays
        from .mesh_files import ENDINGS, save_mesh

        path = check_ending(path, ENDINGS)
        kind = path.suffix.lower()
        if kind != ".npz":
            return save_mesh(self.mesh(True, None if kind == ".ply" else texture, frontal, membrane), path)
        move, (texels, triangles) = self._metres(frontal), self.layout.mesh(membrane)
        points = self._points(texels)
        corner = move(np.zeros((1, 3)))[0]
        linear = np.linalg.inv((move(np.eye(3)) - corner).T)
        arrays = {
            "vertices": move(points).astype(np.float32), "triangles": triangles,
            "colors": sample_colors(self.image, points), "visible": self.texels_visible.ravel()[texels],
            "uv": self._uv(texels), "landmarks": move(self.landmarks).astype(np.float32),
            "landmarks_visible": self.landmarks_visible,
            "pose": np.array([self.pose.pitch, self.pose.yaw, self.pose.roll]),
            "camera": np.c_[linear, -linear @ corner],
        }  # fmt: skip
        return save_arrays(arrays, path)

    def _metres(self, frontal: bool) -> Callable[[Array], Array]:
        """From pixels of the photo to the frame of :meth:`mesh`, an affine map of points (n, 3)."""
        camera, middle = self.pose.camera, self.layout.points(self.position_map).mean(0)
        if frontal:
            centre = camera.unproject(middle)
            return lambda points: (camera.unproject(points) - centre) / 1000
        return lambda points: (points - middle) * np.array([1.0, -1.0, 1.0]) / camera.scale / 1000
