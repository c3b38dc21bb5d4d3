"""The files that ``lprnet photo`` writes for a face: meshes, pictures, numbers."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..common.arrays import Image
from ..common.files import write_json
from ..reconstruction.draw import draw_landmarks
from ..reconstruction.face import Face
from ..viewer.face_page import face_page
from .photo_avatars import PERSON_ENDING, AvatarLook

DEPTH_LEVELS_PER_MM = 200  # of the 16-bit depth picture
DEPTH_ZERO_LEVEL = 32768  # in the middle of the face
DEPTH_PREVIEW = "depth-preview"  # the word in the name of the depth's picture for the eye, ``.depth-preview.png``
DARKEST_PREVIEW = 24  # of 255: the far rim of the face differs from the black around it


def _write_picture(picture: np.ndarray, path: Path) -> None:
    """Encode a picture (BGR or grey) and write it. Unlike ``cv2.imwrite`` it raises an error if this fails."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == ".jpg" else []
    done, data = cv2.imencode(path.suffix, picture, options)
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} could not be encoded as {path.suffix}")
    path.write_bytes(data.tobytes())


def _write_depth(face: Face, path: Path) -> None:
    """Write the depth as 16-bit numbers, and beside it as a picture to look at: what is near is bright."""
    depth = face.depth_map()
    levels = np.rint(depth / face.pose.camera.scale * DEPTH_LEVELS_PER_MM + DEPTH_ZERO_LEVEL)
    _write_picture(np.nan_to_num(np.clip(levels, 1, 65535)).astype(np.uint16), path)
    shown = np.isfinite(depth)
    low, high = np.nanquantile(depth, [0.005, 1]) if shown.any() else (0.0, 1.0)  # the far rim may have stray pixels
    grey = np.rint(255 * np.clip((depth - low) / max(high - low, 1e-6), 0, 1))
    colors = cv2.applyColorMap(np.nan_to_num(grey).astype(np.uint8), cv2.COLORMAP_INFERNO)
    colors = np.where(shown[..., None], np.maximum(colors, DARKEST_PREVIEW), 0).astype(np.uint8)
    _write_picture(colors, path.with_name(path.name.removesuffix(".depth.png") + f".{DEPTH_PREVIEW}.png"))


def _write_texture(face: Face, path: Path) -> None:
    _write_picture(face.texture(1024)[..., ::-1], path)


def _write_landmarks(face: Face, path: Path) -> None:
    np.savetxt(path, face.landmarks, "%.3f")


def _write_pose(face: Face, path: Path) -> None:
    angles = {name: round(getattr(face.pose, name), 3) for name in ("pitch", "yaw", "roll")}
    box = [round(float(v), 2) for v in face.box]
    camera, confidence = face.pose.matrix.round(6).tolist(), round(face.confidence, 4)
    write_json(angles | {"camera": camera, "box": box, "confidence": confidence}, path)


def _write_expressions(face: Face, path: Path) -> None:
    write_json(face.coefficients.named(), path)


def _write_html(face: Face, path: Path) -> None:
    path.write_text(face_page(face, f"{path.stem} in 3D"), encoding="utf-8", errors="replace")


class FaceFile(NamedTuple):
    """A kind of file of each face."""

    ending: str
    description: str
    write: Callable[[Face, Path], Any]


FACE_FILES = {
    "glb": FaceFile(".glb", "mesh with texture, for three.js, Blender, phones", Face.save),
    "avatar": FaceFile(".avatar.glb", "head with eyes, teeth and hair that expressions can move", AvatarLook().write),
    "obj": FaceFile(".obj", "mesh with texture, and its .mtl and .png", Face.save),
    "ply": FaceFile(".ply", "mesh with a colour at each vertex", Face.save),
    "npz": FaceFile(".npz", "mesh, landmarks and pose as numpy arrays", Face.save),
    "depth": FaceFile(".depth.png", "16-bit picture, 200 levels a mm, 0 beside the face, and a preview", _write_depth),
    "texture": FaceFile(".texture.png", "the face's skin, unrolled", _write_texture),
    "landmarks": FaceFile(".landmarks.txt", "68 points, x y z a line", _write_landmarks),
    "pose": FaceFile(".pose.json", "angles, camera, box, confidence", _write_pose),
    "expressions": FaceFile(".expressions.json", "51 of ARKit's 52 weights (not tongueOut)", _write_expressions),
    "html": FaceFile(".html", "the face to turn in a browser", _write_html),
}
OVERLAY = "overlay"  # a file of each photo: the photo with the landmarks of all its faces
FILE_KINDS = (*FACE_FILES, OVERLAY)
DEFAULT_FILE_KINDS = ("glb", OVERLAY)
# words between a photo's name and the last ending of its files, such as ``avatar`` and ``overlay``
SECOND_ENDINGS = {OVERLAY, DEPTH_PREVIEW}.union(
    *(ending.split(".")[1:-1] for ending in (PERSON_ENDING, *(file.ending for file in FACE_FILES.values())))
)


def write_photo_files(
    image: Image, faces: list[Face], kinds: Iterable[str], folder: Path, name: str, look: AvatarLook
) -> list[str]:
    """Write files of these kinds into a folder. ``name`` is that of the photo. Returns the sorted names of the files.

    The first face's files are called ``NAME.glb`` and so on, the next face's ``NAME.face2.glb``.
    """
    for number, face in enumerate(faces, 1):
        stem = name + (f".face{number}" if number > 1 else "")
        for kind in kinds:
            if kind != OVERLAY:
                write = look.write if kind == "avatar" else FACE_FILES[kind].write
                write(face, folder / (stem + FACE_FILES[kind].ending))
    if OVERLAY in kinds and faces:
        _write_picture(draw_landmarks(image, faces)[..., ::-1], folder / f"{name}.{OVERLAY}.jpg")
    return sorted(path.name for path in folder.iterdir())
