from .aflw import AFLW2000, AFLWTrain
from .augmentation import AUGMENTATIONS, Augmentation, augment_picture, mirror_crop, sample_matrix
from .labels import HumanPoints, fuse_points, graft_parts
from .photo_folder import PhotoFolder
from .shard_stream import ShardStream
from .shards import Shards, pack
from .sources import FittedPhotos, fit_photos
from .w300lp import W300LP, convert_300wlp

__all__ = [
    "AFLW2000",
    "AFLWTrain",
    "Augmentation",
    "FittedPhotos",
    "HumanPoints",
    "PhotoFolder",
    "AUGMENTATIONS",
    "ShardStream",
    "Shards",
    "W300LP",
    "augment_picture",
    "convert_300wlp",
    "fit_photos",
    "fuse_points",
    "graft_parts",
    "mirror_crop",
    "pack",
    "sample_matrix",
]
