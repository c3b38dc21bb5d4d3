"""Readers of other face models: ICT-FaceKit and the Basel Face Model, from the reader's own copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..common.arrays import Array
from ..common.assets import AssetError, DatasetError, read_asset

# ICT-FaceKit (USC Institute for Creative Technologies, MIT) at the commit whose SHA-256 are in data/
ICT_KIT = "https://raw.githubusercontent.com/ICT-VGL/ICT-FaceKit/da5f95a607f5e6b37755b38d3385d7f2853732e5/"
ICT_KIT_FILES = "ict_facekit_sha256.txt"


def fetch_ict_kit(
    folder: str | Path | None = None, address: str = ICT_KIT, files: dict[str, str] | None = None
) -> Path:
    """Download the OBJ files of ICT-FaceKit (158 files, 400 MB, MIT), each held against its SHA-256.

    What is there already and whole is not fetched again, so a broken download goes on where it was.

    Parameters
    ----------
    folder : path, optional
        Where to; the user's cache by default.
    address : str
        Of the folder that holds ``FaceXModel/``.
    files : dict, optional
        SHA-256 by path; those of the whole kit by default.

    Returns
    -------
    Path
        The folder ``FaceXModel``.

    Raises
    ------
    AssetError
        If a file cannot be fetched, or is another one.
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
        except Exception as error:  # requests and pooch each have their own
            raise AssetError(f"{address}{path} could not be fetched into {target}: {error}") from error
    return target / "FaceXModel"


# ICT-FaceKit: the first vertices are the face with ears and neck, without eyeballs and teeth; its Multi-PIE landmarks
# are those of the kit's README, in iBUG order
ICT_FACE = 9409

# fmt: off
ICT_LANDMARKS = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493,
    1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542,
    1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461,
    5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)


def read_obj(path: Path) -> tuple[Array, list[list[int]]]:
    """Vertices (n, 3) and faces (0-based) of a Wavefront OBJ file in their order; texture positions are skipped."""
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
    if len(array) < ICT_FACE or not faces:
        raise DatasetError(
            f"{path} has {len(array)} vertices and {len(faces)} faces, a head of the kit 26,719 vertices"
        )
    return array, faces
