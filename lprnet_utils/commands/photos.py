"""lprnet photo: photos to 3D faces in files, in parallel. A run that was stopped can go on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from ..common.assets import sha256
from ..common.files import write_json
from ..common.litert import read_weights
from ..common.parallel import run_jobs
from ..reconstruction.lprnet import LPRNet
from .options import add_face_options, add_parallel_options, add_passes_option, add_weights_option, counted
from .photo_files import DEFAULT_FILE_KINDS, FACE_FILES, FILE_KINDS
from .photo_jobs import PhotoOptions, find_photos, note_if_done, prepare_notes, process_photo

EXAMPLES = """examples:
  lprnet photo me.jpg -o out                         out/me.glb and out/me.overlay.jpg
  lprnet photo me.jpg -o out --avatar --html         a face to animate, and one to turn in the browser
  lprnet photo holiday -o faces --landmarks --pose   all photos in a folder; run it again to go on after a kill
  lprnet photo holiday -o faces --dask tcp://10.0.0.1:8786

exit status: 0 all photos done; 1 some could not be (they are named at the end, the others are done), or had no face
with --require-face; 2 nothing to do, or not as asked; 130 stopped by Ctrl-C
"""


@dataclass
class PhotoReport:
    """What happened to all photos.

    Attributes
    ----------
    done, skipped : int
        Numbers of photos that were processed now, and before.
    faces : int
    without_face : list of str
    failed : dict
        Errors by photo.
    """

    done: int = 0
    skipped: int = 0
    faces: int = 0
    without_face: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def count_faces(self, photo: Path, faces: int) -> None:
        """Count the faces of one photo."""
        self.faces += faces
        if not faces:
            self.without_face.append(str(photo))


def process_photos(
    inputs: Iterable[str | Path], folder: str | Path, options: PhotoOptions | None = None,
    workers: int = 1, dask: str | None = None, bar: Callable | None = None,
) -> PhotoReport:  # fmt: skip
    """Write files of the faces in many photos.

    Parameters
    ----------
    inputs : files and folders
        See :func:`lprnet_utils.commands.photo_jobs.find_photos`.
    folder : path
        Output folder, which is made if needed. The files of a photo's largest face are called ``NAME.glb`` and so on,
        those of the next one ``NAME.face2.glb``.
    options : PhotoOptions, optional
    workers, dask
        See :func:`lprnet_utils.common.parallel.run_jobs`.
    bar : callable, optional
        A progress bar, called with the iterator over results and ``total``.

    Returns
    -------
    PhotoReport
        Also written into the folder, as ``report.json``. Photos that cannot be read are listed in it.

    Raises
    ------
    ValueError
        If no known kind of file is asked for, a kind needs a package that is not installed, or the inputs are wrong,
        see :func:`lprnet_utils.commands.photo_jobs.find_photos`.
    AssetError
        If there are no such weights.
    RuntimeError
        See :func:`lprnet_utils.common.parallel.run_jobs`. Finished photos are kept.
    """
    options = _checked(options or PhotoOptions())
    jobs, folder = find_photos(inputs, folder), Path(folder)
    LPRNet(options.weights, passes=options.passes)  # raises an error before any work is done
    weights_sha256 = sha256(read_weights(options.weights)[1])
    prepare_notes(folder)
    report, todo = PhotoReport(), []
    for job in jobs:
        note = note_if_done(job, options, weights_sha256)
        if note is None:
            todo.append((job, options, weights_sha256))
        else:
            report.skipped += 1
            report.count_faces(job.photo, note["faces"])
    results = run_jobs(process_photo, todo, min(workers, max(len(todo), 1)), dask)
    for result in bar(results, total=len(todo)) if bar and todo else results:
        if result.error:
            report.failed[str(result.photo)] = result.error
        else:
            report.done += 1
            report.count_faces(result.photo, result.faces)
    report.without_face.sort()
    report.failed = dict(sorted(report.failed.items()))
    write_json(asdict(report), folder / "report.json")
    return report


def _checked(options: PhotoOptions) -> PhotoOptions:
    """The options with the known kinds in a fixed order and, for a weights file, its absolute path."""
    kinds = tuple(kind for kind in FILE_KINDS if kind in set(options.kinds))
    if not kinds:
        raise ValueError(f"no kind of file is asked for; there are {', '.join(FILE_KINDS)}")
    if "html" in kinds and find_spec("plotly") is None:
        raise ValueError("html needs plotly, which is not installed: pip install plotly")
    if options.max_faces is not None and options.max_faces < 1:
        raise ValueError(f"max_faces must be at least 1, or None for all faces; got {options.max_faces}")
    weights = str(options.weights)
    if weights.endswith(".tflite"):
        weights = str(Path(weights).absolute())
    return replace(options, kinds=kinds, weights=weights)


def photo(arguments: argparse.Namespace) -> int:
    """3D faces of photos, as files: meshes, avatars, landmarks and more."""
    import warnings

    from tqdm import tqdm

    # joblib takes the memory of the z-buffer's compiler for a leak and starts a new worker, which is harmless
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    kinds = tuple(kind for kind in FILE_KINDS if getattr(arguments, kind)) or DEFAULT_FILE_KINDS
    options = PhotoOptions(arguments.weights, arguments.passes, arguments.max_faces, arguments.small, kinds)
    bar = partial(tqdm, unit="photo")
    report = process_photos(arguments.photos, arguments.output, options, arguments.workers, arguments.dask, bar)
    _print_report(report, arguments.output)
    return int(bool(report.failed or (arguments.require_face and report.without_face)))


def _print_report(report: PhotoReport, folder: Path) -> None:
    before = f", {report.skipped} had been before" if report.skipped else ""
    print(f"{counted(report.done, 'photo')} done{before}; {counted(report.faces, 'face')} in {folder}")
    if none := report.without_face:
        print(f"no face in {len(none)}: {', '.join(none[:10])}{', ...' * (len(none) > 10)} (all in report.json)")
    for name, reason in report.failed.items():
        print(f"lprnet: {reason if name in reason else f'{name}: {reason}'}", file=sys.stderr)
    if report.failed:
        print(f"lprnet: {counted(len(report.failed), 'photo')} failed", file=sys.stderr)


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet photo``."""
    parser = commands.add_parser(
        "photo",
        help="photos to 3D faces",
        description=photo.__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO", help="image files, or folders of them")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the files")
    files = parser.add_argument_group("files of each face (without any: --glb --overlay)")
    for kind in FILE_KINDS:
        description = FACE_FILES[kind].description if kind in FACE_FILES else "the photo with its landmarks"
        files.add_argument(f"--{kind}", action="store_true", help=description)
    add_weights_option(parser)
    add_passes_option(parser)
    parser.add_argument(
        "--small", action="store_true", help="faces under a twentieth of the photo's height too; slower"
    )
    add_face_options(parser, "a photo")
    add_parallel_options(parser)
    parser.set_defaults(function=photo)
