"""A plotly figure in a widget of its own, whose points the kernel can move quickly, and files for the browser to save.

A plain ``go.Figure`` in a frame that brings plotly.js along: no network and no extension of the front end is needed,
and while points move only their new places are sent, so the view neither flickers nor turns back.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import uuid
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import plotly.graph_objects as go

STEP = 0.1  # what moved coordinates are rounded to

# The frame looks for three elements beside it, which the kernel writes anew: the figure, the places of its points, and
# a link to a file, which it clicks when there is a new one.
PAGE = """<!doctype html><meta charset="utf-8">
<style>html, body, #figure { margin: 0; height: 100%; overflow: hidden; background: white }</style>
<div id="figure"></div>
<script>
(async () => {
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const unpacked = new Blob([bytes("@PLOTLY@")]).stream().pipeThrough(new DecompressionStream("gzip"));
  const plotly = document.createElement("script");
  plotly.textContent = await new Response(unpacked).text();
  document.head.append(plotly);
  const axes = text => {
    const all = Float32Array.from(new Int16Array(bytes(text).buffer), v => v * @STEP@), n = all.length / 3;
    return [0, 1, 2].map(k => all.subarray(k * n, (k + 1) * n));
  };
  const place = document.getElementById("figure");
  const find = name => window.frameElement.getRootNode().getElementById("lprnet-" + name + "-@ID@");
  const version = name => find(name)?.dataset.version ?? "";
  const last = { figure: "", points: "", file: version("file") };
  const changed = name => version(name) !== last[name] && (last[name] = version(name));
  const update = async () => {
    if (changed("figure")) {
      const { data, layout } = JSON.parse(find("figure").textContent);
      await Plotly.react(place, data, layout, { responsive: true, displaylogo: false });
      last.points = "";
    }
    if (last.figure && changed("points")) {
      const parts = JSON.parse(find("points").textContent).map(axes);
      const [x, y, z] = [0, 1, 2].map(k => parts.map(part => part[k]));
      await Plotly.restyle(place, { x, y, z }, [...parts.keys()]);
    }
    if (changed("file")) find("file").click();
    setTimeout(update, 25);
  };
  update();
})();
</script>"""


@cache
def _plotly() -> str:
    """plotly.js, packed."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


class LiveFigure(widgets.VBox):
    """A 3D figure to look at, to turn, and to move.

    Parameters
    ----------
    title : str
        What there is to see, for those who do not.
    height : int
        Pixels.
    """

    def __init__(self, title: str, height: int = 480):
        self._id, self._version = uuid.uuid4().hex[:12], 0
        page = PAGE.replace("@ID@", self._id).replace("@STEP@", str(STEP)).replace("@PLOTLY@", _plotly())
        style = f"width: 100%; height: {height}px; border: 0"
        frame = f'<iframe title="{html.escape(title)}" srcdoc="{html.escape(page)}" style="{style}"></iframe>'
        self.figure, self.points = (widgets.HTML(layout={"display": "none"}) for _ in range(2))
        self.file = widgets.HTML()
        super().__init__([widgets.HTML(frame), self.figure, self.points], layout={"width": "100%"})

    def show(self, figure: go.Figure) -> None:
        """Another figure; how the reader has turned it stays where its layout has the same ``uirevision``."""
        self.figure.value = self._data("figure", figure.to_json())

    def clear(self) -> None:
        """An empty figure."""
        self.figure.value = self._data("figure", '{"data": [], "layout": {}}')

    def move(self, parts: Sequence[ArrayLike]) -> None:
        """New places (3, n) of the points of the first few traces, rounded to tenths, up to 3,276."""
        steps = (np.clip(np.rint(np.asarray(p, np.float32) / STEP), -32768, 32767).astype("<i2") for p in parts)
        packed = [base64.b64encode(np.ascontiguousarray(p).tobytes()).decode() for p in steps]
        self.points.value = self._data("points", json.dumps(packed))

    def save(self, data: bytes, name: str, kind: str) -> None:
        """Give the browser a file of a MIME type: it saves it at once, and :attr:`file` shows a link to it."""
        link = f'download="{name}" href="data:{kind};base64,{base64.b64encode(data).decode()}"'
        self.file.value = f"<a {self._mark('file')} {link}>{name}, {len(data) / 1e6:.1f} MB</a>"

    def _mark(self, name: str) -> str:
        self._version += 1
        return f'id="lprnet-{name}-{self._id}" data-version="{self._version}"'

    def _data(self, name: str, text: str) -> str:
        text = text.replace("<", "\\u003c")  # or a text with a tag would end the element
        return f'<script type="application/json" {self._mark(name)}>{text}</script>'
