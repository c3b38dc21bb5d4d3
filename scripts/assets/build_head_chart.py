"""Build ``data/head_chart.npz``: a chart of a whole head, without hair, for position maps.

It joins the face of ``data/face_model.npz``, eyes and mouth closed by the membrane, and skull, ears and neck of
``data/avatar.npz``, both MakeHuman's, CC0. The head is cut open along the middle of its back, from the crown to the
nape. The right half is laid onto the left half of the square, with the middle of the face along its straight side. The
other half mirrors it.

    python scripts/assets/build_head_chart.py

It takes half a minute and needs no download; run ``scripts/assets/update_checksums.py`` after it.
"""

import argparse
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from face_chart import mean_value_weights, stretch, triangle_areas
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lprnet_utils.common.assets import read_bundled_arrays
from lprnet_utils.geometry.mesh import border_loops, triangle_edges
from lprnet_utils.morphable_model.whole_head import load_whole_head
from lprnet_utils.uv import UVLayout
from lprnet_utils.uv.charts import rasterise_chart

ROOT = Path(__file__).resolve().parents[2]
SIDES = (0, 1)  # charts of ``avatar.npz`` with the outer skin: the right and the left side
NECK_MM = 42.0  # of neck below the chin that the map has
NECK_SLOPE = 0.45  # how much higher the cut is behind than in front, per mm of depth
MIDDLE_MM = 1e-3  # from the plane of symmetry
CHART_MARGIN = 1.0 / 128
ROUNDS, POWER = 6, 0.6  # of evening out the stretch
FACE_EMPHASIS = 1.6  # how many times a triangle of the face counts
# places of further landmarks around the head: (height, angle from the front), heights from the chin, 0, to the crown, 1
AROUND = (
    (0.95, 0),
    (0.95, 180),
    (0.7, 180),
    (0.7, 120),
    (0.7, -120),
    (0.4, 180),
    (0.45, 100),
    (0.45, -100),
    (0.1, 180),
)


def outer_skin(model, chin: np.ndarray) -> np.ndarray:
    """Triangles (T, 3) of face, skull, ears and neck, without what is inside, down to the cut through the neck."""
    file = read_bundled_arrays("avatar.npz")
    corners = file["triangles"].astype(int)
    outside = np.isin(file["chart"][corners], SIDES).all(1)
    triangles = np.concatenate([model.triangles, file["vertex"].astype(int)[corners[outside]]])
    centre = model.mean[triangles].mean(1)
    height = centre[:, 1] - (chin[1] - NECK_MM) - NECK_SLOPE * (chin[2] - centre[:, 2])
    kept = triangles[height > 0]
    edges = triangle_edges(kept)
    graph = sp.coo_matrix((np.ones(len(edges)), edges.T), shape=(len(model.mean),) * 2)
    label = connected_components(graph, directed=False)[1][kept[:, 0]]
    return kept[label == np.bincount(label).argmax()]


def border_of_half(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """UV positions (V, 2) of the border of the half x <= 0 on a rectangle, NaN inside: u 0 to 0.5, v 0 to 1."""
    loops = border_loops(triangles)
    if len(loops) != 1:
        raise SystemExit(f"half of the head has {len(loops)} borders, of {[len(loop) for loop in loops]} vertices")
    loop = np.array(loops[0])
    middle = np.abs(points[loop, 0]) < MIDDLE_MM
    # where the middle of the head ends: in front and at the back of the neck
    ends = loop[middle & ~(np.roll(middle, 1) & np.roll(middle, -1))]
    if len(ends) != 2:
        raise SystemExit(f"the middle of the head has {len(ends)} ends")
    nape, start = ends[np.argsort(points[ends, 2])]
    loop = np.roll(loop, -int(np.flatnonzero(loop == start)[0]))
    crown = loop[np.abs(points[loop, 0]) < MIDDLE_MM]
    crown = crown[np.argmax(points[crown, 1])]
    at_nape = int(np.flatnonzero(loop == nape)[0])
    if int(np.flatnonzero(loop == crown)[0]) > at_nape:  # go up the face first
        loop = np.r_[loop[:1], loop[:0:-1]]
        at_nape = int(np.flatnonzero(loop == nape)[0])
    at_crown = int(np.flatnonzero(loop == crown)[0])

    def along(path: np.ndarray) -> np.ndarray:
        length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points[path], axis=0), axis=1))]
        return (length / length[-1])[:, None]

    uv = np.full((len(points), 2), np.nan)
    face, seam, neck = loop[: at_crown + 1], loop[at_crown : at_nape + 1], np.r_[loop[at_nape:], loop[0]]
    uv[neck] = [0, 1] + along(neck) * [0.5, 0]
    t = along(seam) * 1.5  # the upper side of length 0.5, then the left side of length 1
    uv[seam] = np.c_[np.clip(0.5 - t, 0, 0.5), np.clip(t - 0.5, 0, 1)]
    uv[face] = [0.5, 1] - along(face) * [0, 1]
    return uv


