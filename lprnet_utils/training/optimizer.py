"""The learning rate over a run, and the Muon optimizer."""

from typing import Any

import keras
import numpy as np

from .recipes import TrainingConfig


def learning_rate(config: TrainingConfig, sample: int) -> float:
    """The learning rate of the step after this many samples: a linear warm-up, then half a cosine down to 0.

    With ``halve_every``, it is halved again and again instead; with ``linear_decay``, it falls to 0 in a straight line
    over this last share of the samples.

    Examples
    --------
    >>> config = TrainingConfig(samples=1000, batch_size=10, warmup=100, learning_rate=0.1)
    >>> [round(float(learning_rate(config, sample)), 3) for sample in (0, 100, 550, 1000)]
    [0.009, 0.1, 0.05, 0.0]
    """
    if sample < config.warmup:
        return config.learning_rate * (sample + config.batch_size) / (config.warmup + config.batch_size)
    if config.halve_every:
        return config.learning_rate * 0.5 ** (sample // config.halve_every)
    if config.linear_decay:
        left = 1 - sample / config.samples
        return config.learning_rate * min(max(left / config.linear_decay, 0.0), 1.0)
    t = min((sample - config.warmup) / max(config.samples - config.warmup, 1), 1.0)
    return config.learning_rate * 0.5 * (1 + np.cos(np.pi * t))


class Muon(keras.optimizers.Muon):
    """Keras' Muon, also for 1 x 1 convolutions, which are most of a mobile network. Adam updates all other weights.

    Muon makes the momentum of each matrix orthogonal before the step (Jordan et al., 2024; Liu et al., arXiv
    2502.16982).
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        shape = tuple(variable.shape)
        matrix = len(shape) == 2 or (len(shape) == 4 and shape[:2] == (1, 1))
        return not matrix or min(shape[-2:]) < 16  # the last layers have few outputs

    def lr_adjust(self, x: Any) -> Any:
        """Scale the step to the size of Adam's steps, by the larger side of the matrix."""
        return x * self.rms_rate * max(x.shape[-2:]) ** 0.5
