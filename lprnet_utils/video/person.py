"""Is a face in a video still the same person's? Cuts from one person to another in the same place are noticed by it.

A position map says which pixel shows which place of the face, so the colours of two frames can be compared place by
place, whatever the head does in between. Exposure and smooth light are divided out. What is left, brows, lips, beard
and hair, is nearly the same in two frames of a person, and differs between two people.
"""

import math
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..geometry.camera import Camera, rotation_distance
from ..geometry.crop import warp_image
from ..uv.layout import UVLayout

VIEW_SIZE = 48  # side of the crop whose colours are compared: what is finer changes with noise and compression
COLOR_STEP = 3  # every third of the compared texels has its colour compared
MIN_FACING = 0.2  # cosine to the camera from which a texel's colour counts
MIN_OVERLAP = 0.15  # share of the face that two views must both show
GREY_OFFSET = 10.0  # added before a logarithm, in grey levels: the noise of dark pixels counts less
SAME_SHAPE_MM = 0.7  # distance of the two shapes up to which nothing else is compared
UNCHANGED = 0.18  # change of the crop, in its standard deviation, up to which nothing else is compared

# The logit that two views show two people: a weighted sum of :meth:`View.differences`. The weights are printed by
# scripts/calibration/person_change.py, from pairs of views of one person and of two.
LOGIT = 8.67
WEIGHTS = np.array([-4.34, 3.88, 1.68, -0.08, 1.01])
OTHER_PERSON = 0.4  # above this logit it is another person
MAYBE_OTHER_PERSON = -1.25  # above this one it may be: then nothing of before is averaged in
FOUND_AGAIN_OTHER = 1.2  # above this one it is another person, if the face was lost for a moment
UNCLEAR = 0.0  # logit of two views that hardly show the same parts, as from the left and from the right
NO_DOUBT = -3.0
DOUBT_SECONDS = 2.0  # over which a doubt is forgotten
OLDER_VIEW_SECONDS = 0.3  # between two older views that a new one is compared with
OLDER_VIEWS = 3


class ViewPoints:
    """The texels whose colours and places are compared, and what is known of them on the mean face."""

    def __init__(self, layout: UVLayout, step: int):
        mean = layout.mean_map
        self.layout, self.step = layout, step
        self.mean = layout.points(mean, step)
        normals = np.cross(np.gradient(mean, axis=0), np.gradient(mean, axis=1))
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
        self.normals = layout.points(normals, step * COLOR_STEP)
        x, y, z = (self.mean[::COLOR_STEP] / 80).T
        self.light = np.stack([np.ones_like(x), x, y, z, x * x, y * y], 1)  # smooth light is a sum of these


