"""Jobs of ``lprnet photo``, one for each photo: which photos, under which names, and whether they are done already.

A note for each finished photo lies in ``.lprnet`` in the output folder. It contains the size and time of the photo, the
options, and the names of the files that were made. So a run that was killed can go on, and a photo that has changed is
processed again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2

from ..common.files import UNFINISHED_MAX_AGE_SECONDS, write_json
from ..common.images import read_image
from ..reconstruction.lprnet import DEFAULT_WEIGHTS, LPRNet
from .photo_files import DEFAULT_FILE_KINDS, write_photo_files

PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")  # searched for in folders
NOTES_FOLDER = ".lprnet"  # in the output folder
UNFINISHED_FOLDER = ".parts"  # in the folder of notes: files of photos that are being processed


@dataclass(frozen=True)
class PhotoOptions:
    """What is made of each photo, and how.

    Parameters
    ----------
    weights, passes
        See :class:`lprnet_utils.LPRNet`.
    max_faces, small
        See :meth:`lprnet_utils.LPRNet.reconstruct`.
    kinds : tuple of str
        ``glb``, ``obj``, ``ply``, ``npz`` (see :meth:`lprnet_utils.Face.save`), ``avatar``, ``depth`` (16-bit PNG: 200
        levels a millimetre, 32768 in the middle of the face, 0 beside it), ``texture``, ``landmarks``, ``pose``,
        ``expressions``, ``html`` of each face, ``overlay`` of each photo.
    """

    weights: str | Path = DEFAULT_WEIGHTS
    passes: int = 1
    max_faces: int | None = None
    small: bool = False
    kinds: tuple[str, ...] = DEFAULT_FILE_KINDS

    def noted(self, weights_sha256: str) -> dict[str, Any]:
        """The settings in the notes: all options but the kinds, which add up over several runs."""
        settings = asdict(self) | {"sha256": weights_sha256}
        del settings["kinds"]
        return settings


@dataclass(frozen=True)
class PhotoJob:
    """One photo, and the folder and name of its files. The name has no ending and is relative to the folder."""

    photo: Path
    folder: Path
    name: str

    @property
    def files_folder(self) -> Path:
        """The folder of the photo's files, which may be inside ``folder``."""
        return (self.folder / self.name).parent

    @property
    def note_path(self) -> Path:
        """The file of the photo's note."""
        return self.folder / NOTES_FOLDER / f"{self.name}.json"


@dataclass(frozen=True)
class PhotoResult:
    """What happened to one photo."""

    photo: Path
    faces: int = 0
    error: str = ""


# ---- find photos


def find_photos(inputs: Iterable[str | Path], folder: str | Path) -> list[PhotoJob]:
    """The photos in files and folders, and the names of their output files.

    Folders are searched recursively, except hidden files and the output ``folder``. A photo ``holiday/a.jpg`` in the
    folder ``holiday`` becomes ``a.glb``. If two photos differ only in their ending, or several folders are given, the
    name contains the ending or the folder.

    Raises
    ------
    ValueError
        If an input does not exist, there is no photo, two photos would have the same name, or a photo lies in the
        folder of its output files.

    Examples
    --------
    >>> from lprnet_utils.common import data_path
    >>> [job.name for job in find_photos([data_path("samples")], "out")]
    ['astronaut', 'grace_hopper']
    """
    folder, inputs = Path(folder).absolute(), [Path(given) for given in inputs]
    several = sum(given.is_dir() for given in inputs) > 1
    found: dict[Path, Path] = {}  # photo -> its path relative to the input
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
        raise ValueError(f"no photo in {where}: endings looked for are {', '.join(PHOTO_ENDINGS)}")
    return _name_jobs(found, folder)


def _walk(folder: Path, left_out: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and Path(root, f) != left_out)
        yield from (Path(root, f) for f in files if not f.startswith(".") and f.lower().endswith(PHOTO_ENDINGS))


