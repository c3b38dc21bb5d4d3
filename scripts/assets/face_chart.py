"""FaceSurface and UV chart of the face model, for ``build_face_model.py``: from quads to triangles to a UV layout.

Every step works on the half x >= 0 and mirrors the result, so the surface stays exactly mirror-symmetric; no quad of
MakeHuman's mesh straddles the middle. New vertices are fixed linear combinations of old ones, so the bases of the
morphable model follow by one sparse product.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg

from lprnet_utils.geometry.mesh import area_normals, border_loops, triangle_edges

SNAP_DISTANCE = 0.12  # edge lengths: a border this close to a vertex passes through it, so that no slivers arise
SQUIRCLE_EXPONENT = 4  # of the chart's outline
CHART_MARGIN = 1.0 / 128  # between the outline and the unit square
STRETCH_ROUNDS, STRETCH_POWER = 3, 0.7
# where texels are spent: radius in mm, and how many times a triangle counts
EYE_EMPHASIS, MOUTH_EMPHASIS, NOSE_EMPHASIS = (24.0, 3.0), (34.0, 2.5), (24.0, 1.8)


def triangle_areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area (T,) of each triangle."""
    return np.linalg.norm(area_normals(points, triangles), axis=1) / 2


def vertex_areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area (V,) of each vertex: a third of the triangles around it."""
    area = np.repeat(triangle_areas(points, triangles) / 3, 3)
    return np.bincount(triangles.ravel(), area, len(points))


@dataclass
class FaceSurface:
    """A mirror-symmetric triangle mesh whose vertices are linear combinations of the base mesh's vertices."""

    matrix: sp.csr_matrix  # (V, B) weights of the B base vertices
    triangles: np.ndarray
    mirror: np.ndarray  # (V,) mirror image of each vertex
    reference: np.ndarray  # (B, 3) a face to measure on
    membrane: np.ndarray  # (T,) true for triangles that close an opening

    @property
    def points(self) -> np.ndarray:
        """Vertices (V, 3) of the reference face."""
        return self.matrix @ self.reference

    @classmethod
    def subdivided(cls, quads, skin, reference, mirror):
        """One step of Catmull and Clark's subdivision (1978) over ``quads``; only the faces of ``skin`` are kept.

        Vertex point: (mean of face points + 2 x mean of edge mid-points + (n - 3) x the vertex) / n.
        """
        reference = (reference + reference[mirror] * [-1, 1, 1]) / 2
        edge_faces: dict[tuple[int, int], list[int]] = {}
        vertex_faces: dict[int, list[int]] = {}
        for k, quad in enumerate(quads.tolist()):
            for a, b in zip(quad, quad[1:] + quad[:1], strict=True):
                edge_faces.setdefault((min(a, b), max(a, b)), []).append(k)
                vertex_faces.setdefault(a, []).append(k)
        vertex_edges: dict[int, list[tuple[int, int]]] = {}
        for edge in edge_faces:
            for v in edge:
                vertex_edges.setdefault(v, []).append(edge)

        keys: dict[tuple, int] = {}
        rows: list[Counter] = []

        def number_of(key, parts):
            if key not in keys:
                keys[key] = len(rows)
                row: Counter = Counter()
                for weight, vertices in parts:
                    for v in vertices:
                        row[int(v)] += weight / len(vertices)
                rows.append(row)
            return keys[key]

        def face_point(quad):
            return number_of(("f", *sorted(quad)), [(1.0, quad)])

        def edge_point(a, b):
            edge = (min(a, b), max(a, b))
            faces = [quads[k] for k in edge_faces[edge]]
            return number_of(("e", *edge), [(0.5, edge)] + [(0.25, f) for f in faces])

        def vertex_point(v):
            n = len(vertex_faces[v])
            parts = [(1 / n / n, quads[k]) for k in vertex_faces[v]]
            parts += [(2 / n / n, e) for e in vertex_edges[v]] + [((n - 3) / n, [v])]
            return number_of(("v", v), parts)

        triangles = []
        for quad in skin.tolist():
            if reference[quad, 0].mean() < 0:
                continue
            centre = face_point(quad)
            for k in range(4):
                before, v, after = quad[k - 1], quad[k], quad[(k + 1) % 4]
                small = [vertex_point(v), edge_point(v, after), centre, edge_point(before, v)]
                # the diagonal through the old vertex keeps creases of the old mesh where they were
                triangles += [small[:3], [small[0], small[2], small[3]]]
        flipped: dict[int, int] = {}
        for key, k in list(keys.items()):
            image = [int(v) for v in mirror[list(key[1:])]]
            if key[0] == "f":
                flipped[k] = face_point(quads[next(i for i in vertex_faces[image[0]] if set(quads[i]) == set(image))])
            else:
                flipped[k] = edge_point(*image) if key[0] == "e" else vertex_point(image[0])
        table = np.arange(len(rows))
        for a, b in flipped.items():
            table[a], table[b] = b, a
        i, j, w = zip(*((i, j, w) for i, row in enumerate(rows) for j, w in row.items()), strict=True)
        matrix = sp.csr_matrix((w, (i, j)), shape=(len(rows), len(reference)))
        return cls._from_half(matrix, np.array(triangles), table, reference)

    @classmethod
    def _from_half(cls, matrix, half, mirror, reference):
        """The surface of the triangles ``half`` and their mirror images."""
        triangles = np.concatenate([half, mirror[half][:, ::-1]])
        used = np.unique(triangles)
        local = np.full(matrix.shape[0], -1)
        local[used] = np.arange(len(used))
        membrane = np.zeros(len(triangles), bool)
        return cls(matrix[used], local[triangles], local[mirror[used]], reference, membrane)

    def trimmed(self, field) -> Self:
        """The part of the surface where ``field(points)`` is negative, cut along its zero."""
        points = self.points
        value = field(points)
        value = (value + value[self.mirror]) / 2
        half = self.triangles[points[self.triangles, 0].mean(1) > 0]
        snapped = value.copy()
        for a, b in np.unique(np.sort(triangle_edges(half), 1), axis=0):
            if value[a] * value[b] < 0:
                t = value[a] / (value[a] - value[b])
                if t < SNAP_DISTANCE:
                    snapped[[a, self.mirror[a]]] = 0.0
                elif t > 1 - SNAP_DISTANCE:
                    snapped[[b, self.mirror[b]]] = 0.0
        value = snapped
        rows, mirror, cuts = [self.matrix], list(self.mirror), {}

        def cut(a, b):
            """A new vertex where the border crosses an edge, and another on the mirrored edge."""
            a, b = (a, b) if value[a] < value[b] else (b, a)
            for x, y in ((a, b), (self.mirror[a], self.mirror[b])):
                if (x, y) not in cuts:
                    t = value[x] / (value[x] - value[y])
                    cuts[x, y] = len(mirror)
                    mirror.append(-1)
                    rows.append(self.matrix[x] * (1 - t) + self.matrix[y] * t)
            one, other = cuts[a, b], cuts[self.mirror[a], self.mirror[b]]
            mirror[one], mirror[other] = other, one
            return one

        kept = []
        for triangle in half.tolist():
            signs = np.sign(value[triangle])
            if (signs <= 0).all() and (signs < 0).any():
                kept.append(triangle)
            elif (signs < 0).any():
                polygon = []
                for a, b in zip(triangle, triangle[1:] + triangle[:1], strict=True):
                    if value[a] <= 0:
                        polygon.append(a)
                    if value[a] * value[b] < 0:
                        polygon.append(cut(a, b))
                kept += [[polygon[0], polygon[k], polygon[k + 1]] for k in range(1, len(polygon) - 1)]
        return self._from_half(sp.vstack(rows).tocsr(), np.array(kept), np.array(mirror), self.reference)

    def closed(self) -> Self:
        """The surface with eyes and mouth closed, each by a fan of triangles around the mean of its rim."""
        points, loops = self.points, border_loops(self.triangles)[1:]
        if len(loops) != 3:
            extent = [(points[loop].min(0).round(2), points[loop].max(0).round(2)) for loop in loops]
            raise SystemExit(f"expected the openings of two eyes and a mouth, found {len(loops)}: {extent}")
        centres = {frozenset(loop): len(self.mirror) + k for k, loop in enumerate(loops)}
        mirror = [*self.mirror, *(centres[frozenset(self.mirror[loop].tolist())] for loop in loops)]
        rows, triangles = [self.matrix], [self.triangles]
        for loop in loops:
            centre = centres[frozenset(loop)]
            rows.append(sp.csr_matrix(self.matrix[loop].mean(0)))
            triangles.append(np.array([[b, a, centre] for a, b in zip(loop, loop[1:] + loop[:1], strict=True)]))
        triangles = np.concatenate(triangles)
        membrane = np.arange(len(triangles)) >= len(self.triangles)
        return FaceSurface(sp.vstack(rows).tocsr(), triangles, np.array(mirror), self.reference, membrane)


