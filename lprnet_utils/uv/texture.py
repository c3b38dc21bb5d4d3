"""Face textures in the UV layout: read from the photo, and completed where the camera does not see the face."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..geometry.crop import resize_square
from ..geometry.mesh import vertex_normals
from .layout import SURFACE, UVLayout

Z_BUFFER_ROWS = 150  # across the height of a face: about the resolution of a map, whatever that of the photo
# pairs (low, high): from low to high, a weight rises from 0 to 1
TRUSTED_COSINE = (0.05, 0.25)  # of a texel's normal to the camera, for the trust in the texel
TRUSTED_DISTANCE = (0.005, 0.03)  # from the outline of the face, in face heights, for the same
MIRROR_COSINE_RATIO = (0.2, 0.5)  # cosine of a texel over that of its mirror texel, for preferring the texel
MAX_TINT = 10.0  # levels of 0 to 255: a greater difference in tone of the two sides is no light, and leaves streaks
MAX_TEXTURE_SIZE = 8192
# Near the outline a texel may show hair or the background. Its colour is compared with that of the skin.
# The comparison is strict outside an ellipse in the chart, and without effect in its middle, where eyes and lips are.
ELLIPSE_CENTRE_V, ELLIPSE_RADII = 0.55, {"u": 0.42, "v above": 0.54, "v below": 0.47}  # in sides of the chart
ELLIPSE_BAND = (0.62, 0.9)  # of the radius: from here the comparison counts, from there fully
SKIN_TONE_TOLERANCE = 0.12  # of the natural logarithms of red and blue relative to green
SKIN_LIGHT_TOLERANCE = 0.4  # of the natural logarithm of green, relative to the smooth light on the face
SKIN_DISTANCE = (1.0, 2.0)  # tolerances: from here a texel is doubted, from there rejected
MIN_SKIN_TEXELS = 200  # with fewer in the middle of the face, nothing is known of the skin and nothing rejected
CHIN_HALF_WIDTH, CHIN_TOP = 0.15, 0.85  # in sides of the chart
BEARD_SHARE = 0.25  # of unlike texels on the chin: more are a beard, and the jaw is not tested
BEARD_BAND = (0.5, 0.65)  # from the first height in the chart the test has less, from the second no effect


def texel_visibility(position_map: Array, layout: UVLayout) -> NDArray[np.bool_]:
    """Which texels (N, N) of the face, membrane included, are not hidden behind another part of the face."""
    from ..geometry.rasterizer import vertex_visibility

    points = position_map.reshape(-1, 3).astype(float)
    used = np.flatnonzero(layout.mask)
    cell = np.ptp(points[used, 1]) / Z_BUFFER_ROWS
    seen = np.zeros(len(points), bool)
    # texels outside the mesh repeat valid ones, so they hide nothing more
    seen[used] = vertex_visibility(points / cell, layout.closed_triangles, tolerance=3.0, resolution=1.0)[used]
    return seen.reshape(layout.mask.shape)


def texel_normals(position_map: Array, layout: UVLayout) -> NDArray[np.float64]:
    """Unit normals (N, N, 3) of a map in the photo frame. The normals have y up, as in the face frame."""
    flipped = position_map.reshape(-1, 3) * np.float32([1, -1, 1])
    return vertex_normals(flipped, layout.closed_triangles).reshape(position_map.shape)


def texel_trust(position_map: Array, layout: UVLayout, image: Image, seen: Array) -> NDArray[np.float32]:
    """Trust (N, N), 0 to 1, that the photo shows the face at each texel.

    It falls to 0 toward texels that are not ``seen``, are turned away from the camera, lie outside the photo, or are
    near the outline and have not the colour of skin.
    """
    from scipy.spatial import cKDTree

    xy = position_map[..., :2]
    inside = ((xy >= 0) & (xy <= np.array(image.shape[1::-1]) - 1)).all(-1)
    cosine = texel_normals(position_map, layout)[..., 2].astype(np.float32)
    seen = seen & inside
    trust = cv2.GaussianBlur(cv2.erode((seen | ~layout.mask).astype(np.float32), np.ones((5, 5))), (0, 0), 1.5)
    trust *= _ramp(cosine, *TRUSTED_COSINE) * layout.mask
    # A map is off by a percent or two of the face, so the photo may show the background, or the cheek behind the nose,
    # near an outline. Outlines are the borders of the visible part; the opening drops the small folds of lids and lips.
    lost = ((layout.kind == SURFACE) & (~seen | (cosine < TRUSTED_COSINE[1]))).astype(np.uint8)
    lost = cv2.morphologyEx(lost, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    outline = (lost > 0) & (cv2.dilate(((trust > 0) & (lost == 0)).astype(np.uint8), np.ones((3, 3))) > 0)
    if outline.any():
        height = np.ptp(xy[layout.mask][:, 1])
        far = 1.01 * TRUSTED_DISTANCE[1] * height  # what is farther away is trusted, however far it is
        distance = cKDTree(xy[outline]).query(xy.reshape(-1, 2), distance_upper_bound=far)[0]
        trust *= _ramp(distance.reshape(trust.shape) / height, *TRUSTED_DISTANCE)
    colors = photo_to_texture(image, position_map, layout, layout.size)
    return (trust * (1 - skin_unlikeness(colors, trust, layout) * outer_part(layout))).astype(np.float32)


@lru_cache(maxsize=4)
def outer_part(layout: UVLayout) -> NDArray[np.float32]:
    """How much (N, N), 0 to 1, the colour of a texel must be that of skin: 0 in the middle of the chart, 1 outside.

    It is cached: do not write into it.
    """
    u, v = layout.texel_uv[..., 0] - 0.5, layout.texel_uv[..., 1] - ELLIPSE_CENTRE_V
    v = v / np.where(v < 0, ELLIPSE_RADII["v above"], ELLIPSE_RADII["v below"])
    return _ramp(np.hypot(u / ELLIPSE_RADII["u"], v), *ELLIPSE_BAND)


def skin_unlikeness(colors: Array, trust: Array, layout: UVLayout) -> NDArray[np.float32]:
    """How much (N, N), 0 to 1, the colours (N, N, 3) differ from the skin in the middle of the face.

    Hair and background differ from skin in tone, or in brightness from the light on the face, which changes smoothly.
    Only texels that other unlike ones join to the outline count: moles, nostrils and lips stay, and so does a beard.
    """
    from scipy.ndimage import binary_propagation

    logs = np.log(np.clip(cv2.GaussianBlur(colors, (0, 0), 0.7), 6, 255).astype(np.float32))
    tone, light = logs[..., ::2] - logs[..., 1:2], logs[..., 1]
    middle = (outer_part(layout) == 0) & (layout.kind == SURFACE) & (trust > 0.9)
    if middle.sum() < MIN_SKIN_TEXELS:
        return np.zeros(trust.shape, np.float32)
    centre = np.median(tone[middle], axis=0)
    spread = np.maximum(2 * np.median(np.abs(tone[middle] - centre), axis=0), SKIN_TONE_TOLERANCE)
    tone_distance = np.linalg.norm((tone - centre) / spread, axis=-1)
    skin = middle & (tone_distance < 1) & (light > np.quantile(light[middle], 0.2))
    smooth = fill_from_known(light[..., None], skin)[..., 0]
    smooth = cv2.GaussianBlur(smooth, (0, 0), layout.size / 12)
    darker = np.abs(light - smooth) / SKIN_LIGHT_TOLERANCE
    unlike = _ramp(np.hypot(tone_distance, darker), *SKIN_DISTANCE)
    u, v, _ = np.moveaxis(layout.texel_uv, -1, 0)
    if unlike[(np.abs(u - 0.5) < CHIN_HALF_WIDTH) & (v > CHIN_TOP) & layout.mask].mean() > BEARD_SHARE:
        unlike = unlike * (1 - _ramp(v, *BEARD_BAND))
    border = layout.mask & (cv2.erode(layout.mask.astype(np.uint8), np.ones((5, 5)), borderValue=0) == 0)
    joined = binary_propagation(border, mask=layout.mask & (unlike > 0.3) | border)
    # the soft edge of hair, and the outermost texels, belong to the unlike ones
    unlike = cv2.dilate(np.where(layout.mask, unlike * joined, 1).astype(np.float32), np.ones((5, 5)))
    return cv2.GaussianBlur(unlike, (0, 0), 1.5, borderType=cv2.BORDER_REPLICATE)


def check_texture_size(size: int) -> int:
    """The side of a texture; ValueError if it is not a whole number from 2 to 8192."""
    if not 2 <= size <= MAX_TEXTURE_SIZE or size != int(size):
        raise ValueError(f"the side of a texture is a whole number from 2 to {MAX_TEXTURE_SIZE}, not {size}")
    return int(size)


def photo_to_texture(image: Image, position_map: Array, layout: UVLayout, size: int) -> NDArray[np.float32]:
    """The photo's colours (size, size, 3), 0 to 255, at the positions of all texels, visible or hidden.

    The positions are interpolated between the texels of the map. A photo that is finer than the texture is averaged
    first, which prevents aliasing. ValueError if ``size`` is not a whole number from 2 to 8192.
    """
    size = check_texture_size(size)
    valid = position_map[layout.mask][:, :2]
    limits = np.array(image.shape[1::-1])
    low = np.clip(np.floor(valid.min(0)) - 2, 0, limits - 1).astype(int)
    high = np.clip(np.ceil(valid.max(0)) + 3, low + 1, limits).astype(int)
    region = image[low[1] : high[1], low[0] : high[0]]
    steps = np.linalg.norm(np.diff(position_map[..., :2], axis=1), axis=-1)[layout.mask[:, 1:]]
    shrink = min(2 * size / (layout.size * max(float(np.median(steps)), 1e-6)), 1.0)
    full = np.array(region.shape[1::-1])
    small = np.maximum(np.rint(full * shrink), 1).astype(int)
    if shrink < 1:
        region = cv2.resize(region, small.tolist(), interpolation=cv2.INTER_AREA)
    # the mean of two samples per texel in each direction
    positions = resize_map((position_map[..., :2] - low + 0.5) * (small / full) - 0.5, 2 * size)
    fine = cv2.remap(region, positions[..., 0], positions[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)


def fill_texture(colors: Array, trust: Array, cosine: Array, layout: UVLayout) -> Image:
    """Complete a texture: a version (S, S, 3) without holes.

    A face is almost symmetric, so the mirror texel replaces a texel that the camera does not see. The light is not
    symmetric. The difference of the two sides, known where both are visible, is therefore continued smoothly into the
    filled part, as Poisson image editing does (Perez, Gangnet and Blake, SIGGRAPH 2003). Texels that are visible on
    neither side, or lie outside the face, get the colours around them. The cosine (N, N) is z of the normals.
    """
    size, n = len(colors), layout.size
    face = resize_map(layout.mask, size) > 0.5
    mirror_trust = trust[:, ::-1]
    # a mirror texel that is seen much less obliquely is the better picture of the two
    preference = _ramp(cosine / np.maximum(cosine[:, ::-1], 1e-3), *MIRROR_COSINE_RATIO)
    direct = trust * np.maximum(preference, 1 - mirror_trust)
    small = resize_square(colors, n)
    difference = fill_from_known(small - small[:, ::-1], trust * mirror_trust)
    light = difference.mean(-1, keepdims=True)
    difference = resize_map(light + np.clip(difference - light, -MAX_TINT, MAX_TINT), size)
    direct, mirrored = resize_map(direct, size) * face, resize_map((1 - direct) * mirror_trust, size) * face
    known = direct + mirrored
    mixed = direct[..., None] * colors + mirrored[..., None] * (colors[:, ::-1] + difference)
    mixed /= np.maximum(known, 1e-6)[..., None]
    small = resize_square(mixed, n)
    unlike = resize_map(skin_unlikeness(small, resize_map(known, n), layout), size)
    skin = fill_from_known(mixed, np.where((known > 0.5) & (unlike < 0.1), known, 0))
    mixed = skin + known[..., None] * (mixed - skin)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def fill_from_known(values: Array, weight: Array) -> NDArray[np.float32]:
    """Fill unknown values (n, n, C), of weight (n, n) 0, smoothly from the known ones, of weight 1, which stay.

    A pyramid does it: each level holds the weighted mean of the finer level, and fills the finer level where its weight
    is low ("pull-push": Gortler et al., The lumigraph, SIGGRAPH 1996). The result is 0 if all weights are 0.
    """
    weight = weight.astype(np.float32)[..., None]
    if len(values) == 1:
        return np.where(weight > 0, values, 0).astype(np.float32)
    half = (len(values) + 1) // 2
    coarse = cv2.resize(np.concatenate([values * weight, weight], -1), (half, half), interpolation=cv2.INTER_AREA)
    known = coarse[..., -1]
    means = coarse[..., :-1] / np.maximum(known, 1e-6)[..., None]
    filled = fill_from_known(means, np.minimum(4 * known, 1) * (known > 1e-6))
    return values * weight + (1 - weight) * resize_map(filled, len(values)).reshape(values.shape)


def resize_map(values: Array, size: int) -> NDArray[np.float32]:
    """Resize a map (N, N) or (N, N, C) to (size, size), bilinearly. Compare a resized mask with 1/2."""
    return cv2.resize(values.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)


def _ramp(value: Array, low: float, high: float) -> Array:
    """0 up to ``low``, 1 from ``high`` on, linear between them."""
    return np.clip((value - low) / (high - low), 0, 1)
