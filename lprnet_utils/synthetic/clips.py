"""Short videos rendered from the project's own faces: every frame with its true position maps.

One person (or a few) before a still background, whose pose and expression follow functions of time; who it is, the
light and the exposure stay. So an error can be drawn for each frame, which no filmed clip allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array, Image
from ..geometry.camera import Camera, rotation_matrix
from ..geometry.shading import Light
from .faces import SyntheticFaces
from .props import background
from .renderer import draw_head

Pose = Callable[[float], tuple[float, float, float]]
Expression = Callable[[float], dict[str, float]]
NECK = np.array([0.0, -70.0, -95.0])  # mm of the face frame: a head turns about the top of its neck
HEIGHT = 0.42  # of the frame: the 68 landmarks of one person's face
SHOULDERS = -140.0  # mm of the face frame: where the bust may end
NECKLINE = (-55.0, 5.0)  # mm over the chin's underside: below it nothing turns with the head, above it all
SHADES = {"hat", "glasses", "scarf", "mask", "beard"}  # what nobody in a clip wears
HAIR = {"afro01", "long01", "ponytail01", "short01", "short02", "short04"}  # that hides no eye
BRIGHT, GAMMA = 0.6, 2.2  # linear brightness of the skin's brighter tenth, and the camera's curve


def still(t: float) -> tuple[float, float, float]:
    """Looks into the camera and does not move: (pitch, yaw, roll) in degrees at ``t`` seconds."""
    return 0.0, 0.0, 0.0


def nod(t: float, degrees: float = 20.0, hertz: float = 1.0) -> tuple[float, float, float]:
    """Nods: the pitch is a sine."""
    return degrees * math.sin(2 * math.pi * hertz * t), 0.0, 0.0


def look_around(t: float) -> tuple[float, float, float]:
    """Turns to both sides, looks up and down and leans a little, as somebody does who talks."""
    wave = lambda hertz, phase=0.0: math.sin(2 * math.pi * (hertz * t + phase))  # noqa: E731
    return 9 * wave(0.31) + 2 * wave(0.9, 0.3), 32 * wave(0.19) + 5 * wave(0.53, 0.2), 7 * wave(0.23, 0.4)


def rest(t: float) -> dict[str, float]:
    """No expression: weights by ARKit's names, 0 to 1, at ``t`` seconds."""
    return {}


def talk(t: float) -> dict[str, float]:
    """Speaks, smiles now and then, blinks every 2.7 seconds."""
    wave = lambda hertz, phase=0.0: 0.5 + 0.5 * math.sin(2 * math.pi * (hertz * t + phase))  # noqa: E731
    speech, smile = wave(0.17), wave(0.13, 0.6) ** 3
    blink = max(1 - abs((t + 0.6) % 2.7 - 0.15) / 0.12, 0.0)
    both = {"mouthSmile": 0.8 * smile, "cheekSquint": 0.5 * smile, "eyeBlink": blink, "browOuterUp": 0.3 * wave(0.2)}
    out = {f"{name}{side}": value for name, value in both.items() for side in ("Left", "Right")}
    mouth = {"jawOpen": 0.45 * wave(2.3) * wave(0.7), "mouthFunnel": 0.4 * wave(1.1, 0.2) * wave(0.9, 0.4)}
    return out | {name: value * speech for name, value in mouth.items()} | {"browInnerUp": 0.35 * wave(0.2)}


@dataclass(frozen=True)
class ClipFrame:
    """One frame and its truth.

    Attributes
    ----------
    image : (H, W, 3) uint8
    time : float
        Seconds.
    position_maps : (P, N, N, 3) float32
        Of each person, in pixels of the frame, z of mean 0.
    """

    image: Image
    time: float
    position_maps: NDArray[np.float32]


