"""Measure how far dense points scatter about those that people marked, ours beside MediaPipe's face mesh.

    python scripts/benchmarks/people_scatter.py FOLDER open wild

FOLDER holds the 102 neutral pictures of the Face Research Lab London Set, with ``london-points.npz`` beside it, and
perhaps ``mediapipe-points.npz``, the points of MediaPipe's face mesh (version 0.10.14) with and without its attention
stage. No weights are trained on these photos or fitted to them. Points that MediaPipe and all first maps have within
3 % count, so that networks of the closer look are compared on the same points.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from lprnet_utils import LPRNet
from lprnet_utils.common.assets import load_arrays
from lprnet_utils.evaluation.people import POINTS_FILE, WholeSet, reconstruct_people, scatter_about_people

MAX_DISTANCE = 3.0  # % of the distance of the pupils
EYES, MOUTH = slice(2, 44), slice(87, 109)  # numbers of the marked points
CLOSER = ", closer look"
PEER_FILE, PEERS = "mediapipe-points.npz", {"mesh": "MediaPipe", "attention": "MediaPipe, attention"}


def gaze_of(faces: list) -> str:
    """Where people who look into the camera look, in degrees from it, and how far they hold their heads up."""
    seen = np.array([face.gaze_in_photo for face in faces]).mean(1)
    seen = seen[np.isfinite(seen).all(1)]
    pitch = np.array([face.pose.pitch for face in faces])
    up, aside = (np.degrees(np.arctan2(seen[:, k], seen[:, 2])) for k in (1, 0))
    return (
        f"gaze of {len(seen)} faces: {up.mean():+.1f} degrees up and {aside.mean():+.1f} to the right of the camera, "
        f"with deviations of {up.std():.1f} and {aside.std():.1f}; "
        f"their heads look {pitch.mean():+.1f} degrees up, with a deviation of {pitch.std():.1f}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", nargs="*", default=["open", "wild"], help="bundled weights, or .tflite files")
    parser.add_argument("--closer-look", type=Path, help="folder of networks for the closer look (else the bundled)")
    options = parser.parse_args()
    if not (options.folder.parent / POINTS_FILE).is_file():
        print(f"skipped: {options.folder.parent / POINTS_FILE} is not there, nor are its photos (CC BY 4.0)")
        return 0
    people, systems, gaze = WholeSet(options.folder), {}, []
    if (peers := options.folder.parent / PEER_FILE).is_file():
        names, *found = load_arrays(peers, "names", *PEERS)
        if names.tolist() != people.names:
            raise SystemExit(f"{peers} has other faces than {options.folder}")
        systems |= dict(zip(PEERS.values(), found, strict=True))
    for weights in options.weights:
        for look, name in ((False, f"{weights}, first map"), (options.closer_look or True, f"{weights}{CLOSER}")):
            faces = reconstruct_people(LPRNet(weights, closer_look=look), people)
            systems[name] = np.stack([face.position_map.reshape(-1, 3)[::3, :2] for face in faces])
            if look:
                gaze.append(f"{name}: {gaze_of(faces)}")
    found = {name: scatter_about_people(dense, people.points) for name, dense in systems.items()}
    near = np.all([away < MAX_DISTANCE for name, (_, away) in found.items() if not name.endswith(CLOSER)], 0)
    parts = {name: np.zeros(len(near), bool) for name in ("eyes", "mouth")}
    parts["eyes"][EYES] = parts["mouth"][MOUTH] = True
    parts = {"all": near, **{name: part & near for name, part in parts.items()}}
    parts["rest"] = near & ~parts["eyes"] & ~parts["mouth"]
    print("scatter, % of the distance of the pupils, of " + ", ".join(f"{p.sum()} {name}" for name, p in parts.items()))
    for name, (scatter, _) in found.items():
        print(f"  {name:26s}" + "  ".join(f"{part}: {scatter[rows].mean():.2f}" for part, rows in parts.items()))
    print("\n".join(gaze))
    return 0


if __name__ == "__main__":
    sys.exit(main())