def _name_jobs(found: dict[Path, Path], folder: Path) -> list[PhotoJob]:
    """Jobs with different names for photos, given with their paths relative to the input."""
    stems = Counter(_comparable(str(relative.with_suffix(""))) for relative in found.values())
    jobs: dict[str, PhotoJob] = {}
    for path, relative in sorted(found.items()):
        name = str(relative.with_suffix(""))
        if stems[_comparable(name)] > 1 or ".face" in relative.stem:  # NAME.face2 is the name of a second face
            name += "_" + relative.suffix[1:]
        job = PhotoJob(path, folder, name)
        other = jobs.setdefault(_comparable(name), job)
        if other is not job:
            raise ValueError(f"{other.photo} and {path} would both become {name}: give them one at a time")
        if job.files_folder.resolve() == path.parent.resolve():
            raise ValueError(f"{path} lies in the folder that its files would go into: give another one")
    return list(jobs.values())


def _comparable(name: str) -> str:
    """A form of a name that ignores case, and spaces, which the names of files beside an .obj cannot contain."""
    return re.sub(r"\s", "_", name).lower()


# ---- process a photo

_local = threading.local()  # an interpreter is not thread-safe, and a Dask worker may have several threads


def _thread_net(options: PhotoOptions) -> LPRNet:
    """The network of this thread, which is kept for the next photo."""
    key = options.weights, options.passes
    if getattr(_local, "key", None) != key:
        cv2.setNumThreads(1)
        _local.net, _local.key = LPRNet(options.weights, passes=options.passes), key
    return _local.net


def process_photo(job: PhotoJob, options: PhotoOptions, weights_sha256: str) -> PhotoResult:
    """Write the files of one photo into a temporary folder, move them to their places, and write the note.

    An error is returned, not raised, so that the other photos are processed.
    """
    temporary = None
    try:
        fingerprint = _fingerprint(job.photo)
        image = read_image(job.photo)
        faces = _thread_net(options).reconstruct(image, options.max_faces, options.small)
        job.files_folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=job.folder / NOTES_FOLDER / UNFINISHED_FOLDER))
        files = write_photo_files(image, faces, options.kinds, temporary, Path(job.name).name)
        for name in files:
            os.replace(temporary / name, job.files_folder / name)
        note = {"photo": fingerprint, "settings": options.noted(weights_sha256), "faces": len(faces)}
        _write_note(job, note, options.kinds, files)
        return PhotoResult(job.photo, len(faces))
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "  # this package raises ValueErrors
        return PhotoResult(job.photo, error=kind + " ".join(str(error).split()))
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


# ---- notes


def _fingerprint(photo: Path) -> list[int]:
    """Size and modification time of a photo, which show whether it has changed."""
    status = photo.stat()
    return [status.st_size, status.st_mtime_ns]


def _write_note(job: PhotoJob, note: dict[str, Any], kinds: Iterable[str], files: list[str]) -> None:
    """Write a photo's note. Files of the old note are listed in it if they are still valid, and deleted otherwise."""
    old = _read_note(job)
    if old and {name: old.get(name) for name in note} == note:  # further kinds of files of the same faces
        kinds, files = sorted({*kinds, *old["kinds"]}), sorted({*files, *old["files"]})
    elif old:
        for name in set(old["files"]) - set(files):
            (job.files_folder / name).unlink(missing_ok=True)
    job.note_path.parent.mkdir(parents=True, exist_ok=True)
    write_json(note | {"kinds": list(kinds), "files": files}, job.note_path)


def _read_note(job: PhotoJob) -> dict[str, Any] | None:
    try:
        return json.loads(job.note_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def note_if_done(job: PhotoJob, options: PhotoOptions, weights_sha256: str) -> dict[str, Any] | None:
    """The note of a photo if all its files exist and would be made in the same way now, else None."""
    note = _read_note(job)
    if not note or not set(options.kinds) <= set(note["kinds"]) or note["settings"] != options.noted(weights_sha256):
        return None
    try:
        complete = all((job.files_folder / name).is_file() for name in note["files"])
        return note if complete and note["photo"] == _fingerprint(job.photo) else None
    except OSError:
        return None


def prepare_notes(folder: Path) -> None:
    """Make the folder of notes, and delete old temporary folders, which a killed run has left."""
    unfinished = folder / NOTES_FOLDER / UNFINISHED_FOLDER
    unfinished.mkdir(parents=True, exist_ok=True)
    for part in unfinished.iterdir():
        if time.time() - part.stat().st_mtime > UNFINISHED_MAX_AGE_SECONDS:
            shutil.rmtree(part, ignore_errors=True)
