"""The one texture of an avatar: the photo on the face, skin of the same tone elsewhere, eyes, teeth and tongue."""

from __future__ import annotations

from functools import cached_property, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import diags
from scipy.sparse.linalg import splu

from ..common.arrays import Array, Image
from ..reconstruction.face import Face
from ..synthetic.head import skin_sheets
from ..uv.outline import outline_level
from ..uv.texture import fill_from_known, resize_map
from .mouth import teeth_picture, tongue_picture
from .shape import LEFT_SIDE, LID, MOUTH, RIGHT_SIDE, HeadShape

# Where each part lies in the unit square: left, top, width, height
FACE_TILE = (0.0, 0.0, 0.66, 0.66)
SIDE_TILES = {RIGHT_SIDE: (0.665, 0.0, 0.335, 0.495), LEFT_SIDE: (0.665, 0.5, 0.335, 0.495)}
EYE_TILE = (0.005, 0.67, 0.2, 0.2)
TEETH_TILES = {"upper": (0.215, 0.67, 0.44, 0.075), "lower": (0.215, 0.755, 0.44, 0.075)}
TONGUE_TILE, MOUTH_TILE = (0.215, 0.84, 0.2, 0.15), (0.425, 0.84, 0.225, 0.15)
LID_TILE, SOCKET_TILE = (0.01, 0.885, 0.09, 0.1), (0.11, 0.885, 0.09, 0.1)
OUTLINE_BAND = (1.0, 9.0)  # texels of 128 inside the outline between which the photo's colours replace the skin's
TONE_WEIGHT = 4.0  # how much the face's tone counts against evenness, at a texel that the photo shows
TONE_REACH = 55.0  # mm from the face at which skin has the face's mean tone
TONE_BLUR = 0.02  # of the texture's side: details smaller than this belong to the face, not to its tone
# of the natural logarithm: a tone that differs so much from the face's is no skin, fully from the second on; this
# counts near the outline, fully outside the first number of texels of 128, not at all inside the second
ODD_TONE, ODD_BAND, ODD_BLUR, ODD_RIM = (0.5, 0.9), (14.0, 30.0), 3.0, 4
GRAIN = 0.012  # of the brightness: fine texture of the skin beyond the photo
RIM_WIDTH = 0.005  # of the texture's side
DARKEST, LID_SHADE = 6.0, 0.8


