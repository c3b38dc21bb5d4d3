"""Helpers for the notebooks' figures that would only distract from their topic."""

from __future__ import annotations

import base64
import io
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Image
from ..geometry.landmarks import LANDMARK_LINES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCH = 100  # pixels of the page
LINE, GAP = 0.16, 0.1  # inches: a line of a title, and the space around it
HEADING = 0.27  # inches
BLOCK_GAP = 0.8  # between the blocks of a diagram, whose unit is the root of a pixel
PALETTE_PICTURES = 8  # of a moving picture, from which its colours are chosen
NUMBER_OFFSET = 8  # points, from a landmark to its number
# where the numbers of parts stand that are not closed, in pixels of a picture (y down)
BESIDE = {"right brow": (0, -1), "left brow": (0, -1), "nose bridge": (1, 0), "nose": (0, 1)}


def tiles(
    pictures: Sequence[Image], titles: Sequence[str], columns: int, heading: str | None = None, zoom: float = 1.0
) -> list[Axes]:
    """Pictures (H, W, 3) of one size side by side, each below its title, without axes.

    ``zoom`` is the width on the page of a picture's pixel, in pixels, whatever the titles' length. ``show`` stores
    two for each of the page, so at 0.5 it keeps all that a picture has. ``axes[0].figure`` is the figure.
    """
    import matplotlib.pyplot as plt

    height, width = np.array(pictures[0].shape[:2]) * zoom / INCH
    rows = -(-len(pictures) // columns)
    line = LINE * (1 + max(title.count("\n") for title in titles)) + GAP if any(titles) else GAP / 4
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


def show_gif(pictures: Sequence[Image], alt: str, seconds: float = 0.2, colors: int = 128) -> None:
    """Display pictures (H, W, 3) of one size as a moving picture, each for ``seconds``, with a description ``alt``.

    All have the same palette, so that what stands still does not flicker. ValueError without pictures.
    """
    import PIL.Image
    from IPython.display import display

    if not len(pictures):
        raise ValueError("a moving picture needs at least one picture")
    chosen = np.linspace(0, len(pictures) - 1, min(len(pictures), PALETTE_PICTURES)).astype(int)
    palette = PIL.Image.fromarray(np.concatenate([pictures[k] for k in chosen])).quantize(colors, dither=0)
    first, *others = (PIL.Image.fromarray(picture).quantize(palette=palette, dither=0) for picture in pictures)
    file = io.BytesIO()
    first.save(file, "gif", save_all=True, append_images=others, duration=round(1000 * seconds), loop=0)
    data = {"image/gif": base64.b64encode(file.getvalue()).decode(), "text/plain": alt}
    display(data, metadata={"image/gif": {"alt": alt}}, raw=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep a notebook free of what compiled code prints on the terminal, such as TensorFlow's start-up messages.

    TensorFlow's own notes, about each file that it writes, are turned off for good.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    terminal = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # after the import, which sets it
        os.dup2(terminal, 2)
        os.close(terminal)


def number_landmarks(ax: Axes, points: ArrayLike, parts: Sequence[str]) -> None:
    """Write the numbers of 68 landmarks (68, 2) beside them, outside the part of the face that they belong to.

    ``parts`` are names of :data:`lprnet_utils.geometry.LANDMARK_LINES`.
    """
    from matplotlib.patheffects import withStroke

    points = np.asarray(points)[:, :2]
    for part in parts:
        first, last, closed = LANDMARK_LINES[part]
        group = points[first : last + 1]
        aside = (
            group - group.mean(0)
            if closed or part == "jaw"
            else np.tile(np.array(BESIDE[part], float), (len(group), 1))
        )
        if part == "nose bridge":
            aside[0] = 0, -1  # beside its upper end stand the numbers of the eyes' inner corners
        aside = (
            aside / np.linalg.norm(aside, axis=1, keepdims=True) * (-NUMBER_OFFSET if first == 60 else NUMBER_OFFSET)
        )
        for number, point, offset in zip(range(first, last + 1), group, aside * [1, -1], strict=True):
            place = {"textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 6}
            place["path_effects"] = [withStroke(linewidth=1.5, foreground="white")]  # readable on dark grey
            ax.annotate(str(number), tuple(point), tuple(offset), **place)


def block_diagram(ax: Axes, shapes: Sequence[tuple[int, int, str]], title: str) -> None:
    """Draw a network as one block for each layer: as high as its grid, as wide as its channels (root of both).

    ``shapes`` are (side, channels, colour), in the order in which the data flow; a side of 1 is a vector. Sides are
    written where they change.
    """
    x, before = 0.0, 0
    for side, channels, color in shapes:
        height, width = np.sqrt(side), np.sqrt(channels) / 4
        ax.bar(x + width / 2, height, width, -height / 2, color=color, edgecolor="white", linewidth=0.5)
        label = f"{side}²" if side not in (1, before) else ""
        ax.text(x + width / 2, height / 2 + 0.3, label, ha="center", va="bottom", fontsize=7)
        ax.text(x + width / 2, -height / 2 - 0.3, str(channels), ha="center", va="top", fontsize=7, rotation=90)
        x, before = x + width + BLOCK_GAP, side
    ax.set(title=title, xlim=(-0.5, x), ylim=(-11.5, 10))
    ax.axis("off")
