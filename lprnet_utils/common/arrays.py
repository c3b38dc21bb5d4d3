"""Array types for type hints; docstrings give the shapes."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Image = NDArray[np.uint8]  # (H, W, 3), RGB
