"""An avatar's hair: one of MakeHuman's styles, in a colour of the photo."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from ..common.arrays import Array, Image
from ..common.assets import read_asset
from ..geometry.shading import GAMMA
from ..reconstruction.face import Face
from ..reconstruction.mesh_files import linear_light, srgb
from ..synthetic.appearance import Hair
from ..synthetic.head import Part
from .shape import HeadShape

FROM_PHOTO = "photo"  # instead of a style: chosen by what the photo shows
STYLES_OF_PHOTO = {"short": "short02", "long": "long01"}
SCALP_REACH = (12.0, 48.0)  # mm from the face's outline: where the photo is searched for hair
UNLIKE_SKIN = 0.3  # of the natural logarithms: colours that differ more are not skin
HAIR_SHARE = 0.35  # of the scalp unlike skin: with less, the head is bald or covered otherwise
# Places beside the neck that are searched for long hair: shares of the face's half width, heights in mm, and depth
BESIDE_NECK, NECK_HEIGHTS, NECK_DEPTH = (0.95, 1.05, 1.15), (-60.0, -120.0), -10.0
LONG_SHARE = 0.5  # of the pixels there that look like hair: with more, the hair is long
LIKE_HAIR = 0.6  # of the natural logarithms
DARK_HAIR = 60.0  # of 255: what is as dark has the colour of the light, not of hair
HAIR_PERCENTILE = 35
MIN_SCALP = 20  # pixels: fewer tell nothing
BRIGHTER_THAN_SKIN = 0.45  # of the natural logarithm: no hair is
AROUND_HEAD, EVEN = (1.5, 1.7), 0.35  # sizes of a head whose rim is background, and how alike its colours are
SHADOW_REACH = (4.0, 14.0)  # mm between scalp and hair: nearer than the first is under it
HAIR_CUT = 0.35  # opacity above which hair is solid
HAIR_SATURATION = 0.75  # of the photo's colour: shine and shadow make it too strong
SHEET_COLUMNS = 5
NATURAL_HAIR = (0.06, 0.035, 0.018)  # linear: where the photo shows none
HAIR_TO_SKIN = 0.3  # such hair has at most this share of the light of the skin


def rgb_of(color: str | ArrayLike) -> tuple[float, float, float]:
    """Red, green and blue, 0 to 255, of a colour: its name, ``#RRGGBB``, or three numbers. ValueError if it is none."""
    from PIL import ImageColor

    try:
        values = np.asarray(ImageColor.getrgb(color.strip())[:3] if isinstance(color, str) else color, float)
        known = values.shape == (3,) and bool((values >= 0).all() and (values <= 255).all())
    except ValueError:
        known = False
    if not known:
        raise ValueError(f'{color} is no colour: give a name such as brown, "#553311", or three numbers from 0 to 255')
    return tuple(values.tolist())


def hair_styles() -> tuple[str, ...]:
    """Names of the bundled styles."""
    return tuple(HeadShape.load().head_file["hair_names"].tolist())


def scalp(shape: HeadShape) -> NDArray[np.intp]:
    """Vertices of the scalp just above the face, from one temple over the forehead to the other."""
    face = shape.mean[: len(shape.model.mean)]
    used = face[np.unique(shape.face_triangles)]
    distance = cKDTree(used).query(shape.mean)[0]
    above = shape.mean[:, 1] > 45
    return np.flatnonzero((distance > SCALP_REACH[0]) & (distance < SCALP_REACH[1]) & above)


def photo_colors(face: Face, points: Array) -> NDArray[np.float64]:
    """Colours (n, 3) of the photo where points (m, 3) of the head project; those outside of it are left out."""
    column, row = np.rint(face.coefficients.camera.project(points)[:, :2]).astype(int).T
    height, width = face.image.shape[:2]
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    return face.image[row[inside], column[inside]].astype(float)


def seen_hair(face: Face, skin: Array, tone: Array) -> tuple[str | None, NDArray[np.float64] | None]:
    """What the photo tells of a person's hair: ``short``, ``long`` or None, and its linear colour (3,) or None.

    ``skin`` (W, 3) is the person's head and ``tone`` (3,) the colour of the face.
    """
    shape = HeadShape.load()
    head = skin[scalp(shape)]
    logs = np.log(np.clip(photo_colors(face, head), 4, 255))
    logs = logs[~like_background(face, head, logs)]
    if len(logs) < MIN_SCALP:
        return "short", None
    skin_log = np.log(np.clip(tone, 4, 255))
    unlike = logs[np.linalg.norm(logs - skin_log, axis=1) > UNLIKE_SKIN]
    if len(unlike) < HAIR_SHARE * len(logs):
        return None, None
    hair = np.percentile(unlike, HAIR_PERCENTILE, 0)  # skin and background that shine through are lighter
    if hair.mean() > skin_log.mean() + BRIGHTER_THAN_SKIN:
        return "short", None  # rather a hat or the sky
    side = np.abs(skin[: len(shape.model.mean), 0]).max()
    ends = [(x * side, y, NECK_DEPTH) for x in BESIDE_NECK for y in np.linspace(*NECK_HEIGHTS, 12)]
    places = np.array([*ends, *(np.array(ends) * [-1, 1, 1])])
    beside = np.log(np.clip(photo_colors(face, places), 4, 255))
    near = np.linalg.norm(beside - hair, axis=1) < LIKE_HAIR
    far = (np.linalg.norm(beside - skin_log, axis=1) > UNLIKE_SKIN) & ~like_background(face, head, beside)
    length = "long" if len(beside) and (near & far).mean() > LONG_SHARE else "short"
    color = np.exp(hair)
    color = color.mean() + HAIR_SATURATION * (color - color.mean())
    if color.mean() < DARK_HAIR and color[2] > color[0]:
        color[:] = color.mean()
    if color[0] > color[2]:  # red, blond or brown: the green of sky and leaves does not belong to it
        color[1] = (color[0] + color[2]) / 2
    return length, linear_light(np.clip(color, 0, 255))


