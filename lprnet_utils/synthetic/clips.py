"""Short videos rendered from the bundled face model: every frame has true position maps.

One person or several are in front of a still background. Pose and expression follow functions of time; identity, light
and exposure stay. So the error of every frame can be measured, which no filmed clip allows.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..geometry.camera import Camera, rotation_matrix
from ..geometry.shading import GAMMA, Light
from .effects import background
from .faces import SyntheticFaces
from .renderer import Surface, draw_head

Pose = Callable[[float], tuple[float, float, float]]
Expression = Callable[[float], dict[str, float]]
NECK_PIVOT = np.array([0.0, -70.0, -95.0])  # mm of the face frame: the top of the neck, about which a head turns
FACE_HEIGHT = 0.42  # of the 68 landmarks of a single person, as a share of the frame's height
BUST_BOTTOM = -140.0  # mm of the face frame: the bust may end here
NECK_BLEND = (-55.0, 5.0)  # mm above the underside of the chin: all below stays, all above turns with the head
EXCLUDED_LABELS = {"hat", "glasses", "scarf", "mask", "beard"}  # nobody in a clip has them
HAIR_CLEAR_OF_EYES = {"afro01", "long01", "ponytail01", "short01", "short02", "short04"}
SKIN_BRIGHTNESS = 0.6  # linear, of the brightest tenth of a person's pixels
PERSON_LEAD = 0.9  # seconds by which the movement of each person is ahead of the neighbour's to the left


def still(t: float) -> tuple[float, float, float]:
    """A head that faces the camera and does not move: (pitch, yaw, roll) in degrees at ``t`` seconds."""
    return 0.0, 0.0, 0.0


def nod(t: float, degrees: float = 20.0, hertz: float = 1.0) -> tuple[float, float, float]:
    """A head that nods: the pitch is a sine."""
    return degrees * math.sin(2 * math.pi * hertz * t), 0.0, 0.0


def look_around(t: float) -> tuple[float, float, float]:
    """A head that turns to both sides, up and down and leans a little, like that of somebody who talks."""
    wave = lambda hertz, phase=0.0: math.sin(2 * math.pi * (hertz * t + phase))  # noqa: E731
    return 9 * wave(0.31) + 2 * wave(0.9, 0.3), 32 * wave(0.19) + 5 * wave(0.53, 0.2), 7 * wave(0.23, 0.4)


def rest(t: float) -> dict[str, float]:
    """No expression: weights from 0 to 1, by ARKit's names, at ``t`` seconds."""
    return {}


def talk(t: float) -> dict[str, float]:
    """A face that speaks, smiles now and then and blinks every 2.7 seconds."""
    wave = lambda hertz, phase=0.0: 0.5 + 0.5 * math.sin(2 * math.pi * (hertz * t + phase))  # noqa: E731
    speech, smile = wave(0.17), wave(0.13, 0.6) ** 3
    blink = max(1 - abs((t + 0.6) % 2.7 - 0.15) / 0.12, 0.0)
    both = {"mouthSmile": 0.8 * smile, "cheekSquint": 0.5 * smile, "eyeBlink": blink, "browOuterUp": 0.3 * wave(0.2)}
    out = {f"{name}{side}": value for name, value in both.items() for side in ("Left", "Right")}
    mouth = {"jawOpen": 0.45 * wave(2.3) * wave(0.7), "mouthFunnel": 0.4 * wave(1.1, 0.2) * wave(0.9, 0.4)}
    return out | {name: value * speech for name, value in mouth.items()} | {"browInnerUp": 0.35 * wave(0.2)}


@dataclass(frozen=True)
class ClipFrame:
    """One frame with its true position maps."""

    image: Image
    time: float  # seconds
    position_maps: NDArray[np.float32]  # (P, N, N, 3), of each person, in the photo frame, with mean z 0


@dataclass(frozen=True)
class _Person:
    identity: NDArray[np.float32]  # weights (K,)
    surface: Surface
    hair_color: Array
    accessory_seed: list[int]  # the same hair is drawn anew in each frame


