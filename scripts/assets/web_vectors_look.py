"""``fit.bin`` of the web package, and what its tests of the closer look and of expressions compare with.

:func:`write_files` is called by ``build_web_files.py``, :func:`write` by ``build_web_files.py --vectors``. The answers
of the closer look's networks are recorded with their inputs, so that tests need no networks.

``fit.bin`` holds the modes of the face model at the texels that a fit reads, as whole hundredths of a millimetre.
Weights of expressions then differ from those of the exact modes by at most 0.0054 in the test vectors. On 55 maps of
photos, rendered faces and the model's own, each fitted alone and as the next frame of a video, it was 0.0043. Fiftieths
gave 0.011 there; so did int8 with a scale for each mode, which takes two and a half times the bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray
from web_container import write_arrays
from web_rice import rice_bits

from lprnet_utils import Face, LPRNet, MorphableModel, UVLayout
from lprnet_utils.common.arrays import Array, Image
from lprnet_utils.common.assets import data_path
from lprnet_utils.common.images import read_image
from lprnet_utils.geometry.camera import Camera, rotation_matrix
from lprnet_utils.geometry.crop import transform_points
from lprnet_utils.geometry.landmarks import landmark_box
from lprnet_utils.morphable_model.gaze import gaze_angles, look_weights, seen_look_weights
from lprnet_utils.morphable_model.model import transform_basis
from lprnet_utils.morphable_model.seen_expressions import REGION_EXPRESSIONS, join_regions, other_side
from lprnet_utils.reconstruction import expressions
from lprnet_utils.reconstruction.closer_look import CloserLook, CloserLooker
from lprnet_utils.reconstruction.expressions import QUALITY_COLUMNS, TEXEL_STEP, WAYS, Coefficients, ShapeFitter
from lprnet_utils.synthetic import SyntheticFaces
from lprnet_utils.uv.regions import Regions

STEP_MM = 0.01  # of a mode's values
MAX_PARAMETER = 8  # of Rice codes
SYMMETRY_MM = 1e-5  # the face model is as symmetric as this
SEED = 24
RENDERED = {"half_turned": 37, "other_side": 16, "profile": 22, "far_eye_hidden": 33}  # yaw 48, 44, -66 and 58 degrees
MADE = 8  # faces of the model, with expressions that reach their bounds


# ---- fit.bin


def write_files(folder: Path) -> None:
    """Write ``fit.bin``: halves of the modes, see ``web/src/reconstruction/modes.ts``."""
    fitter = ShapeFitter.load()
    count, names = len(fitter.model.identity), fitter.model.expression_names
    modes = fitter._modes.reshape(count + len(names), *fitter.mean.shape)
    size, texels = fitter.layout.size, fitter._texels
    left = np.flatnonzero(texels % size < size // 2)
    right = np.searchsorted(texels, texels[left] // size * size + size - 1 - texels[left] % size)
    # halves (modes, n, 3): the left one, and the right one as it would look on the left
    near, far = modes[:, left], modes[:, right] * np.float32([-1, 1, 1])
    sign = np.where((near * far).sum((1, 2)) > 0, 1, -1).astype(np.int8)[:count]
    check_same(far[:count], sign[:, None, None] * near[:count])
    halves, masks = list(near[:count]), []
    for k, name in enumerate(names):
        other = names.index(other_side(name))
        check_same(far[count + k], near[count + other])
        if other < k:
            continue
        for half in (near[count + k], far[count + k])[: 1 if other == k else 2]:
            halves.append(half)
            masks.append(np.rint(half / STEP_MM).any(1))
    neighbours = neighbours_of(texels[left], size)
    everything = np.ones(len(left), bool)
    coded = [code_of(half, mask, neighbours) for half, mask in zip(halves, [everything] * count + masks, strict=True)]
    bits, parameters = (np.concatenate(parts) for parts in zip(*coded, strict=True))
    arrays = {
        "identity_sign": sign, "moving": np.concatenate([np.packbits(mask, bitorder="little") for mask in masks]),
        "parameters": parameters, "code": np.packbits(bits, bitorder="little"),
    }  # fmt: skip
    write_arrays(folder / "fit.bin", arrays, {"names": list(names), "step": STEP_MM, "quality": quality_table()})


def check_same(mirrored: Array, modes: Array) -> None:
    """ValueError unless the mirror images of modes are these modes."""
    if np.abs(mirrored - modes).max() > SYMMETRY_MM:
        raise ValueError("the face model is not mirror-symmetric; fit.bin has only half of it")


def neighbours_of(texels: NDArray[np.intp], size: int) -> Array:
    """Indices (3, n) of the neighbours before, above, and before that of texels (n,); n where there is none."""
    place = np.full(size * size, len(texels))
    place[texels] = np.arange(len(texels))
    row, column = np.divmod(texels, size)
    found = []
    for up, back in ((0, TEXEL_STEP), (TEXEL_STEP, 0), (TEXEL_STEP, TEXEL_STEP)):
        inside = (row >= up) & (column >= back)
        found.append(np.where(inside, place[np.where(inside, texels - up * size - back, 0)], len(texels)))
    return np.array(found)


def code_of(half: Array, moving: NDArray[np.bool_], neighbours: Array) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The bits of the half (n, 3) of a mode, and the parameter of each axis, for ``RiceReader``."""
    values = np.rint(half / STEP_MM).astype(int)
    padded = np.concatenate([values, np.zeros((1, 3), int)])
    before, above, corner = (padded[places] for places in neighbours)
    is_before, is_above, is_corner = (neighbours < len(half))[..., None]
    plane = np.where(is_above & is_corner, before + above - corner, before)
    away = (values - np.where(is_before, plane, above))[moving]
    numbers = np.where(away < 0, -2 * away - 1, 2 * away)
    choices = [[rice_bits(column, k) for k in range(MAX_PARAMETER + 1)] for column in numbers.T]
    best = [min(range(MAX_PARAMETER + 1), key=lambda k, bits=bits: len(bits[k])) for bits in choices]
    return np.concatenate([bits[k] for bits, k in zip(choices, best, strict=True)]), np.uint8(best)


