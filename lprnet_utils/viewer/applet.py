"""The applet: a photo, its 3D face with sliders for pose and expression, and files to take away.

Plain ipywidgets, 8 or 7 (Colab's), so that it runs in JupyterLab, VS Code and Colab alike, and by Voila without a
notebook: :func:`serve`, ``lprnet app``.
"""

from __future__ import annotations

import html
import io
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import ipywidgets as widgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Image
from ..common.assets import data_path
from ..common.images import read_image
from ..common.litert import bundled_weights, read_weights, weights_terms
from ..reconstruction.draw import close_up
from ..reconstruction.face import Face
from ..reconstruction.lprnet import DEFAULT_WEIGHTS, LPRNet
from ..reconstruction.mesh_files import save_mesh
from .avatar import PRESETS, Avatar, write_avatar
from .figures import LIFT, fixed_scene, mesh_figure, plotly_axes
from .live_figure import LiveFigure

OTHER = "..."  # in the list of bundled photos: none of them
SAMPLES = {"Eileen Collins": "samples/astronaut.jpg", "Grace Hopper": "samples/grace_hopper.jpg"}
MOST_FACES = 8  # of a group photo, the largest
HEIGHT = 500  # pixels of the photo and of the 3D view
TEXTURE = 1024  # texels of the files' texture
ZOOM = 1.9  # plotly's scale of the 3D view
ANGLES = {"pitch": 90, "yaw": 90, "roll": 180}  # degrees that the sliders reach

# ARKit's expressions, but for those of the gaze, which a mask of skin has not; both sides move together
TABS = {
    "Mouth": "mouthSmile mouthFrown mouthPucker mouthFunnel mouthUpperUp mouthLowerDown mouthStretch mouthDimple",
    "Jaw and lips": "jawOpen jawForward jawLeft jawRight mouthLeft mouthRight mouthClose mouthPress mouthRollUpper "
    "mouthRollLower mouthShrugUpper mouthShrugLower",
    "Eyes, brows, cheeks": "eyeBlink eyeWide eyeSquint browInnerUp browOuterUp browDown cheekSquint cheekPuff "
    "noseSneer",
}
KINDS = {  # of the files: label, name, MIME type
    "glb": ("As shown, .glb", "face.glb", "model/gltf-binary"),
    "obj": ("As shown, .obj", "face.obj.zip", "application/zip"),
    "avatar": ("Avatar with 51 expressions, .glb", "avatar.glb", "model/gltf-binary"),
    "npz": ("Mesh and landmarks, .npz", "face.npz", "application/octet-stream"),
}
WRAP = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 10px"}


