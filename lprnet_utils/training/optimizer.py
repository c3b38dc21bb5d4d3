"""The Muon optimizer, and the learning rate over a run."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from .recipes import TrainingConfig


def learning_rate(config: TrainingConfig, sample: int) -> float:
    """Linear warm-up, then half a cosine down to 0 at the last sample, or halved again and again."""
    if sample < config.warmup:
        return config.learning_rate * (sample + config.batch_size) / (config.warmup + config.batch_size)
    if config.halve_every:
        return config.learning_rate * 0.5 ** (sample // config.halve_every)
    t = min((sample - config.warmup) / max(config.samples - config.warmup, 1), 1.0)
    return config.learning_rate * 0.5 * (1 + np.cos(np.pi * t))


class Muon(keras.optimizers.Muon):
    """Keras' Muon, for 1 x 1 convolutions too, which are most of a mobile network; Adam for all other weights.

    The momentum of each matrix is made orthogonal before the step (Jordan et al., 2024; Liu et al., arXiv 2502.16982).
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        shape = tuple(variable.shape)
        matrix = len(shape) == 2 or (len(shape) == 4 and shape[:2] == (1, 1))
        return not matrix or min(shape[-2:]) < 16  # the last layers: a few outputs

    def lr_adjust(self, x: Any) -> Any:
        """The step scaled to the size of Adam's, by the matrix' larger side."""
        return x * self.rms_rate * max(x.shape[-2:]) ** 0.5