@dataclass(eq=False)
class RenderedClip:
    """A clip of people whose faces are known exactly: a sequence of :class:`ClipFrame`, each drawn when asked for.

    The same arguments give the same pixels. ``layout`` is that of the position maps.

    Parameters
    ----------
    frames : int
    size : (width, height)
    fps : float
    seed : int
        Of the people, the light and the background.
    people : int
        Side by side, of about the same size.
    pose : callable
        From seconds to (pitch, yaw, roll) in degrees, such as :func:`still`, :func:`nod` and :func:`look_around`. The
        head turns about the neck, so the face moves in the picture too.
    expression : callable
        From seconds to weights by ARKit's names, such as :func:`rest` and :func:`talk`.
    noise : float
        Standard deviation of the sensor's noise in grey levels, drawn anew for each pixel and frame.
    height : float, optional
        Of the 68 landmarks, as a share of the frame's height. By default 0.42 for one person and less for several.

    Raises
    ------
    ValueError
        If there is no frame, no person, or no room.

    Examples
    --------
    >>> from lprnet_utils.synthetic import nod, rendered_clip
    >>> clip = rendered_clip(30, (160, 120), pose=nod)
    >>> len(clip), clip[0].image.shape, clip[0].position_maps.shape
    (30, (120, 160, 3), (1, 128, 128, 3))
    """

    frames: int = 90
    size: tuple[int, int] = (640, 480)
    fps: float = 30.0
    seed: int = 0
    people: int = 1
    pose: Pose = look_around
    expression: Expression = talk
    noise: float = 0.0
    height: float | None = None

    def __post_init__(self):
        if self.frames < 1 or self.people < 1 or self.fps <= 0 or min(self.size) < 16:
            raise ValueError(
                f"a clip has frames, people, a rate and at least 16 x 16 pixels; got {self.frames} frames of "
                f"{self.size} pixels, {self.people} people, {self.fps} frames a second"
            )
        self.size, self.fps = (int(self.size[0]), int(self.size[1])), float(self.fps)
        self._faces = _shared_faces()
        self.layout = self._faces.layout
        head = self._faces.head
        rising = np.interp(head.file["height"], NECK_BLEND, (0, 1))[:, None]
        self._turning = np.ones((head.count, 1), np.float32)
        self._turning[head.kind["head"]] = rising * rising * (3 - 2 * rising)
        self._height = self.height or FACE_HEIGHT / math.sqrt(self.people)
        self._people = [self._draw_person(k) for k in range(self.people)]
        self._light = Light.sample(np.random.default_rng([self.seed, 1]))
        picture = background(np.random.default_rng([self.seed, 4]), max(self.size))
        self._background = np.ascontiguousarray(picture[: self.size[1], : self.size[0]])
        self._exposures = [self._measure_exposure(k) for k in range(self.people)]

    def __len__(self) -> int:
        return self.frames

    def __iter__(self) -> Iterator[ClipFrame]:
        return (self[k] for k in range(self.frames))

    def __getitem__(self, k: int) -> ClipFrame:
        """Frame k, drawn now: about a tenth of a second at 640 x 480."""
        if not -self.frames <= k < self.frames:
            raise IndexError(f"frame {k} of a clip of {self.frames} frames")
        k %= self.frames
        picture = self._background.copy()
        for person, exposure in enumerate(self._exposures):
            vertices, camera = self._pose_head(person, k / self.fps)
            self._render(picture, person, vertices, camera, exposure)
        image = 255 * cv2.pow(np.clip(picture, 0, 1), 1 / GAMMA)
        if self.noise:
            rng = np.random.default_rng([self.seed, 2, k])
            image = image + self.noise * rng.standard_normal(image.shape, np.float32)
        return ClipFrame(np.clip(np.rint(image), 0, 255).astype(np.uint8), k / self.fps, self.position_maps(k))

    def position_maps(self, k: int) -> NDArray[np.float32]:
        """The true maps (P, N, N, 3) of frame k, without drawing it."""
        maps = []
        for person in range(self.people):
            vertices, camera = self._pose_head(person, k / self.fps)
            face = camera.project(vertices[: self._faces.head.face_count]).astype(np.float32)
            maps.append(self.layout.centre_depth(self.layout.vertices_to_map(face)))
        return np.stack(maps)

    def landmarks(self, k: int) -> NDArray[np.float32]:
        """The true 68 landmarks (P, 68, 3) of frame k, in pixels."""
        return np.stack([self.layout.landmarks(position_map) for position_map in self.position_maps(k)])

    def _draw_person(self, number: int) -> _Person:
        """Somebody without hat and glasses, with hair that hides no eye."""
        faces, appearance = self._faces, self._faces.appearance
        for attempt in range(1000):
            seed = [self.seed, 3, number, attempt]
            rng = np.random.default_rng(seed)
            coefficients, labels = faces.people.sample(rng)
            surface, hair_color = appearance.surface(rng, labels)
            appearance.accessories(np.random.default_rng(seed), faces.head.mean, hair_color, labels)
            if labels.get("hair") in HAIR_CLEAR_OF_EYES and not EXCLUDED_LABELS & set(labels):
                break
        return _Person(coefficients[: len(faces.model.identity)], surface, hair_color, seed)

    def _pose_head(self, person: int, t: float) -> tuple[Array, Camera]:
        """Vertices (n, 3) of a head, in mm of its face frame, and its camera at ``t`` seconds."""
        t = t + PERSON_LEAD * person
        model, head = self._faces.model, self._faces.head
        weights = np.zeros(len(model.expression), np.float32)
        for name, value in self.expression(t).items():
            weights[model.expression_names.index(name)] = value
        vertices = head.vertices(np.r_[self._people[person].identity, weights][None], np.zeros((1, 2)))[0]
        rotation = rotation_matrix(*self.pose(t))
        # The shoulders do not turn with the head: in its face frame they turn the other way.
        fixed = (vertices - NECK_PIVOT) @ rotation + NECK_PIVOT
        vertices = np.float32(fixed + self._turning * (vertices - fixed))
        width, height = self.size
        scale = self._height * height / np.ptp((self._faces.landmark_weights @ model.mean)[:, 1])
        # in the middle of the frame, or lower if the bust would end above the frame's lower edge
        y = max(0.47 * (height - 1), height + BUST_BOTTOM * scale)
        middle = np.r_[(person + 0.5) * width / self.people - 0.5, y, 0.0]
        shift = scale * (NECK_PIVOT - rotation @ NECK_PIVOT) * [1, -1, 1]
        return vertices, Camera(rotation, float(scale), middle + shift)

    def _render(self, picture: Array, person: int, vertices: Array, camera: Camera, exposure: float) -> NDArray:
        """Draw a head into the picture, in place, and return the head's pixels (m, 3)."""
        somebody = self._people[person]
        rng = np.random.default_rng(somebody.accessory_seed)
        parts = self._faces.appearance.accessories(rng, vertices, somebody.hair_color, {})
        # only the square around the head is drawn
        points = camera.project(vertices)[:, :2]
        width, height = self.size
        margin = 0.15 * np.ptp(points[:, 0])  # for the hair
        low = np.clip(np.floor(points.min(0) - margin), 0, [width - 1, height - 1]).astype(int)
        high = np.clip(np.ceil(points.max(0) + margin), low + 1, [width, height]).astype(int)
        square = replace(camera, translation=camera.translation - np.r_[low, 0])
        side = int((high - low).max())
        drawn = draw_head(self._faces.head, vertices, somebody.surface, self._light, square, side, parts)
        w, h = high - low
        head, coverage = drawn.picture[:h, :w] * np.float32(exposure), drawn.coverage[:h, :w]
        region = picture[low[1] : high[1], low[0] : high[0]]
        region[:] = head + (1 - coverage[..., None]) * region
        return head[coverage > 0.9]

    def _measure_exposure(self, person: int) -> float:
        """The factor that gives the brightest tenth of a person a brightness of :data:`SKIN_BRIGHTNESS`."""
        pixels = self._render(np.zeros_like(self._background), person, *self._pose_head(person, 0.0), 1.0)
        return SKIN_BRIGHTNESS / max(float(np.quantile(pixels, 0.9)) if pixels.size else 1.0, 0.03)


rendered_clip = RenderedClip
_shared_faces = lru_cache(maxsize=1)(SyntheticFaces)
