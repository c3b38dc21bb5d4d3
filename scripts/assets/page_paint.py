"""What the page paints in the UV layout: the avatar's skin, generated faces to swap with, and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.geometry.landmarks import MIRRORED_LANDMARKS, OUTER_LIPS
from lprnet_utils.geometry.mesh import border_loops
from lprnet_utils.synthetic.appearance import beard_and_moustache, lash_opacity
from lprnet_utils.synthetic.head import Head, skin_sheets

SIDE = 512  # texels, of what is painted
FINE = 4  # a drawing is made this much larger, and averaged
BEARD_COUNTS = 4.0  # times its opacity, where the page looks for plain skin
BROW_RISE = 8  # texels of 256 between MakeHuman's brows and people's


@dataclass(frozen=True)
class Person:
    """A face that nobody has. Colours are RGB, 0 to 255; the skin keeps the colour of the face that it is put on."""

    skin: str
    brow: int
    brow_opacity: float
    hair: tuple[int, int, int]
    beard: float = 0.0
    moustache: float = 0.0
    lips: tuple[int, int, int] | None = None
    liner: float = 0.0
    freckles: int = 0
    blush: float = 0.0


PEOPLE = {
    "elder": Person("old_caucasian_male", 11, 0.9, (206, 198, 186), beard=0.97, moustache=1.0),
    "muse": Person("young_asian_female", 10, 1.5, (52, 34, 28), lips=(158, 32, 52), liner=0.9, freckles=150, blush=0.4),
    "captain": Person("middleage_caucasian_male", 11, 1.1, (46, 30, 20), beard=0.88, moustache=1.0),
}


@cache
def chart() -> UVLayout:
    """The layout at the size of what is painted."""
    return UVLayout(SIDE)


@cache
def landmark_uv() -> np.ndarray:
    """The 68 landmarks (68, 2) in the chart, made symmetric."""
    uv = UVLayout().landmark_uv
    return (uv + uv[MIRRORED_LANDMARKS] * [-1, 1] + [1, 0]) / 2


@cache
def openings() -> list[np.ndarray]:
    """The rims (n, 2) of mouth and eyes in the chart, without the notches of the inner corners."""
    model = MorphableModel.load()
    rims = [model.uv[loop] for loop in border_loops(model.triangles[~model.membrane])[1:]]
    return [curve(rim[sorted(hull(rim))], closed=True, steps=6) for rim in rims]


def filled(polygons: Sequence[np.ndarray], side: int = SIDE) -> np.ndarray:
    """Coverage (side, side), 0 to 1, of polygons (n, 2) in the chart."""
    fine = np.zeros((FINE * side, FINE * side), np.uint8)
    for polygon in polygons:  # one by one: fillPoly leaves out what two of them share
        cv2.fillPoly(fine, [np.rint(16 * (FINE * side * polygon - 0.5)).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def curve(points: Sequence[Sequence[float]], closed: bool = False, steps: int = 24) -> np.ndarray:
    """A Catmull-Rom curve through points (n, 2)."""
    p = np.asarray(points, float)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        parts.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return np.concatenate([*parts, p[-2:-1]] if not closed else parts)


def mirrored(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) of the chart on the other side of the face."""
    return points * [-1, 1] + [1, 0]


def stroke(points: np.ndarray, widths: Sequence[float]) -> np.ndarray:
    """A polygon along a curve (n, 2) whose width changes as the given widths (k,) do."""
    along = np.gradient(points, axis=0)
    normal = along[:, ::-1] * [-1, 1] / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    half = np.interp(np.linspace(0, 1, len(points)), np.linspace(0, 1, len(widths)), widths)[:, None] / 2
    return np.concatenate([points + half * normal, (points - half * normal)[::-1]])


