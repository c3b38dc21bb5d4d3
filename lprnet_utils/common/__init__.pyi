from .assets import AssetError, DatasetError, data_path
from .files import write_checked
from .images import ImageError, read_image

__all__ = [
    "AssetError",
    "DatasetError",
    "ImageError",
    "data_path",
    "read_image",
    "write_checked",
]
