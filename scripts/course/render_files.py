"""Draw the files of a face from five directions, to look at: is it closed, its border clean, its skin that of the face?

    python scripts/course/render_files.py PHOTO... --output outputs/files

Writes ``NAME.sheet.png`` for each photo. The rows show the .glb file, the .obj file and the avatar at rest, read again
and drawn in the colours of their materials; the 3D face that stands beside a video; and, if Chromium or Chrome is
installed, the .html file in the browser.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import PIL.Image
import trimesh

from lprnet_utils import LPRNet
from lprnet_utils.avatar import write_avatar
from lprnet_utils.common.arrays import Image
from lprnet_utils.geometry import render_mesh
from lprnet_utils.reconstruction import DEFAULT_WEIGHTS, Face
from lprnet_utils.video.panel import FaceColors, render_rotated
from lprnet_utils.viewer.face_page import face_page

DIRECTIONS = ((-80, 0), (-40, 0), (0, 0), (40, 0), (20, 35))  # yaw and pitch in degrees
VIEW_SIZE = 320  # pixels
HEAD_SCALE = 0.66  # so that a whole head is in the view
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
BROWSER_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # it opens our own page alone, and the administrator cannot use the sandbox
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--hide-scrollbars",
    "--virtual-time-budget=5000",  # milliseconds, in which the page draws the face
)


def drawn(path: Path, scale: float = 1.0) -> Image:
    """A mesh file drawn from five directions, with its texture and the colour that multiplies it.

    Of an avatar all that has the first texture is drawn: not its hair and its lashes.
    """
    scene = trimesh.load(path, force="scene", process=False)
    meshes = scene.dump() if path.suffix == ".glb" else list(scene.geometry.values())
    solid = [mesh for mesh in meshes if getattr(mesh.visual.material, "alphaMode", None) in (None, "OPAQUE")]
    mesh = solid[0] if len(solid) == 1 else joined(solid)
    material = mesh.visual.material
    if path.suffix == ".glb":
        picture, factor = material.baseColorTexture, material.baseColorFactor
        factor = np.ones(3) if factor is None else np.asarray(factor[:3]) / 255
    else:
        picture, factor = material.image, np.asarray(material.diffuse[:3]) / 255
    texture = np.array(picture.convert("RGB")) * factor
    uv = mesh.visual.uv * [1, -1] + [0, 1]
    vertices, faces = 1000 * scale * mesh.vertices, mesh.faces
    views = [render_mesh(vertices, faces, VIEW_SIZE, yaw, pitch, texture, uv) for yaw, pitch in DIRECTIONS]
    return np.concatenate(views, 1)


def joined(meshes: list[trimesh.Trimesh]) -> trimesh.Trimesh:
    """Meshes with the same texture as one."""
    first = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = np.concatenate([mesh.faces + n for mesh, n in zip(meshes, first, strict=False)])
    uv = np.concatenate([mesh.visual.uv for mesh in meshes])
    visual = trimesh.visual.TextureVisuals(uv=uv, material=meshes[0].visual.material)
    return trimesh.Trimesh(np.concatenate([mesh.vertices for mesh in meshes]), faces, visual=visual, process=False)


def beside_a_video(face: Face) -> Image:
    """The 3D face beside a video, from five directions."""
    colors = FaceColors().update(face, 0.0)
    return np.concatenate([render_rotated(face, VIEW_SIZE, yaw, pitch, colors) for yaw, pitch in DIRECTIONS], 1)


def in_a_browser(page: Path) -> Image:
    """A page with a face in a browser's window, from five directions."""
    views = []
    for yaw, pitch in DIRECTIONS:
        address = f"{page.absolute().as_uri()}#yaw={yaw}&pitch={pitch}"
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            picture = Path(profile, "view.png")
            options = f"--window-size={VIEW_SIZE},{VIEW_SIZE}", f"--screenshot={picture}", f"--user-data-dir={profile}"
            subprocess.run([BROWSER, *BROWSER_OPTIONS, *options, address], check=True, capture_output=True, timeout=60)
            views.append(np.array(PIL.Image.open(picture).convert("RGB")))
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
        avatar = write_avatar(faces[0], options.output / f"{photo.stem}.avatar.glb")
        rows = [*(drawn(path) for path in paths), drawn(avatar, HEAD_SCALE), beside_a_video(faces[0])]
        page = options.output / f"{photo.stem}.html"
        page.write_text(face_page(faces[0], photo.stem), encoding="utf-8")
        rows += [in_a_browser(page)] if BROWSER else []
        sheet = np.concatenate(rows)
        target = options.output / f"{photo.stem}.sheet.png"
        PIL.Image.fromarray(sheet).save(target)
        print(target)


if __name__ == "__main__":
    main()
