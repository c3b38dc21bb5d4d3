"""Textured meshes and mesh files: .glb, .obj and .ply. An error never leaves a partly written file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Image
from ..common.files import write_files
from ..common.names import with_hash

if TYPE_CHECKING:
    import trimesh

ENDINGS = (".glb", ".obj", ".ply", ".npz")
SKIN_ROUGHNESS = 0.9  # of the glTF material
PLAIN_BYTES = 240  # of a name without its ending


def textured(vertices: ArrayLike, triangles: ArrayLike, uv: ArrayLike, texture: Image) -> trimesh.Trimesh:
    """A mesh with a texture (S, S, 3) at ``uv`` (n, 2): u right, v down, 0 to 1."""
    import trimesh
    from PIL import Image as pil
    from trimesh.visual.material import PBRMaterial

    # matt skin; both sides are drawn because the face is an open shell
    options = {"metallicFactor": 0.0, "roughnessFactor": SKIN_ROUGHNESS, "doubleSided": True}
    material = PBRMaterial("face", baseColorTexture=pil.fromarray(texture), **options)
    up = np.asarray(uv, float) * [1, -1] + [0, 1]  # trimesh and .obj files have v up
    visual = trimesh.visual.TextureVisuals(uv=up, material=material)
    return trimesh.Trimesh(vertices, triangles, visual=visual, process=False)


def save_mesh(mesh: trimesh.Trimesh, path: Path) -> Path:
    """Write a mesh as .glb, .obj (with .mtl and .png) or .ply, and return the path.

    The ending chooses the format; :meth:`lprnet_utils.Face.save` describes them.
    """
    ending = path.suffix.lower()
    if ending == ".ply":
        write_files({path: mesh.export(file_type="ply")})
        return path
    if ending == ".glb":
        if mesh.visual.kind == "vertex":
            mesh = mesh.copy()
            # glTF's vertex colours are linear light, its textures sRGB (glTF 2.0, 3.7.2.1)
            mesh.visual.vertex_colors[:, :3] = to_linear(mesh.visual.vertex_colors[:, :3])
        write_files({path: mesh.export(file_type="glb", include_normals=True, tree_postprocessor=_add_skin_material)})
        return path
    from trimesh.exchange.obj import export_obj
    from trimesh.visual.material import SimpleMaterial

    stem = _plain(path.stem)
    if mesh.visual.kind == "texture":
        mesh = mesh.copy()
        # the .mtl format multiplies the texture by Kd; trimesh's default of 0.4 would darken it. Ks = 0: matt skin
        material = SimpleMaterial(mesh.visual.material.baseColorTexture, [255] * 4, [255] * 4, [0, 0, 0, 255])
        material.name = stem
        mesh.visual.material = material
    text, others = export_obj(mesh, return_texture=True, mtl_name=f"{stem}.mtl", header="lprnet_utils")
    write_files({**{path.parent / name: data for name, data in others.items()}, path: text.encode()})
    return path


def _plain(stem: str) -> str:
    """The name of the files beside an .obj. A space ends a name in it, and its text is UTF-8, so others have a hash."""
    plain = re.sub(r"[\s\x00-\x1f\x7f\ud800-\udfff]", "_", stem)
    return stem if plain == stem else with_hash(plain, stem, PLAIN_BYTES)


def _add_skin_material(tree: dict[str, Any]) -> None:
    """Add a material to a glTF mesh without one: glTF's default is metal, which is black without surroundings."""
    if "materials" not in tree:
        skin = {"metallicFactor": 0.0, "roughnessFactor": SKIN_ROUGHNESS}
        tree["materials"] = [{"pbrMetallicRoughness": skin, "doubleSided": True}]
        for mesh in tree["meshes"]:
            for primitive in mesh["primitives"]:
                primitive["material"] = 0


def linear_light(colors: ArrayLike) -> NDArray[np.float64]:
    """Linear light, 0 to 1, of sRGB colours, 0 to 255 (IEC 61966-2-1)."""
    c = np.asarray(colors, float) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def srgb(linear: ArrayLike) -> NDArray[np.uint8]:
    """SRGB colours, 0 to 255, of linear light; values outside 0 to 1 are clipped."""
    c = np.clip(linear, 0, 1)
    return np.rint(255 * np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)).astype(np.uint8)


def to_linear(colors: ArrayLike) -> NDArray[np.uint8]:
    """:func:`linear_light` in whole numbers, 0 to 255."""
    return np.rint(255 * linear_light(colors)).astype(np.uint8)
