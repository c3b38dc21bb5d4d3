"""What a network learns: how its batches are made, its loss, and its error on held-out photos."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from ..uv.charts import load_layout
from ..uv.encoding import fraction_outside
from .batches import Batch, make_batch
from .losses import map_loss
from .recipes import TrainingConfig
from .validation import mean_nme


class Task(Protocol):
    """What the trainer asks of a task."""

    error_name: str  # of the error on held-out photos

    def loss(self) -> Callable[[Any, Any], Any]:
        """The loss (B,) between targets and the network's answers."""

    def make_batch(self, source: Any, number: int) -> tuple[Any, Any]:
        """Inputs and targets of batch ``number``."""

    def error(self, model: keras.Model, validation: Any) -> float:
        """The error of a network on held-out photos, in %."""

    def outside(self, targets: Any) -> float:
        """Share of the targets that the network cannot answer."""


class MapTask:
    """From crops to position maps of a side: NME of the landmarks is the error."""

    error_name = "NME"

    def __init__(self, size: int, config: TrainingConfig):
        self.layout, self.config = load_layout(config.chart, size), config

    def loss(self) -> Callable[[Any, Any], Any]:
        """The loss between encoded maps by the recipe's weights."""
        c = self.config
        weights = c.landmark_weight, c.similarity_weight, c.edge_weight, c.gap_weight, c.shape_weight
        return map_loss(self.layout, c.loss, *weights)

    def make_batch(self, source: Any, number: int) -> Batch:
        """Crops and encoded maps of batch ``number``, see :func:`.make_batch`."""
        return make_batch(source, self.config, number)

    def error(self, model: keras.Model, validation: Any) -> float:
        """2D NME in % on held-out photos."""
        return mean_nme(model, validation, self.layout)

    def outside(self, targets: Any) -> float:
        """Share of the maps with points that the encoding cannot hold."""
        return float(fraction_outside(np.asarray(ops.convert_to_numpy(targets))))
