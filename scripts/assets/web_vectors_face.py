"""What the web package's tests of geometry, layout, detection and reconstruction compare with.

:func:`write` is called by ``build_web_files.py --vectors``. The answers of all networks are recorded, each with a small
picture of the crop that it is for, so that tests need no networks: see ``web/tests/recorded.ts``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from web_container import write_arrays

from lprnet_utils import LPRNet
from lprnet_utils.common.arrays import Array, Image
from lprnet_utils.common.assets import data_path
from lprnet_utils.common.images import read_image
from lprnet_utils.common.litert import LiteRTModel
from lprnet_utils.geometry import camera as cameras
from lprnet_utils.geometry import crop as crops
from lprnet_utils.geometry.landmarks import box_size, landmark_box, overlap
from lprnet_utils.reconstruction.blazeface import BlazeFace
from lprnet_utils.reconstruction.detection import FaceDetector
from lprnet_utils.reconstruction.likelihood import face_likelihood, shape_distance
from lprnet_utils.uv.encoding import decode_map
from lprnet_utils.uv.layout import UVLayout
from lprnet_utils.uv.maps import MEMBRANE
from lprnet_utils.uv.openings import openings, openness

SIGNATURE = 8  # a picture of so many pixels a side tells which crop an answer is for
SEED = 20


def write(folder: Path) -> None:
    """Write all files of this module."""
    write_warps(folder / "warps.bin")
    write_geometry(folder / "geometry.bin")
    net = LPRNet("open", closer_look=False)
    write_layout(folder / "layout.bin", net)
    for name, picture in photos().items():
        write_photo(folder / f"photo_{name}.bin", net, picture)


def photo(name: str) -> Image:
    """A bundled photo."""
    return read_image(data_path(f"samples/{name}.jpg"))


def photos() -> dict[str, Image]:
    """Pictures that between them need every pass of the detector."""
    astronaut, hopper = photo("astronaut"), photo("grace_hopper")
    turn = cv2.getRotationMatrix2D((255.5, 255.5), -35, 1.0)
    turned = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    pair = np.concatenate([hopper[:512], astronaut[:, :400]], 1)
    both_ways = np.concatenate([astronaut[:, :400], astronaut[::-1, 400:0:-1]], 1)
    rng = np.random.default_rng(SEED)
    noise = cv2.resize(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8), (400, 300), interpolation=cv2.INTER_CUBIC)
    return {
        "astronaut": astronaut,
        "close": np.ascontiguousarray(astronaut[60:290, 110:330]),
        "turned": turned,
        "sideways": np.ascontiguousarray(np.rot90(hopper)),
        "pair": pair,
        "both_ways": both_ways,
        "cut": np.ascontiguousarray(astronaut[:, 232:]),
        "edge": astronaut[130:],
        "filling": np.ascontiguousarray(astronaut[102:179, 194:254]),
        "nobody": noise,
    }


# ---- warps


def write_warps(path: Path) -> None:
    """Squares cut out of a photo: shrunk, enlarged, turned, beyond the border."""
    picture = photo("grace_hopper")
    height, width = picture.shape[:2]
    middle = [(width - 1) / 2, (height - 1) / 2]
    cases = {
        "shrunk 1.5 times": (crops.view_matrix([255.3, 180.7], 192, 128), 128),
        "shrunk 2 times": (crops.view_matrix([255.5, 180.5], 256, 128), 128),
        "shrunk 3 times": (crops.view_matrix(middle, 384, 128), 128),
        "shrunk 3.7 times": (crops.view_matrix([250.1, 250.9], 473.6, 128), 128),
        "shrunk 9 times": (crops.view_matrix(middle, 576, 64), 64),
        "shrunk 13.3 times": (crops.view_matrix(middle, 851.2, 64), 64),
        "shrunk 70 times": (crops.view_matrix(middle, 4480, 64), 64),
        "as it is": (crops.view_matrix([255.5, 180.5], 128, 128), 128),
        "enlarged 2.5 times": (crops.view_matrix([250.2, 190.4], 51.2, 128), 128),
        "turned by 30 degrees": (crops.view_matrix([250.2, 190.4], 230, 128, 30), 128),
        "turned by -135 degrees": (crops.view_matrix([250.2, 190.4], 100, 96, -135), 96),
        "over the upper left corner": (crops.view_matrix([10, -20], 300, 128), 128),
        "over the lower right corner, turned": (crops.view_matrix([width, height], 260, 128, 20), 128),
        "wholly outside": (crops.view_matrix([-900, 300], 200, 64), 64),
        "wholly outside, enlarged": (crops.view_matrix([width + 500, 300], 30, 64), 64),
        "mirrored": (np.array([[-0.8, 0.1, 260.0], [0.1, 0.8, -90.0]]), 96),
    }
    arrays: dict[str, Array] = {"picture": picture}
    for k, (matrix, size) in enumerate(cases.values()):
        arrays[f"matrix {k}"] = matrix
        arrays[f"square {k}"] = crops.warp_image(picture, matrix, size)
    write_arrays(path, arrays, {"cases": list(cases)})


# ---- geometry


def write_geometry(path: Path) -> None:
    """Crops, cameras, alignments and boxes of random numbers."""
    rng = np.random.default_rng(SEED)
    arrays, meta = camera_cases(rng)
    view = crops.view_matrix([301.5, 222.25], 260.5, 96, -37)
    box = [31.5, 42.25, 180.0, 211.75]
    centre, side, angle = crops.view_parameters(view, 96)
    points = rng.normal(0, 200, (40, 3))
    arrays |= {
        "view": view,
        "view parameters": np.r_[centre, side, angle],
        "crop": crops.crop_matrix(box, 128, 23.0),
        "crop box": np.array(box),
        "inverse": crops.invert_similarity(view),
        "points": points,
        "moved points": crops.transform_points(view, points),
        "moved flat points": crops.transform_points(view, points[:, :2]),
        "landmark box": landmark_box(points),
        "box size": np.array([box_size(np.array(box))]),
    }
    boxes = np.sort(rng.normal(100, 60, (12, 2, 2)), 1).reshape(-1, 4)
    arrays |= {"boxes": boxes, "overlap": overlap(boxes, np.array(box))}
    source, weights = rng.normal(0, 30, (25, 2)), rng.uniform(0, 1, 25)
    target = source @ np.array([[0.6, -1.1], [1.1, 0.6]]) + [5, -3] + rng.normal(0, 2, source.shape)
    scale, rotation, shift = cameras.similarity_alignment(source, target, weights)
    arrays |= {"flat source": source, "flat target": target, "flat weights": weights}
    arrays |= {"flat result": np.r_[scale, rotation.ravel(), shift]}
    write_arrays(path, arrays, meta)


def camera_cases(rng: np.random.Generator) -> tuple[dict[str, Array], dict[str, Any]]:
    """Cameras that were fitted to points, with and without weights, also where the points lie in a plane."""
    cases: dict[str, tuple[float, float, float]] = {
        "frontal": (3, -5, 2), "profile": (10, 85, -20), "half turned": (-15, 40, 5), "upside down": (0, 10, 178),
        "gimbal lock": (20, 90, 0), "flat": (5, 20, 10), "reflected": (0, 0, 0),
    }  # fmt: skip
    arrays: dict[str, Array] = {}
    for k, (name, angles) in enumerate(cases.items()):
        vertices = rng.normal(0, 40, (60, 3))
        if name == "flat":
            vertices[:, 2] = 0
        camera = cameras.Camera(cameras.rotation_matrix(*angles), 1.7, np.array([200.0, 180.0, -4.0]))
        points = camera.project(vertices) + (0 if name == "gimbal lock" else rng.normal(0, 3, vertices.shape))
        if name == "reflected":  # the best proper rotation is not the best orthogonal matrix
            points[:, 0] *= -1
        weights = rng.uniform(0, 1, 60)
        for kind, fitted in {
            "": cameras.Camera.fit(vertices, points), " weighted": cameras.Camera.fit(vertices, points, weights)
        }.items():  # fmt: skip
            arrays[f"camera{kind} {k}"] = np.r_[fitted.rotation.ravel(), fitted.scale, fitted.translation]
            arrays[f"angles{kind} {k}"] = np.array(fitted.angles)
        fitted = cameras.Camera.fit(vertices, points)
        arrays |= {f"vertices {k}": vertices, f"points {k}": points, f"weights {k}": weights}
        arrays |= {f"projected {k}": fitted.project(vertices), f"unprojected {k}": fitted.unproject(points)}
        distance = cameras.rotation_distance(fitted.rotation, camera.rotation)
        arrays |= {f"truth {k}": camera.rotation, f"distance {k}": np.array([distance])}
        arrays[f"matrix {k}"] = fitted.matrix
    return arrays, {"cameras": list(cases)}


# ---- layout


def write_layout(path: Path, net: LPRNet) -> None:
    """What a layout makes of the map of a photo."""
    layout = net.layout
    picture = photo("astronaut")
    matrix = crops.crop_matrix([178, 86, 270, 175])
    code = net.predict_uv(crops.warp_image(picture, matrix))
    raw = decode_map(code)
    smooth = layout.smooth(raw)
    position_map = crops.transform_points(crops.invert_similarity(matrix), smooth)
    centred = layout.centre_depth(position_map.copy())
    vertex_matrix, triangles = layout.trimmed_mesh()
    texel_uv = layout.texel_uv.reshape(-1, 3)[:, :2]
    camera = layout.camera(position_map)
    whole = layout.camera(position_map, step=1)
    face = whole.unproject(position_map)
    # maps that are ever less like a face
    rng = np.random.default_rng(SEED)
    bent = position_map + np.float32(20) * np.sin(position_map[..., :1] / 15)
    torn = position_map + rng.normal(0, 15, position_map.shape).astype(np.float32)
    likely = {"seen": position_map, "bent": bent, "torn": torn}
    arrays = {
        "code": code, "raw": raw, "smooth": smooth, "map": position_map, "centred": centred,
        "mean": layout.mean_map, "mask": layout.mask.astype(np.uint8), "texels": layout.texels.astype(np.int32),
        "landmarks": layout.landmarks(position_map), "points": layout.points(position_map, 5),
        "vertices": vertex_matrix @ layout.flat(position_map), "uv": vertex_matrix @ texel_uv,
        "triangles": membrane_last(layout, vertex_matrix, triangles)[0],
        "camera": np.r_[camera.rotation.ravel(), camera.scale, camera.translation], "angles": np.array(camera.angles),
        "camera of all": np.r_[whole.rotation.ravel(), whole.scale, whole.translation],
        "upright": net.upright_crop(position_map), "face": face.astype(np.float32), "openness": openness(face),
        "likely maps": np.stack(list(likely.values())),
        "distances": np.array([shape_distance(m, layout) for m in likely.values()]),
        "likelihoods": np.array([net.likelihood(m) for m in likely.values()]),
        "likelihoods by default": np.array([face_likelihood(m, layout) for m in likely.values()]),
    }  # fmt: skip
    for k, opening in enumerate(openings(layout.size)):
        arrays[f"rims {k}"] = np.stack([opening.upper, opening.lower]).astype(np.int32)
        arrays[f"ends {k}"] = np.array(opening.ends, np.int32)
    meta = {"membraneStart": membrane_last(layout, vertex_matrix, triangles)[1], "likely maps": list(likely)}
    write_arrays(path, arrays, meta)


def membrane_last(layout: UVLayout, vertex_matrix: Any, triangles: Array) -> tuple[Array, int]:
    """The triangles, those that close an opening last, and the number of the others."""
    closes = (vertex_matrix @ (layout.kind.ravel() == MEMBRANE).astype(np.float32) > 0)[triangles].any(1)
    return np.concatenate([triangles[~closes], triangles[closes]]).astype(np.int32), int((~closes).sum())


# ---- photos


class Recorder:
    """Takes the place of a network, and keeps its answers."""

    def __init__(self, model: LiteRTModel):
        self.model, self.signatures, self.answers = model, [], []

    def __call__(self, *inputs: Array) -> list[Array]:
        """The answers of the network."""
        answers = self.model(*inputs)
        side = len(inputs[0]) // SIGNATURE
        blocks = inputs[0].reshape(SIGNATURE, side, SIGNATURE, side, 3)
        self.signatures.append(blocks.mean((1, 3), dtype=float).ravel().astype(np.float32))
        self.answers.append(answers)
        return answers

    def arrays(self, name: str) -> dict[str, Array]:
        """What was recorded: signatures (n, 192), and for each output its values (n, ...)."""
        if not self.answers:
            return {}
        outputs = {f"{name} output {k}": np.stack(values) for k, values in enumerate(zip(*self.answers, strict=True))}
        return {f"{name} signatures": np.stack(self.signatures), **outputs}


def recorded_detector() -> tuple[FaceDetector, dict[str, Recorder]]:
    """A face detector, and the recorders of its networks."""
    detector = FaceDetector()
    stages: dict[str, BlazeFace] = {"back": detector._coarse, "short": detector._fine}
    recorders = {}
    for name, stage in stages.items():
        recorders[name] = stage._network = Recorder(stage._network)
    return detector, recorders


def write_photo(path: Path, net: LPRNet, picture: Image) -> None:
    """The faces in a photo, and what the networks answered on the way."""
    net.detector, recorders = recorded_detector()
    found = net.detector.detect(picture)
    network, net._network = net._network, Recorder(net._network)
    recorders["open"] = net._network
    try:
        results = [net._reconstruct(picture, f.box, f.angle, f.score, closer_look=False) for f in found]
    finally:
        net._network = network
    arrays: dict[str, Array] = {
        "picture": picture,
        "boxes": np.array([f.box for f in found]).reshape(-1, 4),
        "scores": np.array([f.score for f in found], float),
        "angles": np.array([f.angle for f in found], float),
        "keypoints": np.array([f.keypoints for f in found]).reshape(-1, 6, 2),
        "confidences": np.array([face.confidence for _, face in results], float),
        "matrices": np.array([matrix for matrix, _ in results]).reshape(-1, 2, 3),
    }
    for k, (_, face) in enumerate(results):
        arrays |= {f"map {k}": face.position_map, f"landmarks {k}": face.landmarks}
    for name, recorder in recorders.items():
        arrays |= recorder.arrays(name)
    if found:
        arrays |= redetection(picture, found[0].box)
    write_arrays(path, arrays)


def redetection(picture: Image, box: Array) -> dict[str, Array]:
    """The face of a box that is found again, where it has moved a little, and the answers of the network."""
    detector, recorders = recorded_detector()
    moved = box + np.array([0.1, -0.05, 0.1, -0.05]) * (box[2] - box[0])
    again = detector.redetect(picture, moved)
    out = {"moved box": moved} | recorders["short"].arrays("again")
    return out if again is None else out | {"again": np.r_[again.box, again.score, again.angle]}
