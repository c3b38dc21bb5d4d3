"""Draw the pictures of README.md from a bundled photo in the public domain.

    python scripts/course/readme_pictures.py [--output docs] [turning] [strip] [makes] [pipeline]

``turning.gif`` is the photo beside the face that turns, ``strip.jpg`` has the results of one call, ``makes.jpg`` what
can be made of them, ``pipeline.png`` the way from the photo to the mesh. Without names it draws all four, in half a
minute, and the same bytes each time.
"""

import argparse
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from matplotlib.patches import FancyArrowPatch

from lprnet_utils import Face, LPRNet
from lprnet_utils.avatar import Avatar, draw_avatar
from lprnet_utils.common import data_path, read_image
from lprnet_utils.common.arrays import Image
from lprnet_utils.geometry import crop_matrix, render_mesh, warp_image
from lprnet_utils.reconstruction import draw_gaze, draw_landmarks
from lprnet_utils.viewer import paint, relight

ROOT = Path(__file__).resolve().parents[2]
PANEL_INCHES = 3.0
MARGIN = 0.1  # of the face's height, shown around it
ENLARGEMENT = 3
GIF_SIDE, GIF_FRAMES, GIF_YAW, GIF_COLORS = 300, 30, 55.0, 64
GIF_MILLISECONDS = 80


def enlarged(face: Face) -> Face:
    """The face on a photo ``ENLARGEMENT`` times as large, so that lines drawn over it are fine."""
    height, width = face.image.shape[:2]
    image = cv2.resize(face.image, (ENLARGEMENT * width, ENLARGEMENT * height), interpolation=cv2.INTER_CUBIC)
    centres = (face.position_map[..., :2] + 0.5) * ENLARGEMENT - 0.5
    position_map = np.concatenate([centres, ENLARGEMENT * face.position_map[..., 2:]], -1).astype(np.float32)
    shift, scale = np.array([0.5, 0.5, 0]), ENLARGEMENT
    look = replace(face.closer_look, irises=(face.closer_look.irises + shift) * scale - shift)
    return replace(face, image=image, position_map=position_map, closer_look=look)


def around(face: Face, margin: float = MARGIN) -> tuple[slice, slice]:
    """The square part of the photo around a face."""
    points = face.vertices[:, :2]
    middle, half = (points.min(0) + points.max(0)) / 2, (0.5 + margin) * np.ptp(points, axis=0).max()
    left, top = np.maximum(np.rint(middle - half).astype(int), 0)
    return np.s_[top : round(middle[1] + half), left : round(middle[0] + half)]


def turned(face: Face, yaw: float, size: int = 500, pitch: float = -4.0) -> Image:
    """The face with the photo's colours, turned, on white."""
    mesh = face.mesh(texture=1024, frontal=True)
    texture = np.array(mesh.visual.material.baseColorTexture)
    return render_mesh(1000 * mesh.vertices, mesh.faces, size, yaw, pitch, texture, face.uv)


def depth_picture(face: Face) -> Image:
    """Depth in colours, of the size of the photo: near is light."""
    depth = face.depth_map()
    shown = plt.get_cmap("magma")(plt.Normalize(np.nanmin(depth), np.nanmax(depth))(depth))[..., :3]
    return (255 * np.where(np.isnan(depth)[..., None], 1.0, shown)).astype(np.uint8)


def map_picture(face: Face) -> Image:
    """The position map, each coordinate over its own range, as red, green and blue."""
    low, high = (f(face.vertices, 0) for f in (np.min, np.max))
    code = np.where(face.layout.mask[..., None], (face.position_map - low) / (high - low), 1.0)
    return (255 * np.clip(code, 0, 1)).astype(np.uint8)


