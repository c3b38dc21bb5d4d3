"""Folders of photos: faces into files, in parallel, each photo whole or not at all, and never twice.

What is done is noted in a file for each photo, under ``.lprnet`` in the output folder: size and time of the photo, with
which network, and which files came of it. So a run that was killed goes on where it was, and a photo that changed is
done again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..common.assets import sha256
from ..common.files import STALE, write_json
from ..common.images import read_image
from ..common.litert import read_weights
from ..common.parallel import run_jobs
from ..reconstruction.draw import draw_landmarks
from ..reconstruction.face import Face
from ..reconstruction.lprnet import DEFAULT_WEIGHTS, LPRNet
from ..viewer.avatar import write_avatar
from ..viewer.figures import face_figure
from .options import add_network_options, add_parallel_options, counted

PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")  # what is looked for in folders
NOTES = ".lprnet"  # folder of the notes, in the output folder
PARTS = ".parts"  # in it: files of photos that are not finished
DEPTH = 200  # levels a millimetre of the 16-bit depth picture, 32768 being 0 and 0 nothing


def _write_depth(face: Face, path: Path) -> None:
    levels = np.clip(np.rint(face.depth_map() / face.pose.camera.scale * DEPTH + 32768), 1, 65535)
    _write_picture(np.nan_to_num(levels).astype(np.uint16), path)


def _write_picture(picture: np.ndarray, path: Path) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == ".jpg" else []
    done, data = cv2.imencode(path.suffix, picture, options)
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} could not be encoded as {path.suffix}")
    path.write_bytes(data.tobytes())  # cv2.imwrite fails silently, and at some names


def _pose(face: Face) -> dict[str, Any]:
    angles = {name: round(getattr(face.pose, name), 3) for name in ("pitch", "yaw", "roll")}
    box = [round(float(v), 2) for v in face.box]
    return angles | {"camera": face.pose.matrix.round(6).tolist(), "box": box, "confidence": round(face.confidence, 4)}


# of each face: ending, what it is, and what writes it
WRITERS: dict[str, tuple[str, str, Callable[[Face, Path], Any]]] = {
    "glb": (".glb", "mesh with texture, for three.js, Blender, phones", Face.save),
    "avatar": (".avatar.glb", "mesh that 51 expressions can move", write_avatar),
    "obj": (".obj", "mesh with texture, and its .mtl and .png", Face.save),
    "ply": (".ply", "mesh with a colour at each vertex", Face.save),
    "npz": (".npz", "mesh, landmarks and pose as numpy arrays", Face.save),
    "depth": (".depth.png", "16-bit picture, 200 levels a mm, 0 beside the face", _write_depth),
    "texture": (".texture.png", "the face's skin, unrolled",
                lambda face, path: _write_picture(face.texture(1024)[..., ::-1], path)),
    "landmarks": (".landmarks.txt", "68 points, x y z a line",
                  lambda face, path: np.savetxt(path, face.landmarks, "%.3f")),
    "pose": (".pose.json", "angles, camera, box, confidence", lambda face, path: write_json(_pose(face), path)),
    "expressions": (".expressions.json", "weights of ARKit's 51 expressions",
                    lambda face, path: write_json(face.coefficients.named(), path)),
    "html": (".html", "the face to turn in a browser", lambda face, path: face_figure(face).write_html(path)),
}  # fmt: skip
OVERLAY = "overlay"  # one of each photo: itself with the landmarks of all its faces
KINDS = (*WRITERS, OVERLAY)
USUAL = ("glb", OVERLAY)  # where nothing else is asked for


@dataclass(frozen=True)
class PhotoJob:
    """One photo: where it is, and where its files go, without their endings."""

    photo: Path
    folder: Path
    name: str  # relative to the folder


@dataclass(frozen=True)
class Settings:
    """What the files of a photo depend on besides the photo."""

    weights: str
    sha256: str
    passes: int
    max_faces: int | None
    small: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one photo."""

    photo: Path
    faces: int = 0
    error: str = ""