def in_tile(uv: Array, tile: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """Positions (n, 2) in the atlas of positions in a tile's unit square."""
    left, top, width, height = tile
    return np.asarray(uv, float) * [width, height] + [left, top]


def pixels(tile: tuple[float, float, float, float], side: int) -> tuple[slice, slice]:
    """Rows and columns of a tile in an atlas of this side."""
    left, top, width, height = (round(side * value) for value in tile)
    return slice(top, top + height), slice(left, left + width)


@lru_cache(maxsize=1)
def skin_colors() -> NDArray[np.float32]:
    """Colours (20, W, 3), 0 to 255, of the bundled skins at the vertices of the head; flesh inside the mouth."""
    shape = HeadShape.load()
    sheets, model = skin_sheets()[0], shape.model
    column, row = np.clip((model.uv * sheets.shape[1]).astype(int), 0, sheets.shape[1] - 1).T
    face = np.stack([cv2.GaussianBlur(sheet, (0, 0), 1.5)[row, column] for sheet in sheets])
    around = shape.head_file["head_colors"]
    from scipy.spatial import cKDTree

    skin = np.unique(shape.head_file["triangles"])
    points = np.concatenate([model.mean, shape.head_file["mean"][skin]])
    colors = np.concatenate([face, around[:, skin]], 1).astype(np.float32)
    beyond = np.arange(len(model.mean), len(shape.mean))
    distance, near = cKDTree(points).query(shape.mean[beyond], 4)
    weight = 1 / (distance + 0.5) ** 2
    weight /= weight.sum(1, keepdims=True)
    return np.concatenate([face, (colors[:, near] * weight[..., None]).sum(2)], 1).astype(np.float32)


class Skin:
    """The colours of a person's skin: which of the bundled skins is nearest, and how it is recoloured.

    Attributes
    ----------
    photo : (S, S, 3) float32
        The texture of the face, 0 to 255, with the openings of eyes and mouth filled.
    tone : (3,) float32
        The mean colour of the face.
    """

    def __init__(self, face: Face, side: int):
        self.shape, self.face = HeadShape.load(), face
        layout = face.layout
        self.photo = close_openings(face.texture(side))
        self.level = outline_level(layout.mask)
        blurred = cv2.GaussianBlur(self.photo, (0, 0), TONE_BLUR * side)
        texel = np.clip((self.shape.model.uv * side).astype(int), 0, side - 1)
        at = layout.inverse_matrix @ np.stack([face.trust.ravel(), self.level.ravel()], 1)
        shown = np.maximum(at[:, 0], 0.15) * np.clip(at[:, 1] / 4, 0, 1)  # what is filled counts less
        self.shown = np.where(np.isin(np.arange(len(shown)), self.shape.face_triangles), shown, 0)
        logs = np.log(np.clip(blurred[texel[:, 1], texel[:, 0]], DARKEST, 255))
        ratios = logs - np.log(np.clip(skin_colors()[:, : len(logs)], DARKEST, 255))
        middle = np.array([np.median(ratio[self.shown > 0.5], 0) if (self.shown > 0.5).any() else np.median(ratio, 0)
                           for ratio in ratios])  # fmt: skip
        self.number = int(np.argmin(np.abs(middle).sum(1)))
        self.mean_ratio, self.ratio = middle[self.number], ratios[self.number]
        # near the outline, what is far from the face's tone is shadow, hair or something else that hides the skin
        odd = np.abs((self.ratio - self.mean_ratio).mean(1))
        odd = np.clip((odd - ODD_TONE[0]) / (ODD_TONE[1] - ODD_TONE[0]), 0, 1)
        odd *= np.clip((ODD_BAND[1] - at[:, 1]) / (ODD_BAND[1] - ODD_BAND[0]), 0, 1)
        self.odd = (layout.matrix @ odd).reshape(layout.mask.shape).astype(np.float32)
        rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * ODD_RIM + 1,) * 2)
        self.odd = cv2.dilate(self.odd, rim)  # hair and shadows have soft rims
        self.shown *= 1 - layout.inverse_matrix @ self.odd.ravel()
        self.tone = np.exp(np.median(logs[self.shown > 0.5] if (self.shown > 0.5).any() else logs, 0))

    @cached_property
    def colors(self) -> NDArray[np.float32]:
        """Colours (W, 3), 0 to 255, of the bundled skin, recoloured so that it continues the face's tone.

        The logarithm of the factor is that of the face where the photo shows it, and evens out beyond: a screened
        Poisson equation on the skin (Bhat et al., Fourier analysis of the 2D screened Poisson equation, ECCV 2008).
        """
        shape = self.shape
        weight = np.zeros(len(shape.mean))
        weight[: len(self.shown)] = TONE_WEIGHT * self.shown
        given = np.tile(self.mean_ratio, (len(weight), 1))
        given[: len(self.ratio)] = self.ratio
        even = shape.laplacian + 1e-9 * diags(np.ones(len(weight)))
        system = even + diags(weight + 1 / TONE_REACH**2)
        right = weight[:, None] * given + self.mean_ratio / TONE_REACH**2
        factor = splu(system.tocsc()).solve(right)
        return np.clip(skin_colors()[self.number] * np.exp(factor), 0, 255).astype(np.float32)