def quality_table() -> dict[str, dict[str, float]]:
    """For each way, the correlation from the front by the expression's name."""
    return {
        way: {name: row[QUALITY_COLUMNS[2]] for name, row in expressions.expression_quality(way).items()}
        for way in WAYS
    }


# ---- test vectors


def write(folder: Path) -> None:
    """Write all files of this module. The networks are those that ``build_web_files.py`` put beside ``fit.bin``."""
    net = LPRNet("open", closer_look=folder.parents[1] / "networks")
    write_regions(folder / "look_regions.bin")
    write_parts(folder / "look_parts.bin")
    write_made(folder / "look_made.bin")
    for name, (picture, box) in pictures().items():
        face = net.reconstruct(picture, 1)[0] if box is None else net.reconstruct_in_box(picture, box)
        write_look(folder / f"look_{name}.bin", net, face)


def write_regions(path: Path) -> None:
    """What regions are in the layout of the maps, and their crops for a turned face."""
    layout = UVLayout()
    camera = Camera(rotation_matrix(12, 35, -20), 1.3, np.array([140.0, 90, 4]))
    position_map = camera.project(layout.mean_map).astype(np.float32)
    flat = layout.flat(position_map)
    arrays: dict[str, Array] = {"map": position_map}
    for k, region in enumerate(Regions(layout).all):
        spread = region.spread.sorted_indices()
        frame = region.frame(flat, layout.camera(position_map))
        inside = frame.into(flat[region.grid])
        arrays |= {
            f"texels {k}": region.texels.astype(np.int32), f"window {k}": region.window,
            f"core {k}": region.texels[region.core].astype(np.int32),
            f"grid {k}": region.grid.astype(np.int32), f"starts {k}": spread.indptr.astype(np.int32),
            f"columns {k}": spread.indices.astype(np.int32), f"values {k}": spread.data,
            f"frame {k}": np.r_[frame.centre, frame.side, frame.axes.ravel()], f"inside {k}": inside,
            f"matrix {k}": frame.matrix(region.size), f"wide matrix {k}": frame.matrix(64, 1.75),
        }  # fmt: skip
    write_arrays(path, arrays)


