"""A face that moves: a .glb of the person, with the 51 expression shapes as morph targets under ARKit's names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .expressions import ShapeFitter
from .face import Face
from .images import Image
from .meshes import ending, textured, write_files
from .texture import enlarge
from .uv import MEMBRANE

MOUTH = (45, 18, 18)  # RGB of the dark inside
FLAT = 0.2  # of a usual texel's height in the photo: lips with less between them are closed


def neutral_vertices(face: Face) -> NDArray[np.float32]:
    """The face at rest: vertices (V, 3) in mm of the face frame, in the bundled model's topology.

    What the fitted expression moved is taken off; what no coefficient explains, and makes it this person, stays.
    """
    fitted, model = face.coefficients, ShapeFitter.load(face.layout.size).model
    seen = fitted.camera.unproject(face.layout.map_to_vertices(face.position_map))
    return (seen - np.tensordot(fitted.expression, model.expression, 1)).astype(np.float32)


def darken_mouth(face: Face, texture: Image) -> Image:
    """A texture (S, S, 3) with the inside of the mouth dark where the photo does not show it: it may be opened now.

    Not shown is what lies behind the lips, and what closed lips press into a line.
    """
    size, layout = len(texture), face.layout
    height = np.linalg.norm(np.gradient(face.position_map[..., :2], axis=0), axis=-1)  # of a texel, in pixels
    shown = face.texels_visible & (height > FLAT * np.median(height[layout.mask]))
    inside = (layout.kind == MEMBRANE) & (layout.texel_uv[..., 1] > 0.5)  # the eyes are in the upper half
    dark = (inside & ~shown).astype(np.float32)
    dark = enlarge(cv2.GaussianBlur(dark, (0, 0), 1), size)[..., None]
    return np.rint(texture + dark * (np.array(MOUTH) - texture)).astype(np.uint8)


def write_avatar(face: Face, path: str | Path, texture: int = 1024, as_seen: bool = False) -> Path:
    """Write a .glb that three.js, Blender and game engines can animate.

    One mesh in metres, frontal, y up, at the size of the mean face, with the photo's texture (hidden parts filled, see
    :meth:`Face.texture`) and a morph target for each expression. ``extras.targetNames`` names these, as glTF 2.0
    proposes (3.7.2.2) and three.js reads: ``mesh.morphTargetDictionary["jawOpen"]``. The names are ARKit's: what drives
    other avatars drives this one. Unlike other files it has the membrane that closes eyes and mouth: it carries the
    photo's eyes, and the dark inside of the mouth.

    Parameters
    ----------
    face : Face
    path : path
        Ends in ``.glb``.
    texture : int
        Side of the texture in texels.
    as_seen : bool
        With the photo's expression as initial weights, instead of at rest.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        For another ending.
    FileNotFoundError
        If there is no such folder.
    """
    path = ending(path, (".glb",))
    model = ShapeFitter.load(face.layout.size).model
    vertices = neutral_vertices(face)
    skin = darken_mouth(face, face.texture(texture))
    mesh = textured((vertices - vertices.mean(0)) / 1000, model.triangles, model.uv, skin)
    mesh.metadata = {"targetNames": list(model.expression_names)}
    weights = face.coefficients.expression if as_seen else np.zeros(len(model.expression))

    def add_targets(buffers: dict[Any, bytes], tree: dict[str, Any]) -> None:
        """What trimesh does not write itself: one accessor of offsets for each shape."""
        (mesh,), targets = tree["meshes"], []
        for name, shape in zip(model.expression_names, model.expression, strict=True):
            offsets = np.ascontiguousarray(shape / 1000, "<f4")
            low, high = offsets.min(0).tolist(), offsets.max(0).tolist()
            view = {"bufferView": len(buffers), "componentType": 5126, "count": len(offsets), "type": "VEC3"}
            targets.append({"POSITION": len(tree["accessors"])})
            buffers[name] = offsets.tobytes()
            tree["accessors"][name] = view | {"min": low, "max": high}
        mesh["primitives"][0]["targets"] = targets
        mesh["weights"] = np.round(weights, 4).tolist()

    from trimesh.exchange.gltf import export_glb

    write_files({path: export_glb(mesh.scene(), include_normals=True, buffer_postprocessor=add_targets)})
    return path
