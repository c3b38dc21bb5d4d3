"""Count the faces that are found although the picture's edge cuts them, and the false alarms on parts without a face.

    python scripts/benchmarks/measure_cut_faces.py                        # bundled and rendered photos
    python scripts/benchmarks/measure_cut_faces.py --photos FOLDER        # photos of one face each instead
    PYTHONPATH=../before python scripts/benchmarks/measure_cut_faces.py   # another checkout, to compare

Each crop cuts away 10 to 50 % of the box of the face's 68 landmarks, on one side or on two sides that meet. The true
box of a rendered face is known; that of a photo comes from the whole photo. A face counts as found if its box and the
true one have an intersection over union of 0.5 or more. The pictures without a face are parts of photos that keep away
from the head, and of scikit-image's photos. The columns: crops in which the detector finds nothing at all; faces that
it finds; faces that ``LPRNet`` finds, which drops what has no face's shape. The same seed gives the same crops. It
takes three minutes.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lprnet_utils import LPRNet
from lprnet_utils.common import data_path, read_image
from lprnet_utils.common.arrays import Array, Image
from lprnet_utils.geometry import landmark_box
from lprnet_utils.geometry.landmarks import overlap
from lprnet_utils.synthetic import rendered_clip
from lprnet_utils.synthetic.effects import background_photos

MIN_IOU = 0.5
SIDES = ("left", "top", "right", "bottom")  # in the order of a box's numbers
SHARES = ((0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5))  # of the box that the edge cuts away


class Photo(NamedTuple):
    """A photo of one face."""

    image: Image
    landmarks: Array  # (68, 2) in pixels

    @property
    def box(self) -> Array:
        return landmark_box(self.landmarks)


class Crop(NamedTuple):
    """A part of a photo whose edge cuts the face."""

    image: Image
    landmarks: Array  # (68, 2) in pixels of the crop
    sides: tuple[str, ...]
    share: float  # of the box, the largest of all sides


def rendered_photos(count: int) -> Iterator[Photo]:
    """Rendered people who look in many directions, with their true landmarks."""
    for seed in range(count):
        rng = np.random.default_rng([seed, 7])
        pose = tuple(rng.uniform(-1, 1, 3) * (15, 50, 10))
        clip = rendered_clip(1, (640, 640), seed=seed, height=rng.uniform(0.2, 0.4), pose=lambda t, pose=pose: pose)
        yield Photo(clip[0].image, clip.landmarks(0)[0, :, :2])


def whole_photos(net: LPRNet, paths: list[Path]) -> Iterator[Photo]:
    """Photos in which exactly one face is found, with its landmarks."""
    for path in paths:
        image = read_image(path)
        faces = net.reconstruct(image)
        if len(faces) == 1:
            yield Photo(image, faces[0].landmarks[:, :2])


def cut_face(photo: Photo, rng: np.random.Generator) -> Crop:
    """A random crop whose edge cuts the face's box on one side or on two that meet; it ends at the photo's edges."""
    first = int(rng.integers(4))
    sides = (first,) if rng.random() < 0.5 else (first, (first + 1) % 4)
    shares = np.zeros(4)
    shares[list(sides)] = rng.uniform(SHARES[0][0], SHARES[-1][1], len(sides))
    extent = np.tile(photo.box[2:] - photo.box[:2], 2)
    outward = np.array([-1, -1, 1, 1])
    free = photo.box + outward * extent * rng.uniform(0.3, 2.5, 4)
    window = np.where(shares > 0, photo.box - outward * extent * shares, free)
    x0, y0, x1, y1 = np.clip(np.rint(window), 0, np.tile(photo.image.shape[1::-1], 2)).astype(int)
    names = tuple(SIDES[side] for side in sides)
    return Crop(np.ascontiguousarray(photo.image[y0:y1, x0:x1]), photo.landmarks - [x0, y0], names, shares.max())


def part_without_face(photo: Photo | Image, rng: np.random.Generator) -> Image | None:
    """A random part of a photo, well away from its head; None if a few tries find no room."""
    image = photo.image if isinstance(photo, Photo) else photo
    height, width = image.shape[:2]
    for _ in range(20):
        w, h = (int(rng.uniform(0.15, 1) * length) for length in (width, height))
        x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
        if isinstance(photo, Photo):
            low, high = photo.box[:2], photo.box[2:]
            head = np.r_[low - 0.6 * (high - low), high + 0.3 * (high - low)]
            if min(x + w, head[2]) > max(x, head[0]) and min(y + h, head[3]) > max(y, head[1]):
                continue
        if min(w, h) >= 48:
            return np.ascontiguousarray(image[y : y + h, x : x + w])
    return None


def find(net: LPRNet, image: Image) -> tuple[list[Array], list[Array]]:
    """The boxes of the detector, and the landmarks (68, 2) of the faces that are left after the network's check."""
    found = [face.box for face in net.detector.detect(image)]
    return found, [face.landmarks[:, :2] for face in net.reconstruct(image)] if found else []