class RenderedClip:
    """A sequence of :class:`ClipFrame`, each drawn when it is asked for; see :func:`rendered_clip`.

    Attributes
    ----------
    fps : float
    size : (width, height)
    layout : UVLayout
        Of the position maps.
    """

    def __init__(
        self, frames: int, size: tuple[int, int], fps: float, seed: int, people: int, pose: Pose,
        expression: Expression, noise: float, height: float | None,
    ):  # fmt: skip
        if frames < 1 or people < 1 or fps <= 0 or min(size) < 16:
            raise ValueError(
                f"a clip has frames, people, a rate and at least 16 x 16 pixels; got {frames} frames of {size} pixels, "
                f"{people} people, {fps} frames a second"
            )
        self._count, self.size, self.fps, self.seed = frames, (int(size[0]), int(size[1])), float(fps), seed
        self._pose, self._expression, self._noise = pose, expression, noise
        self._faces = _faces()
        self.layout = self._faces.layout
        head = self._faces.head
        self._mean = head.vertices(np.zeros((1, len(head.file["basis"]))), np.zeros((1, 2)))[0]
        rising = np.interp(head.file["height"], NECKLINE, (0, 1))[:, None]
        self._turning = np.ones((head.count, 1), np.float32)
        self._turning[head.kind["head"]] = rising * rising * (3 - 2 * rising)
        self._share = height or HEIGHT / (1 if people == 1 else math.sqrt(people))
        self._people = [self._person(k) for k in range(people)]
        self._light = Light.sample(np.random.default_rng([seed, 1]))
        self._background = self._empty_place()
        self._exposure = self._exposures()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ClipFrame]:
        return (self[k] for k in range(self._count))

    def __getitem__(self, k: int) -> ClipFrame:
        """Frame k, drawn now: about a tenth of a second at 640 x 480."""
        if not -self._count <= k < self._count:
            raise IndexError(f"frame {k} of a clip of {self._count} frames")
        k %= self._count
        picture = self._background.copy()
        for person, exposure in enumerate(self._exposure):
            vertices, camera = self._placed(person, k / self.fps)
            self._draw(picture, person, vertices, camera, exposure)
        image = 255 * cv2.pow(np.clip(picture, 0, 1), 1 / GAMMA)
        if self._noise:
            rng = np.random.default_rng([self.seed, 2, k])
            image = image + self._noise * rng.standard_normal(image.shape, np.float32)
        return ClipFrame(np.clip(np.rint(image), 0, 255).astype(np.uint8), k / self.fps, self.position_maps(k))

    def position_maps(self, k: int) -> NDArray[np.float32]:
        """The true maps (P, N, N, 3) of frame k, without drawing it."""
        return np.stack([self._map(*self._placed(person, k / self.fps)) for person in range(len(self._people))])

    def landmarks(self, k: int) -> NDArray[np.float32]:
        """The true 68 landmarks (P, 68, 3) of frame k, in pixels."""
        return np.stack([self.layout.landmarks(position_map) for position_map in self.position_maps(k)])

    def _map(self, vertices: Array, camera: Camera) -> NDArray[np.float32]:
        face = vertices[: self._faces.head.face_count]
        position_map = self.layout.vertices_to_map(camera.project(face).astype(np.float32))
        return self.layout.centre_depth(position_map)

    def _person(self, number: int) -> tuple:
        """Identity, colours, and what the random numbers of the hair begin with: somebody without hat and glasses."""
        for attempt in range(1000):
            key = [self.seed, 3, number, attempt]
            rng = np.random.default_rng(key)
            coefficients, labels = self._faces.person(rng)
            labels = dict(labels)
            albedo, shine, hair = self._faces.albedo(rng, labels)
            self._faces.worn(np.random.default_rng(key), self._mean, hair, labels)
            if labels.get("hair") in HAIR and not SHADES & set(labels):
                break
        return coefficients[: len(self._faces.model.identity)], albedo, shine, hair, key

    def _placed(self, person: int, t: float) -> tuple[Array, Camera]:
        """Vertices of a head in mm, and the camera, at a time; people move one after the other, not in step."""
        t = t + 0.9 * person
        weights = np.zeros(len(self._faces.model.expression), np.float32)
        for name, value in self._expression(t).items():
            weights[self._faces.model.expression_names.index(name)] = value
        vertices = self._faces.head.vertices(np.r_[self._people[person][0], weights][None], np.zeros((1, 2)))[0]
        rotation = rotation_matrix(*self._pose(t))
        # shoulders stay: seen from the head they turn the other way
        behind = (vertices - NECK) @ rotation + NECK
        vertices = np.float32(behind + self._turning * (vertices - behind))
        width, height = self.size
        scale = self._share * height / np.ptp((self._faces.read @ self._faces.model.mean)[:, 1])
        # as high as the middle, unless the bust would float above the frame's lower edge
        y = max(0.47 * (height - 1), height + SHOULDERS * scale)
        middle = np.r_[(person + 0.5) * width / len(self._people) - 0.5, y, 0.0]
        turn = scale * (NECK - rotation @ NECK) * [1, -1, 1]
        return vertices, Camera(rotation, float(scale), middle + turn)

    def _draw(self, picture: Array, person: int, vertices: Array, camera: Camera, exposure: float) -> NDArray:
        """A head into the picture, in place; returns its own pixels."""
        _, albedo, shine, hair, key = self._people[person]
        parts = self._faces.worn(np.random.default_rng(key), vertices, hair, {})
        # only the square around the head is drawn
        points = camera.project(vertices)[:, :2]
        width, height = self.size
        margin = 0.15 * np.ptp(points[:, 0])  # for the hair
        low = np.clip(np.floor(points.min(0) - margin), 0, [width - 1, height - 1]).astype(int)
        high = np.clip(np.ceil(points.max(0) + margin), low + 1, [width, height]).astype(int)
        side = int((high - low).max())
        pose = camera.rotation, camera.scale, camera.translation - np.r_[low, 0]
        drawn = draw_head(self._faces.head, vertices, albedo, shine, self._light, pose, side, parts)
        w, h = high - low
        head, coverage = drawn.picture[:h, :w] * np.float32(exposure), drawn.coverage[:h, :w]
        place = picture[low[1] : high[1], low[0] : high[0]]
        place[:] = head + (1 - coverage[..., None]) * place
        return head[coverage > 0.9]

    def _empty_place(self) -> NDArray[np.float32]:
        width, height = self.size
        side = max(width, height)
        return np.ascontiguousarray(background(np.random.default_rng([self.seed, 4]), side)[:height, :width])

    def _exposures(self) -> list[float]:
        """What brings each person's brighter skin to a good level, measured once: a camera that is set by hand."""
        out = []
        for person in range(len(self._people)):
            own = self._draw(np.zeros_like(self._background), person, *self._placed(person, 0.0), 1.0)
            out.append(BRIGHT / max(float(np.quantile(own, 0.9)) if own.size else 1.0, 0.03))
        return out