def squircle(fraction: np.ndarray) -> np.ndarray:
    """Points of the squircle |x|^n + |y|^n = 1 at fractions of its length, from the top toward +x."""
    angle = np.linspace(0, 2 * np.pi, 20001)
    direction = np.c_[np.sin(angle), np.cos(angle)]
    curve = direction / (np.abs(direction) ** SQUIRCLE_EXPONENT).sum(1, keepdims=True) ** (1 / SQUIRCLE_EXPONENT)
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))]
    return np.c_[[np.interp(fraction * length[-1], length, curve[:, k]) for k in (0, 1)]].T


def mean_value_weights(points: np.ndarray, triangles: np.ndarray) -> sp.csr_matrix:
    """Floater's mean value coordinates (2003): tan of half the angles beside an edge over its length."""
    i, j, w = [], [], []
    for k in range(3):
        a, b, c = triangles[:, k], triangles[:, (k + 1) % 3], triangles[:, (k + 2) % 3]
        p, q = points[b] - points[a], points[c] - points[a]
        lp, lq = np.linalg.norm(p, axis=1), np.linalg.norm(q, axis=1)
        half = np.tan(np.arccos(np.clip((p * q).sum(1) / lp / lq, -1, 1)) / 2)
        i += [a, a]
        j += [b, c]
        w += [half / lp, half / lq]
    n = len(points)
    return sp.csr_matrix((np.concatenate(w), (np.concatenate(i), np.concatenate(j))), shape=(n, n))


