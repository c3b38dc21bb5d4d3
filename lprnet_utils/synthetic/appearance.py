"""What a synthetic head looks like: skin, brows, beard, clothes, and what it wears."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from .accessories import glasses, hat
from .face_regions import face_regions
from .head import EYE_SEGMENTS, Head, Part, skin_sheets
from .renderer import Surface

# Colours are linear RGB, 0 to 1.
HAIR_COLORS = np.array(
    [[0.01, 0.008, 0.006], [0.03, 0.018, 0.01], [0.09, 0.045, 0.02], [0.2, 0.11, 0.05], [0.45, 0.3, 0.14],
     [0.25, 0.07, 0.02], [0.35, 0.34, 0.33], [0.75, 0.74, 0.72]]
)  # fmt: skip
DARK_HAIR_COLORS = 3  # the first of them: natural with dark skin
IRIS_COLORS = np.array(
    [[0.05, 0.025, 0.01], [0.12, 0.06, 0.02], [0.2, 0.15, 0.05], [0.1, 0.2, 0.35], [0.15, 0.25, 0.15]]
)
# relative frequency of each hair; bob01 and Braid01 have a fringe before one eye
HAIR_FREQUENCY = np.array([1.2, 0.25, 0.8, 0.5, 1.0, 1.0, 1.6, 1.6, 1.6, 1.6]) / 11.15
HAIR_BRIGHTNESS = 150.0  # mean of every hair's texture, 0 to 255
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear RGB, ITU-R BT.709
DARK_SKIN_LUMINANCE, DARK_SKIN_TONE = 0.15, 0.45  # upper limits: of a bundled skin (linear), of the drawn one (gamma)


@numba.njit(cache=True, error_model="numpy")
def blend(colors, opacity, color):  # pragma: no cover - compiled
    """Paint one color (3,) over colors (n, 3), in place, with an opacity (n,) for each.

    Numpy is ten times slower where the last axis has three numbers.
    """
    for i in range(colors.shape[0]):
        for k in range(3):
            colors[i, k] += opacity[i] * (color[k] - colors[i, k])


@numba.njit(cache=True, error_model="numpy")
def scale_colors(colors, factor, gain, low, high):  # pragma: no cover - compiled
    """Multiply colors (n, 3) by a factor (n,) and a gain (3,), in place; clip to ``low`` and ``high``."""
    for i in range(colors.shape[0]):
        for k in range(3):
            colors[i, k] = min(max(colors[i, k] * factor[i] * gain[k], low), high)


@dataclass(frozen=True)
class Hair:
    """A hair mesh that is bound to the vertices of a head.

    ``reference`` (n, 3) holds three of the head's vertices for each of the hair's, ``weight`` (n, 3) their weights and
    ``offset`` (n, 3) is added in mm. ``texture`` holds brightness and opacity, see :class:`.head.Part`.
    """

    name: str
    reference: NDArray
    weight: NDArray[np.float32]
    offset: NDArray[np.float32]
    triangles: NDArray[np.int32]
    uv: Array
    texture: Image

    @classmethod
    def load(cls, head: Head, k: int) -> Hair:
        """Hair k of the bundled ones, its texture scaled to :data:`HAIR_BRIGHTNESS`."""
        arrays = {n: head.file[f"hair{k}_{n}"] for n in ("reference", "weight", "offset", "triangles", "uv")}
        texture = head.file[f"hair{k}_texture"].copy()
        brightness, solid = texture[..., 0].astype(np.float32), texture[..., 1] > 60
        mean = brightness[solid].mean() if solid.any() else 128.0
        texture[..., 0] = np.clip(brightness / max(mean, 1) * HAIR_BRIGHTNESS, 20, 255)
        types = {"weight": np.float32, "offset": np.float32, "triangles": np.int32}
        arrays |= {n: arrays[n].astype(t) for n, t in types.items()}
        return cls(str(head.file["hair_names"][k]), **arrays, texture=texture)

    def on(self, head_vertices: Array, color: Array) -> Part:
        """The hair on a head with vertices (h, 3), without face and eyes."""
        points = (self.weight[:, None] @ head_vertices[self.reference])[:, 0] + self.offset
        colors = np.tile(color.astype(np.float32) * 255 / HAIR_BRIGHTNESS, (len(points), 1))
        return Part(points, self.triangles, colors, self.uv, self.texture, 0.35)


class Appearance:
    """Draws the surface of a head and what it wears.

    Parameters
    ----------
    head : Head
    landmark_weights : (68, V) sparse matrix
        From the face's vertices to its landmarks.
    """

    def __init__(self, head: Head, landmark_weights):
        self.head, self.landmark_weights = head, landmark_weights
        model = head.model
        skins, brows = skin_sheets()
        texel = np.clip((model.uv * skins.shape[1]).astype(int), 0, skins.shape[1] - 1)
        linear = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
        self.skins = np.concatenate([linear[skins[:, texel[:, 1], texel[:, 0]]], linear[head.file["head_colors"]]], 1)
        self.is_dark = (self.skins[:, : len(texel)] @ LUMINANCE).mean(1) < DARK_SKIN_LUMINANCE
        self.brows = brows[:, texel[:, 1], texel[:, 0]].astype(np.float32) / 255
        self.hairs = [Hair.load(head, k) for k in range(len(HAIR_FREQUENCY))]
        self.regions = face_regions(model.mean, landmark_weights @ model.mean)

    def surface(self, rng: np.random.Generator, labels: dict) -> tuple[Surface, Array]:
        """Random colours and gloss of a head, and the colour (3,) of its hair; ``labels`` is added to."""
        head = self.head
        skin, tone = self._skin(rng, labels)
        dark = tone < DARK_SKIN_TONE
        hair_color = HAIR_COLORS[rng.integers(DARK_HAIR_COLORS if dark else len(HAIR_COLORS))] * rng.uniform(0.7, 1.3)
        if rng.random() < 0.05:
            hair_color = rng.uniform(0, 0.7, 3)  # dyed
        self._paint_face(rng, skin[: head.face_count], hair_color, labels)
        albedo = np.full((head.count, 3), 0.5, np.float32)
        albedo[: len(skin)] = skin
        mask_color = self._dress(rng, albedo, labels)
        self._color_eyes_and_teeth(rng, albedo, tone, dark)
        if mask_color is not None:
            albedo[head.kind["mouth"]] = albedo[head.teeth] = mask_color
        gloss = np.ones(head.count, np.float32)
        gloss[head.clothed] = 0.2
        gloss[head.kind["right eye"]] = gloss[head.kind["left eye"]] = 4.0
        return Surface(albedo, gloss), hair_color

    def _skin(self, rng: np.random.Generator, labels: dict) -> tuple[NDArray[np.float32], float]:
        """Skin colours of face and head (V + h, 3), and the tone: mean luminance of the face, 0 to 1."""
        which = int(rng.integers(len(self.skins)))
        skin = self.skins[which].copy()
        if rng.random() < 0.6:  # mix a dark and a light skin, evenly to the eye, as most people's skin is in between
            other = int(rng.choice(np.flatnonzero(self.is_dark != self.is_dark[which])))
            low, high = (which, other) if self.is_dark[which] else (other, which)
            skin = self.skins[low] + np.float32(rng.random() ** 2.2) * (self.skins[high] - self.skins[low])
        mottling = np.exp(np.float32(rng.normal(0, 0.04)) * rng.standard_normal(len(skin), np.float32))
        scale_colors(skin, mottling, np.exp(rng.normal(0, 0.12)) * (1 + rng.normal(0, 0.05, 3)), 0.004, 0.95)
        tone = float((skin[: self.head.face_count] @ LUMINANCE).mean() ** (1 / 2.2))
        labels |= {"skin": str(self.head.file["skin_names"][which]), "tone": tone}
        return skin, tone

    def _paint_face(self, rng: np.random.Generator, face: Array, hair_color: Array, labels: dict) -> None:
        """Paint brows, lashes, beard and make-up on the face's colours (V, 3), in place."""
        regions, mean = self.regions, self.head.model.mean
        brow = self.brows[rng.integers(len(self.brows))] * rng.uniform(0.3, 1.2)
        blend(face, np.clip(brow, 0, 1), hair_color * rng.uniform(0.5, 1.2))
        blend(face, regions.lashes * rng.uniform(0.2, 0.9), np.zeros(3))
        can_grow_beard = labels.get("male", 1.0) > 0.5 and not labels.get("child", 0.0) > 0.1
        for region, chance in ((regions.beard, 0.3), (regions.moustache, 0.35)):
            if rng.random() < chance * can_grow_beard:
                strands = np.clip(0.75 + 0.25 * rng.standard_normal(len(face), np.float32), 0, 1) * rng.uniform(0.3, 1)
                blend(face, region * strands, hair_color * rng.uniform(0.6, 1.2))
                labels["beard"] = 1.0
        if rng.random() < 0.1:  # make-up, marks, face paint
            for middle in mean[rng.integers(len(face), size=rng.integers(1, 6))]:
                opacity = np.exp(-(((mean - middle) / rng.uniform(3, 18, 3).astype(np.float32)) ** 2).sum(1))
                blend(face, opacity * rng.uniform(0.2, 1), rng.uniform(0, 0.7, 3))

    def _dress(self, rng: np.random.Generator, albedo: Array, labels: dict) -> Array | None:
        """Colour clothes, scarf and mask in ``albedo`` (n, 3), in place. Returns the mask's colour (3,), if any."""
        head = self.head
        cloth = rng.uniform(0.01, 0.8, 3) ** 1.5
        albedo[head.clothed] = cloth
        if rng.random() < 0.3:
            stripes = np.sin(head.file["mean"][head.clothed - head.face_count, 1] * rng.uniform(0.2, 1)) > 0
            albedo[head.clothed[stripes]] = rng.uniform(0.01, 0.8, 3)
        if rng.random() < 0.06:
            labels["scarf"] = 1.0
            albedo[self.scarf_vertices(rng)] = cloth
        if rng.random() >= 0.03:
            return None
        labels["mask"] = 1.0
        mask_color = rng.uniform(0.1, 0.9, 3)
        albedo[: head.face_count][self.regions.mask] = mask_color
        return mask_color

    def _color_eyes_and_teeth(self, rng: np.random.Generator, albedo: Array, tone: float, dark: bool) -> None:
        """Colour eyeballs, mouth and teeth in ``albedo`` (n, 3), in place."""
        head = self.head
        iris = IRIS_COLORS[0 if dark else rng.integers(len(IRIS_COLORS))] * rng.uniform(0.6, 1.5)
        white = np.array([0.5, 0.48, 0.45]) * rng.uniform(0.7, 1.1) * (0.35 + tone)
        rings = np.array([[0.01] * 3, [0.01] * 3, iris, iris, iris * 0.4, white, white, white * 0.8, white * 0.6])
        for eye in ("right eye", "left eye"):
            albedo[head.kind[eye]] = np.repeat(rings, EYE_SEGMENTS, 0)
        albedo[head.kind["mouth"]] = [0.1, 0.02, 0.02]
        albedo[head.teeth] = np.array([0.65, 0.6, 0.5]) * rng.uniform(0.6, 1.1) * (0.4 + tone)

    def scarf_vertices(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Vertices of face and head that a scarf covers: all but an oval around the features."""
        points = np.concatenate([self.head.model.mean, self.head.file["mean"]])
        landmarks = self.landmark_weights @ self.head.model.mean
        centre, half = landmarks[[27, 30]].mean(0), rng.uniform([56, 64], [68, 80])
        oval = (((points - centre)[:, :2] / half) ** 2).sum(1) < 1
        behind = points[:, 2] < centre[2] - rng.uniform(60, 80)
        covered = ~oval | behind
        covered[self.head.teeth] = False
        return np.flatnonzero(covered)

    def accessories(self, rng: np.random.Generator, vertices: Array, hair_color: Array, labels: dict) -> list[Part]:
        """Random hair, hat and glasses for a head with vertices (n, 3); ``labels`` is added to."""
        parts = []
        head_vertices = vertices[self.head.kind["head"]]
        if rng.random() < 0.8 and "scarf" not in labels:
            hair = self.hairs[int(rng.choice(len(self.hairs), p=HAIR_FREQUENCY))]
            parts.append(hair.on(head_vertices, hair_color))
            labels["hair"] = hair.name
        landmarks = self.landmark_weights @ vertices[: self.head.face_count]
        if rng.random() < 0.12:
            parts.append(hat(rng, head_vertices, landmarks))
            labels["hat"] = 1.0
        if rng.random() < 0.22:
            parts += glasses(rng, landmarks)
            labels["glasses"] = 1.0
        return parts
