"""Draw ``docs/strip.jpg``, the strip at the top of README.md: a photo, and the results of one call.

    python scripts/course/readme_strip.py [--photo PHOTO] [--output docs/strip.jpg]

It takes a few seconds.
"""

import argparse
import io
from dataclasses import replace
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from matplotlib.patches import FancyArrowPatch

from lprnet_utils import Face, LPRNet
from lprnet_utils.common import data_path, read_image
from lprnet_utils.common.arrays import Image
from lprnet_utils.geometry import render_mesh
from lprnet_utils.reconstruction import draw_landmarks

ROOT = Path(__file__).resolve().parents[2]
PANEL_INCHES = 3.0
MARGIN = 0.1  # of the face's height, shown around it
ENLARGEMENT = 3


def enlarged(face: Face) -> Face:
    """The face on a photo ``ENLARGEMENT`` times as large, so that lines drawn over it are fine."""
    height, width = face.image.shape[:2]
    image = cv2.resize(face.image, (ENLARGEMENT * width, ENLARGEMENT * height), interpolation=cv2.INTER_CUBIC)
    centres = (face.position_map[..., :2] + 0.5) * ENLARGEMENT - 0.5
    position_map = np.concatenate([centres, ENLARGEMENT * face.position_map[..., 2:]], -1).astype(np.float32)
    return replace(face, image=image, position_map=position_map)


def panels(face: Face) -> dict[str, Image]:
    """Pictures of the face by title."""
    face = enlarged(face)
    points = face.vertices[:, :2]
    middle, half = (points.min(0) + points.max(0)) / 2, (0.5 + MARGIN) * np.ptp(points, axis=0).max()
    left, top = np.maximum(np.rint(middle - half).astype(int), 0)
    region = np.s_[top : round(middle[1] + half), left : round(middle[0] + half)]

    mesh = face.mesh(texture=1024, frontal=True)
    texture = np.array(mesh.visual.material.baseColorTexture)
    turned = render_mesh(1000 * mesh.vertices, mesh.faces, 500, -38, -4, texture, face.uv)

    depth = face.depth_map()[region]
    shown = plt.get_cmap("magma")(plt.Normalize(np.nanmin(depth), np.nanmax(depth))(depth))[..., :3]
    shown = np.where(np.isnan(depth)[..., None], 1.0, shown)

    # each coordinate over its own range, as red, green and blue
    low, high = (f(face.vertices, 0) for f in (np.min, np.max))
    code = np.where(face.layout.mask[..., None], (face.position_map - low) / (high - low), 1.0)
    return {
        "a photo": face.image[region],
        "68 landmarks": draw_landmarks(face.image, face)[region],
        "the face, turned": turned,
        "its depth": (255 * shown).astype(np.uint8),
        "its UV position map": (255 * np.clip(code, 0, 1)).astype(np.uint8),
    }


def draw_strip(pictures: dict[str, Image]) -> PIL.Image.Image:
    """The pictures side by side, titles below, with an arrow from each to the next."""
    fig, axes = plt.subplots(1, len(pictures), figsize=(PANEL_INCHES * len(pictures), PANEL_INCHES * 1.12))
    fig.subplots_adjust(left=0.004, right=0.996, bottom=0.1, top=1, wspace=0.13)
    for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
        ax.imshow(picture, interpolation="lanczos")
        ax.set_title(title, y=-0.1, fontsize=15)
        ax.axis("off")
    for left, right in zip(axes, axes[1:], strict=False):
        start, end = left.get_position().x1, right.get_position().x0
        middle = (left.get_position().y0 + left.get_position().y1) / 2
        arrow = FancyArrowPatch((start + 0.001, middle), (end - 0.001, middle), transform=fig.transFigure, color="0.4")
        arrow.set(arrowstyle="-|>", mutation_scale=18, linewidth=2)
        fig.add_artist(arrow)
    file = io.BytesIO()
    fig.savefig(file, dpi=100)
    return PIL.Image.open(file).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, default=data_path("samples/astronaut.jpg"))
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "strip.jpg")
    options = parser.parse_args()
    faces = LPRNet().reconstruct(read_image(options.photo))
    if not faces:
        raise SystemExit(f"there is no face in {options.photo}")
    draw_strip(panels(faces[0])).save(options.output, quality=88)


if __name__ == "__main__":
    main()