@dataclass
class PhotoReport:
    """What became of all: numbers of photos ``done`` and ``skipped`` (done before), of ``faces``, and names."""

    done: int = 0
    skipped: int = 0
    faces: int = 0
    without_face: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def find_photos(inputs: Iterable[str | Path], folder: str | Path) -> list[PhotoJob]:
    """The photos of files and folders, and the names of what comes of them.

    Folders are searched with all that is in them, but for hidden files, and for ``folder`` itself. A photo
    ``holiday/a.jpg`` of the folder ``holiday`` becomes ``a.glb``; where two photos differ in their ending alone, or
    several folders are given, the name says more.

    Raises
    ------
    ValueError
        If an input is not there, there is no photo, two photos would have the same name, or a photo lies where the
        files are to go.
    """
    folder, inputs = Path(folder).absolute(), [Path(given) for given in inputs]
    several = sum(given.is_dir() for given in inputs) > 1
    found: dict[Path, Path] = {}  # the photo, and its place
    for given in inputs:
        if given.is_dir():
            head = Path(given.absolute().name) if several else Path()
            for path in _walk(given.absolute(), folder):
                found.setdefault(path, head / path.relative_to(given.absolute()))
        elif given.exists():
            found.setdefault(given.absolute(), Path(given.name))
        else:
            raise ValueError(f"there is no file or folder {given}")
    if not found:
        where = ", ".join(map(str, inputs)) or "nothing"
        raise ValueError(f"no photo in {where}: endings looked for are {', '.join(PHOTOS)}")
    stems = Counter(_key(str(place.with_suffix(""))) for place in found.values())
    jobs: dict[str, PhotoJob] = {}
    for path, place in sorted(found.items()):
        name = str(place.with_suffix(""))
        if stems[_key(name)] > 1 or ".face" in place.stem:  # .face2 is how a second face is called
            name += "_" + place.suffix[1:]
        job = PhotoJob(path, folder, name)
        other = jobs.setdefault(_key(name), job)
        if other is not job:
            raise ValueError(f"{other.photo} and {path} would both become {name}: give them one at a time")
        if (folder / name).parent.resolve() == path.parent.resolve():
            raise ValueError(f"{path} lies in the folder that its files would go into: give another one")
    return list(jobs.values())


def _key(name: str) -> str:
    """What must differ between two names: not case alone, nor the kind of space (files beside an .obj have none)."""
    return re.sub(r"\s", "_", name).lower()


def _walk(folder: Path, left_out: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and Path(root, f) != left_out)
        yield from (Path(root, f) for f in files if not f.startswith(".") and f.lower().endswith(PHOTOS))


