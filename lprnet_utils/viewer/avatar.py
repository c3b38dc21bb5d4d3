"""Animated faces: pose and expression in Python, and .glb files with 51 ARKit expressions as morph targets."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Image
from ..common.files import check_ending, write_files
from ..geometry.camera import rotation_matrix
from ..reconstruction.expressions import ShapeFitter
from ..reconstruction.face import Face
from ..reconstruction.mesh_files import textured
from ..uv.layout import MEMBRANE
from ..uv.outline import cut_mesh, outline_level
from ..uv.texture import resize_map

if TYPE_CHECKING:
    import trimesh
    from scipy.sparse import csr_matrix

# a name without Left or Right stands for both sides
PRESETS: dict[str, dict[str, float]] = {
    "At rest": {},
    "Smile": {"mouthSmile": 0.9, "cheekSquint": 0.6, "eyeSquint": 0.3},
    "Surprise": {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.45},
    "Anger": {"browDown": 1.0, "noseSneer": 0.6, "mouthFrown": 0.5, "mouthPress": 0.4, "eyeSquint": 0.3},
    "Kiss": {"mouthPucker": 1.0, "mouthFunnel": 0.3},
    "Wink": {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.6, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.2},
}
MOUTH_COLOR = (45, 18, 18)  # RGB of the inside of the mouth
MIN_TEXEL_HEIGHT = 0.2  # relative to the median height in the photo: flatter texels lie between closed lips


def darken_mouth(face: Face, texture: Image) -> Image:
    """Darken the inside of the mouth in a texture (S, S, 3) where lips hide it or press it into a line."""
    size, layout = len(texture), face.layout
    height = np.linalg.norm(np.gradient(face.position_map[..., :2], axis=0), axis=-1)  # of a texel, in pixels
    shown = face.texels_visible & (height > MIN_TEXEL_HEIGHT * np.median(height[layout.mask]))
    inside = (layout.kind == MEMBRANE) & (layout.texel_uv[..., 1] > 0.5)  # the eyes are in the upper half
    dark = (inside & ~shown).astype(np.float32)
    dark = resize_map(cv2.GaussianBlur(dark, (0, 0), 1), size)[..., None]
    return np.rint(texture + dark * (np.array(MOUTH_COLOR) - texture)).astype(np.uint8)


class Avatar:
    """A face with adjustable pose and expression, in the bundled model's topology; a membrane closes eyes and mouth.

    Parameters
    ----------
    face : Face
    texture : int
        Side of the texture in texels.

    Attributes
    ----------
    rest : (V, 3) float32
        Vertices without the fitted expression, in the face frame. Details that the model does not explain stay.
    texture : (S, S, 3) uint8
        The photo's colours, also of the eyes; hidden parts are filled, and the inside of the mouth is dark.
    names : tuple of E str
        ARKit's names of the expressions.
    seen : (E,) float32
        The expression weights in the photo. Those that are found badly are 0 and stay in ``rest``, see
        :func:`lprnet_utils.reconstruction.expressions.unsupported_expressions`.
    """

    def __init__(self, face: Face, texture: int = 1024):
        self._model = ShapeFitter.load(face.layout.size).model
        self.names, self.triangles, self.uv = self._model.expression_names, self._model.triangles, self._model.uv
        fitted = face.coefficients
        points = fitted.camera.unproject(face.layout.map_to_vertices(face.position_map))
        self._level = face.layout.inverse_matrix @ outline_level(face.layout.mask).ravel()
        self.seen = np.where(fitted.supported, fitted.expression, 0).astype(np.float32)
        self.rest = (points - np.tensordot(self.seen, self._model.expression, 1)).astype(np.float32)
        self.texture = darken_mouth(face, face.texture(texture))

    def weights(self, expression: dict[str, float]) -> NDArray[np.float32]:
        """Weights (E,) by name; ValueError for an unknown one. A name without Left or Right stands for both sides."""
        out = np.zeros(len(self.names), np.float32)
        for name, weight in expression.items():
            sides = [k for k, n in enumerate(self.names) if n in (name, f"{name}Left", f"{name}Right")]
            if not sides:
                raise ValueError(f"no expression {name!r}; there are {', '.join(self.names)}")
            out[sides] = weight
        return out

    def vertices(
        self, expression: ArrayLike | dict[str, float] = (), pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> NDArray[np.float32]:
        """Vertices (V, 3) in mm, posed: y up, z toward the viewer.

        Parameters
        ----------
        expression : dict of :meth:`weights` by name, or (E,) array
            Missing weights are 0.
        pose : pitch, yaw, roll in degrees

        Raises
        ------
        ValueError
            If there is no expression of a name, or if there are too many weights.
        """
        given = self.weights(expression) if isinstance(expression, dict) else expression
        moved = self.rest - self._model.mean + self._model.vertices((), given)
        return (moved @ rotation_matrix(*pose).T).astype(np.float32)

    @cached_property
    def trimmed(self) -> tuple[csr_matrix, NDArray[np.int32]]:
        """A matrix (T, V) from these vertices to those of files, and the triangles of files, see :mod:`.outline`.

        A smooth line cuts off the border, which is the least accurate part.
        """
        return cut_mesh(self._level, self.triangles)

    def mesh(
        self, expression: ArrayLike | dict[str, float] = (), pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> trimesh.Trimesh:
        """:meth:`vertices` as a textured trimesh in metres, for :func:`lprnet_utils.reconstruction.save_mesh`."""
        matrix, triangles = self.trimmed
        return textured(matrix @ self.vertices(expression, pose) / 1000, triangles, matrix @ self.uv, self.texture)


def write_avatar(face: Face, path: str | Path, texture: int = 1024, as_seen: bool = False) -> Path:
    """Write an :class:`Avatar` as a .glb file that three.js, Blender and game engines can animate, and return its path.

    It holds one frontal mesh in metres, y up, at the size of the mean face, and a morph target for each expression.
    ``extras.targetNames`` holds their ARKit names, as glTF 2.0 suggests (3.7.2.2); three.js reads them:
    ``mesh.morphTargetDictionary["jawOpen"]``. Software that drives other ARKit avatars drives this one.

    Parameters
    ----------
    face : Face
    path : path
        Ends in ``.glb``.
    texture : int
        Side of the texture in texels.
    as_seen : bool
        Use the photo's expression as initial weights; otherwise the face is at rest.

    Raises
    ------
    ValueError, FileNotFoundError
        If the path has another ending; if there is no such folder.
    """
    from trimesh.exchange.gltf import export_glb

    path = check_ending(path, (".glb",))
    avatar = Avatar(face, texture)
    matrix, triangles = avatar.trimmed
    rest = matrix @ (avatar.rest - avatar.rest.mean(0)) / 1000
    mesh = textured(rest, triangles, matrix @ avatar.uv, avatar.texture)
    mesh.metadata = {"targetNames": list(avatar.names)}
    weights = face.coefficients.expression if as_seen else np.zeros(len(avatar.names))

    def add_targets(buffers: dict[Any, bytes], tree: dict[str, Any]) -> None:
        """Add one accessor of offsets per morph target, which trimesh does not write."""
        (mesh,), targets = tree["meshes"], []
        for name, shape in zip(avatar.names, avatar._model.expression, strict=True):
            offsets = np.ascontiguousarray(matrix @ shape / 1000, "<f4")
            low, high = offsets.min(0).tolist(), offsets.max(0).tolist()
            view = {"bufferView": len(buffers), "componentType": 5126, "count": len(offsets), "type": "VEC3"}
            targets.append({"POSITION": len(tree["accessors"])})
            buffers[name] = offsets.tobytes()
            tree["accessors"][name] = view | {"min": low, "max": high}
        mesh["primitives"][0]["targets"] = targets
        mesh["weights"] = np.round(weights, 4).tolist()

    write_files({path: export_glb(mesh.scene(), include_normals=True, buffer_postprocessor=add_targets)})
    return path
