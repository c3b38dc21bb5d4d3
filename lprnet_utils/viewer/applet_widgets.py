"""The widgets of the applet, without any behaviour. They are plain ipywidgets (8 or 7) with a style sheet."""

from pathlib import Path

import ipywidgets as widgets

from ..common.litert import bundled_weights, weights_terms
from .avatar import PRESETS
from .face_view import FaceView

FOLDER = Path(__file__).parent
HEADING = (
    "<h1>A face in 3D, from one photo</h1><p>Choose a photo, then turn the face, change its expression and save it as "
    "a 3D file. The photo stays on the machine that runs this page.</p>"
)
NO_SAMPLE = "..."  # the entry in the list of bundled photos for a photo of the user's own
SAMPLES = {"Eileen Collins": "samples/astronaut.jpg", "Grace Hopper": "samples/grace_hopper.jpg"}
POSE = {"pitch": ("Nod", 90), "yaw": ("Turn", 90), "roll": ("Tilt", 180)}  # label, most degrees

# ARKit's expressions by part of the face; the gaze has two sliders of its own. A name without Left or Right stands for
# both sides.
EXPRESSIONS = {
    "Mouth": {
        "mouthSmile": "Smile",
        "mouthFrown": "Frown",
        "mouthPucker": "Pucker",
        "mouthFunnel": "Round, as in “oh”",
        "mouthStretch": "Stretch",
        "mouthDimple": "Dimple",
        "mouthLeft": "Shift to the left",
        "mouthRight": "Shift to the right",
    },
    "Lips": {
        "mouthUpperUp": "Upper lip up",
        "mouthLowerDown": "Lower lip down",
        "mouthClose": "Close over the teeth",
        "mouthPress": "Press together",
        "mouthRollUpper": "Upper lip in",
        "mouthRollLower": "Lower lip in",
        "mouthShrugUpper": "Upper lip pushed up",
        "mouthShrugLower": "Lower lip pushed up",
    },
    "Jaw and tongue": {
        "jawOpen": "Open",
        "jawForward": "Forward",
        "jawLeft": "To the left",
        "jawRight": "To the right",
        "tongueOut": "Tongue out",
    },
    "Eyes and brows": {
        "eyeBlink": "Eyelid closed",
        "eyeWide": "Eye wide open",
        "eyeSquint": "Squint",
        "browInnerUp": "Inner brows up",
        "browOuterUp": "Outer brow up",
        "browDown": "Brow down",
    },
    "Cheeks and nose": {"cheekPuff": "Cheeks puffed", "cheekSquint": "Cheek raised", "noseSneer": "Nose wrinkled"},
}
# label, and the weights that the slider raises above 0 and those that it raises below; sides are the person's
GAZE = {
    "across": ("Look to the left", ("eyeLookOutLeft", "eyeLookInRight"), ("eyeLookOutRight", "eyeLookInLeft")),
    "up": ("Look up", ("eyeLookUpLeft", "eyeLookUpRight"), ("eyeLookDownLeft", "eyeLookDownRight")),
}
PHOTO_HAIR, NO_HAIR = "photo", ""  # values of the choice of hair beside the styles
PHOTO_COLOR = "photo"
HAIR_COLORS = {
    "As in the photo": PHOTO_COLOR,
    "Black": "#15110f",
    "Brown": "#4a2f1d",
    "Red": "#7a3518",
    "Blond": "#b08a55",
    "Grey": "#8c8782",
    "White": "#d8d4cc",
}
LABELS = {name: label for part in EXPRESSIONS.values() for name, label in part.items()}
SIDES = {"Both sides": "", "Left": "Left", "Right": "Right"}  # of the person, not of the picture
DOWNLOADS = {  # label, file name, MIME type
    "glb": ("As shown, .glb", "face.glb", "model/gltf-binary"),
    "obj": ("As shown, .obj", "face.obj.zip", "application/zip"),
    "avatar": ("Avatar, a whole head, .glb", "avatar.glb", "model/gltf-binary"),
    "npz": ("Mesh and landmarks, .npz", "face.npz", "application/octet-stream"),
}
HINTS = {  # what a download is for
    "glb": "Pose and expression of the sliders. Opens in Blender, three.js, phones and slides",
    "obj": "Pose and expression of the sliders. A zip file with mesh, material and texture",
    "avatar": "A head at rest that games and browsers can animate",
    "npz": "Arrays for Python, as the photo shows the face",
}


def bundled_hair() -> list[str]:
    """Names of the bundled styles of hair."""
    from ..avatar import hair_styles  # with the renderer, which takes a while to import

    return list(hair_styles())


def styled(widget: widgets.DOMWidget, *names: str) -> widgets.DOMWidget:
    """The widget with classes of the style sheet."""
    for name in names:
        widget.add_class(f"lprnet-{name}")
    return widget


def row(*children: widgets.Widget, kind: str = "half") -> widgets.Box:
    """Widgets beside each other that wrap; on a phone two or three (``kind``) share a line."""
    return styled(widgets.Box(children), "row", kind)


