"""Readers of other face models, ICT-FaceKit and the Basel Face Model, from files that the user provides."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import AssetError, DatasetError, read_asset, read_mat
from ..geometry.mesh import area_normals
from .model import MorphableModel

# ICT-FaceKit (USC Institute for Creative Technologies, MIT) at the commit that the bundled SHA-256 sums belong to
ICT_KIT = "https://raw.githubusercontent.com/ICT-VGL/ICT-FaceKit/da5f95a607f5e6b37755b38d3385d7f2853732e5/"
ICT_KIT_FILES = "ict_facekit_sha256.txt"
ICT_FACE_VERTICES = 9409  # the first vertices are the face with ears and neck, without eyeballs and teeth
# The Multi-PIE landmarks of the kit's README, in iBUG order
# fmt: off
ICT_LANDMARKS = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493,
    1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542,
    1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461,
    5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)
# fmt: on


def fetch_ict_kit(
    folder: str | Path | None = None, address: str = ICT_KIT, files: dict[str, str] | None = None
) -> Path:
    """Download the OBJ files of ICT-FaceKit (158 files, 400 MB, MIT), and return their folder ``FaceXModel``.

    ``folder`` is the destination, by default a folder in the user's cache. ``address`` is the URL of the folder that
    holds ``FaceXModel/``. ``files`` gives the SHA-256 by path, by default those of the whole kit. Complete files are
    not downloaded again, so an interrupted download can be resumed. AssetError if a file cannot be fetched, or has
    another SHA-256.
    """
    import pooch
    from tqdm import tqdm

    if files is None:
        lines = read_asset(ICT_KIT_FILES).decode().splitlines()
        files = {path: digest for digest, _, path in map(str.split, lines)}
    target = Path(folder) if folder is not None else pooch.os_cache("lprnet_utils") / "ict-facekit"
    kit = pooch.create(target, address, registry={path: f"sha256:{digest}" for path, digest in files.items()})
    pooch.get_logger().setLevel("WARNING")
    for path in tqdm(sorted(files), unit="file", desc="ICT-FaceKit"):
        try:
            kit.fetch(path)
        except Exception as error:  # requests and pooch have exceptions of their own
            raise AssetError(f"{address}{path} could not be fetched into {target}: {error}") from error
    return target / "FaceXModel"


def read_obj(path: Path) -> tuple[Array, list[list[int]]]:
    """Vertices (n, 3) and faces (0-based vertex numbers) of a Wavefront OBJ file of the kit, in the file's order."""
    if not path.is_file():
        raise DatasetError(f"{path} is missing")
    vertices, faces = [], []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("v "):
                vertices.append([float(x) for x in line.split()[1:4]])
            elif line.startswith("f "):
                faces.append([int(corner.split("/")[0]) - 1 for corner in line.split()[1:]])
        array = np.array(vertices, float).reshape(-1, 3)
    except ValueError as error:
        raise DatasetError(f"{path} is not a readable OBJ file ({error}); is it complete?") from error
    if len(array) < ICT_FACE_VERTICES or not faces:
        raise DatasetError(
            f"{path} has {len(array)} vertices and {len(faces)} faces; a head of the kit has 26,719 vertices"
        )
    return array, faces


def read_ict_kit(folder: str | Path) -> MorphableModel:
    """Read the face, ears and neck of ICT-FaceKit (MIT) in its own topology, from the OBJ files in ``FaceXModel``.

    :func:`lprnet_utils.morphable_model.fetch_ict_kit` downloads them. A DatasetError names a file that is missing,
    unreadable or of another size.
    """
    folder = Path(folder)
    neutral, faces = read_obj(folder / "generic_neutral_mesh.obj")
    quads = np.array([f for f in faces if len(f) == 4 and max(f) < ICT_FACE_VERTICES])
    identity = sorted(folder.glob("identity*.obj"))
    # the pupils move no skin
    skip = {"generic_neutral_mesh", "PupilDilate_L", "PupilDilate_R", *(p.stem for p in identity)}
    shapes = sorted(p for p in folder.glob("*.obj") if p.stem not in skip)
    if not identity or not shapes:
        raise DatasetError(f"{folder} has {len(identity)} identity files and {len(shapes)} expressions: incomplete")

    def offset(path: Path) -> Array:
        vertices = read_obj(path)[0]
        if len(vertices) != len(neutral):
            raise DatasetError(f"{path} has {len(vertices)} vertices, the neutral mesh {len(neutral)}")
        return 10 * (vertices - neutral)[:ICT_FACE_VERTICES]  # centimetres to millimetres

    return MorphableModel(
        mean=(10 * neutral[:ICT_FACE_VERTICES]).astype(np.float32),
        identity=np.array([offset(path) for path in identity], np.float32),
        expression=np.array([offset(path) for path in shapes], np.float32),
        expression_names=tuple(p.stem.replace("_L", "Left").replace("_R", "Right") for p in shapes),
        triangles=np.stack([quads[:, :3], quads[:, [0, 2, 3]]], 1).reshape(-1, 3).astype(np.int32),
        membrane=np.zeros(2 * len(quads), bool),
        landmark_vertices=np.array(ICT_LANDMARKS),
    )


