"""lprnet photo: photos to 3D faces in files, in parallel. A run that was stopped can go on."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from ..common.assets import sha256
from ..common.files import (
    UNFINISHED_MAX_AGE_SECONDS,
    UNFINISHED_PREFIX,
    check_folder,
    only_user_of,
    remove_unfinished,
    temporary_folder,
    write_json,
)
from ..common.images import read_image
from ..common.litert import is_weights_path, read_weights
from ..common.names import comparable
from ..common.parallel import check_cluster, run_jobs
from ..reconstruction.lprnet import DEFAULT_WEIGHTS, LPRNet
from .options import MOST_SHOWN, add_command, add_shared, counted, new_folder, shown
from .photo_avatars import AvatarLook, add_look, check_same_person, look_of, write_person
from .photo_files import DEFAULT_FILE_KINDS, FACE_FILES, FILE_KINDS, write_photo_files
from .photo_inputs import AN_OUTPUT, find_photos
from .photo_notes import NOTES_FOLDER, PhotoJob, fingerprint, note_if_done, with_earlier_kinds, write_note

UNFINISHED_FOLDER = ".parts"  # in the folder of notes: files of photos that are being processed
RUNS_FOLDER = ".runs"  # in the folder of notes: the names that each running process writes
EXAMPLES = """examples:
  lprnet photo me.jpg -o out                         out/me.glb and out/me.overlay.jpg
  lprnet photo me.jpg -o out --avatar --html         a face to animate, and one to turn in the browser
  lprnet photo me*.jpg -o out --same-person          one head from all photos of a person: a better likeness
  lprnet photo holiday -o faces --landmarks --pose   all photos in a folder; run it again to go on after a kill
  lprnet photo holiday -o faces --dask tcp://10.0.0.1:8786

A folder's JPEG, PNG, WebP, TIFF, BMP, GIF, MPO, AVIF and JPEG 2000 files are done, and HEIC with pillow-heif.
Pictures that an earlier run has made are not: their names are in .lprnet in its output folder. me.jpg and me.png in
one folder become me_jpg.glb and me_png.glb. A photo whose files are in DIR already keeps their name: if me.png joins
later, it becomes me_png.glb, and me.glb stays that of me.jpg.

exit status: 0 all photos done; 1 some could not be (they are named at the end, the others are done), or had no face
with --require-face; 2 nothing to do, or an error stopped it; 130 stopped by Ctrl-C,
143 by SIGTERM
"""


@dataclass(frozen=True)
class PhotoOptions:
    """What is made of each photo, and how; see :meth:`lprnet_utils.LPRNet.reconstruct`."""

    weights: str | Path = DEFAULT_WEIGHTS
    passes: int = 1
    max_faces: int | None = None
    small: bool = False
    closer_look: bool | None = None
    kinds: tuple[str, ...] = DEFAULT_FILE_KINDS  # of FILE_KINDS; for meshes see lprnet_utils.Face.save
    look: AvatarLook = AvatarLook()

    @property
    def noted_kinds(self) -> list[str]:
        """The kinds as notes have them: that of avatars says how they look."""
        return [self.look.kind if kind == "avatar" else kind for kind in self.kinds]

    def with_kinds(self, noted: Iterable[str]) -> PhotoOptions:
        """The same options for these kinds, as notes have them."""
        found = {kind.partition(":")[0]: kind for kind in noted}
        look = AvatarLook.of_kind(found["avatar"]) if "avatar" in found else self.look
        return replace(self, kinds=tuple(kind for kind in FILE_KINDS if kind in found), look=look)


@dataclass
class PhotoReport:
    """What happened to all photos."""

    done: int = 0  # photos that were processed now
    skipped: int = 0  # photos that were processed before
    faces: int = 0
    without_face: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # errors by photo
    ignored: dict[str, str] = field(default_factory=dict)  # reasons by photo; these were not opened
    renamed: dict[str, str] = field(default_factory=dict)  # names of files by photo, where they are not the photo's

    def count_faces(self, photo: Path, faces: int) -> None:
        """Count the faces of one photo."""
        self.faces += faces
        if not faces:
            self.without_face.append(str(photo))


_local = threading.local()  # threads that share a network wait for one another, and a Dask worker may have several


def _thread_net(options: PhotoOptions, digest: str | None) -> LPRNet:
    """The network of this thread, which is kept for the next photo, unless the weights file has changed."""
    key = options.weights, digest, options.passes, options.closer_look
    if getattr(_local, "key", None) != key:
        cv2.setNumThreads(1)
        _local.net, _local.key = _net(options), key
    return _local.net


def _net(options: PhotoOptions) -> LPRNet:
    return LPRNet(options.weights, passes=options.passes, closer_look=options.closer_look)


def process_photo(job: PhotoJob, options: PhotoOptions, settings: dict[str, Any]) -> tuple[Path, int, str]:
    """Write the files of one photo into a temporary folder, move them to their places, and write the note.

    Returns the photo, its number of faces, and an error, which is not raised so that the other photos are processed.
    """
    unfinished = job.folder / NOTES_FOLDER / UNFINISHED_FOLDER
    try:
        size_and_time = fingerprint(job.photo)
        image = read_image(job.photo)
        faces = _thread_net(options, settings.get("sha256")).reconstruct(image, options.max_faces, options.small)
        job.files_folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(unfinished) as temporary:
            files = write_photo_files(image, faces, options.kinds, temporary, Path(job.name).name, options.look)
            for name in files:
                os.replace(temporary / name, job.files_folder / name)
        note = {"photo": size_and_time, "settings": settings, "faces": len(faces)}
        write_note(job, note, options.noted_kinds, files)
        return job.photo, len(faces), ""
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "  # this package raises ValueErrors
        return job.photo, 0, kind + " ".join(str(error).split())


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed runs have left anywhere in an output folder: the folder of notes has the same subfolders."""
    notes = folder / NOTES_FOLDER
    for place, _, _ in os.walk(notes):
        remove_unfinished(Path(place))
        remove_unfinished(folder / Path(place).relative_to(notes))
    for part in (notes / UNFINISHED_FOLDER).iterdir():  # earlier versions did not lock their temporary folders
        with suppress(FileNotFoundError):  # another run has just removed it
            age = time.time() - part.stat().st_mtime
            if not part.name.startswith(UNFINISHED_PREFIX) and age > UNFINISHED_MAX_AGE_SECONDS:
                shutil.rmtree(part, ignore_errors=True)