def lay_out(points: np.ndarray, triangles: np.ndarray, emphasis: np.ndarray) -> np.ndarray:
    """UV positions (V, 2) of half a head; mean value weights, then evened out as in :func:`face_chart.parameterise`."""
    uv = border_of_half(points, triangles)
    used = np.unique(triangles)
    fixed = used[np.isfinite(uv[used, 0])]
    inside = np.setdiff1d(used, fixed)
    weights, area = mean_value_weights(points, triangles), triangle_areas(points, triangles)
    for step in range(ROUNDS + 1):
        system = (sp.diags(np.asarray(weights.sum(1)).ravel()) - weights).tocsr()
        solve = sp.linalg.factorized(system[inside][:, inside].tocsc())
        right = -system[inside][:, fixed] @ uv[fixed]
        uv[inside] = np.c_[solve(right[:, 0]), solve(right[:, 1])]
        if step < ROUNDS:
            squared = (np.nan_to_num(stretch(points, uv, triangles)) * emphasis) ** 2 * area
            total, areas = (np.bincount(triangles.ravel(), np.repeat(x, 3), len(points)) for x in (squared, area))
            weights = weights @ sp.diags(np.maximum(total / np.maximum(areas, 1e-9), 1e-6) ** (-POWER / 2))
    (ax, ay), (bx, by), (cx, cy) = (uv[triangles[:, k]].T for k in range(3))
    turned = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    print(f"{(turned >= 0).sum()} of {len(turned)} triangles of half the chart are turned over")
    return uv


def landmark_rows(model, used: np.ndarray, chin: np.ndarray) -> np.ndarray:
    """(landmark, vertex, weight): the 68 of the face, then a vertex at each of the places ``AROUND``, and both ears."""
    layout = UVLayout()
    face = (layout.landmark_matrix @ layout.matrix).tocoo()
    rows = list(zip(face.row, face.col, face.data, strict=True))
    points = model.mean[used]
    crown = points[:, 1].max()
    centre = np.array([0.0, 0.0, (points[:, 2].min() + points[:, 2].max()) / 2])
    for k, (height, angle) in enumerate(AROUND):
        y = chin[1] + height * (crown - chin[1])
        ray = np.array([-np.sin(np.deg2rad(angle)), 0, np.cos(np.deg2rad(angle))])
        offset = points - centre - [0, y, 0]
        along = offset @ ray
        miss = np.linalg.norm(offset - along[:, None] * ray, axis=1)
        rows.append((68 + k, used[np.argmin(np.where(along > 0, miss, np.inf))], 1.0))
    count = 68 + len(AROUND)
    for k, side in enumerate((-1, 1)):  # the outermost vertex is on the rim of an ear
        rows.append((count + k, used[np.argmax(points[:, 0] * side)], 1.0))
    return np.array(rows, np.float32)


def build() -> dict[str, np.ndarray]:
    """The arrays of ``data/head_chart.npz``."""
    model = load_whole_head()
    layout = UVLayout()
    chin = layout.landmarks(layout.mean_map)[8]
    triangles = outer_skin(model, chin)
    distance, mirror = cKDTree(model.mean).query(model.mean * [-1, 1, 1])
    used = np.unique(triangles)
    print(f"{len(used)} vertices, mirrored to {distance[used].max():.4f} mm")
    half = triangles[model.mean[triangles, 0].mean(1) < 0]
    in_face = (half < len(read_bundled_arrays("face_model.npz")["uv"])).all(1)
    points = (model.mean + model.mean[mirror] * [-1, 1, 1]) / 2  # the middle is exactly at x = 0
    uv = lay_out(points, half, np.where(in_face, FACE_EMPHASIS, 1.0))
    own = np.unique(half)
    places = 0.5 + (uv[own] - 0.5) * (1 - 2 * CHART_MARGIN)
    number = np.full(len(model.mean), -1)
    number[own] = np.arange(len(own))
    local = number[half]
    corner = np.r_[own, mirror[own]]
    both = np.concatenate([places, places * [-1, 1] + [1, 0]])
    chart_triangles = np.concatenate([local, local[:, ::-1] + len(own)])
    texel_vertices, texel_weights, kind = rasterise_chart(both, chart_triangles, corner, 128)
    print(f"the chart fills {(kind > 0).mean():.3f} of the square; symmetric: {(kind == kind[:, ::-1]).all()}")
    return {
        "mean": model.mean, "symmetric": np.array(True), "corner": corner.astype(np.uint16),
        "uv": both.astype(np.float32), "chart_triangles": chart_triangles.astype(np.uint16),
        "landmarks": landmark_rows(model, used, chin), "texel_vertices": texel_vertices.astype(np.uint16),
        "texel_weights": texel_weights.astype(np.float32), "texel_kind": kind,
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "data/head_chart.npz")
    arguments = parser.parse_args()
    np.savez_compressed(arguments.output, **build())
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")
