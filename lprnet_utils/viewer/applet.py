"""The applet: a photo and its 3D face with sliders for pose and expression, and files to download.

It consists of plain ipywidgets (8 or 7), so it runs in JupyterLab, VS Code and Colab, and without a notebook by Voila:
see :func:`serve` and ``lprnet app``.
"""

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
from ..reconstruction.draw import crop_around_face
from ..reconstruction.face import Face
from ..reconstruction.lprnet import DEFAULT_WEIGHTS, LPRNet
from ..reconstruction.mesh_files import save_mesh
from .avatar import PRESETS, Avatar, write_avatar
from .figures import LANDMARK_OFFSET, mesh_figure, orthographic_scene, to_plotly_axes
from .live_figure import LiveFigure

MAX_FACES = 8  # of a group photo
TEXTURE_SIZE = 1024  # texels, of the files' texture


NO_SAMPLE = "..."  # the entry in the list of bundled photos for a photo of the user's own
SAMPLES = {"Eileen Collins": "samples/astronaut.jpg", "Grace Hopper": "samples/grace_hopper.jpg"}
VIEW_HEIGHT = 500  # pixels of the photo and of the 3D view
MAX_ANGLES = {"pitch": 90, "yaw": 90, "roll": 180}  # degrees, of the pose sliders

# ARKit's expressions without those of the gaze, as the mesh has no eyeballs; a slider moves both sides of the face
EXPRESSION_TABS = {
    "Mouth": "mouthSmile mouthFrown mouthPucker mouthFunnel mouthUpperUp mouthLowerDown mouthStretch mouthDimple",
    "Jaw and lips": "jawOpen jawForward jawLeft jawRight mouthLeft mouthRight mouthClose mouthPress mouthRollUpper "
    "mouthRollLower mouthShrugUpper mouthShrugLower",
    "Eyes, brows, cheeks": "eyeBlink eyeWide eyeSquint browInnerUp browOuterUp browDown cheekSquint cheekPuff "
    "noseSneer",
}
DOWNLOADS = {  # label, file name, MIME type
    "glb": ("As shown, .glb", "face.glb", "model/gltf-binary"),
    "obj": ("As shown, .obj", "face.obj.zip", "application/zip"),
    "avatar": ("Avatar with 51 expressions, .glb", "avatar.glb", "model/gltf-binary"),
    "npz": ("Mesh and landmarks, .npz", "face.npz", "application/octet-stream"),
}
ROW = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 10px"}  # CSS