def process_photos(
    inputs: Iterable[str | Path], folder: str | Path, options: PhotoOptions | None = None,
    workers: int = 1, dask: str | None = None, bar: Callable | None = None,
) -> PhotoReport:  # fmt: skip
    """Write files of the faces in many photos.

    The files of a photo's largest face are called ``NAME.glb`` and so on, those of the next one ``NAME.face2.glb``.
    Photos that cannot be read are listed in the report, which is also written into the folder, as ``report.json``:
    ``failed`` are damaged, ``ignored`` were not opened, because no file of their format can be read here, because they
    are no regular files, or because an earlier run has made them.
    ``bar`` is a progress bar, called with the iterator over results and ``total``.

    Wrong inputs and options raise a ValueError, and a process that is writing files of the same names an InUseError.
    After an error of :func:`lprnet_utils.common.parallel.run_jobs` the finished photos are kept.
    """
    options = _checked(options or PhotoOptions())
    check_folder(folder)
    report, todo, folder = PhotoReport(), [], Path(folder)
    jobs = find_photos(inputs, folder, report.ignored)
    _net(options)  # raises an error before any work is done
    settings = asdict(options) | {"sha256": sha256(read_weights(options.weights)[1])}
    del settings["kinds"], settings["look"]  # kinds add up over several runs, and say how avatars look
    check_cluster(dask)
    report.renamed = {str(job.photo): job.name for job in jobs if Path(job.name).name != job.photo.stem}
    for name in (UNFINISHED_FOLDER, RUNS_FOLDER):
        (folder / NOTES_FOLDER / name).mkdir(parents=True, exist_ok=True)
    _remove_unfinished(folder)
    for job in jobs:
        note = note_if_done(job, options.noted_kinds, settings)
        if note is None:
            kinds = with_earlier_kinds(job, options.noted_kinds, settings)
            todo.append((job, options.with_kinds(kinds), settings))
        else:
            report.skipped += 1
            report.count_faces(job.photo, note["faces"])
    names = (comparable(job.name) for job, *_ in todo)
    results = run_jobs(process_photo, todo, min(workers, max(len(todo), 1)), dask)
    try:
        with only_user_of(names, folder / NOTES_FOLDER / RUNS_FOLDER), closing(results):
            for path, faces, error in bar(results, total=len(todo)) if bar and todo else results:
                if error:
                    report.failed[str(path)] = error
                else:
                    report.done += 1
                    report.count_faces(path, faces)
    finally:
        _remove_unfinished(folder)  # of workers that were stopped, or that a killed run had left a moment longer
    report.without_face.sort()
    for named in ("failed", "ignored", "renamed"):
        setattr(report, named, dict(sorted(getattr(report, named).items())))
    write_json(asdict(report), folder / "report.json")
    return report


def _checked(options: PhotoOptions) -> PhotoOptions:
    """The options with the known kinds in a fixed order and, for a weights file, its absolute path."""
    kinds = tuple(kind for kind in FILE_KINDS if kind in set(options.kinds))
    if not kinds:
        raise ValueError(f"no kind of file is asked for; there are {', '.join(FILE_KINDS)}")
    if options.max_faces is not None and options.max_faces < 1:
        raise ValueError(f"max_faces must be at least 1, or None for all faces; got {options.max_faces}")
    is_path = is_weights_path(options.weights)
    weights = str(Path(options.weights).absolute() if is_path else options.weights)
    return replace(options, kinds=kinds, weights=weights)


