"""Draw the sheets of the gallery, ``docs/gallery/*.jpg``, by the default weights.

    python scripts/course/gallery.py [--portraits FOLDER] [--output docs/gallery] [people] [portraits] [failures]

``people`` shows the bundled photos. ``portraits`` shows photos of another collection, which you name: ``portraits`` of
``cjdowner/interfaces`` (CC0). ``failures`` shows the worst of many generated people, beside the truth: a person who
let us use a photo should not stand for a failure. Each sheet takes under a minute.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
from readme_pictures import around, depth_picture, enlarged, mesh_lines, turned

from lprnet_utils import Face, LPRNet
from lprnet_utils.common import data_path, read_image
from lprnet_utils.common.arrays import Image
from lprnet_utils.evaluation import landmark_nme
from lprnet_utils.geometry import render_mesh
from lprnet_utils.reconstruction import draw_landmarks
from lprnet_utils.synthetic import SyntheticFaces

ROOT = Path(__file__).resolve().parents[2]
TILE = 230  # pixels
PORTRAITS = "006", "009", "025", "028", "067", "082", "088", "096"
PEOPLE = "001", "020", "042", "067", "090", "125"
GENERATED, WORST, SEED = 240, 8, 26
QUALITY = 82


def tile(picture: Image) -> Image:
    """A square picture of the size of a tile."""
    way = cv2.INTER_AREA if len(picture) > TILE else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(picture), (TILE, TILE), interpolation=way)


def face_tiles(face: Face) -> list[Image]:
    """A photo, its mesh, the face turned, its shape alone, its depth."""
    large = enlarged(face)
    part = around(large, 0.15)
    side = -32 if face.pose.yaw >= 0 else 32  # toward the side that the photo shows
    pictures = [
        large.image[part],
        mesh_lines(large)[part],
        turned(face, side),
        render_mesh(face.frontal(), face.triangles, 500, side, -4),
    ]
    return list(map(tile, map(squared, [*pictures, depth_picture(large)[part]])))


def squared(picture: Image) -> Image:
    """The picture with white margins that make it square: the photo may end close to the face."""
    height, width = picture.shape[:2]
    side = max(height, width)
    out = np.full((side, side, 3), 255, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    out[top : top + height, left : left + width] = picture
    return out


def sheet(rows: Iterable[list[Image]], across: int = 1) -> PIL.Image.Image:
    """Rows of tiles, ``across`` of them beside each other."""
    rows = list(rows)
    gap = np.full((TILE, 12, 3), 255, np.uint8)
    lines = []
    for start in range(0, len(rows), across):
        parts = [np.concatenate(row, 1) for row in rows[start : start + across]]
        lines.append(np.concatenate([p for part in parts for p in (part, gap)][:-1], 1))
    return PIL.Image.fromarray(np.concatenate(lines))


def draw_photos(net: LPRNet, paths: Iterable[Path]) -> PIL.Image.Image:
    """A sheet of photos, each with the largest face in it."""
    rows = []
    for path in paths:
        faces = net.reconstruct(read_image(path))
        if not faces:
            raise SystemExit(f"there is no face in {path}")
        rows.append(face_tiles(faces[0]))
    return sheet(rows)


def failures(net: LPRNet) -> list[tuple[float, Image, Face, Face]]:
    """The worst of the generated photos: NME in % of the box, the photo, what was found, what is true."""
    source, found = SyntheticFaces(SEED), []
    for number in range(GENERATED):
        sample = source.sample(number)
        true = Face(sample.position_map, 1.0, np.zeros(4), sample.image, net.layout)
        points = true.landmarks[:, :2]
        face = net.reconstruct_in_box(sample.image, [*points.min(0), *points.max(0)])
        error = float(landmark_nme(face.landmarks[None, :, :2], points[None]).mean())
        found.append((error, sample.image, face, true))
    return sorted(found, key=lambda f: -f[0])


def draw_failures(net: LPRNet) -> PIL.Image.Image:
    """The worst generated photos: as they are, with the true landmarks (white) and with those found (green)."""
    found = failures(net)
    rows = []
    for error, image, face, true in found[:WORST]:
        print(f"{error:.1f} % of the box, yaw {true.pose.yaw:.0f} degrees")
        large, side = (cv2.resize(image, (3 * TILE, 3 * TILE), interpolation=cv2.INTER_CUBIC), 3 * TILE / len(image))
        drawn = [large]
        for one, color in ((true, (255, 255, 255)), (face, (60, 230, 90))):
            drawn.append(draw_landmarks(large, scaled(one, side), color=color))
        rows.append([tile(picture) for picture in drawn])
    print(f"median of {GENERATED}: {np.median([f[0] for f in found]):.1f} %")
    return sheet(rows, across=2)


def scaled(face: Face, factor: float) -> Face:
    """The face on its photo, enlarged by a factor."""
    places = face.position_map.copy()
    places[..., :2] = (places[..., :2] + 0.5) * factor - 0.5
    return Face(places, 1.0, face.box, face.image, face.layout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, help="the folder portraits of cjdowner/interfaces")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "gallery")
    parser.add_argument("sheets", nargs="*", help="people, portraits, failures; all by default")
    options = parser.parse_args()
    net = LPRNet()
    names = options.sheets or ["people", "failures", *(["portraits"] if options.portraits else [])]
    if "portraits" in names and options.portraits is None:
        parser.error("name the folder of the portraits: --portraits FOLDER")
    bundled = [data_path(f"samples/{name}.jpg") for name in ("astronaut", "grace_hopper")]
    bundled += [data_path(f"people/neutral-{name}.jpg") for name in PEOPLE]
    jobs = {
        "people": lambda: draw_photos(net, bundled),
        "portraits": lambda: draw_photos(net, [options.portraits / f"{name}.jpg" for name in PORTRAITS]),
        "failures": lambda: draw_failures(net),
    }
    if unknown := set(names) - set(jobs):
        parser.error(f"there is no sheet {', '.join(sorted(unknown))}; there are {', '.join(jobs)}")
    options.output.mkdir(parents=True, exist_ok=True)
    for name in names:
        jobs[name]().save(options.output / f"{name}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