def write_parts(path: Path) -> None:
    """Gaze, regions that are joined, bounded problems and the names of expressions that are found badly."""
    rng = np.random.default_rng(SEED)
    directions = rng.normal(0, 1, (40, 3))
    arrays = {"directions": directions, "angles": gaze_angles(directions)}
    gaze = np.stack([rng.normal(0, 0.4, (12, 2)), rng.normal(0, 0.4, (12, 2)), np.ones((12, 2))], -1)
    gaze[3, 0], gaze[4, 1], gaze[5] = np.nan, np.nan, np.nan
    arrays["gaze"] = gaze
    looks = [seen_look_weights(eyes) for eyes in gaze]
    angles = rng.normal(0, 30, (6, 2, 2))
    arrays["eye angles"] = angles
    found = [rng.uniform(-0.2, 1.2, (20, len(names))) for names in REGION_EXPRESSIONS]
    confidence = rng.uniform(0, 1, (20, 3)) * (rng.random((20, 3)) < 0.7)
    arrays |= {f"found {k}": values for k, values in enumerate(found)}
    joined = [join_regions([values[k] for values in found], confidence[k]) for k in range(20)]
    arrays |= {"confidence": confidence, "joined": np.array(joined)}
    for k in range(6):
        rows, target = rng.normal(size=(60, 25)), 3 * rng.normal(size=60)
        matrix, vector, start = rows.T @ rows, rows.T @ target, rng.uniform(-0.5, 1.5, 25)
        low, high = np.zeros(25), np.ones(25)
        if k >= 3:
            low[4:8] = high[4:8] = rng.uniform(0, 1, 4)
        arrays |= {f"matrix {k}": matrix, f"vector {k}": vector, f"start {k}": start, f"low {k}": low}
        arrays |= {f"high {k}": high, f"minimum {k}": expressions.bounded_minimum(matrix, vector, start, low, high)}
    names = MorphableModel.load().expression_names
    quality = {way: dict(zip(names, rng.uniform(0, 1, len(names)).round(2).tolist(), strict=True)) for way in WAYS}
    meta = {"looks": looks, "eye looks": [look_weights(eyes) for eyes in angles], "quality": quality}
    write_arrays(path, arrays, meta | {"bad": {way: badly_found(quality[way]) for way in WAYS}})


def badly_found(correlations: dict[str, float]) -> list[str]:
    """What ``unsupported_expressions`` says of other measurements."""
    table = {name: {QUALITY_COLUMNS[2]: value} for name, value in correlations.items()}
    with patch.object(expressions, "expression_quality", lambda way: table):
        return sorted(expressions.unsupported_expressions.__wrapped__("fit"))


def write_made(path: Path) -> None:
    """Fits to maps of the model itself, some with noise; with known weights, and of a next frame."""
    rng, layout, model, fitter = np.random.default_rng(SEED), UVLayout(), MorphableModel.load(), ShapeFitter.load()
    rounded = rounded_fitter()
    arrays: dict[str, Array] = {}
    known = {"eyeLookUpLeft": 0.7, "eyeLookDownLeft": 1.4, "jawOpen": -0.1}
    for k in range(MADE):
        identity = rng.normal(size=len(model.identity))
        weights = np.clip(rng.exponential(0.4, (2, 51)), 0, 1) * (rng.random(51) < 0.3)
        maps = []
        for w in weights:
            rotation = rotation_matrix(*rng.uniform([-20, -75, -30], [20, 75, 30]))
            camera = Camera(rotation, 0.7 + k / 4, rng.normal(0, 100, 3))
            noise = rng.normal(0, (k % 2) * 1.5, (layout.size, layout.size, 3))
            maps.append(camera.project(layout.vertices_to_map(model.vertices(identity, w)) + noise).astype(np.float32))
        arrays |= {f"map {k}": maps[0], f"next map {k}": maps[1]}
        arrays |= fit_arrays(fitter, k, *maps, known, known)
        exact = fit_arrays(rounded, k, *maps, known, known)
        arrays |= {f"rounded {name}": values for name, values in exact.items()}
    write_arrays(path, arrays, {"known": known})


def rounded_fitter() -> ShapeFitter:
    """The fitter with the modes of ``fit.bin``: the web package's fits differ from it by rounding errors alone."""

    def rounded(*arguments: Any) -> NDArray[np.float32]:
        return np.rint(transform_basis(*arguments) / STEP_MM) * np.float32(STEP_MM)

    with patch.object(expressions, "transform_basis", rounded):
        fitter = ShapeFitter(MorphableModel.load(), UVLayout())
    fitter._modes = fitter._modes.astype(float)  # sums in float64, as in the web package
    for solver in (fitter._identity_solver, fitter._expression_solver):
        solver.rows = solver.rows.astype(float)
    return fitter


def fit_arrays(
    fitter: ShapeFitter, k: int, first: Array, following: Array, seen: dict[str, float], next_seen: dict[str, float]
) -> dict[str, Array]:
    """The coefficients of a map and of a next frame's, each without and with weights that are known."""
    alone, beside = fitter.fit(first), fitter.fit(first, seen)
    found = {
        "fit": alone, "fit seen": beside, "next": fitter.fit_expression(following, alone),
        "next seen": fitter.fit_expression(following, beside, next_seen),
    }  # fmt: skip
    return {f"{name} {part} {k}": values for name, c in found.items() for part, values in coefficient_arrays(c).items()}


