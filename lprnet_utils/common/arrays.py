"""Names that type hints use for arrays; docstrings say the shapes."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Image = NDArray[np.uint8]  # (H, W, 3), RGB