class AppletWidgets(widgets.VBox):
    """The widgets of the applet, without any behaviour; ``weights`` are preselected."""

    def __init__(self, weights: str):
        self.upload = widgets.FileUpload(accept="image/*", description="Upload a photo", layout={"width": "160px"})
        self.sample = widgets.Dropdown(options=[*SAMPLES, NO_SAMPLE], description="or a bundled one")
        self.sample.layout, self.sample.style = {"width": "270px"}, {"description_width": "initial"}
        names = dict.fromkeys([weights, *bundled_weights()])
        licences = [(f"{Path(name).name}: {weights_terms(name)}", name) for name in names]
        self.weights = widgets.Dropdown(options=licences, description="weights")
        self.which = widgets.Dropdown(options=[("1 of 1", 0)], description="face", layout={"width": "170px"})
        self.weights.style = self.which.style = {"description_width": "55px"}
        self.message = widgets.HTML()
        self.picture = widgets.Image(format="jpeg", layout={"max_width": "100%", "max_height": f"{VIEW_HEIGHT}px"})
        self.view = LiveFigure("the face in 3D, to turn with the mouse", VIEW_HEIGHT)
        self.shading = widgets.ToggleButtons(options=["Photo", "Clay"], style={"button_width": "64px"})
        self.landmarks = widgets.Checkbox(False, description="landmarks", indent=False, layout={"width": "96px"})
        labels = "As in the photo", "From the front"
        self.as_seen, self.front = (widgets.Button(description=n, layout={"width": "124px"}) for n in labels)
        self.presets = {name: widgets.Button(description=name, layout={"width": "84px"}) for name in PRESETS}
        self.pose, self.expressions, self.downloads = {}, {}, {}
        for name, n in MAX_ANGLES.items():
            slider = widgets.FloatSlider(0.0, min=-n, max=n, step=1, description=name, readout_format=".0f")
            slider.style, slider.layout = {"description_width": "40px"}, {"width": "285px"}
            self.pose[name] = slider
        for name in " ".join(EXPRESSION_TABS.values()).split():
            slider = widgets.FloatSlider(0.0, min=0, max=1, step=0.01, description=name)
            slider.style, slider.layout = {"description_width": "118px"}, {"width": "32%", "min_width": "250px"}
            self.expressions[name] = slider
        for kind, (label, _, _) in DOWNLOADS.items():
            self.downloads[kind] = widgets.Button(description=label, icon="download", layout={"width": "auto"})
        super().__init__(self._rows(), layout={"max_width": "1200px", "margin": "0 auto"})

    def _rows(self) -> list[widgets.Widget]:
        """The rows of the applet from top to bottom."""
        half = {"flex": "1 1 400px", "min_width": "300px", "align_items": "center"}
        columns = {"flex_flow": "row wrap", "grid_gap": "14px"}
        view_buttons = widgets.Box([self.shading, self.landmarks, self.as_seen, self.front], layout=ROW)
        pictures = [widgets.VBox([self.picture], layout=half), widgets.VBox([self.view, view_buttons], layout=half)]
        pose = widgets.VBox([widgets.HTML("<b>Pose</b>, degrees"), *self.pose.values()], layout={"flex": "0 0 305px"})
        presets = widgets.Box([widgets.HTML("<b>Expression</b>"), *self.presets.values()], layout=ROW)
        tabs = widgets.Tab()
        for number, (title, names) in enumerate(EXPRESSION_TABS.items()):
            sliders = [self.expressions[name] for name in names.split()]
            tabs.children += (widgets.Box(sliders, layout={"flex_flow": "row wrap"}),)
            tabs.set_title(number, title)  # ipywidgets 7 has no ``titles``
        expression = widgets.VBox([presets, tabs], layout={"flex": "1 1 620px"})
        return [
            widgets.Box([self.upload, self.sample, self.weights, self.which], layout=ROW),
            self.message,
            widgets.Box(pictures, layout=columns),
            widgets.Box([pose, expression], layout=columns),
            widgets.Box([widgets.HTML("<b>Download</b>"), *self.downloads.values(), self.view.file], layout=ROW),
        ]


