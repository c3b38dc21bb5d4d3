from .batches import Batches
from .losses import map_loss
from .optimizer import learning_rate
from .recipes import TrainingConfig
from .trainer import Trainer
from .validation import mean_nme

__all__ = [
    "Batches",
    "Trainer",
    "TrainingConfig",
    "learning_rate",
    "map_loss",
    "mean_nme",
]
