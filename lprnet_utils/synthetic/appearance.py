"""What a synthetic head looks like: skin, brows, beard, clothes, and what it wears."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.compiled import compiled
from ..geometry.landmarks import CHIN, LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, OUTER_LIPS, RIGHT_EYE, UNDER_NOSE
from ..geometry.shading import GAMMA
from .accessories import glasses, hat
from .head import CLOTHES_TOP, EYE_SEGMENTS, Head, Part, skin_sheets
from .renderer import Surface

JAW_BY_EAR, NOSE_BRIDGE_LOW, LOWER_INNER_LIP = 16, 29, 66  # landmarks
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
CLOTHES_TOP_RANGE = (-95.0, -18.0)  # mm, see CLOTHES_TOP
HAIR_SIZE_RANGES = ((0.94, 1.12), (0.95, 1.3), (0.95, 1.12))  # factors in x, y and z
HAIR_SHIFT_RANGE = (-6.0, 6.0)  # mm, up
BROW_STRENGTH = 1.5  # factor on the opacity of the sheets
BROW_RAISED = (0, 13)  # texels of 0.8 mm: MakeHuman's brows lie 12 mm above the pupils, people's about 18
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear RGB, ITU-R BT.709
DARK_SKIN_LUMINANCE, DARK_SKIN_TONE = 0.15, 0.45  # upper limits: of a bundled skin (linear), of the drawn one (gamma)


@compiled
def blend(colors, opacity, color):  # pragma: no cover - compiled
    """Paint one color (3,) over colors (n, 3), in place, with an opacity (n,) for each; numpy is ten times slower."""
    for i in range(colors.shape[0]):
        for k in range(3):
            colors[i, k] += opacity[i] * (color[k] - colors[i, k])


@compiled
def scale_colors(colors, factor, gain, low, high):  # pragma: no cover - compiled
    """Multiply colors (n, 3) by a factor (n,) and a gain (3,), in place; clip to ``low`` and ``high``."""
    for i in range(colors.shape[0]):
        for k in range(3):
            colors[i, k] = min(max(colors[i, k] * factor[i] * gain[k], low), high)


def mask_vertices(vertices: Array, landmarks: Array) -> NDArray[np.bool_]:
    """Whether a mask covers each of a face's vertices (V, 3) with landmarks (68, 3), in mm of the face frame."""
    half = np.clip((landmarks[NOSE_BRIDGE_LOW, 1] - vertices[:, 1]) / 20, 0.35, 1) * 0.9 * landmarks[JAW_BY_EAR, 0]
    below_bridge = vertices[:, 1] < landmarks[NOSE_BRIDGE_LOW, 1]
    return below_bridge & (vertices[:, 1] > landmarks[CHIN, 1]) & (np.abs(vertices[:, 0]) < half)


def subdivided(loop: Array, steps: int) -> Array:
    """Points (steps * n, 3) along a closed polygon (n, 3)."""
    return np.array([loop * (1 - t) + np.roll(loop, -1, 0) * t for t in np.linspace(0, 1, steps)]).reshape(-1, 3)


def lash_opacity(vertices: Array, landmarks: Array) -> NDArray[np.float32]:
    """Opacity (V,) of the lashes, along the lids."""
    lids = np.concatenate([subdivided(landmarks[eye], 12) for eye in (RIGHT_EYE, LEFT_EYE)])
    distance = np.linalg.norm(vertices[:, None, :2] - lids[None, :, :2], axis=2).min(1)
    return np.exp(-((distance / 1.6) ** 2)).astype(np.float32)


