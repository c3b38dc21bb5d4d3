"""Helpers for the notebooks' figures that would only distract from their topic."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCH = 100  # pixels of a tile's picture
LINE, GAP = 0.16, 0.1  # inches: a line of a title, and the space around it
HEADING = 0.35  # inches


def tiles(pictures: Sequence[Image], titles: Sequence[str], columns: int, heading: str | None = None) -> list[Axes]:
    """Pictures (H, W, 3) of one size side by side, each below its title, without axes.

    A picture's pixel is 1/100 inch wide, whatever the length of the titles. ``axes[0].figure`` is the figure.
    """
    import matplotlib.pyplot as plt

    height, width = np.array(pictures[0].shape[:2]) / INCH
    rows = -(-len(pictures) // columns)
    line = LINE * (1 + max(title.count("\n") for title in titles)) + GAP
    size = np.array([columns * width, rows * (height + line) + HEADING * bool(heading)])
    figure = plt.figure(figsize=tuple(size))
    if heading:
        figure.suptitle(heading, y=1 - 0.05 / size[1], va="top", fontsize=11)
    axes = []
    for k, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        corner = np.array([k % columns * width, (rows - 1 - k // columns) * (height + line)])
        ax = figure.add_axes((*(corner / size), *(np.array([width, height]) / size)))
        ax.imshow(picture, interpolation="nearest")
        ax.set_title(title, fontsize=9, pad=3)
        ax.axis("off")
        ax.autoscale(False)
        axes.append(ax)
    return axes


def link_points(
    figure: Figure, start: tuple[Axes, ArrayLike], end: tuple[Axes, ArrayLike], color: str = "tab:red"
) -> None:
    """Draw an arrow from a point of one plot to a point of another, each given as (axes, (x, y))."""
    from matplotlib.patches import ConnectionPatch

    (from_ax, from_point), (to_ax, to_point) = start, end
    places = {"coordsA": from_ax.transData, "coordsB": to_ax.transData}
    arrow = {"arrowstyle": "->", "shrinkA": 4, "shrinkB": 4, "color": color}
    figure.add_artist(ConnectionPatch(tuple(np.asarray(from_point)), tuple(np.asarray(to_point)), **places, **arrow))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep a notebook free of what compiled code prints on the terminal, such as TensorFlow's start-up messages."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    terminal = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
