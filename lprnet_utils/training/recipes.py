"""Recipes of training runs, read from the TOML files in ``data/recipes`` or a user's own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ..common.assets import data_path
from ..datasets.augmentation import AUGMENTATIONS

# parameters of each network's function that a recipe may set; the functions themselves need Keras
NETWORK_OPTIONS = {"prnet": ("size",), "lprnet": ("size",), "lprnet_lite": ("size", "code", "posed", "normalised")}
CHOICES = {
    "optimizer": ("adam", "muon"),
    "loss": ("l1", "l2", "wing"),
    "augmentation": tuple(AUGMENTATIONS),
    "precision": ("float32", "mixed_bfloat16", "mixed_float16"),
    "network": tuple(NETWORK_OPTIONS),
}


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe of a training run.

    ``samples`` counts the images of the whole run. The learning rate follows a cosine over it, or halves repeatedly.

    Examples
    --------
    >>> TrainingConfig.load("lite-open").network
    'lprnet_lite'
    >>> TrainingConfig.load("lite-open", ['loss = "l2"', "samples = 1000"]).samples
    1000
    """

    network: str = "lprnet"  # or "lprnet_lite", "prnet"
    network_options: dict[str, Any] = field(default_factory=dict)  # parameters of its function, such as posed = false
    samples: int = 500_000
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: int = 10_000  # samples over which the learning rate rises
    halve_every: int = 0  # samples after which the learning rate halves repeatedly; 0: a cosine instead
    optimizer: str = "adam"  # or "muon"
    loss: str = "l1"  # or "l2", "wing"
    landmark_weight: float = 1.0  # of the mean over the landmarks, against the texels
    similarity_weight: float = 0.0  # of the face's shift, scale and rotation, against the texels
    edge_weight: float = 0.0  # of the vectors between neighbouring texels, against the texels
    gap_weight: float = 0.0  # of the gaps between lids and between lips, against the texels
    gradient_norm: float = 1.0  # larger gradients are clipped to it; 0: no clipping
    precision: str = "float32"  # Keras' policy: or "mixed_bfloat16", "mixed_float16"
    average: float = 0.998  # momentum of the running average of the weights, which is validated and saved
    augmentation: str = "wide"
    profile_weight: float = 2.0  # how often real photos beyond 60 degrees of yaw are drawn, against the others
    expressive_weight: float = 1.0  # the same for photos with the mouth wide open or the eyes shut
    trust: bool = True  # draw real photos with doubtful labels less often
    synthetic: float = 0.0  # share of the samples from shards, the rest being real photos
    checkpoint_every: int = 8_000  # samples
    validate_every: int = 32_000
    seed: int = 0

    @classmethod
    def load(cls, name: str | Path, changes: Iterable[str] = ()) -> Self:
        """Load a TOML file, or a bundled recipe by a name such as ``lite-open``.

        ``changes`` are further lines of TOML that override those of the recipe, such as ``loss = "l2"``.

        Raises
        ------
        ValueError
            If there is no such recipe, it is not valid TOML, or a setting or its value is unknown.
        """
        path = Path(name) if str(name).endswith(".toml") else data_path(f"recipes/{name}.toml")
        if not path.is_file():
            raise ValueError(f"no training recipe at {path}")
        values: dict[str, Any] = {}
        for source, text in ((str(path), path.read_text(encoding="utf-8")), *((repr(c), c) for c in changes)):
            try:
                values |= tomllib.loads(text)
            except tomllib.TOMLDecodeError as error:
                raise ValueError(f"{source} is not valid TOML: {error}") from error
        types = {name: type(value) for name, value in vars(cls()).items()}
        if unknown := sorted(set(values) - set(types)):
            raise ValueError(f"{path} sets {', '.join(unknown)}; a recipe has {', '.join(sorted(types))}")
        for key, value in values.items():
            accepted = (float, int) if types[key] is float else types[key]
            if not isinstance(value, accepted) or isinstance(value, bool) != (types[key] is bool):
                raise ValueError(f"{path}: {key} is of type {types[key].__name__}, not {value!r}")
        config = cls(**values)
        config._check_values(path)
        return config

    def _check_values(self, path: Path) -> None:
        for key, known in CHOICES.items():
            if getattr(self, key) not in known:
                raise ValueError(f"{path}: {key} is one of {', '.join(known)}, not {getattr(self, key)}")
        for key in ("samples", "batch_size", "checkpoint_every", "validate_every"):
            if getattr(self, key) < 1:
                raise ValueError(f"{path}: {key} is at least 1, not {getattr(self, key)}")
        known = NETWORK_OPTIONS[self.network]
        if unknown := ", ".join(sorted(set(self.network_options) - set(known))):
            raise ValueError(f"{path}: network_options has {unknown}; {self.network} takes {', '.join(known)}")
        if not 0 <= self.synthetic <= 1:
            raise ValueError(f"{path}: synthetic is a share from 0 to 1, not {self.synthetic}")
