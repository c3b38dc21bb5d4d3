"""What the web package's tests of smoothing, of changes of a person and of tracking compare with.

:func:`write` is called by ``build_web_files.py --vectors``. The answers of all networks are recorded in the order in
which they were asked, each with some pixels of its crop, so that tests need no networks: see
``web/tests/video/recorded-run.ts``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from web_container import write_arrays

from lprnet_utils import LPRNet, UVLayout
from lprnet_utils.common.arrays import Array, Image
from lprnet_utils.common.litert import LiteRTModel
from lprnet_utils.geometry.camera import Camera, rotation_matrix
from lprnet_utils.geometry.landmarks import box_size, landmark_box
from lprnet_utils.reconstruction.detection import FaceDetector
from lprnet_utils.synthetic import look_around, rendered_clip
from lprnet_utils.video import FaceTracker, OneEuro
from lprnet_utils.video.person import Person, View, ViewPoints
from lprnet_utils.video.resting import RestingFace
from lprnet_utils.video.tracking import SHAPE_TEXEL_STEP

SEED = 24
FRAMES = 45  # of a sequence that is smoothed
LANDMARKS = slice(17, 48, 2)  # of its points: brows, nose and eyes
SIZE, SMALL, FPS = (320, 240), (240, 180), 15
SEEDS = 3, 4, 5, 7  # of the people whose views are compared
MAP_RANGE = -0.5, 1.5  # of the network's answers, which are stored in 16 bits
POINT_STEP = 23  # every so many texels of a map are compared in each frame
CROP_SIDE = 32  # of a crop that is asked about, so many pixels a side are kept
WHOLE_MAP = 15  # frame of a run whose maps are compared wholly


def write(folder: Path) -> None:
    """Write all files of this module. The networks are those that ``build_web_files.py`` put into the package."""
    write_filters(folder / "video_filters.bin")
    write_resting(folder / "video_resting.bin")
    net = LPRNet("open", closer_look=folder.parents[1] / "networks")
    write_views(folder / "video_views.bin", net)
    write_run(folder / "video_run.bin", net, one_face(), expressions=True)
    bare = LPRNet("open", closer_look=False)
    write_run(folder / "video_pair.bin", bare, two_faces(), smooth=False, search_interval=0.05, expressions=True)


# ---- filters


def write_filters(path: Path) -> None:
    """Sequences before and after the One-Euro filter."""
    rng = np.random.default_rng(SEED)
    uneven = rng.uniform(0.3, 2.5, FRAMES) / 30
    time = np.cumsum(uneven)
    still, nodding = (faces(pitch) for pitch in (np.zeros(FRAMES), 20 * np.sin(2 * np.pi * time)))
    noise = rng.normal(0, 0.8, still.shape)
    weights = np.clip(rng.normal(0, 0.1, (FRAMES, 51)) + (time[:, None] > 0.7), 0, 1)
    size = box_size(landmark_box(still[0]))
    cases: dict[str, tuple[Array, NDArray, dict[str, float], float]] = {
        "a still face with noise": (still + noise, uneven, {}, size),
        "a nod with noise": (nodding + noise, uneven, {"beta": 12.0}, size),
        "even frames": (nodding + noise, np.full(FRAMES, 1 / 30), {"min_cutoff": 1.0, "d_cutoff": 0.5}, size),
        "long gaps": (nodding, np.full(FRAMES, 0.7), {"beta": 0.0}, size),
        "points in a plane": (nodding[..., :2] + noise[..., :2], uneven, {}, size),
        "weights": (weights, uneven, {}, 1.0),
        "fast weights": (np.cumsum(rng.normal(0, 5, (FRAMES, 3)), 0), uneven, {"beta": 2.0}, 0.3),
    }
    arrays: dict[str, Array] = {}
    for k, (values, dt, options, unit) in enumerate(cases.values()):
        smooth = OneEuro(**options)
        arrays |= {f"values {k}": values, f"dt {k}": dt}
        arrays[f"smooth {k}"] = np.array([smooth(v, step, unit) for v, step in zip(values, dt, strict=True)])
    meta = [{"name": name, "options": options, "unit": unit} for name, (_, _, options, unit) in cases.items()]
    write_arrays(path, arrays, {"cases": meta})


def faces(pitch: Array) -> Array:
    """Some landmarks (T, n, 3) of the mean face at these pitches in degrees."""
    layout = UVLayout()
    mean = layout.landmarks(layout.mean_map)[LANDMARKS]
    shift = np.array([160.0, 120.0, 0.0])
    return np.array([Camera(rotation_matrix(p, 0, 0), 0.7, shift).project(mean) for p in pitch])


def write_resting(path: Path) -> None:
    """Weights that a closer look saw, and what was left of them beside the face at rest; NaN: not seen."""
    rng = np.random.default_rng(SEED)
    names = ["mouthSmileLeft", "eyeBlinkLeft", "jawOpen", "eyeLookUpLeft", "browInnerUp"]
    count = 400
    dt = rng.uniform(0.2, 4, count) / 15
    time = np.cumsum(dt)
    seen = np.stack(
        [
            np.where(time < 30, 0.15, 0.9), np.where(time % 3 < 0.2, 1.0, 0.05), rng.uniform(0, 1, count),
            np.full(count, 0.2), np.where(rng.random(count) < 0.5, np.nan, 0.25),
        ], 1,
    )  # fmt: skip
    resting = RestingFace()
    left, rest = np.full(seen.shape, np.nan), np.zeros(seen.shape)
    for k in range(count):
        given = {name: float(w) for name, w in zip(names, seen[k], strict=True) if math.isfinite(w)}
        for name, weight in resting.update(given, float(dt[k])).items():
            left[k, names.index(name)] = weight
        rest[k] = [resting.weights.get(name, 0.0) for name in names]
    write_arrays(path, {"dt": dt, "seen": seen, "left": left, "rest": rest}, {"names": names})


# ---- views


def profile(sign: float) -> Any:
    """A head that shows one side."""
    return lambda t: (0.0, sign * 70.0, 0.0)


def view_pictures() -> dict[str, Image]:
    """Frames of some people, some of them twice."""
    clips = {seed: rendered_clip(12, SMALL, FPS, seed=seed) for seed in SEEDS}
    first = {f"person {seed}": clip[0].image for seed, clip in clips.items()}
    later = {f"person {seed}, later": clips[seed][11].image for seed in (3, 5, 7)}
    dark = {"person 3, dimmed": np.uint8(first["person 3"] * 0.3)}
    sides = {
        f"person {seed}, from one side": rendered_clip(1, SMALL, FPS, seed=seed, pose=profile(sign))[0].image
        for seed, sign in ((3, 1.0), (4, -1.0))
    }
    return first | later | dark | sides


def write_views(path: Path, net: LPRNet) -> None:
    """All pairs of frames; and what is thought of a sequence of them."""
    points = ViewPoints(net.layout, SHAPE_TEXEL_STEP)
    arrays: dict[str, Array] = {
        "mean": points.mean, "normals": points.normals.astype(np.float32), "light": points.light.astype(np.float32),
    }  # fmt: skip
    pictures = view_pictures()
    views = []
    for k, picture in enumerate(pictures.values()):
        position_map = net.reconstruct(picture, 1)[0].first_map
        crop = net.upright_crop(position_map)
        views.append(View(picture, crop, net.size, position_map, points))
        arrays |= {f"picture {k}": picture, f"crop {k}": crop}
        # a view reads these points of the map, and no others
        arrays[f"points {k}"] = net.layout.points(position_map, SHAPE_TEXEL_STEP)
        arrays[f"shape {k}"] = views[-1].shape.astype(np.float32)
    count = len(views)
    differences, logits = np.full((count, count, 5), np.nan), np.zeros((count, count))
    for i, j in np.ndindex(count, count):
        found = views[i].differences(views[j])
        logits[i, j] = views[i].other_person(views[j])
        if found is not None:
            differences[i, j] = found
    quiet = np.isneginf(logits)  # nothing else was compared: NaN in the file
    arrays |= {"differences": differences, "logits": np.where(quiet, np.nan, logits)}
    # the views of two people in turn, for each pair of them; what is known is forgotten between the pairs
    rng = np.random.default_rng(SEED)
    people = [[k for k, name in enumerate(pictures) if name.startswith(f"person {seed}")] for seed in SEEDS]
    order = np.array([[*one[:2], *one[-2:], *two[:2], *two[-2:], one[0]] for one, two in permutations(people, 2)])
    dt = rng.uniform(0.5, 4, order.shape) / FPS
    thoughts = np.zeros((*order.shape, 3))
    for i, numbers in enumerate(order):
        person, time = Person(), 0.0
        for k, number in enumerate(numbers):
            time += float(dt[i, k])
            left = person.has_left(views[number], k % 3 == 2)
            thoughts[i, k] = left, person.may_have_left, person.doubt
            if left:
                person = Person()
            person.remember(views[number], time, float(dt[i, k]))
    arrays |= {"order": order.astype(np.int32), "dt": dt, "thoughts": thoughts}
    write_arrays(path, arrays, {"pictures": list(pictures)})


# ---- runs


@dataclass
class Frame:
    """A frame of a video, and the seconds since the last one."""

    image: Image
    dt: float


def one_face() -> list[Frame]:
    """A face; a cut to another one, which vanishes and returns; a cut to somebody alike, whose face then jumps."""
    clips = [rendered_clip(count, SIZE, FPS, seed=seed) for count, seed in ((8, 4), (6, 3), (3, 12))]
    first, second, third = ([frame.image for frame in clip] for clip in clips)
    rng = np.random.default_rng(SEED)
    nobody = np.uint8(rng.integers(40, 200, (6, 8, 3)).repeat(40, 0).repeat(40, 1))
    jumped = np.roll(third[2], 70, 1)
    images = [*first, *second[:3], nobody, nobody, *second[3:], *third[:2], jumped]
    dt = rng.uniform(0.05, 0.11, len(images))
    return [Frame(image, float(step)) for image, step in zip(images, dt, strict=True)]


def two_faces() -> list[Frame]:
    """Two people side by side."""
    clip = rendered_clip(2, SIZE, FPS, seed=1, people=2, pose=look_around)
    return [Frame(frame.image, 1 / FPS) for frame in clip]


class Recorder:
    """Takes the place of a network, and keeps some pixels of what it was asked, and its answers, in order."""

    def __init__(self, model: LiteRTModel, is_map: bool = False):
        self.model, self.is_map = model, is_map
        self.input_shape = model.input_shape
        self.crops: list[Array] = []
        self.answers: list[Sequence[Array]] = []

    def __call__(self, *inputs: Array) -> Sequence[Array]:
        """The answers of the network. Those of the large one are rounded to 16 bits."""
        answers: Sequence[Array] = self.model(*inputs)
        if self.is_map:
            low, high = MAP_RANGE
            codes = np.rint((answers[0] - low) / (high - low) * 65535).clip(0, 65535).astype(np.uint16)
            self.answers.append([codes])
            answers = [(codes / 65535 * (high - low) + low).astype(np.float32)]
        else:
            self.answers.append(answers)
        step = max(len(inputs[0]) // CROP_SIDE, 1)
        self.crops.append(inputs[0][::step, ::step])
        return answers

    def arrays(self, name: str) -> dict[str, Array]:
        """What was recorded: pixels (n, ...), and for each output its values (n, ...)."""
        if not self.answers:
            return {}
        crops = np.array(self.crops)
        levels = crops * 255 if crops.min() >= 0 else (crops + 1) * 127.5  # detectors take -1 to 1
        outputs = {f"{name} output {k}": np.stack(values) for k, values in enumerate(zip(*self.answers, strict=True))}
        return {f"{name} crops": np.rint(levels).astype(np.uint8), **outputs}


@contextmanager
def recorded(net: LPRNet) -> Iterator[dict[str, Recorder]]:
    """The recorders of the networks, which take their places meanwhile."""
    detector, looker = FaceDetector(), net._closer_looker
    places: dict[str, tuple[Any, str]] = {
        "back": (detector._coarse, "_network"), "short": (detector._fine, "_network"), "open": (net, "_network"),
    }  # fmt: skip
    if looker:
        places |= {"eye": (looker, "_eye"), "mouth": (looker, "_mouth")}
    models = {name: getattr(*place) for name, place in places.items()}
    recorders = {name: Recorder(model, name == "open") for name, model in models.items()}
    for name, place in places.items():
        setattr(*place, recorders[name])
    try:
        with patch.object(net, "detector", detector):
            yield recorders
    finally:
        for name, place in places.items():
            setattr(*place, models[name])


def write_run(path: Path, net: LPRNet, frames: list[Frame], **options: Any) -> None:
    """The faces that a tracker finds in each frame, and what the networks answered on the way."""
    pictures: list[Image] = []
    numbers, facts = [], []
    arrays: dict[str, Array] = {}
    with recorded(net) as recorders:
        tracker = FaceTracker(net, **options)
        for k, frame in enumerate(frames):
            if not any(frame.image is picture for picture in pictures):
                pictures.append(frame.image)
            numbers.append(next(n for n, picture in enumerate(pictures) if frame.image is picture))
            found = tracker(frame.image, frame.dt)
            facts.append([{"id": f.id, "look": f.look, "confidence": f.face.confidence} for f in found])
            for n, tracked in enumerate(found):
                arrays |= face_arrays(f"{k} {n}", tracked, k == WHOLE_MAP)
            for n, track in enumerate(tracker._tracks.active):
                arrays[f"next crop {k} {n}"] = track.crop
    arrays |= {"pictures": np.stack(pictures), "numbers": np.array(numbers, np.int32)}
    arrays["dt"] = np.array([frame.dt for frame in frames])
    for name, recorder in recorders.items():
        arrays |= recorder.arrays(name)
    meta = {"faces": facts, "options": options, "mapRange": MAP_RANGE, "pointStep": POINT_STEP}
    write_arrays(path, arrays, meta | {"names": list(tracker.expression_names)})


def face_arrays(key: str, tracked: Any, whole: bool) -> dict[str, Array]:
    """The arrays of one face in one frame."""
    face = tracked.face
    flat = face.position_map.reshape(-1, 3)
    out: dict[str, Array] = {
        f"points {key}": flat[::POINT_STEP], f"raw points {key}": tracked.raw_map.reshape(-1, 3)[::POINT_STEP],
        f"landmarks {key}": face.landmarks, f"raw landmarks {key}": tracked.raw_landmarks,
    }  # fmt: skip
    if whole:
        out[f"map {key}"] = face.position_map
    if look := face.closer_look:
        out |= {f"{part} {key}": getattr(look, part) for part in ("confidence", "irises", "gaze", "expressions")}
    if known := tracked.coefficients:
        out |= {f"identity {key}": known.identity, f"expression {key}": known.expression}
        camera = known.camera
        out[f"camera {key}"] = np.r_[camera.rotation.ravel(), camera.scale, camera.translation, known.error]
        out[f"seen {key}"] = np.array([name in known.seen for name in known.names], np.uint8)
    return out