def mesh_lines(face: Face, step: int = 6) -> Image:
    """The photo with the lines of every ``step``-th row and column of the map, where they are seen."""
    out = np.ascontiguousarray(face.image).copy()
    seen = np.zeros(face.layout.mask.shape, bool)
    seen.flat[face.layout.texels] = face.visible
    fixed = np.rint(16 * face.position_map[..., :2]).astype(np.int32)
    for points, shown in ((fixed, seen), (fixed.swapaxes(0, 1), seen.T)):
        for line, visible in zip(points[::step], shown[::step], strict=True):
            for start, end in np.flatnonzero(np.diff(np.r_[0, visible, 0])).reshape(-1, 2).tolist():
                cv2.polylines(out, [np.ascontiguousarray(line[start:end])], False, (235, 245, 255), 1, cv2.LINE_AA, 4)
    return out


def results(face: Face) -> dict[str, Image]:
    """Pictures of what one call gives, by title."""
    large = enlarged(face)
    part = around(large)
    return {
        "a photo": large.image[part],
        "mesh": mesh_lines(large)[part],
        "depth": depth_picture(large)[part],
        "UV position map": map_picture(face),
        "avatar": draw_avatar(Avatar(face), 500, 28, 0),
    }


def painted(face: Face) -> Image:
    """The photo with butterfly wings painted on the texture."""
    texture = face.texture(512).copy()
    layer, (y, x) = texture.astype(np.float32), np.mgrid[:512, :512]
    right, left = (face.layout.pupils(face.layout.texel_uv)[k, :2] * 512 for k in (0, 1))
    across, middle = np.linalg.norm(left - right), (left + right) / 2
    for sign, eye in ((-1, right), (1, left)):
        centre = eye + [sign * 0.12 * across, -0.05 * across]
        far = np.hypot((x - centre[0]) / 0.62, (y - centre[1]) / 0.42) / across
        bands = np.select([far < 0.42, far < 0.62, far < 0.95, far < 1.05], [-1, 0, 1, 2], -1)
        for band, color in enumerate(((250, 210, 70), (30, 90, 170), (15, 30, 60))):
            layer[bands == band] = 0.35 * layer[bands == band] + 0.65 * np.float32(color)
    spots = (np.hypot(x - middle[0], y - middle[1] + 0.45 * across) < 0.07 * across)[..., None]
    layer = np.where(spots, np.float32((250, 210, 70)), layer)
    return paint(face, np.rint(cv2.GaussianBlur(layer, (0, 0), 1.5)).astype(np.uint8))


