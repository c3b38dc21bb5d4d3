from .batches import Batches
from .optimization import learning_rate, map_loss
from .recipes import TrainingConfig
from .trainer import Trainer, mean_nme

__all__ = [
    "Batches",
    "Trainer",
    "TrainingConfig",
    "learning_rate",
    "map_loss",
    "mean_nme",
]