def stretch(points: np.ndarray, uv: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """L2 stretch of each triangle from the chart to the surface (Sander et al., SIGGRAPH 2001)."""
    q = points[triangles]
    (s1, t1), (s2, t2), (s3, t3) = (uv[triangles[:, k]].T for k in range(3))
    area = ((s2 - s1) * (t3 - t1) - (s3 - s1) * (t2 - t1)) / 2

    def derivative(*differences):
        return sum(q[:, k] * d[:, None] for k, d in enumerate(differences)) / (2 * area)[:, None]

    ds = derivative(t2 - t3, t3 - t1, t1 - t2)
    dt = derivative(s3 - s2, s1 - s3, s2 - s1)
    return np.sqrt(((ds * ds).sum(1) + (dt * dt).sum(1)) / 2)


def importance(surface: FaceSurface, points: np.ndarray) -> np.ndarray:
    """How many times each triangle (T,) counts: more at the eyes, the mouth and the nose."""
    centres = points[surface.triangles].mean(1)
    fan_centres = np.unique(surface.triangles[surface.membrane][:, 2])
    mouth = fan_centres[np.argmin(points[fan_centres, 1])]
    spots = [(points[v], *(MOUTH_EMPHASIS if v == mouth else EYE_EMPHASIS)) for v in fan_centres]
    spots.append((points[np.argmax(points[:, 2])], *NOSE_EMPHASIS))
    factor = np.ones(len(centres))
    for spot, radius, times in spots:
        distance = np.linalg.norm(centres - spot, axis=1)
        factor = np.maximum(factor, 1 + (times - 1) * np.exp(-((distance / radius) ** 4)))
    return factor


def parameterise(surface: FaceSurface, points: np.ndarray) -> np.ndarray:
    """UV positions (V, 2) float64 in the unit square, u right, v down, mirror-symmetric.

    The border is laid onto a squircle by arc length from the top of the mid-line. The inside follows by mean value
    weights, which give a one-to-one map on a convex border (Tutte, Floater). Then the weights are divided by the local
    stretch, which evens the stretch out (Yoshizawa, Belyaev and Seidel, SMI 2004).
    """
    triangles, mirror = surface.triangles, surface.mirror
    loop = np.array(border_loops(triangles)[0])
    middle = loop[mirror[loop] == loop]
    top = middle[np.argmax(points[middle, 1])]
    loop = np.roll(loop, -int(np.nonzero(loop == top)[0][0]))
    if points[loop[1], 0] < 0:
        loop = np.r_[loop[:1], loop[:0:-1]]
    length = np.linalg.norm(points[loop] - points[np.roll(loop, -1)], axis=1)
    uv = np.zeros((len(points), 2))
    uv[loop] = squircle(np.r_[0, np.cumsum(length)[:-1]] / length.sum())
    inside = np.setdiff1d(np.arange(len(points)), loop)
    weights = mean_value_weights(points, triangles)
    factor = importance(surface, points)
    area = triangle_areas(points, triangles)
    for step in range(STRETCH_ROUNDS + 1):
        system = sp.diags(np.asarray(weights.sum(1)).ravel()) - weights
        solve = scipy.sparse.linalg.factorized(system[inside][:, inside].tocsc())
        right = -system[inside][:, loop] @ uv[loop]
        uv[inside] = np.c_[solve(right[:, 0]), solve(right[:, 1])]
        if step < STRETCH_ROUNDS:
            s = (stretch(points, uv, triangles) * factor) ** 2 * area
            total, areas = (np.bincount(triangles.ravel(), np.repeat(x, 3)) for x in (s, area))
            weights = weights @ sp.diags((total / areas) ** (-STRETCH_POWER / 2))
    uv = (uv + uv[mirror] * [-1, 1]) / 2
    return 0.5 + uv * [0.5 - CHART_MARGIN, -(0.5 - CHART_MARGIN)]