class FaceApplet(widgets.VBox):
    """The applet, a widget that a notebook shows as any other.

    Parameters
    ----------
    photo : path, bytes, PIL image or array, optional
        To begin with; else the first of the bundled ones.
    weights : str
        To begin with: bundled weights or a ``.tflite`` file, see :class:`lprnet_utils.LPRNet`.

    Raises
    ------
    AssetError
        If there are no such weights.
    """

    def __init__(self, photo: Any = None, weights: str = DEFAULT_WEIGHTS):
        self._nets: dict[str, LPRNet] = {}
        self._faces: list[Face] = []
        self._photo: Image | None = None
        self._avatar: Avatar | None = None
        self._quiet, self._turned = False, 0
        self._make(weights)
        self._connect()
        super().__init__(self._arranged(), layout={"max_width": "1200px", "margin": "0 auto"})
        if photo is None:
            self._take_sample()
        else:
            self.sample.value = OTHER
            self._attempt(lambda: self._take(photo, "your photo"))

    def __repr__(self) -> str:  # what a page shows where no kernel runs
        return "FaceApplet: run this cell to see it"

    # ---- what there is to see

    def _make(self, weights: str) -> None:
        self.upload = widgets.FileUpload(accept="image/*", description="Upload a photo", layout={"width": "160px"})
        self.sample = widgets.Dropdown(options=[*SAMPLES, OTHER], description="or a bundled one")
        self.sample.layout, self.sample.style = {"width": "270px"}, {"description_width": "initial"}
        names = dict.fromkeys([weights, *bundled_weights()])
        licences = [(f"{Path(name).name}: {weights_terms(name)}", name) for name in names]
        self.weights = widgets.Dropdown(options=licences, description="weights")
        self.which = widgets.Dropdown(options=[("1 of 1", 0)], description="face", layout={"width": "170px"})
        for choice in (self.weights, self.which):
            choice.style.description_width = "55px"
        self.message = widgets.HTML()
        self.picture = widgets.Image(format="jpeg", layout={"max_width": "100%", "max_height": f"{HEIGHT}px"})
        self.view = LiveFigure("the face in 3D, to turn with the mouse", HEIGHT)
        self.look = widgets.ToggleButtons(options=["Photo", "Clay"], style={"button_width": "64px"})
        self.landmarks = widgets.Checkbox(False, description="landmarks", indent=False, layout={"width": "96px"})
        self.pose = {
            name: widgets.FloatSlider(0.0, min=-n, max=n, step=1, description=name, readout_format=".0f")
            for name, n in ANGLES.items()
        }
        self.expressions = {
            name: widgets.FloatSlider(0.0, min=0, max=1, step=0.01, description=name)
            for names in TABS.values()
            for name in names.split()
        }
        for name, slider in (self.pose | self.expressions).items():
            slider.style.description_width = "40px" if name in self.pose else "118px"
            slider.layout = {"width": "32%", "min_width": "250px"} if name in self.expressions else {"width": "285px"}
        names = "As in the photo", "From the front"
        self.as_seen, self.front = (widgets.Button(description=n, layout={"width": "124px"}) for n in names)
        self.presets = {name: widgets.Button(description=name, layout={"width": "84px"}) for name in PRESETS}
        self.downloads = {
            kind: widgets.Button(description=label, icon="download", layout={"width": "auto"})
            for kind, (label, _, _) in KINDS.items()
        }

    def _connect(self) -> None:
        self.upload.observe(lambda _: self._take_upload(), "value")
        self.sample.observe(lambda _: self._take_sample(), "value")
        self.weights.observe(lambda _: self._attempt(self._reconstruct), "value")
        self.which.observe(lambda _: self._attempt(self._show_face), "value")
        for name, slider in self.expressions.items():
            slider.observe(partial(self._express, name), "value")
        for widget in self.pose.values():
            widget.observe(lambda _: self._move(), "value")
        for widget in (self.look, self.landmarks):
            widget.observe(lambda _: self._draw(), "value")
        self.as_seen.on_click(lambda _: self._look_again(self._avatar.seen, self._seen_pose))
        self.front.on_click(lambda _: self._look_again(None, (0, 0, 0)))
        for name, button in self.presets.items():
            button.on_click(lambda _, name=name: self._set(self._avatar.weights(PRESETS[name])))
        for kind, button in self.downloads.items():
            button.on_click(lambda _, kind=kind: self._attempt(lambda: self._save(kind)))

    def _arranged(self) -> list[widgets.Widget]:
        half = {"flex": "1 1 400px", "min_width": "300px", "align_items": "center"}
        pages = [
            widgets.Box([self.expressions[n] for n in names.split()], layout={"flex_flow": "row wrap"})
            for names in TABS.values()
        ]
        pose = widgets.VBox([widgets.HTML("<b>Pose</b>, degrees"), *self.pose.values()], layout={"flex": "0 0 305px"})
        presets = widgets.Box([widgets.HTML("<b>Expression</b>"), *self.presets.values()], layout=WRAP)
        tabs = widgets.Tab(pages)
        for number, title in enumerate(TABS):
            tabs.set_title(number, title)  # ipywidgets 7 knows no ``titles``
        expression = widgets.VBox([presets, tabs], layout={"flex": "1 1 620px"})
        looks = widgets.Box([self.look, self.landmarks, self.as_seen, self.front], layout=WRAP)
        sides = [widgets.VBox([self.picture], layout=half), widgets.VBox([self.view, looks], layout=half)]
        return [
            widgets.Box([self.upload, self.sample, self.weights, self.which], layout=WRAP),
            self.message,
            widgets.Box(sides, layout={"flex_flow": "row wrap", "grid_gap": "14px"}),
            widgets.Box([pose, expression], layout={"flex_flow": "row wrap", "grid_gap": "14px"}),
            widgets.Box([widgets.HTML("<b>Download</b>"), *self.downloads.values(), self.view.file], layout=WRAP),
        ]

    # ---- a photo and its face

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do it, or say why not: nobody reads a traceback in an applet."""
        try:
            action()
        except (ValueError, RuntimeError, OSError) as error:
            self._say(str(error), wrong=True)

    def _say(self, text: str, wrong: bool = False) -> None:
        alert = "alert", "background: #fdecea; color: #7a1c13; padding: 4px 12px; border-radius: 4px"
        role, look = alert if wrong else ("status", "color: #555")
        self.message.value = f'<div role="{role}" style="{look}">{html.escape(text)}</div>'

    def _take_upload(self) -> None:
        for name, data in uploaded(self.upload.value):
            self.sample.value = OTHER
            self._attempt(lambda name=name, data=data: self._take(data, name))

    def _take_sample(self) -> None:
        if self.sample.value != OTHER:
            self._attempt(lambda: self._take(data_path(SAMPLES[self.sample.value]), self.sample.value))

    def _take(self, photo: Any, name: str) -> None:
        try:
            self._photo = read_image(photo)
        except (ValueError, OSError) as error:
            kept = f" Still shown: {self._name}." if self._photo is not None else ""
            raise ValueError(f"{name} cannot be read as a picture: {error}.{kept}") from error
        self._name = name
        self._say(f"Looking for faces in {name} ...")
        self._reconstruct()

    def _reconstruct(self) -> None:
        weights = self.weights.value
        if weights not in self._nets:
            self._nets[weights] = LPRNet(weights)
        self._faces = self._nets[weights].reconstruct(self._photo, MOST_FACES)
        count = len(self._faces)
        with self.which.hold_trait_notifications():
            self.which.options, self.which.value = [(f"{k + 1} of {count}", k) for k in range(max(count, 1))], 0
        self.which.layout.display = "flex" if count > 1 else "none"
        self._show_face()

    def _show_face(self) -> None:
        for button in (*self.downloads.values(), *self.presets.values(), self.as_seen, self.front):
            button.disabled = not self._faces
        self.view.file.value = ""
        if not self._faces:
            self._avatar = None
            self.view.clear()
            self._show_photo(self._photo)
            self._say(f"No face was found in {self._name}. Try a photo where it is larger, or better lit.", wrong=True)
            return
        face = self._faces[self.which.value]
        self._avatar = Avatar(face, TEXTURE)
        self._seen_pose = face.coefficients.camera.angles
        self._marks = face.layout.landmark_matrix @ face.layout.matrix
        column, row = (self._avatar.uv * TEXTURE).astype(int).T
        self._colors = cv2.blur(self._avatar.texture, (5, 5))[row, column]  # a vertex stands for a patch
        self._show_photo(close_up(face, HEIGHT))
        size, count = "{1} x {0}".format(*self._photo.shape), len(self._faces)
        found = f"{count} face{'s' * (count > 1)}, confidence {face.confidence:.2f}"
        self._say(f"{self._name}, {size} pixels: {found}")
        self._look_again(self._avatar.seen, self._seen_pose)

    def _show_photo(self, picture: Image) -> None:
        share = min(2 * HEIGHT / max(picture.shape[:2]), 1.0)
        small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        self.picture.value = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()

    # ---- pose and expression

    def _put(self, weights: ArrayLike | None, pose: tuple[float, ...] = ()) -> None:
        """Move the sliders to an expression and a pose, without drawing; None and () leave them."""
        self._quiet = True
        if weights is not None:
            self._weights = np.array(weights, np.float32)
            for name, slider in self.expressions.items():
                slider.value = float(self._weights[self._avatar.weights({name: 1.0}) > 0].mean())
        for slider, angle in zip(self.pose.values(), pose, strict=bool(pose)):
            slider.value = round(angle)
        self._quiet = False

    def _set(self, weights: ArrayLike) -> None:
        """Give it an expression."""
        self._put(weights)
        self._move()

    def _look_again(self, weights: ArrayLike | None, pose: tuple[float, ...]) -> None:
        """Give it an expression and a pose, and undo how the reader has turned the view."""
        self._turned += 1
        self._put(weights, pose)
        self._draw()

    def _express(self, name: str, change: dict[str, Any]) -> None:
        if self._avatar is not None and not self._quiet:
            self._weights[self._avatar.weights({name: 1.0}) > 0] = change["new"]
            self._move()

    def _state(self) -> tuple[NDArray[np.float32], tuple[float, ...]]:
        return self._weights, tuple(slider.value for slider in self.pose.values())

    def _points(self) -> list[NDArray[np.float32]]:
        """What the view shows, (n, 3) in mm each: the mesh, and the landmarks if asked for."""
        vertices = self._avatar.vertices(*self._state())
        return [vertices, self._marks @ vertices + LIFT][: 1 + self.landmarks.value]

    def _move(self) -> None:
        if self._avatar is not None and not self._quiet:
            self._send(self._points())

    def _send(self, points: list[NDArray[np.float32]]) -> None:
        self.view.move([plotly_axes(p) for p in points])

    def _draw(self) -> None:
        if self._avatar is None:
            return
        points = self._points()
        mesh, *marks = points
        figure = mesh_figure(mesh, self._avatar.triangles, self._colors if self.look.value == "Photo" else None, *marks)
        scene = fixed_scene({"x": 0, "y": -2, "z": 0}, ZOOM) | {"uirevision": self._turned}
        figure.update_layout(scene=scene, height=HEIGHT)
        self.view.show(figure)
        self._send(points)

    def _save(self, kind: str) -> None:
        self._say("Writing the file ...")
        self.view.save(self.content(kind), *KINDS[kind][1:])
        self._say(f"{KINDS[kind][1]} goes to your browser's downloads; if it did not, click on its name below.")

    def content(self, kind: str) -> bytes:
        """A file of the face that is shown: its bytes.

        Parameters
        ----------
        kind : str
            ``glb``, or ``obj`` (zipped with its material and texture): in the pose and with the expression of the
            sliders. ``avatar``: see :func:`lprnet_utils.viewer.write_avatar`. ``npz``: see
            :meth:`lprnet_utils.Face.save`.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / KINDS[kind][1].removesuffix(".zip")
            if kind == "avatar":
                write_avatar(self._faces[self.which.value], path, TEXTURE)
            elif kind == "npz":
                self._faces[self.which.value].save(path)
            else:
                save_mesh(self._avatar.mesh(*self._state()), path)
            if kind != "obj":
                return path.read_bytes()
            with zipfile.ZipFile(packed := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
                for file in sorted(Path(folder).iterdir()):
                    archive.write(file, file.name)
            return packed.getvalue()


def uploaded(value: Any) -> list[tuple[str, bytes]]:
    """Names and bytes of the files of a ``FileUpload``: ipywidgets 8 has a tuple of dicts, 7 a dict by name."""
    files = [{"name": name} | file for name, file in value.items()] if isinstance(value, dict) else value
    return [(file["name"], bytes(file["content"])) for file in files]


def serve(port: int = 8866, browser: bool = True, weights: str = DEFAULT_WEIGHTS) -> None:
    """Open the applet in the browser, without a notebook, until Ctrl-C; by Voila, for this machine alone.

    Parameters
    ----------
    port : int
        Of http://localhost; the next free one where it is taken.
    browser : bool
        Open one.
    weights : str
        To begin with.

    Raises
    ------
    AssetError
        If there are no such weights.
    """
    import nbformat
    from voila.app import Voila

    read_weights(weights)  # an error belongs here rather than onto the page
    weights = str(Path(weights).absolute()) if weights.endswith(".tflite") else weights
    cell = f"from lprnet_utils.viewer.applet import FaceApplet\n\nFaceApplet(weights={weights!r})"
    with tempfile.TemporaryDirectory() as folder:
        notebook = Path(folder) / "L-PRNet.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)]), notebook)
        options = [str(notebook), f"--port={port}", "--Voila.ip=localhost"]
        Voila.launch_instance(options if browser else [*options, "--no-browser"])
