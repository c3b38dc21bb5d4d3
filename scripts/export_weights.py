"""Export a training run's best weights to ``data/weights/NAME.tflite``, with what a user must know inside.

    python scripts/export_weights.py --run runs/lite-open --output data/weights/open.tflite
    LPRNET_AFLW_TRAIN=... python scripts/export_weights.py --run runs/lite-wild \\
        --head-angle runs/upright-wild.weights.h5 --output data/weights/wild.tflite
    python scripts/export_weights.py --run runs/mine --photos photos --output mine.tflite
    LPRNET_AFLW_TRAIN=... python scripts/export_weights.py --weights wild-2.weights.h5 \\
        --origin data/weights/wild.toml --head-angle wild --output data/weights/wild.tflite

What the file says of its origin follows from the run's own checkpoint: its recipe, and what it began with. Weights
that come without a checkpoint need ``--origin``, a TOML file that states network, licence, training data and recipe.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from lprnet_utils import UVLayout, networks
from lprnet_utils.common.files import load_checkpoint
from lprnet_utils.common.litert import read_head_angle_network, read_weights
from lprnet_utils.datasets import AFLWTrain, PhotoFolder
from lprnet_utils.geometry import crop_matrix, landmark_box, warp_image
from lprnet_utils.networks import export_litert
from lprnet_utils.reconstruction import shape_distance
from lprnet_utils.synthetic import SyntheticFaces, background
from lprnet_utils.training import TrainingConfig
from lprnet_utils.uv import decode_map

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = 400
FAR = 12.0  # mm: a shape as far off as that is none, however far; torn ones should not draw the line
LEAST_WIDTH = 0.2  # mm of the doubt: few examples may be told apart without any
SYNTHETIC = (
    "Synthetic photos of MakeHuman heads (CC0) rendered by this project (lprnet synthesize). Their poses, identities "
    "and expressions follow means and covariances measured on fits to photos of AFLW, and the landmarks' places on the "
    "model were calibrated on them: numbers, no photo."
)
PHOTOS = (
    "Photos of AFLW (Koestinger et al. 2011) without those of AFLW2000-3D, with 68 pseudo-landmarks of 3DDFA_V2 "
    "corrected by AFLW's human points; position maps of the MakeHuman face model fitted to them."
)
OWN = (
    "Photos of whoever trained these weights, 68 points each; position maps of the MakeHuman face model fitted to them."
)
UNKNOWN = "Not stated: ask whoever trained these weights, and where the photos are from."
RESEARCH = "Research use only: trained on photos of AFLW, which may be used for non-commercial research."
W300LP = "300W-LP (Zhu et al. 2016): photos of 300-W turned to profile, with fits of the Basel Face Model."
W300LP_ONLY = "Research use only: trained on 300W-LP and the Basel Face Model, which may be used for that alone."
FREE = "Free for any use: CC0 1.0."  # what free weights say begins like this


def doubt(model, crops: np.ndarray) -> list[float]:
    """The distance from the mean face that parts faces from places without one, and its width: a logistic regression.

    What these networks make of a place differs from network to network, so the weights bring their own.
    """
    rng, layout = np.random.default_rng(0), UVLayout(model.output_shape[1])
    places = np.stack([background(rng, layout.size) for _ in crops])
    found = []
    for pictures in (crops, np.clip(places, 0, 1) ** (1 / 2.2)):
        codes = model.predict(pictures.astype(np.float32), verbose=0)
        found.append([shape_distance(layout.smooth(decode_map(code)), layout) for code in codes])
    distance = np.minimum(np.concatenate(found), FAR)
    sign = np.repeat([1.0, -1.0], len(crops))
    weight = np.repeat([0.9, 0.1], len(crops))  # of ten things that the detector finds nine are faces

    def cost(p: np.ndarray) -> float:
        return float((weight * np.logaddexp(0, sign * (distance - p[0]) / np.exp(p[1]))).mean())

    middle, width = minimize(cost, [10.0, 0.5], method="Nelder-Mead").x
    width = max(float(np.exp(width)), LEAST_WIDTH)
    lost, kept = (np.mean(np.array(f) > middle) for f in found)
    print(
        f"doubt at {middle:.1f} mm: {100 * lost:.1f} % of the faces beyond, {100 - 100 * kept:.1f} % of the places not"
    )
    return [round(float(middle), 2), round(width, 2)]


def described(origin: dict[str, Any] | None, licence: str) -> dict[str, Any]:
    """Licence and training data of a run, by what its checkpoint says; ``licence`` is that of one's own photos.

    Weights that began with others are no freer than these.
    """
    if origin is None:
        raise SystemExit("the run's checkpoint does not say what it was trained on: begin the run anew")
    known = {"AFLW": (PHOTOS, RESEARCH), "300W-LP": (W300LP, W300LP_ONLY), "synthetic": (SYNTHETIC, FREE)}
    known["own photos"] = OWN, licence
    texts, terms = zip(*(known[kind] for kind in origin["data"]), strict=True)
    if start := origin["start"]:
        texts = *texts, f"It began with {start['weights']}: {start.get('training_data', UNKNOWN)}"
        terms = *terms, start.get("licence", UNKNOWN)
    bound = [t for t in dict.fromkeys(terms) if not t.startswith(FREE.split(":")[0])]
    terms = bound or terms[-1:]  # a notice, which free weights may ask for, goes along below
    known = {"licence": " ".join(terms), "training_data": " ".join(texts)}
    return known | ({"notices": start["notices"]} if start and "notices" in start else {})


def shown(crops: list[np.ndarray]) -> np.ndarray:
    """Crops as the network sees them, (B, N, N, 3) float32 in 0 to 1."""
    return np.stack(crops).astype(np.float32) / 255


def held_out_crops(folder: Path | None) -> list[np.ndarray]:
    """Crops of photos of AFLW that no training saw."""
    if folder is None:
        raise SystemExit("give --aflw-train or set LPRNET_AFLW_TRAIN: the export is checked on held-out photos")
    photos = AFLWTrain(folder)
    return crops_of(photos, np.flatnonzero(photos.held_out & (photos.trust > 0))[:EXAMPLES])


def crops_of(photos, rows) -> list[np.ndarray]:
    return [warp_image(photos.image(i), crop_matrix(landmark_box(photos.landmarks[i]))) for i in rows]


def from_run(options: argparse.Namespace) -> tuple[Any, dict[str, Any], list[np.ndarray]]:
    """Network, description and real crops to check on, of a run's checkpoint."""
    info = load_checkpoint(options.run / "checkpoint.bin")[1]
    origin = described(info.get("origin"), options.licence)
    kind, crops = info["origin"]["data"][0], []
    if kind == "own photos":
        if options.photos is None:
            raise SystemExit("give --photos, the photos that the run was trained on: the export is checked on them")
        photos = PhotoFolder(options.photos)
        crops = crops_of(photos, range(len(photos))[:EXAMPLES])  # the few that are held out tell too little
    elif kind == "AFLW":
        crops = held_out_crops(options.aflw_train)
    config = TrainingConfig(**info["config"])
    model = getattr(networks, config.network)(**config.network_options)
    model.load_weights(options.run / options.weights)
    return model, {"recipe": info["config"]} | origin, crops


