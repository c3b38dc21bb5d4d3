"""Figures in notebooks."""

import matplotlib.pyplot as plt

from lprnet_utils.viewer import show


def test_a_figure_is_shown_small_with_a_description_and_closed(monkeypatch):
    shown = []
    # IPython 7's display takes only a MIME bundle and its metadata
    monkeypatch.setattr("IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata, raw)))
    for photo, kind, start in ((False, "image/png", b"\x89PNG"), (True, "image/jpeg", b"\xff\xd8")):
        fig, ax = plt.subplots(figsize=(3, 2))
        ax.plot([0, 1])
        show(fig, "a line that rises", photo)
        data, metadata, raw = shown[-1]
        assert data[kind].startswith(start) and len(data[kind]) < 20_000 and raw
        assert metadata[kind]["alt"] == data["text/plain"] == "a line that rises" and not plt.fignum_exists(fig.number)