def coefficient_arrays(found: Coefficients) -> dict[str, Array]:
    """Identity, expression, camera (13) and error of coefficients."""
    camera = found.camera
    numbers = np.r_[camera.rotation.ravel(), camera.scale, camera.translation]
    expression = np.asarray(found.expression, np.float32)
    identity = np.asarray(found.identity, np.float32)
    return {"identity": identity, "expression": expression, "camera": numbers, "error": np.array([found.error])}


def pictures() -> dict[str, tuple[Image, Array | None]]:
    """Pictures of one face each, with its box where the detector is not asked."""
    astronaut, hopper = (read_image(data_path(f"samples/{name}.jpg")) for name in ("astronaut", "grace_hopper"))
    height, width = hopper.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -50, 1.0)
    small = cv2.resize(astronaut, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    found: dict[str, tuple[Image, Array | None]] = {
        "astronaut": (astronaut, None), "hopper": (hopper, None), "small": (small, None),
        "person_31": (read_image(data_path("people/neutral-031.jpg")), None),
        "person_102": (read_image(data_path("people/neutral-102.jpg")), None),
        "turned": (cv2.warpAffine(hopper, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), None),
    }  # fmt: skip
    source = SyntheticFaces(seed=3, size=256, layout=UVLayout(256))
    for name, number in RENDERED.items():
        sample = source.sample(number)
        found[name] = sample.image, landmark_box(source.layout.landmarks(sample.position_map))
    return found


class Recorder:
    """Takes the place of a network, and keeps what goes in and comes out."""

    def __init__(self, model: Any):
        self.model = model
        self.calls: list[tuple[Array, Array, Array]] = []

    def __call__(self, crop: Array, grid: Array) -> list[Array]:
        """The answer of the network."""
        answers = self.model(crop, grid)
        self.calls.append((crop, grid, answers[0]))
        return answers


def recorded_look(looker: CloserLooker, face: Face) -> tuple[Array, CloserLook, list[tuple[Array, Array, Array]]]:
    """The moved map of a face's first map, what was seen, and the inputs and answers of right eye, left eye, mouth."""
    eye, mouth = looker._eye, looker._mouth
    looker._eye, looker._mouth = Recorder(eye), Recorder(mouth)
    try:
        moved, look = looker(face.image, face.first_map)
        return moved, look, looker._eye.calls + looker._mouth.calls
    finally:
        looker._eye, looker._mouth = eye, mouth


def write_look(path: Path, net: LPRNet, face: Face) -> None:
    """A closer look at a face, its expressions, and those of the next frame: the same photo, turned and enlarged."""
    moved, look, calls = recorded_look(net._closer_looker, face)
    following = next_frame(net, face)
    arrays: dict[str, Array] = {
        "picture": face.image, "first map": face.first_map, "moved map": moved, "map 0": face.position_map,
        "confidence": look.confidence, "irises": look.irises, "gaze": look.gaze, "expressions": look.expressions,
        "head gaze": face.gaze, "next map 0": following.position_map,
    }  # fmt: skip
    for k, (crop, grid, answer) in enumerate(calls):
        arrays |= {f"crop {k}": np.rint(crop * 255).astype(np.uint8), f"grid {k}": grid, f"answer {k}": answer}
    fitter, seen, next_seen = ShapeFitter.load(), face.seen_expressions, following.seen_expressions
    arrays["joined"] = fitter.join(look).expressions
    arrays |= fit_arrays(fitter, 0, face.position_map, following.position_map, seen, next_seen)
    found = {"fit": fitter.fit(face.position_map), "fit seen": fitter.fit(face.position_map, seen)}
    unsupported = {
        name: [n for n, kept in zip(c.names, c.supported, strict=True) if not kept] for name, c in found.items()
    }
    meta = {"seen": seen, "next seen": next_seen, "weights": look.weights, "unsupported": unsupported}
    write_arrays(path, arrays, meta | {"yaw": face.pose.yaw})


def next_frame(net: LPRNet, face: Face) -> Face:
    """The face in its photo after a small turn and growth, found by its last place as in a video."""
    box = landmark_box(face.landmarks)
    middle = (box[:2] + box[2:]) / 2
    height, width = face.image.shape[:2]
    turn = cv2.getRotationMatrix2D(middle.tolist(), 7, 1.06)
    image = cv2.warpAffine(face.image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    crop = net.upright_crop(transform_points(turn, face.position_map))
    position_map = net.layout.centre_depth(net.predict_map(image, crop))
    position_map, look = net.look_closer(image, position_map)
    return Face(position_map.astype(np.float32), 1.0, box, image, net.layout, look)
