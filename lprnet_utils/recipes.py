"""Recipes of training runs: what a TOML file of ``data/recipes`` or a reader's own may set."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from .assets import data_path
from .augmentation import SETTINGS


@dataclass(frozen=True)
class TrainingConfig:
    """A recipe. ``samples`` counts images over the whole run; the learning rate follows a cosine over it, or halves."""

    network: str = "lprnet"
    samples: int = 500_000
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: int = 10_000  # samples over which the learning rate rises
    halve_every: int = 0  # samples after which the learning rate halves, again and again; 0: a cosine instead
    optimizer: str = "adam"  # or "muon"
    loss: str = "l1"  # or "l2"
    landmark_weight: float = 1.0  # of the mean landmark distance against that of the texels
    similarity_weight: float = 0.0  # of the whole face's shift, scale and turn against the texels
    gradient_norm: float = 1.0  # clip; 0: none
    precision: str = "float32"  # Keras' policy: or "mixed_bfloat16", "mixed_float16"
    average: float = 0.998  # momentum of the running average of the weights, which is what is evaluated and kept
    augmentation: str = "wide"
    synthetic: float = 0.0  # share of the samples that comes from shards beside real photos
    checkpoint_every: int = 8_000  # samples
    validate_every: int = 32_000
    seed: int = 0

    @classmethod
    def load(cls, name: str | Path) -> TrainingConfig:
        """From a TOML file, or by the name of a bundled recipe such as ``published-wild``."""
        path = Path(name)
        if path.suffix != ".toml":
            path = data_path(f"recipes/{name}.toml")
        if not path.is_file():
            raise ValueError(f"no training recipe at {path}")
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path} is not valid TOML: {error}") from error
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"{path} sets {', '.join(unknown)}; a recipe has {', '.join(sorted(known))}")
        config = cls(**values)
        choices = {"optimizer": ("adam", "muon"), "loss": ("l1", "l2"), "augmentation": tuple(SETTINGS)}
        choices["precision"] = ("float32", "mixed_bfloat16", "mixed_float16")
        for name, known in choices.items():
            if getattr(config, name) not in known:
                raise ValueError(f"{path}: {name} is one of {', '.join(known)}, not {getattr(config, name)}")
        if not 0 <= config.synthetic <= 1:
            raise ValueError(f"{path}: synthetic is a share from 0 to 1, not {config.synthetic}")
        return config
