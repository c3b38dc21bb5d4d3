"""Matplotlib figures in notebooks, with a description for screen readers."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show(fig: Figure, alt: str, photo: bool = False) -> None:
    """Display a figure in a notebook as a small picture with a description for screen readers, and close it.

    Parameters
    ----------
    fig : matplotlib figure
    alt : str
        Description of the figure for readers who cannot see it.
    photo : bool
        Store it as JPEG, for photos; otherwise as PNG with 256 colours, for drawings.
    """
    import matplotlib.pyplot as plt
    import PIL.Image
    from IPython.display import display

    drawn, file = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, dpi=100)
    plt.close(fig)
    picture = PIL.Image.open(drawn).convert("RGB")
    if photo:
        picture.save(file, "jpeg", quality=88)
    else:
        picture.quantize(256, dither=0).save(file, "png", optimize=True)
    kind = "image/jpeg" if photo else "image/png"
    # IPython.display.Image has no ``alt`` before IPython 8.1, and Colab has 7.34
    data = {kind: file.getvalue(), "text/plain": alt}
    display(data, metadata={kind: {"alt": alt}}, raw=True)
