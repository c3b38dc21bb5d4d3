"""Build ``web/public/files/page``: what the web page shows besides the networks.

    python scripts/assets/build_page_files.py

The sample photo, the avatar's head (``page_head.py``), masks and generated faces (``page_paint.py``) with small
pictures of them, and the icons of the installed page. Nothing of it is a photo of a person but the sample, NASA's
portrait in the public domain. It takes about a minute.
"""

import argparse
import io
from pathlib import Path

import cv2
import numpy as np
from page_head import head_glb
from page_paint import MASKS, PEOPLE, over, person_texture
from PIL import Image

from lprnet_utils import UVLayout
from lprnet_utils.geometry.shading import render_mesh

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "web" / "public" / "files" / "page"
THUMBNAIL = 144  # pixels
CLAY = (214, 210, 205)
ICONS = {
    "icon-192.png": (192, 0.92),
    "icon-512.png": (512, 0.92),
    "icon-maskable.png": (512, 0.68),
    "icon-180.png": (180, 0.8),
}
ICON_TOP, ICON_BOTTOM = (23, 92, 106), (8, 38, 49)
ICON_YAW = -24.0


def webp(picture: np.ndarray, quality: int) -> bytes:
    """A picture as WebP; colours below a low opacity stay."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "WEBP", quality=quality, method=6, exact=True)
    return out.getvalue()


def mean_face(texture: np.ndarray, size: int, yaw: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """The mean face with a texture: (size, size, 3) and where it is, (size, size) 0 to 1."""
    layout = UVLayout()
    matrix, triangles = layout.trimmed_mesh()
    vertices, uv = matrix @ layout.flat(layout.mean_map), matrix @ layout.texel_uv.reshape(-1, 3)[:, :2]
    fine = render_mesh(vertices, triangles, 2 * size, yaw=yaw, colors=texture, uv=uv)
    flat = render_mesh(vertices, triangles, 2 * size, yaw=yaw, colors=np.zeros((8, 8, 3), np.uint8), uv=uv)
    small = [cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) for p in (fine, flat)]
    cover = 1 - small[1][..., 0] / 255
    return (small[0] - 255 * (1 - cover[..., None])) / np.maximum(cover[..., None], 1e-3), cover


def thumbnail(texture: np.ndarray) -> bytes:
    """A small picture of the mean face with a texture, without a background."""
    colors, cover = mean_face(texture, THUMBNAIL, 12.0)
    return webp(np.uint8(np.clip(np.rint(np.dstack([colors, 255 * cover])), 0, 255)), 82)


def icon(size: int, share: float) -> bytes:
    """The mean face in facets on a calm ground; the face takes a share of the height. PNG with 256 colours."""
    mask = MASKS["facets"]().astype(np.float32)
    texture = over(np.zeros_like(mask[..., :3]) + CLAY, mask[..., :3], mask[..., 3] / 255)
    face = round(size * share)
    colors, cover = mean_face(np.uint8(texture), face, ICON_YAW)
    ground = np.linspace(ICON_TOP, ICON_BOTTOM, size)[:, None] * np.ones((1, size, 1))
    top, left = (size - face) // 2, (size - face) // 2
    part = ground[top : top + face, left : left + face]
    part[:] = over(part, colors, cover)
    picture = Image.fromarray(np.uint8(np.clip(np.rint(ground), 0, 255))).quantize(256)  # with the gradient dithered
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def page_files() -> dict[str, bytes]:
    """The files by name."""
    files = {"sample.jpg": (ROOT / "data" / "samples" / "astronaut.jpg").read_bytes(), "head.glb": head_glb()}
    for name, draw in MASKS.items():
        mask = draw()
        files[f"mask-{name}.webp"] = webp(mask, 80)
        painted = over(np.zeros((*mask.shape[:2], 3), np.float32) + CLAY, mask[..., :3], mask[..., 3] / 255)
        files[f"mask-{name}-small.webp"] = thumbnail(np.uint8(painted))
    for name, person in PEOPLE.items():
        face = person_texture(person)
        files[f"face-{name}.webp"] = webp(face, 80)
        files[f"face-{name}-small.webp"] = thumbnail(np.ascontiguousarray(face[..., :3]))
    return files | {name: icon(*how) for name, how in ICONS.items()}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in page_files().items():
        (FOLDER / name).write_bytes(data)
        print(f"{name}: {len(data):,} bytes")


if __name__ == "__main__":
    # --help must not write anything
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