class FaceApplet(AppletWidgets):
    """The applet, a widget that a notebook shows like any other.

    Parameters
    ----------
    photo : path, bytes, PIL image or array, optional
        The first photo; by default a bundled one.
    weights : str
        The first weights: bundled weights or a ``.tflite`` file, see :class:`lprnet_utils.LPRNet`. AssetError if there
        are none.

    Examples
    --------
    >>> applet = FaceApplet()
    >>> applet.presets["Smile"].click()
    >>> round(applet.expressions["mouthSmile"].value, 2)
    0.9
    """

    def __init__(self, photo: Any = None, weights: str = DEFAULT_WEIGHTS):
        self._nets: dict[str, LPRNet] = {}
        self._faces: list[Face] = []
        self._photo: Image | None = None
        self._avatar: Avatar | None = None
        self._setting_sliders = False  # changes by the program must not redraw
        self._view_revision = 0  # a new number makes plotly forget how the user turned the view
        super().__init__(weights)
        self._connect()
        if photo is None:
            self._load_sample()
        else:
            self.sample.value = NO_SAMPLE
            self._attempt(lambda: self._load(photo, "your photo"))

    def __repr__(self) -> str:  # shown by a page without a kernel
        return "FaceApplet: run this cell to see it"

    def _connect(self) -> None:
        self.upload.observe(lambda _: self._load_upload(), "value")
        self.sample.observe(lambda _: self._load_sample(), "value")
        self.weights.observe(lambda _: self._attempt(self._reconstruct), "value")
        self.which.observe(lambda _: self._attempt(self._show_face), "value")
        for name, slider in self.expressions.items():
            slider.observe(partial(self._change_expression, name), "value")
        for slider in self.pose.values():
            slider.observe(lambda _: self._update_points(), "value")
        for widget in (self.shading, self.landmarks):
            widget.observe(lambda _: self._draw(), "value")
        self.as_seen.on_click(lambda _: self._reset_view(self._avatar.seen, self._seen_pose))
        self.front.on_click(lambda _: self._reset_view(None, (0, 0, 0)))
        for name, button in self.presets.items():
            button.on_click(lambda _, name=name: self._set_expression(self._avatar.weights(PRESETS[name])))
        for kind, button in self.downloads.items():
            button.on_click(lambda _, kind=kind: self._attempt(lambda: self._download(kind)))

    def _attempt(self, action: Callable[[], None]) -> None:
        """Run an action and show its error as a message: the applet has no place for a traceback."""
        try:
            action()
        except (ValueError, RuntimeError, OSError) as error:
            self._show_message(str(error), is_error=True)

    def _show_message(self, text: str, is_error: bool = False) -> None:
        alert = "alert", "background: #fdecea; color: #7a1c13; padding: 4px 12px; border-radius: 4px"
        role, style = alert if is_error else ("status", "color: #555")
        self.message.value = f'<div role="{role}" style="{style}">{html.escape(text)}</div>'

    # ---- photo and face

    def _load_upload(self) -> None:
        for name, data in uploaded_files(self.upload.value):
            self.sample.value = NO_SAMPLE
            self._attempt(lambda name=name, data=data: self._load(data, name))

    def _load_sample(self) -> None:
        if self.sample.value != NO_SAMPLE:
            self._attempt(lambda: self._load(data_path(SAMPLES[self.sample.value]), self.sample.value))

    def _load(self, photo: Any, name: str) -> None:
        try:
            self._photo = read_image(photo)
        except (ValueError, OSError) as error:
            kept = f" Still shown: {self._name}." if self._photo is not None else ""
            raise ValueError(f"{name} cannot be read as a picture: {error}.{kept}") from error
        self._name = name
        self._show_message(f"Looking for faces in {name} ...")
        self._reconstruct()

    def _reconstruct(self) -> None:
        weights = self.weights.value
        if weights not in self._nets:
            self._nets[weights] = LPRNet(weights)
        self._faces = self._nets[weights].reconstruct(self._photo, MAX_FACES)
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
            self.picture.value = _preview(self._photo)
            text = f"No face was found in {self._name}. Try a photo where it is larger, or better lit."
            self._show_message(text, is_error=True)
            return
        face = self._faces[self.which.value]
        self._avatar = Avatar(face, TEXTURE_SIZE)
        self._seen_pose = face.coefficients.camera.angles
        self._landmark_matrix = face.layout.landmark_matrix @ face.layout.matrix
        column, row = (self._avatar.uv * TEXTURE_SIZE).astype(int).T
        self._colors = cv2.blur(self._avatar.texture, (5, 5))[row, column]  # a vertex covers several texels
        self.picture.value = _preview(crop_around_face(face, VIEW_HEIGHT))
        size, count = "{1} x {0}".format(*self._photo.shape), len(self._faces)
        found = f"{count} face{'s' * (count > 1)}, confidence {face.confidence:.2f}"
        self._show_message(f"{self._name}, {size} pixels: {found}")
        self._reset_view(self._avatar.seen, self._seen_pose)

    # ---- pose and expression

    def _set_sliders(self, weights: ArrayLike | None, pose: tuple[float, ...] = ()) -> None:
        """Set an expression and a pose without drawing; None and () leave them unchanged."""
        self._setting_sliders = True
        if weights is not None:
            self._weights = np.array(weights, np.float32)
            for name, slider in self.expressions.items():
                slider.value = float(self._weights[self._avatar.weights({name: 1.0}) > 0].mean())
        for slider, angle in zip(self.pose.values(), pose, strict=bool(pose)):
            slider.value = round(angle)
        self._setting_sliders = False

    def _set_expression(self, weights: ArrayLike) -> None:
        self._set_sliders(weights)
        self._update_points()

    def _reset_view(self, weights: ArrayLike | None, pose: tuple[float, ...]) -> None:
        """Set an expression and a pose, and undo how the user turned the view."""
        self._view_revision += 1
        self._set_sliders(weights, pose)
        self._draw()

    def _change_expression(self, name: str, change: dict[str, Any]) -> None:
        if self._avatar is not None and not self._setting_sliders:
            self._weights[self._avatar.weights({name: 1.0}) > 0] = change["new"]
            self._update_points()

    # ---- 3D view

    def _pose(self) -> tuple[float, ...]:
        return tuple(slider.value for slider in self.pose.values())

    def _points(self) -> list[NDArray[np.float32]]:
        """Points (n, 3) in mm of each part of the view: the mesh, and the landmarks if they are shown."""
        vertices = self._avatar.vertices(self._weights, self._pose())
        return [vertices, self._landmark_matrix @ vertices + LANDMARK_OFFSET][: 1 + self.landmarks.value]

    def _update_points(self) -> None:
        if self._avatar is not None and not self._setting_sliders:
            self.view.move([to_plotly_axes(part) for part in self._points()])

    def _draw(self) -> None:
        if self._avatar is None:
            return
        mesh, *landmarks = self._points()
        colors = self._colors if self.shading.value == "Photo" else None
        figure = mesh_figure(mesh, self._avatar.triangles, colors, *landmarks)
        scene = orthographic_scene({"x": 0, "y": -2, "z": 0}, 1.9) | {"uirevision": self._view_revision}
        figure.update_layout(scene=scene, height=VIEW_HEIGHT)
        self.view.show(figure)
        self.view.move([to_plotly_axes(part) for part in (mesh, *landmarks)])

    # ---- files

    def _download(self, kind: str) -> None:
        _, name, mime_type = DOWNLOADS[kind]
        self._show_message("Writing the file ...")
        self.view.save(self.content(kind), name, mime_type)
        self._show_message(f"{name} goes to your browser's downloads; if it did not, click on its name below.")

    def content(self, kind: str) -> bytes:
        """The bytes of a file of the face in the view.

        Parameters
        ----------
        kind : str
            ``glb`` or ``obj`` (zipped with its material and texture): in the sliders' pose and expression. ``avatar``:
            see :func:`lprnet_utils.viewer.write_avatar`. ``npz``: see :meth:`lprnet_utils.Face.save`.
        """
        face = self._faces[self.which.value]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / DOWNLOADS[kind][1].removesuffix(".zip")
            if kind == "avatar":
                write_avatar(face, path, TEXTURE_SIZE)
            elif kind == "npz":
                face.save(path)
            else:
                save_mesh(self._avatar.mesh(self._weights, self._pose()), path)
            if kind != "obj":
                return path.read_bytes()
            with zipfile.ZipFile(packed := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
                for file in sorted(path.parent.iterdir()):
                    archive.write(file, file.name)
            return packed.getvalue()


def _preview(picture: Image) -> bytes:
    """A JPEG file of a picture, reduced to twice the height of the view."""
    scale = min(2 * VIEW_HEIGHT / max(picture.shape[:2]), 1.0)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def uploaded_files(value: Any) -> list[tuple[str, bytes]]:
    """Names and contents of the files of a ``FileUpload``: ipywidgets 8 has a tuple of dicts, 7 a dict by name."""
    files = [{"name": name} | file for name, file in value.items()] if isinstance(value, dict) else value
    return [(file["name"], bytes(file["content"])) for file in files]


def serve(port: int = 8866, browser: bool = True, weights: str = DEFAULT_WEIGHTS) -> None:
    """Serve the applet by Voila until Ctrl-C, on this computer only; if the port is taken, at the next free one."""
    import nbformat
    from voila.app import Voila

    read_weights(weights)  # raises here, not in the page
    weights = str(Path(weights).absolute()) if weights.endswith(".tflite") else weights
    cell = f"from lprnet_utils.viewer.applet import FaceApplet\n\nFaceApplet(weights={weights!r})"
    with tempfile.TemporaryDirectory() as folder:
        notebook = Path(folder) / "L-PRNet.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)]), notebook)
        options = [str(notebook), f"--port={port}", "--Voila.ip=localhost"]
        Voila.launch_instance(options if browser else [*options, "--no-browser"])
