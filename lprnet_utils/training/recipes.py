"""Recipes of training runs: what a TOML file of ``data/recipes`` or a reader's own may set."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..common.assets import data_path
from ..datasets.augmentation import SETTINGS

# of each network, what a recipe may set (lprnet_utils.networks.lite, which needs Keras, has the functions)
NETWORK_OPTIONS = {"prnet": ("size",), "lprnet": ("size",), "lprnet_lite": ("size", "code", "posed", "normalised")}


@dataclass(frozen=True)
class TrainingConfig:
    """A recipe. ``samples`` counts images over the whole run; the learning rate follows a cosine over it, or halves."""

    network: str = "lprnet"  # or "lprnet_lite", "prnet"
    network_options: dict[str, Any] = field(default_factory=dict)  # what its function takes, such as posed = false
    samples: int = 500_000
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: int = 10_000  # samples over which the learning rate rises
    halve_every: int = 0  # samples after which the learning rate halves, again and again; 0: a cosine instead
    optimizer: str = "adam"  # or "muon"
    loss: str = "l1"  # or "l2", "wing"
    landmark_weight: float = 1.0  # of the mean landmark distance against that of the texels
    similarity_weight: float = 0.0  # of the whole face's shift, scale and turn against the texels
    edge_weight: float = 0.0  # of the vectors between neighbouring texels against the texels
    gap_weight: float = 0.0  # of the gaps between the lids and between the lips against the texels
    gradient_norm: float = 1.0  # clip; 0: none
    precision: str = "float32"  # Keras' policy: or "mixed_bfloat16", "mixed_float16"
    average: float = 0.998  # momentum of the running average of the weights, which is what is evaluated and kept
    augmentation: str = "wide"
    profile_weight: float = 2.0  # how often real photos past 60 degrees of yaw are drawn, against the others
    expressive_weight: float = 1.0  # how often those with the mouth wide open or the eyes shut are
    trust: bool = True  # draw real photos with doubtful labels less often
    synthetic: float = 0.0  # share of the samples that comes from shards beside real photos
    checkpoint_every: int = 8_000  # samples
    validate_every: int = 32_000
    seed: int = 0

    @classmethod
    def load(cls, name: str | Path, changes: Iterable[str] = ()) -> TrainingConfig:
        """From a TOML file, or by the name of a bundled recipe such as ``lite-open``.

        ``changes`` are further lines of TOML that take the place of the recipe's, such as ``loss = "l2"``.

        Raises
        ------
        ValueError
            For a recipe that is not there, is not TOML, or sets what there is not.
        """
        path = Path(name)
        if path.suffix != ".toml":
            path = data_path(f"recipes/{name}.toml")
        if not path.is_file():
            raise ValueError(f"no training recipe at {path}")
        values: dict[str, Any] = {}
        for source, text in ((str(path), path.read_text(encoding="utf-8")), *((repr(c), c) for c in changes)):
            try:
                values |= tomllib.loads(text)
            except tomllib.TOMLDecodeError as error:
                raise ValueError(f"{source} is not valid TOML: {error}") from error
        types = {f.name: type(getattr(cls(), f.name)) for f in fields(cls)}
        if unknown := sorted(set(values) - set(types)):
            raise ValueError(f"{path} sets {', '.join(unknown)}; a recipe has {', '.join(sorted(types))}")
        for key, value in values.items():
            kind = (float, int) if types[key] is float else types[key]
            if not isinstance(value, kind) or isinstance(value, bool) != (types[key] is bool):
                raise ValueError(f"{path}: {key} is of type {types[key].__name__}, not {value!r}")
        config = cls(**values)
        choices = {"optimizer": ("adam", "muon"), "loss": ("l1", "l2", "wing"), "augmentation": tuple(SETTINGS)}
        choices["precision"] = ("float32", "mixed_bfloat16", "mixed_float16")
        choices["network"] = tuple(NETWORK_OPTIONS)
        for key, known in choices.items():
            if getattr(config, key) not in known:
                raise ValueError(f"{path}: {key} is one of {', '.join(known)}, not {getattr(config, key)}")
        for key in ("samples", "batch_size", "checkpoint_every", "validate_every"):
            if getattr(config, key) < 1:
                raise ValueError(f"{path}: {key} is at least 1, not {getattr(config, key)}")
        known = NETWORK_OPTIONS[config.network]
        if unknown := sorted(set(config.network_options) - set(known)):
            takes = ", ".join(known)
            raise ValueError(f"{path}: network_options has {', '.join(unknown)}; {config.network} takes {takes}")
        if not 0 <= config.synthetic <= 1:
            raise ValueError(f"{path}: synthetic is a share from 0 to 1, not {config.synthetic}")
        return config
