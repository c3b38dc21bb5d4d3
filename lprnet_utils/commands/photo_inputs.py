"""Which photos ``lprnet photo`` reads, and the names of their output files: no two photos share a file."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from ..common.files import UNFINISHED_PREFIX
from ..common.images import FILE_ENDINGS, readable_endings, unreadable_endings
from ..common.names import comparable, with_hash
from .photo_files import SECOND_ENDINGS
from .photo_notes import NOTES_FOLDER, PhotoJob, is_of, is_of_another, made_files

NAME_BYTES = 215  # of a photo's files without their endings, the longest of which is .face1000.expressions.json
AN_OUTPUT = "made by an earlier run of lprnet photo"  # the reason why a picture is passed over


def find_photos(
    inputs: Iterable[str | Path], folder: str | Path, ignored: dict[str, str] | None = None
) -> list[PhotoJob]:
    """The photos in files and folders, and the names of their output files.

    Folders are searched recursively, except hidden files, links to folders, the output ``folder``, and the files of
    other output folders. A photo ``holiday/a.jpg`` in the folder ``holiday`` becomes ``a.glb``. If two photos differ
    only in their ending, or several folders are given, the name contains the ending or the folder. So it does if it
    could be that of another photo's file: ``v.avatar.jpg`` becomes ``v.avatar_jpg.glb``. A name that is too long ends
    in a hash instead. A photo that already has files in ``folder`` keeps their name: if ``a.png`` joins later, it
    becomes ``a_png.glb``, and ``a.glb`` remains that of ``a.jpg``; so it does if another ``a.jpg`` joins later.

    ``ignored`` gets what is not opened, each with the reason: photos that cannot be read, what is not a regular file
    (pipes, devices, broken links), and pictures that an earlier run has made (``AN_OUTPUT``).

    ValueError if an input does not exist, there is no photo, two photos would have the same name, or a photo lies in
    the folder of its output files.
    """
    ignored = {} if ignored is None else ignored
    folder, inputs = Path(folder).absolute(), [Path(given) for given in inputs]
    sources = [given for given in inputs if not _is_earlier_output(given, folder)] or inputs
    made = cache(lambda place: frozenset(made_files(place)))
    searched = {given: list(_walk(given, folder, made, ignored)) for given in sources if given.is_dir()}
    has_photos = [bool(searched[given]) or not _has_notes(given) for given in sources if given in searched]
    several = sum(has_photos) > 1  # an earlier output folder, searched by holiday/*, does not count
    found: dict[Path, tuple[Path, Path]] = {}  # without links and .. -> the photo and its path relative to the input
    for given in sources:
        if given in searched:
            head = Path(os.path.basename(os.path.abspath(given))) if several else Path()
            root, real = given.absolute(), given.resolve()
            for relative in searched[given]:
                found.setdefault(real / relative, (root / relative, head / relative))
        elif not os.path.lexists(given):
            raise ValueError(f"there is no file or folder {given}")
        elif problem := _problem(given, given.parent.resolve(), made):
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
    return _has_notes(given) or not os.listdir(given)


def _has_notes(given: Path) -> bool:
    return os.path.isdir(given / NOTES_FOLDER)  # False too where the folder cannot be read


def _walk(given: Path, output: Path, made: Callable, ignored: dict[str, str]) -> Iterator[Path]:
    """The photos in a folder and in those inside it, relative to it."""

    def closed(error: OSError) -> None:
        ignored[str(error.filename)] = f"the folder cannot be read ({error.strerror})"

    readable, unreadable, root, real = readable_endings(), unreadable_endings(), given.absolute(), given.resolve()
    for place, folders, files in os.walk(root, onerror=closed):
        relative = Path(place).relative_to(root)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not _is_same(Path(place, f), output))
        for name in files:
            path, ending = Path(place, name), os.path.splitext(name)[1].lower()
            if name.startswith(".") or ending not in (*readable, *unreadable):
                continue
            if problem := _unreadable(ending) if ending in unreadable else _problem(path, real / relative, made):
                ignored[str(path)] = problem
            else:
                yield relative / name


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file or folder, however they are written."""
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them does not exist
        return False


def _problem(path: Path, real_folder: Path, made: Callable) -> str | None:
    """Why a path is not opened as a photo. Reading from a pipe or a device might never end.

    ``real_folder`` is its folder without links, ``made`` gives the files that an earlier run has made in a folder.
    """
    real = real_folder / path.name
    if any(real in made(place) for place in real.parents):
        return AN_OUTPUT
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
    usual, kept = _usual_names(found), {}
    taken: dict[str, Path] = {}
    for path, relative in found.items():
        possible = (_name(relative, base, hashed) for hashed in (False, True) for base in _bases(relative))
        names = dict.fromkeys([usual[path], *possible])
        old = next((name for name in names if is_of(PhotoJob(path, folder, name))), None)
        if old and taken.setdefault(comparable(old), relative) == relative:
            kept[path] = old
    wanted = {comparable(name) for name in usual.values()}
    jobs: dict[str, PhotoJob] = {}
    for path, relative in sorted(found.items()):
        job = PhotoJob(path, folder, kept.get(path, usual[path]))
        if path not in kept and (comparable(job.name) in taken or is_of_another(job)):
            longer = [_name(relative, _bases(relative)[-1], hashed) for hashed in (False, True)]
            job = PhotoJob(path, folder, longer[0])
            if comparable(job.name) in {*taken, *wanted} or is_of_another(job):
                job = PhotoJob(path, folder, longer[1])
        other = jobs.setdefault(comparable(job.name), job)
        if other is not job:
            both = f"the files of {other.photo} and of {path} would both be called {relative.with_suffix('')}"
            raise ValueError(f"{both}: run lprnet photo for each of the two, with an output folder of its own")
        if job.files_folder.resolve() == path.parent.resolve():
            raise ValueError(f"{path} lies in the folder that its files would go into: give another one")
    return list(jobs.values())


def _usual_names(found: dict[Path, Path]) -> dict[Path, str]:
    """The names that the photos would have in a new output folder."""
    stems = Counter(comparable(str(relative.parent / relative.stem)) for relative in found.values())
    bases = {}
    for path, relative in found.items():
        is_alone = stems[comparable(str(relative.parent / relative.stem))] == 1
        bases[path] = _bases(relative)[0 if is_alone else -1]
    counts = Counter(comparable(str(found[path].parent / base)) for path, base in bases.items())
    names = {}
    for path, base in bases.items():
        is_shared = counts[comparable(str(found[path].parent / base))] > 1
        names[path] = _name(found[path], base, hashed=is_shared)
    return names


def _bases(relative: Path) -> list[str]:
    """A photo's name without its ending, unless another photo's file may be called so, and with it."""
    base, last = relative.stem, relative.stem.rpartition(".")[2].lower()
    # NAME.face2 is the name of a second face, NAME.avatar begins the name of NAME's avatar
    is_taken = ".face" in base.lower() or ("." in base and last in SECOND_ENDINGS)
    return [base] * (not is_taken) + [f"{base}_{relative.suffix[1:]}"]


def _name(relative: Path, base: str, hashed: bool) -> str:
    """The name of a photo's files in the output folder. It is cut if it is too long, and then ends in a hash too."""
    if not base.strip(".") or base.startswith(UNFINISHED_PREFIX):
        base = with_hash("photo", str(relative), NAME_BYTES)
    elif hashed or len(os.fsencode(base)) > NAME_BYTES:
        base = with_hash(base, str(relative), NAME_BYTES)
    return str(relative.parent / base)
