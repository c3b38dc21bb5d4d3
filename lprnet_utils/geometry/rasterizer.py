"""The z-buffer rasterizer, and all loops that numba compiles.

Renderings, visibility, depth and the UV layout all use :func:`rasterize`. Numba compiles it on first use, which takes
about a second. Therefore no code between a photo and its mesh imports this module.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array
from ..common.compiled import compiled

PIXELS_PER_BAND = 1 << 19  # draw_values rasterises about this many pixels at a time
OPAQUE_TEXTURE = np.full((1, 1, 2), 255, np.uint8)


@compiled
def _texture_position(texture, uv, a, b, c, u, v, w):  # pragma: no cover - compiled
    """Row and column of a texture at a point of a triangle."""
    height, width = texture.shape[0], texture.shape[1]
    column = min(max(int((u * uv[a, 0] + v * uv[b, 0] + w * uv[c, 0]) * width), 0), width - 1)
    row = min(max(int((u * uv[a, 1] + v * uv[b, 1] + w * uv[c, 1]) * height), 0), height - 1)
    return row, column


@compiled
def _fill(points, triangles, culled, uv, texture, min_opacity, index, bary, depth):  # pragma: no cover - compiled
    """Write the results of :func:`rasterize`; skip points with an opacity (texture channel 1) below ``min_opacity``."""
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not abs(area) > 1e-12:  # seen edge-on, or not finite
            continue
        if t < culled and area > 0:  # y points down, so a front face is clockwise
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
                # a pixel centre on a shared edge belongs to both triangles: this leaves no cracks
                if u < -1e-9 or v < -1e-9 or w < -1e-9:
                    continue
                z = u * az + v * bz + w * cz
                if z > depth[y, x]:
                    if texture is not None:  # numba leaves this out of the loop where there is none
                        row, column = _texture_position(texture, uv, a, b, c, u, v, w)
                        if texture[row, column, 1] < min_opacity:
                            continue
                    depth[y, x] = z
                    index[y, x] = t
                    bary[y, x, 0], bary[y, x, 1], bary[y, x, 2] = u, v, w


@compiled
def _interpolate(values, triangles, index, bary, out):  # pragma: no cover - compiled
    """Write the interpolated values of :func:`interpolate` into ``out``; other pixels stay as they are."""
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t >= 0:
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                for k in range(values.shape[1]):
                    out[y, x, k] = (
                        bary[y, x, 0] * values[a, k] + bary[y, x, 1] * values[b, k] + bary[y, x, 2] * values[c, k]
                    )


@compiled
def _blend(image, colors, triangles, uv, texture, blended, index, bary):  # pragma: no cover - compiled
    """Draw the rasterised mesh of :func:`draw_over` into ``image``."""
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t >= 0:
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                u, v, w = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
                row, column = _texture_position(texture, uv, a, b, c, u, v, w)
                brightness = texture[row, column, 0] / 255.0
                opacity = texture[row, column, 1] / 255.0 if blended else 1.0
                for k in range(image.shape[2]):
                    value = brightness * (u * colors[a, k] + v * colors[b, k] + w * colors[c, k])
                    image[y, x, k] += opacity * (value - image[y, x, k])


@compiled
def normals_at_vertices(vertices, triangles):  # pragma: no cover - compiled
    """The loop of :func:`lprnet_utils.geometry.vertex_normals`."""
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


@compiled
def shade_vertices(normals, sky, sh, lamp, color, halfway, gloss, occlusion, shine):  # pragma: no cover - compiled
    """The loop of :meth:`lprnet_utils.geometry.Light.shade`; ``sky`` (9, 3) and the constants ``sh`` of the basis."""
    irradiance = np.empty((normals.shape[0], 3), np.float32)
    highlight = np.empty_like(irradiance)
    for i in range(normals.shape[0]):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        direct = max(x * lamp[0] + y * lamp[1] + z * lamp[2], 0.0)
        glint = gloss * shine[i] * max(x * halfway[0] + y * halfway[1] + z * halfway[2], 0.0) ** 24
        for k in range(3):
            ambient = (
                sh[0] * sky[0, k]
                + sh[1] * (y * sky[1, k] + z * sky[2, k] + x * sky[3, k])
                + sh[2] * (x * y * sky[4, k] + y * z * sky[5, k] + x * z * sky[7, k])
                + sh[3] * (3 * z * z - 1) * sky[6, k]
                + sh[4] * (x * x - y * y) * sky[8, k]
            )
            irradiance[i, k] = max(ambient, 0.02) * occlusion[i] + direct * color[k]
            highlight[i, k] = glint * color[k]
    return irradiance, highlight


def rasterize(
    points: ArrayLike, triangles: ArrayLike, height: int, width: int, culled: int = 0
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Rasterise triangles (m, 3) between points (n, 3) of the photo frame with a z-buffer; both sides are visible.

    Of the first ``culled`` triangles only the front is drawn (backface culling): a closed surface hides its own back.

    Returns
    -------
    index : (height, width) int32
        The triangle visible at the centre of each pixel, -1 where there is none.
    barycentric : (height, width, 3) float64
        Weights of the three corners of that triangle; 0 where there is none.
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
    _fill(points, triangles, culled, None, None, 0, index, bary, depth)
    return index, bary, depth


def interpolate(
    values: ArrayLike, triangles: ArrayLike, index: NDArray[np.int32], barycentric: NDArray[np.float64]
) -> NDArray:
    """Interpolate values (n, ...) at the vertices over a picture; index and barycentric are from :func:`rasterize`.

    The result (height, width, ...) is float32 for values in float32, otherwise float64. It is 0 where there is no
    triangle.
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
    """Draw a mesh over a picture (height, width, C), in place, where it lies in front of what the picture shows.

    ``depth`` is z of what the picture shows. The vertices have colours (n, C), and positions ``uv`` (n, 2) in a texture
    (h, w, 2) of brightness, which multiplies the colours, and opacity. Where the opacity is at least ``cut``, 0 to 1,
    the mesh is solid and writes its depth; elsewhere it is absent. With a negative ``cut`` the opacity blends the mesh
    with the picture, and the depth stays as it is.
    """
    points = np.asarray(points, np.float64)
    # only the part of the picture that the mesh reaches: lashes and glints are small
    low = np.clip(np.floor(points[:, :2].min(0)), 0, depth.shape[::-1]).astype(int)
    high = np.clip(np.ceil(points[:, :2].max(0)) + 1, low, depth.shape[::-1]).astype(int)
    region = slice(low[1], high[1]), slice(low[0], high[0])
    image, depth = image[region], depth[region]
    points = points - [*low, 0]
    index = np.full(depth.shape, -1, np.int32)
    bary = np.empty((*depth.shape, 3))
    uv = np.zeros((len(points), 2), np.float32) if uv is None else np.ascontiguousarray(uv, np.float32)
    texture = OPAQUE_TEXTURE if texture is None else texture
    blended = cut < 0
    _fill(points, triangles, 0, uv, texture, 255 * cut, index, bary, depth.copy() if blended else depth)
    _blend(image, np.ascontiguousarray(colors, np.float32), triangles, uv, texture, blended, index, bary)