def over(picture: np.ndarray, color: Sequence[float] | np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Paint a colour (3,) or a picture (S, S, 3) over a picture, with an opacity (S, S)."""
    return picture + opacity[..., None] * (np.asarray(color, np.float32) - picture)


def skin_colors(names: Sequence[str]) -> np.ndarray:
    """The mean (SIDE, SIDE, 3) of some of the bundled skins, with the openings of eyes and mouth filled."""
    all_names = Head().file["skin_names"].tolist()
    sheets = skin_sheets()[0]
    mean = np.mean([(sheets[all_names.index(name)] / 255.0) ** 2.2 for name in names], 0) ** (1 / 2.2)
    mean = cv2.resize(np.float32(255 * mean), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    holes = cv2.dilate((filled(openings()) > 0.02).astype(np.uint8), np.ones((7, 7)))
    return cv2.inpaint(np.uint8(np.clip(mean, 0, 255)), holes, 5, cv2.INPAINT_TELEA).astype(np.float32)


def brows(number: int) -> np.ndarray:
    """Opacity (SIDE, SIDE) of a pair of MakeHuman's brows, where people have them."""
    sheet = np.roll(skin_sheets()[1][number], -BROW_RISE, 0).astype(np.float32) / 255
    sheet[-BROW_RISE:] = 0
    large = cv2.resize(sheet, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.clip(1.25 * cv2.GaussianBlur(large, (0, 0), 2.2), 0, 1)  # the sheets are grains of a few texels


@cache
def texel_fields() -> dict[str, np.ndarray]:
    """Opacities (SIDE, SIDE) of lashes, beard and moustache, computed on the mean face."""
    coarse = UVLayout()
    landmarks = coarse.landmarks(coarse.mean_map)
    points = coarse.mean_map.reshape(-1, 3)
    fields = lash_opacity(points, landmarks), *beard_and_moustache(points, landmarks)
    large = [cv2.resize(f.reshape(128, 128), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for f in fields]
    return {name: np.clip(f, 0, 1) for name, f in zip(("lashes", "beard", "moustache"), large, strict=True)}


def skin_texture(side: int) -> np.ndarray:
    """The avatar's face (side, side, 3) uint8: a skin between two of MakeHuman's, brows and lashes."""
    picture = skin_colors(("young_african_female", "young_asian_female"))
    picture = over(picture, (30, 20, 16), np.clip(brows(11), 0, 0.85))
    picture = over(picture, (24, 16, 14), 0.7 * texel_fields()["lashes"])
    picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    return np.uint8(np.clip(np.rint(picture), 0, 255))


def strands(rng: np.random.Generator, length: float, thickness: float = 0.55) -> np.ndarray:
    """Short hairs (SIDE, SIDE), 0 to 1, that hang down in the chart."""
    fine, tufts = (rng.standard_normal((SIDE, SIDE)).astype(np.float32) for _ in range(2))
    fine = cv2.GaussianBlur(fine, (0, 0), sigmaX=thickness, sigmaY=length)
    tufts = cv2.GaussianBlur(tufts, (0, 0), sigmaX=5 * thickness, sigmaY=1.6 * length)
    return np.clip(0.8 + 0.13 * fine / fine.std() + 0.1 * tufts / tufts.std(), 0, 1)


def person_texture(person: Person) -> np.ndarray:
    """The face of a person (SIDE, SIDE, 4) uint8; the fourth channel says where it is plain skin, for its light."""
    rng, fields = np.random.default_rng(3), texel_fields()
    picture, plain = skin_colors((person.skin,)), np.ones((SIDE, SIDE), np.float32)

    def paint(color: Sequence[float] | np.ndarray, opacity: np.ndarray, counts: float = 1.0) -> None:
        nonlocal picture, plain
        picture, plain = over(picture, color, opacity), plain * (1 - np.clip(counts * opacity, 0, 1))

    wrinkles = picture - cv2.GaussianBlur(picture, (0, 0), 9)
    picture = np.clip(picture + 0.7 * wrinkles, 0, 255)  # the sheets are soft
    if person.blush:
        cheeks = sum(soft_spot(mirrored(c) if side else c, 0.10) for side in (0, 1) for c in [np.array([0.2, 0.53])])
        picture = over(picture, (205, 92, 92), person.blush * cheeks)
    for _ in range(person.freckles):
        u, v = rng.normal(0.5, 0.16), rng.normal(0.5, 0.05)
        paint((120, 72, 52), rng.uniform(0.25, 0.6) * soft_spot(np.array([u, v]), rng.uniform(0.0018, 0.0035)), 0.5)
    hair = np.clip((strands(rng, 3.0)[..., None] * 0.5 + 0.55) * np.array(person.hair), 0, 255)
    darker = np.clip((strands(rng, 3.5)[..., None] * 1.2 - 0.25) * np.array(person.hair), 0, 255)  # brows have gaps
    brow = np.clip(person.brow_opacity * brows(person.brow), 0, 0.95)
    paint(darker, brow * (0.5 + 0.5 * strands(rng, 3.5)))
    # a beard that counted as skin would be given the colour of the reader's skin
    paint(hair, person.beard * fields["beard"] * strands(rng, 2.4), BEARD_COUNTS)
    paint(hair, person.moustache * fields["moustache"] * strands(rng, 2.4))
    paint((22, 15, 15), (0.45 + 0.4 * person.liner) * fields["lashes"])
    if person.liner:
        paint((20, 14, 16), person.liner * filled(liner()))
    if person.lips:
        lips = cv2.GaussianBlur(filled([landmark_uv()[OUTER_LIPS]]), (0, 0), 3)
        paint(person.lips, 0.62 * lips)
    lips = cv2.GaussianBlur(filled([landmark_uv()[OUTER_LIPS], *openings()]), (0, 0), 5)
    plain = np.clip(plain * (1 - lips), 0.05, 1)
    return np.uint8(np.clip(np.rint(np.dstack([picture, 255 * plain])), 0, 255))


def soft_spot(centre: np.ndarray, radius: float) -> np.ndarray:
    """A Gaussian (SIDE, SIDE) of a radius around a place of the chart."""
    at = (np.arange(SIDE) + 0.5) / SIDE
    u, v = (np.exp(-(((at - c) / radius) ** 2)) for c in centre)
    return np.outer(v, u).astype(np.float32)


def liner() -> list[np.ndarray]:
    """A winged line along the upper lids."""
    lid = landmark_uv()[[39, 38, 37, 36]]
    wing = curve([*lid, lid[-1] + [-0.05, -0.02]])
    one = stroke(wing + [0, -0.006], [0.003, 0.009, 0.014, 0.016, 0.001])
    return [one, mirrored(one)]


def holes() -> np.ndarray:
    """Where (SIDE, SIDE) a mask must not cover eyes and mouth."""
    return filled([(p - p.mean(0)) * 1.06 + p.mean(0) for p in openings()])


def facets() -> np.ndarray:
    """A mask of flat triangles whose colours run from teal to coral: (SIDE, SIDE, 4)."""
    from scipy.spatial import Delaunay

    coarse = UVLayout()
    ring = oval()[::5]
    extra = [(0.5, 0.07), (0.3, 0.09), (0.18, 0.2), (0.5, 0.2), (0.36, 0.05), (0.22, 0.52), (0.14, 0.62), (0.3, 0.62)]
    extra += [
        (0.2, 0.78),
        (0.34, 0.88),
        (0.5, 0.88),
        (0.12, 0.36),
        (0.33, 0.5),
        (0.4, 0.56),
        (0.28, 0.45),
        (0.42, 0.12),
    ]
    extra += [(0.12, 0.1), (0.1, 0.26), (0.1, 0.5), (0.11, 0.73), (0.2, 0.9), (0.27, 0.71), (0.1, 0.85)]
    points = np.concatenate([landmark_uv()[17:], ring, extra, mirrored(np.array(extra))])
    points = np.unique(points.round(4), axis=0)
    triangles = Delaunay(points).simplices
    middle = points[triangles].mean(1)
    at = np.clip((128 * points).astype(int), 0, 127)
    places = coarse.mean_map[at[:, 1], at[:, 0]][triangles]
    normal = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
    normal *= np.sign(normal[:, 2:]) / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    light = 0.6 + 0.5 * np.clip(normal @ np.array([-0.45, 0.55, 0.7]), 0, 1)
    stops = np.array([(17, 83, 110), (38, 138, 148), (120, 176, 166), (240, 182, 138), (228, 108, 92)], float)
    place = np.clip(0.12 + 0.8 * middle[:, 1] + 0.12 * np.sin(9 * middle[:, 0] + 5 * middle[:, 1]), 0, 1) * 4
    low = np.minimum(place.astype(int), 3)
    base = stops[low] + (place - low)[:, None] * (stops[low + 1] - stops[low])
    picture = np.zeros((FINE * SIDE, FINE * SIDE, 3), np.uint8)
    for triangle, color in zip(triangles, np.clip(base * light[:, None], 0, 255), strict=True):
        corners = np.rint(16 * (FINE * SIDE * points[triangle] - 0.5)).astype(np.int32)
        cv2.fillConvexPoly(picture, corners, color.tolist(), cv2.LINE_AA, 4)
        edge = np.clip(color * 1.18 + 12, 0, 255).tolist()
        cv2.polylines(picture, [corners], True, edge, FINE, cv2.LINE_AA, 4)
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    outline = cv2.GaussianBlur(filled([points[hull(points)]]), (0, 0), 1.2)
    return np.dstack([small, np.uint8(np.rint(235 * outline * (1 - holes())))])


def hull(points: np.ndarray) -> np.ndarray:
    """Indices of the convex hull of points (n, 2), in order."""
    from scipy.spatial import ConvexHull

    return ConvexHull(points).vertices


def opera() -> np.ndarray:
    """A half mask of midnight blue with gold: (SIDE, SIDE, 4)."""
    left = [(0.5, 0.235), (0.42, 0.175), (0.30, 0.13), (0.17, 0.15), (0.05, 0.10), (0.075, 0.26), (0.10, 0.40)]
    left += [(0.20, 0.475), (0.33, 0.475), (0.425, 0.50), (0.5, 0.565)]
    half = curve(left)
    body = np.concatenate([half, mirrored(half)[::-1]])
    shape = filled([body])
    picture = np.zeros((SIDE, SIDE, 3), np.float32) + (22, 28, 58)
    v = (np.arange(SIDE) + 0.5)[:, None, None] / SIDE
    picture += np.float32([26, 30, 62]) * np.clip(1 - 2.2 * np.abs(v - 0.22), 0, 1)
    gold, pale = (206, 160, 72), (246, 214, 140)
    eye = [curve([*landmark_uv()[36:42]], closed=True)]
    eye.append(mirrored(eye[0]))
    rims = [(e - e.mean(0)) * [1.34, 1.5] + e.mean(0) for e in eye]
    lines = [stroke(half, [0.012, 0.018, 0.018, 0.014])] + [stroke(np.concatenate([r, r[:2]]), [0.013]) for r in rims]
    vine = curve([(0.5, 0.30), (0.455, 0.24), (0.38, 0.225), (0.31, 0.185), (0.22, 0.205), (0.165, 0.19)])
    lines += [stroke(vine, [0.004, 0.009, 0.007, 0.002])]
    cheek = curve([(0.47, 0.52), (0.40, 0.455), (0.30, 0.445), (0.20, 0.435), (0.13, 0.36)])
    lines += [stroke(cheek, [0.002, 0.007, 0.007, 0.002])]
    gold_cover = filled([*lines, *map(mirrored, lines)])
    picture = over(picture, gold, gold_cover)
    dots = [(0.5, 0.335, 0.013), (0.5, 0.275, 0.008), (0.5, 0.385, 0.007), (0.25, 0.165, 0.007), (0.34, 0.195, 0.006)]
    dots += [(0.66, 0.195, 0.006), (0.75, 0.165, 0.007), (0.115, 0.16, 0.007), (0.885, 0.16, 0.007)]
    for u, w, radius in dots:
        circle = [(u + radius * np.cos(a), w + radius * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 24)]
        picture = over(picture, pale, filled([np.array(circle)]))
    outer = np.maximum(shape, gold_cover)
    wide = filled([(e - e.mean(0)) * [1.24, 1.36] + e.mean(0) for e in eye])
    return np.dstack([picture.clip(0, 255), 255 * outer * (1 - wide)]).round().astype(np.uint8)


def tiger() -> np.ndarray:
    """A tiger's face in body paint: (SIDE, SIDE, 4)."""
    u, v = np.meshgrid(*2 * [(np.arange(SIDE) + 0.5) / SIDE])
    picture = over(
        np.zeros((SIDE, SIDE, 3), np.float32) + (232, 128, 34),
        (204, 88, 20),
        np.clip(np.abs(u - 0.5) * 1.7 - 0.2, 0, 1),
    )
    white = [
        np.array(
            curve([(0.5, 0.60), (0.38, 0.585), (0.26, 0.66), (0.17, 0.78), (0.24, 0.9), (0.38, 0.955), (0.5, 0.97)])
        )
    ]
    white.append(curve([(0.22, 0.27), (0.30, 0.19), (0.41, 0.215), (0.40, 0.275), (0.30, 0.275)], closed=True))
    white.append(curve([(0.05, 0.62), (0.11, 0.60), (0.16, 0.70), (0.12, 0.80), (0.06, 0.74)], closed=True))
    white[0] = np.concatenate([white[0], mirrored(white[0])[::-1]])
    soft = cv2.GaussianBlur(filled([*white, *map(mirrored, white[1:])]), (0, 0), 5)
    picture = over(picture, (250, 240, 224), soft)
    stripes = [
        ([(0.5, 0.035), (0.5, 0.16)], [0.014, 0.034, 0.004]),
        ([(0.43, 0.05), (0.455, 0.11), (0.465, 0.18)], [0.002, 0.026, 0.003]),
        ([(0.34, 0.055), (0.375, 0.10), (0.425, 0.15)], [0.002, 0.024, 0.003]),
        ([(0.22, 0.10), (0.27, 0.125), (0.33, 0.13)], [0.03, 0.022, 0.002]),
        ([(0.10, 0.19), (0.16, 0.195), (0.22, 0.22)], [0.036, 0.026, 0.002]),
        ([(0.045, 0.30), (0.10, 0.30), (0.165, 0.325)], [0.038, 0.03, 0.002]),
        ([(0.03, 0.44), (0.10, 0.45), (0.19, 0.49)], [0.036, 0.03, 0.002]),
        ([(0.035, 0.55), (0.12, 0.56), (0.23, 0.60)], [0.034, 0.028, 0.002]),
        ([(0.06, 0.68), (0.13, 0.68), (0.20, 0.70)], [0.032, 0.026, 0.002]),
        ([(0.10, 0.81), (0.16, 0.79), (0.215, 0.78)], [0.034, 0.026, 0.002]),
        ([(0.39, 0.30), (0.415, 0.38), (0.41, 0.47)], [0.002, 0.018, 0.002]),
        ([(0.44, 0.22), (0.465, 0.265), (0.47, 0.33)], [0.002, 0.016, 0.002]),
    ]  # fmt: skip
    black = [stroke(curve(points), widths) for points, widths in stripes]
    lid = landmark_uv()
    black.append(
        stroke(
            curve(
                [lid[39] + [0.035, 0.045], lid[39] + [0.008, 0], lid[38], lid[37], lid[36], lid[36] + [-0.055, -0.035]]
            ),
            [0.001, 0.014, 0.022, 0.022, 0.018, 0.001],
        )
    )
    black.append(stroke(curve([lid[39], lid[40], lid[41], lid[36]]), [0.006, 0.016, 0.014, 0.01]))
    nose = curve(
        [
            (0.5, 0.60),
            (0.45, 0.605),
            (0.405, 0.59),
            (0.42, 0.545),
            (0.5, 0.525),
            (0.58, 0.545),
            (0.595, 0.59),
            (0.55, 0.605),
        ],
        closed=True,
    )
    black += [nose, stroke(curve([(0.5, 0.60), (0.5, 0.69)]), [0.016, 0.01])]
    cover = filled([*black, *map(mirrored, black)])
    picture = over(picture, (26, 18, 16), cv2.GaussianBlur(cover, (0, 0), 0.8))
    whiskers = [(0.40, 0.645), (0.36, 0.655), (0.325, 0.67), (0.385, 0.67)]
    for x, y in whiskers + [(1 - x, y) for x, y in whiskers]:
        picture = over(picture, (26, 18, 16), soft_spot(np.array([x, y]), 0.005))
    fur = strands(np.random.default_rng(1), 4.0, 0.8)[..., None]
    alpha = 0.93 * (1 - holes()) * cv2.GaussianBlur(filled([oval()]), (0, 0), 6)
    return np.dstack([np.clip(picture * (0.88 + 0.2 * fur), 0, 255), 255 * alpha]).round().astype(np.uint8)


def oval() -> np.ndarray:
    """The outline (n, 2) of a painted face, a little inside that of the chart."""
    a = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    c, s = np.cos(a), np.sin(a)
    return np.stack([0.5 + 0.465 * np.sign(c) * np.abs(c) ** 0.7, 0.5 + 0.465 * np.sign(s) * np.abs(s) ** 0.7], 1)


MASKS = {"facets": facets, "opera": opera, "tiger": tiger}
