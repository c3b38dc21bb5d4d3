"""Helpers for the notebooks' figures."""

import os

import matplotlib.pyplot as plt
import numpy as np

from lprnet_utils.course import link_points, quiet, tiles


def test_tiles_are_shown_pixel_by_pixel_whatever_their_titles():
    pictures = list(np.random.default_rng(0).integers(0, 256, (5, 60, 80, 3), np.uint8))
    for titles, heading in ((["a"] * 5, None), (["a\nb"] * 4 + ["c"], "Five pictures")):
        axes = tiles(pictures, titles, 3, heading)
        figure = axes[0].figure
        figure.dpi = 100
        assert [tuple(ax.get_window_extent().size.round(6)) for ax in axes] == [(80, 60)] * 5
        figure.canvas.draw()
        tops = [axes[k].title.get_window_extent().y1 for k in range(5)]
        assert max(tops[3:]) <= axes[0].get_window_extent().y0 and max(tops) <= figure.bbox.height
        if heading:
            assert figure._suptitle.get_window_extent().y0 >= max(tops), "the heading is above all titles"
        plt.close(figure)


def test_an_arrow_links_two_plots():
    figure, (left, right) = plt.subplots(1, 2)
    link_points(figure, (left, (0.2, 0.5)), (right, (0.5, 0.5)))
    figure.canvas.draw()
    box = figure.artists[0].get_window_extent()
    assert box.x0 < left.bbox.x1 < right.bbox.x0 < box.x1
    plt.close(figure)


def test_the_terminal_is_quiet_for_a_moment(capfd):
    with quiet():
        os.write(2, b"hello\n")
    os.write(2, b"again\n")
    assert capfd.readouterr().err == "again\n"
