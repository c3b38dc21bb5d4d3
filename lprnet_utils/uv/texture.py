"""The photo on the face's surface: a texture in the UV layout, and what to put where the camera does not see it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..geometry.mesh import vertex_normals
from .layout import UVLayout
from .texels import SURFACE

CELLS = 150  # rows of the z-buffer across a face's height: about the map's own resolution, whatever the photo's
GRAZING = (0.05, 0.25)  # cosine to the camera at which a texel begins to show something, and from which it is trusted
NEAR = (0.005, 0.03)  # distance from the face's outline, in face heights, likewise
BETTER = (0.2, 0.5)  # its share of the mirror texel's cosine below which that one is taken, and from which not at all
LARGEST = 8192


def texel_visibility(position_map: Array, layout: UVLayout) -> NDArray[np.bool_]:
    """Which texels (N, N) of the face, membrane included, the camera sees: not hidden behind another part of it."""
    from ..geometry.rasterizer import vertex_visibility

    points = position_map.reshape(-1, 3).astype(float)
    used = np.flatnonzero(layout.mask)
    cell = np.ptp(points[used, 1]) / CELLS
    seen = np.zeros(len(points), bool)
    # the texels outside the mesh repeat valid ones, so all may go along
    seen[used] = vertex_visibility(points / cell, layout.closed_triangles, tolerance=3.0, resolution=1.0)[used]
    return seen.reshape(layout.mask.shape)


def texel_normals(position_map: Array, layout: UVLayout) -> NDArray[np.float64]:
    """Unit normals (N, N, 3) in the camera's frame, right-handed: x right in the picture, y up, z toward the camera."""
    flipped = position_map.reshape(-1, 3) * np.float32([1, -1, 1])
    return vertex_normals(flipped, layout.closed_triangles).reshape(position_map.shape)


def texel_trust(position_map: Array, layout: UVLayout, image: Image, seen: Array) -> NDArray[np.float32]:
    """How far the photo can be trusted to show the face at each texel: (N, N), 0 to 1.

    1 where the camera looks at it; falling to 0 toward what is hidden (not ``seen``, see :func:`texel_visibility`),
    turned away, or outside the photo.
    """
    from scipy.spatial import cKDTree

    xy = position_map[..., :2]
    inside = ((xy >= 0) & (xy <= np.array(image.shape[1::-1]) - 1)).all(-1)
    cosine = texel_normals(position_map, layout)[..., 2].astype(np.float32)
    seen = seen & inside
    trust = cv2.GaussianBlur(cv2.erode((seen | ~layout.mask).astype(np.float32), np.ones((5, 5))), (0, 0), 1.5)
    trust *= _ramp(cosine, *GRAZING) * layout.mask
    # A map is off by a percent or two of the face, so what lies that near to the outline may be the background, or the
    # cheek behind the nose. The outline is where what is seen ends; folds of lids and lips are too small to count.
    lost = ((layout.kind == SURFACE) & (~seen | (cosine < GRAZING[1]))).astype(np.uint8)
    lost = cv2.morphologyEx(lost, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    outline = (lost > 0) & (cv2.dilate(((trust > 0) & (lost == 0)).astype(np.uint8), np.ones((3, 3))) > 0)
    if outline.any():
        distance = cKDTree(xy[outline]).query(xy.reshape(-1, 2))[0].reshape(trust.shape)
        trust *= _ramp(distance / np.ptp(xy[layout.mask][:, 1]), *NEAR)
    return trust.astype(np.float32)


def photo_to_texture(image: Image, position_map: Array, layout: UVLayout, size: int) -> NDArray[np.float32]:
    """The colours (size, size, 3), 0 to 255, that the photo has at the places of the texels, hidden or not.

    Read at the resolution of the texture, not of the map: places between the map's texels are interpolated. Where the
    photo is finer than the texture it is averaged first, so that nothing aliases.

    Raises
    ------
    ValueError
        For a size that is no whole number from 2 to 8192.
    """
    if not 2 <= size <= LARGEST or size != int(size):
        raise ValueError(f"the side of a texture is a whole number from 2 to {LARGEST}, not {size}")
    size = int(size)
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
    # two samples a texel in each direction, then their mean
    places = enlarge((position_map[..., :2] - low + 0.5) * (small / full) - 0.5, 2 * size)
    fine = cv2.remap(region, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)


def fill_texture(colors: Array, trust: Array, cosine: Array, layout: UVLayout) -> Image:
    """A texture (S, S, 3) without holes.

    Where the camera does not see the face, its mirror counterpart stands in, as far as that is seen: a face is almost
    symmetric. The light is not, so the difference of the two sides where both are seen is carried on, smoothly, into
    the part that is filled (as Poisson image editing does: Perez, Gangnet and Blake, SIGGRAPH 2003). What neither side
    shows, and what lies outside the face, has the colours around it.

    Parameters
    ----------
    colors : (S, S, 3) array
        Of :func:`photo_to_texture`.
    trust, cosine : (N, N) arrays
        Of :func:`texel_trust`, and z of :func:`texel_normals`.
    layout : UVLayout
        Of N.
    """
    size, n = len(colors), layout.size
    face = enlarge(layout.mask, size) > 0.5
    opposite = trust[:, ::-1]
    # where the mirror counterpart is seen much less obliquely, it is the better picture of the two
    share = _ramp(cosine / np.maximum(cosine[:, ::-1], 1e-3), *BETTER)
    own = trust * np.maximum(share, 1 - opposite)
    small = cv2.resize(colors, (n, n), interpolation=cv2.INTER_AREA if size > n else cv2.INTER_LINEAR)
    difference = enlarge(spread(small - small[:, ::-1], trust * opposite), size)
    own, other = enlarge(own, size) * face, enlarge((1 - own) * opposite, size) * face
    known = own + other
    mixed = own[..., None] * colors + other[..., None] * (colors[:, ::-1] + difference)
    mixed /= np.maximum(known, 1e-6)[..., None]
    return np.clip(np.rint(spread(mixed, known)), 0, 255).astype(np.uint8)


def spread(values: Array, weight: Array) -> NDArray[np.float32]:
    """Values (n, n, C) as they are where the weight (n, n) is 1; where it is 0, smoothly from around.

    By a pyramid: each level has the weighted mean of the finer one and lends it where that knows nothing ("pull-push":
    Gortler and others, The lumigraph, SIGGRAPH 1996). All zero if there is no weight at all.
    """
    weight = weight.astype(np.float32)[..., None]
    if len(values) == 1:
        return np.where(weight > 0, values, 0).astype(np.float32)
    half = (len(values) + 1) // 2
    below = cv2.resize(np.concatenate([values * weight, weight], -1), (half, half), interpolation=cv2.INTER_AREA)
    known = below[..., -1]
    coarse = spread(below[..., :-1] / np.maximum(known, 1e-6)[..., None], np.minimum(4 * known, 1) * (known > 1e-6))
    return values * weight + (1 - weight) * enlarge(coarse, len(values))


def enlarge(values: Array, size: int) -> NDArray[np.float32]:
    """A map (N, N) or (N, N, C) at another size, (size, size), bilinear; for a mask compare with 1/2."""
    return cv2.resize(values.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)


def _ramp(value: Array, low: float, high: float) -> Array:
    return np.clip((value - low) / (high - low), 0, 1)
