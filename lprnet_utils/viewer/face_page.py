"""A page of HTML with a face in 3D to turn. It draws by WebGL and needs no network.

:func:`face_page` stands alone; the applet has the same page in a frame, see ``face_view.py``.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ..common.arrays import Image
from ..geometry.shading import CLAY
from ..reconstruction.face import Face

COORDINATE_STEP = 0.1  # mm; sent coordinates are rounded to multiples of it
PAGE = Path(__file__).with_name("face_page.html")
PAGE_TEXTURE_SIZE = 1024  # texels, of the texture of a page


def face_page(face: Face, title: str) -> str:
    """A page of HTML with the face from the front, to turn with mouse, fingers or keys. It needs no network."""
    mesh = face.mesh(texture=PAGE_TEXTURE_SIZE, frontal=True)
    vertices = 1000 * (mesh.vertices - mesh.bounds.mean(0))
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    uv = mesh.visual.uv * [1, -1] + [0, 1]  # trimesh has v up
    figure = element("figure", "page", 1, figure_data(mesh.faces, uv, texture))
    points = element("points", "page", 1, points_data([vertices]))
    return filled_page("page", title, data=figure + points)


def filled_page(identity: str, title: str, waiting: str = "", data: str = "", script: str = "") -> str:
    """The page with its placeholders filled in."""
    values = {
        "@ID@": identity,
        "@STEP@": str(COORDINATE_STEP),
        "@CLAY@": ", ".join(f"{c / 255:.3f}" for c in CLAY),
        "@WAITING@": html.escape(waiting),
        "@SCRIPT@": script,
        "@DATA@": data,
        "@TITLE@": html.escape(title),  # the last, as it can hold anything
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, value in values.items():
        page = page.replace(name, value)
    return page


def element(name: str, identity: str, version: int, value: object) -> str:
    """An element with data that the page reads; a new version tells it that they have changed."""
    text = json.dumps(value).replace("<", "\\u003c")  # a tag in a text would end the element
    attributes = f'id="lprnet-{name}-{identity}" data-version="{version}"'
    return f'<script type="application/json" {attributes}>{text}</script>'


def figure_data(
    triangles: ArrayLike, uv: ArrayLike, texture: Image, same: ArrayLike | None = None,
    hair: tuple[ArrayLike, ArrayLike, Image] | None = None,
) -> dict[str, object]:  # fmt: skip
    """A mesh without the places of its vertices. Those with the same number in ``same`` (n,) share their normal.

    ``hair`` are triangles, uv and the texture (h, w, 4) of hair, which is drawn where it is opaque.
    """
    data: dict[str, object] = {"triangles": _packed(triangles, "<u4"), "uv": _packed(uv, "<f4")}
    data["texture"] = _url(".jpg", "jpeg", texture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if same is not None:
        data["same"] = _packed(same, "<u4")
    if hair is not None:
        sheet = _url(".webp", "webp", hair[2][..., [2, 1, 0, 3]], [cv2.IMWRITE_WEBP_QUALITY, 85])
        data["hair"] = {"triangles": _packed(hair[0], "<u4"), "uv": _packed(hair[1], "<f4"), "texture": sheet}
    return data


def points_data(
    parts: Sequence[ArrayLike], clay: bool = False, home: int = 0, hair: ArrayLike | None = None
) -> dict[str, object]:
    """Places of the vertices, of the landmarks, and of hair, in multiples of COORDINATE_STEP."""
    moved = {} if hair is None else {"hair": _steps(hair)}
    return {"parts": [_steps(part) for part in parts], "clay": clay, "home": home} | moved


def _steps(points: ArrayLike) -> str:
    return _packed(np.clip(np.rint(np.asarray(points, np.float32) / COORDINATE_STEP), -32768, 32767), "<i2")


def _url(ending: str, kind: str, picture: Image, options: list[int]) -> str:
    """A picture (BGR or BGRA) as a data URL."""
    return f"data:image/{kind};base64," + base64.b64encode(cv2.imencode(ending, picture, options)[1]).decode()


def _packed(values: ArrayLike, kind: str) -> str:
    """The numbers' bytes in base64."""
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()
