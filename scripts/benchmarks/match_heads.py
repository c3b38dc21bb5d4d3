"""Can a head be told from its shape alone? Sheets for viewers, and how many of their matches are right.

    python scripts/benchmarks/match_heads.py sheets FOLDER --photos PORTRAITS --key KEY.json
    python scripts/benchmarks/match_heads.py score KEY.json ANSWERS...

``sheets`` takes 16 people at random from a folder of photos (one large face that looks this way, both eyes seen) and
makes two pictures: ``heads.png`` with their avatars at rest as grey clay, without hair, turned by 45 degrees and
numbered from 1, and ``photos.png`` with their photos, in another order, lettered from A. Which belongs to which is in
the key, which viewers must not see.
A viewer answers with one line a head, such as ``1 C``; each letter may be used once.

``score`` counts what is right. By chance a viewer has one right on average, whatever the number of people; five or more
right happen by chance in 0.4 % of answers.

The folder is that of free portraits whose people may be shown; see docs/avatar.md for what was found.
"""

import argparse
import json
import math
import re
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from lprnet_utils import LPRNet
from lprnet_utils.avatar import Avatar, draw_avatar
from lprnet_utils.reconstruction.draw import crop_around_face
from lprnet_utils.reconstruction.face import Face

PEOPLE, COLUMNS = 16, 4
SIDE, DRAWN = 360, 500  # pixels of a person's picture, and of a head with its bust
YAW, WIDTH_MM = 45.0, 330.0
SURE, MOST_TURNED, LEAST_FACE = 0.8, 25.0, 130.0  # confidence, degrees of yaw, pixels of the landmarks' height
MARGIN = 0.55  # of the face's box: what is shown of its surroundings
PAPER, INK = 255, 20


def usable(found: list[Face]) -> bool:
    """Whether a photo shows one large face that looks this way, with both eyes."""
    if len(found) != 1 or found[0].confidence < SURE or abs(found[0].pose.yaw) > MOST_TURNED:
        return False
    return np.ptp(found[0].landmarks[:, 1]) >= LEAST_FACE and bool(np.isfinite(found[0].irises).all())


def chosen(faces: dict[str, list[Face]], count: int, rng: np.random.Generator) -> dict[str, Face]:
    """People (``count``) at random by the names of their photos, of those that are usable."""
    names = [name for name, found in sorted(faces.items()) if usable(found)]
    if len(names) < count:
        raise SystemExit(f"{len(names)} of {len(faces)} photos show one large face that looks this way; need {count}")
    return {str(name): faces[str(name)][0] for name in rng.permutation(names)[:count]}


