"""The applet: a photo and its 3D face with sliders for pose and expression, and files to download.

It consists of plain ipywidgets (8 or 7), so it runs in JupyterLab, VS Code and Colab, and without a notebook by Voila:
see ``server.py`` and ``lprnet app``.
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
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Image
from ..common.assets import data_path
from ..common.images import read_image
from ..geometry.camera import rotation_matrix
from ..reconstruction.draw import crop_around_face
from ..reconstruction.face import Face
from ..reconstruction.lprnet import DEFAULT_WEIGHTS, LPRNet
from ..reconstruction.mesh_files import save_mesh
from .applet_widgets import DOWNLOADS, GAZE, LABELS, NO_SAMPLE, PHOTO_COLOR, SAMPLES, AppletWidgets
from .avatar import PRESETS, Avatar, write_avatar
from .figures import LANDMARK_OFFSET

MAX_FACES = 8  # of a group photo
TEXTURE_SIZE = 1024  # texels, of the files' texture
PREVIEW_SIDE = 600  # pixels of the photo's picture
NOTEBOOK_UPLOAD = 6_500_000  # bytes: JupyterLab takes messages of 10 MiB, where Colab's need a third more


class FaceApplet(AppletWidgets):
    """The applet, a widget that a notebook shows like any other.

    Parameters
    ----------
    photo : path, bytes, PIL image or array, optional
        The first photo; by default a bundled one.
    weights : str
        The first weights: bundled weights or a ``.tflite`` file, see :class:`lprnet_utils.LPRNet`. AssetError if there
        are none.
    max_upload : int
        Bytes of the largest file that is sent as it is; the browser makes a larger photo smaller first. By default
        6.5 MB: JupyterLab takes messages of 10 MiB, and one can be a third larger than its file. ``lprnet app`` sets
        90 MB.

    Examples
    --------
    >>> applet = FaceApplet()
    >>> applet.presets["Smile"].click()
    >>> round(applet.expressions["mouthSmile"].value, 2)
    0.9
    """

    def __init__(self, photo: Any = None, weights: str = DEFAULT_WEIGHTS, max_upload: int = NOTEBOOK_UPLOAD):
        self._nets: dict[str, LPRNet] = {}
        self._faces: list[Face] = []
        self._photo: Image | None = None
        self._avatar: Avatar | None = None
        self._weights: NDArray[np.float32] | None = None  # of the avatar's expressions
        self._setting_sliders = False  # changes by the program must not redraw
        self._home = 0  # a new number makes the view forget how the user turned it
        super().__init__(weights, max_upload)
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
        for name, slider in self.gaze.items():
            slider.observe(partial(self._change_gaze, name), "value")
        for choice in (self.hair, self.hair_color):
            choice.observe(lambda _: self._attempt(self._change_hair), "value")
        for slider in self.pose.values():
            slider.observe(lambda _: self._update_points(), "value")
        for widget in (self.shading, self.landmarks):
            widget.observe(lambda _: self._update_points(), "value")
        self.side.observe(lambda _: self._show_side(), "value")
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

    def _show_message(self, text: str, is_error: bool = False, busy: bool = False) -> None:
        attributes = 'role="alert"' if is_error else 'role="status"' + ' class="lprnet-busy"' * busy
        self.message.value = f"<div {attributes}>{html.escape(text)}</div>"

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
        self._show_message(f"Looking for faces in {name} ...", busy=True)
        self._reconstruct()

    def _reconstruct(self) -> None:
        weights = self.weights.value
        if weights not in self._nets:
            self._show_message("Loading the network ...", busy=True)
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
            self.view.clear("There is no face in this photo.")
            self.picture.value = _preview(self._photo)
            text = f"No face was found in {self._name}. Try a photo where it is larger, or better lit."
            self._show_message(text, is_error=True)
            return
        face = self._faces[self.which.value]
        self._make_avatar(face)
        self._seen_pose = face.coefficients.camera.angles
        self._landmark_matrix = face.layout.landmark_matrix @ face.layout.matrix
        self._show_side()
        self.picture.value = _preview(crop_around_face(face, PREVIEW_SIDE))
        size, count = "{1} x {0}".format(*self._photo.shape), len(self._faces)
        found = f"{count} face{'s' * (count > 1)}, confidence {face.confidence:.2f}"
        self._show_message(f"{self._name}, {size} pixels: {found}")
        self._reset_view(self._avatar.seen, self._seen_pose)

    def _make_avatar(self, face: Face) -> None:
        """The head of a face with the chosen hair, and its surface in the view."""
        self._avatar = Avatar(face, TEXTURE_SIZE, self.hair.value or None, self._chosen_color())
        found = self._avatar.hair_piece()
        hair = None if found is None else (found[0].triangles, found[0].uv, found[1])
        self.view.show(*self._avatar.surface, self._avatar.texture, self._avatar.surface_places, hair)

    def _chosen_color(self) -> tuple[int, ...] | None:
        """RGB of the hair, or None for the photo's."""
        color = self.hair_color.value
        return None if color == PHOTO_COLOR else tuple(bytes.fromhex(color.removeprefix("#")))

    def _change_hair(self) -> None:
        if self._avatar is not None:
            self._make_avatar(self._faces[self.which.value])
            self._update_points()

    # ---- pose and expression

    def _set_sliders(self, weights: ArrayLike | None, pose: tuple[float, ...] = ()) -> None:
        """Set an expression and a pose without drawing; None and () leave them unchanged."""
        self._setting_sliders = True
        if weights is not None:
            self._weights = np.array(weights, np.float32)
            for name, slider in self.expressions.items():
                slider.value = float(self._weights[self._moved_by(name)].mean())
            for name, (_, above, below) in GAZE.items():
                more, less = (
                    self._weights[[self._avatar.names.index(n) for n in part]].mean() for part in (above, below)
                )
                self.gaze[name].value = float(more - less)
        for slider, angle in zip(self.pose.values(), pose, strict=bool(pose)):
            slider.value = round(angle)
        self._setting_sliders = False

    def _set_expression(self, weights: ArrayLike) -> None:
        self._set_sliders(weights)
        self._update_points()

    def _reset_view(self, weights: ArrayLike | None, pose: tuple[float, ...]) -> None:
        """Set an expression and a pose, and undo how the user turned the view."""
        self._home += 1
        self._set_sliders(weights, pose)
        self._update_points()

    def _change_expression(self, name: str, change: dict[str, Any]) -> None:
        if self._avatar is not None and not self._setting_sliders:
            self._weights[self._moved_by(name)] = change["new"]
            self._update_points()

    def _change_gaze(self, name: str, change: dict[str, Any]) -> None:
        """Turn both eyes: a slider above 0 raises some weights, and one below 0 others."""
        if self._avatar is not None and not self._setting_sliders:
            for sign, part in zip((1, -1), GAZE[name][1:], strict=True):
                for weight in part:
                    self._weights[self._avatar.names.index(weight)] = max(sign * change["new"], 0)
            self._update_points()

    def _moved_by(self, name: str) -> NDArray[np.bool_]:
        """Which weights (E,) a slider moves: those of both sides of the face, or of the chosen one."""
        one_side = name + self.side.value
        return self._avatar.weights({one_side if one_side in self._avatar.names else name: 1.0}) > 0

    def _show_side(self) -> None:
        """Show in the sliders which side of the face they move, and its weights."""
        if self._avatar is None:
            return
        for name, slider in self.expressions.items():
            has_sides = name + self.side.value in self._avatar.names and self.side.value
            slider.description = LABELS[name] + (f", {self.side.value.lower()}" if has_sides else "")
        if self._weights is not None:
            self._set_sliders(self._weights)

    # ---- 3D view

    def _pose(self) -> tuple[float, ...]:
        return tuple(slider.value for slider in self.pose.values())

    def _points(self) -> list[NDArray[np.float32]]:
        """Points (n, 3) in mm of each part of the view: the files' mesh, and the landmarks if they are shown."""
        pose = self._pose()
        points = [self._avatar.surface_points(self._weights, pose)]
        if self.landmarks.value:
            skin = self._avatar.vertices(self._weights, pose)
            points.append(self._landmark_matrix @ skin[: self._landmark_matrix.shape[1]] + LANDMARK_OFFSET)
        middle = (self._avatar.rest.min(0) + self._avatar.rest.max(0)) / 2  # the view turns about it
        return [part - rotation_matrix(*pose) @ middle for part in points]

    def _hair_points(self) -> NDArray[np.float32] | None:
        """Points (m, 3) in mm of the hair, which no expression moves; None without hair."""
        if self._avatar.hair is None:
            return None
        middle = (self._avatar.rest.min(0) + self._avatar.rest.max(0)) / 2
        return (self._avatar.hair.vertices - middle) @ rotation_matrix(*self._pose()).T

    def _update_points(self) -> None:
        if self._avatar is not None and not self._setting_sliders:
            self.view.move(self._points(), self.shading.value == "Clay", self._home, self._hair_points())

    # ---- files

    def _download(self, kind: str) -> None:
        _, name, mime_type = DOWNLOADS[kind]
        self._show_message("Writing the file ...", busy=True)
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
                write_avatar(face, path, TEXTURE_SIZE, hair=self.hair.value or None, hair_color=self._chosen_color())
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
    """A JPEG file of a picture, reduced to ``PREVIEW_SIDE``."""
    scale = min(PREVIEW_SIDE / max(picture.shape[:2]), 1.0)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def uploaded_files(value: Any) -> list[tuple[str, bytes]]:
    """Names and contents of the files of a ``FileUpload``: ipywidgets 8 has a tuple of dicts, 7 a dict by name."""
    files = [{"name": name} | file for name, file in value.items()] if isinstance(value, dict) else value
    return [(file["name"], bytes(file["content"])) for file in files]
