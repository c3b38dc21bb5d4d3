"""Real places as light and background: small panoramas with the whole range of brightness (HDRI)."""

from functools import lru_cache
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..common.arrays import Array
from ..common.assets import read_bundled_arrays
from ..geometry.camera import rotation_matrix
from ..geometry.shading import sh_basis

LIGHT_SIZE = (64, 32)  # of the panorama that the light is computed from
MAX_RADIANCE = 30.0  # brighter spots, such as the sun, are cut: three bands of harmonics cannot hold them
HALF_VIEW_DEGREES = (12.0, 38.0)  # range of half the camera's angle of view
MEDIAN_BRIGHTNESS = (0.15, 0.7)  # range of a background's median


@lru_cache(maxsize=1)
def panoramas() -> NDArray[np.float32]:
    """The bundled panoramas (m, h, w, 3) in linear light: u around from behind the camera, v down from the zenith."""
    file = read_bundled_arrays("surroundings.npz")
    return np.expm1(file["code"].astype(np.float32) * file["step"])


@lru_cache(maxsize=1)
def _light_panoramas() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Panoramas (m, p, 3) at the size for light, with the directions (p, 3) and solid angles (p, 1) of their pixels."""
    width, height = LIGHT_SIZE
    small = [cv2.resize(panorama, LIGHT_SIZE, interpolation=cv2.INTER_AREA) for panorama in panoramas()]
    polar = (np.arange(height) + 0.5)[:, None] / height * np.pi
    around = (np.arange(width) + 0.5)[None] / width * 2 * np.pi
    polar, around = np.broadcast_arrays(polar, around)
    directions = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], -1)
    angle = np.sin(polar) * (np.pi / height) * (2 * np.pi / width)
    radiance = np.clip(np.stack(small).reshape(len(small), -1, 3), 0, MAX_RADIANCE)
    return radiance, directions.reshape(-1, 3).astype(np.float32), angle.reshape(-1, 1).astype(np.float32)


class Surroundings:
    """A place around a person: a panorama, and the rotation (3, 3) from its axes to those of the camera."""

    def __init__(self, number: int, rotation: Array):
        self.number, self.rotation = number, rotation

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """A random place, seen in a random direction near the horizon."""
        number = int(rng.integers(len(panoramas())))
        turn = rotation_matrix(0, float(rng.uniform(0, 360)), 0)
        return cls(number, rotation_matrix(rng.normal(0, 8), 0, rng.normal(0, 5)) @ turn)

    def harmonics(self) -> NDArray[np.float32]:
        """The light of the place as spherical harmonics (9, 3), see :class:`lprnet_utils.geometry.shading.Light`."""
        radiance, directions, angle = _light_panoramas()
        return (sh_basis(directions @ self.rotation.T) * angle).T @ radiance[self.number]

    def background(self, rng: np.random.Generator, n: int) -> NDArray[np.float32]:
        """What a camera sees of the place (n, n, 3), in linear light, in focus or not."""
        panorama = panoramas()[self.number]
        height, width = panorama.shape[:2]
        half, middle = np.tan(np.deg2rad(rng.uniform(*HALF_VIEW_DEGREES))), (n - 1) / 2
        x, y = np.meshgrid((np.arange(n) - middle) / middle * half, (middle - np.arange(n)) / middle * half)
        view = np.stack([x + rng.normal(0, 0.3), y + rng.normal(0, 0.15), -np.ones_like(x)], -1)
        world = (view / np.linalg.norm(view, axis=-1, keepdims=True)).reshape(-1, 3) @ self.rotation
        u = np.arctan2(world[:, 0], world[:, 2]) % (2 * np.pi) / (2 * np.pi) * width - 0.5
        v = np.clip(np.arccos(np.clip(world[:, 1], -1, 1)) / np.pi * height - 0.5, 0, height - 1)
        places = (w.reshape(n, n).astype(np.float32) for w in (u, v))
        out = cv2.remap(panorama, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        out = np.clip(out * rng.uniform(*MEDIAN_BRIGHTNESS) / max(float(np.median(out)), 1e-3), 0, 1.2)
        if rng.random() < 0.5:
            side = (int(rng.integers(2, 11)),) * 2
            out = cv2.blur(cv2.blur(out, side), side)
        return out.astype(np.float32)
