"""Rice codes for the web package's files; ``web/src/common/rice.ts`` reads them and says what they are."""

import numpy as np
from numpy.typing import NDArray


def rice_bits(numbers: NDArray[np.int_], parameter: int) -> NDArray[np.uint8]:
    """Bits of numbers (n,), not negative: as many ones as ``number >> parameter``, a zero, and the low bits."""
    high = numbers >> parameter
    ends = np.cumsum(high + 1 + parameter)
    starts = ends - (high + 1 + parameter)
    bits = np.zeros(ends[-1] if len(ends) else 0, np.uint8)
    steps = np.zeros(len(bits) + 1, int)
    np.add.at(steps, starts, 1)
    np.add.at(steps, starts + high, -1)
    bits[:] = np.cumsum(steps)[:-1]
    for bit in range(parameter):
        bits[starts + high + 1 + bit] = numbers >> bit & 1
    return bits