@lru_cache(maxsize=1)
def _faces() -> SyntheticFaces:
    return SyntheticFaces()


def rendered_clip(
    frames: int = 90,
    size: tuple[int, int] = (640, 480),
    fps: float = 30.0,
    seed: int = 0,
    people: int = 1,
    pose: Pose = look_around,
    expression: Expression = talk,
    noise: float = 0.0,
    height: float | None = None,
) -> RenderedClip:
    """A clip of people whose faces are known exactly.

    Parameters
    ----------
    frames : int
    size : (width, height)
        In pixels.
    fps : float
        Frames a second.
    seed : int
        Who, in what light, before what.
    people : int
        Side by side, of about the same size.
    pose : callable
        From seconds to (pitch, yaw, roll) in degrees: :func:`still`, :func:`nod`, :func:`look_around` or another. The
        head turns about the neck, so the face moves in the picture too.
    expression : callable
        From seconds to weights by ARKit's names: :func:`rest`, :func:`talk` or another.
    noise : float
        Standard deviation of the sensor's noise in grey levels, another in each pixel and frame.
    height : float, optional
        Of the 68 landmarks' box, as a share of the frame's; 0.42 for one person.

    Returns
    -------
    RenderedClip
        A sequence of :class:`ClipFrame`; the same arguments give the same pixels.

    Raises
    ------
    ValueError
        If there is no frame, no person, or no room.
    """
    return RenderedClip(frames, size, fps, seed, people, pose, expression, noise, height)