def close_openings(texture: Image) -> NDArray[np.float32]:
    """A face's texture (S, S, 3) with the colours around the openings of eyes and mouth inside of them."""
    from ..geometry.rasterizer import rasterize  # compiled, which takes a while to import

    side, model = len(texture), HeadShape.load().model
    index, _, _ = rasterize(np.c_[model.uv * side - 0.5, np.zeros(len(model.uv))], model.triangles, side, side)
    opening = ((index >= 0) & model.membrane[index]).astype(np.uint8)
    # a map is off by a texel or so: teeth and the white of the eye spill over the rims
    width = 2 * round(RIM_WIDTH * side) + 1
    opening = cv2.dilate(opening, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    soft = cv2.GaussianBlur(opening.astype(np.float32), (0, 0), max(0.6 * RIM_WIDTH * side, 0.5))
    filled = fill_from_known(texture.astype(np.float32), np.where((index >= 0) & (opening == 0), 1.0, 0.0))
    return texture + soft[..., None] * (filled - texture)


def corner_uv(shape: HeadShape) -> NDArray[np.float64]:
    """Positions (V + P, 2) in the atlas of the corners of face and skull."""
    out = np.empty((len(shape.model.mean) + len(shape.vertex), 2))
    count = len(shape.model.mean)
    out[:count] = in_tile(shape.model.uv, FACE_TILE)
    for chart, tile in {**SIDE_TILES, MOUTH: MOUTH_TILE, LID: LID_TILE}.items():
        rows = shape.chart == chart
        out[count:][rows] = in_tile(shape.uv[rows], tile)
    return out


def bake(skin: Skin, side: int, colors: Array, eye: Array) -> Image:
    """The atlas (side, side, 3) uint8 of a person, from the colours (W, 3) at the vertices of the skin, 0 to 255.

    ``eye`` (h, h, 3) is the picture of the eyes.
    """
    from ..geometry.rasterizer import interpolate, rasterize  # compiled, which takes a while to import

    shape, count = skin.shape, len(skin.shape.model.mean)
    uv = corner_uv(shape)
    on_sides = np.isin(shape.chart[shape.corners[:, 0]], list(SIDE_TILES))
    triangles = np.concatenate([shape.face_triangles, shape.corners[on_sides] + count])
    points = np.c_[uv * side - 0.5, np.zeros(len(uv))]
    index, weights, _ = rasterize(points, triangles, side, side)
    at_corners = np.concatenate([colors[:count], colors[shape.vertex]]).astype(np.float32)
    picture = interpolate(at_corners, triangles, index, weights)
    rng = np.random.default_rng(1)
    grain = cv2.GaussianBlur(rng.standard_normal((side, side)).astype(np.float32), (0, 0), 0.8)
    picture *= 1 + GRAIN / grain.std() * grain[..., None]
    picture = fill_from_known(picture, (index >= 0).astype(np.float32))
    rows, columns = pixels(FACE_TILE, side)
    size = rows.stop - rows.start
    share = np.clip((resize_map(skin.level, size) - OUTLINE_BAND[0]) / np.diff(OUTLINE_BAND), 0, 1)
    odd = cv2.GaussianBlur(skin.odd, (0, 0), ODD_BLUR)
    share = (share * share * (3 - 2 * share) * (1 - resize_map(odd, size)))[..., None]
    photo = cv2.resize(skin.photo, (size, size), interpolation=cv2.INTER_AREA)
    picture[rows, columns] += share * (photo - picture[rows, columns])
    paint_inside(picture, skin, eye)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def paint_inside(picture: NDArray[np.float32], skin: Skin, eye: Array) -> None:
    """Paint eyes, teeth, tongue, the inside of the mouth and the lid of the neck into the atlas, in place."""
    side, light = len(picture), float(np.clip(skin.tone.mean() / 200, 0.35, 1))
    lips = skin.photo[int(0.72 * len(skin.photo)), len(skin.photo) // 2]

    def tile(place: tuple[float, ...]) -> tuple[slice, slice, int, int]:
        rows, columns = pixels(place, side)
        return rows, columns, rows.stop - rows.start, columns.stop - columns.start

    rows, columns, height, width = tile(EYE_TILE)
    picture[rows, columns] = cv2.resize(np.asarray(eye, np.float32), (width, height), interpolation=cv2.INTER_AREA)
    for place in TEETH_TILES.values():
        rows, columns, height, width = tile(place)
        picture[rows, columns] = teeth_picture(height, width, light)
    rows, columns, height, width = tile(TONGUE_TILE)
    picture[rows, columns] = tongue_picture(height, width, light)
    rows, columns, height, _ = tile(MOUTH_TILE)
    depth = ((np.arange(height) + 0.5) / height)[:, None, None]
    flesh = np.array([118.0, 48.0, 46.0]) * (0.5 + 0.5 * light)
    near = np.clip(1 - depth / 0.12, 0, 1)
    picture[rows, columns] = flesh * np.clip(1.0 - 1.1 * depth, 0.12, 1) * (1 - near) + near * lips * 0.8
    rows, columns, *_ = tile(LID_TILE)
    picture[rows, columns] = LID_SHADE * skin.tone
    rows, columns, *_ = tile(SOCKET_TILE)
    picture[rows, columns] = 0.6 * skin.tone * [1.0, 0.72, 0.68]
