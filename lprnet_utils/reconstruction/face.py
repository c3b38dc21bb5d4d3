"""A reconstructed face: a position map with its photo, and what follows from them.

Whatever needs the z-buffer (visibility, pictures, textures) compiles it on first use, which takes about a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..common.images import sample_colors
from ..geometry.camera import Camera
from ..morphable_model.gaze import seen_look_weights
from ..uv.layout import UVLayout

if TYPE_CHECKING:
    import trimesh
    from scipy.sparse import csr_matrix

    from .closer_look import CloserLook
    from .expressions import Coefficients

CLOSED_EYE = 0.12  # openness below which an eye shows no gaze


@dataclass(frozen=True)
class Pose:
    """Head pose in degrees, and the camera of the face."""

    pitch: float
    yaw: float
    roll: float
    camera: Camera

    @property
    def matrix(self) -> Array:
        """The 3x4 matrix from the face frame to the photo frame."""
        return self.camera.matrix


@dataclass(frozen=True, eq=False)  # two faces are the same only if they are one object
class Face:
    """One face of a photo in 3D.

    ``position_map``, ``landmarks`` and ``vertices`` are in the photo frame: pixels of the photo, x right, y down, z
    toward the camera in the same unit, 0 on average over the map's valid texels. :meth:`frontal` is in mm.

    Attributes
    ----------
    position_map : (N, N, 3) float32
    confidence : float
        0 to 1: the confidence that this is a face, see :meth:`lprnet_utils.LPRNet.reconstruct`.
    box : (4,) array
        (x0, y0, x1, y1) around the 68 landmarks, as detected or given, from which the crop was cut; pixels.
    image : (H, W, 3) uint8
        The photo.
    layout : UVLayout
    closer_look : CloserLook, optional
        What a closer look at the eyes and the mouth found, see :class:`lprnet_utils.LPRNet`.
    """

    position_map: Array
    confidence: float
    box: Array
    image: Image = field(repr=False)
    layout: UVLayout = field(repr=False)
    closer_look: CloserLook | None = field(default=None, repr=False)

    @cached_property
    def landmarks(self) -> NDArray[np.float32]:
        """The 68 iBUG landmarks (68, 3) in the photo frame."""
        return self.layout.landmarks(self.position_map)

    @property
    def first_map(self) -> Array:
        """The network's map (N, N, 3) before the closer look moved eyes, nose and mouth."""
        return self.closer_look.first_map if self.closer_look else self.position_map

    @property
    def vertices(self) -> NDArray[np.float32]:
        """Vertices (M, 3) of the dense mesh in the photo frame: :meth:`.UVLayout.trimmed_mesh` of the map."""
        return self.layout.trimmed_mesh()[0] @ self.layout.flat(self.position_map)

    @property
    def triangles(self) -> NDArray[np.int32]:
        """Triangles (T, 3) of vertex indices; the membrane closes eyes and mouth, see :meth:`mesh`."""
        return self.layout.trimmed_mesh()[1]

    @property
    def uv(self) -> NDArray[np.float32]:
        """UV coordinates (M, 2) of the vertices: u right, v down, 0 to 1."""
        return self._uv(self.layout.trimmed_mesh()[0])

    @cached_property
    def colors(self) -> Image:
        """Colour (M, 3) uint8 of the photo at each vertex, visible or not, see :attr:`visible`."""
        return sample_colors(self.image, self.vertices)

    @cached_property
    def texels_visible(self) -> NDArray[np.bool_]:
        """Which texels (N, N) of the face the camera sees, including the membrane of eyes and mouth."""
        from ..uv.texture import texel_visibility

        return texel_visibility(self.position_map, self.layout)

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Which vertices (M,) the camera sees; other parts of the face hide the rest."""
        return self._visible(self.layout.trimmed_mesh()[0])

    @property
    def landmarks_visible(self) -> NDArray[np.bool_]:
        """Which of the 68 landmarks (68,) the camera sees: not those on the far jaw of a turned face."""
        return self.layout.landmark_matrix @ self.texels_visible.ravel().astype(np.float32) > 0.5

    @cached_property
    def trust(self) -> NDArray[np.float32]:
        """Weight (N, N), 0 to 1, of the photo's colour at each texel: it falls toward the face's outline."""
        from ..uv.texture import texel_trust

        return texel_trust(self.position_map, self.layout, self.image, self.texels_visible)

    @cached_property
    def pose(self) -> Pose:
        """Head pose: the camera that best projects the mean face onto the map (all surface texels)."""
        camera = self.layout.camera(self.position_map, step=1)
        return Pose(*camera.angles, camera)

    def frontal(self) -> Array:
        """Vertices (M, 3) without the pose, in the face frame, at the size of the mean face."""
        return self.pose.camera.unproject(self.vertices)

    @cached_property
    def coefficients(self) -> Coefficients:
        """Identity and expression weights of the bundled face model: :meth:`fit_coefficients` of this photo alone."""
        return self.fit_coefficients()

    def fit_coefficients(self, neutral: Face | None = None) -> Coefficients:
        """Identity and expression weights of the bundled face model, fitted to the position map.

        After a closer look, the weights of what it sees are those of :attr:`seen_expressions`. With ``neutral`` they
        count from the face at rest: 0 where both have the same weight, and 1 stays 1.

        Parameters
        ----------
        neutral : Face, optional
            The same person at rest, from another photo. It tells what belongs to the person, and what is an expression.

        Raises
        ------
        ValueError
            If the two have maps of different sizes.
        """
        from .expressions import fit_face

        return fit_face(self, neutral)

    @cached_property
    def seen_expressions(self) -> dict[str, float]:
        """Weights by name of the expressions that a closer look saw, and ``eyeLook*`` of :attr:`gaze`.

        15 % of each that it saw is that of a fit to :attr:`first_map`, see :meth:`.ShapeFitter.join`;
        ``closer_look.weights`` are those without it. Empty without a closer look.
        """
        if self.closer_look is None:
            return {}
        from .expressions import ShapeFitter

        return ShapeFitter.load(self.layout.size).join(self.closer_look).weights | seen_look_weights(self.gaze)

    @cached_property
    def gaze(self) -> Array:
        """Where the right and the left eye look: unit vectors (2, 3) in the face frame.

        NaN for an eye that is not seen. x points to the person's left, y up, and z to the front of the head.

        Examples
        --------
        >>> from lprnet_utils import LPRNet
        >>> from lprnet_utils.common import data_path
        >>> from lprnet_utils.morphable_model.gaze import gaze_angles
        >>> (face,) = LPRNet(closer_look=True).reconstruct(data_path("samples/astronaut.jpg"))
        >>> angles = gaze_angles(face.gaze)  # (2, 2) degrees: up, and to the person's own right
        >>> bool((abs(angles) < 15).all())  # she looks nearly straight ahead
        True
        """
        return self.gaze_in_photo @ self.pose.camera.rotation

    @property
    def gaze_in_photo(self) -> Array:
        """The same in the photo: unit vectors (2, 3), x to its right, y up, z toward the camera."""
        if self.closer_look is None:
            return np.full((2, 3), np.nan)
        return np.where(self._eyes_seen[:, None], self.closer_look.gaze, np.nan)

    @property
    def irises(self) -> Array:
        """The irises of the right and the left eye: (2, 3) x, y and radius in pixels; NaN for one that is not seen."""
        if self.closer_look is None:
            return np.full((2, 3), np.nan)
        return np.where(self._eyes_seen[:, None], self.closer_look.irises, np.nan)

    @property
    def _eyes_seen(self) -> NDArray[np.bool_]:
        return (self.closer_look.confidence[:2] > 0) & (self.eye_openness > CLOSED_EYE)

    @cached_property
    def _openness(self) -> Array:
        from ..uv.openings import openness

        return openness(self.pose.camera.unproject(self.position_map))

    @property
    def eye_openness(self) -> Array:
        """How far the right and the left eye are open (2,): the height between the lids over the eye's width.

        0 is closed. Most people's open eyes have about 0.35.
        """
        return self._openness[:2]

    @property
    def mouth_openness(self) -> float:
        """How far the mouth is open: the height between the lips over its width. 0 is closed."""
        return float(self._openness[2])

    def texture(self, size: int = 256, fill: bool = True) -> Image:
        """The photo's colours in the UV layout: (size, size, 3) uint8.

        Parameters
        ----------
        size : int
            Side in texels; it need not be the map's size. ValueError if it is not 2 to 8192.
        fill : bool
            Fill what the camera does not see from the other side of the face, see
            :func:`lprnet_utils.uv.texture.fill_texture`; otherwise it is black, see :meth:`texture_mask`.
        """
        from ..uv.texture import fill_texture, photo_to_texture, texel_normals

        colors = photo_to_texture(self.image, self.position_map, self.layout, size)
        if not fill:
            return np.where(self.texture_mask(size)[..., None], np.rint(colors), 0).astype(np.uint8)
        return fill_texture(colors, self.trust, texel_normals(self.position_map, self.layout)[..., 2], self.layout)

    def texture_mask(self, size: int = 256) -> NDArray[np.bool_]:
        """Which texels (size, size) of :meth:`texture` show the photo itself; ValueError for a size as there."""
        from ..uv.texture import check_texture_size, resize_map

        check_texture_size(size)
        return (resize_map(self.trust, size) > 0.5) & (resize_map(self.layout.mask, size) > 0.5)

    def draw(self, values: ArrayLike) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
        """Draw values of the texels (N, N, C) over the face in the photo, without the hidden parts.

        The membrane closes eyes and mouth. Returns the drawn part (h, w, C) float32, NaN outside the face, and its rows
        and columns in the photo. In a large photo this costs no more than in a small one.
        """
        from ..geometry.rasterizer import draw_values

        values = np.asarray(values, np.float32).reshape(self.layout.size**2, -1)
        points = self.position_map.reshape(-1, 3)
        return draw_values(points, self.layout.closed_triangles, values, *self.image.shape[:2])

    def _draw_in_photo(self, values: Array, background: float) -> NDArray[np.float32]:
        """Values of the texels (N, N, C) as a picture (H, W, C) of the photo's size."""
        drawn, region = self.draw(values)
        out = np.full((*self.image.shape[:2], drawn.shape[-1]), background, np.float32)
        out[region] = np.where(np.isnan(drawn), np.float32(background), drawn)
        return out

    def depth_map(self) -> NDArray[np.float32]:
        """Depth (H, W): z in the photo frame, with mean 0 over the texels; NaN outside the face."""
        return self._draw_in_photo(self.position_map[..., 2:], np.nan)[..., 0]

    def region(self) -> NDArray[np.bool_]:
        """Which pixels (H, W) of the photo show the face, including eyes and mouth."""
        return np.isfinite(self.depth_map())

    def pncc(self) -> NDArray[np.float32]:
        """Projected normalised coordinate code (H, W, 3): the place of each pixel on the mean face, 0 outside the face.

        x, y and z of the mean face are each scaled to 0 to 1 and drawn like a colour (Zhu et al., Face alignment across
        large poses, CVPR 2016, section 3.2, where it is the Basel mean face).
        """
        mean = self.layout.points(self.layout.mean_map)
        low, high = mean.min(0), mean.max(0)
        return self._draw_in_photo(np.clip((self.layout.mean_map - low) / (high - low), 0, 1), 0.0)

    def uv_coordinates(self) -> NDArray[np.float32]:
        """UV coordinates of each pixel: (H, W, 3) with u to the right, v down, 0 to 1, and 1 on the face.

        Outside the face all three are 0. Texel (row, column) of a texture of side S is at u S - 1/2, v S - 1/2.
        """
        return self._draw_in_photo(self.layout.texel_uv, 0.0)

    def mesh(
        self, colors: bool = True, texture: int | None = None, frontal: bool = False, membrane: bool = True
    ) -> trimesh.Trimesh:
        """The face as a trimesh, for display or ``export("face.glb")``; :meth:`save` writes better files.

        In metres, as glTF requires, at the size of the mean face. y points up, the frame is right-handed, triangles are
        counter-clockwise from outside, and the origin is in the middle of the face.

        Parameters
        ----------
        colors : bool
            Add the photo's colour at each vertex if there is no texture.
        texture : int, optional
            Add a :meth:`texture` of this side. trimesh's v points up, as in an .obj file; it turns v for glTF.
        frontal : bool
            Remove the pose; otherwise the mesh is posed as in the photo.
        membrane : bool
            Close eyes and mouth with a membrane that shows the photo's eyes and teeth. Otherwise they are holes, for
            your own eyeballs and teeth.
        """
        import trimesh

        matrix, triangles = self.layout.trimmed_mesh(membrane)
        points = matrix @ self.layout.flat(self.position_map)
        vertices = self._photo_to_metres(frontal)(points)
        if texture is None:
            vertex_colors = sample_colors(self.image, points) if colors else None
            return trimesh.Trimesh(vertices, triangles, vertex_colors=vertex_colors, process=False)
        from .mesh_files import textured

        return textured(vertices, triangles, self._uv(matrix), self.texture(texture))

    def save(self, path: str | Path, texture: int | None = 512, frontal: bool = False, membrane: bool = True) -> Path:
        """Write the face to a file: .glb, .obj, .ply or .npz.

        All use the frame of :meth:`mesh`. An error never leaves a partly written file. Returns the path.

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
        frontal, membrane : bool
            See :meth:`mesh`.

        Raises
        ------
        ValueError, FileNotFoundError
            If the path has another ending; if there is no such folder.
        """
        from ..common.files import check_ending, save_arrays
        from .mesh_files import ENDINGS, save_mesh

        path = check_ending(path, ENDINGS)
        ending = path.suffix.lower()
        if ending == ".npz":
            return save_arrays(self._mesh_arrays(frontal, membrane), path)
        return save_mesh(self.mesh(True, None if ending == ".ply" else texture, frontal, membrane), path)

    def _mesh_arrays(self, frontal: bool, membrane: bool) -> dict[str, NDArray[Any]]:
        """The arrays of an ``.npz`` file."""
        to_metres = self._photo_to_metres(frontal)
        matrix, triangles = self.layout.trimmed_mesh(membrane)
        points = matrix @ self.layout.flat(self.position_map)
        offset = to_metres(np.zeros((1, 3)))[0]
        metres_to_photo = np.linalg.inv((to_metres(np.eye(3)) - offset).T)
        return {
            "vertices": to_metres(points).astype(np.float32),
            "triangles": triangles,
            "colors": sample_colors(self.image, points),
            "visible": self._visible(matrix),
            "uv": self._uv(matrix),
            "landmarks": to_metres(self.landmarks).astype(np.float32),
            "landmarks_visible": self.landmarks_visible,
            "pose": np.array([self.pose.pitch, self.pose.yaw, self.pose.roll]),
            "camera": np.c_[metres_to_photo, -metres_to_photo @ offset],
        }

    def _uv(self, matrix: csr_matrix) -> NDArray[np.float32]:
        return matrix @ self.layout.texel_uv.reshape(-1, 3)[:, :2]

    def _visible(self, matrix: csr_matrix) -> NDArray[np.bool_]:
        return matrix @ self.texels_visible.ravel().astype(np.float32) > 0.5

    def _photo_to_metres(self, frontal: bool) -> Callable[[Array], Array]:
        """The affine map of points (n, 3) from the photo frame to metres."""
        camera, middle = self.pose.camera, self.layout.points(self.position_map).mean(0)
        if frontal:
            centre = camera.unproject(middle)
            return lambda points: (camera.unproject(points) - centre) / 1000
        return lambda points: (points - middle) * np.array([1.0, -1.0, 1.0]) / camera.scale / 1000