def beard_and_moustache(vertices: Array, landmarks: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Opacity (V,) of a beard on cheeks, chin and temples, and of a moustache above the mouth; the lips stay free."""
    x, y = vertices[:, 0], vertices[:, 1]
    below_nose = np.clip((landmarks[UNDER_NOSE, 1] - y) / 6, 0, 1)
    beside_cheek = np.clip((np.abs(x) - 0.75 * landmarks[JAW_BY_EAR, 0]) / 8, 0, 1)
    sideburns = beside_cheek * np.clip((landmarks[NOSE_TIP, 1] - y) / 25 + 1, 0, 1)
    cheek = np.clip((landmarks[MOUTH_CORNERS[0], 1] + 12 - y + 0.25 * (np.abs(x) - 25)) / 10, 0, 1)
    beard = np.maximum(cheek * below_nose, sideburns * 0.8)
    moustache = np.exp(-((x / 26) ** 4)) * below_nose * (y > landmarks[LOWER_INNER_LIP, 1] - 4)
    lips = subdivided(landmarks[OUTER_LIPS], 9)
    gap = np.linalg.norm(vertices[:, None] - lips[None], axis=2).min(1)
    outline = landmarks[OUTER_LIPS, :2].astype(np.float32)[:, None]
    on_lips = np.array([cv2.pointPolygonTest(outline, (float(a), float(b)), False) >= 0 for a, b, _ in vertices])
    opacity = np.where(on_lips, 0, np.clip((gap - 0.5) / 2.5, 0, 1))
    return (beard * opacity).astype(np.float32), (moustache * opacity).astype(np.float32)


class Hair:
    """One of the bundled hairs. Each vertex lies at a weighted mean of three vertices of the head, plus an offset."""

    def __init__(self, file: dict[str, NDArray], k: int):
        self.name = str(file["hair_names"][k])
        self.reference, self.uv = file[f"hair{k}_reference"], file[f"hair{k}_uv"]
        self.weight, self.offset = (file[f"hair{k}_{n}"].astype(np.float32) for n in ("weight", "offset"))
        self.triangles = file[f"hair{k}_triangles"].astype(np.int32)
        self.texture = file[f"hair{k}_texture"].copy()
        brightness, solid = self.texture[..., 0].astype(np.float32), self.texture[..., 1] > 60
        mean = brightness[solid].mean() if solid.any() else 128.0
        self.texture[..., 0] = np.clip(brightness / max(mean, 1) * HAIR_BRIGHTNESS, 20, 255)

    def on(self, head_vertices: Array, color: Array) -> Part:
        """The hair on a head with vertices (h, 3), without face and eyes."""
        points = (self.weight[:, None] @ head_vertices[self.reference])[:, 0] + self.offset
        colors = np.tile(color.astype(np.float32) * 255 / HAIR_BRIGHTNESS, (len(points), 1))
        return Part(points, self.triangles, colors, self.uv, self.texture, 0.35)


class Appearance:
    """Draws the surface of a head and what it wears; ``landmark_weights`` (68, V) is sparse."""

    brow_strengths, brow_shades = (0.3, 1.2), (0.5, 1.2)  # factors on the sheets' opacity, and on the colour of hair

    def __init__(self, head: Head, landmark_weights):
        self.head, self.landmark_weights = head, landmark_weights
        model = head.model
        skins, brows = skin_sheets()
        texel = np.clip((model.uv * skins.shape[1]).astype(int), 0, skins.shape[1] - 1)
        linear = ((np.arange(256) / 255.0) ** GAMMA).astype(np.float32)
        self.skins = np.concatenate([linear[skins[:, texel[:, 1], texel[:, 0]]], linear[head.file["head_colors"]]], 1)
        self.is_dark = (self.skins[:, : len(texel)] @ LUMINANCE).mean(1) < DARK_SKIN_LUMINANCE
        self._brow_sheets, self._texel = brows, texel
        self.hairs = [Hair(head.file, k) for k in range(len(HAIR_FREQUENCY))]
        self.landmarks = landmark_weights @ model.mean
        self.lashes = lash_opacity(model.mean, self.landmarks)
        self.beard, self.moustache = beard_and_moustache(model.mean, self.landmarks)
        self.mask = mask_vertices(model.mean, self.landmarks)

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
        clothed = self._clothed(rng)
        mask_color = self._dress(rng, albedo, clothed, labels)
        self._color_eyes_and_teeth(rng, albedo, tone, labels)
        if mask_color is not None:
            albedo[head.kind["mouth"]] = albedo[head.teeth] = mask_color
        gloss = np.ones(head.count, np.float32)
        gloss[clothed] = 0.2
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
        tone = float((skin[: self.head.face_count] @ LUMINANCE).mean() ** (1 / GAMMA))
        labels |= {"skin": str(self.head.file["skin_names"][which]), "tone": tone}
        return skin, tone

    def _paint_face(self, rng: np.random.Generator, face: Array, hair_color: Array, labels: dict) -> None:
        """Paint brows, lashes, beard and make-up on the face's colours (V, 3), in place."""
        mean = self.head.model.mean
        brow = self._brow(rng, labels) * rng.uniform(*self.brow_strengths)
        blend(face, np.clip(brow, 0, 1), hair_color * rng.uniform(*self.brow_shades))
        blend(face, self.lashes * rng.uniform(0.2, 0.9), np.zeros(3))
        can_grow_beard = labels.get("male", 1.0) > 0.5 and not labels.get("child", 0.0) > 0.1
        for region, chance in ((self.beard, 0.3), (self.moustache, 0.35)):
            if rng.random() < chance * can_grow_beard:
                strands = np.clip(0.75 + 0.25 * rng.standard_normal(len(face), np.float32), 0, 1) * rng.uniform(0.3, 1)
                blend(face, region * strands, hair_color * rng.uniform(0.6, 1.2))
                labels["beard"] = 1.0
        if rng.random() < 0.1:  # make-up, marks, face paint
            for middle in mean[rng.integers(len(face), size=rng.integers(1, 6))]:
                opacity = np.exp(-(((mean - middle) / rng.uniform(3, 18, 3).astype(np.float32)) ** 2).sum(1))
                blend(face, opacity * rng.uniform(0.2, 1), rng.uniform(0, 0.7, 3))

    def _brow(self, rng: np.random.Generator, labels: dict) -> NDArray[np.float32]:
        """Opacity (V,) of a pair of brows; ``labels`` may be added to."""
        return self._raised_brow(int(rng.integers(len(self._brow_sheets))), 0)

    def _raised_brow(self, number: int, raised: int) -> NDArray[np.float32]:
        """Opacity (V,) of a pair of brows, ``raised`` by texels of their sheet."""
        sheet = self._brow_sheets[number]
        column, row = self._texel.T
        return sheet[np.minimum(row + raised, len(sheet) - 1), column].astype(np.float32) / 255

    def _clothed(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Vertices of the head that clothes cover."""
        return self.head.clothed

    def _dress(self, rng: np.random.Generator, albedo: Array, clothed: NDArray[np.intp], labels: dict) -> Array | None:
        """Colour clothes, scarf and mask in ``albedo`` (n, 3), in place. Returns the mask's colour (3,), if any."""
        head = self.head
        cloth = rng.uniform(0.01, 0.8, 3) ** 1.5
        albedo[clothed] = cloth
        if rng.random() < 0.3:
            stripes = np.sin(head.file["mean"][clothed - head.face_count, 1] * rng.uniform(0.2, 1)) > 0
            albedo[clothed[stripes]] = rng.uniform(0.01, 0.8, 3)
        if rng.random() < 0.06:
            labels["scarf"] = 1.0
            albedo[self.scarf_vertices(rng)] = cloth
        if rng.random() >= 0.03:
            return None
        labels["mask"] = 1.0
        mask_color = rng.uniform(0.1, 0.9, 3)
        albedo[: head.face_count][self.mask] = mask_color
        return mask_color

    def _color_eyes_and_teeth(self, rng: np.random.Generator, albedo: Array, tone: float, labels: dict) -> None:
        """Colour eyeballs, mouth and teeth in ``albedo`` (n, 3), in place."""
        head, dark = self.head, tone < DARK_SKIN_TONE
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
        centre, half = self.landmarks[[27, 30]].mean(0), rng.uniform([56, 64], [68, 80])
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


class VariedAppearance(Appearance):
    """The same with brows and collars of many heights, and hair that reaches further or less far."""

    def _brow(self, rng: np.random.Generator, labels: dict) -> NDArray[np.float32]:
        raised = int(rng.integers(*BROW_RAISED))
        return BROW_STRENGTH * self._raised_brow(int(rng.integers(len(self._brow_sheets))), raised)

    def _clothed(self, rng: np.random.Generator) -> NDArray[np.intp]:
        top = rng.uniform(*CLOTHES_TOP_RANGE) if rng.random() < 0.5 else CLOTHES_TOP
        return self.head.face_count + np.flatnonzero(self.head.file["height"] < top)

    def accessories(self, rng: np.random.Generator, vertices: Array, hair_color: Array, labels: dict) -> list[Part]:
        """Random hair, hat and glasses for a head with vertices (n, 3); ``labels`` is added to."""
        parts = super().accessories(rng, vertices, hair_color, labels)
        if "hair" in labels and rng.random() < 0.6:
            hair, middle = parts[0], vertices[self.head.kind["head"]].mean(0)
            size = rng.uniform(*np.transpose(HAIR_SIZE_RANGES)).astype(np.float32)
            moved = (hair.vertices - middle) * size + middle + [0, rng.uniform(*HAIR_SHIFT_RANGE), 0]
            parts[0] = replace(hair, vertices=moved.astype(np.float32))
        return parts
