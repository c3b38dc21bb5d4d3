"""Helpers for the notebooks' figures."""

import base64
import io
import os

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import pytest

from lprnet_utils.course import block_diagram, link_points, number_landmarks, quiet, show_gif, tiles
from lprnet_utils.geometry import LANDMARK_LINES


def test_tiles_are_shown_pixel_by_pixel_whatever_their_titles():
    pictures = list(np.random.default_rng(0).integers(0, 256, (5, 60, 80, 3), np.uint8))
    for titles, heading, zoom in ((["a"] * 5, None, 1), (["a\nb"] * 4 + ["c"], "Five pictures", 0.5)):
        axes = tiles(pictures, titles, 3, heading, zoom)
        figure = axes[0].figure
        figure.dpi = 100
        assert [tuple(ax.get_window_extent().size.round(6)) for ax in axes] == [(80 * zoom, 60 * zoom)] * 5
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


def test_the_numbers_of_landmarks_stand_outside_their_part(layout, model):
    points = layout.landmarks(layout.vertices_to_map(model.mean))[:, :2] * [4, -4]
    figure, ax = plt.subplots(figsize=(12, 12))
    ax.set(xlim=(-450, 450), ylim=(450, -450))
    number_landmarks(ax, points, list(LANDMARK_LINES))
    assert [text.get_text() for text in ax.texts] == [str(k) for k in range(68)]
    places = np.array([text.get_position() for text in ax.texts])
    assert np.allclose(np.linalg.norm(places, axis=1), 8)
    for k, away in ((0, (-1, 0)), (8, (0, -1)), (16, (1, 0)), (19, (0, 1)), (33, (0, -1)), (48, (-1, 0)), (60, (1, 0))):
        assert places[k] @ away > 6, f"number {k} stands on the wrong side"
    plt.close(figure)


def test_a_diagram_has_a_block_for_each_layer():
    figure, ax = plt.subplots()
    block_diagram(ax, [(64, 16, "tab:blue"), (1, 100, "tab:green"), (16, 400, "tab:orange")], "a network")
    assert [patch.get_height() ** 2 for patch in ax.patches] == pytest.approx([64, 1, 16])
    ends = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]
    assert all(end < start for (_, end), (start, _) in zip(ends, ends[1:], strict=False)), "from left to right"
    assert [text.get_text() for text in ax.texts] == ["64²", "16", "", "100", "16²", "400"]
    plt.close(figure)


def test_the_terminal_is_quiet_for_a_moment(capfd):
    with quiet():
        os.write(2, b"hello\n")
    os.write(2, b"again\n")
    assert capfd.readouterr().err == "again\n"


def test_a_moving_picture_has_all_pictures_their_colours_and_a_description(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata)))
    colors = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]
    show_gif([np.full((20, 30, 3), color, np.uint8) for color in colors], "Red, green and blue squares", 0.3)
    ((data, metadata),) = shown
    assert metadata["image/gif"]["alt"] == data["text/plain"] == "Red, green and blue squares"
    gif = PIL.Image.open(io.BytesIO(base64.b64decode(data["image/gif"])))
    assert gif.n_frames == 3 and gif.size == (30, 20) and gif.info["duration"] == 300
    for k, color in enumerate(colors):
        gif.seek(k)
        assert np.abs(np.asarray(gif.convert("RGB"), int)[5, 5] - color).max() < 16
    with pytest.raises(ValueError, match="at least one picture"):
        show_gif([], "Nothing")
