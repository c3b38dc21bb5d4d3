"""Fit and check the test for a cut to another person in ``lprnet_utils/video/person.py``.

    LPRNET_AFLW_TRAIN=... python scripts/calibration/person_change.py fit
    python scripts/calibration/person_change.py check                   # rendered people and the bundled photos
    python scripts/calibration/person_change.py check --photos FOLDER   # photos of one face each besides

``fit`` makes pairs of views: of one person (the frames of rendered clips, compressed, flashed, dimmed, fast, under
other lamps; and altered photos of AFLW) and of two people in about the same pose. It prints the weights of a logistic
regression, which go into the module by hand. ``check`` runs the tracker on other people: it counts the cuts that get a
new id, those that get a new ``look``, and the clips of one person that get more than one id. Each takes two minutes.
"""

import argparse
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from lprnet_utils import LPRNet
from lprnet_utils.commands.options import add_shared, aflw_train_folder
from lprnet_utils.common import data_path, read_image
from lprnet_utils.common.arrays import Array, Image
from lprnet_utils.datasets import AFLWTrain
from lprnet_utils.geometry.crop import warp_image
from lprnet_utils.geometry.shading import Light
from lprnet_utils.synthetic import rendered_clip
from lprnet_utils.video import FaceTracker
from lprnet_utils.video.person import View, ViewPoints
from lprnet_utils.video.tracking import SHAPE_TEXEL_STEP

SIZE, FPS = (320, 240), 15
FIT_SEEDS, CHECK_SEEDS = range(100, 115), range(20, 30)
CUT_SEEDS = range(12)
PHOTOS, MAX_YAW_DEGREES = 700, 50
ALIKE = 3  # people of AFLW in the most similar pose that each one is compared with
Frames = list[Image]


def compressed(frame: Image, quality: int) -> Image:
    return cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def turning(t: float) -> tuple[float, float, float]:
    """A head that turns as fast as people do."""
    return 10 * np.sin(6 * t), 45 * np.sin(5 * t + 0.7), 8 * np.sin(5 * t)


