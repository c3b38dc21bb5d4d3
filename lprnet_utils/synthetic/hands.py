"""Synthetic photos of right hands with exact position maps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays
from ..datasets.shards import Sample
from ..geometry.camera import Camera, rotation_matrix
from ..geometry.crop import crop_side
from ..geometry.mesh import vertex_normals
from ..geometry.rasterizer import interpolate, rasterize
from ..geometry.shading import GAMMA, Light
from ..morphable_model.posed import PosedModel
from ..uv.charts import load_layout
from .effects import background, obstacle, shadow, simulate_camera
from .hand_poses import sample_coefficients

BLOCK_SIZE = 32  # samples whose vertices are computed together
SUPERSAMPLING = 2
YAW, PITCH, PICTURE_ROTATION = (
    (26.0, 60.0),
    (22.0, 50.0),
    45.0,
)  # deviation and limit, limit of a uniform angle; degrees
SCALE, SHIFT = (0.85, 1.2), 0.08  # of the crop against an exact box
PALM_Z = 0.35  # of the normal in the rest pose, below which skin is fully that of the palm
CREASES = 40  # smooth patterns of the skin, of which each hand mixes some
FOLD_MM, FOLD_STRENGTH = 14.0, 0.055  # width of the neighbourhood that shades a fold, and how much per mm of depth


@dataclass(frozen=True)
class Skin:
    """What the colours of a hand are mixed from, for each vertex."""

    tones: Array  # (20, 3), linear, of the bundled skins
    palm: Array  # (V,), 0 on the back to 1
    nails: Array  # (V,)
    knuckles: Array  # (V,)
    patterns: Array  # (CREASES, V), of deviation 1
    beyond: Array  # (V,), mm along the forearm from the wrist

    @classmethod
    def of(cls, model: PosedModel) -> Skin:
        """The colours' ingredients for the bundled hand."""
        file, head = read_bundled_arrays("hand.npz"), read_bundled_arrays("head.npz")
        tones = (head["head_colors"].reshape(20, -1, 3).astype(float).mean(1) / 255) ** GAMMA
        normals = vertex_normals(model.mean, model.triangles)
        palm = np.clip((PALM_Z - normals[:, 2]) / (2 * PALM_Z), 0, 1)
        near = np.linalg.norm(model.mean[:, None] - model.joints[5:], axis=2)  # of the fingers' joints
        knuckles = np.exp(-((near.min(1) / 11.0) ** 2)) * (1 - palm)
        rng = np.random.default_rng(3)
        waves = rng.normal(0, 1, (CREASES, 3)) * np.exp(rng.uniform(np.log(0.02), np.log(0.35), CREASES))[:, None]
        patterns = np.sqrt(2) * np.sin(waves @ model.mean.T + rng.uniform(0, 2 * np.pi, (CREASES, 1)))
        beyond = model.joints[0, 1] - model.mean[:, 1]
        return cls(tones, palm, file["nails"] / 255.0, knuckles, patterns.astype(np.float32), beyond)

    def albedo(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Linear colours (V, 3) of a random person's hand."""
        tone = self.tones[int(rng.integers(len(self.tones)))] * np.exp(rng.normal(0, 0.18) + rng.normal(0, 0.05, 3))
        # palms have little pigment: dark skin is much lighter there, light skin a little redder
        palm = np.maximum(tone, 0.5 * tone + 0.5 * np.array([0.48, 0.27, 0.2])) * np.exp(rng.normal(0, 0.08, 3))
        nail = 0.5 * palm + 0.5 * np.array([0.62, 0.4, 0.36]) * np.exp(rng.normal(0, 0.2))
        if rng.random() < 0.12:
            nail = rng.random(3) ** 2  # varnished
        knuckle = tone * np.array([0.9, 0.72, 0.7]) * np.exp(rng.normal(0, 0.12))
        out = tone + self.palm[:, None] * (palm - tone)
        out = out + rng.uniform(0.2, 1) * self.knuckles[:, None] * (knuckle - out)
        out = out + self.nails[:, None] * (nail - out)
        mix = rng.normal(0, 0.035 * rng.uniform(0.3, 1.5), CREASES).astype(np.float32) @ self.patterns
        return np.clip(out * np.exp(mix)[:, None], 0.005, 1).astype(np.float32)


class SyntheticHands:
    """An unlimited source of synthetic photos of right hands: every sample is determined by the seed and its number.

    Parameters
    ----------
    seed : int
    size : int
        Side of images and maps.

    Attributes
    ----------
    model : PosedModel
    layout : MapLayout

    Examples
    --------
    >>> from lprnet_utils.synthetic import SyntheticHands
    >>> sample = SyntheticHands(seed=0).sample(3)
    >>> sample.image.shape, sample.position_map.shape
    ((128, 128, 3), (128, 128, 3))
    """

    def __init__(self, seed: int = 0, size: int = 128):
        self.seed, self.size = seed, size
        self.model, self.layout = PosedModel.load("hand"), load_layout("hand", size)
        self.skin = Skin.of(self.model)
        self._landmarks = self.layout.landmark_matrix @ self.layout.matrix
        self._cached_block: tuple = (None, None)

    def sample(self, number: int) -> Sample:
        """Sample ``number`` of this seed; its labels are ``pose``, ``side`` (back or palm) and ``yaw`` in degrees."""
        names, coefficients, hands = self._block(number // BLOCK_SIZE)
        k, rng = number % BLOCK_SIZE, np.random.default_rng([self.seed, number, 1])
        vertices = hands[k]
        rotation, labels = sample_view(rng)
        camera = sample_camera(rng, self._landmarks @ vertices, rotation, self.size)
        position_map = self.layout.vertices_to_map(camera.project(vertices))
        self.layout.centre_depth(position_map)
        picture = self._draw(rng, vertices, camera)
        if rng.random() < 0.15:
            picture = shadow(rng, picture)
        if rng.random() < 0.12:
            picture = obstacle(rng, picture)
        image = simulate_camera(rng, picture)
        return Sample(image, position_map, coefficients[k], camera, {"pose": names[k], **labels})

    def _block(self, number: int) -> tuple[list[str], Array, Array]:
        """Names of the poses, coefficients and vertices of a block of samples."""
        if self._cached_block[0] != number:
            rngs = (np.random.default_rng([self.seed, number * BLOCK_SIZE + k, 0]) for k in range(BLOCK_SIZE))
            names, rows = zip(*(sample_coefficients(rng, self.model) for rng in rngs), strict=True)
            self._cached_block = number, (list(names), np.array(rows), self.model.vertices(np.array(rows)))
        return self._cached_block[1]

    def _draw(self, rng: np.random.Generator, vertices: Array, camera: Camera) -> NDArray[np.float32]:
        """The picture (N, N, 3) in linear light of a hand before a background."""
        s, n, model = SUPERSAMPLING, self.size, self.model
        normals = vertex_normals(vertices, model.triangles)
        albedo = self.skin.albedo(rng)
        gloss = np.ones(len(vertices), np.float32)
        dressed = self._dress(rng, albedo, gloss)
        drawn = vertices + dressed[:, None] * normals
        light = Light.sample(rng)
        seen = (normals @ camera.rotation.T).astype(np.float32)
        irradiance, highlight = light.shade(seen, np.ones(len(vertices), np.float32), gloss)
        points = (camera.project(drawn) + [0.5, 0.5, 0]) * [s, s, 1] - [0.5, 0.5, 0]
        index, bary, depth = rasterize(points, model.triangles, s * n, s * n)
        image = interpolate((albedo * irradiance + highlight).astype(np.float32), model.triangles, index, bary)
        image *= _fold_shade(depth, camera.scale, s)[..., None]
        covered = cv2.resize((index >= 0).astype(np.float32), (n, n), interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (n, n), interpolation=cv2.INTER_AREA)
        behind = background(rng, n)
        if rng.random() < 0.3:  # other skin of the same person: a face, a leg, the other arm
            behind = _skin_behind(rng, behind, albedo[int(rng.integers(len(albedo)))])
        exposure = 1.0
        if index.max() >= 0:
            bright = image[covered > 0.9]
            exposure = rng.uniform(0.25, 0.6) / max(float(np.median(bright)), 0.02) if len(bright) else 1.0
        exposure = np.clip(exposure, 0.3, 3.5) ** rng.uniform(0.3, 1)
        return (image * np.float32(exposure) + (1 - covered[..., None]) * behind).astype(np.float32)

    def _dress(self, rng: np.random.Generator, albedo: Array, gloss: Array) -> NDArray[np.float32]:
        """Perhaps a sleeve or a band: changes colours and gloss in place, and returns mm to draw vertices outward."""
        out = np.zeros(len(albedo), np.float32)
        beyond, kind = self.skin.beyond, rng.random()
        if kind < 0.45:
            sleeve = beyond > rng.uniform(2, 70)
            color = rng.random(3) ** 2 * rng.uniform(0.2, 1) + 0.01
            out[sleeve] = rng.uniform(2, 9)
        elif kind < 0.55:
            start = rng.uniform(5, 30)
            sleeve = (beyond > start) & (beyond < start + rng.uniform(5, 25))
            color = rng.random(3) ** 2
            out[sleeve] = rng.uniform(1, 3)
        else:
            return out
        albedo[sleeve] = color * np.exp(0.25 * self.skin.patterns[int(rng.integers(CREASES))][sleeve, None])
        gloss[sleeve] = 0.1
        return out


def sample_view(rng: np.random.Generator) -> tuple[Array, dict[str, float | str]]:
    """Rotation (3, 3) of the hand to the camera, and the view: back or palm, up to 60 degrees to the sides."""
    side = "back" if rng.random() < 0.5 else "palm"
    yaw, pitch = (float(np.clip(rng.normal(0, sd), -limit, limit)) for sd, limit in (YAW, PITCH))
    view = rotation_matrix(pitch, yaw, 0) @ rotation_matrix(0, 0 if side == "back" else 180, 0)
    turned = rotation_matrix(0, 0, float(rng.uniform(-PICTURE_ROTATION, PICTURE_ROTATION))) @ view
    return turned, {"side": side, "yaw": yaw, "pitch": pitch}


def sample_camera(rng: np.random.Generator, landmarks: Array, rotation: Array, size: int) -> Camera:
    """Camera for which the picture is the network's crop, with the scale and shift of an inexact box."""
    flat = landmarks @ rotation.T * [1, -1, 1]
    low, high = flat.min(0), flat.max(0)
    scale = size / crop_side(np.r_[low[:2], high[:2]]) * np.exp(rng.uniform(*np.log(SCALE)))
    centre = (size - 1) / 2 + rng.uniform(-SHIFT, SHIFT, 2) * size
    return Camera(rotation, float(scale), np.r_[centre - scale * (low + high)[:2] / 2, 0.0])


def _fold_shade(depth: Array, scale: float, supersampling: int) -> NDArray[np.float32]:
    """Share (n, n) of the light that reaches each pixel of a z-buffer: less where its surroundings are nearer.

    z has the scale of the picture without supersampling. A rough stand-in for ambient occlusion, which would have to be
    computed anew for each pose.
    """
    seen = np.isfinite(depth)
    if not seen.any():
        return np.ones(depth.shape, np.float32)
    mm = np.where(seen, depth / scale, 0).astype(np.float32)
    width = (max(int(FOLD_MM * scale * supersampling) | 1, 3),) * 2
    weight = np.maximum(cv2.blur(seen.astype(np.float32), width), 1e-3)
    # how far the surroundings stick out before the pixel
    before = np.clip(cv2.blur(mm, width) / weight - mm, 0, 25)
    return 1 / (1 + FOLD_STRENGTH * before)


def _skin_behind(rng: np.random.Generator, picture: Array, color: Array) -> Array:
    """A blurred, shaded patch in the colour of skin over a picture (n, n, 3)."""
    n = picture.shape[0]
    mask = np.zeros((n, n), np.float32)
    axes = (rng.uniform(0.2, 0.8, 2) * n).astype(int).tolist()
    centre = rng.uniform(0, n, 2).astype(int).tolist()
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.8, 5))
    ramp = np.linspace(*rng.uniform(0.3, 1.6, 2), n, dtype=np.float32)
    shade = ramp[:, None, None] if rng.random() < 0.5 else ramp[None, :, None]
    return picture + mask[..., None] * (color * shade - picture)
