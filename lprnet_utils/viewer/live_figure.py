"""A widget with a plotly figure: the kernel can move its points quickly and send files for the browser to save.

The widget is an iframe that contains plotly.js, so it needs no network and no front-end extension. While points move,
only their new coordinates are sent, so the view neither flickers nor loses its rotation.
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

COORDINATE_STEP = 0.1  # moved coordinates are rounded to multiples of it

# The frame polls three elements of the page around it, which the kernel rewrites: the figure, the coordinates of its
# points, and a link to a file. It clicks the link when there is a new file.
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
    """plotly.js, compressed by gzip and encoded in base64."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


class LiveFigure(widgets.VBox):
    """A 3D figure that the user can turn and the kernel can move; ``title`` describes it for screen readers."""

    def __init__(self, title: str, height: int):
        self._id, self._version = uuid.uuid4().hex[:12], 0
        page = PAGE.replace("@ID@", self._id).replace("@STEP@", str(COORDINATE_STEP)).replace("@PLOTLY@", _plotly())
        style = f"width: 100%; height: {height}px; border: 0"
        frame = f'<iframe title="{html.escape(title)}" srcdoc="{html.escape(page)}" style="{style}"></iframe>'
        self.figure, self.points = (widgets.HTML(layout={"display": "none"}) for _ in range(2))
        self.file = widgets.HTML()
        super().__init__([widgets.HTML(frame), self.figure, self.points], layout={"width": "100%"})

    def show(self, figure: go.Figure) -> None:
        """Show another figure. The user's rotation stays if its layout has the same ``uirevision``."""
        self.figure.value = self._data("figure", figure.to_json())

    def clear(self) -> None:
        """Show an empty figure."""
        self.figure.value = self._data("figure", '{"data": [], "layout": {}}')

    def move(self, parts: Sequence[ArrayLike]) -> None:
        """Move the points of the first traces to coordinates (3, n), rounded to 0.1; they must not exceed 3,276."""
        self.points.value = self._data("points", json.dumps([_pack(part) for part in parts]))

    def save(self, data: bytes, name: str, mime_type: str) -> None:
        """Send the browser a file of a MIME type: it saves it at once, and :attr:`file` shows a link to it."""
        link = f'download="{name}" href="data:{mime_type};base64,{base64.b64encode(data).decode()}"'
        self.file.value = f"<a {self._version_attributes('file')} {link}>{name}, {len(data) / 1e6:.1f} MB</a>"

    def _version_attributes(self, name: str) -> str:
        """HTML attributes with a new version, by which the frame notices a change."""
        self._version += 1
        return f'id="lprnet-{name}-{self._id}" data-version="{self._version}"'

    def _data(self, name: str, text: str) -> str:
        text = text.replace("<", "\\u003c")  # a tag in a text would end the element
        return f'<script type="application/json" {self._version_attributes(name)}>{text}</script>'


def _pack(points: ArrayLike) -> str:
    """Coordinates (3, n) in multiples of COORDINATE_STEP, as 16-bit integers in base64."""
    steps = np.clip(np.rint(np.asarray(points, np.float32) / COORDINATE_STEP), -32768, 32767).astype("<i2")
    return base64.b64encode(np.ascontiguousarray(steps).tobytes()).decode()
