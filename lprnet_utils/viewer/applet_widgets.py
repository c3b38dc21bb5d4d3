"""The widgets of the applet and their layout; :mod:`.applet` connects them. They work with ipywidgets 8 and 7."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ipywidgets as widgets

from ..common.litert import bundled_weights, weights_terms
from .avatar import PRESETS
from .live_figure import LiveFigure

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
ROW = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 10px"}
COLUMNS = {"flex_flow": "row wrap", "grid_gap": "14px"}


class AppletWidgets(widgets.VBox):
    """The widgets of the applet, without any behaviour; ``weights`` are preselected."""

    def __init__(self, weights: str):
        self._make_photo_widgets(weights)
        self._make_view_widgets()
        self._make_sliders()
        self.downloads = {
            kind: widgets.Button(description=label, icon="download", layout={"width": "auto"})
            for kind, (label, _, _) in DOWNLOADS.items()
        }
        super().__init__(self._arranged(), layout={"max_width": "1200px", "margin": "0 auto"})

    def _make_photo_widgets(self, weights: str) -> None:
        self.upload = widgets.FileUpload(accept="image/*", description="Upload a photo", layout={"width": "160px"})
        self.sample = widgets.Dropdown(options=[*SAMPLES, NO_SAMPLE], description="or a bundled one")
        self.sample.layout, self.sample.style = {"width": "270px"}, {"description_width": "initial"}
        names = dict.fromkeys([weights, *bundled_weights()])
        licences = [(f"{Path(name).name}: {weights_terms(name)}", name) for name in names]
        self.weights = widgets.Dropdown(options=licences, description="weights")
        self.which = widgets.Dropdown(options=[("1 of 1", 0)], description="face", layout={"width": "170px"})
        for choice in (self.weights, self.which):
            choice.style.description_width = "55px"
        self.message = widgets.HTML()

    def _make_view_widgets(self) -> None:
        self.picture = widgets.Image(format="jpeg", layout={"max_width": "100%", "max_height": f"{VIEW_HEIGHT}px"})
        self.view = LiveFigure("the face in 3D, to turn with the mouse", VIEW_HEIGHT)
        self.shading = widgets.ToggleButtons(options=["Photo", "Clay"], style={"button_width": "64px"})
        self.landmarks = widgets.Checkbox(False, description="landmarks", indent=False, layout={"width": "96px"})
        labels = "As in the photo", "From the front"
        self.as_seen, self.front = (widgets.Button(description=n, layout={"width": "124px"}) for n in labels)

    def _make_sliders(self) -> None:
        self.pose = {
            name: widgets.FloatSlider(0.0, min=-n, max=n, step=1, description=name, readout_format=".0f")
            for name, n in MAX_ANGLES.items()
        }
        self.expressions = {
            name: widgets.FloatSlider(0.0, min=0, max=1, step=0.01, description=name)
            for names in EXPRESSION_TABS.values()
            for name in names.split()
        }
        for slider in self.pose.values():
            slider.style.description_width, slider.layout = "40px", {"width": "285px"}
        for slider in self.expressions.values():
            slider.style.description_width, slider.layout = "118px", {"width": "32%", "min_width": "250px"}
        self.presets = {name: widgets.Button(description=name, layout={"width": "84px"}) for name in PRESETS}

    def _arranged(self) -> list[widgets.Widget]:
        """The rows of the applet from top to bottom."""
        half = {"flex": "1 1 400px", "min_width": "300px", "align_items": "center"}
        view_buttons = widgets.Box([self.shading, self.landmarks, self.as_seen, self.front], layout=ROW)
        pictures = [widgets.VBox([self.picture], layout=half), widgets.VBox([self.view, view_buttons], layout=half)]
        pose = widgets.VBox([widgets.HTML("<b>Pose</b>, degrees"), *self.pose.values()], layout={"flex": "0 0 305px"})
        return [
            widgets.Box([self.upload, self.sample, self.weights, self.which], layout=ROW),
            self.message,
            widgets.Box(pictures, layout=COLUMNS),
            widgets.Box([pose, self._expression_panel()], layout=COLUMNS),
            widgets.Box([widgets.HTML("<b>Download</b>"), *self.downloads.values(), self.view.file], layout=ROW),
        ]

    def _expression_panel(self) -> widgets.Widget:
        """Buttons of the presets above tabs with the sliders of the expressions."""
        pages = [
            widgets.Box([self.expressions[n] for n in names.split()], layout={"flex_flow": "row wrap"})
            for names in EXPRESSION_TABS.values()
        ]
        tabs = widgets.Tab(pages)
        for number, title in enumerate(EXPRESSION_TABS):
            tabs.set_title(number, title)  # ipywidgets 7 has no ``titles``
        presets = widgets.Box([widgets.HTML("<b>Expression</b>"), *self.presets.values()], layout=ROW)
        return widgets.VBox([presets, tabs], layout={"flex": "1 1 620px"})


def uploaded_files(value: Any) -> list[tuple[str, bytes]]:
    """Names and contents of the files of a ``FileUpload``: ipywidgets 8 has a tuple of dicts, 7 a dict by name."""
    files = [{"name": name} | file for name, file in value.items()] if isinstance(value, dict) else value
    return [(file["name"], bytes(file["content"])) for file in files]
