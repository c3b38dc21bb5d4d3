"""The one z-buffer: which triangle is seen at each pixel, and where in it.

Renderings, visibility, depth and the UV layout all come from :func:`rasterize`. Numba compiles it on first
use (about a second), so nothing on the way from a photo to a mesh imports this module.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

BAND = 1 << 19  # pixels that are drawn at a time


@numba.njit(cache=True, error_model="numpy")
def _fill(points, triangles, culled, height, width, index, bary, depth):  # pragma: no cover - compiled
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
                    depth[y, x] = z
                    index[y, x] = t
                    bary[y, x, 0], bary[y, x, 1], bary[y, x, 2] = u, v, w


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
    _fill(points, triangles, culled, height, width, index, bary, depth)
    return index, bary, depth


def interpolate(
    values: ArrayLike, triangles: ArrayLike, index: NDArray[np.int32], barycentric: NDArray[np.float64]
) -> NDArray:
    """Values at the vertices, (n, ...), interpolated over a rasterised picture: (height, width, ...).

    Pixels without a triangle get 0.
    """
    values = np.asarray(values)
    corners = values[np.asarray(triangles)[index]]
    weights = barycentric.reshape(barycentric.shape + (1,) * (values.ndim - 1))
    return (corners * weights).sum(2)


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
    values = np.asarray(values, np.float32)
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
        hit = index >= 0
        drawn[y : y + rows][hit] = (values[triangles[index[hit]]] * bary[hit].astype(np.float32)[..., None]).sum(1)
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


@numba.njit(cache=True, error_model="numpy")
def smooth_normals(vertices, triangles):  # pragma: no cover - compiled
    """Unit normals (n, 3) float32 at the vertices, weighted by area: the compiled :func:`vertex_normals`."""
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
def project_points(points, matrix, shift):  # pragma: no cover - compiled
    """Points (n, 3) by a linear map (3, 3) and a shift (3,): (n, 3) float64."""
    out = np.empty(points.shape, np.float64)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for k in range(3):
            out[i, k] = matrix[k, 0] * x + matrix[k, 1] * y + matrix[k, 2] * z + shift[k]
    return out


@numba.njit(cache=True, error_model="numpy")
def paint_values(colors, triangles, index, bary, image):  # pragma: no cover - compiled
    """Colours at the vertices, (n, 3), drawn over the pixels (h, w) of a rasterised picture, in place."""
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t >= 0:
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                for k in range(3):
                    image[y, x, k] = (
                        bary[y, x, 0] * colors[a, k] + bary[y, x, 1] * colors[b, k] + bary[y, x, 2] * colors[c, k]
                    )


@numba.njit(cache=True, error_model="numpy")
def fill_blended(points, triangles, uv, texture, colors, cut, image, depth):  # pragma: no cover - compiled
    """Triangles with a texture of brightness and opacity: over ``cut`` opaque, below it nothing (cut < 0: blended)."""
    height, width = depth.shape
    th, tw = texture.shape[0], texture.shape[1]
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not abs(area) > 1e-9:
            continue
        inverse = 1.0 / area
        du, dv = (by - cy) * inverse, (cy - ay) * inverse
        for y in range(max(int(np.ceil(min(ay, by, cy))), 0), min(int(np.floor(max(ay, by, cy))), height - 1) + 1):
            u0 = (bx * (cy - y) - (by - y) * cx) * inverse
            v0 = (cx * (ay - y) - (cy - y) * ax) * inverse
            for x in range(max(int(np.ceil(min(ax, bx, cx))), 0), min(int(np.floor(max(ax, bx, cx))), width - 1) + 1):
                u, v = u0 + x * du, v0 + x * dv
                w = 1.0 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                z = u * points[a, 2] + v * points[b, 2] + w * points[c, 2]
                if z <= depth[y, x]:
                    continue
                col = min(max(int((u * uv[a, 0] + v * uv[b, 0] + w * uv[c, 0]) * tw), 0), tw - 1)
                row = min(max(int((u * uv[a, 1] + v * uv[b, 1] + w * uv[c, 1]) * th), 0), th - 1)
                opacity = texture[row, col, 1] / 255.0
                if cut >= 0:
                    if opacity < cut:
                        continue
                    opacity = 1.0
                    depth[y, x] = z
                light = texture[row, col, 0] / 255.0
                for k in range(3):
                    value = light * (u * colors[a, k] + v * colors[b, k] + w * colors[c, k])
                    image[y, x, k] += opacity * (value - image[y, x, k])


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