def made(face: Face) -> dict[str, Image]:
    """Pictures of what can be made of a face, by title."""
    large = enlarged(face)
    part, avatar = around(large, 0.3), Avatar(face)
    smile = {"jawOpen": 0.25, "mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "browInnerUp": 0.5}
    return {
        "a mesh to turn": turned(face, -38),
        "landmarks, gaze": draw_gaze(draw_landmarks(large.image, large), large)[around(large)],
        "paint on the skin": painted(large)[part],
        "another light": relight(large, (1.0, 0.3, 0.5), 0.15, (1.0, 0.8, 0.55))[part],
        "its texture": face.texture(512),
        "an avatar that moves": draw_avatar(avatar, 500, -25, 0, smile),
    }


def steps(net: LPRNet, photo: Image) -> dict[str, Image]:
    """Pictures of the way from the photo to the mesh; ``None`` is the network."""
    (found, *_), (face, *_) = net.detector.detect(photo), net.reconstruct(photo)
    crop = warp_image(photo, crop_matrix(found.box, net.size, found.angle), net.size)
    framed, (left, top, right, bottom) = photo.copy(), (round(float(v)) for v in found.box)
    cv2.rectangle(framed, (left, top), (right, bottom), (255, 210, 60), 4, cv2.LINE_AA)
    return {
        "photo, face found": framed,
        f"crop, {net.size} x {net.size}": crop,
        "network": None,
        "position map": map_picture(face),
        "mesh": turned(face, -32),
    }


def draw_row(pictures: dict[str, Image], arrows: int | None = None) -> PIL.Image.Image:
    """The pictures side by side, titles below, with an arrow from each, or from the first ``arrows``, to the next."""
    fig, axes = plt.subplots(1, len(pictures), figsize=(PANEL_INCHES * len(pictures), PANEL_INCHES * 1.12))
    fig.subplots_adjust(left=0.004, right=0.996, bottom=0.1, top=1, wspace=0.05 if arrows == 0 else 0.13)
    for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
        if picture is None:
            draw_network(ax)
        else:
            ax.imshow(picture, interpolation="lanczos")
        ax.set_title(title, y=-0.1, fontsize=17)
        ax.axis("off")
    for left, right in list(zip(axes, axes[1:], strict=False))[:arrows]:
        start, end = left.get_position().x1, right.get_position().x0
        middle = (left.get_position().y0 + left.get_position().y1) / 2
        arrow = FancyArrowPatch((start + 0.001, middle), (end - 0.001, middle), transform=fig.transFigure, color="0.4")
        arrow.set(arrowstyle="-|>", mutation_scale=18, linewidth=2)
        fig.add_artist(arrow)
    file = io.BytesIO()
    fig.savefig(file, dpi=100)
    plt.close(fig)
    return PIL.Image.open(file).convert("RGB")


def draw_network(ax: plt.Axes, levels: Sequence[int] = (128, 64, 32, 16, 8, 16, 32, 64, 128)) -> None:
    """Bars for the layers of an encoder and a decoder: as high as their maps, wider where they have more channels."""
    left = 0.0
    for level in levels:
        width = 5.0 + 90.0 / level**0.5
        shade = plt.get_cmap("Blues")(0.35 + 0.5 * (1 - level / 128))
        ax.add_patch(plt.Rectangle((left, -level / 2), width, level, facecolor=shade, edgecolor="0.25"))
        left += width + 4
    ax.set(xlim=(-6, left + 2), ylim=(-left / 2 - 4, left / 2 + 4), aspect="equal")


def draw_turning(face: Face) -> list[PIL.Image.Image]:
    """Frames: the photo on the left; on the right the mesh appears on it, then turns from side to side and nods."""
    large = enlarged(face)
    part = around(large, 0.25)
    photo = cv2.resize(large.image[part], (GIF_SIDE, GIF_SIDE), interpolation=cv2.INTER_AREA)
    lines = cv2.resize(mesh_lines(large)[part], (GIF_SIDE, GIF_SIDE), interpolation=cv2.INTER_AREA)
    frames = []
    for angle in np.linspace(0, 2 * np.pi, GIF_FRAMES, endpoint=False):
        picture = turned(face, GIF_YAW * np.sin(angle), GIF_SIDE, 12 * np.sin(2 * angle))
        left = lines if angle >= np.pi else photo
        gap = np.full((GIF_SIDE, 8, 3), 255, np.uint8)
        frames.append(PIL.Image.fromarray(np.concatenate([left, gap, picture], 1)))
    # one palette for all frames, from the first and the middle one: colours do not flicker
    both = PIL.Image.fromarray(np.concatenate([np.array(frames[0]), np.array(frames[GIF_FRAMES // 2])]))
    palette = both.quantize(GIF_COLORS, method=PIL.Image.Quantize.MEDIANCUT)
    return [frame.quantize(palette=palette, dither=PIL.Image.Dither.NONE) for frame in frames]


def write_turning(face: Face, path: Path) -> None:
    first, *others = draw_turning(face)
    first.save(path, save_all=True, append_images=others, duration=GIF_MILLISECONDS, loop=0, optimize=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    parser.add_argument("pictures", nargs="*", help="turning, strip, makes, pipeline; all by default")
    options = parser.parse_args()
    net, photo = LPRNet(), read_image(data_path("samples/astronaut.jpg"))
    face = net.reconstruct(photo)[0]
    jobs: dict[str, Callable[[], object]] = {
        "turning": lambda: write_turning(face, options.output / "turning.gif"),
        "strip": lambda: draw_row(results(face), arrows=1).save(options.output / "strip.jpg", quality=88),
        "makes": lambda: draw_row(made(face), arrows=0).save(options.output / "makes.jpg", quality=88),
        "pipeline": lambda: draw_row(steps(net, photo)).save(options.output / "pipeline.png", optimize=True),
    }
    if unknown := set(options.pictures) - set(jobs):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}; there are {', '.join(jobs)}")
    for name in options.pictures or jobs:
        jobs[name]()


if __name__ == "__main__":
    main()
