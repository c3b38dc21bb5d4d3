"""Which photos ``lprnet photo`` reads, and the names of their output files: no two photos share a file."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..common.files import UNFINISHED_PREFIX
from ..common.images import FILE_ENDINGS, readable_endings, unreadable_endings
from ..common.names import comparable, with_hash
from .photo_files import SECOND_ENDINGS

NOTES_FOLDER = ".lprnet"  # in the output folder
NAME_BYTES = 215  # of a photo's files without their endings, the longest of which is .face1000.expressions.json


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


def find_photos(
    inputs: Iterable[str | Path], folder: str | Path, ignored: dict[str, str] | None = None
) -> list[PhotoJob]:
    """The photos in files and folders, and the names of their output files.

    Folders are searched recursively, except hidden files, links to folders and the output ``folder``. A photo
    ``holiday/a.jpg`` in the folder ``holiday`` becomes ``a.glb``. If two photos differ only in their ending, or several
    folders are given, the name contains the ending or the folder. So it does if it could be that of another photo's
    file: ``v.avatar.jpg`` becomes ``v.avatar_jpg.glb``. A name that is too long ends in a hash instead.

    ``ignored`` gets photos that cannot be read, and what is not a regular file (pipes, devices, broken links), each
    with the reason. They are not opened.

    ValueError if an input does not exist, there is no photo, two photos would have the same name, or a photo lies in
    the folder of its output files.
    """
    ignored = {} if ignored is None else ignored
    folder, inputs = Path(folder).absolute(), [Path(given) for given in inputs]
    sources = [given for given in inputs if not _is_earlier_output(given, folder)] or inputs
    several = sum(given.is_dir() for given in sources) > 1
    found: dict[Path, tuple[Path, Path]] = {}  # without links and .. -> the photo and its path relative to the input
    for given in sources:
        if given.is_dir():
            head = Path(os.path.basename(os.path.abspath(given))) if several else Path()
            root, real = given.absolute(), given.resolve()
            for path in _walk(root, folder, ignored):
                relative = path.relative_to(root)
                found.setdefault(real / relative, (path, head / relative))
        elif not os.path.lexists(given):
            raise ValueError(f"there is no file or folder {given}")
        elif problem := _problem(given):
            ignored[str(given.absolute())] = problem
        else:
            found.setdefault(given.parent.resolve() / given.name, (given.absolute(), Path(given.name)))
    if not found:
        raise ValueError(_nothing_found(inputs, ignored))
    return _name_jobs(dict(found.values()), folder)


def _is_earlier_output(given: Path, folder: Path) -> bool:
    """Whether an input is the output folder of an earlier run, or empty: ``lprnet photo holiday/* -o holiday/out``."""
    if not (given.is_dir() and _is_same(given, folder)):
        return False
    names = os.listdir(given)
    return not names or NOTES_FOLDER in names


def _walk(root: Path, output: Path, ignored: dict[str, str]) -> Iterator[Path]:
    def closed(error: OSError) -> None:
        ignored[str(error.filename)] = f"the folder cannot be read ({error.strerror})"

    readable, unreadable = readable_endings(), unreadable_endings()
    for place, folders, files in os.walk(root, onerror=closed):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not _is_same(Path(place, f), output))
        for name in files:
            path, ending = Path(place, name), os.path.splitext(name)[1].lower()
            if name.startswith(".") or ending not in (*readable, *unreadable):
                continue
            if problem := _unreadable(ending) if ending in unreadable else _problem(path):
                ignored[str(path)] = problem
            else:
                yield path


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file or folder, however they are written."""
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them does not exist
        return False


def _problem(path: Path) -> str | None:
    """Why a path is not opened as a photo. Reading from a pipe or a device might never end."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return f"it is a link that leads to no file ({error.strerror})" if path.is_symlink() else f"{error.strerror}"
    return None if stat.S_ISREG(mode) else "it is no regular file, but a pipe, a socket or a device"


def _unreadable(ending: str) -> str:
    """What to do about a photo of a format that cannot be read here."""
    if ending in FILE_ENDINGS["HEIF"]:
        return "HEIC can be read with one more package: pip install pillow-heif"
    return f"{ending} files cannot be read here: convert them to JPEG"


def _nothing_found(inputs: list[Path], ignored: dict[str, str]) -> str:
    where = ", ".join(map(str, inputs)) or "nothing"
    if not ignored:
        return f"no photo in {where}: endings looked for are {', '.join(readable_endings())}"
    (name, reason), more = next(iter(sorted(ignored.items()))), len(ignored) - 1
    return f"no photo in {where} that can be read: {name}: {reason}" + f", and {more} more" * (more > 0)


def _name_jobs(found: dict[Path, Path], folder: Path) -> list[PhotoJob]:
    """Jobs with different names for photos, given with their paths relative to the input."""
    stems = Counter(comparable(str(relative.parent / relative.stem)) for relative in found.values())
    names = {}
    for path, relative in found.items():
        base, last = relative.stem, relative.stem.rpartition(".")[2].lower()
        # NAME.face2 is the name of a second face, NAME.avatar begins the name of NAME's avatar
        is_taken = ".face" in base.lower() or ("." in base and last in SECOND_ENDINGS)
        if is_taken or stems[comparable(str(relative.parent / base))] > 1:
            base += "_" + relative.suffix[1:]
        names[path] = base
    counts = Counter(comparable(str(found[path].parent / base)) for path, base in names.items())
    jobs: dict[str, PhotoJob] = {}
    for path, relative in sorted(found.items()):
        base = names[path]
        if not base.strip(".") or base.startswith(UNFINISHED_PREFIX):
            base = with_hash("photo", str(relative), NAME_BYTES)
        elif counts[comparable(str(relative.parent / base))] > 1 or len(os.fsencode(base)) > NAME_BYTES:
            base = with_hash(base, str(relative), NAME_BYTES)
        job = PhotoJob(path, folder, str(relative.parent / base))
        other = jobs.setdefault(comparable(job.name), job)
        if other is not job:
            both = f"{other.photo} and {path} would both become {job.name}"
            raise ValueError(f"{both}: give each a run and an output folder of its own")
        if job.files_folder.resolve() == path.parent.resolve():
            raise ValueError(f"{path} lies in the folder that its files would go into: give another one")
    return list(jobs.values())
