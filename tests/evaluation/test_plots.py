"""Figures of an evaluation contain the given values."""

import numpy as np
from matplotlib.figure import Figure

from lprnet_utils.evaluation import cumulative_error, draw_ced, draw_on_face


def test_ced_has_its_curve_and_numbers():
    ax = Figure().subplots()
    draw_ced(ax, {"ours": cumulative_error([2, 4, np.inf, 12])})
    x, y = ax.lines[0].get_data()
    assert x.tolist() == [0, 2, 4, 10] and y.tolist() == [0, 25, 50, 50]
    assert "area 0.350, failures 50.0 %" in ax.get_legend().get_texts()[0].get_text()
    assert ax.get_xlabel() and ax.get_ylabel() and ax.get_xlim()[1] == 10


def test_values_are_drawn_at_their_landmarks_and_texels(layout):
    values = np.zeros(68)
    values[36] = 5
    ax = Figure().subplots()
    draw_on_face(ax, values, "error, %", limit=5)
    marks = ax.collections[-1]
    place = marks.get_offsets()[np.argmax(marks.get_array())]
    assert np.allclose(place, layout.landmarks(layout.mean_map)[36, :2])
    dense = np.zeros((128, 128))
    dense[40, 30] = 1
    ax = Figure().subplots()
    draw_on_face(ax, dense, "error, mm")
    assert np.argmax(ax.collections[0].get_array()) == np.flatnonzero(layout.mesh()[0] == 40 * 128 + 30)[0]