class View:
    """A face in one frame: a small crop of it, and where its places are."""

    def __init__(self, image: Image, crop: Array, crop_size: int, position_map: Array, points: ViewPoints):
        places = points.layout.points(position_map, points.step)
        self.camera = Camera.fit(points.mean, places)
        self.shape = self.camera.unproject(places)  # (P, 3) in the face frame
        scale = VIEW_SIZE / crop_size
        self._points, self._matrix = points, scale * crop + [0, 0, (scale - 1) / 2]
        self._places = places[::COLOR_STEP]
        self._image: Image | None = image

    def other_person(self, earlier: "View") -> float:
        """The logit that an earlier view shows another person; below 0 it is likely the same one."""
        # nearly all pairs of frames end here, because the crops cost more
        if float(np.linalg.norm(self.shape - earlier.shape, axis=1).mean()) <= SAME_SHAPE_MM:
            return -math.inf
        if self._change(earlier) <= UNCHANGED:
            return -math.inf
        differences = self.differences(earlier)
        return UNCLEAR if differences is None else LOGIT + float(WEIGHTS @ differences)

    def _change(self, earlier: "View") -> float:
        return cv2.norm(self._grey, earlier._grey, cv2.NORM_L1) / self._grey.size

    def differences(self, earlier: "View") -> Array | None:
        """How this view differs from an earlier one (5,); None if they hardly show the same parts of the face.

        They are the correlation of the two patterns (its inverse hyperbolic tangent), the distance of the two shapes
        in mm, the difference of the skin tones, the angle between the poses in degrees, because a turned head is harder
        to compare, and the change of the crop. Of distance, tone and change it is the logarithm.
        """
        weight = self._weight * earlier._weight
        total = float(weight.sum())
        if total < MIN_OVERLAP * len(weight):
            return None
        a, b = self._pattern, earlier._pattern
        a, b = a - weight @ a / total, b - weight @ b / total
        norm = math.sqrt(float((weight @ (a * a)) * (weight @ (b * b))))
        correlation = min(max(float(weight @ (a * b)) / max(norm, 1e-9), -0.5), 0.995)
        green, red, blue = (weight @ (self._colors - earlier._colors))[[1, 0, 2]] / total
        return np.array([
            math.atanh(correlation),
            math.log(max(float(np.linalg.norm(self.shape - earlier.shape, axis=1).mean()), 0.1)),
            math.log(abs(red - green) + abs(blue - green) + 0.02),
            rotation_distance(self.camera.rotation, earlier.camera.rotation),
            math.log(self._change(earlier) + 0.02),
        ])  # fmt: skip

    def release_image(self) -> None:
        """Keep the small crop instead of the frame."""
        self._picture  # noqa: B018
        self._image = None

    @cached_property
    def _picture(self) -> Image:
        return warp_image(self._image, self._matrix, VIEW_SIZE)

    @cached_property
    def _grey(self) -> NDArray[np.float32]:
        """The crop in grey, with mean 0 and standard deviation 1, or less if it is nearly uniform."""
        grey = cv2.cvtColor(self._picture, cv2.COLOR_RGB2GRAY)
        mean, deviation = (value.item() for value in cv2.meanStdDev(grey))
        return (grey - np.float32(mean)) / np.float32(deviation + 2)

    @cached_property
    def _weight(self) -> NDArray:
        """Weight (Q,) of the texels' colours: how much they face the camera; 0 outside the crop."""
        facing = self._points.normals @ self.camera.rotation[2]
        inside = ((self._positions >= 0) & (self._positions <= VIEW_SIZE - 1)).all(1)
        return np.where(inside & (facing > MIN_FACING), facing, 0.0)

    @cached_property
    def _positions(self) -> Array:
        return self._places[:, :2] @ self._matrix[:, :2].T + self._matrix[:, 2]

    @cached_property
    def _colors(self) -> NDArray:
        """Logarithms (Q, 3) of the texels' colours."""
        position = self._positions.astype(np.float32)[None]
        colors = cv2.remap(self._picture, position, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        return np.log(colors.astype(np.float32) + GREY_OFFSET)

    @cached_property
    def _pattern(self) -> NDArray:
        """What smooth light does not explain of the brightness of the texels (Q,)."""
        light, weighted = self._points.light, self._points.light * self._weight[:, None]
        grey = self._colors.mean(1)
        fit = np.linalg.solve(light.T @ weighted + 1e-3 * np.eye(light.shape[1]), weighted.T @ grey)
        return grey - light @ fit


class Person:
    """The views of one person, to notice when another one has the place."""

    def __init__(self) -> None:
        self.doubt = NO_DOUBT  # highest logit of late: blurred and badly compressed videos raise doubts again and again
        self._older: list[tuple[float, View]] = []  # with their times in seconds
        self._logit = -math.inf  # of the last comparison
        self._known: list[View] = []  # those to compare with

    def has_left(self, view: View, found_again: bool = False) -> bool:
        """Whether a view shows another person: neither the last view nor an older one agrees with it.

        ``found_again``: the face was lost, or is reconstructed in another crop, so that its shape differs more.
        """
        self._logit = math.inf if self._known else -math.inf
        for known in self._known:
            if self._logit > MAYBE_OTHER_PERSON:  # otherwise it is settled
                self._logit = min(self._logit, view.other_person(known))
        return self._logit > (FOUND_AGAIN_OTHER if found_again else OTHER_PERSON) + self.doubt - NO_DOUBT

    @property
    def may_have_left(self) -> bool:
        """Whether the last view compared may show another person, or the same one in a new light."""
        return self._logit > max(MAYBE_OTHER_PERSON, self.doubt + 1)

    def remember(self, view: View, time: float, dt: float) -> None:
        """Keep the view of a frame, ``dt`` seconds after the last one."""
        self.doubt = max(NO_DOUBT + (self.doubt - NO_DOUBT) * math.exp(-dt / DOUBT_SECONDS), self._logit)
        if not self._older or time - self._older[-1][0] >= OLDER_VIEW_SECONDS:
            view.release_image()
            self._older = [*self._older, (time, view)][-OLDER_VIEWS:]
        self._known = [view, *(older for _, older in reversed(self._older) if older is not view)]
