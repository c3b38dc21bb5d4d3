"""A widget with a face in 3D: the kernel can move it quickly, and send files for the browser to save.

The widget is a frame that holds all its code (``face_page.html``), so it needs no network and no front-end extension.
While the face moves, only new coordinates are sent.
"""

from __future__ import annotations

import base64
import html
import uuid
from collections.abc import Sequence

import ipywidgets as widgets
from numpy.typing import ArrayLike

from ..common.arrays import Image
from .face_page import element, figure_data, filled_page, points_data


class FaceView(widgets.VBox):
    """A face in 3D that the user can turn and the kernel can move; ``title`` describes it for screen readers.

    ``script`` is JavaScript that the frame runs as well.
    """

    def __init__(self, title: str, script: str = ""):
        self._id, self._version = uuid.uuid4().hex[:12], 0
        script = f"<script>{script}</script>" if script else ""
        page = filled_page(self._id, title, "Waiting for a face ...", script=script)
        frame = f'<iframe class="lprnet-frame" title="{html.escape(title)}" srcdoc="{html.escape(page)}"></iframe>'
        self.figure, self.points = (widgets.HTML(layout={"display": "none"}) for _ in range(2))
        self.file = widgets.HTML()
        super().__init__([widgets.HTML(frame), self.figure, self.points], layout={"width": "100%"})

    def show(
        self, triangles: ArrayLike, uv: ArrayLike, texture: Image, same: ArrayLike | None = None,
        hair: tuple[ArrayLike, ArrayLike, Image] | None = None,
    ) -> None:  # fmt: skip
        """Show another face: triangles (m, 3), and ``uv`` (n, 2; v down) of the vertices in a texture (S, S, 3).

        Vertices with the same number in ``same`` (n,), below n, are at one place, and light does not show their seam.
        ``hair`` has triangles, uv and a texture (h, w, 4) with opacity.
        """
        self.figure.value = self._data("figure", figure_data(triangles, uv, texture, same, hair))

    def clear(self, note: str) -> None:
        """Show a sentence instead of a face."""
        self.figure.value = self._data("figure", {"note": note})

    def move(
        self, parts: Sequence[ArrayLike], clay: bool = False, home: int = 0, hair: ArrayLike | None = None
    ) -> None:
        """Move the vertices (n, 3), and landmarks if there are any. y is up, and z toward the viewer.

        They are rounded to 0.1 mm and must not exceed 3,276. ``clay`` draws no texture. Another number ``home`` than
        before undoes how the user turned the view. ``hair`` are the vertices (k, 3) of the hair.
        """
        self.points.value = self._data("points", points_data(parts, clay, home, hair))

    def save(self, data: bytes, name: str, mime_type: str) -> None:
        """Send the browser a file of a MIME type: it saves it at once, and :attr:`file` shows a link to it."""
        self._version += 1
        link = f'download="{name}" href="data:{mime_type};base64,{base64.b64encode(data).decode()}"'
        attributes = f'id="lprnet-file-{self._id}" data-version="{self._version}"'
        self.file.value = f"<a {attributes} {link}>{name}, {len(data) / 1e6:.1f} MB</a>"

    def _data(self, name: str, value: object) -> str:
        self._version += 1
        return element(name, self._id, self._version, value)
