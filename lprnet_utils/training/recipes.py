"""Recipes of training runs, read from the TOML files in ``data/recipes`` or a user's own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from ..common.assets import data_root
from ..datasets.augmentation import AUGMENTATIONS, Augmentation

# parameters of each network's function that a recipe may set, and their types; the functions themselves need Keras
NETWORK_OPTIONS = {
    "prnet": {"size": int},
    "lprnet": {"size": int},
    "lprnet_lite": {"size": int, "code": int, "posed": bool, "normalised": bool, "chart": str},
    "closer_eye": {"normalised": bool},
    "closer_mouth": {"normalised": bool},
}
CLOSE_UPS = {"closer_eye": "eye", "closer_mouth": "mouth"}  # networks that train on close-ups, and of what
CHOICES = {
    "optimizer": ("adam", "muon"),
    "loss": ("l1", "l2", "wing"),
    "augmentation": AUGMENTATIONS,
    "crop_augmentation": AUGMENTATIONS,
    "precision": ("float32", "mixed_bfloat16", "mixed_float16"),
    "network": NETWORK_OPTIONS,
}
LARGEST = 1e9  # of the numbers in a recipe
# the lowest and the highest value of each number
BOUNDS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("samples", "batch_size", "checkpoint_every", "validate_every"), (1, LARGEST)),
    **dict.fromkeys(("warmup", "halve_every", "gradient_norm"), (0, LARGEST)),
    **dict.fromkeys(
        ("landmark_weight", "similarity_weight", "edge_weight", "gap_weight", "shape_weight"), (0, LARGEST)
    ),
    **dict.fromkeys(("profile_weight", "expressive_weight"), (0, LARGEST)),
    "learning_rate": (1e-12, LARGEST),
    "strength": (0, 3),
    **dict.fromkeys(("average", "synthetic", "linear_decay"), (0, 1)),
    "seed": (0, 2**32 - 1),  # Keras takes no other
}
MAX_NETWORK_SIZE, MAX_CODE = 1024, 65_536


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe of a training run.

    ``samples`` counts the images of the whole run. The learning rate follows a cosine over it, or halves repeatedly.
    ValueError, which names the setting, for a wrong type or value.

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
    linear_decay: float = 0.0  # last share of the run, over which a constant rate falls to 0; 0: a cosine instead
    optimizer: str = "adam"  # or "muon"
    loss: str = "l1"  # or "l2", "wing"
    landmark_weight: float = 1.0  # of the mean over the landmarks, against the texels
    similarity_weight: float = 0.0  # of the face's shift, scale and rotation, against the texels
    edge_weight: float = 0.0  # of the vectors between neighbouring texels, against the texels
    gap_weight: float = 0.0  # of the gaps between lids and between lips, against the texels
    shape_weight: float = 0.0  # of the texels after alignment: the shape without place, size and pose
    gradient_norm: float = 1.0  # larger gradients are clipped to it; 0: no clipping
    precision: str = "float32"  # Keras' policy: or "mixed_bfloat16", "mixed_float16"
    average: float = 0.998  # momentum of the running average of the weights, which is validated and saved
    augmentation: str = "wide"  # of photos
    crop_augmentation: str = "none"  # of synthetic crops, varied when they were made; none: only mirrored like photos
    strength: float = 1.0  # factor on all changes of the pictures, of photos and of crops
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
        recipes = data_root() / "recipes"
        path = Path(name) if str(name).endswith(".toml") else recipes / f"{name}.toml"
        if not path.is_file():
            bundled = sorted(found.stem for found in recipes.glob("*.toml"))
            raise ValueError(f"there is no recipe {name}; take a .toml file or one of {', '.join(bundled)}")
        values: dict[str, Any] = {}
        for source, text in ((str(path), path.read_bytes()), *((repr(c), c.encode()) for c in changes)):
            try:
                values |= tomllib.loads(text.decode("utf-8-sig"))  # Windows' editor writes a byte-order mark
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
                raise ValueError(f"{source} is not valid TOML: {error}") from error
        known = sorted(field_.name for field_ in fields(cls))
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"{path} sets {', '.join(unknown)}; a recipe has {', '.join(known)}")
        try:
            return cls(**values)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def __post_init__(self) -> None:
        for field_ in fields(self):
            value = getattr(self, field_.name)
            expected = dict if field_.default is MISSING else type(field_.default)
            accepted = (float, int) if expected is float else expected
            if not isinstance(value, accepted) or isinstance(value, bool) != (expected is bool):
                raise ValueError(f"{field_.name} is of type {expected.__name__}, not {value!r}")
        for key, known in CHOICES.items():
            if getattr(self, key) not in known:
                raise ValueError(f"{key} is one of {', '.join(known)}, not {getattr(self, key)}")
        for key, (low, high) in BOUNDS.items():
            if not low <= getattr(self, key) <= high:  # NaN is not
                raise ValueError(f"{key} is a number from {low:g} to {high:g}, not {getattr(self, key)}")
        self._check_network()

    @property
    def chart(self) -> str:
        """What the network's maps show: an option of the network."""
        return self.network_options.get("chart", "face")

    def setting(self, cropped: bool) -> Augmentation:
        """How photos, or crops that were varied when they were made, are augmented."""
        return AUGMENTATIONS[self.crop_augmentation if cropped else self.augmentation].scaled(self.strength)

    def _check_network(self) -> None:
        """ValueError for options that the network's function does not take."""
        known = NETWORK_OPTIONS[self.network]
        if unknown := ", ".join(sorted(set(self.network_options) - set(known))):
            raise ValueError(f"network_options has {unknown}; {self.network} takes {', '.join(known)}")
        for key, value in self.network_options.items():
            if type(value) is not known[key]:
                raise ValueError(f"network_options: {key} is of type {known[key].__name__}, not {value!r}")
        size, code = self.network_options.get("size", 128), self.network_options.get("code", 0)
        if not 32 <= size <= MAX_NETWORK_SIZE or size % 32:
            raise ValueError(f"network_options: size is a multiple of 32 up to {MAX_NETWORK_SIZE}, not {size}")
        if not 0 <= code <= MAX_CODE:
            raise ValueError(f"network_options: code is a number from 0 to {MAX_CODE}, not {code}")