def under_lamps(seed: int, frames: int) -> Frames:
    """A person whose light is another one every half second."""
    clip, out = rendered_clip(frames, SIZE, FPS, seed=seed), []
    for k in range(frames):
        clip._light = Light.sample(np.random.default_rng([seed, 50 + k // (FPS // 2)]))
        clip._exposures = [clip._measure_exposure(0)]
        out.append(clip[k].image)
    return out


def in_one_light(seed: int) -> Image:
    """A person in the light and before the wall that all have."""
    clip, other = rendered_clip(1, SIZE, FPS, seed=seed, noise=4), rendered_clip(1, SIZE, FPS, seed=0)
    clip._light, clip._background = other._light, other._background
    clip._exposures = [clip._measure_exposure(0)]
    return clip[0].image


def clips_of_one_person(seed: int) -> dict[str, Frames]:
    """What happens in the video of one person, by name."""
    frames = [frame.image for frame in rendered_clip(45, SIZE, FPS, seed=seed, noise=4)]
    turned = rendered_clip(30, SIZE, FPS, seed=seed, pose=turning, noise=4)
    return {
        "as it is": frames,
        "JPEG 20": [compressed(frame, 20) for frame in frames],
        "JPEG 8": [compressed(frame, 8) for frame in frames],
        "blur": [cv2.blur(frame, (9, 1)) if k % 3 else frame for k, frame in enumerate(frames)],
        "flashes": [scaled(frame, 1.8, 20) if k % 7 == 3 else frame for k, frame in enumerate(frames)],
        "dimmed": [scaled(frame, 0.25) if 15 < k < 30 else frame for k, frame in enumerate(frames)],
        "5 frames a second": frames[::3],
        "fast": [frame.image for frame in turned],
        "lamps": under_lamps(seed, 24),
    }


def scaled(frame: Image, gain: float | Array, offset: float = 0.0) -> Image:
    return np.clip(frame * gain + offset, 0, 255).astype(np.uint8)


class Views:
    """Makes the views that the tracker would compare."""

    def __init__(self) -> None:
        self.net = LPRNet()
        self._points = ViewPoints(self.net.layout, SHAPE_TEXEL_STEP)

    def follow(self, frames: Frames) -> list[View]:
        """The views of frames with one face; none if it is not found in the first one."""
        found, out = self.net.reconstruct(frames[0], 1), []
        position_map = found[0].position_map if found else None
        for frame in frames if found else ():
            crop = self.net.upright_crop(position_map)
            position_map = self.net.predict_map(frame, crop)
            view = View(frame, crop, self.net.size, position_map, self._points)
            view.release_image()
            out.append(view)
        return out


def altered(photo: Image, rng: np.random.Generator) -> Frames:
    """A photo as it is, moved a little, and in another light."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[:height, :width] / max(height, width) - 0.5
    light = np.exp(rng.normal(0, 0.4) + rng.normal(0, 0.8) * x + rng.normal(0, 0.6) * y)[..., None]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 2), np.exp(rng.normal(0, 0.02)))
    turn[:, 2] += rng.normal(0, 2, 2)
    moved = cv2.warpAffine(photo, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    lit = scaled(photo, light * np.exp(rng.normal(0, 0.06, 3)))
    return [scaled(frame, 1.0, rng.normal(0, 3, photo.shape)) for frame in (photo, moved, lit)]


def rendered_pairs(views: Views) -> tuple[dict, dict]:
    """Pairs of views of one rendered person and of two, by name."""
    same: dict[str, list] = {}
    starts, middles, same_light = [], [], []
    for seed in FIT_SEEDS:
        for name, frames in clips_of_one_person(seed).items():
            seen = views.follow(frames)
            same.setdefault(name, []).extend(itertools.pairwise(seen))
            if name == "as it is" and seen:
                same.setdefault("any two frames", []).extend(zip(seen[:30:2], seen[30:], strict=True))
                starts.append(seen[0])
                middles.append(seen[20])
        same_light += views.follow([in_one_light(seed)])
    rng = np.random.default_rng(0)
    mixed = [(rng.choice(middles), start) for start in starts for _ in range(8)]
    two = {
        "same light": list(itertools.combinations(same_light, 2)),
        "start of the clip": list(itertools.combinations(starts, 2)),
        "other time": [(a, b) for a, b in mixed if starts.index(b) != middles.index(a)],
    }
    return same, two


def photo_pairs(views: Views, folder: Path) -> tuple[dict, dict]:
    """The same of photos: two people are those of AFLW whose poses are most alike, and any two."""
    photos, rng = AFLWTrain(folder), np.random.default_rng(1)
    rows = np.flatnonzero((photos.trust > 0) & ~photos.held_out & (np.abs(photos.yaw) < MAX_YAW_DEGREES))
    seen = []
    for row in rng.permutation(rows)[:PHOTOS]:
        photo = photos.image(int(row))
        found = views.follow(altered(cv2.copyMakeBorder(photo, 40, 40, 60, 60, cv2.BORDER_REPLICATE), rng))
        seen += [found] if found else []
    same = {"moved photo": [(v[1], v[0]) for v in seen], "photo in another light": [(v[2], v[0]) for v in seen]}
    first = [v[0] for v in seen]
    rotations = np.stack([view.camera.rotation.ravel() for view in first])
    alike = []
    for k, view in enumerate(first):
        nearest = np.argsort(np.linalg.norm(rotations - rotations[k], axis=1))[1 : 1 + ALIKE]
        alike += [(view, first[j]) for j in nearest]
    i, j = rng.integers(0, len(first), (2, 1500))
    return same, {
        "photos in like poses": alike,
        "any photos": [(first[a], first[b]) for a, b in zip(i, j, strict=True)],
    }


def differences(pairs: list[tuple[View, View]]) -> Array:
    """Features (n, 6) of the pairs that can be compared; the first one is 1."""
    found = [view.differences(earlier) for view, earlier in pairs if view is not earlier]
    return np.array([[1.0, *values] for values in found if values is not None]).reshape(-1, 6)


def logistic_regression(features: Array, labels: Array, weights: Array, ridge: float = 0.1) -> Array:
    """Weights of the features, by Newton's method."""
    out = np.zeros(features.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(features @ out, -30, 30)))
        hessian = (features * (weights * p * (1 - p))[:, None]).T @ features + ridge * np.eye(len(out))
        out -= np.linalg.solve(hessian, features.T @ (weights * (p - labels)) + ridge * out)
    return out


def fit(options: argparse.Namespace) -> None:
    """Print the weights of ``person.py``. Each kind of pair weighs the same."""
    views = Views()
    kinds = [rendered_pairs(views), photo_pairs(views, aflw_train_folder(options.aflw_train))]
    rows = [
        (name, label, differences(pairs)) for both in kinds for label in (0, 1) for name, pairs in both[label].items()
    ]
    features = np.concatenate([row for *_, row in rows])
    labels = np.concatenate([np.full(len(row), label) for _, label, row in rows])
    weights = np.concatenate([np.full(len(row), 1000 / max(len(row), 1)) for *_, row in rows])
    found = logistic_regression(features, labels, weights)
    for name, label, row in rows:
        low, middle, high = np.quantile(row @ found, (0.02, 0.5, 0.98)) if len(row) else (np.nan,) * 3
        who = "two people" if label else "one person"
        print(f"{who}, {name:24s}{len(row):6d} pairs; logit {low:6.1f} {middle:6.1f} {high:6.1f}  (2, 50, 98 %)")
    print("LOGIT =", round(found[0], 2), " WEIGHTS =", found[1:].round(2).tolist())


def in_place(net: LPRNet, photo: Image) -> Image | None:
    """A photo's face where a rendered clip has it, as in a film that cuts between two people."""
    found = net.reconstruct(photo, 1)
    if not found:
        return None
    points = found[0].landmarks[:, :2]
    low, high = points.min(0), points.max(0)
    scale = 0.42 * SIZE[1] / (high - low)[1]
    shift = np.array([SIZE[0] / 2, 0.52 * SIZE[1]]) - scale * (low + high) / 2
    return warp_image(photo, np.c_[scale * np.eye(2), shift], max(SIZE))[: SIZE[1], : SIZE[0]]


def panned(picture: Image, frames: int) -> Frames:
    """The frames of a camera that moves slowly over a picture."""
    moves = [np.array([[1, 0, 0.6 * k], [0, 1, 0.4 * k]]) for k in range(frames)]
    return [cv2.warpAffine(picture, move, SIZE, borderMode=cv2.BORDER_REPLICATE) for move in moves]


def cuts(net: LPRNet, videos: list[tuple[Frames, Frames]]) -> Iterator[tuple[str, str, str]]:
    """What happens at the cut from the first part of each video to the second part of each other one."""
    for (first, _), (_, second) in itertools.permutations(videos, 2):
        tracker = FaceTracker(net)
        before = [tracker(frame, 1 / 30) for frame in first][-1]
        tracked = [tracker(frame, 1 / 30) for frame in second][-1]
        if not before or not tracked:
            yield "no face"
        elif tracked[-1].id > before[-1].id:
            yield "new id"
        else:
            yield "new look" if tracked[-1].look > before[-1].look else "missed"


def check(options: argparse.Namespace) -> None:
    """Print how many cuts are seen, and how many clips of one person get a second id."""
    net = LPRNet()
    clips = [[frame.image for frame in rendered_clip(12, SIZE, 30, seed=seed)] for seed in CUT_SEEDS]
    videos = {"rendered people": [(frames, frames) for frames in clips]}
    samples = [data_path(f"samples/{name}.jpg") for name in ("astronaut", "grace_hopper")]
    folders = {"bundled photos": samples} | {str(folder): sorted(folder.glob("*.jpg")) for folder in options.photos}
    for name, paths in folders.items():
        placed = [in_place(net, read_image(path)) for path in paths[:: options.every if len(paths) > 2 else 1]]
        videos[name] = [(panned(picture, 6), panned(picture, 8)) for picture in placed if picture is not None]
    for name, some in videos.items():
        print(f"cuts between {name}: {dict(Counter(cuts(net, some)))}", flush=True)
    counts: dict[str, Counter] = {}
    for seed in CHECK_SEEDS:
        for name, frames in clips_of_one_person(seed).items():
            tracker = FaceTracker(net)
            tracked = [found for frame in frames for found in tracker(frame, 1 / FPS)]
            ids, looks = {found.id for found in tracked}, max(found.look for found in tracked)
            counts.setdefault(name, Counter())["second id" if len(ids) > 1 else "new look" if looks else "one"] += 1
    for name, count in counts.items():
        print(f"clips of one person, {name}: {dict(count)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands: dict[str, Callable[[argparse.Namespace], None]] = {"fit": fit, "check": check}
    parser.add_argument("command", choices=commands)
    parser.add_argument("--photos", nargs="*", type=Path, default=[], help="folders of .jpg files")
    parser.add_argument("--every", type=int, default=1, help="take every n-th photo")
    add_shared(parser, "--aflw-train")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    commands[options.command](options)


if __name__ == "__main__":
    main()
