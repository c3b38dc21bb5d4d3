"""Build ``data/ict_face.npz``: the face of ICT-FaceKit, registered to the bundled topology.

The kit (USC Institute for Creative Technologies, MIT) is a morphable model from light-stage scans. The bundled face is
deformed onto the kit's neutral face. Each vertex keeps the point of the kit's mesh that it lies on; identity and
expression are read there.

    python scripts/assets/build_ict_face.py --kit FaceXModel                # the folder of the kit's OBJ files
    python scripts/assets/build_ict_face.py --kit DOWNLOAD                  # downloads them first (400 MB)
    python scripts/assets/build_ict_face.py --arrays ict_face3dmm_full.npz  # the same model as arrays, in centimetres

From the arrays it takes ten seconds. Run ``scripts/assets/update_checksums.py`` after it.
"""

import argparse
from pathlib import Path

import numpy as np

from lprnet_utils import MorphableModel
from lprnet_utils.common.assets import load_arrays
from lprnet_utils.geometry import border_loops, vertex_normals
from lprnet_utils.geometry.mesh import nested_loops
from lprnet_utils.morphable_model import fetch_ict_kit, read_ict_kit
from lprnet_utils.morphable_model.readers import ICT_LANDMARKS
from lprnet_utils.morphable_model.surface import Surface
from lprnet_utils.uv.registration import Registration, register

ROOT = Path(__file__).resolve().parents[2]
# The border of an opening of the kit's mesh lies inside the mouth or behind the lids. First the number of rings from
# there to the rim, where the lips meet or the lids end; then the number of rings matched from the rim outward.
MOUTH_RINGS, LID_RINGS = (6, 5), (1, 1)


def from_arrays(path: Path) -> MorphableModel:
    """The kit from a file of arrays, in centimetres."""
    names = "mean", "identity", "expression", "expression_names", "tri"
    mean, identity, expression, shapes, triangles = load_arrays(path, *names)
    return MorphableModel(
        mean=10 * mean,
        identity=10 * identity.astype(np.float32),
        expression=10 * expression.astype(np.float32),
        expression_names=tuple(str(n).replace("_L", "Left").replace("_R", "Right") for n in shapes),
        triangles=triangles,
        membrane=np.zeros(len(triangles), bool),
        landmark_vertices=np.array(ICT_LANDMARKS),
    )


def skin_and_rims(model: MorphableModel) -> tuple[np.ndarray, list[list[list[int]]]]:
    """The kit's triangles without the inside of mouth and lids, and the loops to be matched."""
    triangles, rims = model.triangles, []
    loops = border_loops(triangles)[1:]
    loops.sort(key=lambda loop: (model.mean[loop, 1].mean() > 0, model.mean[loop, 0].mean()))  # mouth, eyes
    for loop in loops:
        inside, count = LID_RINGS if model.mean[loop, 1].mean() > 0 else MOUTH_RINGS
        nested = nested_loops(triangles, loop, inside + count)
        triangles = triangles[~np.isin(triangles, [v for ring in nested[:inside] for v in ring]).any(1)]
        rims.append(nested[inside:])
    return triangles, rims


def print_quality(found: Registration, faces: np.ndarray, kit: MorphableModel, triangles: np.ndarray) -> None:
    """Print how far the registered vertices lie from the kit's surface, and how many triangles are turned over."""
    middle, most = np.percentile(found.distance[np.unique(faces)], (50, 95))
    print(f"distance: median {middle:.2f}, 95 % {most:.2f} mm")
    kit_normals = found.matrix @ Surface(kit.mean, triangles).smooth_normals
    corner = found.vertices[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    against = (normal * kit_normals[faces].sum(1)).sum(1) < 0
    print(f"triangles that face against the kit's: {against.sum()} of {len(faces)}")
    turned = (vertex_normals(found.vertices, faces)[faces].sum(1) * normal).sum(1) < 0
    print(f"triangles that face against their neighbours: {turned.sum()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--kit", help="folder of the OBJ files, or DOWNLOAD")
    source.add_argument("--arrays", type=Path)
    parser.add_argument("--output", type=Path, default=ROOT / "data" / "ict_face.npz")
    options = parser.parse_args()
    if options.arrays:
        kit = from_arrays(options.arrays)
    else:
        kit = read_ict_kit(fetch_ict_kit() if options.kit == "DOWNLOAD" else options.kit)
    triangles, rims = skin_and_rims(kit)
    found = register(kit.mean, triangles, kit.mean[list(ICT_LANDMARKS)], rims)
    bundled = MorphableModel.load()
    print_quality(found, bundled.triangles[~bundled.membrane], kit, triangles)

    rotation = found.frame[0]
    used, local = np.unique(found.matrix.indices, return_inverse=True)
    np.savez_compressed(
        options.output,
        mean=found.vertices_in_face_frame(),
        identity=(kit.identity[:, used] @ rotation.T).astype(np.float16),
        expression=(kit.expression[:, used] @ rotation.T).astype(np.float16),
        expression_names=np.array(kit.expression_names),
        registration_data=found.matrix.data.astype(np.float32),
        registration_indices=local.astype(np.int32),
        registration_indptr=found.matrix.indptr.astype(np.int32),
    )
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
