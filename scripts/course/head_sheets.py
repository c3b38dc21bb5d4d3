"""Draw sheets of avatars, to look for what is wrong: seams, ears, hair, eyes that come through lids, tones of skin.

    python scripts/course/head_sheets.py FOLDER [--portraits PORTRAITS] [--shown docs/heads.jpg]

``heads.png`` has a row for each person: the photo, and the head from four directions. ``faces.png`` has the same people
from near: with closed and half closed eyes, looking aside, an open mouth, the tongue out, and as clay. The people are
the bundled samples, generated people, and of a folder of portraits (CC0; see docs/avatar.md) those named in PORTRAITS.
``--shown`` writes a smaller sheet of the same people, which a page can show.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from lprnet_utils import LPRNet
from lprnet_utils.avatar import Avatar, draw_avatar
from lprnet_utils.common import data_path
from lprnet_utils.reconstruction.draw import crop_around_face
from lprnet_utils.reconstruction.face import Face
from lprnet_utils.synthetic import rendered_clip

SIDE, NEAR_MM = 300, 190.0  # pixels of a picture; what one from near spans
PORTRAITS = "006", "007", "047", "057", "076", "087", "100"  # of the folder: skins, ages, hats, glasses, beards, hair
GENERATED = 3, 5, 8  # seeds of people
SAMPLES = "astronaut", "grace_hopper"
DIRECTIONS = (0, 0), (45, 0), (90, 0), (180, 0)  # yaw and pitch in degrees
NEAR: dict[str, tuple[dict[str, float], float]] = {  # expression and yaw
    "blink": ({"eyeBlink": 1.0}, 0),
    "half": ({"eyeBlink": 0.5}, 30),
    "aside": ({"eyeLookOutLeft": 0.9, "eyeLookInRight": 0.9}, 0),
    "down": ({"eyeLookDown": 0.9}, 15),
    "open": ({"jawOpen": 0.7}, -20),
    "tongue": ({"jawOpen": 0.35, "tongueOut": 1.0}, 30),
}


def people(net: LPRNet, portraits: Path | None) -> dict[str, Face]:
    """The largest face of each person's photo, by name."""
    photos = {name: data_path(f"samples/{name}.jpg") for name in SAMPLES}
    photos |= {f"generated {seed}": rendered_clip(1, (500, 500), 1, seed=seed)[0].image for seed in GENERATED}
    if portraits:
        photos |= {name: portraits / f"{name}.jpg" for name in PORTRAITS}
    found = {name: net.reconstruct(photo, 1) for name, photo in photos.items()}
    if missing := [name for name, faces in found.items() if not faces]:
        raise SystemExit(f"no face in {', '.join(missing)}")
    return {name: faces[0] for name, faces in found.items()}


def square(picture: np.ndarray) -> np.ndarray:
    """The middle of a picture, SIDE pixels high and wide."""
    side = min(picture.shape[:2])
    top, left = ((n - side) // 2 for n in picture.shape[:2])
    return cv2.resize(picture[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def row(face: Face, avatar: Avatar) -> np.ndarray:
    """The photo, and the head from four directions."""
    heads = [draw_avatar(avatar, SIDE, yaw, pitch) for yaw, pitch in DIRECTIONS]
    return np.hstack([square(crop_around_face(face, SIDE, landmarks=False)), *heads])


def near(avatar: Avatar) -> np.ndarray:
    """Faces from near, with some expressions and as clay."""
    faces = [draw_avatar(avatar, SIDE, yaw, 0, moved, width=NEAR_MM) for moved, yaw in NEAR.values()]
    return np.hstack([*faces, draw_avatar(avatar, SIDE, 30, clay=True, hair=False, width=NEAR_MM)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for both sheets")
    parser.add_argument("--portraits", type=Path, help="folder of portraits")
    parser.add_argument("--shown", type=Path, help="the sheet that a page shows")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows, faces = [], []
    for name, face in people(LPRNet(), options.portraits).items():
        avatar = Avatar(face)
        rows.append(row(face, avatar))
        faces.append(near(avatar))
        print(f"{name}: hair {'none' if avatar.hair is None else np.round(avatar.hair_color, 2)}", flush=True)
    for name, pictures in (("heads", rows), ("faces", faces)):
        cv2.imwrite(str(options.folder / f"{name}.png"), np.vstack(pictures)[..., ::-1])
    if options.shown:
        half = -(-len(rows) // 2)
        columns = [np.vstack(rows[:half]), np.vstack(rows[half:])]
        columns[1] = np.pad(columns[1], ((0, len(columns[0]) - len(columns[1])), (0, 0), (0, 0)), constant_values=255)
        shown = cv2.resize(np.hstack(columns), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(options.shown), shown[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