def sheet(pictures: list[np.ndarray], marks: list[str]) -> np.ndarray:
    """Square pictures in rows of four, each with its mark."""
    rows, line = [], 34
    for picture, mark in zip(pictures, marks, strict=True):
        label = np.full((line, SIDE, 3), PAPER, np.uint8)
        cv2.putText(
            label, mark, (SIDE // 2 - 8 * len(mark), 26), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (INK,) * 3, 2, cv2.LINE_AA
        )
        rows.append(np.pad(np.vstack([label, picture]), ((6, 6), (6, 6), (0, 0)), constant_values=PAPER))
    return np.vstack([np.hstack(rows[k : k + COLUMNS]) for k in range(0, len(rows), COLUMNS)])


def without_bust(picture: np.ndarray) -> np.ndarray:
    """The part (SIDE, SIDE, 3) of a picture that begins at the top of the head, around its middle."""
    shown = (picture < PAPER).any(-1)
    top = max(int(np.flatnonzero(shown.any(1))[0]) - 4, 0)
    left = int(np.flatnonzero(shown[top : top + SIDE // 2].any(0)).mean()) - SIDE // 2
    return np.pad(picture, ((0, SIDE), (SIDE, SIDE), (0, 0)), mode="edge")[
        top : top + SIDE, left + SIDE : left + 2 * SIDE
    ]


def square(face: Face) -> np.ndarray:
    """The photo around a face, as a square."""
    part = crop_around_face(face, SIDE, landmarks=False, margin=MARGIN)
    side = min(part.shape[:2])
    top, left = ((n - side) // 2 for n in part.shape[:2])
    return cv2.resize(part[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def make_sheets(options: argparse.Namespace) -> None:
    """Write both sheets and the key."""
    files = sorted(p for p in options.photos.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    net, rng = LPRNet(), np.random.default_rng(options.seed)
    faces = {path.name: net.reconstruct(path) for path in tqdm(files, unit="photo")}
    people = chosen(faces, options.people, rng)
    heads = []
    for face in tqdm(people.values(), unit="head"):
        avatar = Avatar(face, 64, hair="photo" if options.hair else None)
        heads.append(without_bust(draw_avatar(avatar, DRAWN, YAW, clay=True, hair=options.hair, width=WIDTH_MM)))
    order = rng.permutation(len(people))  # of the photos
    names, letters = list(people), [chr(ord("A") + k) for k in range(len(people))]
    numbers = [str(k + 1) for k in range(len(people))]
    photos = [square(people[names[k]]) for k in order]
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, picture in (("heads", sheet(heads, numbers)), ("photos", sheet(photos, letters))):
        cv2.imwrite(str(options.folder / f"{name}.png"), picture[..., ::-1])
    key = {numbers[head]: letters[place] for place, head in enumerate(order)}
    told = {"seed": options.seed, "hair": options.hair, "photos": dict(zip(numbers, names, strict=True)), "key": key}
    options.key.write_text(json.dumps(told, indent=1))


def read_answers(text: str) -> dict[str, str]:
    """Letters by number of head, from lines such as ``1 C``, ``1: c`` or ``"1": "C",``."""
    return {number: letter.upper() for number, letter in re.findall(r"(?m)^\W*(\d+)\W+([A-Za-z])\b", text)}


def chance(right: int, people: int) -> float:
    """The probability that a random order has at least so many at their place."""
    below = 0.0
    for k in range(right):
        others = sum((-1) ** j / math.factorial(j) for j in range(people - k + 1))
        below += others / math.factorial(k)
    return max(1 - below, 0.0)


def score(options: argparse.Namespace) -> None:
    """Print how many answers of each viewer are right, and their mean."""
    key = json.loads(options.key.read_text())["key"]
    counts = []
    for path in options.answers:
        answers = read_answers(path.read_text())
        if unknown := sorted((answers.keys() - key.keys()) | (set(answers.values()) - set(key.values()))):
            raise SystemExit(f"{path}: there is no head or photo {', '.join(unknown)}")
        if len(set(answers.values())) < len(answers):
            raise SystemExit(f"{path}: a photo is given to two heads")
        right = sum(answers.get(number) == letter for number, letter in key.items())
        counts.append(right)
        print(f"{path.name}: {right} of {len(key)} right ({len(answers)} answered); by chance so many or more in "
              f"{chance(right, len(key)):.2%} of answers")  # fmt: skip
    print(f"{len(counts)} viewers: {np.mean(counts):.1f} of {len(key)} right on average; by chance 1.0")


def main() -> None:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    commands = parser.add_subparsers(required=True)
    sheets = commands.add_parser("sheets", help="make both sheets and the key")
    sheets.add_argument("folder", type=Path)
    sheets.add_argument("--photos", type=Path, required=True, help="folder of portraits")
    sheets.add_argument("--key", type=Path, required=True, help="file for the key")
    sheets.add_argument("--people", type=int, default=PEOPLE)
    sheets.add_argument("--seed", type=int, default=0)
    sheets.add_argument("--hair", action="store_true", help="with the hair that the photo seems to show, in clay too")
    sheets.set_defaults(function=make_sheets)
    scored = commands.add_parser("score", help="count what is right")
    scored.add_argument("key", type=Path)
    scored.add_argument("answers", type=Path, nargs="+")
    scored.set_defaults(function=score)
    options = parser.parse_args()
    options.function(options)


if __name__ == "__main__":
    main()