def read_basel(path: str | Path, exp_path: str | Path | None = None) -> MorphableModel:
    """Read the Basel Face Model 2009 with the expressions of 3DDFA, in its own topology of 53,215 vertices.

    The model cannot be bundled: https://faces.dmi.unibas.ch gives it out on request, for research only. The
    expressions come from the authors of 3DDFA, together with 300W-LP. ``path`` is ``BFM.mat`` as face3d writes it (one
    struct ``model``), or ``Model_Shape.mat`` of 300W-LP's code; then ``exp_path`` is its ``Model_Exp.mat``. A
    DatasetError names the file, and the field that is missing or of the wrong shape.
    """
    path, exp_path = Path(path), None if exp_path is None else Path(exp_path)
    mean, shape, shape_ev, triangles, points, exp_mean, exp, exp_ev = _basel_fields(path, exp_path)
    count = len(shape) // 3
    triangles, points = triangles.astype(np.int64).reshape(3, -1).T - 1, points.astype(np.int64).ravel() - 1
    numbers = np.r_[triangles.ravel(), points]
    if points.shape != (68,) or numbers.min() < 0 or numbers.max() >= count:
        raise DatasetError(f"{path}: triangles and the 68 keypoints should be numbers of vertices, 1 to {count}")
    mean = (mean.ravel() + exp_mean.ravel()).reshape(-1, 3) / 1000  # micrometres to millimetres
    outward = area_normals(mean, triangles)[:, 2].sum() > 0

    def scaled(modes: Array, deviation: Array) -> Array:
        return (modes * (deviation.ravel() / 1000)).T.reshape(-1, count, 3).astype(np.float32)

    return MorphableModel(
        mean=mean.astype(np.float32),
        identity=scaled(shape, shape_ev),
        expression=scaled(exp, exp_ev),
        expression_names=tuple(f"basel{k:02d}" for k in range(exp.shape[1])),
        triangles=(triangles if outward else triangles[:, ::-1]).astype(np.int32),
        membrane=np.zeros(len(triangles), bool),
        landmark_vertices=points,
        deviations=np.r_[shape_ev.ravel(), exp_ev.ravel()],
    )


def _basel_fields(path: Path, exp_path: Path | None) -> list[NDArray]:
    """Mean, modes, deviations, triangles and keypoints of the shapes; mean, modes and deviations of the expressions."""
    if exp_path is None:
        names = "shapeMU", "shapePC", "shapeEV", "tri", "kpt_ind", "expMU", "expPC", "expEV"
        fields = read_mat(path, *names, struct="model")
    else:
        fields = read_mat(path, "mu_shape", ("w", "w_shp"), ("sigma", "sigma_shp"), "tri", "keypoints")
        fields += read_mat(exp_path, "mu_exp", "w_exp", "sigma_exp")
    vertices = len(fields[1]) // 3
    for file, (mean, modes, deviation) in ((path, fields[:3]), (exp_path or path, fields[5:])):
        if mean.size != len(modes) or mean.size % 3 or deviation.size != modes.shape[1] or len(modes) != len(fields[1]):
            raise DatasetError(
                f"{file}: a mean of {mean.size} numbers, modes {modes.shape} and {deviation.size} deviations do "
                f"not belong to one model of {vertices} vertices"
            )
    return fields
