"""The one z-buffer, and all loops that numba compiles: what is seen at each pixel, and what is drawn there.

Renderings, visibility, depth and the UV layout all come from :func:`rasterize`. Numba compiles it on first use (about a
second), so nothing on the way from a photo to a mesh imports this module.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array

BAND = 1 << 19  # pixels that are drawn at a time
OPAQUE = np.full((1, 1, 2), 255, np.uint8)
NOWHERE = np.zeros((1, 2), np.float32)


@numba.njit(cache=True, error_model="numpy")
def _texel(texture, uv, a, b, c, u, v, w):  # pragma: no cover - compiled
    """Row and column of a texture at a point of a triangle."""
    height, width = texture.shape[0], texture.shape[1]
    column = min(max(int((u * uv[a, 0] + v * uv[b, 0] + w * uv[c, 0]) * width), 0), width - 1)
    row = min(max(int((u * uv[a, 1] + v * uv[b, 1] + w * uv[c, 1]) * height), 0), height - 1)
    return row, column


@numba.njit(cache=True, error_model="numpy")
def _fill(points, triangles, culled, uv, texture, least, index, bary, depth):  # pragma: no cover - compiled
    height, width = depth.shape
    textured = texture.shape[0] > 1
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not abs(area) > 1e-12:  # edge-on, or not finite
            continue
        if t < culled and area > 0:  # y points down: clockwise is the front
            continue
        x0 = max(int(np.ceil(min(ax, bx, cx) - 1e-9)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) + 1e-9)), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy) - 1e-9)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) + 1e-9)), height - 1)
        inverse = 1.0 / area
        du, dv = (by - cy) * inverse, (cy - ay) * inverse  # barycentric weights are linear along a row
        for y in range(y0, y1 + 1):
            u0 = (bx * (cy - y) - (by - y) * cx) * inverse
            v0 = (cx * (ay - y) - (cy - y) * ax) * inverse
            for x in range(x0, x1 + 1):
                u, v = u0 + x * du, v0 + x * dv
                w = 1.0 - u - v
                # a pixel centre on a shared edge belongs to both: no cracks, the nearer one stays
                if u < -1e-9 or v < -1e-9 or w < -1e-9:
                    continue
                z = u * az + v * bz + w * cz
                if z > depth[y, x]:
                    if textured:
                        row, column = _texel(texture, uv, a, b, c, u, v, w)
                        if texture[row, column, 1] < least:
                            continue
                    depth[y, x] = z
                    index[y, x] = t
                    bary[y, x, 0], bary[y, x, 1], bary[y, x, 2] = u, v, w


@numba.njit(cache=True, error_model="numpy")
def _interpolate(values, triangles, index, bary, out):  # pragma: no cover - compiled
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t >= 0:
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                for k in range(values.shape[1]):
                    out[y, x, k] = (
                        bary[y, x, 0] * values[a, k] + bary[y, x, 1] * values[b, k] + bary[y, x, 2] * values[c, k]
                    )


@numba.njit(cache=True, error_model="numpy")
def _lay_over(image, colors, triangles, uv, texture, blended, index, bary):  # pragma: no cover - compiled
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t >= 0:
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                u, v, w = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
                row, column = _texel(texture, uv, a, b, c, u, v, w)
                brightness = texture[row, column, 0] / 255.0
                opacity = texture[row, column, 1] / 255.0 if blended else 1.0
                for k in range(image.shape[2]):
                    value = brightness * (u * colors[a, k] + v * colors[b, k] + w * colors[c, k])
                    image[y, x, k] += opacity * (value - image[y, x, k])


@numba.njit(cache=True, error_model="numpy")
def normals_at_vertices(vertices, triangles):  # pragma: no cover - compiled
    """The loops of :func:`lprnet_utils.geometry.vertex_normals`."""
    out = np.zeros_like(vertices)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-9
        out[v] /= length
    return out


@numba.njit(cache=True, error_model="numpy")
def shade_vertices(
    normals, kernel, sh, lamp, color, half, strength, openness, shine, out, gloss
):  # pragma: no cover - compiled
    """The light of :meth:`lprnet_utils.geometry.Light.shade`, into ``out`` and ``gloss``."""
    for i in range(normals.shape[0]):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        direct = max(x * lamp[0] + y * lamp[1] + z * lamp[2], 0.0)
        glint = strength * shine[i] * max(x * half[0] + y * half[1] + z * half[2], 0.0) ** 24
        for k in range(3):
            sky = (
                sh[0] * kernel[0, k]
                + sh[1] * (y * kernel[1, k] + z * kernel[2, k] + x * kernel[3, k])
                + sh[2] * (x * y * kernel[4, k] + y * z * kernel[5, k] + x * z * kernel[7, k])
                + sh[3] * (3 * z * z - 1) * kernel[6, k]
                + sh[4] * (x * x - y * y) * kernel[8, k]
            )
            out[i, k] = max(sky, 0.02) * openness[i] + direct * color[k]
            gloss[i, k] = glint * color[k]


def rasterize(
    points: ArrayLike, triangles: ArrayLike, height: int, width: int, culled: int = 0
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Rasterise triangles with a z-buffer, from either side.

    Parameters
    ----------
    points : (n, 3) array
        x right, y down in pixels (the centre of the pixel in column j, row i is (j, i)), z toward the camera.
    triangles : (m, 3) int array
    height, width : int
        Size of the picture.
    culled : int
        So many of the first triangles are drawn from outside alone: a closed surface hides its own back.

    Returns
    -------
    index : (height, width) int32
        Triangle seen at the pixel's centre, -1 where there is none.
    barycentric : (height, width, 3) float64
        Weights of its three corners; 0 where there is none.
    depth : (height, width) float64
        z of the surface, -inf where there is none.

    References
    ----------
    J. Pineda, A parallel algorithm for polygon rasterization, SIGGRAPH 1988 (edge functions).
    """
    points = np.ascontiguousarray(points, np.float64)
    triangles = np.ascontiguousarray(triangles, np.int32)
    index = np.full((height, width), -1, np.int32)
    bary = np.zeros((height, width, 3))
    depth = np.full((height, width), -np.inf)
    _fill(points, triangles, culled, NOWHERE, OPAQUE, 0, index, bary, depth)
    return index, bary, depth