def hits(boxes: list[Array], true_box: Array) -> bool:
    return bool(boxes) and overlap(np.array(boxes), true_box).max() >= MIN_IOU


def visible_error(crop: Crop, landmarks: Array) -> float:
    """Mean distance of the landmarks that the crop shows from the true ones, in sides of the true box."""
    limits = np.array(crop.image.shape[1::-1]) - 1
    shown = ((crop.landmarks >= 0) & (crop.landmarks <= limits)).all(1)
    side = np.sqrt(np.prod(np.ptp(crop.landmarks, axis=0)))
    return float(np.linalg.norm(landmarks - crop.landmarks, axis=1)[shown].mean() / side)


def print_found(net: LPRNet, crops: list[Crop]) -> None:
    """Found faces, in all and by what is cut away."""
    rows, errors, others = [], [], 0
    for crop in crops:
        boxes, faces = find(net, crop.image)
        true_box = landmark_box(crop.landmarks)
        kept = [face for face in faces if hits([landmark_box(face)], true_box)]
        errors += [visible_error(crop, face) for face in kept[:1]]
        others += sum(not hits([box], true_box) for box in boxes)
        rows.append((not boxes, hits(boxes, true_box), bool(kept)))
    found = np.array(rows)
    groups = {"all": np.ones(len(crops), bool)}
    groups |= {f"{side} alone": np.array([crop.sides == (side,) for crop in crops]) for side in SIDES}
    groups |= {"two sides": np.array([len(crop.sides) == 2 for crop in crops])}
    for low, high in SHARES:
        groups[f"{low:.0%} to {high:.0%}"] = np.array([low <= crop.share < high for crop in crops])
    print(f"{'cut away':<14}{'crops':>6}{'no box':>10}{'detector':>10}{'LPRNet':>10}")
    for name, rows_of_group in groups.items():
        count = rows_of_group.sum()
        print(f"{name:<14}{count:>6}" + "".join(f"{number:>10}" for number in found[rows_of_group].sum(0)))
    median, worst = np.quantile(errors, (0.5, 0.9)) if errors else (np.nan, np.nan)
    print(f"error of the landmarks in the picture: median {median:.1%} of the box's side, 90 % below {worst:.1%}")
    print(f"boxes of the detector elsewhere in these crops: {others}")


def print_false_alarms(net: LPRNet, pictures: list[Image]) -> None:
    alarms = [tuple(map(len, find(net, picture))) for picture in pictures]
    detector, kept = np.sum(np.array(alarms) > 0, axis=0)
    print(f"{len(pictures)} pictures without a face: {detector} with a false alarm of the detector, {kept} of LPRNet")


def milliseconds(net: LPRNet, image: Image, rounds: int = 15) -> float:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        net.detector.detect(image)
        times.append(time.process_time() - start)
    return 1000 * float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", default="open")
    parser.add_argument("--photos", type=Path, help="a folder with photos of one face each, instead of ours")
    options = parser.parse_args()
    net, rng = LPRNet(options.weights), np.random.default_rng(options.seed)
    if options.photos:
        endings = (".jpg", ".jpeg", ".png")
        paths = sorted(path for path in options.photos.iterdir() if path.suffix.lower() in endings)
        photos = list(whole_photos(net, paths))
    else:
        bundled = [data_path(f"samples/{name}") for name in ("astronaut.jpg", "grace_hopper.jpg")]
        photos = [*whole_photos(net, bundled), *rendered_photos(38)]
    if not photos:
        raise SystemExit(f"no photo of exactly one face in {options.photos}")
    print(f"{options.crops} crops of {len(photos)} photos")
    print_found(net, [cut_face(photos[k % len(photos)], rng) for k in range(options.crops)])
    sources = [*photos, *background_photos()]
    parts = (part_without_face(sources[k % len(sources)], rng) for k in range(options.crops))
    print_false_alarms(net, [part for part in parts if part is not None])
    face, scenery = read_image(data_path("samples/astronaut.jpg")), background_photos()[0]
    times = milliseconds(net, face), milliseconds(net, scenery)
    print(f"processor time: {times[0]:.1f} ms for a photo with a face, {times[1]:.1f} ms for one without")


if __name__ == "__main__":
    main()
