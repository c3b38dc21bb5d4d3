"""Synthetic photos at twice the resolution for the closer look, with the truth about eyes and mouth."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.arrays import Array, Image
from ..datasets.shards import Sample
from ..geometry.camera import Camera, rotation_matrix
from ..geometry.landmarks import INNER_LIPS, OUTER_LIPS
from ..geometry.shading import Light
from ..uv.layout import UVLayout
from .appearance import (
    DARK_HAIR_COLORS,
    DARK_SKIN_TONE,
    HAIR_COLORS,
    VariedAppearance,
    blend,
    subdivided,
)
from .brows import Brows
from .close_people import ClosePeople, inner_corner_mode
from .effects import good_camera, simulate_camera
from .eyes import GLINT_RADIUS, LASH_LENGTH, Irises, Lids, conjunctiva, glint, lashes, lid_shadow
from .faces import BLOCK_SIZE
from .folds import Folds
from .head import Part, ring_triangles
from .mixed import MixedFaces
from .renderer import Rendering, Surface
from .scans import MixedHead

EYES = "right eye", "left eye"
PICTURE_SIZE = 256
MAP_SIZE = 128
LID_REACH, LID_CONTACT = 5.0, 0.01  # mm, and the share of the skin there that may lie behind the eyeball
GAZE_DIFFERENCE = 1.5  # degrees, standard deviation between the directions of both eyes
VERGENCE = (0.0, 7.0)  # degrees by which both eyes turn inward
NEAR_SHARE, NEAR_POSE = 0.4, ((-2.0, 0.0, 0.0), (8.0, 12.0, 4.0))  # mean and deviation of pitch, yaw and roll, degrees
GOOD_SHARE = 0.5  # of the photos: those of a good camera
DARK_LENS = 150  # opacity, 0 to 255, of lenses that hide the eyes
FOLD_STRENGTH = (0.2, 1.6)
LIT_TEETH = (0.15, 8.0)  # light on teeth behind closed lips, and the opening in mm from which on they have it all
LENS_RINGS = 7
MIRROR_SHARE = 0.5  # of the dark glasses, which reflect a sky and a ground
TEETH_COLOR, GUM_COLOR = np.array([0.65, 0.6, 0.5]), np.array([0.35, 0.12, 0.11])
BROW_BLUR = 1.5  # texels of 0.8 mm
TONGUE_RADII = np.array([17.0, 4.5, 17.0])  # mm


class CloseHead(MixedHead):
    """The head of the mixed generator with finer eyeballs, which are coloured by the angle from the axis of gaze."""

    eye_rings = np.deg2rad([0, 3, 5, 6.5, 8, 9.5, 11, 12.5, 15, 17.5, 20, 21.5, 22.5, 23.5, 24.5, 25.5, 26.5, 27.5, 29,
                            32, 38, 46, 58, 74, 90, 130])  # fmt: skip
    eye_segments = 40

    def __init__(self):
        super().__init__()
        *self.lids, self.lips = Lids.of(self.model)
        self._inner_corners = inner_corner_mode(self.model)
        n = self.eye_segments
        self.polar = np.repeat(self.eye_rings, n)
        self.around = np.tile(np.arange(n) * 2 * np.pi / n, len(self.eye_rings))
        face, reach = self.mean[self.kind["face"]], self.eye_radius + LID_REACH
        self.lid_skin = []  # vertices of the face that an eyeball must stay behind
        for name in EYES:
            away = face - self.eye_centre(self.mean[self.kind[name]])
            self.lid_skin.append(np.flatnonzero((np.linalg.norm(away, axis=1) < reach) & (away[:, 2] > 0)))

    def vertices(self, coefficients: Array, gaze: ArrayLike) -> NDArray[np.float32]:
        """Vertices (B, n, 3), in mm, of heads whose eyeballs touch the lids, and nowhere come through the skin.

        ``coefficients`` (B, 1 + K + E) are those of :class:`.close_people.ClosePeople`.
        """
        coefficients = np.asarray(coefficients)
        out = super().vertices(coefficients[:, 1:], gaze)
        out[:, self.kind["face"]] += coefficients[:, :1, None] * self._inner_corners
        if hasattr(self, "lid_skin"):  # not yet while the head is made
            for head in out:
                for name, skin in zip(EYES, self.lid_skin, strict=True):
                    ball = head[self.kind[name]]
                    ball[:, 2] -= self._overlap(self.eye_centre(ball), head[skin])
        return out

    def _overlap(self, centre: Array, skin: Array) -> float:
        """How far back an eyeball goes to touch skin (n, 3) with the share of it that is nearest; negative: forward."""
        flat = ((skin - centre)[:, :2] ** 2).sum(1)
        inside = flat < self.eye_radius**2
        front = centre[2] + np.sqrt(self.eye_radius**2 - flat[inside])
        return float(np.quantile(front - skin[inside, 2], 1 - LID_CONTACT))

    def eye_centre(self, ball: Array) -> Array:
        """The centre (3,) of an eyeball with vertices (m, 3): the middle of its ring at a right angle to the gaze."""
        return ball.reshape(len(self.eye_rings), -1, 3)[-2].mean(0)

    @property
    def eye_radius(self) -> float:
        """Radius of the eyeballs in mm."""
        return float(self.file["eye_radius"])


class CloseAppearance(VariedAppearance):
    """The same with irises, with make-up on lids and lips, and with brows whose places are known."""

    brow_strengths, brow_shades = (0.8, 2.5), (0.15, 1.0)  # they show on most people

    def __init__(self, head: CloseHead, landmark_weights):
        super().__init__(head, landmark_weights)
        mean = head.model.mean
        self._lid_distance = [
            np.linalg.norm(mean[:, None] - mean[None, lids.upper], axis=2).min(1) for lids in head.lids
        ]
        self._lip_opacity = lip_opacity(mean, self.landmarks)
        # without blur, vertices would see single hairs or none
        self._brow_sheets = np.array([cv2.GaussianBlur(sheet, (0, 0), BROW_BLUR) for sheet in self._brow_sheets])
        self.brows = Brows(self._brow_sheets)

    def _brow(self, rng: np.random.Generator, labels: dict) -> NDArray[np.float32]:
        number, raised, labels["brow"] = self.brows.draw(rng)
        return self._raised_brow(number, raised)

    def _paint_face(self, rng: np.random.Generator, face: Array, hair_color: Array, labels: dict) -> None:
        super()._paint_face(rng, face, hair_color, labels)
        grown = not labels.get("child", 0.0) > 0.1
        mean = self.head.model.mean
        if rng.random() < 0.35 * grown:  # eye shadow, and a line along the lid
            shade, line = rng.uniform(0, 0.5, 3) ** 1.5, rng.uniform(0, 0.06, 3)
            width, thick = rng.uniform(3, 9), rng.uniform(0.6, 2.0)
            strength = rng.uniform(0, 0.7), rng.uniform(0.2, 1)
            for lids, distance in zip(self.head.lids, self._lid_distance, strict=True):
                above = mean[:, 1] > np.interp(mean[:, 0], mean[lids.upper, 0], mean[lids.upper, 1]) - 0.3
                blend(face, strength[0] * above * np.exp(-((distance / width) ** 2)), shade)
                blend(face, strength[1] * above * np.exp(-((distance / thick) ** 2)), line)
        if rng.random() < 0.5:  # shadows under the eyes
            eyes = self.landmarks[36:48].reshape(2, 6, 3).mean(1)
            color, strength = face.mean(0) * rng.uniform(0.3, 0.8), rng.uniform(0, 0.6)
            for eye in eyes:
                gap = (mean - eye - [0, -9, 0]) / [13, 5, 20]
                blend(face, strength * np.exp(-(gap**2).sum(1)), color)
        # lips are redder than skin and mostly darker; some are painted
        red = face.mean(0) * rng.uniform([0.85, 0.5, 0.5], [1.2, 0.75, 0.8])
        blend(face, self._lip_opacity * rng.uniform(0.2, 1.0), red)
        if rng.random() < 0.25 * grown:
            color = rng.uniform(0, 1, 3) ** 2 * [0.6, 0.25, 0.25] * rng.uniform(0.6, 1.3)
            blend(face, self._lip_opacity * rng.uniform(0.2, 1.0), color)

    def _color_eyes_and_teeth(self, rng: np.random.Generator, albedo: Array, tone: float, labels: dict) -> None:
        head, irises = self.head, Irises.sample(rng, tone, tone < DARK_SKIN_TONE)
        labels["iris"] = float(irises.radius)
        for eye in EYES:
            albedo[head.kind[eye]] = irises.colors(rng, head.polar, head.around)
        albedo[head.kind["mouth"]] = np.array([0.1, 0.02, 0.02]) * rng.uniform(0.1, 1.5)
        height = head.mean[head.teeth, 1]
        gums = np.clip((np.abs(height - np.median(height)) - rng.uniform(7, 12)) / 3, 0, 1)[:, None]
        teeth = TEETH_COLOR * rng.uniform(0.6, 1.1) * (0.4 + tone) * np.exp(rng.normal(0, 0.08, (len(height), 1)))
        albedo[head.teeth] = teeth + gums * (GUM_COLOR - teeth)


def lip_opacity(vertices: Array, landmarks: Array) -> NDArray[np.float32]:
    """Where lipstick is on the face's vertices (V, 3): 1 on the lips, soft at their border."""
    outline = landmarks[OUTER_LIPS, :2].astype(np.float32)[:, None]
    inside = np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y, _ in vertices])
    near = np.linalg.norm(vertices[:, None] - subdivided(landmarks[INNER_LIPS], 4)[None], axis=2).min(1) < 14
    return (np.clip((inside + 0.4) / 0.8, 0, 1) * near).astype(np.float32)


