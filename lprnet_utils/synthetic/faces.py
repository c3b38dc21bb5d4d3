"""Synthetic training photos with exact position maps: who, how turned, how lit, and what is in the way.

Everything about a sample follows from its number: :meth:`SyntheticFaces.sample` with the same seed and number gives the
same picture on every machine with the same libraries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import DatasetError, read_arrays
from ..common.files import read_checked, write_checked
from ..datasets.shards import SHARD, Sample, fill_folder, is_whole, pack
from ..geometry.camera import Camera, rotation_angles, rotation_matrix
from ..geometry.crop import crop_side
from ..geometry.landmarks import CHIN, LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, OUTER_LIPS, RIGHT_EYE, UNDER_NOSE
from ..geometry.shading import Light
from ..uv.layout import UVLayout
from .appearance import HAIR_COLORS, HAIR_LEVEL, HAIR_SHARE, IRIS_COLORS, LUMINANCE, blend, stain
from .head import EYE_SEGMENTS, Head, Part, skin_sheets
from .props import background, developed, fingers, glasses, hat, obstacle, shadow
from .renderer import SUPERSAMPLING, Rendering, draw_head

BLOCK = 32  # samples whose vertices are computed together

# what faces do in photos: how often, and from where to where each expression goes ("*": left and right alike)
ACTS: dict[str, tuple[float, dict[str, tuple[float, float]]]] = {
    "smile": (0.36, {"mouthSmile*": (0.3, 1), "cheekSquint*": (0.1, 0.8), "eyeSquint*": (0, 0.6),
                     "mouthUpperUp*": (0, 0.4), "mouthDimple*": (0, 0.5), "jawOpen": (0, 0.15)}),
    "laugh": (0.16, {"mouthSmile*": (0.4, 1), "cheekSquint*": (0.3, 1), "eyeSquint*": (0.1, 0.9),
                     "mouthUpperUp*": (0.1, 0.5), "mouthLowerDown*": (0, 0.6), "jawOpen": (0.15, 0.7)}),
    "frown": (0.1, {"browDown*": (0.3, 1), "mouthFrown*": (0.1, 0.8), "noseSneer*": (0, 0.6), "eyeSquint*": (0, 0.6)}),
    "surprise": (0.08, {"browInnerUp": (0.3, 1), "browOuterUp*": (0.3, 1), "eyeWide*": (0.2, 1),
                        "jawOpen": (0.1, 0.7)}),
    "kiss": (0.06, {"mouthPucker": (0.4, 1), "mouthFunnel": (0, 0.5)}),
    "speech": (0.16, {"jawOpen": (0.05, 0.4), "mouthFunnel": (0, 0.6), "mouthLowerDown*": (0, 0.5),
                      "mouthUpperUp*": (0, 0.3), "mouthStretch*": (0, 0.4)}),
    "shout": (0.08, {"jawOpen": (0.5, 1), "browDown*": (0, 0.7), "noseSneer*": (0, 0.7), "mouthUpperUp*": (0, 0.5)}),
}  # fmt: skip


class SyntheticFaces:
    """An unlimited source of synthetic photos.

    Parameters
    ----------
    seed : int
    size : int
        N, side of images and maps.
    """

    def __init__(self, seed: int = 0, size: int = 128):
        self.seed, self.size, self._cache = seed, size, (None, None)
        self.head = Head()
        self.model = self.head.model
        self.layout = UVLayout(size)
        self.read = self.layout.landmark_matrix @ self.layout.matrix
        self.statistics = read_arrays("face_statistics.npz")
        skins, brows = skin_sheets()
        place = np.clip((self.model.uv * skins.shape[1]).astype(int), 0, skins.shape[1] - 1)
        linear = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
        around = self.head.file["head_colors"]
        self.skins = np.concatenate([linear[skins[:, place[:, 1], place[:, 0]]], linear[around]], 1)
        self.dark = (self.skins[:, : len(place)] @ LUMINANCE).mean(1) < 0.15
        self.brows = brows[:, place[:, 1], place[:, 0]].astype(np.float32) / 255
        self.hairs = [self._hair(k) for k in range(len(HAIR_SHARE))]
        self._masks()

    def _hair(self, k: int) -> tuple[Array, ...]:
        """Hair k: where it is bound to the head, its triangles, and its texture brought to one mean level."""
        file = self.head.file
        weight, offset = (file[f"hair{k}_{name}"].astype(np.float32) for name in ("weight", "offset"))
        texture = file[f"hair{k}_texture"].copy()
        grey, solid = texture[..., 0].astype(np.float32), texture[..., 1] > 60
        level = grey[solid].mean() if solid.any() else 128.0
        texture[..., 0] = np.clip(grey / max(level, 1) * HAIR_LEVEL, 20, 255)
        return file[f"hair{k}_reference"], weight, offset, file[f"hair{k}_triangles"].astype(np.int32), texture

    def _masks(self) -> None:
        """Regions of the mean face that paint is put on: lashes, beard, lips."""
        mean = self.model.mean
        marks = self.read @ mean
        distance = np.full(len(mean), 1e9)
        for eye in (RIGHT_EYE, LEFT_EYE):
            ring = np.array(
                [marks[eye] * (1 - t) + np.roll(marks[eye], -1, 0) * t for t in np.linspace(0, 1, 12)]
            ).reshape(-1, 3)
            distance = np.minimum(distance, np.linalg.norm(mean[:, None, :2] - ring[None, :, :2], axis=2).min(1))
        self.lashes = np.exp(-((distance / 1.6) ** 2)).astype(np.float32)
        lips = np.array(
            [marks[OUTER_LIPS] * (1 - t) + np.roll(marks[OUTER_LIPS], -1, 0) * t for t in np.linspace(0, 1, 9)]
        )
        gap = np.linalg.norm(mean[:, None] - lips.reshape(1, -1, 3), axis=2).min(1)
        outline = marks[OUTER_LIPS, :2].astype(np.float32)[:, None]
        on_lips = np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y, _ in mean])
        below = np.clip((marks[UNDER_NOSE, 1] - mean[:, 1]) / 6, 0, 1)
        side = np.clip((np.abs(mean[:, 0]) - 0.75 * marks[16, 0]) / 8, 0, 1) * np.clip(
            (marks[NOSE_TIP, 1] - mean[:, 1]) / 25 + 1, 0, 1
        )
        cheek = np.clip((marks[MOUTH_CORNERS[0], 1] + 12 - mean[:, 1] + 0.25 * (np.abs(mean[:, 0]) - 25)) / 10, 0, 1)
        moustache = np.exp(-(((mean[:, 0]) / 26) ** 4)) * below * (mean[:, 1] > marks[66, 1] - 4)
        beard = np.maximum(cheek * below, side * 0.8)
        half = np.clip((marks[29, 1] - mean[:, 1]) / 20, 0.35, 1) * 0.9 * marks[16, 0]
        self.masked = (mean[:, 1] < marks[29, 1]) & (mean[:, 1] > marks[CHIN, 1]) & (np.abs(mean[:, 0]) < half)
        keep = np.where(on_lips, 0, np.clip((gap - 0.5) / 2.5, 0, 1))
        self.beard, self.moustache = (beard * keep).astype(np.float32), (moustache * keep).astype(np.float32)

    # ---- who and how

    def person(self, rng: np.random.Generator) -> tuple[Array, dict]:
        """Identity and expression (K + E,), from what real photos hold or from the model's own span, and its labels."""
        k = len(self.model.identity)
        labels: dict = {}
        if rng.random() < 0.5:
            mean, root = self.statistics["mean"], self.statistics["root"]
            c = rng.standard_normal(len(mean)) @ root
            # 68 points leave most of the identity open, where a fit is 0 and a face is not
            c[:k] += rng.standard_normal(k) * np.sqrt(np.maximum(0.6**2 - (root[:, :k] ** 2).sum(0), 0))
            c[:k] *= rng.uniform(1.0, 1.6)
            c[k:] *= rng.uniform(1.0, 2.5)  # and a fit's ridge makes expressions smaller than they were
            identity, expression = c[:k] + mean[:k], c[k:] + mean[k:]
        else:
            identity, labels = self.model.sample_identity(
                rng,
                {
                    "male": float(rng.beta(0.5, 0.5)),
                    "child": float(rng.random() < 0.2) * rng.uniform(0.2, 1),
                    "old": float(rng.random() < 0.3) * rng.uniform(0.2, 1),
                    **dict(zip(("african", "asian", "caucasian"), rng.dirichlet([0.5] * 3).tolist(), strict=True)),
                },
            )
            identity = identity + self.statistics["mean"][:k]  # photographed heads are deeper than MakeHuman's middle
            expression = np.zeros(len(self.model.expression))
        if rng.random() < 0.6:
            expression = expression + self.act(rng)
        if rng.random() < 0.25:  # and anything else a face can do
            few = rng.choice(len(expression), rng.integers(1, 5), replace=False)
            odd = np.zeros(len(expression))
            odd[few] = rng.uniform(0, 0.8, len(few))
            expression = expression + (np.maximum(odd, odd[self.expression_pairs]) if rng.random() < 0.7 else odd)
        return np.r_[identity, np.clip(expression, -0.5, 1.1)].astype(np.float32), labels

    def act(self, rng: np.random.Generator) -> Array:
        """One of the expressions (E,) that people show to a camera, more or less even; sometimes closing the eyes."""
        names = list(self.model.expression_names)
        out = np.zeros(len(names))
        shares = np.array([share for share, _ in ACTS.values()])
        _, parts = list(ACTS.values())[rng.choice(len(shares), p=shares / shares.sum())]
        for name, (low, high) in parts.items():
            value = rng.uniform(low, high)
            for side in ("Left", "Right") if "*" in name else ("",):
                out[names.index(name.replace("*", side))] += value * np.exp(rng.normal(0, 0.15))
        if rng.random() < 0.2:
            out[[names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]] += rng.uniform(0.2, 1)
        return out

    @property
    def expression_pairs(self) -> NDArray[np.intp]:
        """The mirror twin of each expression."""
        names = list(self.model.expression_names)
        return np.array(
            [names.index(n.replace("Left", "#").replace("Right", "Left").replace("#", "Right")) for n in names]
        )

    def pose(self, rng: np.random.Generator) -> Array:
        """A natural head pose: yaw to profile, some pitch, little roll; a rotation matrix."""
        yaw = rng.normal(0, 25) if rng.random() < 0.3 else rng.uniform(-92, 92)
        return rotation_matrix(np.clip(rng.normal(-3, 14), -50, 50), np.clip(yaw, -95, 95), rng.normal(0, 7))

    def turn(self, rng: np.random.Generator) -> float:
        """Degrees by which the picture is turned in its plane: few by much, very few upside down."""
        kind = rng.random()
        if kind < 0.94:
            return float(np.clip(rng.normal(0, 15), -50, 50))
        return float(rng.uniform(-100, 100) if kind < 0.99 else rng.uniform(-180, 180))

    def camera(self, rng: np.random.Generator, points: Array, rotation: Array) -> Camera:
        """Scale and place so that the picture is the network's crop, varied as a detector's box would be."""
        flat = points @ rotation.T * [1, -1, 1]
        low, high = flat.min(0), flat.max(0)
        scale = self.size / crop_side(np.r_[low[:2], high[:2]]) * np.exp(rng.uniform(np.log(0.85), np.log(1.2)))
        centre = (self.size - 1) / 2 + rng.uniform(-0.08, 0.08, 2) * self.size
        shift = centre - scale * (low + high)[:2] / 2
        return Camera(rotation, float(scale), np.r_[shift, 0.0])

    # ---- what it looks like

    def albedo(self, rng: np.random.Generator, labels: dict) -> tuple[Array, Array, Array]:
        """Colours (n, 3) and gloss (n,) of the head's vertices, and the colour of its hair."""
        head = self.head
        v = head.face_count
        which = int(rng.integers(len(self.skins)))
        albedo = np.full((head.count, 3), 0.5, np.float32)
        skin = self.skins[which].copy()
        if rng.random() < 0.6:  # between a dark and a light skin, as most people's is; even in what the eye sees
            other = int(rng.choice(np.flatnonzero(self.dark != self.dark[which])))
            low, high = (which, other) if self.dark[which] else (other, which)
            skin = self.skins[low] + np.float32(rng.random() ** 2.2) * (self.skins[high] - self.skins[low])
        mottling = np.exp(np.float32(rng.normal(0, 0.04)) * rng.standard_normal(len(skin), np.float32))
        stain(skin, mottling, np.exp(rng.normal(0, 0.12)) * (1 + rng.normal(0, 0.05, 3)), 0.004, 0.95)
        tone = float((skin[:v] @ LUMINANCE).mean() ** (1 / 2.2))
        labels |= {"skin": str(head.file["skin_names"][which]), "tone": tone}
        dark = tone < 0.45
        hair = HAIR_COLORS[rng.integers(3 if dark else len(HAIR_COLORS))] * rng.uniform(0.7, 1.3)
        if rng.random() < 0.05:
            hair = rng.uniform(0, 0.7, 3)  # dyed
        face = skin[:v]
        brow = self.brows[rng.integers(len(self.brows))] * rng.uniform(0.3, 1.2)
        blend(face, np.clip(brow, 0, 1), hair * rng.uniform(0.5, 1.2))
        blend(face, self.lashes * rng.uniform(0.2, 0.9), np.zeros(3))
        grown = labels.get("male", 1.0) > 0.5 and not labels.get("child", 0.0) > 0.1
        for mask, chance in ((self.beard, 0.3), (self.moustache, 0.35)):
            if rng.random() < chance * grown:
                strands = np.clip(0.75 + 0.25 * rng.standard_normal(v, np.float32), 0, 1) * rng.uniform(0.3, 1)
                blend(face, mask * strands, hair * rng.uniform(0.6, 1.2))
                labels["beard"] = 1.0
        if rng.random() < 0.1:  # make-up, marks, face paint
            for middle in self.model.mean[rng.integers(v, size=rng.integers(1, 6))]:
                reach = np.exp(-(((self.model.mean - middle) / rng.uniform(3, 18, 3).astype(np.float32)) ** 2).sum(1))
                blend(face, reach * rng.uniform(0.2, 1), rng.uniform(0, 0.7, 3))
        albedo[: len(skin)] = skin
        clothes = rng.uniform(0.01, 0.8, 3) ** 1.5
        albedo[head.clothed] = clothes
        if rng.random() < 0.3:
            stripes = np.sin(self.head.file["mean"][head.clothed - v, 1] * rng.uniform(0.2, 1)) > 0
            albedo[head.clothed[stripes]] = rng.uniform(0.01, 0.8, 3)
        if rng.random() < 0.06:  # a scarf around the head
            labels["scarf"] = 1.0
            albedo[self.wrapped(rng)] = clothes
        if rng.random() < 0.03:
            labels["mask"] = 1.0
            cloth = rng.uniform(0.1, 0.9, 3)
            albedo[:v][self.masked] = cloth
        iris = IRIS_COLORS[0 if dark else rng.integers(len(IRIS_COLORS))] * rng.uniform(0.6, 1.5)
        white = np.array([0.5, 0.48, 0.45]) * rng.uniform(0.7, 1.1) * (0.35 + tone)
        rings = np.array([[0.01] * 3, [0.01] * 3, iris, iris, iris * 0.4, white, white, white * 0.8, white * 0.6])
        for eye in ("right eye", "left eye"):
            albedo[head.kind[eye]] = np.repeat(rings, EYE_SEGMENTS, 0)
        albedo[head.kind["mouth"]] = [0.1, 0.02, 0.02]
        albedo[head.teeth] = np.array([0.65, 0.6, 0.5]) * rng.uniform(0.6, 1.1) * (0.4 + tone)
        if "mask" in labels:
            albedo[head.kind["mouth"]] = albedo[head.teeth] = cloth
        shine = np.ones(head.count, np.float32)
        shine[head.clothed] = 0.2
        shine[head.kind["right eye"]] = shine[head.kind["left eye"]] = 4.0
        return albedo, shine, hair

    def wrapped(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Vertices of face and head that a scarf covers: all but an oval around the features, and the eyes."""
        points = np.concatenate([self.model.mean, self.head.file["mean"]])
        centre, half = (self.read @ self.model.mean)[[27, 30]].mean(0), rng.uniform([56, 64], [68, 80])
        oval = (((points - centre)[:, :2] / half) ** 2).sum(1) < 1
        behind = points[:, 2] < centre[2] - rng.uniform(60, 80)
        covered = ~oval | behind
        covered[self.head.teeth] = False
        return np.flatnonzero(covered)

    def worn(self, rng: np.random.Generator, vertices: Array, hair: Array, labels: dict) -> list[Part]:
        """Hair, hat, glasses."""
        parts = []
        file, around = self.head.file, vertices[self.head.kind["head"]]
        if rng.random() < 0.8 and "scarf" not in labels:
            k = int(rng.choice(len(HAIR_SHARE), p=HAIR_SHARE))
            reference, weight, offset, triangles, texture = self.hairs[k]
            points = (weight[:, None] @ around[reference])[:, 0] + offset
            colors = np.tile(hair.astype(np.float32) * 255 / HAIR_LEVEL, (len(points), 1))
            parts.append(Part(points, triangles, colors, file[f"hair{k}_uv"], texture, 0.35))
            labels["hair"] = str(file["hair_names"][k])
        marks = self.read @ vertices[: self.head.face_count]
        if rng.random() < 0.12:
            parts.append(hat(rng, around, marks))
            labels["hat"] = 1.0
        if rng.random() < 0.22:
            parts += glasses(rng, marks)
            labels["glasses"] = 1.0
        return parts

    def sample(self, number: int, geometry: bool = False) -> Sample:
        """Sample ``number`` of this seed, with depth, normals and visibility if ``geometry``."""
        coefficients, labels, around = self.block(number // BLOCK)
        k = number % BLOCK
        rng = np.random.default_rng([self.seed, number, 1])
        vertices, labels = around[k], dict(labels[k])
        face = vertices[: self.head.face_count]
        turn, pose = self.turn(rng), self.pose(rng)
        labels["yaw"] = rotation_angles(pose)[1]
        camera = self.camera(rng, self.read @ face, rotation_matrix(0, 0, turn) @ pose)
        position_map = self.layout.vertices_to_map(camera.project(face).astype(np.float32))
        middle = position_map[..., 2][self.layout.mask].mean()
        light = Light.sample(rng)
        out = background(rng, self.size)
        if rng.random() < 0.12:
            out = self._bystander(rng, out, around[(k + 1) % BLOCK], camera)
        drawn = self._exposed(rng, vertices, camera, light, labels)
        seen = []
        if geometry:
            depth = drawn.depth.reshape(self.size, -1, self.size, SUPERSAMPLING).max((1, 3)) - middle
            seen = [depth.astype(np.float32), drawn.normals(self.head.triangles), drawn.sees(position_map)]
        position_map[..., 2] -= middle
        out = drawn.picture + (1 - drawn.coverage[..., None]) * out
        if rng.random() < 0.15:
            out = shadow(rng, out)
        if rng.random() < 0.08:
            out = fingers(rng, out, drawn.picture[drawn.coverage > 0.9])
        elif rng.random() < 0.12:
            out = obstacle(rng, out)
        return Sample(developed(rng, out), position_map, coefficients[k], camera, labels, *seen)

    def block(self, number: int) -> tuple[Array, list[dict], Array]:
        """Coefficients, labels and vertices of a block of samples: one matrix product for all of them."""
        if self._cache[0] != number:
            drawn = []
            for k in range(BLOCK):
                rng = np.random.default_rng([self.seed, number * BLOCK + k, 0])
                drawn.append((*self.person(rng), rng.normal(0, [6, 12])))
            coefficients, labels, gaze = zip(*drawn, strict=True)
            self._cache = number, (np.array(coefficients), labels, self.head.vertices(np.array(coefficients), gaze))
        return self._cache[1]

    def _exposed(
        self, rng: np.random.Generator, vertices: Array, camera: Camera, light: Light, labels: dict
    ) -> Rendering:
        """One person, drawn and exposed."""
        albedo, shine, hair = self.albedo(rng, labels)
        parts = self.worn(rng, vertices, hair, labels)
        pose = camera.rotation, camera.scale, camera.translation
        drawn = draw_head(self.head, vertices, albedo, shine, light, pose, self.size, parts)
        if drawn.hidden > 0.5:  # nothing left to learn from
            drawn = draw_head(self.head, vertices, albedo, shine, light, pose, self.size)
        coarse = drawn.picture[::3, ::3][drawn.coverage[::3, ::3] > 0.5]
        tenth = 9 * coarse.size // 10
        bright = np.partition(coarse, tenth, None)[tenth] if coarse.size else 1.0
        exposure = (0.75 / max(bright, 0.03)) ** rng.uniform(0.4, 1.0) * np.exp(rng.normal(0, 0.3))
        drawn.picture[:] *= np.float32(exposure)
        return drawn

    def _bystander(self, rng: np.random.Generator, out: Array, vertices: Array, camera: Camera) -> Array:
        """Another person behind, beside the crop's middle."""
        side = rng.choice([-1, 1]) * rng.uniform(0.45, 0.8) * self.size
        shift = camera.translation + [side, rng.uniform(-0.3, 0.3) * self.size, 0]
        rotation = rotation_matrix(0, 0, self.turn(rng)) @ self.pose(rng)
        other = Camera(rotation, camera.scale * rng.uniform(0.5, 1.0), shift)
        drawn = self._exposed(rng, vertices, other, Light.sample(rng), {})
        return drawn.picture + (1 - drawn.coverage[..., None]) * out


def synthesize(
    folder: str | Path, count: int, seed: int = 0, workers: int = 1, bar: Callable = iter, dask: str | None = None
) -> None:
    """Fill a folder with synthetic pairs; what is there already and whole is kept, so a killed run goes on.

    Parameters
    ----------
    folder : path
    count : int
        Rounded up to whole shards of 1,024.
    seed : int
    workers : int
        Processes.
    bar : callable
        Wraps the iterator over shards, for a progress bar.
    dask : str, optional
        Address of a Dask cluster that does it instead, see :func:`lprnet_utils.common.parallel.run_jobs`.

    Raises
    ------
    DatasetError
        If the folder holds shards of another seed.
    """
    if first := next(filter(is_whole, sorted(Path(folder).glob("shard-*.bin"))), None):
        made = int(read_checked(first).get("seed", seed))
        if made != seed:
            raise DatasetError(f"{first} was made with seed {made}, not {seed}: take another folder, or that seed")
    fill_folder(folder, -(-count // SHARD), partial(_synthesize_shard, seed=seed), workers, bar, dask)


_own = threading.local()  # of each thread: a generator is not for several at once, and a Dask worker may have them


def _generator(seed: int) -> SyntheticFaces:
    if getattr(_own, "seed", None) != seed:
        _own.faces, _own.seed = SyntheticFaces(seed), seed
    return _own.faces


def _synthesize_shard(path: Path, number: int, seed: int) -> None:
    cv2.setNumThreads(1)
    faces = _generator(seed)
    pairs = pack(faces.sample(number * SHARD + k) for k in range(SHARD))
    write_checked(path, pairs | {"seed": np.array(seed)})
