"""Draw mesh files: save the face of each photo as .glb and .obj, read both again, draw them from five directions.

    python scripts/course/render_files.py PHOTO... --output outputs/files

Writes ``NAME.sheet.png`` for each photo: above the .glb file, below the .obj file, in the colours of their materials.
It takes a second for each photo.
"""

import argparse
from pathlib import Path

import numpy as np
import PIL.Image
import trimesh

from lprnet_utils import LPRNet
from lprnet_utils.common.arrays import Image
from lprnet_utils.geometry import render_mesh
from lprnet_utils.reconstruction import DEFAULT_WEIGHTS

DIRECTIONS = ((-80, 0), (-40, 0), (0, 0), (40, 0), (20, 35))  # yaw and pitch in degrees
VIEW_SIZE = 320  # pixels


def drawn(path: Path) -> Image:
    """A mesh file drawn from five directions, with its texture and the colour that multiplies it."""
    mesh = trimesh.load(path, force="mesh", process=False)
    material = mesh.visual.material
    if path.suffix == ".glb":
        picture, factor = material.baseColorTexture, material.baseColorFactor
        factor = np.ones(3) if factor is None else np.asarray(factor[:3]) / 255
    else:
        picture, factor = material.image, np.asarray(material.diffuse[:3]) / 255
    texture = np.array(picture.convert("RGB")) * factor
    uv = mesh.visual.uv * [1, -1] + [0, 1]
    vertices, faces = 1000 * mesh.vertices, mesh.faces
    views = [render_mesh(vertices, faces, VIEW_SIZE, yaw, pitch, texture, uv) for yaw, pitch in DIRECTIONS]
    return np.concatenate(views, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument("--output", type=Path, default=Path("outputs/files"))
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    net = LPRNet(options.weights)
    for photo in options.photos:
        faces = net.reconstruct(photo, max_faces=1)
        if not faces:
            print(f"no face in {photo}")
            continue
        paths = [faces[0].save(options.output / f"{photo.stem}{ending}", frontal=True) for ending in (".glb", ".obj")]
        sheet = np.concatenate([drawn(path) for path in paths])
        target = options.output / f"{photo.stem}.sheet.png"
        PIL.Image.fromarray(sheet).save(target)
        print(target)


if __name__ == "__main__":
    main()