def photo(arguments: argparse.Namespace) -> int:
    """3D faces of photos, as files: meshes, avatars, landmarks and more."""
    # joblib takes the memory of the z-buffer's compiler for a leak and starts a new worker, which is harmless
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    kinds, look = tuple(kind for kind in FILE_KINDS if getattr(arguments, kind)), look_of(arguments)
    names = "weights", "passes", "max_faces", "small", "closer_look"
    options = {name: getattr(arguments, name) for name in names} | {"kinds": kinds or DEFAULT_FILE_KINDS, "look": look}
    options, bar, status = PhotoOptions(**options), partial(tqdm, unit="photo"), 0
    if arguments.same_person:
        for option in ("max_faces", "dask"):
            if getattr(arguments, option) is not None and not kinds:
                raise ValueError(f"--{option.replace('_', '-')} changes nothing with --same-person alone: leave it out")
        status = _photos_of_one_person(arguments, options)
        if not kinds:
            return status
    report = process_photos(arguments.photos, arguments.output, options, arguments.workers, arguments.dask, bar)
    _print_report(report, arguments.output)
    unreadable = set(report.ignored.values()) - {AN_OUTPUT}
    return status or int(bool(report.failed or unreadable or (arguments.require_face and report.without_face)))


def _photos_of_one_person(arguments: argparse.Namespace, options: PhotoOptions) -> int:
    """Write and report the avatar of ``--same-person``, and return the exit status."""
    check_folder(arguments.output)
    ignored: dict[str, str] = {}
    jobs = find_photos(arguments.photos, arguments.output, ignored)
    check_same_person(jobs)
    report = write_person(jobs, _net(_checked(options)), options.look, options.small)
    report.failed |= {name: reason for name, reason in ignored.items() if reason != AN_OUTPUT}
    for name, reason in report.failed.items():
        print(f"lprnet: {reason if name in reason else f'{name}: {reason}'}", file=sys.stderr)
    if report.without_face:
        print(f"no face in {len(report.without_face)}: {', '.join(report.without_face[:MOST_SHOWN])}")
    if report.path is None:
        raise ValueError("no photo shows a face, so there is no avatar")
    print(f"one avatar of {counted(report.used, 'photo')}, with the colours of {report.shown}: {report.path}")
    return int(bool(report.failed or (arguments.require_face and report.without_face)))


def _print_report(report: PhotoReport, folder: Path) -> None:
    """Say what happened to all photos."""
    before = f", {report.skipped} had been before" if report.skipped else ""
    print(f"{counted(report.done, 'photo')} done{before}; {counted(report.faces, 'face')} in {folder}")
    if none := report.without_face:
        print(f"no face in {len(none)}: {', '.join(none[:10])}{', ...' * (len(none) > 10)} (all in report.json)")
    if renamed := [f"{name} -> {new}" for name, new in report.renamed.items()]:
        first = ", ".join(renamed[:10]) + ", ..." * (len(renamed) > 10)
        print(f"files with another name than the photo in {len(renamed)}: {first} (all in report.json)")
    for name, reason in report.failed.items():
        print(f"lprnet: {reason if name in reason else f'{name}: {reason}'}", file=sys.stderr)
    if report.failed:
        print(f"lprnet: {counted(len(report.failed), 'photo')} failed", file=sys.stderr)
    for reason in dict.fromkeys(report.ignored.values()):
        names = [name for name, why in report.ignored.items() if why == reason]
        print(f"lprnet: {len(names)} not opened ({reason}): {shown(names)}", file=sys.stderr)


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet photo``."""
    parser = add_command(commands, "photo", photo, "photos to 3D faces", EXAMPLES)
    add = parser.add_argument
    add("photos", type=Path, nargs="+", metavar="PHOTO", help="image files, or folders of them")
    add("-o", "--output", type=new_folder, required=True, metavar="DIR", help="folder for the files")
    files = parser.add_argument_group("files of each face (without any: --glb --overlay)")
    for kind in FILE_KINDS:
        description = FACE_FILES[kind].description if kind in FACE_FILES else "the photo with its landmarks"
        files.add_argument(f"--{kind}", action="store_true", help=description)
    add_look(parser)
    add_shared(parser, "--weights", "--passes", "--closer-look")
    add("--small", action="store_true", help="faces under a twentieth of the photo's height too; slower")
    add_shared(parser, "--max-faces")
    add("--require-face", action="store_true", help="exit with 1 if a photo has no face")
    add_shared(parser, "--workers", "--dask")
