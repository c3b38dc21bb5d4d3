"""Training data and licence of weights: the text that goes into their file."""

import re
import tomllib
from pathlib import Path
from typing import Any

from ..common.assets import data_path

SYNTHETIC_DATA = (
    "Synthetic photos of MakeHuman heads (CC0) rendered by this project (lprnet synthesize). Their poses, identities "
    "and expressions follow means and covariances measured on fits to photos of AFLW, and the landmarks' places on the "
    "model were calibrated on them: numbers, no photo."
)
HAND_DATA = (
    "Synthetic photos of MakeHuman's right hand (CC0) in random poses, rendered by this project (lprnet synthesize "
    "--generator hand). No photo of a hand was used."
)
AFLW_DATA = (
    "Photos of AFLW (Koestinger et al. 2011) without those of AFLW2000-3D, with 68 pseudo-landmarks of 3DDFA_V2 "
    "corrected by AFLW's human points; position maps of the MakeHuman face model fitted to them."
)
OWN_DATA = (
    "Photos of whoever trained these weights, 68 points each; position maps of the MakeHuman face model fitted to them."
)
W300LP_DATA = "300W-LP (Zhu et al. 2016): photos of 300-W turned to profile, with fits of the Basel Face Model."
NOT_STATED = "Not stated: ask whoever trained these weights, and where the photos are from."
RESEARCH_LICENCE = "Research use only: trained on photos of AFLW, which may be used for non-commercial research."
W300LP_LICENCE = "Research use only: trained on 300W-LP and the Basel Face Model, which may be used for that alone."
FREE_LICENCE = "Free for any use: CC0 1.0."  # the licence text of free weights begins like this


def describe_run(origin: dict[str, Any] | None, licence: str, chart: str = "face") -> dict[str, Any]:
    """Describe a run for the file of its weights: ``licence``, ``training_data``, and ``notices`` if there are any.

    ``origin`` is the checkpoint's; ``licence`` holds for weights that were trained on the user's own photos.
    ``chart`` is what the network's maps show.
    """
    if origin is None:
        raise ValueError("the run's checkpoint does not say what it was trained on: begin the run anew")
    known = {
        "AFLW": (AFLW_DATA, RESEARCH_LICENCE),
        "300W-LP": (W300LP_DATA, W300LP_LICENCE),
        "synthetic": (HAND_DATA if chart == "hand" else SYNTHETIC_DATA, FREE_LICENCE),
        "own photos": (OWN_DATA, licence),
    }
    texts, terms = zip(*(known[kind] for kind in origin["data"]), strict=True)
    if start := origin["start"]:
        told = start.get("training_data", NOT_STATED)
        # runs that began with each other would repeat it; what else such a text says stays
        if re.fullmatch(re.escape(" ".join(texts)) + r"( It began with [^:]*: the same data\.)?", told):
            told = "the same data."
        texts = *texts, f"It began with {start['weights']}: {told}"
        terms = *terms, start.get("licence", NOT_STATED)
    restrictions = [term for term in dict.fromkeys(terms) if not term.startswith(FREE_LICENCE.split(":")[0])]
    terms = restrictions or terms[-1:]  # restrictions of the initial weights hold for the run's weights too
    description = {"licence": " ".join(terms), "training_data": " ".join(texts)}
    # free weights may also require a notice
    return description | ({"notices": start["notices"]} if start and "notices" in start else {})


def read_statement(path: Path) -> dict[str, Any]:
    """Read the statement of origin, a TOML file, of weights that come without a checkpoint."""
    # photos: check the export on held-out photos of AFLW too; notices: names of licence texts in data/
    try:
        stated = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    origin = {"network_options": {}, "photos": False, "notices": []} | stated
    if missing := [name for name in ("network", "licence", "training_data", "recipe") if not origin.get(name)]:
        raise ValueError(f"{path} does not state {', '.join(missing)}: users of the weights must know")
    if notices := origin.pop("notices"):
        origin["notices"] = [data_path(name).read_text(encoding="utf-8") for name in notices]
    return origin