def draw_values(
    points: ArrayLike, triangles: ArrayLike, values: ArrayLike, height: int, width: int
) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
    """Draw values (n, C) at the vertices over the part of a picture that the mesh covers.

    Returns the drawn values (h, w, C), NaN where there is no mesh, and the rows and columns of that part. It works in
    bands of rows, so that a face that fills a large photo takes little memory.
    """
    points, triangles = np.asarray(points, np.float64), np.asarray(triangles, np.int32)
    values = np.ascontiguousarray(values, np.float32)
    corners = points[np.unique(triangles)][:, :2]
    low = np.clip(np.floor(corners.min(0)), 0, [width, height]).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + 1, low, [width, height]).astype(int)
    region = slice(low[1], high[1]), slice(low[0], high[0])
    w, h = high - low
    drawn = np.full((h, w, values.shape[1]), np.nan, np.float32)
    step = max(PIXELS_PER_BAND // max(w, 1), 1)
    for y in range(0, h, step):
        rows = min(step, h - y)
        index, bary, _ = rasterize(points - [low[0], low[1] + y, 0], triangles, rows, w)
        _interpolate(values, triangles, index, bary, drawn[y : y + rows])
    return drawn, region


def vertex_visibility(
    points: ArrayLike, triangles: ArrayLike, tolerance: float = 1.0, resolution: float = 2.0
) -> NDArray[np.bool_]:
    """Which vertices (n,) the camera sees: those at most ``tolerance`` pixels behind the z-buffer.

    The vertices (n, 3) are in the photo frame. The tolerance allows for the slope of the surface inside one cell of the
    z-buffer, which has ``resolution`` cells per pixel.
    """
    points = np.asarray(points, float)
    local = (points - points.min(0)) * resolution
    width, height = np.ceil(local[:, :2].max(0)).astype(int) + 2
    depth = rasterize(local, triangles, height, width)[2]
    column, row = np.rint(local[:, 0]).astype(int), np.rint(local[:, 1]).astype(int)
    return local[:, 2] >= depth[row, column] - tolerance * resolution