def interpolate(
    values: ArrayLike, triangles: ArrayLike, index: NDArray[np.int32], barycentric: NDArray[np.float64]
) -> NDArray:
    """Values at the vertices, (n, ...), interpolated over a rasterised picture: (height, width, ...).

    Pixels without a triangle get 0. The result is float32 for values in float32, otherwise float64.
    """
    values = np.asarray(values)
    kind = np.float32 if values.dtype == np.float32 else np.float64
    out = np.zeros((*index.shape, int(np.prod(values.shape[1:]))), kind)
    flat = np.ascontiguousarray(values.reshape(len(values), -1), kind)
    _interpolate(flat, np.ascontiguousarray(triangles, np.int32), index, barycentric, out)
    return out.reshape(*index.shape, *values.shape[1:])


def draw_over(
    image: NDArray[np.float32],
    depth: Array,
    points: ArrayLike,
    triangles: NDArray[np.int32],
    colors: ArrayLike,
    uv: ArrayLike | None = None,
    texture: NDArray[np.uint8] | None = None,
    cut: float = 0.0,
) -> None:
    """Draw a mesh over a picture that was drawn before, in place, as far as it lies in front.

    Parameters
    ----------
    image : (height, width, C) float32
    depth : (height, width)
        z of what the picture shows; where the mesh is solid, its own afterwards.
    points, triangles
        See :func:`rasterize`.
    colors : (n, C) array
        At the vertices.
    uv : (n, 2) array, optional
        Place of the vertices in the texture, u right, v down, 0 to 1.
    texture : (h, w, 2) uint8, optional
        Brightness, which the colours are multiplied by, and opacity.
    cut : float
        Opacity, 0 to 1, from which the mesh is solid, with nothing where it is less; negative: the opacity says how
        much of the mesh covers what is behind it, and ``depth`` stays as it is.
    """
    points = np.ascontiguousarray(points, np.float64)
    index = np.full(depth.shape, -1, np.int32)
    bary = np.empty((*depth.shape, 3))
    uv = np.zeros((len(points), 2), np.float32) if uv is None else np.ascontiguousarray(uv, np.float32)
    texture = OPAQUE if texture is None else texture
    blended = cut < 0
    _fill(points, triangles, 0, uv, texture, 255 * cut, index, bary, depth.copy() if blended else depth)
    _lay_over(image, np.ascontiguousarray(colors, np.float32), triangles, uv, texture, blended, index, bary)


def draw_values(
    points: ArrayLike, triangles: ArrayLike, values: ArrayLike, height: int, width: int
) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
    """Values at the vertices, drawn over the part of a picture that the mesh covers.

    Works in bands of rows, so that a face that fills a large photo takes little memory.

    Parameters
    ----------
    points : (n, 3) array
        In pixels of the picture, see :func:`rasterize`.
    triangles : (m, 3) int array
    values : (n, C) array
    height, width : int
        Of the picture.

    Returns
    -------
    drawn : (h, w, C) float32
        NaN where there is no mesh.
    region : two slices
        Rows and columns of the picture that ``drawn`` stands for: the mesh's bounding box, as far as it lies inside.
    """
    points, triangles = np.asarray(points, np.float64), np.asarray(triangles, np.int32)
    values = np.ascontiguousarray(values, np.float32)
    corners = points[np.unique(triangles)][:, :2]
    low = np.clip(np.floor(corners.min(0)), 0, [width, height]).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + 1, low, [width, height]).astype(int)
    region = slice(low[1], high[1]), slice(low[0], high[0])
    w, h = high - low
    drawn = np.full((h, w, values.shape[1]), np.nan, np.float32)
    step = max(BAND // max(w, 1), 1)
    for y in range(0, h, step):
        rows = min(step, h - y)
        index, bary, _ = rasterize(points - [low[0], low[1] + y, 0], triangles, rows, w)
        _interpolate(values, triangles, index, bary, drawn[y : y + rows])
    return drawn, region


def vertex_visibility(
    points: ArrayLike, triangles: ArrayLike, tolerance: float = 1.0, resolution: float = 2.0
) -> NDArray[np.bool_]:
    """Which vertices the camera sees: in front of, or at most ``tolerance`` behind, the z-buffer.

    Parameters
    ----------
    points : (n, 3) array
        Vertices in pixels of the image, z toward the camera.
    triangles : (m, 3) int array
    tolerance : float
        In pixels; covers the slope of the surface inside one cell of the buffer.
    resolution : float
        Cells of the buffer a pixel.

    Returns
    -------
    (n,) bool
    """
    points = np.asarray(points, float)
    local = (points - points.min(0)) * resolution
    width, height = np.ceil(local[:, :2].max(0)).astype(int) + 2
    depth = rasterize(local, triangles, height, width)[2]
    column, row = np.rint(local[:, 0]).astype(int), np.rint(local[:, 1]).astype(int)
    return local[:, 2] >= depth[row, column] - tolerance * resolution