def process_photos(
    inputs: Iterable[str | Path], folder: str | Path, kinds: Iterable[str] = USUAL,
    weights: str | Path = DEFAULT_WEIGHTS, passes: int = 1, max_faces: int | None = None, small: bool = False,
    workers: int = 1, dask: str | None = None, bar: Callable | None = None,
) -> PhotoReport:  # fmt: skip
    """Write files of the faces in many photos.

    Parameters
    ----------
    inputs : files and folders
        See :func:`find_photos`.
    folder : path
        Is made if it is not there. A photo's largest face becomes ``NAME.glb`` and so on, the next ``NAME.face2.glb``.
    kinds : iterable of str
        ``glb``, ``obj``, ``ply``, ``npz`` (see :meth:`lprnet_utils.Face.save`), ``avatar``, ``depth`` (16-bit PNG: 200
        levels a millimetre, 32768 in the middle of the face, 0 beside it), ``texture``, ``landmarks``, ``pose``,
        ``expressions``, ``html`` of each face, ``overlay`` of each photo.
    weights, passes, max_faces, small
        See :class:`lprnet_utils.LPRNet` and its ``reconstruct``.
    workers, dask
        See :func:`lprnet_utils.common.parallel.run_jobs`.
    bar : callable
        Called with the iterator over results and ``total``: a progress bar.

    Returns
    -------
    PhotoReport
        Also written into the folder, as ``report.json``. A photo that cannot be read stops nothing.

    Raises
    ------
    ValueError
        For an unknown kind, one that needs a package that is not there, and as :func:`find_photos`.
    AssetError
        If there are no such weights.
    RuntimeError
        As :func:`lprnet_utils.common.parallel.run_jobs`; what was done by then is kept.
    """
    kinds = tuple(kind for kind in KINDS if kind in set(kinds))
    if not kinds:
        raise ValueError(f"no kind of file is asked for; there are {', '.join(KINDS)}")
    if "html" in kinds and find_spec("plotly") is None:
        raise ValueError("html needs plotly, which is not installed: pip install plotly")
    if max_faces is not None and max_faces < 1:
        raise ValueError(f"max_faces must be at least 1, or None for all faces; got {max_faces}")
    jobs, folder = find_photos(inputs, folder), Path(folder)
    LPRNet(weights, passes=passes)  # refuses before any work
    weights = str(Path(weights).absolute()) if str(weights).endswith(".tflite") else str(weights)
    settings = Settings(weights, sha256(read_weights(weights)[1]), passes, max_faces, small)
    (folder / NOTES / PARTS).mkdir(parents=True, exist_ok=True)
    _clear(folder)
    report, todo = PhotoReport(), []
    for job in jobs:
        note = _done(job, kinds, settings)
        if note is None:
            todo.append((job, kinds, settings))
            continue
        report.skipped, report.faces = report.skipped + 1, report.faces + note["faces"]
        report.without_face += [] if note["faces"] else [str(job.photo)]
    results = run_jobs(process_photo, todo, min(workers, max(len(todo), 1)), dask)
    for outcome in bar(results, total=len(todo)) if bar and todo else results:
        if outcome.error:
            report.failed[str(outcome.photo)] = outcome.error
            continue
        report.done, report.faces = report.done + 1, report.faces + outcome.faces
        report.without_face += [] if outcome.faces else [str(outcome.photo)]
    report.without_face.sort()
    report.failed = dict(sorted(report.failed.items()))
    write_json(asdict(report), folder / "report.json")
    return report


_own = threading.local()  # of each thread: an interpreter is not for several at once, and a Dask worker may have them


def _net(weights: str, passes: int) -> LPRNet:
    if getattr(_own, "key", None) != (weights, passes):
        cv2.setNumThreads(1)
        _own.net, _own.key = LPRNet(weights, passes=passes), (weights, passes)
    return _own.net


def process_photo(job: PhotoJob, kinds: tuple[str, ...], settings: Settings) -> Outcome:
    """Write the files of one photo aside, put them in their places, note it. An error is told, not raised."""
    part = None
    try:
        before = _look(job.photo)
        image = read_image(job.photo)
        faces = _net(settings.weights, settings.passes).reconstruct(image, settings.max_faces, settings.small)
        place = job.folder / job.name
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=job.folder / NOTES / PARTS))
        for number, face in enumerate(faces, 1):
            stem = place.name + (f".face{number}" if number > 1 else "")
            for kind in kinds:
                if kind in WRITERS:
                    ending, _, write = WRITERS[kind]
                    write(face, part / (stem + ending))
        if OVERLAY in kinds and faces:
            _write_picture(draw_landmarks(image, faces)[..., ::-1], part / f"{place.name}.overlay.jpg")
        files = sorted(path.name for path in part.iterdir())
        old = _note(job)
        for name in files:
            os.replace(part / name, place.parent / name)
        note = {"photo": before, "settings": asdict(settings), "faces": len(faces)}
        if old and {name: old.get(name) for name in note} == note:  # more kinds of the same faces
            kinds, files = sorted({*kinds, *old["kinds"]}), sorted({*files, *old["files"]})
        elif old:
            for name in set(old["files"]) - set(files):
                (place.parent / name).unlink(missing_ok=True)
        path = _note_path(job)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(note | {"kinds": list(kinds), "files": files}, path)
        return Outcome(job.photo, len(faces))
    except Exception as error:  # whatever it is, the other photos go on
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "  # our own say it all
        return Outcome(job.photo, error=kind + " ".join(str(error).split()))
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _look(photo: Path) -> list[int]:
    """What tells a changed photo: its size and the time of its last change."""
    about = photo.stat()
    return [about.st_size, about.st_mtime_ns]