def slider(label: str, least: float, most: float, step: float, digits: int) -> widgets.FloatSlider:
    """A slider as wide as its column."""
    options = {"readout_format": f".{digits}f", "layout": {"width": "100%"}}
    return widgets.FloatSlider(0.0, min=least, max=most, step=step, description=label, **options)


class AppletWidgets(widgets.VBox):
    """The widgets of the applet. ``weights`` are preselected; larger uploads are made smaller, see FaceApplet."""

    def __init__(self, weights: str, max_upload: int):
        self.upload = styled(widgets.FileUpload(accept="image/*", description="Choose a photo"), "upload")
        self.sample = widgets.Dropdown(options=[*SAMPLES, NO_SAMPLE], description="or an example")
        names = dict.fromkeys([weights, *bundled_weights()])
        licences = [(f"{Path(name).name}: {weights_terms(name)}", name) for name in names]
        self.weights = widgets.Dropdown(options=licences, description="Network")
        self.which = widgets.Dropdown(options=[("1 of 1", 0)], description="Face")
        self.message = styled(widgets.HTML(), "message")
        self.picture = styled(widgets.Image(format="jpeg"), "photo")
        guard = (FOLDER / "upload_guard.js").read_text(encoding="utf-8").replace("@LIMIT@", str(max_upload))
        self.view = FaceView("The face in 3D", guard)
        self.shading = widgets.ToggleButtons(options=["Photo", "Clay"], style={"button_width": "auto"})
        self.landmarks = widgets.Checkbox(False, description="Landmarks", indent=False)
        self.as_seen, self.front = (widgets.Button(description=n) for n in ("As in the photo", "From the front"))
        self.presets = {name: widgets.Button(description=name) for name in PRESETS}
        self.pose = {name: slider(label, -most, most, 1, 0) for name, (label, most) in POSE.items()}
        self.side = widgets.ToggleButtons(options=list(SIDES.items()), style={"button_width": "auto"})
        self.side.tooltips = ["A slider moves both sides", "The person's own left", "The person's own right"]
        self.expressions = {name: slider(label, 0, 1, 0.01, 2) for name, label in LABELS.items()}
        self.gaze = {name: slider(label, -1, 1, 0.01, 2) for name, (label, *_) in GAZE.items()}
        styles = [("As in the photo", PHOTO_HAIR), ("None", NO_HAIR), *((name, name) for name in bundled_hair())]
        self.hair = widgets.Dropdown(options=styles, description="Hair")
        self.hair_color = widgets.Dropdown(options=list(HAIR_COLORS.items()), description="Colour")
        self.downloads = {}
        for kind, (label, _, _) in DOWNLOADS.items():
            self.downloads[kind] = widgets.Button(description=label, tooltip=HINTS[kind])
        for choice in (self.sample, self.weights, self.which, self.hair, self.hair_color):
            choice.style = {"description_width": "initial"}
        super().__init__(self._rows(), layout={"grid_gap": "12px"})
        styled(self, "applet")

    def _rows(self) -> list[widgets.Widget]:
        """The rows of the applet from top to bottom."""
        style = (FOLDER / "applet.css").read_text(encoding="utf-8")
        stage = styled(widgets.Box([self.view, self.picture]), "stage")
        under = row(self.shading, self.landmarks, self.as_seen, self.front)
        picture = styled(widgets.VBox([stage, under], layout={"grid_gap": "10px"}), "picture")
        downloads = [widgets.HTML("<h2>Save</h2>"), row(*self.downloads.values()), self.view.file]
        save = styled(widgets.VBox(downloads, layout={"grid_gap": "8px"}), "save")
        return [
            widgets.HTML(f"<style>{style}</style>{HEADING}"),
            styled(row(self.upload, self.sample, self.which, self.message), "top"),
            styled(widgets.Box([picture, self._side(), save]), "main"),
            row(self.weights),
        ]

    def _side(self) -> widgets.Widget:
        """Ready expressions, and the sliders by part of the face."""
        parts = {"Head": list(self.pose.values())}
        for title, names in EXPRESSIONS.items():
            parts[title] = [self.expressions[name] for name in names]
        parts["Eyes and brows"] = [*self.gaze.values(), *parts["Eyes and brows"]]
        groups = widgets.Accordion([widgets.VBox(sliders) for sliders in parts.values()])
        for number, title in enumerate(parts):
            groups.set_title(number, title)  # ipywidgets 7 has no ``titles``
        groups.selected_index = 1
        self.groups = groups
        presets = row(*self.presets.values(), kind="third")
        headings = (widgets.HTML(f"<h2>{text}</h2>") for text in ("Expression", "Sliders"))
        hair = row(self.hair, self.hair_color)
        children = [next(headings), presets, next(headings), row(self.side, kind="sides"), groups, hair]
        return styled(widgets.VBox(children, layout={"grid_gap": "8px"}), "side")
