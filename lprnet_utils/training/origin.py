"""What weights were trained on and what they may be used for: the text that goes into their file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ..common.assets import data_path

SYNTHETIC = (
    "Synthetic photos of MakeHuman heads (CC0) rendered by this project (lprnet synthesize). Their poses, identities "
    "and expressions follow means and covariances measured on fits to photos of AFLW, and the landmarks' places on the "
    "model were calibrated on them: numbers, no photo."
)
AFLW = (
    "Photos of AFLW (Koestinger et al. 2011) without those of AFLW2000-3D, with 68 pseudo-landmarks of 3DDFA_V2 "
    "corrected by AFLW's human points; position maps of the MakeHuman face model fitted to them."
)
OWN = (
    "Photos of whoever trained these weights, 68 points each; position maps of the MakeHuman face model fitted to them."
)
W300LP = "300W-LP (Zhu et al. 2016): photos of 300-W turned to profile, with fits of the Basel Face Model."
UNKNOWN = "Not stated: ask whoever trained these weights, and where the photos are from."
RESEARCH = "Research use only: trained on photos of AFLW, which may be used for non-commercial research."
W300LP_ONLY = "Research use only: trained on 300W-LP and the Basel Face Model, which may be used for that alone."
FREE = "Free for any use: CC0 1.0."  # what free weights say begins like this


def describe_run(origin: dict[str, Any] | None, licence: str) -> dict[str, Any]:
    """Licence and training data of a run, by what its checkpoint says.

    Weights that began with others are no freer than these.

    Parameters
    ----------
    origin : dict or None
        Of the checkpoint: ``data``, kinds of training data, and ``start``, what is known of the weights that it began
        with, or None.
    licence : str
        Of weights that were trained on one's own photos.

    Returns
    -------
    dict
        ``licence``, ``training_data``, and ``notices`` if the weights that it began with bring any.

    Raises
    ------
    ValueError
        If the checkpoint does not say.
    """
    if origin is None:
        raise ValueError("the run's checkpoint does not say what it was trained on: begin the run anew")
    known = {"AFLW": (AFLW, RESEARCH), "300W-LP": (W300LP, W300LP_ONLY), "synthetic": (SYNTHETIC, FREE)}
    known["own photos"] = OWN, licence
    texts, terms = zip(*(known[kind] for kind in origin["data"]), strict=True)
    if start := origin["start"]:
        texts = *texts, f"It began with {start['weights']}: {start.get('training_data', UNKNOWN)}"
        terms = *terms, start.get("licence", UNKNOWN)
    bound = [term for term in dict.fromkeys(terms) if not term.startswith(FREE.split(":")[0])]
    terms = bound or terms[-1:]  # a notice, which free weights may ask for, goes along below
    described = {"licence": " ".join(terms), "training_data": " ".join(texts)}
    return described | ({"notices": start["notices"]} if start and "notices" in start else {})


def read_statement(path: Path) -> dict[str, Any]:
    """What a TOML file states of weights that come without a checkpoint.

    ``network``, its ``network_options``, ``licence``, ``training_data``, ``recipe`` (a table), ``photos`` (true: the
    export is checked on held-out photos of AFLW too), and ``notices``, names of licence texts in ``data/``, which are
    returned as text.

    Raises
    ------
    ValueError
        If it does not state what whoever uses the weights must know.
    """
    with open(path, "rb") as file:
        origin = {"network_options": {}, "photos": False, "notices": []} | tomllib.load(file)
    if missing := [name for name in ("network", "licence", "training_data", "recipe") if not origin.get(name)]:
        raise ValueError(f"{path} does not state {', '.join(missing)}: whoever uses the weights must know")
    if notices := origin.pop("notices"):
        origin["notices"] = [data_path(name).read_text(encoding="utf-8") for name in notices]
    return origin
