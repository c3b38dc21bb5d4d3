"""How ``lprnet photo`` makes avatars: hair, texture, and one avatar of several photos of a person."""

import argparse
import json
from ast import literal_eval
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from ..common.files import write_json
from ..common.images import read_image
from ..reconstruction.face import Face
from ..reconstruction.lprnet import LPRNet
from .photo_notes import NOTES_FOLDER, PhotoJob, photo_folder

NO_HAIR, PHOTO_HAIR = "none", "photo"
TEXTURES = 1024, 2048  # sides in texels
PERSON_ENDING, PERSON_NOTE = ".person.glb", ".person.json"  # of the avatar of several photos, and its note
LARGE_FACE = 300.0  # pixels of the landmarks' height: a larger face shows no more


@dataclass(frozen=True)
class AvatarLook:
    """What an avatar has that the face's shape does not tell; see :class:`lprnet_utils.avatar.Avatar`."""

    hair: str = PHOTO_HAIR  # a style, ``none`` or ``photo``
    hair_color: tuple[int, int, int] | None = None  # RGB
    texture: int = TEXTURES[0]

    def write(self, face: Face, path: Path, others: Sequence[Face] = ()) -> None:
        """Write the avatar of a face, and of other photos of the same person."""
        from ..avatar import write_avatar  # with the renderer, which takes a while to import

        hair = None if self.hair == NO_HAIR else self.hair
        write_avatar(face, path, self.texture, hair=hair, hair_color=self.hair_color, others=others)

    @property
    def kind(self) -> str:
        """How a note calls avatars with this look: ``avatar``, and what is not as usual."""
        changed = {name: value for name, value in vars(self).items() if value != getattr(AvatarLook(), name)}
        return "avatar" + "".join(f":{name}={value}" for name, value in changed.items())

    @classmethod
    def of_kind(cls, kind: str) -> Self:
        """The look of avatars that a note calls so, or the usual one if that cannot be read."""
        try:
            values = dict(part.split("=", 1) for part in kind.split(":")[1:])
            return cls(**{name: text if name == "hair" else literal_eval(text) for name, text in values.items()})
        except (TypeError, ValueError, SyntaxError):  # of a later version, or changed by hand
            return cls()


def add_look(parser: argparse.ArgumentParser) -> None:
    """Add the options of avatars to a command."""
    group = parser.add_argument_group("avatars")
    one = f"the photos show one person: one avatar of all of them, NAME{PERSON_ENDING}"
    group.add_argument("--same-person", action="store_true", help=one)
    hair = "style of MakeHuman, such as short02; none; or photo: as the photo seems to show (photo)"
    group.add_argument("--hair", metavar="STYLE", help=hair)
    group.add_argument("--hair-color", metavar="COLOR", help='such as brown or "#553311" (the photo\'s)')
    sides = f"side in texels ({TEXTURES[0]})"
    group.add_argument("--avatar-texture", type=int, choices=TEXTURES, help=sides)


def look_of(arguments: argparse.Namespace) -> AvatarLook:
    """The look that a command line asks for; ValueError if it makes no sense, before anything is computed."""
    given = {
        "--hair": arguments.hair,
        "--hair-color": arguments.hair_color,
        "--avatar-texture": arguments.avatar_texture,
    }
    if not (arguments.avatar or arguments.same_person):
        if unused := [name for name, value in given.items() if value is not None]:
            raise ValueError(f"{' and '.join(unused)}: no avatar is asked for, add --avatar or --same-person")
    hair = PHOTO_HAIR if arguments.hair is None else arguments.hair
    if hair not in (NO_HAIR, PHOTO_HAIR):
        from ..avatar import hair_styles

        if hair not in (styles := hair_styles()):
            raise ValueError(f"--hair {hair}: there is {', '.join(styles)}, {NO_HAIR} and {PHOTO_HAIR}")
    if arguments.hair_color is not None and hair == NO_HAIR:
        raise ValueError("--hair-color is given, but --hair none draws no hair")
    return AvatarLook(hair, color_of(arguments.hair_color), arguments.avatar_texture or TEXTURES[0])


def color_of(text: str | None) -> tuple[int, int, int] | None:
    """RGB, 0 to 255, of a colour's name or ``#RRGGBB``; ValueError if it is neither."""
    if text is None:
        return None
    from ..avatar.hair import rgb_of  # with the renderer, which takes a while to import

    try:
        red, green, blue = rgb_of(text)
    except ValueError as error:
        raise ValueError(f"--hair-color {error}") from error
    return round(red), round(green), round(blue)


@dataclass
class PersonReport:
    """What happened to the photos of one person."""

    path: Path | None = None  # of the avatar, if there is one
    used: int = 0  # photos
    shown: Path | None = None  # the photo that gives the colours
    without_face: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # errors by photo


def check_same_person(photos: Iterable[PhotoJob]) -> None:
    """ValueError if there is one photo alone."""
    if len(list(photos)) < 2:
        raise ValueError("--same-person needs two photos or more of the person; for one photo there is --avatar")


def write_person(jobs: Sequence[PhotoJob], net: LPRNet, look: AvatarLook, small: bool = False) -> PersonReport:
    """Write one avatar of the largest face in each photo, all of which show one person.

    The file has the name of the photo whose path comes first. The shape is estimated over all photos; the colours are
    those of the photo that shows most of the face. ValueError if there is such a file already, made of other photos.
    """
    report, faces = PersonReport(), {}
    path, note = jobs[0].folder / (jobs[0].name + PERSON_ENDING), {"photos": [_place(job) for job in jobs]}
    note_path = jobs[0].folder / NOTES_FOLDER / (jobs[0].name + PERSON_NOTE)
    if path.exists() and not set(_photos_of(note_path)) & set(note["photos"]):
        raise ValueError(f"{path} is there already, made of other photos: give another output folder, or remove it")
    for job in jobs:
        try:
            found = net.reconstruct(read_image(job.photo), 1, small)
        except (ValueError, OSError) as error:
            report.failed[str(job.photo)] = " ".join(str(error).split())
            continue
        if found:
            faces[job.photo] = found[0]
        else:
            report.without_face.append(str(job.photo))
    if faces:
        report.shown = max(faces, key=lambda photo: _shows(faces[photo]))
        others = [face for photo, face in faces.items() if photo != report.shown]
        report.path, report.used = path, len(faces)
        for file in (path, note_path):
            file.parent.mkdir(parents=True, exist_ok=True)
        look.write(faces[report.shown], path, others)
        write_json(note, note_path)
    return report


def _place(job: PhotoJob) -> str:
    """A photo's path, seen from the output folder."""
    return f"{photo_folder(job)}/{job.photo.name}"


def _photos_of(note_path: Path) -> list[str]:
    """The photos that an avatar was made of; none if that is not known."""
    try:
        return list(json.loads(note_path.read_text(encoding="utf-8"))["photos"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _shows(face: Face) -> float:
    """How much a photo shows of a face: the share that is seen, times its size."""
    return float(face.trust.mean()) * min(float(np.ptp(face.landmarks[:, 1])), LARGE_FACE)
