"""The notes of ``lprnet photo``: which photo the files in an output folder were made of, and how.

A note for each finished photo lies in ``.lprnet`` in the output folder. It contains the photo's name, folder, size and
time, the options, and the names of the files that were made. So a photo is processed once, and again if it has changed;
its files keep their name; and they are not taken for photos.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.files import write_json

NOTES_FOLDER = ".lprnet"  # in the output folder
KEYS = {"photo", "settings", "faces", "kinds", "files"}  # and "name" and "folder", which earlier versions did not write


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


def fingerprint(photo: Path) -> list[int]:
    """Size and modification time of a photo, which show whether it has changed."""
    status = photo.stat()
    return [status.st_size, status.st_mtime_ns]


def photo_folder(job: PhotoJob) -> str:
    """The photo's folder as a note has it: seen from the output folder, so that both may be moved together."""
    try:
        return Path(os.path.relpath(job.photo.parent, job.folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return job.photo.parent.as_posix()


def read_note(path: Path) -> dict[str, Any] | None:
    """A note, or None if there is none or it is damaged."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) and note.keys() >= KEYS else None


def write_note(job: PhotoJob, note: dict[str, Any], kinds: Iterable[str], files: list[str]) -> None:
    """Write a photo's note. Files of the old note are listed in it if they are still valid, and deleted otherwise.

    A kind may have a colon and how its files are made, such as ``avatar:hair=none``; they replace those made otherwise.
    """
    old = read_note(job.note_path)
    if old and {key: old[key] for key in note} == note:  # further kinds of files of the same faces
        new = {kind.partition(":")[0] for kind in kinds}
        kept = {kind for kind in old["kinds"] if kind.partition(":")[0] not in new}
        kinds, files = sorted({*kinds, *kept}), sorted({*files, *old["files"]})
    elif old:
        for name in set(old["files"]) - set(files):
            (job.files_folder / name).unlink(missing_ok=True)
    job.note_path.parent.mkdir(parents=True, exist_ok=True)
    photo = {"name": job.photo.name, "folder": photo_folder(job)}
    write_json(note | photo | {"kinds": list(kinds), "files": files}, job.note_path)


def note_if_done(job: PhotoJob, kinds: Iterable[str], settings: dict[str, Any]) -> dict[str, Any] | None:
    """The note of a photo if all its files exist and would be made in the same way now, else None."""
    note = read_note(job.note_path)
    if not note or not set(kinds) <= set(note["kinds"]) or note["settings"] != settings:
        return None
    try:
        complete = all((job.files_folder / name).is_file() for name in note["files"])
        is_same = note["photo"] == fingerprint(job.photo) and note.get("name", job.photo.name) == job.photo.name
        return note if complete and is_same else None
    except OSError:
        return None


def is_of(job: PhotoJob) -> bool:
    """Whether the files of a job's name were made of its photo, which may have changed since then."""
    note = read_note(job.note_path)
    if not note or _names_another(note, job):
        return False
    try:
        return note["name"] == job.photo.name if "name" in note else note["photo"] == fingerprint(job.photo)
    except OSError:
        return False


def is_of_another(job: PhotoJob) -> bool:
    """Whether the files of a job's name were made of another photo, which is still there."""
    note = read_note(job.note_path)
    return bool(note) and _names_another(note, job)


def _names_another(note: dict[str, Any], job: PhotoJob) -> bool:
    if (note.get("folder"), note.get("name")) == (photo_folder(job), job.photo.name):
        return False
    other = Path(job.folder, note.get("folder", job.photo.parent), note.get("name", job.photo.name))
    try:
        return not other.samefile(job.photo)  # they may be one file on a file system that ignores case, or by a link
    except OSError:
        return False


def with_earlier_kinds(job: PhotoJob, kinds: Iterable[str], settings: dict[str, Any]) -> list[str]:
    """The kinds that are asked for, and those of a photo's earlier files that have to be made anew.

    So the files of a photo always belong together, and none is lost because another one is asked for.
    """
    note = read_note(job.note_path)
    try:
        if not note or (note["settings"] == settings and note["photo"] == fingerprint(job.photo)):
            return list(kinds)
    except OSError:
        return list(kinds)
    new = {kind.partition(":")[0] for kind in kinds}
    return [*kinds, *(kind for kind in note["kinds"] if kind.partition(":")[0] not in new)]


def made_files(folder: Path) -> Iterator[Path]:
    """The files in a folder that ``lprnet photo`` has made there, by its notes; none if it is no output folder."""
    notes = folder / NOTES_FOLDER
    for place, _, names in os.walk(notes):
        for name in names:
            if name.endswith(".json") and (note := read_note(Path(place, name))):
                yield from (folder / Path(place).relative_to(notes) / file for file in note["files"])