def likely_color(tone: Array) -> NDArray[np.float64]:
    """Linear colour (3,) of the hair of somebody whose photo does not tell it: brown, and darker than the skin.

    ``tone`` (3,) is the colour of the face.
    """
    natural, skin = np.array(NATURAL_HAIR), linear_light(np.clip(tone, 0, 255)).mean()
    return natural * min(1.0, HAIR_TO_SKIN * skin / natural.mean())


def like_background(face: Face, head: Array, logs: Array) -> NDArray[np.bool_]:
    """Which colours (n, 3), as logarithms, are those of an even background around the upper head (m, 3)."""
    middle = np.array([0.0, 0.0, head[:, 2].mean()])
    around = np.concatenate([middle + size * (head - middle) for size in AROUND_HEAD])
    colors = np.log(np.clip(photo_colors(face, around), 4, 255))
    if len(colors) < MIN_SCALP:
        return np.zeros(len(logs), bool)
    common = np.median(colors, 0)
    even = np.median(np.linalg.norm(colors - common, axis=1)) < EVEN
    return even & (np.linalg.norm(logs - common, axis=1) < EVEN)


@lru_cache(maxsize=1)
def _nearest_skin() -> tuple[NDArray, NDArray]:
    """For each vertex of ``head.npz``: the nearest vertices (n, 3) of the skin, and their weights."""
    shape = HeadShape.load()
    distance, near = cKDTree(shape.mean).query(shape.head_file["mean"], 3)
    weight = 1 / (distance + 0.1)
    return near, weight / weight.sum(1, keepdims=True)


def hair_part(style: str, base: Array, details: Array, color: Array) -> Part:
    """Hair in a style on a person's head.

    ``base`` are the vertices of :meth:`.HeadShape.base_vertices`, and ``details`` (W, 3) what the skin has beside them.
    The colour (3,) is linear, 0 to 1. ValueError if there is no such style.
    """
    styles = hair_styles()
    if style not in styles:
        raise ValueError(f"no hair {style!r}; choose one of {', '.join(styles)}, {FROM_PHOTO!r} or None")
    shape = HeadShape.load()
    near, weight = _nearest_skin()
    own = base[shape.face_base : shape.face_base + len(near)] + (weight[..., None] * details[near]).sum(1)
    number = styles.index(style)
    part = Hair(shape.head_file, number).on(own.astype(np.float32), np.asarray(color))
    return replace(part, texture=fine_texture(number, part.texture))


def fine_texture(number: int, coarse: Image) -> Image:
    """Brightness and opacity (512, 512, 2) of a style; as bright as the ``coarse`` texture of the same."""
    sheet = cv2.imdecode(np.frombuffer(read_asset("skins/hair.webp"), np.uint8), cv2.IMREAD_GRAYSCALE)
    side = sheet.shape[1] // SHEET_COLUMNS
    bright, opacity = (
        sheet[row * side : (row + 1) * side, column * side : (column + 1) * side]
        for row, column in (divmod(2 * number + k, SHEET_COLUMNS) for k in (0, 1))
    )
    solid, solid_coarse = opacity > 60, coarse[..., 1] > 60
    factor = coarse[..., 0][solid_coarse].mean() / max(float(bright[solid].mean()), 1.0)
    return np.dstack([np.clip(bright * factor, 20, 255), opacity]).astype(np.uint8)


def hair_picture(part: Part) -> Image:
    """The texture (h, w, 4) uint8 of hair: its colour with light and dark strands, and opacity."""
    bright = part.texture[..., 0] / 255.0
    return np.dstack([srgb(bright[..., None] * part.colors[0]), part.texture[..., 1]])


def under_hair(skin: Array, part: Part, face: int) -> NDArray[np.float32]:
    """How much (W,), 0 to 1, hair covers the skin: 1 close below it. The first vertices, the face, stay free."""
    distance = cKDTree(part.vertices).query(skin)[0]
    cover = np.clip((SHADOW_REACH[1] - distance) / (SHADOW_REACH[1] - SHADOW_REACH[0]), 0, 1)
    cover[:face] = 0
    return cover.astype(np.float32)


def shaded(colors: Array, cover: Array, color: Array) -> NDArray[np.float32]:
    """Colours (W, 3), 0 to 255, of a scalp that hair of a linear colour (3,) covers by ``cover`` (W,)."""
    dark = 255 * np.clip(np.asarray(color) * 0.6, 0, 1) ** (1 / GAMMA)
    return (colors + 0.85 * cover[:, None] * (dark - colors)).astype(np.float32)