@dataclass(frozen=True)
class CloseTruth:
    """What a close look should find in a sample: both eyes, right then left, in pixels of the picture."""

    iris: Array  # (2, 3) centres, z as in the position map
    radius: float  # of the irises, pixels
    gaze: Array  # (2, 3) unit vectors in the head's frame
    visible: NDArray[np.bool_]  # (N, N) texels that nothing hides: no part of the head, hair, hand or obstacle


class CloseFaces(MixedFaces):
    """An unlimited source of photos, 256 x 256 pixels with maps of 128 x 128 texels, for the closer look.

    Lashes, irises, lids' shadows, glints, make-up and tongues are drawn, and both eyes look in directions of their own.
    :meth:`sample_with_truth` tells what a close look should find.
    """

    into_camera_share = 0.7

    def __init__(self, seed: int = 0):
        super().__init__(seed, PICTURE_SIZE, CloseHead(), UVLayout(MAP_SIZE))
        self.people = ClosePeople()
        self.appearance = CloseAppearance(self.head, self.landmark_weights)
        self.folds = Folds(self.model)

    def gaze(self, rng: np.random.Generator, number: int) -> Array:
        """Pitch and yaw (2, 2) of a sample's right and left eye, in degrees from the head's front."""
        turned = rng.normal(0, GAZE_DIFFERENCE / np.sqrt(2), (2, 2))
        turned[:, 1] += np.array([-1, 1]) * rng.uniform(*VERGENCE) / 2 * (rng.random() < 0.5)
        return super().gaze(rng, number) + turned

    def sample_with_truth(self, number: int) -> tuple[Sample, CloseTruth]:
        """Sample ``number``, whose map has its brows where they are painted, and the truth about it."""
        sample = self.sample(number)
        drawn, free = self._last  # of this sample
        vertices, camera, layout = self.block(number // BLOCK_SIZE)[2][number % BLOCK_SIZE], sample.camera, self.layout
        # a map has a mean depth of 0; the z-buffer has the camera's
        texel = layout.texels[:1]
        seen = camera.project(layout.matrix[texel] @ vertices[: self.head.face_count])
        depth = np.array([0, 0, (seen - layout.flat(sample.position_map)[texel])[0, 2]])
        balls = [vertices[self.head.kind[name]] for name in EYES]
        centre = np.array([self.head.eye_centre(ball) for ball in balls])
        gaze = np.array([ball[0] for ball in balls]) - centre
        angle = sample.labels["iris"]
        iris = camera.project(centre + np.cos(angle) * gaze) - depth
        radius = float(self.head.eye_radius * np.sin(angle) * camera.scale)
        sample = replace(sample, position_map=self.appearance.brows.moved(sample.position_map, sample.labels["brow"]))
        places = np.rint(np.moveaxis(sample.position_map[..., :2], -1, 0))
        column, row = np.clip(places, 0, self.size - 1).astype(int)
        visible = drawn.sees(sample.position_map + depth) & free[row, column]
        return sample, CloseTruth(iris, radius, gaze / self.head.eye_radius, visible)

    def dress(
        self, rng: np.random.Generator, vertices: Array, camera: Camera, light: Light, labels: dict
    ) -> tuple[Surface, list[Part]]:
        """The surface of a head with vertices (n, 3), and what it wears; ``labels`` is added to."""
        surface, parts = super().dress(rng, vertices, camera, light, labels)
        face = slice(self.head.face_count)
        surface.albedo[face] *= self.folds.light(vertices[face], rng.uniform(*FOLD_STRENGTH))[:, None]
        least, whole = LIT_TEETH
        surface.albedo[self.head.teeth] *= np.interp(self.head.lips.gap(vertices), [0, whole], [least, 1])
        color = HAIR_COLORS[rng.integers(DARK_HAIR_COLORS)] * rng.uniform(0.2, 1.5)
        strengths = rng.uniform(0.5, 1) if rng.random() < 0.3 else rng.uniform(0.1, 0.8), rng.uniform(0, 0.6)
        lengths = {lid: rng.uniform(*LASH_LENGTH[lid]) for lid in LASH_LENGTH}
        lamps = self._lamps(rng, light, camera)
        close = []
        for lids, name in zip(self.head.lids, EYES, strict=True):
            part = self.head.kind[name]
            ball, upper, lower = vertices[part], vertices[lids.upper], vertices[lids.lower]
            centre = self.head.eye_centre(ball)
            surface.albedo[part] *= lid_shadow(rng, ball, upper, lower)[:, None]
            close += [glint(size, centre, self.head.eye_radius, *lamp) for *lamp, size in lamps]
            rims = zip(LASH_LENGTH, (upper, lower), strengths, strict=True)
            close.append(conjunctiva(rng, np.r_[upper, lower[::-1]], centre))
            close += [lashes(rng, lid, rim, centre, color, value, lengths[lid]) for lid, rim, value in rims]
        if rng.random() < 0.6:
            close.append(tongue(rng, vertices[self.head.rim]))
        if dark := [part for part in parts if part.cut < 0 and part.texture[..., 1].max() > DARK_LENS]:
            labels["dark glasses"] = 1.0
            if rng.random() < MIRROR_SHARE:
                mirror(rng, dark)
        return surface, close + parts  # glasses come last: they let see what is behind them

    def put_before(self, rng: np.random.Generator, picture: Array, drawn: Rendering) -> Array:
        """The picture (N, N, 3), seldom with fingers or an obstacle before the face."""
        out = super().put_before(rng, picture, drawn)
        self._last = drawn, (out == picture).all(2)
        return out

    def pose(self, rng: np.random.Generator) -> tuple[float, Array]:
        """Rotation of the picture in degrees, and the head's pose (3, 3); more of them near the front."""
        turn, pose = super().pose(rng)
        near = rotation_matrix(*rng.normal(NEAR_POSE[0], NEAR_POSE[1]))
        return (0.3 * turn, near) if rng.random() < NEAR_SHARE else (turn, pose)

    def photograph(self, rng: np.random.Generator, picture: Array) -> Image:
        """The photo of a picture: half of them by a good camera."""
        return (good_camera if rng.random() < GOOD_SHARE else simulate_camera)(rng, picture)

    def _lamps(self, rng: np.random.Generator, light: Light, camera: Camera) -> list[tuple]:
        """Directions of a lamp and of a window in the head's frame, that of the camera, colours and sizes in mm."""
        view, out = camera.rotation[2], []
        if rng.random() < 0.7:
            out.append(
                (light.lamp @ camera.rotation, view, light.color * rng.uniform(1, 8), rng.uniform(*GLINT_RADIUS))
            )
        if rng.random() < 0.5:
            window = rng.normal(0, 1, 3) + [0, 0.8, 1.5]
            window = window / np.linalg.norm(window) @ camera.rotation
            out.append((window, view, np.full(3, rng.uniform(0.3, 3)), rng.uniform(1, 3)))
        return out


def mirror(rng: np.random.Generator, lenses: list[Part]) -> None:
    """Let lenses reflect a sky above a ground, and lamps or windows, in place."""
    sky, ground = rng.uniform(0.1, 1.5, 3) * [0.8, 1, 1.2], rng.uniform(0, 0.4, 3)
    horizon, softness = rng.uniform(-8, 8), rng.uniform(1, 8)
    spots = rng.uniform([-20, -14], [20, 14], (rng.integers(0, 4), 2))
    for lens in lenses:
        ring, centre = np.split(lens.vertices, 2)  # of the lens, both with as many vertices
        lens.vertices = np.concatenate([ring + share * (centre - ring) for share in np.linspace(0, 1, LENS_RINGS)])
        lens.triangles = ring_triangles(LENS_RINGS, len(ring))
        x, y = (lens.vertices - lens.vertices.mean(0))[:, :2].T
        up = 1 / (1 + np.exp(-(y - horizon) / softness))[:, None]
        lens.colors = ground + up * (sky - ground)
        for spot in spots:  # at the same place in both, as what is far away is
            near = np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / rng.uniform(6, 60))
            lens.colors = lens.colors + near[:, None] * rng.uniform(0.2, 3)


def tongue(rng: np.random.Generator, lips: Array) -> Part:
    """A tongue behind lips with a rim (m, 3); seldom it shows between the teeth or hangs out of an open mouth."""
    columns, rows = 16, 9
    middle, opening = lips.mean(0), np.ptp(lips[:, 1])
    out = rng.uniform(0, 16) if opening > 10 and rng.random() < 0.2 else 0.0
    centre = middle + [0, -0.25 * opening - rng.uniform(0, 4), -TONGUE_RADII[2] - rng.uniform(5, 14) + out]
    polar, angle = np.meshgrid(np.linspace(0, np.pi, rows), np.arange(columns) * 2 * np.pi / columns, indexing="ij")
    ball = np.stack([np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar)], -1).reshape(-1, 3)
    points = ball * TONGUE_RADII * rng.uniform(0.85, 1.15, 3) + centre
    points[:, 1] -= 0.03 * out * np.clip(points[:, 2] - middle[2], 0, None)
    color = np.array([0.42, 0.14, 0.13]) * rng.uniform(0.5, 1.3) * np.exp(rng.normal(0, 0.1, (len(points), 1)))
    return Part(points.astype(np.float32), ring_triangles(rows, columns), color)