def from_statement(options: argparse.Namespace) -> tuple[Any, dict[str, Any], list[np.ndarray]]:
    """The same of a file of weights alone, by what a TOML file states of it."""
    origin = stated(options.origin)
    model = getattr(networks, origin.pop("network"))(**origin.pop("network_options"))
    model.load_weights(options.weights)
    return model, origin, held_out_crops(options.aflw_train) if origin.pop("photos") else []


def stated(path: Path) -> dict[str, Any]:
    """What a TOML file says of weights: ``network``, its ``network_options``, ``licence``, ``training_data``,
    ``recipe`` (a table), ``photos`` (true: the file is checked on held-out photos of AFLW too), and ``notices``, names
    of licence texts in ``data``, which go into the file as text."""
    with open(path, "rb") as file:
        origin = {"network_options": {}, "photos": False, "notices": []} | tomllib.load(file)
    if missing := [name for name in ("network", "licence", "training_data", "recipe") if not origin.get(name)]:
        raise SystemExit(f"{path} does not state {', '.join(missing)}: whoever uses the weights must know")
    notices = origin.pop("notices")
    if notices:
        origin["notices"] = [(ROOT / "data" / name).read_text(encoding="utf-8") for name in notices]
    return origin


def head_angle_of(source: str) -> Any:
    """A head-angle network to go into the file: from a ``.h5`` file, or, ready, that of other finished weights."""
    if not source.endswith(".h5"):
        if head_angle := read_head_angle_network(read_weights(source)[1]):
            return head_angle
        raise SystemExit(f"{source} has no head-angle network")
    head_angle = networks.head_angle_network()
    head_angle.load_weights(source)
    return head_angle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path)
    source.add_argument("--origin", type=Path, help="a TOML file that states the origin of --weights")
    parser.add_argument(
        "--weights", default="best.weights.h5", help="file of the run (%(default)s), or path of those with an --origin"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "data" / "weights" / "published.tflite")
    parser.add_argument("--aflw-train", type=Path, default=os.environ.get("LPRNET_AFLW_TRAIN"))
    parser.add_argument(
        "--head-angle",
        help="what scripts/train_upright.py wrote, or weights to take it over from; goes into the same file",
    )
    parser.add_argument("--photos", type=Path, help="the run's own photos (lprnet train --photos)")
    parser.add_argument("--licence", default=UNKNOWN, help="of weights that were trained on --photos")
    options = parser.parse_args()

    model, metadata, crops = (from_run if options.run else from_statement)(options)
    # the doubt is measured on synthetic faces too: of the photos hardly one has its mouth wide open
    faces = SyntheticFaces(seed=1)
    examples = shown(crops + [faces.sample(k).image for k in range(EXAMPLES)])
    metadata["doubt"] = doubt(model, examples)
    head_angle = head_angle_of(options.head_angle) if options.head_angle else None
    done = export_litert(model, options.output, metadata, examples[:32], head_angle=head_angle)
    print(f"{options.output}: {done['bytes'] / 1e6:.1f} MB")
    print(f"differs from Keras by {done['difference']:.4f} pixels on average, {done['worst']:.3f} at most")
    if options.output.resolve().is_relative_to(ROOT / "data"):
        subprocess.run([sys.executable, Path(__file__).with_name("assets") / "update_checksums.py"], check=True)


if __name__ == "__main__":
    main()