def _note_path(job: PhotoJob) -> Path:
    return job.folder / NOTES / f"{job.name}.json"


def _note(job: PhotoJob) -> dict[str, Any] | None:
    try:
        return json.loads(_note_path(job).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _done(job: PhotoJob, kinds: tuple[str, ...], settings: Settings) -> dict[str, Any] | None:
    """The note of a photo whose files are all there, and as they would be made now."""
    note = _note(job)
    if not note or not set(kinds) <= set(note["kinds"]) or note["settings"] != asdict(settings):
        return None
    try:
        there = all(((job.folder / job.name).parent / name).is_file() for name in note["files"])
        return note if there and note["photo"] == _look(job.photo) else None
    except OSError:
        return None


def _clear(folder: Path) -> None:
    """Remove what a killed run left unfinished; a run that goes on beside this one is younger."""
    for part in (folder / NOTES / PARTS).iterdir():
        if time.time() - part.stat().st_mtime > STALE:
            shutil.rmtree(part, ignore_errors=True)


def photo(options: argparse.Namespace) -> int:
    """3D faces of photos, as files: meshes, avatars, landmarks and more."""
    import warnings

    from tqdm import tqdm

    # joblib takes the memory of the z-buffer's compiler for a leak, and starts a new worker: no harm
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    kinds = [kind for kind in KINDS if getattr(options, kind)] or USUAL
    report = process_photos(
        options.photos, options.output, kinds, options.weights, options.passes, options.max_faces, options.small,
        options.workers, options.dask, partial(tqdm, unit="photo"),
    )  # fmt: skip
    before = f", {report.skipped} had been before" if report.skipped else ""
    print(f"{counted(report.done, 'photo')} done{before}; {counted(report.faces, 'face')} in {options.output}")
    if none := report.without_face:
        print(f"no face in {len(none)}: {', '.join(none[:10])}{', ...' * (len(none) > 10)} (all in report.json)")
    for name, reason in report.failed.items():
        print(f"lprnet: {reason if name in reason else f'{name}: {reason}'}", file=sys.stderr)
    print(f"lprnet: {counted(len(report.failed), 'photo')} failed\n" * bool(report.failed), end="", file=sys.stderr)
    return int(bool(report.failed or (options.require_face and report.without_face)))


PHOTO_EXAMPLES = """examples:
  lprnet photo me.jpg -o out                         out/me.glb and out/me.overlay.jpg
  lprnet photo me.jpg -o out --avatar --html         a face to animate, and one to turn in the browser
  lprnet photo holiday -o faces --landmarks --pose   all photos in a folder; run it again to go on after a kill
  lprnet photo holiday -o faces --dask tcp://10.0.0.1:8786

exit status: 0 all photos done; 1 some could not be (they are named at the end, the others are done), or had no face
with --require-face; 2 nothing to do, or not as asked; 130 stopped by Ctrl-C
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet photo``."""
    one = commands.add_parser(
        "photo",
        help="photos to 3D faces",
        description=photo.__doc__,
        epilog=PHOTO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.add_argument("photos", type=Path, nargs="+", metavar="PHOTO", help="image files, or folders of them")
    one.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of what is made")
    files = one.add_argument_group("files of each face (without any: --glb --overlay)")
    for kind in KINDS:
        what = WRITERS[kind][1] if kind in WRITERS else "the photo with its landmarks"
        files.add_argument(f"--{kind}", action="store_true", help=what)
    add_network_options(one)
    one.add_argument("--passes", type=int, default=1, help="2: look again, at an upright crop (%(default)s)")
    one.add_argument("--small", action="store_true", help="faces under a twentieth of the photo's height too; slower")
    one.add_argument("--require-face", action="store_true", help="exit with 1 if a photo has no face")
    add_parallel_options(one)
    one.set_defaults(function=photo)
